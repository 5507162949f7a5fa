//! What can go wrong with the state file, each with a stable code and what to
//! do about it. Must not know why a caller asked.

use std::{path::PathBuf, sync::Arc};

use thiserror::Error;

/// A state error. Cloneable, because one failed transaction may answer many commits.
#[derive(Clone, Debug, Error)]
pub enum StateError {
    #[error("[LS-STA-001] there is no state file at {}: `lockstep run` creates it, or name another with --state", path.display())]
    Missing { path: PathBuf },
    #[error("[LS-STA-002] {} is not a Lockstep state file ({reason}): name another file with --state, or move this one away", path.display())]
    NotAState { path: PathBuf, reason: String },
    #[error(
        "[LS-STA-003] the state is damaged ({detail}): restore a backup with `lockstep restore`; an older state is safe, work is repeated but no edit is lost"
    )]
    Corrupt { detail: String },
    #[error("[LS-STA-004] {} was written by a newer Lockstep (state version {found}, this one reads up to {known}): upgrade, or restore a backup taken before", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("[LS-STA-005] {} cannot be written ({reason}): give this user write access to the file and its directory", path.display())]
    ReadOnly { path: PathBuf, reason: String },
    #[error("[LS-STA-006] the disk of the state file is full: free some space; what was not saved is repeated")]
    DiskFull,
    #[error("[LS-STA-007] {} is in use by process {}: stop that `lockstep run` first", path.display(), owner_text(*.pid))]
    Locked { path: PathBuf, pid: Option<u32> },
    #[error(
        "[LS-STA-008] sync {sync} was taken over: this commit carries epoch {epoch} and sequence {expected}, the state is at epoch {found_epoch} and sequence {found}"
    )]
    Fenced { sync: u32, epoch: u64, expected: u64, found_epoch: u64, found: u64 },
    #[error("[LS-STA-009] one commit of {bytes} bytes is more than the {max} allowed: make the batch smaller")]
    TooLarge { bytes: usize, max: usize },
    #[error("[LS-STA-010] reading or writing {}: {message}", path.display())]
    Io { path: PathBuf, message: String },
    #[error("[LS-STA-011] the state is closed: it takes no more commits")]
    Closed,
    #[error("[LS-STA-012] the state knows no {what} {name:?}")]
    Unknown { what: &'static str, name: String },
    #[error("[LS-STA-013] {what} is used up: {max} at the most in the life of a sync")]
    UsedUp { what: &'static str, max: u64 },
    #[error("[LS-STA-014] a commit does not follow from the state: {detail}")]
    Disorder { detail: String },
    #[error("[LS-STA-015] the query is not understood: {message}")]
    Query { message: String },
    #[error("[LS-STA-016] the query is refused: {message}; only SELECT over the documented views and tables")]
    QueryRefused { message: String },
    #[error("[LS-STA-017] the query ran longer than {seconds} s and was stopped: narrow it")]
    QueryTime { seconds: u64 },
    #[error("[LS-STA-018] another program holds the state file: {message}")]
    Busy { message: String },
    #[error("[LS-STA-019] unexpected answer from the state file: {message}")]
    Unexpected { message: Arc<str> },
}

fn owner_text(pid: Option<u32>) -> String {
    pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string())
}

impl StateError {
    /// The stable code, for help pages and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            StateError::Missing { .. } => "LS-STA-001",
            StateError::NotAState { .. } => "LS-STA-002",
            StateError::Corrupt { .. } => "LS-STA-003",
            StateError::Newer { .. } => "LS-STA-004",
            StateError::ReadOnly { .. } => "LS-STA-005",
            StateError::DiskFull => "LS-STA-006",
            StateError::Locked { .. } => "LS-STA-007",
            StateError::Fenced { .. } => "LS-STA-008",
            StateError::TooLarge { .. } => "LS-STA-009",
            StateError::Io { .. } => "LS-STA-010",
            StateError::Closed => "LS-STA-011",
            StateError::Unknown { .. } => "LS-STA-012",
            StateError::UsedUp { .. } => "LS-STA-013",
            StateError::Disorder { .. } => "LS-STA-014",
            StateError::Query { .. } => "LS-STA-015",
            StateError::QueryRefused { .. } => "LS-STA-016",
            StateError::QueryTime { .. } => "LS-STA-017",
            StateError::Busy { .. } => "LS-STA-018",
            StateError::Unexpected { .. } => "LS-STA-019",
        }
    }

    /// Whether the same commit may succeed later without anything else changing
    /// in the program: the disk is freed, the other program lets go.
    pub fn is_passing(&self) -> bool {
        matches!(self, StateError::DiskFull | StateError::Busy { .. } | StateError::Io { .. })
    }

    pub(crate) fn corrupt(detail: impl Into<String>) -> Self {
        StateError::Corrupt { detail: detail.into() }
    }
}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StateError::DiskFull,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StateError::corrupt(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StateError::Busy { message: error.to_string() }
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                StateError::ReadOnly { path: PathBuf::from("the state file"), reason: error.to_string() }
            }
            Some(ErrorCode::SystemIoFailure) => {
                StateError::Io { path: PathBuf::from("the state file"), message: error.to_string() }
            }
            _ => StateError::Unexpected { message: error.to_string().into() },
        }
    }
}
