//! What all instances of one connection share, whatever component and role they are
//! of: the memory and tables they use together, how often they failed,
//! what they did wrong and what they say.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;

use crate::{
    incidents::{Incident, Incidents},
    said::Sayings,
    session::Backoff,
};

/// What fails: a component, by its digest, in a role.
type Failing = (String, &'static str);

/// One connection's.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) memory_bytes: Total,
    pub(crate) table_elements: Total,
    pub(crate) instances: Total,
    pub(crate) incidents: Incidents,
    pub(crate) sayings: Sayings,
    /// By component and role, so that another version starts without its forerunner's failures.
    failures: Mutex<HashMap<Failing, Arc<Mutex<Backoff>>>>,
}

/// Components of a connection whose failures are remembered.
const COMPONENTS_MAX: usize = 64;

impl Ledger {
    /// The failures of a component in a role.
    pub(crate) fn failures(&self, digest: &str, role: &'static str) -> Arc<Mutex<Backoff>> {
        let mut all = self.failures.lock();
        if all.len() >= COMPONENTS_MAX {
            all.retain(|_, failures| Arc::strong_count(failures) > 1);
        }
        Arc::clone(all.entry((digest.to_owned(), role)).or_default())
    }

    /// The roles in which a component is parked, and why.
    fn parked(&self, digest: &str) -> Vec<(&'static str, String)> {
        let all = self.failures.lock();
        let own = all.iter().filter(|((component, _), _)| component == digest);
        let mut parked: Vec<_> = own.filter_map(|((_, role), one)| Some((*role, one.lock().parked()?))).collect();
        parked.sort_unstable();
        parked
    }
}

/// An amount that many take from.
#[derive(Debug, Default)]
pub(crate) struct Total(AtomicUsize);

impl Total {
    /// Take more, unless all would then have more than `max`.
    pub(crate) fn take(&self, more: usize, max: usize) -> bool {
        let fits = |used: usize| used.checked_add(more).filter(|used| *used <= max);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    pub(crate) fn give_back(&self, amount: usize) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }
}

/// The ledgers of a host's connections, by name. As many as the operator configured.
#[derive(Default)]
pub(crate) struct Ledgers(Mutex<HashMap<String, Arc<Ledger>>>);

impl Ledgers {
    pub(crate) fn of(&self, connection: &str) -> Arc<Ledger> {
        Arc::clone(self.0.lock().entry(connection.to_owned()).or_default())
    }

    pub(crate) fn parked(&self, connection: &str, digest: &str) -> Vec<(&'static str, String)> {
        let ledger = self.0.lock().get(connection).cloned();
        ledger.map(|ledger| ledger.parked(digest)).unwrap_or_default()
    }

    pub(crate) fn incidents(&self, connection: &str) -> Vec<Incident> {
        let ledger = self.0.lock().get(connection).cloned();
        ledger.map(|ledger| ledger.incidents.list()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_take_no_more_than_there_is() {
        let total = Total::default();
        assert!(total.take(60, 100) && total.take(40, 100));
        assert!(!total.take(1, 100) && !total.take(usize::MAX, 100));
        total.give_back(40);
        assert!(total.take(40, 100));
        assert!(!total.take(1, 100));
    }
}
