//! What a simulated system is like: how it tells of changes, how it can be
//! written to, and what it does to what is written.

use super::dice::Dice;

/// How changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Every change in commit order with the whole row, forgotten once confirmed.
    Log,
    /// Every change in order with the changed fields only; some are gaps that name the row.
    Events,
    /// The key of a changed row, late, in disorder and more than once.
    Webhooks,
    /// What was modified since, by whole seconds; some rows show late.
    Polling,
}

/// How a write is made conditional.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// By the system, and rows in answers can be ordered against the stream.
    Atomic,
    /// Read and compared just before; times are whole seconds, nothing can be ordered.
    Precondition,
    /// Read, compared, written a moment later; what was displaced is told afterwards.
    ReadCheckWrite,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habits {
    pub stream: Stream,
    pub condition: Condition,
    /// Phone numbers lose their blanks.
    pub normalises: bool,
    /// An automation sets `note` when `city` changes and `note` is left as it is.
    /// (What it did to a value just written would be the way that value is stored.)
    pub rewrites: bool,
    /// `email` is unique.
    pub unique: bool,
    /// How far its clock is ahead, in microseconds.
    pub skew_us: i64,
}

impl Habits {
    /// `logs`: only systems that tell everything in order.
    pub fn any(dice: &mut Dice, logs: bool) -> Self {
        let (stream, condition) = match dice.roll(6) {
            _ if logs => (Stream::Log, Condition::Atomic),
            0..=2 => (Stream::Log, Condition::Atomic),
            3 => (Stream::Events, Condition::Precondition),
            4 => (Stream::Webhooks, Condition::ReadCheckWrite),
            _ => (Stream::Polling, Condition::Precondition),
        };
        Habits {
            stream,
            condition,
            normalises: dice.percent(25),
            rewrites: dice.percent(15),
            unique: dice.percent(50),
            skew_us: if dice.percent(30) { (dice.roll(8) as i64 - 4) * 1_000_000 } else { 0 },
        }
    }

    /// Whether values can come and go without the stream telling them.
    pub fn is_blind(&self) -> bool {
        match self.stream {
            Stream::Log => false,
            // Some events only name the row.
            Stream::Events | Stream::Webhooks | Stream::Polling => true,
        }
    }

    /// A value as the system stores it.
    pub fn stored(&self, column: usize, text: &str) -> String {
        match column == super::table::PHONE && self.normalises {
            true => text.replace(' ', ""),
            false => text.to_owned(),
        }
    }
}
