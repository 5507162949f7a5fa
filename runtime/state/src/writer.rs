//! The one writer: takes commits from the queue, groups them into transactions
//! and tells each what became of it. Must not know how rows are read.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
};

use rusqlite::{Connection, TransactionBehavior};

use crate::{
    apply,
    commit::{Committed, Prepared},
    durability::Log,
    error::StateError,
    place::HashKey,
    queue::Queue,
};

/// Told what became of a commit, on the writer's thread: it must not block.
pub(crate) type Done = Box<dyn FnOnce(Result<Committed, StateError>) + Send>;
type Task = Box<dyn FnOnce(&mut Connection) + Send>;

pub(crate) enum Job {
    Commit(Box<Prepared>, Done),
    /// Something to do between transactions; it answers by its own means.
    Alone(Task),
}

/// Commits in one transaction, and their bytes.
const GROUP_COMMITS_MAX: usize = 256;
const GROUP_BYTES_MAX: usize = 16 << 20;

/// Starts the writer; it ends when the queue is closed and empty.
pub(crate) fn start(
    mut conn: Connection,
    hash: HashKey,
    queue: Arc<Queue<Job>>,
    log: Arc<Log>,
) -> Result<thread::JoinHandle<()>, StateError> {
    log.watch(&mut conn)?;
    thread::Builder::new()
        .name("state-writer".to_owned())
        .spawn(move || {
            while let Some(jobs) = queue.take(GROUP_COMMITS_MAX, GROUP_BYTES_MAX) {
                run(&mut conn, &hash, jobs, &log);
                log.relieve(&conn);
            }
            log.stop.store(true, Ordering::Release);
            log.wake();
        })
        .map_err(|error| StateError::Unexpected { message: format!("no thread for the writer: {error}").into() })
}

fn run(conn: &mut Connection, hash: &HashKey, jobs: Vec<Job>, log: &Log) {
    let mut group = Vec::new();
    for job in jobs {
        match job {
            Job::Commit(prepared, done) => group.push((prepared, done)),
            Job::Alone(task) => {
                commit_group(conn, hash, std::mem::take(&mut group), log);
                task(conn);
                log.touched();
            }
        }
    }
    commit_group(conn, hash, group, log);
}

pub(crate) fn in_transaction<T>(
    conn: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, StateError>,
) -> Result<T, StateError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&tx)?;
    tx.commit()?;
    Ok(value)
}

/// All in one transaction; where one fails, each in its own, so that one bad
/// commit does not take its neighbours with it.
fn commit_group(conn: &mut Connection, hash: &HashKey, group: Vec<(Box<Prepared>, Done)>, log: &Log) {
    if group.is_empty() {
        return;
    }
    let together = in_transaction(conn, |tx| {
        group.iter().map(|(prepared, _)| apply::apply(tx, hash, prepared)).collect::<Result<Vec<_>, _>>()
    });
    match together {
        Ok(committed) => {
            log.committed(&committed);
            for ((_, done), committed) in group.into_iter().zip(committed) {
                done(Ok(committed));
            }
        }
        Err(error) if group.len() == 1 => {
            for (_, done) in group {
                done(Err(error.clone()));
            }
        }
        Err(_) => {
            for (prepared, done) in group {
                let alone = in_transaction(conn, |tx| apply::apply(tx, hash, &prepared));
                if let Ok(committed) = &alone {
                    log.committed(std::slice::from_ref(committed));
                }
                done(alone);
            }
        }
    }
}
