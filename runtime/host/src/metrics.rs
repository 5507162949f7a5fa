//! What a session did, counted. Numbers only ever grow.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The counters of one session, as the host adds to them.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
            /// How often each bound was reached, by its name in the configuration.
            bounds: Mutex<BTreeMap<&'static str, u64>>,
        }

        /// The counters of one session at a moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Metrics { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Metrics {
                Metrics { $($name: self.$name.load(Ordering::Relaxed),)* }
            }

            /// A bound was reached.
            pub(crate) fn reached(&self, bound: &'static str) {
                *self.bounds.lock().entry(bound).or_default() += 1;
            }

            pub(crate) fn bounds(&self) -> BTreeMap<&'static str, u64> {
                self.bounds.lock().clone()
            }
        }
    };
}

counters! {
    /// Calls made, failed ones too.
    calls,
    /// Calls that ended in an error of any kind.
    call_errors,
    /// Microseconds spent in calls, waiting included.
    call_us,
    /// Instances thrown away after a trap, timeout, cancellation or fault.
    restarts,
    /// Rows a connector handed over.
    rows_received,
    /// Intents given to a connector.
    intents_sent,
    connections_opened,
    /// Requests over HTTP, failed ones too.
    requests,
    /// Requests that got no answer.
    request_failures,
    /// Requests that a system refused for there being too many.
    limit_errors,
    /// On the wire, before encryption.
    bytes_received,
    bytes_sent,
    /// Connections and look-ups refused.
    denials,
    log_lines,
    log_lines_dropped,
}

/// A view of one session's counters that does not keep the session alive.
#[derive(Clone, Debug)]
pub struct Meter(pub(crate) Arc<Counters>);

impl Meter {
    pub fn read(&self) -> Metrics {
        self.0.snapshot()
    }

    /// How often each bound was reached, by its name in the configuration; those never reached are left out.
    pub fn bounds(&self) -> BTreeMap<&'static str, u64> {
        self.0.bounds()
    }

    /// The session is gone: the numbers will not change any more.
    pub fn is_final(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
