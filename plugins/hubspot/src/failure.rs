//! Everything that can go wrong in this connector, and the one match that
//! turns it into the contract's error: its code, its remedy, retry or not.

use lockstep_sdk::http;
use lockstep_sdk::model::Error;

use crate::limits;
use crate::response::Problem;

/// This crate's errors. Codes are stable: `LS-HS-…`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// HubSpot answered, and refused.
    #[error("HubSpot: {}", .0.message)]
    Refused(Box<Problem>),
    /// Nothing was sent.
    #[error("HubSpot could not be reached: {0}")]
    NotSent(String),
    /// The host refused to send it.
    #[error("{0}")]
    NotGranted(String),
    /// It may have been sent, and taken effect.
    #[error("HubSpot did not answer: {0}")]
    NoAnswer(String),
    #[error("HubSpot sent something that cannot be read: {0}")]
    Unreadable(String),
    #[error("{0}")]
    Config(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    CursorInvalid(String),
    #[error("{0}")]
    Unsupported(String),
    /// True in a moment, not yet.
    #[error("{message}")]
    NotYet { message: String, retry_after_ms: u32 },
    #[error("{0}")]
    Internal(String),
}

pub type Result<T> = std::result::Result<T, Failure>;

impl From<http::Failure> for Failure {
    fn from(failure: http::Failure) -> Self {
        match failure {
            http::Failure::NotSent(why) => Failure::NotSent(why),
            http::Failure::Denied(why) => Failure::NotGranted(why),
            http::Failure::Unknown(why) => Failure::NoAnswer(why),
        }
    }
}

impl Failure {
    /// What HubSpot said, when it was HubSpot that refused.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Failure::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether what was asked for may have been done all the same.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Failure::NoAnswer(_) | Failure::Unreadable(_) => true,
            Failure::Refused(problem) => problem.status >= 500,
            Failure::NotSent(_)
            | Failure::NotGranted(_)
            | Failure::Config(_)
            | Failure::NotFound(_)
            | Failure::CursorInvalid(_)
            | Failure::Unsupported(_)
            | Failure::NotYet { .. }
            | Failure::Internal(_) => false,
        }
    }

    /// A stable code for documentation.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Refused(problem) => match problem.status {
                401 => "LS-HS-AUTH",
                403 => "LS-HS-SCOPE",
                429 => "LS-HS-LIMIT",
                500.. => "LS-HS-SERVER",
                _ => "LS-HS-REFUSED",
            },
            Failure::NotSent(_) => "LS-HS-UNREACHABLE",
            Failure::NotGranted(_) => "LS-HS-GRANT",
            Failure::NoAnswer(_) => "LS-HS-NO-ANSWER",
            Failure::Unreadable(_) => "LS-HS-UNREADABLE",
            Failure::Config(_) => "LS-HS-CONFIG",
            Failure::NotFound(_) => "LS-HS-NOT-FOUND",
            Failure::CursorInvalid(_) => "LS-HS-CURSOR",
            Failure::Unsupported(_) => "LS-HS-UNSUPPORTED",
            Failure::NotYet { .. } => "LS-HS-NOT-YET",
            Failure::Internal(_) => "LS-HS-INTERNAL",
        }
    }

    /// The contract's error.
    pub fn into_error(self) -> Error {
        let message = format!("{self} [{}]", self.code());
        let (code, remedy, retry_after_ms) = match self {
            Failure::Refused(problem) => return refusal(&problem, message),
            Failure::NotSent(_) => {
                ("unavailable", "check that base_url is right and granted to this connection".to_owned(), Some(1_000))
            }
            Failure::NotGranted(why) => ("denied", why, None),
            Failure::NoAnswer(_) => ("unavailable", String::new(), Some(1_000)),
            Failure::Unreadable(_) => ("internal", String::new(), None),
            Failure::Config(_) => ("config", String::new(), None),
            Failure::NotFound(_) => ("not-found", String::new(), None),
            Failure::CursorInvalid(_) => ("cursor-invalid", "start the stream anew and reconcile".into(), None),
            Failure::Unsupported(_) => ("unsupported", String::new(), None),
            Failure::NotYet { retry_after_ms, .. } => ("retry", String::new(), Some(retry_after_ms)),
            Failure::Internal(_) => ("internal", String::new(), None),
        };
        Error { code: code.into(), message, remedy, retry_after_ms, extras: Vec::new() }
    }
}

/// HubSpot's answer to the contract's code.
fn refusal(problem: &Problem, message: String) -> Error {
    let (code, remedy, retry_after_ms) = match problem.status {
        401 => ("auth", "check the connection's token: it was refused, expired or revoked".to_owned(), None),
        403 => ("denied", scope_remedy(problem), None),
        404 => ("not-found", String::new(), None),
        408 | 423 | 425 => ("retry", String::new(), Some(1_000)),
        429 => ("throttled", String::new(), Some(limits::wait_ms(problem))),
        500.. => ("unavailable", String::new(), Some(2_000)),
        _ => ("internal", String::new(), None),
    };
    Error { code: code.into(), message, remedy, retry_after_ms, extras: Vec::new() }
}

fn scope_remedy(problem: &Problem) -> String {
    match problem.scopes.is_empty() {
        true => "give the app the scopes it needs, and install it again".into(),
        false => format!("give the app one of the scopes {}, and install it again", problem.scopes.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> Failure {
        Failure::Refused(Box::new(Problem { status, message: "m".into(), ..Problem::default() }))
    }

    #[test]
    fn an_answers_status_becomes_the_code_the_host_acts_on() {
        for (status, code) in [
            (401, "auth"),
            (403, "denied"),
            (404, "not-found"),
            (429, "throttled"),
            (502, "unavailable"),
            (400, "internal"),
        ] {
            assert_eq!(refused(status).into_error().code, code, "{status}");
        }
    }

    #[test]
    fn only_what_may_have_arrived_is_uncertain() {
        assert!(Failure::NoAnswer(String::new()).is_uncertain());
        assert!(refused(504).is_uncertain());
        assert!(!refused(429).is_uncertain());
        assert!(!Failure::NotSent(String::new()).is_uncertain());
    }
}
