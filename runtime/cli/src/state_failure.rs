//! Errors of the state file as people see them.

use lockstep_state::StateError;

use crate::failure::Failure;

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let code = error.code();
        let text = error.to_string();
        let text = text.strip_prefix(&format!("[{code}] ")).unwrap_or(&text);
        // What happened, a colon, and what to do about it.
        match text.rsplit_once(": ") {
            Some((what, remedy)) if remedy.contains(' ') => Failure::new(code, what).remedy(remedy),
            _ => Failure::new(code, text),
        }
    }
}
