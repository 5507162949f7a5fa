//! What was done to every row, by whom, in order: the truth that a test compares
//! with, whatever change events told of it.

use std::collections::{BTreeSet, VecDeque};

use jiff::Timestamp;

use super::Row;
use crate::salesforce::events::{Change, ChangeKind};

/// Deeds remembered; the oldest are forgotten first.
const DEEDS_MAX: usize = 500_000;

/// One row's change by one author.
#[derive(Debug, Clone)]
pub struct Deed {
    /// To the millisecond, unlike what the row itself shows.
    pub at: Timestamp,
    /// The id of the user who did it.
    pub user: String,
    pub object: String,
    pub kind: ChangeKind,
    /// An update's fields.
    pub changed: BTreeSet<String>,
    /// As it was afterwards.
    pub row: Row,
}

#[derive(Debug, Default)]
pub struct Ledger {
    deeds: VecDeque<Deed>,
}

impl Ledger {
    pub fn note(&mut self, at: Timestamp, user: &str, changes: &[Change]) {
        for change in changes {
            if self.deeds.len() >= DEEDS_MAX {
                self.deeds.pop_front();
            }
            let Change { object, kind, changed, row } = change.clone();
            self.deeds.push_back(Deed { at, user: user.to_owned(), object, kind, changed, row });
        }
    }

    /// What was done to the rows of one object, oldest first.
    pub fn of<'a>(&'a self, object: &'a str) -> impl Iterator<Item = &'a Deed> {
        self.deeds.iter().filter(move |deed| deed.object.eq_ignore_ascii_case(object))
    }
}
