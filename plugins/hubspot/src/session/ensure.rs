//! Properties that should exist are created. Object types are not: that is the
//! account's owner's to decide.

use lockstep_sdk::model::EnsureRequest;
use serde_json::Value;

use super::Session;
use super::call::Repeat;
use crate::failure::{Failure, Result};
use crate::schema::{KEY, property_body};

pub fn ensure(session: &mut Session, request: &EnsureRequest) -> Result<Vec<String>> {
    session.types.remove(&request.object);
    let object = session.object_type(&request.object)?;
    let missing = request
        .columns
        .iter()
        .filter(|column| column.name != KEY && !object.properties.iter().any(|property| property.name == column.name));
    let bodies: Vec<(String, Value)> = missing
        .map(|column| Ok((column.name.clone(), property_body(&object.name, column).map_err(Failure::Unsupported)?)))
        .collect::<Result<_>>()?;
    let mut done = Vec::with_capacity(bodies.len());
    for (name, body) in bodies {
        let type_name = body["type"].as_str().unwrap_or_default();
        done.push(format!("create property {}.{name} of type {type_name}", object.name));
        if request.dry_run {
            continue;
        }
        let create = session.api.create_property(&object.name, &body);
        let created: Result<Value> = session.call(create, Repeat::Never);
        match created {
            Ok(_) => {}
            // Made by somebody meanwhile, or by an attempt whose answer was lost.
            Err(failure) if failure.problem().is_some_and(|problem| problem.status == 409) => {}
            Err(failure) => return Err(failure),
        }
    }
    session.types.remove(&request.object);
    Ok(done)
}
