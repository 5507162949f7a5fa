//! Records, keys and entries survive being bytes, and nothing that claims to be
//! one can do harm.
#![allow(clippy::unwrap_used)]

mod world;

use std::sync::Arc;

use lockstep_core::{
    change::Version,
    codec::{CodecError, decode_entry, decode_record, encode_entry, encode_record},
    journal::{Contribution, Entry, FieldChange, Resolution, What, Wrote},
    key::Key,
    record::{
        Bounces, Contender, FieldId, FieldState, Hold, HoldReason, Life, Link, Presence, Provenance, Record, RecordId,
        SideId,
    },
    value::{Timestamp, Value},
    write::{Action, Rejection},
};
use proptest::{collection::vec, option, prelude::*};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        "-?[0-9]{1,30}(\\.[0-9]{1,9})?".prop_map(|v| Value::Decimal(v.into())),
        any::<f64>().prop_map(Value::Float),
        ".{0,200}".prop_map(Value::text),
        vec(any::<u8>(), 0..200).prop_map(|v| Value::Bytes(v.into())),
        any::<i32>().prop_map(Value::Date),
        any::<i64>().prop_map(Value::Time),
        any::<i64>().prop_map(|v| Value::Timestamp(Timestamp(v))),
        any::<i64>().prop_map(Value::LocalTimestamp),
        any::<u128>().prop_map(Value::Uuid),
        ".{0,40}".prop_map(|v| Value::Json(v.into())),
        any::<u64>().prop_map(|v| Value::Ref(RecordId(v))),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![9 => scalar(), 1 => vec(scalar(), 0..5).prop_map(|v| Value::List(v.into()))]
}

fn keys() -> impl Strategy<Value = Key> {
    vec(value(), 0..4).prop_map(Key::new)
}

fn at() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

fn side() -> impl Strategy<Value = SideId> {
    any::<u8>().prop_map(SideId)
}

fn reason() -> impl Strategy<Value = HoldReason> {
    prop_oneof![
        Just(HoldReason::Conflict),
        Just(HoldReason::PingPong),
        ".{0,20}".prop_map(|message| HoldReason::Uncastable { message }),
        (side(), keys()).prop_map(|(side, key)| HoldReason::AwaitingParent { side, key }),
    ]
}

prop_compose! {
    fn hold()(
        reason in reason(), base in option::of(value()), since in at(), entry in any::<u64>(),
        contenders in vec((side(), value(), at()), 0..3),
    ) -> Box<Hold> {
        let contenders = contenders.into_iter().map(|(side, value, at)| Contender { side, value, at }).collect();
        Box::new(Hold { reason, base, contenders, since, entry })
    }
}

prop_compose! {
    fn state()(
        value in value(), by in option::of(side()), at in at(), entry in any::<u64>(),
        hold in option::weighted(0.2, hold()), (weight, seen) in any::<(u16, [u16; 4])>(), trail in vec(value(), 0..3),
    ) -> FieldState {
        FieldState { value, provenance: Provenance { side: by, at, entry }, hold, bounces: Bounces { weight, seen }, trail }
    }
}

fn life() -> impl Strategy<Value = Life> {
    prop_oneof![
        Just(Life::Live),
        (option::of(side()), at()).prop_map(|(by, at)| Life::Deleted { by, at }),
        (side(), at(), any::<u64>()).prop_map(|(by, at, entry)| Life::HeldDelete { by, at, entry }),
        (vec(any::<u64>(), 0..4), any::<u64>()).prop_map(|(candidates, entry)| Life::Ambiguous {
            candidates: candidates.into_iter().map(RecordId).collect(),
            entry,
        }),
    ]
}

prop_compose! {
    fn link()(
        side in side(), key in option::of(keys()), presence in 0..4u8, generation in any::<u32>(),
        order in vec(any::<u8>(), 0..20), observed in vec(option::of(value()), 0..6),
        written in vec((any::<u16>(), value()), 0..3), quarantined in any::<bool>(),
    ) -> Link {
        Link {
            side,
            key,
            presence: [Presence::Live, Presence::Deleted, Presence::Barred, Presence::Uncertain][usize::from(presence)],
            version: Version { generation, order: order.into() },
            observed,
            written: written.into_iter().map(|(field, value)| (FieldId(field), value)).collect(),
            quarantined,
        }
    }
}

prop_compose! {
    fn record()(
        id in any::<u64>(), life in life(), fields in vec(option::of(state()), 0..6),
        mut links in vec(link(), 0..4), agreeing in any::<bool>(),
    ) -> Record {
        if agreeing {
            for link in &mut links {
                link.observed = fields.iter().map(|state| state.as_ref().map(|state| state.value.clone())).collect();
            }
        }
        Record { id: RecordId(id), life, fields, links }
    }
}

fn whats() -> impl Strategy<Value = What> {
    let change = (any::<u16>(), option::of(value()), value()).prop_map(|(field, before, after)| FieldChange {
        field: FieldId(field),
        before,
        after,
    });
    let contribution = |value: Value| Contribution { side: Some(SideId(1)), value, at: Timestamp(7) };
    prop_oneof![
        (at(), vec(change, 0..3)).prop_map(|(edited_at, changes)| What::Absorbed { edited_at, changes }),
        (value(), value(), option::of(value())).prop_map(move |(was, comes, result)| What::Conflict {
            resolutions: vec![Resolution {
                field: FieldId(3),
                base: None,
                incumbent: contribution(was),
                incoming: contribution(comes),
                result,
                rule: "hold".into(),
            }],
        }),
        (keys(), value()).prop_map(|(key, after)| What::Written {
            action: Action::Update,
            key: Some(key),
            changes: vec![Wrote { field: FieldId(1), before: None, after }],
        }),
        ".{0,20}".prop_map(|message| What::Refused {
            action: Action::Create,
            rejection: Rejection { code: "23505".into(), class: "unique".into(), message, columns: vec!["a".into()] },
        }),
        (keys(), any::<u64>()).prop_map(|(key, other)| What::Clash { key, other: RecordId(other) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_record_comes_back_as_it_was(record in record()) {
        let mut bytes = Vec::new();
        encode_record(&record, &mut bytes);
        prop_assert_eq!(decode_record(&bytes), Ok(record));
    }

    #[test]
    fn a_cut_or_lengthened_record_is_an_error(record in record(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        encode_record(&record, &mut bytes);
        prop_assert!(decode_record(&bytes[..cut.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert_eq!(decode_record(&bytes), Err(CodecError::Trailing(1)));
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(mut bytes in vec(any::<u8>(), 0..300), version in any::<bool>()) {
        if version && let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        let _ = decode_record(&bytes);
        let _ = decode_entry(&bytes);
        let _ = Key::decode(&bytes);
    }

    #[test]
    fn a_damaged_record_is_a_record_or_an_error(
        record in record(), place in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut bytes = Vec::new();
        encode_record(&record, &mut bytes);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = decode_record(&bytes);
    }

    #[test]
    fn a_key_comes_back_as_it_was(key in keys()) {
        prop_assert_eq!(Key::decode(&key.encode()), Ok(key));
    }

    #[test]
    fn an_entry_comes_back_as_it_was(what in whats(), seq in any::<u64>(), rules in any::<u32>()) {
        let entry = Entry { seq, at: Timestamp(1), record: Some(RecordId(2)), side: None, rules, what };
        let mut bytes = Vec::new();
        encode_entry(&entry, &mut bytes);
        prop_assert_eq!(decode_entry(&bytes), Ok(entry.clone()));
        bytes.push(0);
        prop_assert!(decode_entry(&bytes).is_err());
    }
}

#[test]
fn deeply_nested_lists_in_an_entry_are_refused_and_not_followed() {
    let mut entry = Entry {
        seq: 1,
        at: Timestamp(1),
        record: None,
        side: None,
        rules: 1,
        what: What::Uncastable { field: FieldId(1), value: Value::List(Arc::from([Value::Null])), message: "".into() },
    };
    let mut bytes = Vec::new();
    encode_entry(&entry, &mut bytes);
    // The list's tag, then a count of one: repeated, a list in a list in a list.
    let place = bytes.windows(2).rposition(|pair| pair == [13, 1]).unwrap();
    let deep: Vec<u8> = [13, 1].repeat(2_000_000);
    let nested: Vec<u8> = bytes[..place].iter().chain(&deep).chain(&bytes[place..]).copied().collect();
    assert!(decode_entry(&nested).is_err());
    entry.seq = 2;
    assert_ne!(decode_entry(&bytes), Ok(entry));
}

#[test]
fn a_usual_record_takes_little_more_than_its_values() {
    let values: Vec<Value> = (0..12)
        .map(|n| match n {
            0 => Value::Uuid(0x1234_5678_9abc_def0_1234_5678_9abc_def0),
            1 => Value::text("someone.or.other@example-company.com"),
            2 => Value::Bool(true),
            3 => Value::Int(123_456),
            4 => Value::Timestamp(Timestamp(1_790_000_000_000_000)),
            5 => Value::Decimal("123456.78".into()),
            _ => Value::text("a text of about 24 bytes"),
        })
        .collect();
    let data: usize = values
        .iter()
        .map(|value| match value {
            Value::Text(v) | Value::Decimal(v) => v.len(),
            Value::Uuid(_) => 16,
            _ => 8,
        })
        .sum();
    let provenance = Provenance { side: Some(SideId(0)), at: Timestamp(1_790_000_000_000_000), entry: 123_456 };
    let state = |value: &Value| {
        let value = value.clone();
        Some(FieldState {
            value,
            provenance: provenance.clone(),
            hold: None,
            bounces: Bounces::default(),
            trail: Vec::new(),
        })
    };
    let link = |side: u8| {
        let mut link = Link::new(SideId(side), Some(Key::new(vec![values[0].clone()])), Presence::Live);
        link.version = Version { generation: 1, order: Arc::from([7u8; 16]) };
        link.observed = values.iter().cloned().map(Some).collect();
        link
    };
    let record = Record {
        id: RecordId(100_000),
        life: Life::Live,
        fields: values.iter().map(state).collect(),
        links: vec![link(0), link(1)],
    };
    let mut bytes = Vec::new();
    encode_record(&record, &mut bytes);
    assert!(bytes.len() <= data + 130, "{} bytes for {data} bytes of values", bytes.len());
}
