//! A connection's sessions recorded while they work: all are opened anew for it, each
//! between two calls, for a recording has to begin with the instance it is of.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    memory, refused,
    switch::{Switch, Tail},
};
use crate::{
    EngineError,
    engine::Shared,
    port::{RecordBounds, Recording},
};

/// The longest that is recorded at a time.
pub const RECORD_MS_MAX: u64 = 600_000;
/// The most that a recording may keep.
pub const RECORD_BYTES_MAX: usize = 128 << 20;

/// What is asked of a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordOrder {
    pub connection: String,
    /// Milliseconds, from 1 to [`RECORD_MS_MAX`].
    pub for_ms: u64,
    /// `bytes`: up to [`RECORD_BYTES_MAX`].
    pub bounds: RecordBounds,
    pub by: String,
}

/// A recording that ends whichever way this does: no session is recorded by then that is opened anew after it.
struct Underway {
    recording: Option<Box<dyn Recording>>,
    switch: Arc<Switch>,
}

impl Drop for Underway {
    fn drop(&mut self) {
        drop(self.recording.take());
        self.switch.renew();
    }
}

/// The content of a recording; `None`: the connection did nothing meanwhile.
///
/// # Errors
/// When another recording or change of version is under way, the connection is being read in full,
/// or what is asked is out of bounds. Dropped, it records no more.
pub(crate) async fn record(shared: &Shared, order: &RecordOrder) -> Result<Option<Vec<u8>>, EngineError> {
    let switch = shared.switch(&order.connection)?;
    if !(1..=RECORD_MS_MAX).contains(&order.for_ms) || order.bounds.bytes > RECORD_BYTES_MAX {
        let (seconds, megabytes) = (RECORD_MS_MAX / 1000, RECORD_BYTES_MAX >> 20);
        return Err(refused(
            "so much cannot be recorded".to_owned(),
            &format!("up to {seconds} s and {megabytes} MiB can be"),
        ));
    }
    let Ok(_changing) = switch.changing.try_lock() else {
        let what = "another recording or a change of this connection's version is under way";
        return Err(refused(what.to_owned(), "wait until it is done"));
    };
    if switch.tail() == Tail::FirstCopy {
        // A page of it is asked for where the last one ended, in the session that read that.
        let remedy = "wait until that is done; `lockstep status` shows it";
        return Err(refused("this connection is being read in full".to_owned(), remedy));
    }
    let told = |error| EngineError::session(&order.connection, error);
    let recording = switch.current().record(order.bounds).map_err(told)?;
    let note = format!("for {} s", order.for_ms.div_ceil(1000));
    memory::change(shared, &order.connection, (&order.by, "connector record", note), |_| {})?;
    let mut underway = Underway { recording: Some(recording), switch: switch.clone() };
    switch.renew();
    tokio::time::sleep(Duration::from_millis(order.for_ms)).await;
    match underway.recording.take() {
        Some(recording) => recording.end().await.map_err(told),
        None => Ok(None),
    }
}
