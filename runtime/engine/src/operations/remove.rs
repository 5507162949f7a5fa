//! Taking a sync out of a connection: what it made at the sources is removed
//! where nothing else uses it.

use crate::{EngineError, Role, engine::Shared};

pub(super) async fn remove(shared: &Shared, sync: &str) -> Result<Vec<String>, EngineError> {
    let configured = shared.sync(sync)?;
    if shared.running().is_some() {
        return Err(EngineError::Refused {
            message: format!("sync '{sync}' is running"),
            remedy: "stop 'lockstep run', then remove it".to_owned(),
        });
    }
    let mut removed = Vec::new();
    for side in &configured.sides {
        let used = shared
            .config
            .syncs
            .iter()
            .filter(|other| other.name != sync)
            .flat_map(|other| &other.sides)
            .any(|other| other.connection == side.connection);
        if used {
            continue;
        }
        let connector = shared
            .connectors
            .get(&side.connection)
            .ok_or_else(|| EngineError::UnknownConnection(side.connection.clone()))?;
        let told = |error| EngineError::session(&side.connection, error);
        let mut session = connector.open(Role::Tail).await.map_err(told)?;
        let told_removed = session.release().await.map_err(told)?;
        let lines = told_removed.into_iter();
        removed.extend(lines.map(|line| format!("{}: {line}", side.connection)));
    }
    Ok(removed)
}
