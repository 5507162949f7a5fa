//! What administrators put between a write and the row: validation rules,
//! duplicate rules, triggers and flows, and refusals of rows on demand.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::table::Values;

/// Refuses a row for which a condition holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationRule {
    pub object: String,
    /// What a query's WHERE would say, such as `Phone = null AND Email = null`.
    pub refuse_when: String,
    pub message: String,
    /// The field the message is shown at.
    #[serde(default)]
    pub field: Option<String>,
}

/// Refuses a row that agrees with another one in these fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicateRule {
    pub object: String,
    pub name: String,
    pub fields: Vec<String>,
    /// The caller may insist, by a header.
    #[serde(default)]
    pub allow_save: bool,
}

/// When a trigger or flow acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before the row is saved: part of the same write and the same event.
    Before,
    /// After the commit, as the automation's own user: another write, another event.
    After,
}

/// What a trigger or flow does to a row.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    Upper(String),
    Lower(String),
    Set {
        field: String,
        value: Value,
    },
    Copy {
        from: String,
        to: String,
    },
    /// Ten digits become `(415) 555-1212`.
    FormatPhone(String),
    /// Adds one: a row that is never at rest.
    Count(String),
    #[serde(skip)]
    Custom(Arc<dyn Fn(&mut Values) + Send + Sync>),
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upper(field) => write!(f, "Upper({field})"),
            Self::Lower(field) => write!(f, "Lower({field})"),
            Self::Set { field, value } => write!(f, "Set({field}, {value})"),
            Self::Copy { from, to } => write!(f, "Copy({from}, {to})"),
            Self::FormatPhone(field) => write!(f, "FormatPhone({field})"),
            Self::Count(field) => write!(f, "Count({field})"),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}

impl Effect {
    pub fn apply(&self, values: &mut Values) {
        let text = |values: &Values, field: &str| values.get(field).and_then(Value::as_str).map(str::to_owned);
        match self {
            Self::Upper(field) => {
                if let Some(text) = text(values, field) {
                    values.insert(field.clone(), text.to_uppercase().into());
                }
            }
            Self::Lower(field) => {
                if let Some(text) = text(values, field) {
                    values.insert(field.clone(), text.to_lowercase().into());
                }
            }
            Self::Set { field, value } => put(values, field, value.clone()),
            Self::Copy { from, to } => put(values, to, values.get(from).cloned().unwrap_or_default()),
            Self::FormatPhone(field) => {
                let digits: String =
                    text(values, field).unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
                if digits.len() == 10 {
                    let shown = format!("({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..]);
                    values.insert(field.clone(), shown.into());
                }
            }
            Self::Count(field) => {
                let count = values.get(field).and_then(Value::as_f64).unwrap_or_default();
                values.insert(field.clone(), (count + 1.0).into());
            }
            Self::Custom(act) => act(values),
        }
    }
}

fn put(values: &mut Values, field: &str, value: Value) {
    if value.is_null() {
        values.remove(field);
    } else {
        values.insert(field.to_owned(), value);
    }
}

/// A trigger or flow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    pub object: String,
    pub moment: Moment,
    pub effect: Effect,
    /// Acts only on rows written through the API, not on people's edits.
    #[serde(default)]
    pub api_only: bool,
}

/// Refuses rows on demand, whatever they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowRefusal {
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub fields: Vec<String>,
    /// Any object when absent.
    #[serde(default)]
    pub object: Option<String>,
    /// Any row when absent.
    #[serde(default)]
    pub id: Option<String>,
    /// So many times, then no more.
    pub times: u32,
    /// Let this many rows through first.
    #[serde(default)]
    pub skip: u32,
}

impl RowRefusal {
    /// The next `times` rows find their row locked by someone else.
    pub fn lock(times: u32) -> Self {
        Self {
            code: "UNABLE_TO_LOCK_ROW".into(),
            message: "unable to obtain exclusive access to this record or 1 records".into(),
            fields: Vec::new(),
            object: None,
            id: None,
            times,
            skip: 0,
        }
    }

    #[must_use]
    pub fn on(mut self, id: &str) -> Self {
        self.id = Some(id.into());
        self
    }

    #[must_use]
    pub fn skip(mut self, rows: u32) -> Self {
        self.skip = rows;
        self
    }
}

/// Everything of the above that is in force.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub validation: Vec<ValidationRule>,
    pub duplicates: Vec<DuplicateRule>,
    pub triggers: Vec<Trigger>,
    pub refusals: Vec<RowRefusal>,
}

impl Rules {
    /// The refusal that strikes this row, used up by one.
    pub fn strike(&mut self, object: &str, id: Option<&str>) -> Option<RowRefusal> {
        for index in 0..self.refusals.len() {
            let Some(refusal) = self.refusals.get_mut(index) else { break };
            let object_fits = refusal.object.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(object));
            let id_fits = refusal.id.as_deref().is_none_or(|own| Some(own) == id);
            if !(object_fits && id_fits) {
                continue;
            }
            if refusal.skip > 0 {
                refusal.skip -= 1;
                continue;
            }
            refusal.times = refusal.times.saturating_sub(1);
            let struck = refusal.clone();
            if refusal.times == 0 {
                self.refusals.remove(index);
            }
            return Some(struck);
        }
        None
    }
}
