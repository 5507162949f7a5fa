//! Column names and labels as words: split where cases, digits and signs part
//! them, names written together taken apart by the words that are known, then
//! gathered into concepts. Knows spelling, not columns.

use rustc_hash::FxHashSet;

use super::vocabulary::{WORDING_WORDS_MAX, is_implied, vocabulary};

/// Longer names are compared by their beginning.
const NAME_BYTES_MAX: usize = 128;
/// Shorter words are not looked for inside a name that is written together.
const PART_BYTES_MIN: usize = 2;

/// Splits a name: `MailingPostalCode`, `mailing_postal_code`, `Mailing Postal Code`.
pub(super) fn split(name: &str) -> Vec<String> {
    let name = name.strip_suffix("__c").or_else(|| name.strip_suffix("__pc")).unwrap_or(name);
    let chars: Vec<char> = name.chars().take(NAME_BYTES_MAX).collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        let begins = match before {
            _ if !c.is_alphanumeric() => true,
            Some(before) if before.is_numeric() != c.is_numeric() => true,
            Some(before) if c.is_uppercase() && before.is_lowercase() => true,
            Some(before) if c.is_uppercase() && before.is_uppercase() => {
                after.is_some_and(|after| after.is_lowercase())
            }
            _ => false,
        };
        if begins && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Words seen in names and labels of the schemas at hand, beside the known ones.
#[derive(Default)]
pub(super) struct Seen(FxHashSet<String>);

impl Seen {
    pub(super) fn add(&mut self, name: &str) {
        let words = split(name);
        if words.len() > 1 {
            self.0.extend(words.into_iter().filter(|word| word.len() > PART_BYTES_MIN));
        }
    }

    fn knows(&self, word: &str) -> bool {
        (word.len() > PART_BYTES_MIN && (vocabulary().is_word(word) || self.0.contains(word)))
            || matches!(word, "id" | "of" | "no" | "to" | "by" | "is" | "hs" | "at" | "on")
    }

    /// `numberofemployees` as `number of employees`, in as few words as possible.
    fn part(&self, word: &str) -> Vec<String> {
        if word.len() < 6 || !word.is_ascii() || vocabulary().concept(word).is_some() {
            return vec![word.to_owned()];
        }
        // best[end]: fewest words that make up word[..end], and where the last begins.
        let mut best: Vec<Option<(usize, usize)>> = vec![None; word.len() + 1];
        if let Some(start) = best.first_mut() {
            *start = Some((0, 0));
        }
        for end in PART_BYTES_MIN..=word.len() {
            for start in 0..=end - PART_BYTES_MIN {
                let Some(Some((count, _))) = best.get(start).copied() else { continue };
                let whole = start == 0 && end == word.len();
                let fewer = best.get(end).copied().flatten().is_none_or(|(known, _)| count + 1 < known);
                if fewer
                    && !whole
                    && word.get(start..end).is_some_and(|part| self.knows(part))
                    && let Some(place) = best.get_mut(end)
                {
                    *place = Some((count + 1, start));
                }
            }
        }
        let mut parts = Vec::new();
        let mut end = word.len();
        while end > 0 {
            let Some((_, start)) = best.get(end).copied().flatten() else { return vec![word.to_owned()] };
            parts.extend(word.get(start..end).map(str::to_owned));
            end = start;
        }
        parts.reverse();
        if parts.is_empty() { vec![word.to_owned()] } else { parts }
    }

    /// A name's words, those that are written together taken apart.
    pub(super) fn words(&self, name: &str) -> Vec<String> {
        let mut words: Vec<String> = split(name).iter().flat_map(|word| self.part(word)).collect();
        // Nested names repeat themselves: `addressAddressCity`.
        words.dedup();
        words
    }

    /// A name's concepts. Words that stand for nothing known are their own.
    pub(super) fn concepts(&self, name: &str) -> Vec<String> {
        let words = self.words(name);
        let mut concepts: Vec<String> = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let longest = (1..=WORDING_WORDS_MAX.min(words.len() - at)).rev().find_map(|count| {
                let wording = words.get(at..at + count)?.join(" ");
                let concept = vocabulary().concept(&wording).or_else(|| vocabulary().concept(&singular(&wording)?))?;
                Some((count, concept.to_owned()))
            });
            let (count, concept) =
                longest.unwrap_or_else(|| (1, words.get(at).cloned().map(plain).unwrap_or_default()));
            if !concepts.contains(&concept) {
                concepts.push(concept);
            }
            at += count;
        }
        if concepts.iter().any(|concept| is_implied(concept, &concepts)) {
            let all = concepts.clone();
            concepts.retain(|concept| !is_implied(concept, &all));
        }
        concepts
    }
}

/// The wording without its plural ending, where it has one.
fn singular(wording: &str) -> Option<String> {
    if let Some(rest) = wording.strip_suffix("ies").filter(|rest| rest.len() > 2) {
        return Some(format!("{rest}y"));
    }
    wording.strip_suffix('s').filter(|rest| rest.len() > 2 && !rest.ends_with(['s', 'u', 'i'])).map(str::to_owned)
}

fn plain(word: String) -> String {
    singular(&word).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_where_cases_digits_and_signs_part_them() {
        for (name, words) in [
            ("MailingPostalCode", vec!["mailing", "postal", "code"]),
            ("hs_lead_status", vec!["hs", "lead", "status"]),
            ("Loyalty_Tier__c", vec!["loyalty", "tier"]),
            ("HTTPStatus", vec!["http", "status"]),
            ("address1", vec!["address", "1"]),
            ("E-Mail (work)", vec!["e", "mail", "work"]),
        ] {
            assert_eq!(split(name), words, "{name}");
        }
    }

    #[test]
    fn names_written_together_come_apart_by_known_words() {
        let mut seen = Seen::default();
        seen.add("Contract Length");
        for (name, concepts) in [
            ("firstname", vec!["given name"]),
            ("numberofemployees", vec!["employees"]),
            ("contractlength", vec!["contract", "length"]),
            ("mobilephone", vec!["mobile"]),
            ("lastmodifieddate", vec!["modified"]),
            ("xyzzyplugh", vec!["xyzzyplugh"]),
        ] {
            assert_eq!(seen.concepts(name), concepts, "{name}");
        }
    }

    #[test]
    fn wordings_of_the_same_thing_become_the_same_concept() {
        let seen = Seen::default();
        for (a, b) in [
            ("FirstName", "given_name"),
            ("ZIP", "MailingPostalCode"),
            ("dob", "Birthdate"),
            ("created_at", "CreatedDate"),
            ("annual_revenue", "AnnualRevenue"),
        ] {
            let last = |name: &str| seen.concepts(name).last().cloned();
            assert_eq!(last(a), last(b), "{a} {b}");
        }
    }
}
