//! What is safe on disk: commits go to SQLite's log at once and the log is
//! synced about once a second, beside the writer, which never waits for it.
//! The same thread moves the log's pages into the file (checkpoint).

use std::{
    collections::BTreeMap,
    fs::File,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use rusqlite::Connection;

use crate::{commit::Committed, error::StateError, id::SyncId};

#[derive(Default)]
struct Seqs {
    committed: BTreeMap<SyncId, u64>,
    durable: BTreeMap<SyncId, u64>,
    dirty: bool,
    /// Somebody waits for what is committed to be safe.
    wanted: bool,
    /// Why the log could not be synced. What the system did with its pages then is
    /// unknown, so nothing after it can be promised until the state is opened anew.
    broken: Option<String>,
}

/// Shared by the writer and the keeper of the log.
pub(crate) struct Log {
    seqs: Mutex<Seqs>,
    woken: Condvar,
    pub(crate) stop: AtomicBool,
    /// Pages in the log, as SQLite tells the writer.
    pages: Arc<AtomicU64>,
    /// A checkpoint beside the writer is through: the writer may finish it.
    nearly_done: AtomicBool,
    /// Pages after which the log is moved into the file beside the writer.
    pages_soft: u64,
}

/// The writer moves the log itself when it is this many times too long.
const HARD_FACTOR: u64 = 4;

impl Log {
    pub(crate) fn new(pages_soft: u64) -> Self {
        Log {
            seqs: Mutex::new(Seqs::default()),
            woken: Condvar::new(),
            stop: AtomicBool::new(false),
            pages: Arc::default(),
            nearly_done: AtomicBool::new(false),
            pages_soft: pages_soft.max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seqs> {
        self.seqs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the log's length on the writer's connection.
    pub(crate) fn watch(&self, conn: &mut Connection) -> Result<(), StateError> {
        let length = Arc::clone(&self.pages);
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            length.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(())
    }

    pub(crate) fn committed(&self, commits: &[Committed]) {
        let mut seqs = self.lock();
        for commit in commits {
            seqs.committed.insert(commit.sync, commit.commit_seq);
        }
        seqs.dirty = true;
    }

    /// Something was written that belongs to no commit.
    pub(crate) fn touched(&self) {
        self.lock().dirty = true;
    }

    /// The error every commit gets once the log could not be synced.
    pub(crate) fn broken(&self) -> Option<StateError> {
        let message = self.lock().broken.clone()?;
        Some(StateError::Io { path: PathBuf::from("the state's log"), message })
    }

    #[cfg(test)]
    pub(crate) fn break_for_test(&self, why: &str) {
        self.lock().broken = Some(why.to_owned());
    }

    pub(crate) fn wake(&self) {
        self.woken.notify_all();
    }

    /// The last commit of each sync that survives a power cut, of those made or
    /// claimed since the state was opened.
    pub(crate) fn durable(&self) -> BTreeMap<SyncId, u64> {
        self.lock().durable.clone()
    }

    /// A sync was claimed at this sequence number.
    pub(crate) fn begin(&self, sync: SyncId, seq: u64) {
        let mut seqs = self.lock();
        seqs.committed.insert(sync, seq);
        seqs.dirty = true;
    }

    /// Does not wait for the next time the log would be synced anyway.
    pub(crate) fn sync_soon(&self) {
        self.lock().wanted = true;
        self.wake();
    }

    /// The writer's share: between transactions, on its own connection.
    pub(crate) fn relieve(&self, conn: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        let finish = self.nearly_done.swap(false, Ordering::AcqRel);
        if finish || pages > self.pages_soft * HARD_FACTOR {
            // Moves the few pages that came in the meantime; the log then starts anew.
            let _ = checkpoint(conn);
        } else if pages > self.pages_soft {
            self.wake();
        }
    }

    fn sync(&self, log_file: &File) -> std::io::Result<()> {
        let committed = {
            let mut seqs = self.lock();
            if seqs.broken.is_some() {
                return Ok(());
            }
            if !seqs.dirty && seqs.durable == seqs.committed {
                return Ok(());
            }
            seqs.dirty = false;
            seqs.wanted = false;
            seqs.committed.clone()
        };
        let synced = log_file.sync_data();
        let mut seqs = self.lock();
        match &synced {
            Ok(()) => seqs.durable = committed,
            Err(error) => seqs.broken = Some(error.to_string()),
        }
        synced
    }
}

fn checkpoint(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Starts the keeper of the log. `conn` is its own.
pub(crate) fn start(
    conn: Connection,
    log_path: PathBuf,
    log: Arc<Log>,
    every: Duration,
) -> Result<thread::JoinHandle<()>, StateError> {
    let failed = |error: std::io::Error| StateError::Io { path: log_path.clone(), message: error.to_string() };
    let file = File::open(&log_path).map_err(failed)?;
    // What an earlier process left in the log is read as if it were safe, and a source
    // is told to forget what comes before it: so it has to be.
    file.sync_data().map_err(failed)?;
    thread::Builder::new()
        .name("state-log".to_owned())
        .spawn(move || {
            loop {
                let stopping = log.stop.load(Ordering::Acquire);
                if let Err(error) = log.sync(&file) {
                    tracing::error!(%error, "the state's log cannot be synced");
                }
                if log.pages.load(Ordering::Relaxed) > log.pages_soft {
                    match checkpoint(&conn) {
                        Ok(()) => log.nearly_done.store(true, Ordering::Release),
                        Err(error) => tracing::error!(%error, "the state's log cannot be moved"),
                    }
                    log.pages.store(0, Ordering::Relaxed);
                }
                if stopping {
                    return;
                }
                let seqs = log.lock();
                let hurries = seqs.wanted && seqs.dirty && seqs.broken.is_none();
                if !hurries && !log.stop.load(Ordering::Acquire) {
                    let _ = log.woken.wait_timeout(seqs, every).unwrap_or_else(PoisonError::into_inner);
                }
            }
        })
        .map_err(|error| StateError::Unexpected { message: format!("no thread for the log: {error}").into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_synced_is_not_taken_over_from_an_earlier_process() {
        let conn = Connection::open_in_memory().unwrap();
        // The system syncs files, not devices.
        let started = start(conn, PathBuf::from("/dev/null"), Arc::new(Log::new(1_000)), Duration::from_secs(1));
        assert!(matches!(started, Err(StateError::Io { .. })));
    }
}
