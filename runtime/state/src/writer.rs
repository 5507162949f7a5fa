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
            let ending = Ending { queue: &queue, log: &log };
            while let Some(jobs) = queue.take(GROUP_COMMITS_MAX, GROUP_BYTES_MAX) {
                run(&mut conn, &hash, jobs, &log);
                log.relieve(&conn);
            }
            drop(ending);
        })
        .map_err(|error| StateError::Unexpected { message: format!("no thread for the writer: {error}").into() })
}

/// However the writer ends, also by a panic in an answer: whoever waits for it is
/// told that the state is closed.
struct Ending<'a> {
    queue: &'a Queue<Job>,
    log: &'a Log,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.queue.abandon();
        self.log.stop.store(true, Ordering::Release);
        self.log.wake();
    }
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
    if let Some(error) = log.broken() {
        for (_, done) in group {
            done(Err(error.clone()));
        }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use lockstep_core::delta::{Delta, QuarantineChange};

    use super::*;
    use crate::{
        commit::Commit,
        connect,
        schema::{self, Found},
        store::Options,
    };

    /// A commit that needs about `bytes` bytes in the file.
    fn sized(sync: u32, seq: u64, bytes: usize) -> Prepared {
        let commit = Commit {
            sync: crate::id::SyncId(sync),
            owner: 0,
            epoch: 0,
            expected_seq: seq,
            delta: Delta { quarantine: Vec::<QuarantineChange>::new(), ..Delta::default() },
            streams: Vec::new(),
            phase: None,
            settings: vec![(format!("n{seq}"), Some("x".repeat(bytes)))],
        };
        Prepared::new(commit, &HashKey::new([0; 16]), usize::MAX).unwrap()
    }

    fn with_sync(conn: &Connection, id: u32, name: &str) {
        conn.execute("INSERT INTO sync VALUES (?1, ?2, zeroblob(16), 0, 0, 1, 1, 0, 0, 0)", (id, name)).unwrap();
    }

    fn commit_all(conn: &mut Connection, group: Vec<Prepared>, log: &Log) -> Vec<Result<u64, StateError>> {
        let (tell, told) = mpsc::channel();
        let group = group
            .into_iter()
            .map(|prepared| {
                let tell = tell.clone();
                let done: Done = Box::new(move |made| tell.send(made.map(|made| made.commit_seq)).unwrap());
                (Box::new(prepared), done)
            })
            .collect();
        commit_group(conn, &HashKey::new([0; 16]), group, log);
        drop(tell);
        told.into_iter().collect()
    }

    #[test]
    fn a_full_disk_is_told_as_such_and_what_fits_is_still_committed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let mut conn = connect::writer(&path, &Options::default()).unwrap();
        with_sync(&conn, 1, "one");
        with_sync(&conn, 2, "two");
        let pages: i64 = conn.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        conn.pragma_update_and_check(None, "max_page_count", pages + 10, |_| Ok(())).unwrap();
        let log = Log::new(1000);
        let told = commit_all(&mut conn, vec![sized(1, 0, 100), sized(2, 0, 1 << 20), sized(1, 1, 100)], &log);
        assert!(matches!(told[..], [Ok(1), Err(StateError::DiskFull), Ok(2)]), "{told:?}");
        conn.pragma_update_and_check(None, "max_page_count", 1 << 20, |_| Ok(())).unwrap();
        let told = commit_all(&mut conn, vec![sized(2, 0, 1 << 20)], &log);
        assert!(matches!(told[..], [Ok(1)]), "{told:?}");
    }

    #[test]
    fn once_the_log_cannot_be_synced_nothing_more_is_promised() {
        let mut conn = Connection::open_in_memory().unwrap();
        schema::migrate(&mut conn, Found::Empty, Some([0; 16])).unwrap();
        with_sync(&conn, 1, "one");
        let log = Log::new(1000);
        log.break_for_test("the disk is gone");
        let told = commit_all(&mut conn, vec![sized(1, 0, 10)], &log);
        assert!(matches!(told[..], [Err(StateError::Io { .. })]), "{told:?}");
    }
}
