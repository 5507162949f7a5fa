//! The table that most scenarios are told with: people with an address and a name.

use lockstep_core::{schema::Kind, value::Value};

use crate::system::System;

/// A system with an empty table `people`.
pub fn system() -> System {
    let system = System::new();
    system.table("people", &[("id", Kind::Int), ("email", Kind::Text), ("name", Kind::Text)], &["id"]);
    system
}

/// A row of it.
pub fn person(id: i64, name: &str) -> Vec<Value> {
    vec![Value::Int(id), Value::text(format!("p{id}@example.org")), Value::text(name)]
}
