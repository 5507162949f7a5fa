//! Taking a sync out: what it made at the sources is removed where nothing else
//! uses it, then everything the state knows of it is forgotten.

use std::collections::BTreeSet;

use lockstep_state::SyncId;

use crate::{EngineError, Role, engine::Shared};

/// Rows forgotten in one transaction.
const AT_ONCE_MAX: usize = 5_000;

pub(super) async fn remove(shared: &Shared, sync: &str) -> Result<Vec<String>, EngineError> {
    let known = shared.store.sync_id(sync)?;
    if known.is_none() && shared.config.sync(sync).is_none() {
        return Err(EngineError::UnknownSync(sync.to_owned()));
    }
    let refused = |message: String, remedy: &str| EngineError::Refused { message, remedy: remedy.to_owned() };
    if shared.running().is_some() {
        return Err(refused(format!("sync '{sync}' is running"), "stop 'lockstep run', then remove it"));
    }
    let child =
        shared.config.syncs.iter().find(|other| {
            other.name != sync && other.fields.iter().any(|field| field.reference.as_deref() == Some(sync))
        });
    if let Some(child) = child {
        let message = format!("records of sync '{}' refer to those of '{sync}'", child.name);
        return Err(refused(message, "take 'ref' out of its fields, or remove that sync first"));
    }
    let mut removed = Vec::new();
    for connection in connections(shared, sync, known)? {
        let connector =
            shared.connectors.get(&connection).ok_or_else(|| EngineError::UnknownConnection(connection.clone()))?;
        let told = |error| EngineError::session(&connection, error);
        let mut session = connector.open(Role::Tail).await.map_err(told)?;
        let released = session.release().await.map_err(told)?;
        removed.extend(released.into_iter().map(|line| format!("{connection}: {line}")));
    }
    for forgotten in shared.store.half_forgotten()?.into_iter().chain(known) {
        let rows = forget(shared, forgotten).await?;
        removed.push(format!("state: {rows} rows of records, journal and what is about them"));
    }
    Ok(removed)
}

/// Connections that only this sync uses. Of one that is no longer in the file,
/// the sides are known, which are named like their connections unless said.
fn connections(shared: &Shared, sync: &str, known: Option<SyncId>) -> Result<BTreeSet<String>, EngineError> {
    let mut used: BTreeSet<String> = match (shared.config.sync(sync), known) {
        (Some(configured), _) => configured.sides.iter().map(|side| side.connection.clone()).collect(),
        (None, Some(id)) => shared.store.sync_state(id)?.sides.into_iter().map(|side| side.name).collect(),
        (None, None) => BTreeSet::new(),
    };
    used.retain(|name| shared.connectors.contains_key(name));
    for other in shared.config.syncs.iter().filter(|other| other.name != sync) {
        for side in &other.sides {
            used.remove(&side.connection);
        }
    }
    Ok(used)
}

async fn forget(shared: &Shared, sync: SyncId) -> Result<usize, EngineError> {
    let mut rows = 0;
    loop {
        match shared.store.forget_sync(sync, AT_ONCE_MAX)? {
            0 => return Ok(rows),
            some => rows += some,
        }
        tokio::task::yield_now().await;
    }
}
