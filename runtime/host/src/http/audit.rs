//! What was sent, for the operator: one line a request, a bounded number of
//! them, and never a query, a header or a body.

use std::{collections::VecDeque, time::SystemTime};

use parking_lot::Mutex;

/// One request that a connector made, or tried to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When it began.
    pub at: SystemTime,
    pub connection: String,
    /// `tail`, `write`, `read`, …; `sign-in` for a token's own request.
    pub role: &'static str,
    pub method: String,
    /// Such as `https://api.example.com`.
    pub place: String,
    /// Without the query.
    pub path: String,
    /// The answer's, 0 where there is none.
    pub status: u16,
    /// Why there is none: `denied`, `refused`, `not-sent` or `unknown`. Empty otherwise.
    pub failure: &'static str,
    /// Of the request's and the answer's bodies, as they crossed the wire.
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub took_ms: u64,
    /// `traceparent`'s trace id, as sent along.
    pub trace: String,
}

/// The latest entries, oldest first.
#[derive(Debug)]
pub(crate) struct Audit {
    entries: Mutex<VecDeque<Sent>>,
    entries_max: usize,
}

impl Audit {
    pub(crate) fn new(entries_max: usize) -> Self {
        Audit { entries: Mutex::default(), entries_max }
    }

    pub(crate) fn note(&self, sent: Sent) {
        tracing::debug!(
            target: "lockstep::egress",
            connection = %sent.connection,
            role = sent.role,
            method = %sent.method,
            place = %sent.place,
            path = %sent.path,
            status = sent.status,
            failure = sent.failure,
            bytes_sent = sent.bytes_sent,
            bytes_received = sent.bytes_received,
            took_ms = sent.took_ms,
            trace = %sent.trace,
            "request"
        );
        let mut entries = self.entries.lock();
        while entries.len() >= self.entries_max {
            if entries.pop_front().is_none() {
                return;
            }
        }
        entries.push_back(sent);
    }

    pub(crate) fn list(&self) -> Vec<Sent> {
        self.entries.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_requests_are_forgotten_first() {
        let audit = Audit::new(2);
        for path in ["/a", "/b", "/c"] {
            audit.note(Sent {
                at: SystemTime::UNIX_EPOCH,
                connection: "crm".into(),
                role: "read",
                method: "GET".into(),
                place: "https://api.example.com".into(),
                path: path.into(),
                status: 200,
                failure: "",
                bytes_sent: 0,
                bytes_received: 0,
                took_ms: 0,
                trace: String::new(),
            });
        }
        let kept: Vec<String> = audit.list().into_iter().map(|sent| sent.path).collect();
        assert_eq!(kept, ["/b", "/c"]);
    }
}
