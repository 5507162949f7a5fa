//! Pausing and resuming a sync, or one side of it; reading a side in full again.

use lockstep_core::{record::SideId, value::Timestamp};
use lockstep_state::{Operation, SyncId};
use tokio::sync::oneshot;

use crate::{
    EngineError,
    engine::Shared,
    sync::{COMPARE, PAUSE_REASON, Request},
};

pub(super) async fn pause(shared: &Shared, sync: &str, side: Option<&str>, by: &str) -> Result<(), EngineError> {
    let (id, side_id) = find(shared, sync, side)?;
    let reason = format!("paused by {by}");
    note(shared, by, "pause", sync, side)?;
    if let Some(door) = shared.door(sync) {
        let (answer, answered) = oneshot::channel();
        let request = Request::Pause { side: side_id, reason, answer };
        door.send(request).await.map_err(|_| EngineError::Stopped)?;
        return answered.await.map_err(|_| EngineError::Stopped)?;
    }
    shared.store.set_paused(id, side_id, true)?;
    if side.is_none() {
        shared.store.set_setting(id, PAUSE_REASON, Some(&reason))?;
    }
    Ok(())
}

pub(super) async fn resume(shared: &Shared, sync: &str, side: Option<&str>, by: &str) -> Result<(), EngineError> {
    let (id, side_id) = find(shared, sync, side)?;
    note(shared, by, "resume", sync, side)?;
    if let Some(door) = shared.door(sync) {
        let (answer, answered) = oneshot::channel();
        let request = Request::Resume { side: side_id, answer };
        door.send(request).await.map_err(|_| EngineError::Stopped)?;
        return answered.await.map_err(|_| EngineError::Stopped)?;
    }
    shared.store.set_paused(id, side_id, false)?;
    if side.is_none() {
        shared.store.set_setting(id, PAUSE_REASON, None)?;
    }
    Ok(())
}

pub(super) async fn backfill(shared: &Shared, sync: &str, side: &str) -> Result<(), EngineError> {
    let (id, side_id) = find(shared, sync, Some(side))?;
    if let (Some(door), Some(side)) = (shared.door(sync), side_id) {
        let (answer, answered) = oneshot::channel();
        let request = Request::Backfill { side, answer };
        door.send(request).await.map_err(|_| EngineError::Stopped)?;
        return answered.await.map_err(|_| EngineError::Stopped)?;
    }
    // Taken up when it runs.
    let name = format!("{COMPARE}{side}");
    shared.store.set_setting(id, &name, Some("asked"))?;
    Ok(())
}

fn find(shared: &Shared, sync: &str, side: Option<&str>) -> Result<(SyncId, Option<SideId>), EngineError> {
    shared.sync(sync)?;
    let Some(id) = shared.store.sync_id(sync)? else {
        return Err(EngineError::Refused {
            message: format!("sync '{sync}' has never run"),
            remedy: format!("'lockstep apply {sync}' sets it up"),
        });
    };
    let Some(side) = side else {
        return Ok((id, None));
    };
    let state = shared.store.sync_state(id)?;
    let known = state.sides.iter().find(|known| known.name == side);
    match known {
        Some(known) => Ok((id, Some(known.id))),
        None => Err(EngineError::UnknownSide { sync: sync.to_owned(), side: side.to_owned() }),
    }
}

/// Keeps who did what.
pub(super) fn note(shared: &Shared, by: &str, action: &str, sync: &str, what: Option<&str>) -> Result<(), EngineError> {
    let at: Timestamp = shared.clock.now();
    shared.store.log_operation(Operation {
        at,
        who: by.to_owned(),
        action: action.to_owned(),
        target: match what {
            Some(what) => format!("{sync}/{what}"),
            None => sync.to_owned(),
        },
        note: String::new(),
    })?;
    Ok(())
}
