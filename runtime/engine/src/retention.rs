//! Forgetting what nobody needs any more: journal entries older than the
//! configuration keeps them. Beside the work, a little at a time.

use std::{sync::Arc, time::Duration};

use lockstep_core::value::Timestamp;
use tokio::sync::watch;

use crate::engine::Shared;

/// How often it is looked for what is too old.
const EVERY: Duration = Duration::from_secs(600);
/// Entries forgotten in one transaction; others write in between.
const AT_ONCE_MAX: usize = 2_000;

/// Ends when the engine stops.
pub(crate) async fn keep_bounded(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    loop {
        let stopped = stop.wait_for(|stop| *stop);
        if tokio::time::timeout(EVERY, stopped).await.is_ok() {
            return;
        }
        let shared = shared.clone();
        let stop = stop.clone();
        let pruned = tokio::task::spawn_blocking(move || prune(&shared, &stop));
        if let Ok(Err(error)) = pruned.await {
            tracing::warn!("the journal could not be pruned: {error}");
        }
    }
}

fn prune(shared: &Shared, stop: &watch::Receiver<bool>) -> Result<(), lockstep_state::StateError> {
    let keep_micros = shared.config.journal.keep_ms.saturating_mul(1_000);
    let keep_micros = i64::try_from(keep_micros).unwrap_or(i64::MAX);
    let before = Timestamp(shared.clock.now().0.saturating_sub(keep_micros));
    for (sync, _) in shared.store.syncs()? {
        while !*stop.borrow() && shared.store.prune_journal(sync, before, AT_ONCE_MAX)? > 0 {}
    }
    Ok(())
}
