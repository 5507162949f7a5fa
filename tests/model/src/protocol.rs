//! What there is: the world as one value, and the rules that hold in it.

use std::collections::BTreeSet;

/// A value nobody else writes; 0 is what all held at first.
pub type Token = u8;

pub const A: usize = 0;
pub const SIDES: usize = 2;

/// A system: what it holds, and its log of commits, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct System {
    pub value: Token,
    pub log: Vec<Token>,
}

impl System {
    pub fn version(&self) -> u8 {
        self.log.len() as u8
    }

    pub fn put(&mut self, value: Token) {
        self.value = value;
        self.log.push(value);
    }
}

/// What one transaction commits as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stored {
    pub epoch: u8,
    pub seq: u8,
    pub cursors: [u8; SIDES],
    pub canonical: Token,
    pub observed: [Token; SIDES],
    pub versions: [u8; SIDES],
    /// Values that a decision displaced.
    pub journal: BTreeSet<Token>,
}

/// A write on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flight {
    pub value: Token,
    pub expected: Token,
    pub stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    Sent,
    /// Done there: the row as answered and its version.
    Answered {
        held: Token,
        version: u8,
    },
    /// The request or its answer was lost: the row has to be read.
    Unknown,
}

/// A process that owns the state, or believes so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    pub memory: Stored,
    /// What memory holds is committed.
    pub committed: bool,
    pub flights: [Option<Flight>; SIDES],
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World {
    pub systems: [System; SIDES],
    pub stored: Stored,
    pub owners: Vec<Owner>,
    /// By token from 1: the side it was edited at and what it replaced there.
    pub edits: Vec<(usize, Token)>,
    /// Every value a committed state ever agreed on.
    pub planned: BTreeSet<Token>,
    pub crashes: u8,
    pub lost: u8,
    pub fenced: u8,
}

/// How far the checker goes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub edits: u8,
    pub crashes: u8,
    pub lost: u8,
    pub epochs: u8,
}

/// The rules; a model in which one does not hold is one in which edits are lost.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    pub bounds: Bounds,
    /// A commit of an owner of an older epoch fails.
    pub fences: bool,
    /// A write happens only where the row holds what is expected.
    pub conditional: bool,
    /// A write is sent only after the commit that planned it.
    pub commits_first: bool,
    /// The cursor commits with its effects, and not before.
    pub cursor_with_effects: bool,
    /// What came before the newest known version of a row is no news.
    pub ordered: bool,
    /// While a write is in flight, news of its row waits.
    pub parks: bool,
}

impl Protocol {
    pub fn sound(bounds: Bounds) -> Self {
        Protocol {
            bounds,
            fences: true,
            conditional: true,
            commits_first: true,
            cursor_with_effects: true,
            ordered: true,
            parks: true,
        }
    }

    /// One side shows a value: three-way, the base being what it last agreed to.
    pub fn absorb(&self, memory: &mut Stored, side: usize, value: Token, version: u8) {
        if self.ordered && version <= memory.versions[side] {
            return;
        }
        memory.versions[side] = version;
        if memory.observed[side] == value {
            return;
        }
        let pending = memory.canonical != memory.observed[side];
        memory.observed[side] = value;
        if !pending {
            memory.canonical = value;
        } else if value != memory.canonical {
            // A is preferred; whoever loses is kept.
            let loser = if side == A { std::mem::replace(&mut memory.canonical, value) } else { value };
            memory.journal.insert(loser);
        }
    }
}

impl World {
    /// Whether somebody replaced this value knowing it.
    pub fn is_superseded(&self, token: Token) -> bool {
        self.edits.iter().any(|(_, replaced)| *replaced == token)
    }

    /// Where the promise says an edit has to be.
    pub fn is_accounted(&self, token: Token) -> bool {
        self.stored.canonical == token || self.stored.journal.contains(&token) || self.is_superseded(token)
    }

    /// Everything is told, committed and written.
    pub fn is_quiet(&self) -> bool {
        let told = (0..SIDES).all(|side| self.stored.cursors[side] == self.systems[side].version());
        let owner = self.owners.iter().any(|owner| owner.memory.epoch == self.stored.epoch && owner.committed);
        let idle = self.owners.iter().all(|owner| owner.flights.iter().all(Option::is_none));
        let agreed = self.stored.observed.iter().all(|observed| *observed == self.stored.canonical);
        told && owner && idle && agreed
    }
}
