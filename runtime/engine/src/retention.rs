//! Forgetting what nobody needs any more: journal entries older than the
//! configuration keeps them, and records deleted everywhere as long ago. Beside
//! the work, a little at a time.

use std::{sync::Arc, time::Duration};

use lockstep_core::{
    delta::Delta,
    plan::Needs,
    record::{Life, Presence, Record, RecordId},
    value::Timestamp,
};
use tokio::sync::watch;

use crate::{EngineError, engine::Shared};

/// How often it is looked for what is too old.
const EVERY: Duration = Duration::from_secs(600);
/// Entries forgotten in one transaction; others write in between.
const AT_ONCE_MAX: usize = 2_000;
/// Deleted records forgotten in one commit of their sync.
const TOMBSTONES_AT_ONCE_MAX: usize = 500;

/// Ends when the engine stops.
pub(crate) async fn keep_bounded(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    loop {
        let stopped = stop.wait_for(|stop| *stop);
        if tokio::time::timeout(EVERY, stopped).await.is_ok() {
            return;
        }
        let before = kept_since(&shared);
        let pruned = {
            let (shared, stop) = (shared.clone(), stop.clone());
            tokio::task::spawn_blocking(move || prune(&shared, &stop, before))
        };
        if let Ok(Err(error)) = pruned.await {
            tracing::warn!("the journal could not be pruned: {error}");
        }
        for sync in &shared.config.syncs {
            if let Err(error) = forget_deleted(&shared, &sync.name, before, &stop).await {
                tracing::warn!("deleted records of sync '{}' could not be forgotten: {error}", sync.name);
            }
        }
    }
}

fn kept_since(shared: &Shared) -> Timestamp {
    let keep_micros = shared.config.journal.keep_ms.saturating_mul(1_000);
    let keep_micros = i64::try_from(keep_micros).unwrap_or(i64::MAX);
    Timestamp(shared.clock.now().0.saturating_sub(keep_micros))
}

/// Forgets records deleted before `before`, where the sync is at work.
async fn forget_deleted(
    shared: &Shared,
    sync: &str,
    before: Timestamp,
    stop: &watch::Receiver<bool>,
) -> Result<(), EngineError> {
    let Some(id) = shared.store.sync_id(sync)? else {
        return Ok(());
    };
    while !*stop.borrow() && shared.door(sync).is_some() {
        let ids = shared.store.tombstones(id, before, TOMBSTONES_AT_ONCE_MAX)?;
        let forgotten = shared
            .with_core(sync, move |core| {
                let (set, _) = core.gather(&Needs::default(), &ids)?;
                let due: Vec<RecordId> =
                    ids.into_iter().filter(|id| set.get(*id).is_some_and(|record| is_over(record, before))).collect();
                Ok((due.len(), Delta { forgotten: due, ..Delta::default() }))
            })
            .await?;
        if forgotten == 0 {
            break;
        }
    }
    Ok(())
}

/// Whether nothing of a deleted record is left anywhere, or left to do.
fn is_over(record: &Record, before: Timestamp) -> bool {
    matches!(record.life, Life::Deleted { at, .. } if at < before)
        && record
            .links
            .iter()
            .all(|link| matches!(link.presence, Presence::Deleted | Presence::Uncertain) && !link.quarantined)
}

fn prune(shared: &Shared, stop: &watch::Receiver<bool>, before: Timestamp) -> Result<(), lockstep_state::StateError> {
    for (sync, _) in shared.store.syncs()? {
        while !*stop.borrow() && shared.store.prune_journal(sync, before, AT_ONCE_MAX)? > 0 {}
    }
    Ok(())
}
