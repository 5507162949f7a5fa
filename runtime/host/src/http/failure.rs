//! Why a request has no answer, and how that crosses to the guest: in words,
//! with what matters most before them. `denied: ` and `not sent: ` say that nothing
//! left; without either it may have.

use wasmtime_wasi_http::Error;

use crate::network::Denial;

#[derive(Debug)]
pub(crate) enum Failure {
    /// A right is missing.
    Denied(Denial),
    /// The connection's own configuration keeps it from being sent.
    Refused(String),
    /// Nothing left: no connection, no room, no time.
    NotSent(String),
    /// It left, or may have.
    Unknown(String),
    /// As the two above, at a bound that is named as in a configuration.
    Bound { bound: &'static str, left: bool, why: String },
}

impl Failure {
    /// For the audit log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Failure::Denied(_) => "denied",
            Failure::Refused(_) => "refused",
            Failure::NotSent(_) | Failure::Bound { left: false, .. } => "not-sent",
            Failure::Unknown(_) | Failure::Bound { left: true, .. } => "unknown",
        }
    }

    /// Nothing left, for this bound.
    pub(crate) fn kept_back(bound: &'static str, why: impl Into<String>) -> Self {
        Failure::Bound { bound, left: false, why: why.into() }
    }

    /// There is no answer, for this bound.
    pub(crate) fn broken_off(bound: &'static str, why: impl Into<String>) -> Self {
        Failure::Bound { bound, left: true, why: why.into() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Denied(denial) => {
                write!(out, "denied: {}: {}", denial.tried, denial.reason)?;
                if denial.line.is_empty() { Ok(()) } else { write!(out, ". {}", denial.remedy()) }
            }
            Failure::Refused(why) => write!(out, "denied: {why}"),
            Failure::NotSent(why) | Failure::Bound { left: false, why, .. } => write!(out, "not sent: {why}"),
            Failure::Unknown(why) | Failure::Bound { left: true, why, .. } => out.write_str(why),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::InternalError(Some(failure.to_string()))
    }
}
