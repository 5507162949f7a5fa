//! Specs and rows for tests of the planner.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;

use lockstep_core::{
    cast::Cast,
    change::{ChangeBatch, ChangeKind, ChangeRow, Row, Version},
    key::Key,
    record::{FieldId, SideId},
    spec::{DeletePolicy, FieldSpec, Policy, SideField, SideSpec, SyncSpec},
    value::{Cell, Timestamp, Value},
};

pub mod bench;
pub mod sides;
pub mod sync;

/// A sync of `sides` sides with the same columns: `id` (the key, not mapped)
/// and one column per field name. The first field is matched on.
pub fn spec(sides: u8, fields: &[&str]) -> SyncSpec {
    let columns: Arc<[String]> = std::iter::once("id").chain(fields.iter().copied()).map(str::to_owned).collect();
    let side = |id: u8| SideSpec {
        id: SideId(id),
        name: Arc::from(name(id)),
        object: Arc::from("things"),
        columns: columns.clone(),
        key: vec![0],
        fields: (0..fields.len())
            .map(|field| {
                Some(SideField {
                    column: field + 1,
                    cast: Cast::Identity,
                    reads: true,
                    writes_create: true,
                    writes_update: true,
                    required: false,
                })
            })
            .collect(),
        creates: true,
        updates: true,
        deletes: true,
        inserts_from: true,
        refuses_twins: true,
    };
    let field = |(id, name): (usize, &&str)| {
        Some(FieldSpec {
            id: FieldId(id as u16),
            name: Arc::from(*name),
            conflict: None,
            initial: None,
            reference: None,
            group: None,
            sensitive: false,
            from: None,
            default: None,
        })
    };
    SyncSpec {
        name: Arc::from("things"),
        rules: 1,
        sides: (0..sides).map(|id| Some(side(id))).collect(),
        fields: fields.iter().enumerate().map(field).collect(),
        groups: Vec::new(),
        match_on: vec![vec![FieldId(0)]],
        conflict: Policy::Prefer(vec![SideId(0), SideId(1), SideId(2)]),
        initial: Policy::Prefer(vec![SideId(0), SideId(1), SideId(2)]),
        deletes: DeletePolicy::UpdateWins,
        skew_tolerance_ms: 2_000,
        bounces_max: 200,
        filter: None,
    }
}

pub fn name(side: u8) -> String {
    char::from(b'a' + side).to_string()
}

pub fn key(id: i64) -> Key {
    Key::new(vec![Value::Int(id)])
}

/// Orders like the number.
pub fn version(order: u64) -> Version {
    Version { generation: 1, order: Arc::from(order.to_be_bytes()) }
}

pub fn text(value: &str) -> Cell {
    Some(Value::text(value))
}

/// A complete row: its key and a text per field.
pub fn row(id: i64, order: u64, values: &[&str]) -> Row {
    let cells = std::iter::once(Some(Value::Int(id))).chain(values.iter().map(|v| text(v))).collect();
    Row { key: key(id), cells, version: version(order), at: Some(Timestamp(order as i64 * 1_000_000)) }
}

/// A batch of one streamed row.
pub fn upsert(spec: &SyncSpec, side: SideId, row: &Row) -> ChangeBatch {
    ChangeBatch {
        object: Arc::from("things"),
        kind: ChangeKind::Upsert,
        columns: spec.side(side).unwrap().columns.clone(),
        rows: vec![ChangeRow {
            key: row.key.clone(),
            cells: row.cells.clone(),
            version: row.version.clone(),
            at: row.at,
        }],
        origin: Arc::from(""),
    }
}

pub fn delete(id: i64, order: u64) -> ChangeBatch {
    ChangeBatch {
        object: Arc::from("things"),
        kind: ChangeKind::Delete,
        columns: Arc::from([]),
        rows: vec![ChangeRow {
            key: key(id),
            cells: Vec::new(),
            version: version(order),
            at: Some(Timestamp(order as i64 * 1_000_000)),
        }],
        origin: Arc::from(""),
    }
}
