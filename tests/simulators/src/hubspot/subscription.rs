//! Who wants to be told of what, and what waits to be sent.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    event::{Change, Event},
    show::iso,
};

/// An app's wish for one kind of event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub id: u64,
    pub app_id: u64,
    /// `contact.propertyChange`, or `object.propertyChange` with a type.
    pub event_type: String,
    pub object_type_id: Option<String>,
    pub property_name: Option<String>,
    pub active: bool,
    pub created_ms: i64,
}

impl Subscription {
    /// Whether it asked for this event, which is named in two ways.
    pub fn wants(&self, event: &Event, own: &str, generic: &str) -> bool {
        let named = self.event_type == own
            || (self.event_type == generic && self.object_type_id.as_deref() == Some(event.type_id.as_str()));
        let property = match &event.change {
            Change::Property { name, .. } => {
                self.property_name.as_ref().is_none_or(|wanted| wanted == name || wanted == "*")
            }
            _ => true,
        };
        self.active && named && property
    }

    pub fn show(&self) -> Value {
        let mut out = Map::new();
        out.insert("id".into(), self.id.to_string().into());
        out.insert("eventType".into(), self.event_type.clone().into());
        if let Some(object) = &self.object_type_id {
            out.insert("objectTypeId".into(), object.clone().into());
        }
        if let Some(property) = &self.property_name {
            out.insert("propertyName".into(), property.clone().into());
        }
        out.insert("active".into(), self.active.into());
        out.insert("createdAt".into(), json!(iso(self.created_ms)));
        Value::Object(out)
    }
}

/// One event on its way to one app.
#[derive(Debug, Clone)]
pub struct Queued {
    pub app_id: u64,
    pub body: Map<String, Value>,
    /// 0 at first.
    pub attempt: usize,
    pub not_before: Instant,
}

impl Queued {
    pub fn new(app_id: u64, body: Map<String, Value>) -> Self {
        Self { app_id, body, attempt: 0, not_before: Instant::now() }
    }
}
