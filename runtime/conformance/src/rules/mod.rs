//! What each rule does. A rule makes rows of its own, does one thing to them,
//! and compares what the connector said with what the system then holds.

pub(crate) mod batch;
pub(crate) mod check;
pub(crate) mod conflict;
pub(crate) mod crash;
pub(crate) mod discover;
pub(crate) mod ensure;
pub(crate) mod idle;
pub(crate) mod read;
pub(crate) mod repeat;
pub(crate) mod resume;
pub(crate) mod spec;
pub(crate) mod stream;
pub(crate) mod webhook;
pub(crate) mod write;

use lockstep_host::HostError;

use crate::report::{Checked, Stop, told};

/// Names nothing has.
pub(crate) const NO_OBJECT: &str = "lockstep_kit_no_such_object";
pub(crate) const NO_COLUMN: &str = "lockstep_kit_no_such_column";

/// A call that has to be refused, with one of these codes and with words.
pub(crate) fn refused<T>(what: &str, result: Result<T, HostError>, codes: &[&str]) -> Checked {
    let wanted = format!("{what} to be refused with {}", codes.join(" or "));
    match result {
        Ok(_) => Err(Stop::failed(wanted, "it was taken")),
        Err(HostError::Guest(error)) if codes.contains(&error.code.as_str()) && error.message.is_empty() => {
            Err(Stop::failed(format!("{what} to be refused in words"), format!("`{}` and no message", error.code)))
        }
        Err(HostError::Guest(error)) if codes.contains(&error.code.as_str()) => Ok(()),
        // The host refuses what cannot be granted or signed in with before the connector is asked.
        Err(HostError::Config { .. } | HostError::SignIn { .. }) if codes.contains(&"config") => Ok(()),
        Err(error) => Err(Stop::failed(wanted, told(&error))),
    }
}
