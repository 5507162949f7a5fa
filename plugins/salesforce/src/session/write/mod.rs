//! Conditional writes. An update is written under a precondition that the
//! server checks: the row is read, compared with what is expected, and written
//! only if it was not modified since. A delete has no precondition at the
//! vendor (documented): it is compared before and looked at afterwards.

mod create;
mod remove;
mod request;
mod task;
mod update;
mod verdict;

use lockstep_sdk::model::{Outcome, WriteRequest};

use crate::failure::Result;

use super::Session;
use task::Task;

pub fn write(session: &mut Session, request: &WriteRequest) -> Result<Vec<Outcome>> {
    let sobject = session.sobject(&request.object)?;
    let mut task = match Task::new(session, &sobject, request) {
        Ok(task) => task,
        Err(_) => {
            // A field may have been added since it was described.
            session.sobjects.remove(&request.object);
            let sobject = session.sobject(&request.object)?;
            let mut task = Task::new(session, &sobject, request)?;
            run(&mut task)?;
            return Ok(task.finish());
        }
    };
    run(&mut task)?;
    Ok(task.finish())
}

fn run(task: &mut Task<'_>) -> Result<()> {
    for part in [create::create, update::update, remove::remove] {
        if let Err(failure) = part(task) {
            // With some of it written, each intent has to be answered for.
            if !task.has_written {
                return Err(failure);
            }
            task.give_up(&failure);
        }
    }
    Ok(())
}
