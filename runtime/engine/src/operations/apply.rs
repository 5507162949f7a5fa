//! Setting syncs up and bringing them in step, once: destinations made, sides
//! read, what is missing created, until nothing is left to do.

use std::time::Duration;

use super::{Status, prepare::prepare, status};
use crate::{Engine, EngineError, assemble::Assembly};

/// How often it is looked whether anything is left to do.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Quiet so many looks in a row: streams that bring more are heard in between.
const QUIET_LOOKS: u32 = 12;

pub(super) async fn apply(engine: &Engine, sync: Option<&str>) -> Result<Status, EngineError> {
    let shared = &engine.shared;
    for name in shared.asked(sync)? {
        let configured = &shared.equipped(&name).await?;
        let assembly = Assembly { sync: configured, store: &shared.store, clock: &shared.clock, owner: shared.owner };
        let objects = assembly.discover(&shared.connectors).await?;
        prepare(shared, configured, &objects, false).await?;
    }
    until_quiet(engine, sync).await
}

/// Runs the syncs until they are quiet, or waits for the process that runs them.
pub(super) async fn until_quiet(engine: &Engine, sync: Option<&str>) -> Result<Status, EngineError> {
    let asked = engine.shared.asked(sync)?;
    let running = engine.shared.running().is_some();
    let quiet = quiet(engine, &asked);
    if running {
        quiet.await
    } else {
        let mut answer = Err(EngineError::Stopped);
        engine.run_only(sync, async { answer = quiet.await }).await?;
        answer
    }
}

async fn quiet(engine: &Engine, asked: &[String]) -> Result<Status, EngineError> {
    let mut looks = 0;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = status::status(&engine.shared)?;
        let of = || now.syncs.iter().filter(|sync| asked.contains(&sync.name));
        if let Some(failed) = of().find(|sync| sync.phase == "failed" || sync.phase == "paused") {
            return Err(EngineError::Refused {
                message: format!("sync '{}' is {}: {}", failed.name, failed.phase, failed.reason),
                remedy: failed.remedy.clone(),
            });
        }
        looks = match of().all(|sync| sync.quiet) {
            true => looks + 1,
            false => 0,
        };
        if looks >= QUIET_LOOKS {
            return Ok(now);
        }
    }
}
