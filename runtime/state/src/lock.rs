//! One process owns a state file at a time. The lock ends with the process,
//! however it ends.

use std::{
    fs::{File, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use crate::error::StateError;

/// Held as long as the state is open for writing.
pub(crate) struct OwnerLock {
    _file: File,
}

fn lock_path(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

impl OwnerLock {
    /// Takes the lock beside the state file, or says which process holds it.
    pub(crate) fn take(state: &Path) -> Result<Self, StateError> {
        let path = lock_path(state);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| not_writable(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = Read::by_ref(&mut file).take(32).read_to_string(&mut text);
                return Err(StateError::Locked { path: state.to_owned(), pid: text.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) => {
                return Err(StateError::Io { path, message: error.to_string() });
            }
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| not_writable(&path, &error))?;
        Ok(OwnerLock { _file: file })
    }
}

pub(crate) fn not_writable(path: &Path, error: &std::io::Error) -> StateError {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            StateError::ReadOnly { path: path.to_owned(), reason: error.to_string() }
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StateError::DiskFull,
        _ => StateError::Io { path: path.to_owned(), message: error.to_string() },
    }
}
