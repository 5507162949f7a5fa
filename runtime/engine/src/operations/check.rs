//! What connections say about themselves, and what objects they have.

use lockstep_core::schema::{CheckItem, Object};

use super::CheckReport;
use crate::{EngineError, Role, SessionError, engine::Shared};

pub(super) async fn check(shared: &Shared, connection: Option<&str>) -> Result<Vec<CheckReport>, EngineError> {
    let asked: Vec<&str> = match connection {
        Some(name) => vec![name],
        None => shared.connectors.keys().map(String::as_str).collect(),
    };
    let mut reports = Vec::new();
    for name in asked {
        let connector = shared.connectors.get(name).ok_or_else(|| EngineError::UnknownConnection(name.to_owned()))?;
        let mut report = CheckReport { connection: name.to_owned(), ..CheckReport::default() };
        match connector.open(Role::Read).await {
            Err(error) => report.items.push(failed("open", &error)),
            Ok(mut session) => {
                match session.spec().await {
                    Ok(spec) => report.connector = format!("{} {}", spec.name, spec.version),
                    Err(error) => report.items.push(failed("spec", &error)),
                }
                match session.check(&objects(shared, name)).await {
                    Ok(items) => report.items.extend(items),
                    Err(error) => report.items.push(failed("check", &error)),
                }
            }
        }
        reports.push(report);
    }
    Ok(reports)
}

/// The objects of a connection that take part in syncs.
fn objects(shared: &Shared, connection: &str) -> Vec<String> {
    let sides = shared.config.syncs.iter().flat_map(|sync| &sync.sides);
    let mut objects: Vec<String> =
        sides.filter(|side| side.connection == connection).map(|side| side.object.clone()).collect();
    objects.sort();
    objects.dedup();
    objects
}

fn failed(name: &str, error: &SessionError) -> CheckItem {
    CheckItem {
        name: name.to_owned(),
        status: "fail".to_owned(),
        message: error.message.clone(),
        remedy: error.remedy.clone(),
    }
}

pub(super) async fn discover(
    shared: &Shared,
    connection: &str,
    objects: &[String],
) -> Result<Vec<Object>, EngineError> {
    let connector =
        shared.connectors.get(connection).ok_or_else(|| EngineError::UnknownConnection(connection.to_owned()))?;
    let told = |error| EngineError::session(connection, error);
    let mut session = connector.open(Role::Read).await.map_err(told)?;
    session.discover(objects).await.map_err(told)
}
