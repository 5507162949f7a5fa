//! The engine's errors, each with a stable code.

use crate::port::{SessionError, SessionErrorKind};

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A connection could not do what was asked of it.
    #[error("connection '{connection}': {source}")]
    Session { connection: String, source: SessionError },
    #[error("no sync named '{0}' is configured")]
    UnknownSync(String),
    #[error("sync '{sync}' has no side '{side}'")]
    UnknownSide { sync: String, side: String },
    #[error("sync '{sync}' has no field '{field}'")]
    UnknownField { sync: String, field: String },
    #[error("no connection named '{0}' is configured")]
    UnknownConnection(String),
    #[error("sync '{sync}' has no record {record}")]
    UnknownRecord { sync: String, record: String },
    /// The mapping does not fit what the systems have.
    #[error("sync '{sync}': {message}")]
    Mapping { sync: String, message: String },
    /// A component that a mapping names cannot be used.
    #[error("{message}")]
    Code { code: &'static str, message: String, remedy: String },
    /// What was asked cannot be done as things stand.
    #[error("{message}")]
    Refused { message: String, remedy: String },
    #[error("the engine has stopped")]
    Stopped,
    /// The state file could not be read or written.
    #[error("state: {message}")]
    State { code: &'static str, message: String },
    /// A rule of the engine itself was broken; a defect.
    #[error("internal: {0}")]
    Internal(String),
}

impl EngineError {
    /// The stable code, as `lockstep help CODE` explains it.
    pub fn code(&self) -> &'static str {
        match self {
            EngineError::Session { source: SessionError { code: Some(code), .. }, .. } => code,
            EngineError::Session { source, .. } => match source.kind {
                SessionErrorKind::Retry | SessionErrorKind::Throttled | SessionErrorKind::Unavailable => "LS-ENG-101",
                SessionErrorKind::Auth => "LS-ENG-102",
                SessionErrorKind::Denied => "LS-ENG-103",
                SessionErrorKind::Config => "LS-ENG-104",
                SessionErrorKind::NotFound => "LS-ENG-105",
                SessionErrorKind::CursorInvalid => "LS-ENG-106",
                SessionErrorKind::Unsupported => "LS-ENG-107",
                SessionErrorKind::CursorVersion => "LS-ENG-110",
                SessionErrorKind::Internal => "LS-ENG-108",
                SessionErrorKind::Crashed => "LS-ENG-109",
            },
            EngineError::UnknownSync(_) => "LS-ENG-201",
            EngineError::UnknownSide { .. } => "LS-ENG-202",
            EngineError::UnknownField { .. } => "LS-ENG-203",
            EngineError::UnknownConnection(_) => "LS-ENG-204",
            EngineError::UnknownRecord { .. } => "LS-ENG-205",
            EngineError::Mapping { .. } => "LS-ENG-301",
            EngineError::Code { code, .. } => code,
            EngineError::Refused { .. } => "LS-ENG-302",
            EngineError::Stopped => "LS-ENG-401",
            EngineError::State { code, .. } => code,
            EngineError::Internal(_) => "LS-ENG-901",
        }
    }

    /// What a person can do about it; empty if nothing is known.
    pub fn remedy(&self) -> &str {
        match self {
            EngineError::Session { source, .. } => &source.remedy,
            EngineError::Refused { remedy, .. } | EngineError::Code { remedy, .. } => remedy,
            EngineError::UnknownSync(_)
            | EngineError::UnknownSide { .. }
            | EngineError::UnknownField { .. }
            | EngineError::UnknownConnection(_) => {
                "compare the name with the configuration; 'lockstep status' lists what there is"
            }
            EngineError::UnknownRecord { .. } => "give a record number as listings show it, or SIDE:KEY",
            EngineError::Mapping { .. } => "correct the mapping; 'lockstep discover' shows the columns",
            EngineError::Stopped => "start it again with 'lockstep run'",
            EngineError::State { .. } => "",
            EngineError::Internal(_) => "please report this with the log around it",
        }
    }

    #[allow(dead_code)]
    pub(crate) fn session(connection: &str, source: SessionError) -> Self {
        EngineError::Session { connection: connection.to_owned(), source }
    }
}

impl From<lockstep_state::StateError> for EngineError {
    fn from(error: lockstep_state::StateError) -> Self {
        EngineError::State { code: error.code(), message: error.to_string() }
    }
}
