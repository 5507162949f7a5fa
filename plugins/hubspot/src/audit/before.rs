//! Before a write: how a property stands against what the write expects.
//!
//! A property that does not hold what is expected was edited by somebody, or
//! by an earlier write of ours whose answer was lost. In the second case the
//! write must not be answered with a conflict that shows our own value: it
//! would be taken for agreement, and a foreign value that our write displaced
//! would never be heard of.

use super::entry::{Entry, Ours};

/// A foreign value that lies this long under an entry of ours, at most, may
/// have been displaced by it: longer than a look and the write after it take.
const GAP_US: i64 = 60_000_000;

/// How a property stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds what is expected.
    AsExpected,
    /// It holds what we wrote already; the foreign value that displaced.
    Ours { displaced: Option<Entry> },
    /// Somebody else's value; the foreign value that a write of ours displaced
    /// before that, if one did.
    Foreign { displaced: Option<Entry> },
}

/// Judge a property by its history, the newest entry first. `is_expected` and
/// `is_wanted` compare an entry's value with the write's.
pub fn standing(
    entries: &[Entry],
    holds_expected: bool,
    holds_wanted: bool,
    ours: &Ours,
    is_expected: &dyn Fn(&Entry) -> bool,
    is_wanted: &dyn Fn(&Entry) -> bool,
) -> Standing {
    if holds_expected {
        return Standing::AsExpected;
    }
    let above: Vec<&Entry> = entries.iter().take_while(|entry| !is_expected(entry)).collect();
    let based = above.len() < entries.len();
    let is_ours = |entry: &Entry| ours.made(entry, is_wanted(entry));
    let newest_ours = above.iter().position(|entry| is_ours(entry));
    // Without what we expect in sight, how far down our own doing reaches is not known:
    // what lies close under our entry may have been displaced by it.
    let displaced = newest_ours.and_then(|at| {
        let mine = above.get(at)?;
        above
            .iter()
            .skip(at + 1)
            .find(|entry| !is_ours(entry))
            .filter(|entry| !is_wanted(entry))
            .filter(|entry| based || mine.at_us() - entry.at_us() <= GAP_US)
            .map(|entry| (*entry).clone())
    });
    if newest_ours == Some(0) || holds_wanted { Standing::Ours { displaced } } else { Standing::Foreign { displaced } }
}

/// Whether a property's newest entry is ours and lies closely over a foreign
/// one: should the answer to that write have been lost, the foreign value was
/// never reported, and showing ours now would hide it.
pub fn is_unsettled(entries: &[Entry], ours: &Ours) -> bool {
    let is_ours = |entry: &Entry| ours.made(entry, true);
    let Some(newest) = entries.first().filter(|entry| is_ours(entry)) else {
        return false;
    };
    let mine = entries.iter().take_while(|entry| is_ours(entry)).last().unwrap_or(newest);
    let below = entries.iter().find(|entry| !is_ours(entry));
    below.is_some_and(|entry| mine.at_us() - entry.at_us() <= GAP_US)
}

#[cfg(test)]
mod tests {
    use super::super::entry::samples::entry;
    use super::*;

    fn judged(entries: &[Entry], expected: &str, wanted: &str) -> Standing {
        let ours = Ours { app_id: Some("77".into()) };
        let holds = |entry: &Entry, text: &str| entry.value.as_deref() == Some(text);
        let now = |text: &str| entries.first().is_some_and(|entry| holds(entry, text));
        standing(entries, now(expected), now(wanted), &ours, &|entry| holds(entry, expected), &|entry| {
            holds(entry, wanted)
        })
    }

    #[test]
    fn a_property_stands_as_its_history_says() {
        let foreign = entry("F", 3, "ann");
        let base = entry("X", 1, "bob");
        let mine = entry("Y", 4, "app");
        let table: [(&str, Vec<Entry>, Standing); 7] = [
            ("untouched", vec![base.clone()], Standing::AsExpected),
            ("an edit", vec![foreign.clone(), base.clone()], Standing::Foreign { displaced: None }),
            ("our lost write", vec![mine.clone(), base.clone()], Standing::Ours { displaced: None }),
            (
                "our lost write over an edit",
                vec![mine.clone(), foreign.clone(), base.clone()],
                Standing::Ours { displaced: Some(foreign.clone()) },
            ),
            (
                "an edit after our lost write over an edit",
                vec![entry("G", 5, "eve"), mine.clone(), foreign.clone(), base.clone()],
                Standing::Foreign { displaced: Some(foreign.clone()) },
            ),
            ("the same edit", vec![entry("Y", 3, "ann"), base.clone()], Standing::Ours { displaced: None }),
            (
                "two lost writes over an edit",
                vec![entry("Y", 6, "app"), entry("W", 5, "app"), foreign.clone(), base],
                Standing::Ours { displaced: Some(foreign) },
            ),
        ];
        for (name, entries, result) in table {
            assert_eq!(judged(&entries, "X", "Y"), result, "{name}");
        }
    }

    #[test]
    fn the_value_last_reported_counts_as_expected_the_next_time() {
        let entries = [entry("Y", 4, "app"), entry("F", 3, "ann"), entry("X", 1, "bob")];
        assert_eq!(judged(&entries, "F", "Z"), Standing::Ours { displaced: None });
    }

    #[test]
    fn only_a_close_foreign_value_under_ours_is_unsettled() {
        let ours = Ours { app_id: Some("77".into()) };
        assert!(is_unsettled(&[entry("Y", 4, "app"), entry("F", 3, "ann")], &ours));
        assert!(!is_unsettled(&[entry("Y", 4, "app")], &ours));
        assert!(!is_unsettled(&[entry("F", 3, "ann"), entry("Y", 2, "app")], &ours));
        let old = Entry { timestamp: "2026-11-27T07:00:00.000Z".into(), ..entry("F", 0, "ann") };
        assert!(!is_unsettled(&[entry("Y", 4, "app"), old], &ours));
    }
}
