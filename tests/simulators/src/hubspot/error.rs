//! What HubSpot answers when it refuses: one body shape, several statuses.
//! Shapes: recorded traffic for the limits, vendor documentation for the rest.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

/// A refused request, as the vendor words it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub status: u16,
    pub message: String,
    /// Absent in the oldest answers (a 404 on one record).
    pub category: Option<&'static str>,
    /// More top-level members: `context`, `errors`, `subCategory`, `policyName`, …
    pub extras: Map<String, Value>,
}

/// One property value that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    pub property: String,
    /// Such as `INVALID_OPTION`.
    pub code: &'static str,
    pub message: String,
}

impl ApiError {
    pub fn new(status: u16, category: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), category, extras: Map::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.extras.insert(name.to_owned(), value);
        self
    }

    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, Some("VALIDATION_ERROR"), message)
    }

    /// One record that is not there.
    pub fn record_not_found() -> Self {
        Self::new(404, None, "resource not found")
    }

    pub fn unknown_object_type(name: &str) -> Self {
        Self::validation(format!("Unable to infer object type from: {name}"))
    }

    pub fn contact_exists(id: u64) -> Self {
        Self::new(409, Some("CONFLICT"), format!("Contact already exists. Existing ID: {id}"))
    }

    /// Every refused value of one record, in one answer.
    pub fn invalid_values(invalid: &[Invalid], portal_id: u64) -> Self {
        let listed: Vec<Value> = invalid.iter().map(|one| one.listed(portal_id)).collect();
        let details: Vec<Value> = invalid.iter().map(Invalid::detail).collect();
        let message = format!("Property values were not valid: {}", Value::from(listed));
        Self::validation(message).with("errors", Value::from(details))
    }

    /// The answer's body.
    pub fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("status".into(), "error".into());
        body.insert("message".into(), self.message.clone().into());
        body.insert("correlationId".into(), correlation_id().into());
        for (name, value) in &self.extras {
            body.insert(name.clone(), value.clone());
        }
        if let Some(category) = self.category {
            body.insert("category".into(), category.into());
        }
        Value::Object(body)
    }

    /// As one line of a 207's `errors`: tied to the input by `objectWriteTraceId` or `ids`.
    pub fn in_batch(&self, context: Map<String, Value>) -> Value {
        let mut context = context;
        if let Some((_, id)) = self.message.split_once("Existing ID: ") {
            context.insert("existingId".into(), json!([id]));
        }
        let category = self.category.unwrap_or("OBJECT_NOT_FOUND");
        json!({ "status": "error", "category": category, "message": self.message, "context": context })
    }
}

impl Invalid {
    pub fn new(property: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { property: property.to_owned(), code, message: message.into() }
    }

    /// As it stands inside the message's list.
    fn listed(&self, portal_id: u64) -> Value {
        json!({
            "isValid": false,
            "message": self.message,
            "error": self.code,
            "name": self.property,
            "localizedErrorMessage": self.message,
            "portalId": portal_id,
        })
    }

    fn detail(&self) -> Value {
        json!({ "message": self.message, "code": self.code, "context": { "propertyName": [self.property] } })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.body())).into_response()
    }
}

/// A UUID that names one answer; unique within the process.
pub fn correlation_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    uuid(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A version-4-shaped UUID made of a number, the same every time.
pub fn uuid(number: u64) -> String {
    let high = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let low = number.wrapping_add(0x5851_f42d_4c95_7f2d).wrapping_mul(0xd134_2543_de82_ef95);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_the_usual_shape_and_differ() {
        let (first, second) = (uuid(1), uuid(2));
        assert_ne!(first, second);
        let lengths: Vec<usize> = first.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(first.split('-').nth(2).is_some_and(|part| part.starts_with('4')));
    }

    #[test]
    fn a_conflict_in_a_batch_names_the_existing_record() {
        let line = ApiError::contact_exists(51).in_batch(Map::new());
        assert_eq!(line["context"]["existingId"], json!(["51"]));
        assert_eq!(line["category"], "CONFLICT");
    }
}
