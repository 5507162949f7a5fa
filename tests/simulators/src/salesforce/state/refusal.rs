//! Why the organisation does not do what it was asked, with the vendor's codes
//! and words. Shapes differ between the calls: they are made here.

use serde_json::{Map, Value, json};

/// One refusal. `fields` is absent for those that are not about a row's fields.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    pub fields: Option<Vec<String>>,
    /// A duplicate rule's finding.
    pub duplicates: Option<Box<Value>>,
}

impl Refusal {
    /// Of a request as a whole.
    pub fn request(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), fields: None, duplicates: None }
    }

    /// Of one row, for what these fields hold.
    pub fn row(code: &str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Self { status: 400, code: code.into(), message: message.into(), fields: Some(fields), duplicates: None }
    }

    pub fn not_found() -> Self {
        Self::request(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub fn deleted() -> Self {
        Self { status: 404, ..Self::row("ENTITY_IS_DELETED", "entity is deleted", &[]) }
    }

    /// As an error answer: `errorCode`.
    pub fn answer(&self) -> Value {
        let mut error = Map::new();
        if let Some(duplicates) = &self.duplicates {
            error.insert("duplicateResult".into(), duplicates.as_ref().clone());
        }
        error.insert("errorCode".into(), self.code.clone().into());
        error.insert("message".into(), self.message.clone().into());
        if let (Some(fields), None) = (&self.fields, &self.duplicates) {
            error.insert("fields".into(), json!(fields));
        }
        json!([error])
    }

    /// As one row's result within a collection: `statusCode`, no `id`.
    pub fn result(&self) -> Value {
        let mut error = Map::new();
        if let Some(duplicates) = &self.duplicates {
            error.insert("duplicateResult".into(), duplicates.as_ref().clone());
        }
        error.insert("statusCode".into(), self.code.clone().into());
        error.insert("message".into(), self.message.clone().into());
        error.insert("fields".into(), json!(self.fields.clone().unwrap_or_default()));
        json!({"success": false, "errors": [error]})
    }

    /// As a failed row of a bulk job.
    pub fn bulk(&self) -> String {
        let fields = self.fields.as_deref().unwrap_or_default().join(",");
        let fields = if fields.is_empty() { "--".to_owned() } else { fields };
        format!("{}:{}:{}", self.code, self.message, fields)
    }
}
