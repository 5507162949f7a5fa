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
        assert_eq!(nearest("ls-cli-0011"), Some("LS-CLI-001"));
        assert_eq!(nearest("banana"), None);
    }

    #[test]
    fn every_page_says_its_code_first_and_what_to_do() {
        for (code, text) in PAGES {
            assert!(text.starts_with(&format!("# {code}: ")), "{code}");
            assert!(text.contains("\n## What to do\n"), "{code}");
        }
    }
}
