//! Everything that can go wrong in this connector, and the one match that
//! turns it into the contract's error: its code, its remedy, retry or not.

use crate::platform::StreamError;
use lockstep_sdk::model::Error;

/// PostgreSQL's error response, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    pub severity: String,
    /// SQLSTATE.
    pub code: String,
    pub message: String,
    pub detail: String,
    pub hint: String,
    pub schema: String,
    pub table: String,
    pub column: String,
    pub data_type: String,
    pub constraint: String,
}

/// This crate's errors. Codes are stable: `LS-PG-…`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    #[error("{} (SQLSTATE {})", .0.message, .0.code)]
    Server(Box<ServerError>),
    /// The connection is gone; what was under way may or may not have happened.
    #[error("the connection to PostgreSQL broke: {0}")]
    Closed(String),
    #[error("PostgreSQL could not be reached: {0}")]
    Unreachable(String),
    #[error("PostgreSQL did not answer within {0} ms")]
    TimedOut(u64),
    #[error("PostgreSQL sent something that its protocol does not allow: {0}")]
    Protocol(String),
    #[error("{0}")]
    Config(String),
    #[error("{0}")]
    Auth(String),
    #[error("{message}")]
    Denied { message: String, remedy: String },
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    CursorInvalid(String),
    #[error("{0}")]
    Unsupported(String),
    #[error("{message}")]
    Busy { message: String, remedy: String, retry_after_ms: u32 },
    #[error("{0}")]
    Internal(String),
}

pub type Result<T> = std::result::Result<T, Failure>;

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Closed(why) => Failure::Closed(why),
            StreamError::Failed(why) => Failure::Unreachable(why),
        }
    }
}

impl Failure {
    /// The server's SQLSTATE, when it was the server that refused.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Failure::Server(error) => Some(&error.code),
            _ => None,
        }
    }

    /// Whether the connection this came over can no longer be used.
    pub fn ends_connection(&self) -> bool {
        match self {
            Failure::Closed(_) | Failure::Unreachable(_) | Failure::TimedOut(_) | Failure::Protocol(_) => true,
            // 57P01 admin shutdown, 57P02 crash shutdown, 57P05 idle session timeout,
            // 25P03 idle in transaction timeout.
            Failure::Server(error) => {
                error.severity == "FATAL"
                    || error.severity == "PANIC"
                    || matches!(error.code.as_str(), "57P01" | "57P02" | "57P05" | "25P03")
            }
            Failure::Config(_)
            | Failure::Auth(_)
            | Failure::Denied { .. }
            | Failure::NotFound(_)
            | Failure::CursorInvalid(_)
            | Failure::Unsupported(_)
            | Failure::Busy { .. }
            | Failure::Internal(_) => false,
        }
    }

    /// A stable code for documentation.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Server(_) => "LS-PG-SERVER",
            Failure::Closed(_) => "LS-PG-CLOSED",
            Failure::Unreachable(_) => "LS-PG-UNREACHABLE",
            Failure::TimedOut(_) => "LS-PG-TIMEOUT",
            Failure::Protocol(_) => "LS-PG-PROTOCOL",
            Failure::Config(_) => "LS-PG-CONFIG",
            Failure::Auth(_) => "LS-PG-AUTH",
            Failure::Denied { .. } => "LS-PG-DENIED",
            Failure::NotFound(_) => "LS-PG-NOT-FOUND",
            Failure::CursorInvalid(_) => "LS-PG-CURSOR",
            Failure::Unsupported(_) => "LS-PG-UNSUPPORTED",
            Failure::Busy { .. } => "LS-PG-BUSY",
            Failure::Internal(_) => "LS-PG-INTERNAL",
        }
    }

    /// The contract's error.
    pub fn into_error(self) -> Error {
        let message = format!("{self} [{}]", self.code());
        let (code, remedy, retry_after_ms) = match self {
            Failure::Server(error) => return server_error(*error),
            Failure::Closed(_) => ("retry", String::new(), Some(200)),
            Failure::Unreachable(_) => (
                "unavailable",
                "check that the server runs, that host and port are right and granted to this connection".into(),
                Some(1_000),
            ),
            Failure::TimedOut(_) => ("unavailable", String::new(), Some(1_000)),
            Failure::Protocol(_) => ("internal", String::new(), None),
            Failure::Config(_) => ("config", String::new(), None),
            Failure::Auth(_) => {
                ("auth", "check the user, the secret `password` and the server's pg_hba.conf".into(), None)
            }
            Failure::Denied { remedy, .. } => ("denied", remedy, None),
            Failure::NotFound(_) => ("not-found", String::new(), None),
            Failure::CursorInvalid(_) => ("cursor-invalid", "start the stream anew and reconcile".into(), None),
            Failure::Unsupported(_) => ("unsupported", String::new(), None),
            Failure::Busy { remedy, retry_after_ms, .. } => ("unavailable", remedy, Some(retry_after_ms)),
            Failure::Internal(_) => ("internal", String::new(), None),
        };
        Error { code: code.into(), message, remedy, retry_after_ms, extras: Vec::new() }
    }
}

/// SQLSTATE to the contract's code (PostgreSQL manual, appendix A).
fn server_error(error: ServerError) -> Error {
    let (code, retry_after_ms) = match error.code.as_str() {
        "28000" | "28P01" => ("auth", None),
        "42501" => ("denied", None),
        "3D000" => ("config", None),
        "42P01" | "42703" | "3F000" | "42704" => ("not-found", None),
        "55006" | "55P03" | "57014" => ("retry", Some(500)),
        "53300" | "53400" | "57P03" => ("unavailable", Some(1_000)),
        "57P01" | "57P02" | "57P05" | "25P03" => ("retry", Some(500)),
        "0A000" => ("unsupported", None),
        other if other.starts_with("08") || other.starts_with("40") => ("retry", Some(100)),
        other if other.starts_with("53") => ("unavailable", Some(5_000)),
        _ => ("internal", None),
    };
    let mut message = format!("PostgreSQL: {} (SQLSTATE {})", error.message, error.code);
    if !error.detail.is_empty() {
        message.push_str(": ");
        message.push_str(&error.detail);
    }
    Error { code: code.into(), message, remedy: error.hint, retry_after_ms, extras: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: &str) -> Failure {
        Failure::Server(Box::new(ServerError { code: code.into(), message: "m".into(), ..ServerError::default() }))
    }

    #[test]
    fn a_sqlstate_becomes_the_code_the_host_acts_on() {
        for (state, code) in [
            ("28P01", "auth"),
            ("42501", "denied"),
            ("42P01", "not-found"),
            ("40001", "retry"),
            ("40P01", "retry"),
            ("53100", "unavailable"),
            ("0A000", "unsupported"),
            ("XX000", "internal"),
        ] {
            assert_eq!(server(state).into_error().code, code, "{state}");
        }
    }

    #[test]
    fn a_shutdown_ends_the_connection_and_a_constraint_does_not() {
        assert!(server("57P01").ends_connection());
        assert!(!server("23505").ends_connection());
    }
}
