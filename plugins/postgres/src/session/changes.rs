//! The next changes: positions the stream where the host is, then gathers what
//! has arrived within the request's budget.

use lockstep_sdk::model::{ChangesAnswer, ChangesRequest};

use crate::cursor::Cursor;
use crate::failure::Result;
use crate::platform::Wait;

use super::Session;
use super::tail::{Budget, Tail};

/// How long to wait for the rest of a transaction once something can be given.
const REST_OF_TRANSACTION_MS: u64 = 20;
/// Messages between two looks at the clock.
const CLOCK_EVERY: u32 = 256;

pub fn changes(session: &mut Session, request: &ChangesRequest) -> Result<ChangesAnswer> {
    let after = Cursor::parse(&request.after)?;
    let platform = session.platform.clone();
    let deadline = platform.monotonic_ms() + u64::from(request.wait_ms);
    let config = session.config.clone();
    session.database()?;
    if session.tail.as_ref().is_none_or(|tail| !tail.continues(&after)) {
        session.tail = None;
        let database = session.database()?;
        session.tail = Some(Tail::start(platform.clone(), &config, database, &after)?);
    }
    let (Some(tail), Some(database)) = (&mut session.tail, &mut session.database) else {
        return Ok(ChangesAnswer::new(Vec::new(), request.after.clone()));
    };
    tail.select(&request.selections);
    if let Ok(durable) = Cursor::parse(&request.durable) {
        tail.confirm(&durable)?;
    }
    if request.max_records > 0 {
        tail.look_for_replaced(database, &config, &request.selections)?;
    }
    let mut budget = Budget::new(request.max_records, request.max_bytes);
    let mut more = false;
    let mut until_clock = CLOCK_EVERY;
    let mut late = false;
    loop {
        if request.max_records == 0 {
            more = tail.pending_bytes() > 0;
            break;
        }
        if budget.is_spent() {
            more = true;
            break;
        }
        until_clock -= 1;
        if until_clock == 0 {
            until_clock = CLOCK_EVERY;
            late = platform.monotonic_ms() >= deadline;
        }
        if late && (tail.has_batches() || tail.pending_bytes() == 0) {
            more = tail.pending_bytes() > 0;
            break;
        }
        if tail.step(database, &mut budget, Wait::None)? {
            continue;
        }
        // Nothing more has arrived.
        let left = deadline.saturating_sub(platform.monotonic_ms());
        let wait_ms = match (tail.has_batches(), tail.is_inside_transaction()) {
            (false, _) => left,
            (true, true) => left.clamp(1, REST_OF_TRANSACTION_MS),
            (true, false) => 0,
        };
        if wait_ms == 0 || !tail.step(database, &mut budget, Wait::Millis(wait_ms))? {
            break;
        }
    }
    // How far behind we are is worth knowing, not worth losing the batches for.
    let (lag_bytes, lag_ms) = tail.lag(database).unwrap_or_default();
    Ok(ChangesAnswer { batches: tail.take_batches(), cursor: tail.cursor().to_bytes(), more, lag_bytes, lag_ms })
}
