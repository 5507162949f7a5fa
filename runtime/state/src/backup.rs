//! Copies of the state: made while it is in use, checked before they are put
//! back.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};

use crate::{
    connect,
    error::StateError,
    lock::{OwnerLock, not_writable},
    place::HashKey,
    schema::Found,
    store::{Options, Store, beside},
};

/// Pages copied before others get their turn.
const PAGES_A_STEP: i32 = 2000;
/// How long a step waits for a writer in the way.
const PAUSE: Duration = Duration::from_millis(5);

impl Store {
    /// Copies the state as it is at one moment to `to`, while it is in use. The
    /// file appears there only once it is complete and on disk; one of that name
    /// is replaced. Says how many bytes it has.
    pub fn backup(&self, to: &Path) -> Result<u64, StateError> {
        let partial = beside(to, ".partial");
        let made = self
            .read(|conn| copy_to(conn, &partial))
            .and_then(|()| fs::rename(&partial, to).map_err(|error| not_writable(to, &error)))
            .and_then(|()| sync_directory(to));
        if made.is_err() {
            let _ = fs::remove_file(&partial);
        }
        made?;
        fs::metadata(to).map(|meta| meta.len()).map_err(|error| not_writable(to, &error))
    }

    /// The same state once more, in memory and apart from this one: simulations
    /// go back to it as to yesterday's backup.
    pub fn fork(&self) -> Result<Store, StateError> {
        let conn = self.copy_in_memory()?;
        let key: [u8; 16] = conn.query_row("SELECT hash_key FROM store", [], |row| row.get(0))?;
        Ok(Store::over_memory(conn, HashKey::new(key)))
    }

    pub(crate) fn copy_in_memory(&self) -> Result<Connection, StateError> {
        self.read(|conn| {
            let mut copy = Connection::open_in_memory()?;
            run(conn, &mut copy)?;
            Ok(copy)
        })
    }
}

/// Copies into a new file of its own, without a log beside it, down to the disk.
fn copy_to(from: &Connection, to: &Path) -> Result<(), StateError> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(not_writable(to, &error));
        }
        _ => {}
    }
    // Created here so that a directory that cannot be written is told clearly.
    File::create_new(to).map_err(|error| not_writable(to, &error))?;
    let mut copy = Connection::open(to)?;
    run(from, &mut copy)?;
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(|error| not_writable(to, &error))
}

/// Copies all pages of the snapshot `from` is reading.
fn run(from: &Connection, to: &mut Connection) -> Result<(), StateError> {
    let backup = Backup::new(from, to)?;
    loop {
        match backup.step(PAGES_A_STEP)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            StepResult::Busy | StepResult::Locked => std::thread::sleep(PAUSE),
            other => {
                return Err(StateError::Unexpected { message: format!("a copy ended with {other:?}").into() });
            }
        }
    }
}

fn sync_directory(of: &Path) -> Result<(), StateError> {
    let directory = match of.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    File::open(&directory).and_then(|directory| directory.sync_all()).map_err(|error| not_writable(&directory, &error))
}

/// Checks a state file page by page; says which version wrote it.
///
/// # Errors
/// It is missing, no state file, from a newer version, or damaged.
pub fn check_file(path: &Path) -> Result<i64, StateError> {
    let conn = connect::reader(path, &Options::default())?;
    match connect::inspect(&conn, path)? {
        Found::Empty => Err(StateError::NotAState { path: path.to_owned(), reason: "it is empty".to_owned() }),
        Found::Version(version) => connect::quick_check(&conn).map(|()| version),
    }
}

/// Puts a checked copy of `backup` in the place of the state file `to`, which no
/// process may have open for writing. The state that was there is kept beside it
/// under the name given back, if there was one.
pub fn restore(backup: &Path, to: &Path) -> Result<Option<PathBuf>, StateError> {
    check_file(backup)?;
    let _owner = OwnerLock::take(to)?;
    let partial = beside(to, ".restoring");
    let copied = connect::reader(backup, &Options::default())
        .and_then(|conn| copy_to(&conn, &partial))
        .and_then(|()| check_file(&partial));
    if let Err(error) = copied {
        let _ = fs::remove_file(&partial);
        return Err(error);
    }
    let kept = to.exists().then(|| beside(to, ".before-restore"));
    if let Some(kept) = &kept {
        settle_log(to)?;
        fs::rename(to, kept).map_err(|error| not_writable(kept, &error))?;
    }
    fs::rename(&partial, to).map_err(|error| not_writable(to, &error))?;
    sync_directory(to)?;
    Ok(kept)
}

/// Moves what a killed process left in the log into its file; a log that cannot
/// be read goes with the state it belongs to, never to the restored one.
fn settle_log(state: &Path) -> Result<(), StateError> {
    if let Ok(conn) = Connection::open(state) {
        let _ = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
    for suffix in ["-wal", "-shm"] {
        let path = beside(state, suffix);
        if path.exists() {
            let kept = beside(state, &format!(".before-restore{suffix}"));
            fs::rename(&path, &kept).map_err(|error| not_writable(&kept, &error))?;
        }
    }
    Ok(())
}
