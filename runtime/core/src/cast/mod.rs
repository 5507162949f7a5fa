//! Casts between a side's native values and canonical ones.
//!
//! A cast never alters a value silently: what does not fit is refused, and the
//! field waits as uncastable. Only a cast marked `lossy` may round, and it never
//! truncates text. Knows nothing of sides, fields or records.

mod between;
mod convert;
mod form;
mod notation;
mod text;

pub use between::CastPlan;
pub(crate) use between::Way;
pub use form::Form;
pub use notation::{CountryStyle, Moment, Notation, Phone, PhoneStyle, Separators, ValueMap, Zone};

use crate::{
    schema::{ColumnType, Kind},
    value::Value,
};

/// How one field converts at one side.
#[derive(Clone, Debug, PartialEq)]
pub enum Cast {
    /// Native and canonical are the same.
    Identity,
    /// The native value is another row's key and the canonical one a
    /// [`Value::Ref`]: the planner looks it up, the cast leaves it alone.
    Reference,
    /// Each direction converts to the form given.
    Convert(Box<Conversion>),
    /// The side writes values in a notation of its own.
    Noted(Box<Noted>),
}

/// A conversion between two forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    pub native: Form,
    pub canonical: Form,
    /// Digits, fractions of seconds and times of day that the target has no
    /// room for are rounded away; otherwise such a value is refused.
    pub lossy: bool,
}

/// A notation, and the cast between what it reads and the canonical form.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    pub notation: Notation,
    pub native: Form,
    pub inner: Cast,
    /// What is written need not be read back as it was.
    pub lossy: bool,
}

impl Noted {
    fn lift(&self, native: &Value) -> Result<Value, CastError> {
        self.inner.lift(&self.notation.read(native)?)
    }

    /// Whatever the notation: what would not be read back as it was is not written.
    fn project(&self, canonical: &Value) -> Result<Value, CastError> {
        let plain = self.inner.project(canonical)?;
        let native = self.notation.write(&plain, &self.native, self.lossy)?;
        if !self.lossy && !self.notation.read(&native)?.same_meaning(&plain) {
            return Err(CastError::WouldLose { what: "part of the value", form: "the column's notation".to_owned() });
        }
        Ok(native)
    }
}

impl Cast {
    /// Native to canonical.
    pub fn lift(&self, native: &Value) -> Result<Value, CastError> {
        match self {
            Cast::Identity | Cast::Reference => Ok(native.clone()),
            Cast::Convert(way) => convert::convert(native, &way.canonical, way.lossy),
            Cast::Noted(noted) => noted.lift(native),
        }
    }

    /// Canonical to native, written as the side itself shows it where that is known.
    pub fn project(&self, canonical: &Value) -> Result<Value, CastError> {
        match self {
            Cast::Identity | Cast::Reference => Ok(canonical.clone()),
            Cast::Convert(way) => convert::convert(canonical, &way.native, way.lossy),
            Cast::Noted(noted) => noted.project(canonical),
        }
    }
}

/// A value as a person writes it in JSON, for a field of this canonical type.
/// Numbers beyond 64 bits keep their digits when written as strings.
pub fn read(written: &serde_json::Value, canonical: &ColumnType) -> Result<Value, CastError> {
    let form = Form::from(canonical);
    let value = match written {
        serde_json::Value::Null => return Ok(Value::Null),
        serde_json::Value::String(text) if form.kind != Kind::Json => Value::text(text),
        other if form.is_text_like() => Value::text(other.to_string()),
        other => Value::Json(other.to_string().into()),
    };
    convert::convert(&value, &form, false)
}

/// Why a value does not cast. Never carries the value itself, so that it may be logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CastError {
    /// A component's words.
    #[error("its component says: {words}")]
    Refused { words: String },
    #[error("{what} is not {wanted}")]
    NotA { what: &'static str, wanted: &'static str },
    #[error("{length} {unit} do not fit into {length_max}")]
    TooLong { length: usize, length_max: u32, unit: &'static str },
    #[error("the number is out of range for {form}")]
    OutOfRange { form: String },
    #[error("{what} would be lost in {form}")]
    WouldLose { what: &'static str, form: String },
    #[error("the value is not one of the {count} that the column allows")]
    NotListed { count: usize },
    #[error("the list cannot be written as delimited text: {why}")]
    NotDelimitable { why: &'static str },
    #[error("the value is not one of the {count} that `values` names")]
    NotMapped { count: usize },
    #[error("the clocks of {zone} show that time twice, or never")]
    Clock { zone: String },
    #[error("{from} has no {to} form")]
    Unsupported { from: &'static str, to: &'static str },
}

impl CastError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            CastError::NotA { .. } => "LS-CST-001",
            CastError::TooLong { .. } => "LS-CST-002",
            CastError::OutOfRange { .. } => "LS-CST-003",
            CastError::WouldLose { .. } => "LS-CST-004",
            CastError::NotListed { .. } => "LS-CST-005",
            CastError::NotDelimitable { .. } => "LS-CST-006",
            CastError::Unsupported { .. } => "LS-CST-007",
            CastError::NotMapped { .. } => "LS-CST-008",
            CastError::Clock { .. } => "LS-CST-009",
            CastError::Refused { .. } => "LS-CST-010",
        }
    }
}
