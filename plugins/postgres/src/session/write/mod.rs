//! Conditional writes: intents are grouped by what they do and to which
//! columns, a group is one statement, all groups are one transaction. When that
//! is refused it is taken apart until only the refused rows are left out.

mod group;
mod locked;
mod refuse;
mod run;

use lockstep_sdk::model::{Outcome, WriteRequest};

use crate::failure::Result;

use super::Session;
use group::Plan;

/// Times a deadlock, a serialization failure or a lock timeout is tried again
/// (after a lock timeout, without the rows that are held).
const BUSY_TRIES: u32 = 3;

pub fn write(session: &mut Session, request: &WriteRequest) -> Result<Vec<Outcome>> {
    let database = session.database()?;
    let known = database.table(&request.object)?;
    let plan = match Plan::new(&known, request) {
        // The table may have been altered since it was looked up.
        Err(_) => {
            database.forget();
            let known = database.table(&request.object)?;
            let plan = Plan::new(&known, request)?;
            return Ok(run::run(session, &known, request, plan));
        }
        Ok(plan) => plan,
    };
    Ok(run::run(session, &known, request, plan))
}
