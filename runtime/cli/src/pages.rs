//! What each error code means, embedded from docs/errors.

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code, as written.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, text)| *text)
}

/// Every code and the first sentence of its page.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.iter().map(|(code, text)| {
        let title = text.lines().next().unwrap_or_default().trim_start_matches('#').trim();
        (*code, title.split_once(": ").map_or(title, |(_, rest)| rest))
    })
}

/// The known code nearest to a mistyped one.
pub fn nearest(code: &str) -> Option<&'static str> {
    let code = code.to_ascii_uppercase();
    PAGES
        .iter()
        .map(|(known, _)| (distance(known, &code), *known))
        .min()
        .filter(|(distance, _)| *distance <= code.len() / 3)
        .map(|(_, known)| known)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let change = row.get(j).copied().unwrap_or(0) + usize::from(x != *y);
            let drop = row.get(j + 1).copied().unwrap_or(0) + 1;
            let add = next.last().copied().unwrap_or(0) + 1;
            next.push(change.min(drop).min(add));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_code_is_recognised() {
        assert_eq!(nearest("ls-cli-0001"), Some("LS-CLI-001"));
        assert_eq!(nearest("banana"), None);
    }

    #[test]
    fn every_page_says_its_code_first_and_what_to_do() {
        for (code, text) in PAGES {
            assert!(text.starts_with(&format!("# {code}: ")), "{code}");
            assert!(text.contains("\n## What to do\n"), "{code}");
        }
    }

    #[test]
    fn every_code_in_the_sources_has_a_page_and_every_page_a_code_in_the_sources() {
        let runtime = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut used = std::collections::BTreeSet::new();
        collect(&runtime, &mut used);
        collect(&runtime.join("../plugins"), &mut used);
        let known: std::collections::BTreeSet<String> = PAGES.iter().map(|(code, _)| (*code).to_owned()).collect();
        // Connectors say a remedy with every error; a page more is theirs to write.
        let is_own = |code: &&String| code.ends_with(|c: char| c.is_ascii_digit());
        let without: Vec<_> = used.difference(&known).filter(is_own).collect();
        assert!(without.is_empty(), "codes without a page in docs/errors: {without:?}");
        let unused: Vec<_> = known.difference(&used).collect();
        assert!(unused.is_empty(), "pages for codes nothing uses: {unused:?}");
    }

    /// Codes in any Rust source below a folder.
    fn collect(folder: &std::path::Path, codes: &mut std::collections::BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name == "target") {
                    continue;
                }
                collect(&path, codes);
            } else if path.extension().is_some_and(|found| found == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                let ends = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
                for (at, _) in text.match_indices("LS-") {
                    let rest = text.get(at..).unwrap_or_default();
                    let code = rest.split(ends).next().unwrap_or_default();
                    if is_code(code) {
                        codes.insert(code.to_owned());
                    }
                }
            }
        }
    }

    /// `LS-`, capitals and perhaps a dash, then three digits; or words in capitals for a connector's own.
    fn is_code(text: &str) -> bool {
        let words: Vec<&str> = text.split('-').collect();
        let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase());
        if words.len() >= 3 && words.iter().all(is_word) {
            return true;
        }
        let (family, number) = text.split_at(text.len().saturating_sub(3));
        let family = family.trim_start_matches("LS-").trim_end_matches('-');
        number.len() == 3
            && number.bytes().all(|b| b.is_ascii_digit())
            && !family.is_empty()
            && family.bytes().all(|b| b.is_ascii_uppercase())
    }
}
