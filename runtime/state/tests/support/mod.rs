//! Records and commits for the state layer's tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;

use lockstep_core::{
    change::Version,
    delta::{Delta, IndexChange},
    journal::{Entry, FieldChange, What},
    key::{Key, MatchKey},
    record::{FieldId, FieldState, Hold, HoldReason, Life, Link, Presence, Provenance, Record, RecordId, SideId},
    value::{Timestamp, Value},
};
use lockstep_state::{Claim, Store};

pub const LEFT: SideId = SideId(0);
pub const RIGHT: SideId = SideId(1);

pub fn key(n: u64) -> Key {
    Key::new(vec![Value::Uuid(u128::from(n) * 0x9E37_79B9_7F4A_7C15_F39C_C060)])
}

pub fn email(n: u64) -> MatchKey {
    MatchKey(Arc::from(format!("person{n}@example.com")))
}

pub fn field(value: Value) -> Option<FieldState> {
    Some(FieldState {
        value,
        provenance: Provenance { side: Some(LEFT), at: Timestamp(1_700_000_000_000_000), entry: 0 },
        hold: None,
        bounces: Default::default(),
        trail: Vec::new(),
    })
}

pub fn link(side: SideId, n: u64, text: &str) -> Link {
    Link {
        side,
        key: Some(key(n)),
        presence: Presence::Live,
        version: Version { generation: 1, order: Arc::from(&n.to_be_bytes()[..]) },
        observed: vec![Some(Value::text(text))],
        written: Vec::new(),
        quarantined: false,
    }
}

/// A record linked at both sides under `key(n)`.
pub fn record(n: u64, text: &str) -> Record {
    Record {
        id: RecordId(n),
        life: Life::Live,
        fields: vec![field(Value::text(text))],
        links: vec![link(LEFT, n, text), link(RIGHT, n, text)],
    }
}

pub fn added(n: u64, text: &str) -> Delta {
    Delta {
        records: vec![record(n, text).into()],
        index: vec![
            IndexChange::AddKey { side: LEFT, key: key(n), record: RecordId(n) },
            IndexChange::AddKey { side: RIGHT, key: key(n), record: RecordId(n) },
            IndexChange::AddMatch { key: email(n), record: RecordId(n) },
        ],
        ..Delta::default()
    }
}

pub fn absorbed(seq: u64, record: u64, after: &str) -> Entry {
    Entry {
        seq,
        at: Timestamp(1_700_000_000_000_000 + seq as i64 * 1_000_000),
        record: Some(RecordId(record)),
        side: Some(LEFT),
        rules: 1,
        what: What::Absorbed {
            edited_at: Timestamp(1_700_000_000_000_000),
            changes: vec![FieldChange { field: FieldId(0), before: None, after: Value::text(after) }],
        },
    }
}

/// Claims a sync with two sides and one field.
pub fn claim(store: &Store, name: &str, owner: u128) -> Claim {
    let claim = store.claim(name, owner).unwrap();
    store.register(claim.state.sync, &["left", "right"], &["text"]).unwrap();
    claim
}

/// Holds a record's field.
pub fn hold(record: &mut Record, reason: HoldReason) {
    let state = record.fields[0].as_mut().unwrap();
    state.hold = Some(Box::new(Hold { reason, base: None, contenders: Vec::new(), since: Timestamp(5), entry: 1 }));
}
