//! How a running sync stands, told to whoever asks; and who follows what it does.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use lockstep_core::{
    delta::Delta,
    journal::{Entry, What},
    plan::Tally,
    record::SideId,
    spec::SyncSpec,
};
use lockstep_state::SyncPhase;
use tokio::sync::{broadcast, mpsc};

use super::{Actor, Linked};
use crate::{
    operations::{EntryView, Totals},
    views::{self, Names},
};

/// A side as its sync sees it now.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveSide {
    pub(crate) paused: bool,
    pub(crate) reading: Option<u64>,
    pub(crate) trouble: String,
}

/// A sync as it stands now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    /// An actor is at work.
    pub(crate) running: bool,
    pub(crate) paused: bool,
    pub(crate) quiet: bool,
    pub(crate) phase: Option<SyncPhase>,
    /// Why it could not start or had to stop.
    pub(crate) failure: Option<(String, String)>,
    pub(crate) sides: BTreeMap<SideId, LiveSide>,
    pub(crate) totals: Totals,
}

#[derive(Clone, Default)]
pub(crate) struct SharedStatus(Arc<Mutex<Live>>);

impl SharedStatus {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Live> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn count(&self, tally: &Tally, delta: &Delta) {
        let mut live = self.lock();
        live.totals.absorbed += tally.absorbed;
        live.totals.echoes += tally.echoes;
        live.totals.stale += tally.stale;
        live.totals.conflicts += tally.conflicts;
        for entry in &delta.journal {
            match entry.what {
                What::Written { .. } => live.totals.written += 1,
                What::Refused { .. } => live.totals.refused += 1,
                _ => {}
            }
        }
    }
}

impl Actor {
    pub(super) fn publish(&mut self) {
        let quiet = self.is_quiet();
        let mut live = self.status.lock();
        live.running = true;
        live.failure = None;
        live.paused = self.paused;
        live.quiet = quiet;
        live.phase = Some(self.core.phase);
        for (id, run) in &self.sides {
            let side = live.sides.entry(*id).or_default();
            side.paused = run.paused;
            side.reading = run.reading;
            if side.trouble != run.trouble {
                side.trouble.clone_from(&run.trouble);
            }
        }
    }
}

/// Ways to syncs whose records refer to other syncs' records.
pub(crate) type Children = Arc<Mutex<BTreeMap<Arc<str>, ChildDoor>>>;

/// A way to one such sync.
#[derive(Clone)]
pub(crate) struct ChildDoor {
    pub(crate) linked: mpsc::Sender<Linked>,
    /// Raised when something did not fit through the door.
    pub(crate) missed: Arc<AtomicBool>,
}

/// Who is told what a sync does.
#[derive(Clone)]
pub(crate) struct Followers {
    pub(crate) entries: broadcast::Sender<EntryView>,
    pub(crate) children: Children,
    /// Some sync refers to this one.
    pub(crate) referred: bool,
}

impl Followers {
    pub(super) fn wanted(&self) -> bool {
        self.entries.receiver_count() > 0
    }

    pub(super) fn tell(&self, spec: &SyncSpec, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let names = Names { spec };
        for entry in entries {
            // No follower is left: nobody misses it.
            let _ = self.entries.send(views::entry(&names, entry));
        }
    }

    /// A full door: that sync looks at everything that waits by itself, later.
    pub(super) fn linked(&self, linked: &Linked) {
        let children = self.children.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (name, door) in children.iter() {
            if *name != linked.sync && door.linked.try_send(linked.clone()).is_err() {
                door.missed.store(true, Ordering::Release);
            }
        }
    }
}
