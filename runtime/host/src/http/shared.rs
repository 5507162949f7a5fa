//! One way out a connection: instances opened with the same configuration, rights
//! and secrets share connections, places among the requests, tokens and the audit log.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;

use super::{Egress, Sent};

/// Close idle connections of a way out for as long as it is in use.
async fn tidy(egress: Weak<Egress>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(egress) = egress.upgrade() else { return };
        egress.tidy();
    }
}

/// What makes two sessions those of one connection: a hash over everything that they were given.
pub(crate) type Identity = [u8; 32];

/// The ways out that are in use.
#[derive(Default)]
pub(crate) struct Egresses(Mutex<HashMap<Identity, Weak<Egress>>>);

impl Egresses {
    /// The latest requests of a connection, oldest first.
    pub(crate) fn sent(&self, connection: &str) -> Vec<Sent> {
        let in_use: Vec<Arc<Egress>> = self.0.lock().values().filter_map(Weak::upgrade).collect();
        let of_it = in_use.iter().filter(|egress| egress.name == connection);
        let mut sent: Vec<Sent> = of_it.flat_map(|egress| egress.sent()).collect();
        sent.sort_by_key(|sent| sent.at);
        sent
    }

    /// The one in use under this identity, or a new one.
    pub(crate) fn of(&self, identity: Identity, make: impl FnOnce() -> Egress) -> Arc<Egress> {
        let mut all = self.0.lock();
        if let Some(egress) = all.get(&identity).and_then(Weak::upgrade) {
            return egress;
        }
        all.retain(|_, egress| egress.strong_count() > 0);
        let egress = Arc::new(make());
        all.insert(identity, Arc::downgrade(&egress));
        tokio::spawn(tidy(Arc::downgrade(&egress), egress.idle_for()));
        egress
    }
}
