//! After a write: which entry is the write's, and what it displaced that
//! nobody had seen when the write was decided.

use super::entry::{Entry, Ours};

/// What became of one written property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// Our entry, where one was made; HubSpot makes none for a value that was
    /// there already.
    pub ours: Option<Entry>,
    /// The newest foreign value that lay under it and was not there before.
    pub displaced: Option<Entry>,
}

/// Compare a property's history before and after our write, the newest entry
/// first in both. `is_stored` tells the value that the write's answer showed,
/// `is_wanted` what was sent. `None`: our write is not to be seen.
pub fn landed(
    before: &[Entry],
    after: &[Entry],
    holds_stored: bool,
    ours: &Ours,
    is_stored: &dyn Fn(&Entry) -> bool,
) -> Option<Landed> {
    let new: Vec<&Entry> = after.iter().filter(|entry| !before.contains(entry)).collect();
    let mine = new.iter().position(|entry| is_stored(entry) && ours.made(entry, true));
    // Somebody may have written the very same: then there may be no entry of ours.
    let mine = mine.or_else(|| new.iter().position(|entry| is_stored(entry)));
    let Some(at) = mine else {
        return (new.is_empty() && holds_stored).then_some(Landed { ours: None, displaced: None });
    };
    let displaced = new.iter().skip(at + 1).find(|entry| !is_stored(entry)).map(|entry| (*entry).clone());
    Some(Landed { ours: new.get(at).map(|entry| (*entry).clone()), displaced })
}

#[cfg(test)]
mod tests {
    use super::super::entry::samples::entry;
    use super::*;

    fn after(before: &[Entry], now: &[Entry], stored: &str) -> Option<Landed> {
        let ours = Ours { app_id: Some("77".into()) };
        let holds = |entry: &Entry| entry.value.as_deref() == Some(stored);
        landed(before, now, now.first().is_some_and(holds), &ours, &holds)
    }

    #[test]
    fn what_our_write_displaced_is_found() {
        let base = entry("X", 1, "bob");
        let foreign = entry("F", 3, "ann");
        let mine = entry("Y", 4, "app");
        let before = [base.clone()];
        let plain = after(&before, &[mine.clone(), base.clone()], "Y").expect("landed");
        assert_eq!(plain, Landed { ours: Some(mine.clone()), displaced: None });
        let over = after(&before, &[mine.clone(), foreign.clone(), base.clone()], "Y").expect("landed");
        assert_eq!(over.displaced, Some(foreign.clone()));
        let later = after(&before, &[entry("G", 5, "eve"), mine.clone(), foreign.clone(), base.clone()], "Y");
        assert_eq!(later, Some(Landed { ours: Some(mine), displaced: Some(foreign) }));
    }

    #[test]
    fn of_two_foreign_values_the_newer_had_seen_the_older() {
        let before = [entry("X", 1, "bob")];
        let now = [entry("Y", 5, "app"), entry("G", 4, "eve"), entry("F", 3, "ann"), entry("X", 1, "bob")];
        assert_eq!(after(&before, &now, "Y").and_then(|landed| landed.displaced), Some(entry("G", 4, "eve")));
    }

    #[test]
    fn a_value_that_was_there_already_leaves_no_entry() {
        let before = [entry("Y", 1, "bob")];
        assert_eq!(after(&before, &before, "Y"), Some(Landed { ours: None, displaced: None }));
    }

    #[test]
    fn a_write_that_is_not_to_be_seen_is_no_success() {
        let before = [entry("X", 1, "bob")];
        assert_eq!(after(&before, &before, "Y"), None);
        assert_eq!(after(&before, &[entry("F", 3, "ann"), entry("X", 1, "bob")], "Y"), None);
    }
}
