//! Other words for the same choices, and lists written with a delimiter.

use std::sync::Arc;

use super::super::{CastError, between::Way, text};
use crate::{
    schema::{ColumnType, Kind},
    value::Value,
};

/// A field's values and the words that a side has for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueMap {
    /// The field's value and the side's words: the first is written, all are read.
    pairs: Vec<(String, Vec<String>)>,
}

impl ValueMap {
    pub fn new(pairs: Vec<(String, Vec<String>)>) -> Self {
        ValueMap { pairs }
    }

    /// The field's values.
    pub(super) fn canonical(&self) -> Vec<String> {
        self.pairs.iter().map(|(value, _)| value.clone()).collect()
    }

    fn is_bool(&self) -> bool {
        !self.pairs.is_empty() && self.pairs.iter().all(|(value, _)| value == "true" || value == "false")
    }

    pub(super) fn plain(&self, native: &ColumnType) -> Result<ColumnType, &'static str> {
        let values = self.canonical();
        match native.kind {
            Kind::List => Ok(ColumnType { element: Some(Kind::Text), values, ..ColumnType::of(Kind::List) }),
            Kind::Text | Kind::Opaque | Kind::Enum | Kind::Int | Kind::Bool => Ok(match self.is_bool() {
                true => ColumnType::of(Kind::Bool),
                false => ColumnType { values, ..ColumnType::of(Kind::Enum) },
            }),
            _ => Err("text, choices, lists, whole numbers or true and false"),
        }
    }

    pub(super) fn read_way(&self) -> Way {
        Way::Narrows("values that `values` does not name are not taken".to_owned())
    }

    /// Two values that a side has one word for come back as one.
    pub(super) fn written_way(&self) -> Way {
        for (at, (value, words)) in self.pairs.iter().enumerate() {
            let first = words.first();
            let earlier = self.pairs.iter().take(at).find(|(_, known)| first.is_some_and(|word| known.contains(word)));
            if let Some((other, _)) = earlier {
                return Way::Loses(format!("the difference between `{other}` and `{value}`"));
            }
        }
        Way::Narrows("values that `values` does not name are not written".to_owned())
    }

    fn unknown(&self) -> CastError {
        CastError::NotMapped { count: self.pairs.len() }
    }

    fn read_one(&self, native: &Value) -> Result<Value, CastError> {
        if native.is_null() {
            return Ok(Value::Null);
        }
        let word = text::to_text(native)?;
        let found = self.pairs.iter().find(|(_, words)| words.iter().any(|known| **known == *word));
        let (value, _) = found.ok_or_else(|| self.unknown())?;
        Ok(if self.is_bool() { Value::Bool(value == "true") } else { Value::text(value) })
    }

    fn write_one(&self, plain: &Value) -> Result<Value, CastError> {
        if plain.is_null() {
            return Ok(Value::Null);
        }
        let value = text::to_text(plain)?;
        let found = self.pairs.iter().find(|(known, _)| **known == *value);
        found.and_then(|(_, words)| words.first()).map(Value::text).ok_or_else(|| self.unknown())
    }

    pub(super) fn read_any(&self, native: &Value) -> Result<Value, CastError> {
        match native {
            Value::List(items) => each(items, |item| {
                let value = self.read_one(item)?;
                Ok(if let Value::Bool(value) = value { Value::text(value.to_string()) } else { value })
            }),
            one => self.read_one(one),
        }
    }

    pub(super) fn write_any(&self, plain: &Value) -> Result<Value, CastError> {
        match plain {
            Value::List(items) => each(items, |item| self.write_one(item)),
            one => self.write_one(one),
        }
    }
}

fn each(items: &[Value], convert: impl Fn(&Value) -> Result<Value, CastError>) -> Result<Value, CastError> {
    let items: Result<Vec<Value>, CastError> = items.iter().map(convert).collect();
    Ok(Value::List(items?.into()))
}

/// The elements of delimited text, blanks around them aside.
pub(super) fn read_delimited(text: &str, delimiter: char, values: Option<&ValueMap>) -> Result<Value, CastError> {
    let items: Vec<Value> = text.split(delimiter).map(|item| Value::text(item.trim())).collect();
    let list = Value::List(Arc::from(items));
    values.map_or(Ok(list.clone()), |map| map.read_any(&list))
}

pub(super) fn write_delimited(plain: &Value, delimiter: char, values: Option<&ValueMap>) -> Result<Value, CastError> {
    let list = values.map_or(Ok(plain.clone()), |map| map.write_any(plain))?;
    let Value::List(items) = &list else {
        return Err(CastError::NotA { what: "the value", wanted: "a list" });
    };
    let mut words = Vec::with_capacity(items.len());
    for item in items.iter() {
        if item.is_null() {
            return Err(CastError::NotDelimitable { why: "an element is null" });
        }
        let word = text::to_text(item)?;
        if word.contains(delimiter) {
            return Err(CastError::NotDelimitable { why: "an element contains the delimiter" });
        }
        if word.trim().is_empty() {
            return Err(CastError::NotDelimitable { why: "an element is blank" });
        }
        words.push(word);
    }
    let delimiter = delimiter.to_string();
    Ok(Value::text(words.join(&delimiter)))
}
