//! The file as a plain tree with places, whichever of TOML's notations was used.

use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

use super::error::{Code, Problems};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) data: Data,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Datetime(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) node: Node,
}

impl Node {
    /// The whole file. `None`: it is not TOML, and a problem says where.
    pub(super) fn parse(text: &str, problems: &mut Problems<'_>) -> Option<Node> {
        match Document::parse(text) {
            Ok(document) => {
                let whole = 0..text.len();
                Some(table(document.as_table(), &whole, whole.clone()))
            }
            Err(error) => {
                let message = error.message().trim().replace('\n', ", ");
                problems.add(
                    Code::Syntax,
                    error.span().unwrap_or_default(),
                    format!("not valid TOML: {message}"),
                    "correct the notation at this place",
                );
                None
            }
        }
    }

    /// What it is, in words.
    pub(super) fn describe(&self) -> &'static str {
        match self.data {
            Data::Text(_) => "a string",
            Data::Int(_) => "a whole number",
            Data::Float(_) => "a number",
            Data::Bool(_) => "true or false",
            Data::Datetime(_) => "a date",
            Data::List(_) => "a list",
            Data::Table(_) => "a table",
        }
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.data {
            Data::Text(text) | Data::Datetime(text) => text.clone().into(),
            Data::Int(number) => (*number).into(),
            Data::Float(number) => (*number).into(),
            Data::Bool(value) => (*value).into(),
            Data::List(items) => items.iter().map(Node::to_json).collect(),
            Data::Table(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

fn table(table: &dyn TableLike, span: &Range<usize>, own: Range<usize>) -> Node {
    let entries = table.iter().filter_map(|(key, item)| {
        let name = table.key(key).and_then(|key| key.span());
        // Tables that only dotted headers imply have no place of their own.
        let name = name.unwrap_or_else(|| span.clone());
        let node = from_item(item, &name)?;
        Some(Entry { key: key.to_owned(), span: name, node })
    });
    Node { data: Data::Table(entries.collect()), span: own }
}

fn from_item(item: &Item, near: &Range<usize>) -> Option<Node> {
    let span = item.span().unwrap_or_else(|| near.clone());
    match item {
        Item::None => None,
        Item::Value(value) => Some(from_value(value, near)),
        // A table is named where its header is, not by all it contains.
        Item::Table(inner) => Some(table(inner, near, near.clone())),
        Item::ArrayOfTables(tables) => Some(Node {
            data: Data::List(
                tables.iter().map(|inner| table(inner, near, inner.span().unwrap_or_else(|| near.clone()))).collect(),
            ),
            span,
        }),
    }
}

fn from_value(value: &Value, near: &Range<usize>) -> Node {
    let span = value.span().unwrap_or_else(|| near.clone());
    let data = match value {
        Value::String(text) => Data::Text(text.value().clone()),
        Value::Integer(number) => Data::Int(*number.value()),
        Value::Float(number) => Data::Float(*number.value()),
        Value::Boolean(value) => Data::Bool(*value.value()),
        Value::Datetime(at) => Data::Datetime(at.value().to_string()),
        Value::Array(items) => Data::List(items.iter().map(|item| from_value(item, &span)).collect()),
        Value::InlineTable(inner) => return table(inner, &span.clone(), span),
    };
    Node { span, data }
}
