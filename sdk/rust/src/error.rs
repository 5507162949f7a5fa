//! Errors: a code the host acts on, words a person can use, and a remedy.

use std::io;

use crate::model::Error;

/// What every call of a connector answers with.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of any code; see the contract for those the host acts on.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Error {
            code: code.into(),
            message: message.into(),
            remedy: String::new(),
            retry_after_ms: None,
            extras: Vec::new(),
        }
    }

    /// Passing: the same call may work in a moment.
    pub fn retry(message: impl Into<String>) -> Self {
        Error::new("retry", message)
    }

    /// The system asks for less. `after_ms`: when to come back.
    pub fn throttled(message: impl Into<String>, after_ms: u32) -> Self {
        Error::new("throttled", message).with_retry_after_ms(after_ms)
    }

    /// The system could not be reached.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Error::new("unavailable", message)
    }

    /// Credentials were refused.
    pub fn auth(message: impl Into<String>) -> Self {
        Error::new("auth", message)
    }

    /// A right is missing.
    pub fn denied(message: impl Into<String>) -> Self {
        Error::new("denied", message)
    }

    /// The configuration cannot work as it is.
    pub fn config(message: impl Into<String>) -> Self {
        Error::new("config", message)
    }

    /// The object or column does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Error::new("not-found", message)
    }

    /// The stream no longer reaches back to the cursor.
    pub fn cursor_invalid(message: impl Into<String>) -> Self {
        Error::new("cursor-invalid", message)
    }

    /// This connector cannot do `what`.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Error::new("unsupported", format!("this connector does not support {}", what.into()))
    }

    /// A defect in the connector, or an answer it does not understand.
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new("internal", message)
    }

    /// What the operator can do about it, often a statement to run.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// When trying again makes sense, in milliseconds from now.
    #[must_use]
    pub fn with_retry_after_ms(mut self, after_ms: u32) -> Self {
        self.retry_after_ms = Some(after_ms);
        self
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Error::denied(error.to_string()),
            io::ErrorKind::InvalidData => Error::internal(error.to_string()),
            _ => Error::unavailable(error.to_string()),
        }
    }
}
