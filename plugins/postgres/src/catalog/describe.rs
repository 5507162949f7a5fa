//! Tables in the contract's words.

use lockstep_sdk::model::{self, ColumnType, Extra, Reference};

use super::column_type::Types;
use super::table::{Column, Table};

/// The object that a table is to the runtime.
pub fn describe(table: &Table, types: &Types) -> model::Object {
    let columns = table.columns.iter().enumerate().map(|(at, column)| describe_column(table, at, column, types));
    model::Object {
        name: table.name.to_string(),
        label: table.name.table.clone(),
        columns: columns.collect(),
        key: table.names(&table.key),
        unique_keys: table
            .uniques
            .iter()
            .filter(|unique| unique.columns != table.key)
            .map(|unique| table.names(&unique.columns))
            .collect(),
        rows_estimate: table.rows_estimate,
        obstacle: table.obstacle.clone(),
        extras: extra("comment", &table.comment),
    }
}

fn extra(name: &str, value: &str) -> Vec<Extra> {
    if value.is_empty() { Vec::new() } else { vec![Extra { name: name.into(), value: value.into() }] }
}

fn describe_column(table: &Table, at: usize, column: &Column, types: &Types) -> model::Column {
    let reference = table
        .foreign_keys
        .iter()
        .find(|key| key.columns == [at])
        .map(|key| Reference { object: key.object.to_string(), columns: key.referenced.clone() });
    model::Column {
        name: column.name.clone(),
        label: column.name.clone(),
        type_: column_type(column, types),
        nullable: !column.not_null,
        has_default: (column.has_default && !column.generated) || column.identity != ' ',
        createable: !column.is_read_only(),
        updateable: !column.is_read_only(),
        computed: column.generated,
        unique: table.uniques.iter().any(|unique| unique.columns == [at]),
        references: reference,
        comment: column.comment.clone(),
        extras: Vec::new(),
    }
}

fn column_type(column: &Column, types: &Types) -> ColumnType {
    let info = types.get(column.type_oid);
    let typmod = if column.typmod >= 0 { column.typmod } else { info.typmod };
    let mut described = ColumnType {
        kind: info.kind.into(),
        native: column.native.clone(),
        length: None,
        precision: None,
        scale: None,
        values: info.labels.clone(),
        element: info.element.map(Into::into),
    };
    // A length is stored with the four bytes of its header (varlena).
    let given = typmod.checked_sub(4).and_then(|length| u32::try_from(length).ok());
    match info.name.as_str() {
        "int2" => described.length = Some(16),
        "int4" => described.length = Some(32),
        "int8" => described.length = Some(64),
        "float4" => described.length = Some(32),
        "float8" => described.length = Some(64),
        "varchar" | "bpchar" => described.length = given,
        // Digits of the second's fraction, stored as they are.
        "time" | "timestamp" | "timestamptz" if typmod >= 0 => described.scale = Some(typmod),
        "numeric" => {
            if let Some(packed) = given {
                described.precision = Some(packed >> 16);
                // Eleven bits, two's complement (negative scales exist from 15 on).
                let scale = (packed & 0x7ff) as i32;
                described.scale = Some((scale ^ 0x400) - 0x400);
            }
        }
        _ => {}
    }
    described
}
