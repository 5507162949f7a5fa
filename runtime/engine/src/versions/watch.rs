//! The probation of a version that has taken over: it is watched by every call,
//! and now and then asked the same as the version before it.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{
    ITSELF, memory, probe,
    record::{Chosen, Refused, Use},
    report::WORSE,
    switch::{Both, Switch},
};
use crate::{Connector, EngineError, engine::Shared, port::About};

/// How often in a probation rows are read by both versions.
const LOOKS: u32 = 4;

/// Watches the version that serves now, in a task of its own.
pub(super) fn begin(shared: &Arc<Shared>, switch: &Arc<Switch>, connection: &str, probation_ms: u64) {
    let (shared, switch, connection) = (shared.clone(), switch.clone(), connection.to_owned());
    tokio::spawn(async move {
        let told = match watch(&shared, &switch, &connection, Duration::from_millis(probation_ms)).await {
            Ended::Fell(why) => fell(&shared, &connection, &why),
            Ended::Proved => proved(&shared, &connection),
            Ended::Replaced => Ok(()),
        };
        if let Err(error) = told {
            tracing::error!(connection = %connection, code = error.code(), "how a version did is not remembered: {error}");
        }
    });
}

/// How a probation ended.
enum Ended {
    Proved,
    /// It was given up, and why.
    Fell(String),
    /// Somebody went back, or on: whoever did has said so.
    Replaced,
}

async fn watch(shared: &Shared, switch: &Switch, connection: &str, probation: Duration) -> Ended {
    let mut turns = switch.turns();
    let begun = Instant::now();
    let mut look = 1;
    loop {
        if let Some(why) = switch.fallen() {
            return Ended::Fell(why);
        }
        if !switch.is_watched() {
            return Ended::Replaced;
        }
        if look > LOOKS {
            break;
        }
        tokio::select! {
            () = sleep_until(begun + probation * look / LOOKS) => {
                look += 1;
                look_closer(shared, switch, connection).await;
            }
            _ = turns.changed() => {}
        }
    }
    match switch.settle() {
        true => Ended::Proved,
        false => switch.fallen().map_or(Ended::Replaced, Ended::Fell),
    }
}

/// Reads the same by both versions; a difference is the end of the new one.
async fn look_closer(shared: &Shared, switch: &Switch, connection: &str) {
    let Some(Both { before, current, differ }) = switch.both() else {
        return;
    };
    let objects = memory::objects(shared, connection);
    match probe::reads(before.as_ref(), current.as_ref(), &objects, None).await {
        Ok(read) if read.differences.is_empty() || differ => {}
        Ok(read) => {
            switch.give_up(format!("it reads otherwise than the version before: {}", read.differences.join("; ")));
        }
        Err(why) => tracing::warn!(%connection, "the new version could not be compared: {why}"),
    }
}

fn proved(shared: &Shared, connection: &str) -> Result<(), EngineError> {
    let note = "its probation is over".to_owned();
    memory::change(shared, connection, (ITSELF, "connector proved", note), |remembered| {
        if let Some(one) = &mut remembered.in_use {
            one.probation = false;
        }
    })
}

fn fell(shared: &Shared, connection: &str, why: &str) -> Result<(), EngineError> {
    let at = shared.clock.now();
    let configured = memory::configured(shared, connection);
    memory::change(shared, connection, (ITSELF, "connector rollback", format!("{WORSE}: {why}")), |remembered| {
        let given_up = remembered.in_use.take().map(|one| one.about).unwrap_or_default();
        let before = (!remembered.before.is_empty()).then(|| remembered.before.remove(0));
        let about = before.map(|one| one.about).unwrap_or_else(About::default);
        let back = Use { about, chosen: Chosen::AutomaticRollback, by: ITSELF.to_owned(), at, probation: false };
        remembered.put_in_use(back, configured);
        remembered.refuse(Refused { about: given_up, code: WORSE.to_owned(), why: why.to_owned(), at });
    })
}

/// Goes on watching a version that another process began to watch.
pub(super) fn go_on(shared: &Arc<Shared>, switch: &Arc<Switch>, connection: &str, before: Arc<dyn Connector>) {
    switch.watch_on(before);
    begin(shared, switch, connection, shared.config.connectors.probation_ms);
}
