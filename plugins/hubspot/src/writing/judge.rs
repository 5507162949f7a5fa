//! What an intent may do to a record as it was just read.

use lockstep_sdk::model::{Cell, Intent};

use super::shape::Shape;
use crate::audit::{Entry, Ours, Standing, standing};
use crate::response::Record;
use crate::schema::KEY;
use crate::value::{encode, same};

/// A property to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Position in the request's columns.
    pub column: usize,
    /// What is sent; empty clears.
    pub text: String,
}

/// A foreign value that a write of ours displaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Position in the request's columns.
    pub column: usize,
    pub entry: Entry,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Somebody's newer value is there: nothing is written, and these columns
    /// show what was displaced instead of what they hold, so that it is merged
    /// before the newer value is.
    Conflict { instead: Vec<Shown> },
    /// Nothing newer is there. `changes` may be empty. `displaced`: what an
    /// earlier write of ours, whose answer was lost, has overwritten.
    Write { changes: Vec<Change>, displaced: Vec<Shown> },
    /// A value that no property of this kind can hold.
    Unfit { column: usize, why: &'static str },
}

/// An update.
pub fn judge(intent: &Intent, columns: &Shape, record: &Record, ours: &Ours) -> Judged {
    let mut changes = Vec::new();
    let mut standings = Vec::new();
    for (at, column) in columns.0.iter().enumerate() {
        let current = column.cell(record);
        let wanted = intent.cells.get(at).filter(|cell| !cell.is_absent() && column.name != KEY);
        let expected = intent.expected.get(at).filter(|cell| !cell.is_absent());
        let mut sent = None;
        if let Some(wanted) = wanted {
            match encode(column.kind, wanted) {
                Ok(text) => sent = Some(text),
                Err(why) => return Judged::Unfit { column: at, why },
            }
        }
        let holds_wanted = wanted.is_some_and(|wanted| same(column.kind, wanted, &current));
        if let Some(text) = sent.filter(|_| !holds_wanted) {
            changes.push(Change { column: at, text });
        }
        if let Some(expected) = expected {
            standings.push((at, stand(columns, at, record, ours, expected, wanted)));
        }
    }
    sum_up(changes, standings)
}

/// A delete: everything told is still as expected.
pub fn judge_delete(intent: &Intent, columns: &Shape, record: &Record, ours: &Ours) -> Judged {
    let told = intent.expected.iter().enumerate().filter(|(_, cell)| !cell.is_absent());
    let standings = told.filter(|(at, _)| columns.0.get(*at).is_some());
    let standings = standings.map(|(at, expected)| (at, stand(columns, at, record, ours, expected, None))).collect();
    match sum_up(Vec::new(), standings) {
        // A delete displaces nothing by itself: what an earlier write displaced is merged first.
        Judged::Write { displaced, .. } if !displaced.is_empty() => Judged::Conflict { instead: displaced },
        judged => judged,
    }
}

fn stand(columns: &Shape, at: usize, record: &Record, ours: &Ours, expected: &Cell, wanted: Option<&Cell>) -> Standing {
    let Some(column) = columns.0.get(at) else {
        return Standing::AsExpected;
    };
    let current = column.cell(record);
    let is = |cell: &Cell, entry: &Entry| same(column.kind, cell, &column.entry_cell(entry));
    standing(
        record.history(&column.name),
        same(column.kind, expected, &current),
        wanted.is_some_and(|wanted| same(column.kind, wanted, &current)),
        ours,
        &|entry| is(expected, entry),
        &|entry| wanted.is_some_and(|wanted| is(wanted, entry)),
    )
}

fn sum_up(changes: Vec<Change>, standings: Vec<(usize, Standing)>) -> Judged {
    let foreign = standings.iter().any(|(_, standing)| matches!(standing, Standing::Foreign { .. }));
    let displaced = standings.into_iter().filter_map(|(column, standing)| match standing {
        Standing::AsExpected => None,
        Standing::Ours { displaced } | Standing::Foreign { displaced } => {
            displaced.map(|entry| Shown { column, entry })
        }
    });
    let displaced: Vec<Shown> = displaced.collect();
    match foreign {
        true => Judged::Conflict { instead: displaced },
        false => Judged::Write { changes, displaced },
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::Named;
    use super::*;
    use crate::value::Kind;

    fn text(value: &str) -> Cell {
        Cell::Text(value.into())
    }

    fn shape() -> Shape {
        let named = |name: &str, kind| Named { name: name.into(), kind };
        Shape(vec![named("name", Kind::Text), named("revenue", Kind::Number)])
    }

    fn ours() -> Ours {
        Ours { app_id: Some("77".into()) }
    }

    /// `name` with a history, newest first, of value, second and source; `revenue` is 5.
    fn record(entries: &[(&str, u32, &str)]) -> Record {
        let history: Vec<serde_json::Value> = entries
            .iter()
            .map(|(value, second, source)| {
                let (kind, id) = if *source == "app" { ("INTEGRATION", "77") } else { ("CRM_UI", *source) };
                serde_json::json!({"value": value, "timestamp": format!("2026-11-27T08:00:{second:02}Z"),
                    "sourceType": kind, "sourceId": id})
            })
            .collect();
        let name = entries.first().map(|entry| entry.0);
        let json = serde_json::json!({"id": "7", "properties": {"name": name, "revenue": "5"},
            "propertiesWithHistory": {"name": history}});
        serde_json::from_value(json).expect("a record")
    }

    fn update(name: (Cell, Cell), revenue: (Cell, Cell)) -> Intent {
        Intent {
            action: "update".into(),
            key: vec![text("7")],
            cells: vec![name.1, revenue.1],
            expected: vec![name.0, revenue.0],
        }
    }

    #[test]
    fn only_what_differs_is_written() {
        let five = Cell::Decimal("5.0".into());
        let intent = update((text("X"), text("Y")), (five.clone(), five));
        let judged = judge(&intent, &shape(), &record(&[("X", 1, "bob")]), &ours());
        let changes = vec![Change { column: 0, text: "Y".into() }];
        assert_eq!(judged, Judged::Write { changes, displaced: Vec::new() });
    }

    #[test]
    fn somebody_elses_value_is_a_conflict_and_nothing_is_written() {
        let intent = update((text("X"), text("Y")), (Cell::Absent, Cell::Absent));
        let judged = judge(&intent, &shape(), &record(&[("F", 2, "ann"), ("X", 1, "bob")]), &ours());
        assert_eq!(judged, Judged::Conflict { instead: Vec::new() });
    }

    #[test]
    fn a_lost_answers_write_is_done_and_what_it_displaced_is_told() {
        let intent = update((text("X"), text("Y")), (Cell::Absent, Cell::Absent));
        let judged = judge(&intent, &shape(), &record(&[("Y", 3, "app"), ("F", 2, "ann"), ("X", 1, "bob")]), &ours());
        let Judged::Write { changes, displaced } = judged else { panic!("{judged:?}") };
        assert!(changes.is_empty());
        assert_eq!(displaced.first().and_then(|shown| shown.entry.value.as_deref()), Some("F"));
    }

    #[test]
    fn the_agreed_value_may_have_moved_on_since_a_lost_answer() {
        let intent = update((text("X"), text("Z")), (Cell::Absent, Cell::Absent));
        let judged = judge(&intent, &shape(), &record(&[("Y", 3, "app"), ("F", 2, "ann"), ("X", 1, "bob")]), &ours());
        let Judged::Write { changes, displaced } = judged else { panic!("{judged:?}") };
        assert_eq!((changes.len(), displaced.len()), (1, 1));
    }

    #[test]
    fn clearing_sends_the_empty_text_and_what_cannot_be_held_is_refused() {
        let intent = update((text("X"), Cell::Null), (Cell::Absent, Cell::Absent));
        let judged = judge(&intent, &shape(), &record(&[("X", 1, "bob")]), &ours());
        let changes = vec![Change { column: 0, text: String::new() }];
        assert_eq!(judged, Judged::Write { changes, displaced: Vec::new() });
        let intent = update((text("X"), Cell::Bytes(vec![1])), (Cell::Absent, Cell::Absent));
        assert!(matches!(judge(&intent, &shape(), &record(&[]), &ours()), Judged::Unfit { column: 0, .. }));
    }

    #[test]
    fn a_delete_wants_everything_as_expected() {
        let delete = |name: &str| Intent {
            action: "delete".into(),
            key: vec![text("7")],
            cells: Vec::new(),
            expected: vec![text(name), Cell::Decimal("5".into())],
        };
        let record = record(&[("X", 1, "bob")]);
        assert!(matches!(judge_delete(&delete("X"), &shape(), &record, &ours()), Judged::Write { .. }));
        assert!(matches!(judge_delete(&delete("W"), &shape(), &record, &ours()), Judged::Conflict { .. }));
    }
}
