//! Access tokens and refresh tokens the organisation gave out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

/// Access tokens remembered; the oldest are forgotten first.
const SESSIONS_MAX: usize = 10_000;

/// The tokens in force.
#[derive(Debug, Default)]
pub struct Sessions {
    /// Access token to the time it ends.
    access: BTreeMap<String, Timestamp>,
    refresh: BTreeSet<String>,
    made: u64,
}

impl Sessions {
    pub fn open(&mut self, ends: Timestamp) -> String {
        self.made += 1;
        let token = format!("00DSm00000000001!AQ{:012}.{}", self.made, scatter(self.made));
        if self.access.len() >= SESSIONS_MAX {
            self.access.pop_first();
        }
        self.access.insert(token.clone(), ends);
        token
    }

    pub fn is_open(&self, token: &str, now: Timestamp) -> bool {
        self.access.get(token).is_some_and(|ends| now < *ends)
    }

    /// Every access token in force.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.access.keys().map(String::as_str)
    }

    /// Ends every session now; refresh tokens stay good.
    pub fn end_all(&mut self) {
        self.access.clear();
    }

    pub fn grant_refresh(&mut self) -> String {
        self.made += 1;
        let token = format!("5Aep861.{:012}.{}", self.made, scatter(self.made));
        self.refresh.insert(token.clone());
        token
    }

    pub fn knows_refresh(&self, token: &str) -> bool {
        self.refresh.contains(token)
    }

    pub fn revoke_refresh(&mut self, token: &str) {
        self.refresh.remove(token);
    }
}

/// Looks like a secret, and is the same in every run.
fn scatter(number: u64) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut text = String::new();
    for _ in 0..4 {
        state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        text.push_str(&format!("{state:016x}"));
    }
    text
}
