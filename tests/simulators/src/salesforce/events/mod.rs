//! Change events: made from a transaction's changes, kept for a while, handed
//! to subscribers by replay id. What a streaming client says is in `bayeux`.

mod bayeux;
mod message;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

use jiff::Timestamp;
use serde_json::{Value, json};

pub use bayeux::{Clients, cometd};

use super::{
    settings::Settings,
    state::{Author, Row, State},
};

/// Events kept whatever their age.
const EVENTS_MAX: usize = 500_000;
/// The record id that stands for "more than could be told".
pub const OVERFLOW_ID: &str = "000000000000000AAA";

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    Create,
    Update,
    Delete,
    Undelete,
}

impl ChangeKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Undelete => "UNDELETE",
        }
    }
}

/// One change of one row, before it is told to anyone.
#[derive(Debug, Clone)]
pub struct Change {
    pub object: String,
    pub kind: ChangeKind,
    pub changed: BTreeSet<String>,
    /// As it was after the change.
    pub row: Row,
}

/// One event, as it waits for its readers.
#[derive(Debug, Clone)]
pub struct Event {
    pub replay_id: u64,
    /// `ContactChangeEvent`
    pub name: String,
    at: Timestamp,
    published: Instant,
    pub message: Value,
}

/// The events kept, and what the next ones will be called.
#[derive(Debug)]
pub struct Store {
    log: VecDeque<Event>,
    next_replay_id: u64,
    next_commit: u64,
    transactions: u64,
    retention_ms: u64,
    /// The next so many change events are told as gaps.
    pub gaps_next: u32,
    /// Changes of one transaction beyond these are told as overflows: an update
    /// counts each of its fields (vendor: overflow events).
    pub overflow_above: usize,
    /// Custom channels: name to the events they carry.
    pub channels: BTreeMap<String, Vec<String>>,
    pub clients: Clients,
}

impl Store {
    pub fn new(settings: &Settings) -> Self {
        Self {
            log: VecDeque::new(),
            next_replay_id: 1_480_821,
            next_commit: 10_915_705_508_285,
            transactions: 0,
            retention_ms: settings.retention_ms,
            gaps_next: 0,
            overflow_above: 100_000,
            channels: BTreeMap::new(),
            clients: Clients::default(),
        }
    }

    /// The replay id of the newest event; the next one's is higher.
    pub fn latest(&self) -> u64 {
        self.next_replay_id - 1
    }

    /// Below this, a replay id is no longer known.
    pub fn oldest_known(&self) -> u64 {
        self.log.front().map_or(self.latest(), |event| event.replay_id - 1)
    }

    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.log.iter()
    }

    /// Forgets what is older than the retention.
    pub fn expire(&mut self, now: Timestamp) {
        let retention = i64::try_from(self.retention_ms).unwrap_or(i64::MAX);
        while self
            .log
            .front()
            .is_some_and(|event| now.as_millisecond().saturating_sub(event.at.as_millisecond()) > retention)
            || self.log.len() > EVENTS_MAX
        {
            self.log.pop_front();
        }
    }

    /// Forgets every event: whoever asks for what came after one of them is refused.
    pub fn forget(&mut self) {
        self.log.clear();
    }

    fn append(&mut self, name: String, at: Timestamp, mut message: Value) {
        message["event"] = json!({"replayId": self.next_replay_id});
        let event = Event { replay_id: self.next_replay_id, name, at, published: Instant::now(), message };
        self.next_replay_id += 1;
        self.log.push_back(event);
    }

    /// How many of a transaction's changes are told one by one.
    fn within_threshold(&self, changes: &[Change]) -> usize {
        let mut left = self.overflow_above;
        let told = changes.iter().take_while(|change| {
            let weight = if change.kind == ChangeKind::Update { change.changed.len().max(1) } else { 1 };
            let fits = weight <= left;
            left = left.saturating_sub(weight);
            fits
        });
        told.count()
    }

    fn next_transaction(&mut self) -> (u64, String) {
        self.next_commit += 7;
        self.transactions += 1;
        let key = format!(
            "0003{:04x}-{:04x}-1e54-d709-{:012x}",
            self.transactions >> 16 & 0xffff,
            self.transactions & 0xffff,
            self.next_commit
        );
        (self.next_commit, key)
    }
}

/// One event's header, before it has one.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    pub entity: &'a str,
    pub kind: String,
    pub record_ids: Vec<String>,
    pub changed: Vec<String>,
    pub origin: &'a str,
    pub user: &'a str,
    pub transaction: &'a str,
    pub sequence: usize,
    pub commit: u64,
    pub at: Timestamp,
}

impl State {
    /// Tells a committed transaction's changes, those of one row as one.
    pub fn publish(&mut self, author: &Author, changes: &[Change]) {
        let at = self.clock.now();
        self.ledger.note(at, &author.user, changes);
        self.events.expire(at);
        let captured: Vec<Change> = message::coalesced(changes)
            .into_iter()
            .filter(|change| self.schema.object(&change.object).is_some_and(|object| object.capturable))
            .collect();
        if captured.is_empty() {
            return;
        }
        let (commit, transaction) = self.events.next_transaction();
        let (told, beyond) = captured.split_at(self.events.within_threshold(&captured));
        let mut sequence = 0;
        for (told, group) in message::grouped(self, told) {
            let Some(first) = group.first() else { continue };
            sequence += 1;
            let gap = self.events.gaps_next > 0 || message::is_too_big(&told.body);
            self.events.gaps_next = self.events.gaps_next.saturating_sub(1);
            let header = Header {
                entity: &first.object,
                kind: format!("{}{}", if gap { "GAP_" } else { "" }, first.kind.name()),
                record_ids: group.iter().map(|change| change.row.id.clone()).collect(),
                changed: if gap { Vec::new() } else { told.changed },
                origin: if gap { "" } else { &author.origin },
                user: &author.user,
                transaction: &transaction,
                sequence,
                commit,
                at,
            };
            self.tell(&header, (!gap).then_some(told.body));
        }
        let objects: BTreeSet<&String> = beyond.iter().map(|change| &change.object).collect();
        for object in objects {
            sequence += 1;
            let header = Header {
                entity: object,
                kind: "GAP_OVERFLOW".into(),
                record_ids: vec![OVERFLOW_ID.into()],
                changed: Vec::new(),
                origin: "",
                user: &author.user,
                transaction: &transaction,
                sequence,
                commit,
                at,
            };
            self.tell(&header, None);
        }
    }

    /// An event that only says that something happened to these records.
    pub fn publish_gap(&mut self, kind: &str, object: &str, record_ids: &[String]) -> bool {
        let Some(object) = self.schema.object(object).map(|object| object.name.clone()) else { return false };
        let at = self.clock.now();
        self.events.expire(at);
        let user = self.person().user;
        let (commit, transaction) = self.events.next_transaction();
        let header = Header {
            entity: &object,
            kind: kind.into(),
            record_ids: record_ids.to_vec(),
            changed: Vec::new(),
            origin: "",
            user: &user,
            transaction: &transaction,
            sequence: 1,
            commit,
            at,
        };
        self.tell(&header, None);
        true
    }

    fn tell(&mut self, header: &Header<'_>, body: Option<serde_json::Map<String, Value>>) {
        let Some(object) = self.schema.object(header.entity) else { return };
        let name = object.change_event();
        let mut payload = body.unwrap_or_default();
        payload.insert("ChangeEventHeader".into(), message::header(header));
        let message = json!({"schema": message::schema_id(object), "payload": payload});
        self.events.append(name, header.at, message);
    }
}
