//! Schemas as compact text: `name | label | type | remarks`. Beside `NAME.txt`,
//! `NAME.rows.jsonl` may hold sampled rows: a JSON object a line, by column name.

use std::{fs, path::Path};

use lockstep_core::{
    cast::Cast,
    schema::{Column, ColumnType, Kind, Object, Reference},
    value::Value,
};
use serde_json::Value as Json;

/// A pair of schemas with its truth, all compiled in, and the schemas' names by
/// which sampled rows are found.
#[derive(Clone, Copy)]
pub struct Pair {
    pub names: (&'static str, &'static str),
    pub texts: (&'static str, &'static str),
    pub truth: &'static str,
}

#[macro_export]
macro_rules! pair {
    ($a:literal, $b:literal) => {
        $crate::schemas::Pair {
            names: ($a, $b),
            texts: (include_str!(concat!("schemas/", $a, ".txt")), include_str!(concat!("schemas/", $b, ".txt"))),
            truth: include_str!(concat!("truth/", $a, "~", $b, ".txt")),
        }
    };
}

/// The rows beside a schema, by column in the object's order, null where a row has
/// no value. `None`: there are none.
#[allow(clippy::disallowed_methods, reason = "a file that need not be there cannot be compiled in")]
pub fn samples(name: &str, object: &Object) -> Option<Vec<Vec<Value>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/proposals/schemas/{name}.rows.jsonl"));
    let text = fs::read_to_string(path).ok()?;
    let mut columns = vec![Vec::new(); object.columns.len()];
    for (at, line) in text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let row: serde_json::Map<String, Json> = serde_json::from_str(line).expect("a JSON object a line");
        for name in row.keys() {
            assert!(object.column(name).is_some(), "{}'s row {at} has `{name}`, and the schema has not", object.name);
        }
        for (values, column) in columns.iter_mut().zip(&object.columns) {
            values.push(row.get(&column.name).map_or(Value::Null, |value| sampled(value, &column.column_type)));
        }
    }
    Some(columns)
}

/// A value as its column would show it; one that the column cannot hold stays text.
fn sampled(value: &Json, column_type: &ColumnType) -> Value {
    let plain = match value {
        Json::Null => return Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Decimal(number.to_string().into()),
        },
        Json::String(text) => Value::text(text),
        Json::Array(items) => {
            let element = ColumnType::of(column_type.element.unwrap_or(Kind::Text));
            return Value::List(items.iter().map(|item| sampled(item, &element)).collect());
        }
        Json::Object(_) => return Value::Json(value.to_string().into()),
    };
    let told = ColumnType::of(match plain {
        Value::Bool(_) => Kind::Bool,
        Value::Int(_) => Kind::Int,
        Value::Decimal(_) => Kind::Decimal,
        _ => Kind::Text,
    });
    Cast::between(&told, column_type).cast.project(&plain).unwrap_or(plain)
}

pub fn object(text: &str) -> Object {
    let mut lines = text.lines();
    let head = lines.next().and_then(|line| line.strip_prefix("object ")).expect("object NAME | LABEL");
    let (name, label) = head.split_once('|').expect("a label");
    let key = lines.next().and_then(|line| line.strip_prefix("key ")).expect("key NAME");
    Object {
        name: name.trim().to_owned(),
        label: label.trim().to_owned(),
        columns: lines.filter(|line| !line.trim().is_empty()).map(column).collect(),
        key: vec![key.trim().to_owned()],
        unique_keys: Vec::new(),
        rows_estimate: None,
        obstacle: String::new(),
    }
}

fn column(line: &str) -> Column {
    let mut parts = line.split('|').map(str::trim);
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let (name, label, native) = (next(), next(), next());
    let mut column = Column { label, ..Column::new(name, column_type(&native)) };
    for remark in parts {
        match remark.split_once(' ').unwrap_or((remark, "")) {
            ("read-only", _) => (column.createable, column.updateable) = (false, false),
            ("computed", _) => column.computed = true,
            ("unique", _) => column.unique = true,
            ("->", target) => {
                column.references = Some(Reference { object: target.to_owned(), columns: Vec::new() });
            }
            ("comment", text) => column.comment = text.to_owned(),
            ("choices", list) => column.column_type.values = list.split("; ").map(str::to_owned).collect(),
            (other, _) => panic!("what is `{other}` in `{line}`?"),
        }
    }
    column
}

fn column_type(native: &str) -> ColumnType {
    let (kind, length) = native.split_once(' ').unwrap_or((native, ""));
    let kind = match kind {
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "decimal" => Kind::Decimal,
        "text" => Kind::Text,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "timestamp" => Kind::Timestamp,
        "uuid" => Kind::Uuid,
        "json" => Kind::Json,
        "enum" => Kind::Enum,
        "list" => Kind::List,
        other => panic!("no type `{other}`"),
    };
    ColumnType {
        kind,
        native: native.to_owned(),
        length: length.parse().ok(),
        precision: None,
        scale: None,
        values: Vec::new(),
        element: (kind == Kind::List).then_some(Kind::Text),
    }
}
