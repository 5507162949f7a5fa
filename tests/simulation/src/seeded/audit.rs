//! What a system that cannot make writes conditional does instead: it looks at a
//! row's history before it writes, and says afterwards what it overwrote; also
//! what an earlier write had overwritten whose answer was lost.

use lockstep_core::{
    value::{Timestamp, Value},
    write::Overwritten,
};

use super::table::{COLUMNS, Who};

/// One value that a column had, and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub value: Value,
    pub who: Who,
    pub at_us: i64,
}

/// A foreign value that lies this long under an entry of ours, at most, may have been
/// displaced by it where what was expected is not to be seen.
const GAP_US: i64 = 60_000_000;

/// How a column stands against what a write expects.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    AsExpected,
    /// It holds what we wrote already.
    Ours(Option<Entry>),
    /// Somebody else's value; and what a write of ours displaced before that.
    Foreign(Option<Entry>),
}

/// `entries`: the newest last.
pub fn standing(entries: &[Entry], held: &Value, expected: &Value, wanted: Option<&Value>) -> Standing {
    if held == expected {
        return Standing::AsExpected;
    }
    let above: Vec<&Entry> = entries.iter().rev().take_while(|entry| entry.value != *expected).collect();
    let based = above.len() < entries.len();
    let is_ours = |entry: &Entry| entry.who == Who::Runtime;
    let newest_ours = above.iter().position(|entry| is_ours(entry));
    let displaced = newest_ours.and_then(|at| {
        let mine = above[at];
        let under = above.iter().skip(at + 1).find(|entry| !is_ours(entry))?;
        let told = Some(&under.value) != wanted && (based || mine.at_us - under.at_us <= GAP_US);
        told.then(|| (*under).clone())
    });
    match newest_ours == Some(0) || wanted == Some(held) {
        true => Standing::Ours(displaced),
        false => Standing::Foreign(displaced),
    }
}

/// As an outcome tells it.
pub fn overwritten(column: usize, value: &Value, at_us: i64) -> Overwritten {
    let column = COLUMNS.get(column).copied().unwrap_or("?").to_owned();
    Overwritten { column, value: value.clone(), by: "person".to_owned(), at: Some(Timestamp(at_us)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lost_write_had_overwritten_is_found_under_it() {
        let entry = |text: &str, who, at_us| Entry { value: Value::text(text), who, at_us };
        let [x, f, y, g] = [
            entry("X", Who::Person, 1),
            entry("F", Who::Person, 2),
            entry("Y", Who::Runtime, 3),
            entry("G", Who::Person, 4),
        ];
        let judged = |entries: &[Entry]| {
            let held = entries.last().map(|entry| entry.value.clone()).unwrap_or(Value::Null);
            standing(entries, &held, &Value::text("X"), Some(&Value::text("Y")))
        };
        assert_eq!(judged(std::slice::from_ref(&x)), Standing::AsExpected);
        assert_eq!(judged(&[x.clone(), f.clone()]), Standing::Foreign(None));
        assert_eq!(judged(&[x.clone(), y.clone()]), Standing::Ours(None));
        assert_eq!(judged(&[x.clone(), f.clone(), y.clone()]), Standing::Ours(Some(f.clone())));
        assert_eq!(judged(&[x, f.clone(), y, g]), Standing::Foreign(Some(f)));
    }
}
