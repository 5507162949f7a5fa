//! Opening SQLite connections: what is checked, how each is tuned. Must not
//! know the tables.

use std::{fs, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{
    error::StateError,
    lock::not_writable,
    schema::{self, Found},
    store::Options,
};

/// Statements kept prepared per connection.
const STATEMENTS_KEPT: usize = 64;
/// How long a connection waits for another program that holds the file.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Opens for writing, creating and migrating as needed.
pub(crate) fn writer(path: &Path, options: &Options) -> Result<Connection, StateError> {
    probe_writable(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = open(path, flags)?;
    let found = inspect(&conn, path)?;
    if found == Found::Empty {
        conn.pragma_update(None, "page_size", options.page_bytes)?;
    }
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |r| r.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StateError::ReadOnly {
            path: path.to_owned(),
            reason: "its file system does not allow a write-ahead log".to_owned(),
        });
    }
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "journal_size_limit", options.log_bytes_kept as i64)?;
    tune(&conn, options.writer_cache_bytes, options.mmap_bytes)?;
    if found != Found::Empty {
        check(&conn, path, options)?;
    }
    schema::migrate(&mut conn, found, None)?;
    Ok(conn)
}

/// Opens for reading, beside whoever writes.
pub(crate) fn reader(path: &Path, options: &Options) -> Result<Connection, StateError> {
    if !path.exists() {
        return Err(StateError::Missing { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = open(path, flags)?;
    tune(&conn, options.reader_cache_bytes, options.mmap_bytes)?;
    Ok(conn)
}

/// For moving the log into the file beside the writer.
pub(crate) fn log_keeper(path: &Path) -> Result<Connection, StateError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = open(path, flags)?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "cache_size", -256)?;
    Ok(conn)
}

/// An empty state in memory, the same for the same secret.
pub(crate) fn memory(hash_key: [u8; 16]) -> Result<Connection, StateError> {
    let mut conn = Connection::open_in_memory()?;
    keep_statements(&conn)?;
    schema::migrate(&mut conn, Found::Empty, Some(hash_key))?;
    Ok(conn)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StateError> {
    let conn = Connection::open_with_flags(path, flags).map_err(|error| named(error, path))?;
    conn.busy_timeout(BUSY_WAIT)?;
    keep_statements(&conn)?;
    Ok(conn)
}

/// Statements stay prepared, whatever is bound to them: nothing is known of the
/// tables that would make another plan of another value (`ANALYZE` is never run).
fn keep_statements(conn: &Connection) -> Result<(), StateError> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn tune(conn: &Connection, cache_bytes: u64, mmap_bytes: u64) -> Result<(), StateError> {
    conn.pragma_update(None, "cache_size", -((cache_bytes / 1024) as i64))?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update_and_check(None, "mmap_size", mmap_bytes as i64, |_| Ok(()))?;
    Ok(())
}

/// Reads the header, telling other files from damaged state.
pub(crate) fn inspect(conn: &Connection, path: &Path) -> Result<Found, StateError> {
    schema::inspect(conn, path).map_err(|error| match error {
        StateError::Corrupt { .. } if !looks_like_sqlite(path) => {
            StateError::NotAState { path: path.to_owned(), reason: "it is not a database".to_owned() }
        }
        other => other,
    })
}

/// The whole file is checked while it is small; a large one only where it is
/// read, unless asked for.
fn check(conn: &Connection, path: &Path, options: &Options) -> Result<(), StateError> {
    let bytes = fs::metadata(path).map_or(0, |meta| meta.len());
    if bytes > options.check_bytes_max {
        return Ok(());
    }
    quick_check(conn)
}

/// Walks every page.
pub(crate) fn quick_check(conn: &Connection) -> Result<(), StateError> {
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StateError::corrupt(verdict)) }
}

fn looks_like_sqlite(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0u8; 16];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *b"SQLite format 3\0"
}

/// SQLite would open a file it cannot write for reading and fail much later.
fn probe_writable(path: &Path) -> Result<(), StateError> {
    if path.is_dir() {
        return Err(StateError::NotAState { path: path.to_owned(), reason: "it is a directory".to_owned() });
    }
    if !path.exists() {
        return Ok(());
    }
    fs::File::options().read(true).write(true).open(path).map(drop).map_err(|error| not_writable(path, &error))
}

fn named(error: rusqlite::Error, path: &Path) -> StateError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::CannotOpen) => StateError::Io { path: path.to_owned(), message: error.to_string() },
        _ => error.into(),
    }
}
