//! What connections say about themselves, and what objects they have.

use lockstep_core::{
    config::Sync,
    schema::{CheckItem, Object},
};

use super::CheckReport;
use crate::{
    EngineError, Role, SessionError,
    assemble::{looked_at, notes},
    engine::Shared,
};

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
    if connection.is_none() {
        for sync in &shared.config.syncs {
            reports.extend(mapping(shared, sync).await);
        }
    }
    Ok(reports)
}

/// Whether a sync's mapping holds against what the systems have. `None`: not all
/// of its objects can be seen now; their connections say why, or `plan` makes them.
async fn mapping(shared: &Shared, sync: &Sync) -> Option<CheckReport> {
    let objects = shared.assembly(sync).discover(&shared.connectors).await.ok()?;
    if objects.len() < sync.sides.len() {
        return None;
    }
    let item = |status: &str, message: String, remedy: String| CheckItem {
        name: "mapping".to_owned(),
        status: status.to_owned(),
        message,
        remedy,
    };
    let sync = &match shared.equipped(&sync.name).await {
        Ok(sync) => sync,
        Err(error) => {
            let items = vec![item("fail", error.to_string(), error.remedy().to_owned())];
            return Some(CheckReport { connection: sync.name.clone(), connector: "sync".to_owned(), items });
        }
    };
    let items = match looked_at(sync, &objects).1 {
        Err(errors) => errors.into_iter().map(|error| item("fail", error.to_string(), error.help)).collect::<Vec<_>>(),
        Ok(compiled) => {
            let fields = compiled.spec.fields().count();
            let holds = item("ok", format!("{fields} fields at {} sides", sync.sides.len()), String::new());
            let notes = notes(&compiled).into_iter().map(|note| item("warn", note, String::new()));
            std::iter::once(holds).chain(notes).collect()
        }
    };
    Some(CheckReport { connection: sync.name.clone(), connector: "sync".to_owned(), items })
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
        message: error.code.map_or_else(|| error.message.clone(), |code| format!("{code}: {}", error.message)),
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
