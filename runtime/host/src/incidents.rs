//! What connectors did wrong or were refused, for the operator: one entry an
//! incident, equal ones in a row counted, a bounded number of them.

use std::{collections::VecDeque, time::SystemTime};

use parking_lot::Mutex;

/// One crash, time-out, broken answer, refused connection or parking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The latest of those counted.
    pub at: SystemTime,
    pub connection: String,
    /// `tail`, `write`, `read` or `ingest`.
    pub role: &'static str,
    /// Such as `LS-H011`; `denied` where a right is missing.
    pub code: &'static str,
    /// What happened, in words.
    pub what: String,
    /// What the operator can do; empty where nothing is known.
    pub remedy: String,
    /// The bound that was reached, by its name in the configuration; empty otherwise.
    pub bound: &'static str,
    pub count: u64,
}

impl Incident {
    fn equals(&self, other: &Incident) -> bool {
        (self.role, self.code, &self.what) == (other.role, other.code, &other.what)
    }
}

/// A connection's latest, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Incidents(Mutex<VecDeque<Incident>>);

impl Incidents {
    pub(crate) fn note(&self, incident: Incident, entries_max: usize) {
        let mut kept = self.0.lock();
        if let Some(last) = kept.back_mut()
            && last.equals(&incident)
        {
            (last.at, last.count) = (incident.at, last.count + 1);
            return;
        }
        while kept.len() >= entries_max {
            if kept.pop_front().is_none() {
                return;
            }
        }
        kept.push_back(incident);
    }

    pub(crate) fn list(&self) -> Vec<Incident> {
        self.0.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(what: &str) -> Incident {
        Incident {
            at: SystemTime::UNIX_EPOCH,
            connection: "crm".into(),
            role: "read",
            code: "LS-H011",
            what: what.into(),
            remedy: String::new(),
            bound: "",
            count: 1,
        }
    }

    #[test]
    fn equal_ones_are_counted_and_the_oldest_forgotten() {
        let incidents = Incidents::default();
        for what in ["a", "a", "b", "c", "c", "c"] {
            incidents.note(incident(what), 2);
        }
        let kept: Vec<(String, u64)> = incidents.list().into_iter().map(|one| (one.what, one.count)).collect();
        assert_eq!(kept, [("b".to_owned(), 1), ("c".to_owned(), 3)]);
    }
}
