//! A person's edits at the worst moment: just before, or just after, a request
//! that is coming is answered. How a competing writer gets between a read and
//! the write that rests on it.

use serde::{Deserialize, Serialize};

use super::state::Edit;

/// Interjections that wait at the same time, at most.
pub const INTERJECTIONS_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    Before,
    After,
}

/// Edits around a coming request to the data API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interjection {
    /// Any method when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// A part of the path.
    pub path: String,
    pub when: When,
    /// Let this many such requests through first.
    #[serde(default)]
    pub skip: u32,
    /// Every edit is a transaction of its own; one that is refused is left out.
    pub edits: Vec<Edit>,
}

impl Interjection {
    /// Before the next request with this method to a path that contains `path`.
    pub fn before(method: &str, path: &str, edits: Vec<Edit>) -> Self {
        Self { method: Some(method.into()), path: path.into(), when: When::Before, skip: 0, edits }
    }

    pub fn after(method: &str, path: &str, edits: Vec<Edit>) -> Self {
        Self { when: When::After, ..Self::before(method, path, edits) }
    }

    #[must_use]
    pub fn skip(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        path.contains(&self.path) && self.method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(method))
    }
}

/// The edits due around this request, in order; used up.
pub fn take(waiting: &mut Vec<Interjection>, method: &str, path: &str) -> Vec<(When, Edit)> {
    let mut due = Vec::new();
    waiting.retain_mut(|interjection| {
        if !interjection.matches(method, path) {
            return true;
        }
        if interjection.skip > 0 {
            interjection.skip -= 1;
            return true;
        }
        due.extend(interjection.edits.drain(..).map(|edit| (interjection.when, edit)));
        false
    });
    due
}
