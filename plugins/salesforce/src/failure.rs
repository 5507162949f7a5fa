//! Everything that can go wrong in this connector, and the one match that
//! turns it into the contract's error: its code, its remedy, retry or not.

use lockstep_sdk::http;
use lockstep_sdk::model::Error;

/// How long to leave an organisation alone whose daily requests are used up.
pub const DAILY_LIMIT_RETRY_MS: u32 = 15 * 60_000;
/// How long to wait after too many requests at once.
pub const CONCURRENCY_RETRY_MS: u32 = 2_000;
const CHECK_APP: &str = "check the connected app, its secret and the integration user's right `API Enabled`";
const UNAVAILABLE_RETRY_MS: u32 = 2_000;

/// One error of an answer, whichever of the vendor's three spellings it had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    pub status: u16,
    /// Such as `INVALID_FIELD`.
    pub code: String,
    pub message: String,
    pub fields: Vec<String>,
    /// Rows that a duplicate rule found.
    pub matches: Vec<String>,
    /// When to come back, where the answer says it.
    pub retry_after_ms: Option<u32>,
}

/// This crate's errors. Codes are stable: `LS-SF-…`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("Salesforce: {} ({}, HTTP {})", .0.message, .0.code, .0.status)]
    Api(Box<ApiError>),
    #[error("Salesforce could not be reached: {0}")]
    Unreachable(String),
    /// The request left and no answer came.
    #[error("Salesforce did not answer: {0}")]
    Broken(String),
    #[error("{0}")]
    Denied(String),
    #[error("Salesforce sent something that was not understood: {0}")]
    Protocol(String),
    #[error("{0}")]
    Config(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    CursorInvalid(String),
    #[error("{0}")]
    Unsupported(String),
    #[error("{message}")]
    Streaming { message: String, remedy: String },
    #[error("{0}")]
    EventLimit(String),
    #[error("signing in failed: {0}")]
    SignIn(String),
}

pub type Result<T> = std::result::Result<T, Failure>;

impl From<http::Failure> for Failure {
    fn from(failure: http::Failure) -> Self {
        match failure {
            http::Failure::NotSent(why) => Failure::Unreachable(why),
            http::Failure::Denied(why) => Failure::Denied(why),
            http::Failure::Unknown(why) => Failure::Broken(why),
        }
    }
}

/// What an error of the vendor means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The row is locked by another transaction, or lost a race for it.
    Busy,
    /// The requests of the day, or those at once, are used up.
    Limit { retry_ms: u32 },
    /// The service is not there.
    Away,
    /// Credentials were refused.
    Auth,
    /// A right is missing.
    Denied,
    /// The row, object or field does not exist (any more).
    Missing,
    /// The precondition does not hold.
    Changed,
    /// Trying again cures nothing.
    Refused,
}

impl ApiError {
    /// Keyed on the code, not on the HTTP status: Salesforce gives the same code
    /// with different statuses (documented).
    pub fn trouble(&self) -> Trouble {
        match self.code.as_str() {
            "UNABLE_TO_LOCK_ROW" | "ROW_LOCKED" | "OPERATION_TOO_LARGE_RETRY" => Trouble::Busy,
            "REQUEST_LIMIT_EXCEEDED" | "TXN_SECURITY_METERING_ERROR" if self.message.contains("oncurrent") => {
                Trouble::Limit { retry_ms: self.retry_after_ms.unwrap_or(CONCURRENCY_RETRY_MS) }
            }
            "REQUEST_LIMIT_EXCEEDED" => {
                Trouble::Limit { retry_ms: self.retry_after_ms.unwrap_or(DAILY_LIMIT_RETRY_MS) }
            }
            "SERVER_UNAVAILABLE" | "API_CURRENTLY_DISABLED" | "QUERY_TIMEOUT" => Trouble::Away,
            "INVALID_SESSION_ID" | "INVALID_AUTH_HEADER" | "INVALID_LOGIN" | "invalid_grant" | "invalid_client" => {
                Trouble::Auth
            }
            "INSUFFICIENT_ACCESS"
            | "INSUFFICIENT_ACCESS_OR_READONLY"
            | "API_DISABLED_FOR_ORG"
            | "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" => Trouble::Denied,
            "NOT_FOUND" | "ENTITY_IS_DELETED" | "INVALID_TYPE" | "INVALID_FIELD" | "NO_SUCH_COLUMN" => Trouble::Missing,
            "PRECONDITION_FAILED" => Trouble::Changed,
            _ => match self.status {
                412 => Trouble::Changed,
                429 => Trouble::Limit { retry_ms: self.retry_after_ms.unwrap_or(CONCURRENCY_RETRY_MS) },
                401 => Trouble::Auth,
                500 | 502 | 503 | 504 => Trouble::Away,
                _ => Trouble::Refused,
            },
        }
    }
}

impl Failure {
    /// A stable code for documentation.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Api(_) => "LS-SF-API",
            Failure::Unreachable(_) => "LS-SF-UNREACHABLE",
            Failure::Broken(_) => "LS-SF-BROKEN",
            Failure::Denied(_) => "LS-SF-DENIED",
            Failure::Protocol(_) => "LS-SF-PROTOCOL",
            Failure::Config(_) => "LS-SF-CONFIG",
            Failure::NotFound(_) => "LS-SF-NOT-FOUND",
            Failure::CursorInvalid(_) => "LS-SF-CURSOR",
            Failure::Unsupported(_) => "LS-SF-UNSUPPORTED",
            Failure::Streaming { .. } => "LS-SF-STREAMING",
            Failure::EventLimit(_) => "LS-SF-EVENT-LIMIT",
            Failure::SignIn(_) => "LS-SF-SIGN-IN",
        }
    }

    /// The contract's error.
    pub fn into_error(self) -> Error {
        let message = format!("{self} [{}]", self.code());
        let (code, remedy, retry_after_ms) = match self {
            Failure::Api(error) => api(&error),
            Failure::Unreachable(_) => (
                "unavailable",
                "check `instance_url`, and that its host is granted to this connection".to_owned(),
                Some(UNAVAILABLE_RETRY_MS),
            ),
            Failure::Broken(_) => ("retry", String::new(), Some(500)),
            Failure::Denied(_) => ("denied", String::new(), None),
            Failure::Protocol(_) => ("internal", String::new(), None),
            Failure::Config(_) => ("config", String::new(), None),
            Failure::NotFound(_) => ("not-found", String::new(), None),
            Failure::CursorInvalid(_) => ("cursor-invalid", "start the stream anew and reconcile".into(), None),
            Failure::Unsupported(_) => ("unsupported", String::new(), None),
            Failure::SignIn(_) => ("auth", CHECK_APP.to_owned(), None),
            Failure::Streaming { remedy, .. } => ("denied", remedy, None),
            Failure::EventLimit(_) => (
                "throttled",
                "the organisation's daily event deliveries are used up: poll these objects, or buy more deliveries"
                    .into(),
                Some(DAILY_LIMIT_RETRY_MS),
            ),
        };
        Error { code: code.into(), message, remedy, retry_after_ms, extras: Vec::new() }
    }
}

fn api(error: &ApiError) -> (&'static str, String, Option<u32>) {
    match error.trouble() {
        Trouble::Busy => ("retry", String::new(), Some(500)),
        Trouble::Limit { retry_ms } => {
            ("throttled", "leave the organisation more API requests a day, or sync less".into(), Some(retry_ms))
        }
        Trouble::Away => ("unavailable", String::new(), Some(UNAVAILABLE_RETRY_MS)),
        Trouble::Auth => ("auth", CHECK_APP.to_owned(), None),
        Trouble::Denied => {
            ("denied", "give the integration user's permission set rights on this object and its fields".into(), None)
        }
        Trouble::Missing => ("not-found", "it may have been removed, or field-level security may hide it".into(), None),
        Trouble::Changed | Trouble::Refused => ("internal", String::new(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(status: u16, code: &str, message: &str) -> Failure {
        let error = ApiError { status, code: code.into(), message: message.into(), ..ApiError::default() };
        Failure::Api(Box::new(error))
    }

    #[test]
    fn a_vendors_code_becomes_the_code_the_host_acts_on() {
        for (status, code, expected) in [
            (401, "INVALID_SESSION_ID", "auth"),
            (403, "REQUEST_LIMIT_EXCEEDED", "throttled"),
            (400, "UNABLE_TO_LOCK_ROW", "retry"),
            (503, "SERVER_UNAVAILABLE", "unavailable"),
            (502, "", "unavailable"),
            (400, "INVALID_FIELD", "not-found"),
            (400, "MALFORMED_QUERY", "internal"),
        ] {
            assert_eq!(api(status, code, "m").into_error().code, expected, "{code}");
        }
    }

    #[test]
    fn too_many_at_once_passes_sooner_than_the_days_limit() {
        let at_once = api(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded.").into_error();
        let daily = api(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").into_error();
        assert!(at_once.retry_after_ms < daily.retry_after_ms);
    }
}
