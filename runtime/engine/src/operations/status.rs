//! How everything stands: from the state, and from what runs.

use lockstep_state::{AttentionKind, Backfill, SyncPhase};

use super::{ConnectionStatus, FieldAside, SideStatus, Status, SyncStatus};
use crate::{
    EngineError, drift,
    engine::Shared,
    sync::{PAUSE_REASON, SharedStatus},
};

pub(super) fn status(shared: &Shared) -> Result<Status, EngineError> {
    let (connections, live) = {
        let running = shared.running();
        let connections: Option<Vec<ConnectionStatus>> =
            running.as_ref().map(|running| running.connections.values().map(|one| one.status()).collect());
        let live: std::collections::BTreeMap<String, SharedStatus> = running
            .iter()
            .flat_map(|running| &running.syncs)
            .map(|(name, runner)| (name.clone(), runner.status.clone()))
            .collect();
        (connections, live)
    };
    let mut connections = connections;
    for connection in connections.iter_mut().flatten() {
        if let Some(connector) = shared.connectors.get(&connection.name) {
            connection.usage = connector.usage();
            connection.budget = connector.budget();
            connection.bounds = connector.bounds();
            connection.parked = connector.parked();
        }
    }
    let mut status = Status {
        running: connections.is_some(),
        connections: connections.unwrap_or_else(|| idle(shared)),
        syncs: Vec::new(),
    };
    for sync in &shared.config.syncs {
        let mut one = SyncStatus { name: sync.name.clone(), phase: "new".to_owned(), ..SyncStatus::default() };
        for side in &sync.sides {
            one.sides.push(SideStatus {
                name: side.name.clone(),
                connection: side.connection.clone(),
                object: side.object.clone(),
                ..SideStatus::default()
            });
        }
        stored(shared, &mut one)?;
        if let Some(live) = live.get(&sync.name) {
            running(shared, &mut one, live)?;
        }
        status.syncs.push(one);
    }
    Ok(status)
}

fn idle(shared: &Shared) -> Vec<ConnectionStatus> {
    let connections = shared.config.connections.iter();
    connections
        .map(|connection| ConnectionStatus {
            name: connection.name.clone(),
            state: "idle".to_owned(),
            ..ConnectionStatus::default()
        })
        .collect()
}

/// What the state knows.
fn stored(shared: &Shared, one: &mut SyncStatus) -> Result<(), EngineError> {
    let Some(sync) = shared.store.sync_id(&one.name)? else {
        return Ok(());
    };
    let state = shared.store.sync_state(sync)?;
    let counts = shared.store.counts(sync)?;
    one.phase = match state.phase {
        SyncPhase::FirstCopy => "first-copy",
        SyncPhase::Sweep { .. } => "first-copy",
        SyncPhase::Live => "live",
    }
    .to_owned();
    let begun = state.sides.iter().any(|side| side.backfill != Backfill::NotBegun);
    if !begun && state.phase == SyncPhase::FirstCopy {
        one.phase = "new".to_owned();
    }
    if state.paused {
        one.phase = "paused".to_owned();
        one.reason = state.settings.get(PAUSE_REASON).cloned().unwrap_or_default();
        one.remedy = format!("'lockstep resume {}' goes on", one.name);
    }
    let aside = drift::aside(&state.settings)?;
    one.set_aside = aside.into_iter().map(|aside| FieldAside { field: aside.field, reason: aside.reason }).collect();
    one.drift = drift::inbox(&state.settings)?.open();
    one.records = counts.records;
    one.held = counts.held();
    one.awaiting_parent = counts.waiting_for(AttentionKind::AwaitingParent);
    one.kept_off = counts.waiting_for(AttentionKind::Barred);
    for side in &mut one.sides {
        let Some(known) = state.sides.iter().find(|known| known.name == side.name) else {
            continue;
        };
        side.paused = known.paused;
        if let Some(numbers) = counts.sides.get(&known.id) {
            side.rows = numbers.links;
            side.pending = numbers.pending;
            one.quarantined += numbers.quarantined;
        }
    }
    one.quiet = false;
    Ok(())
}

/// What only a running sync knows.
fn running(shared: &Shared, one: &mut SyncStatus, live: &SharedStatus) -> Result<(), EngineError> {
    let live = live.lock().clone();
    one.totals = live.totals;
    one.quiet = live.running && live.quiet;
    if let Some((reason, remedy)) = live.failure {
        one.phase = "failed".to_owned();
        one.reason = reason;
        one.remedy = remedy;
    }
    let Some(sync) = shared.store.sync_id(&one.name)? else {
        return Ok(());
    };
    let state = shared.store.sync_state(sync)?;
    for side in &mut one.sides {
        let known = state.sides.iter().find(|known| known.name == side.name);
        if let Some(now) = known.and_then(|known| live.sides.get(&known.id)) {
            side.reading = now.reading;
            side.trouble.clone_from(&now.trouble);
        }
    }
    Ok(())
}
