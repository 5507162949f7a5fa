//! Schemas as compact text: `name | label | type | remarks`.

use lockstep_core::schema::{Column, ColumnType, Kind, Object, Reference};

/// A pair of schemas with its truth, all compiled in.
#[macro_export]
macro_rules! pair {
    ($a:literal, $b:literal) => {
        (
            include_str!(concat!("schemas/", $a, ".txt")),
            include_str!(concat!("schemas/", $b, ".txt")),
            include_str!(concat!("truth/", $a, "~", $b, ".txt")),
        )
    };
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
