//! The one lock around an account's store, and what surrounds it.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    deliver::Delivery,
    interject::{Interjection, When},
    store::Store,
};
use crate::Stage;

/// An account, as its routes, its postman and its test see it.
#[derive(Debug)]
pub struct Shared {
    pub stage: Stage,
    pub store: Mutex<Store>,
    /// Rung whenever something may wait to be sent.
    pub bell: Notify,
    pub interjections: Mutex<Vec<Interjection>>,
    pub deliveries: Mutex<VecDeque<Delivery>>,
}

impl Shared {
    pub fn new(stage: Stage, store: Store) -> Arc<Self> {
        Arc::new(Self {
            stage,
            store: Mutex::new(store),
            bell: Notify::new(),
            interjections: Mutex::default(),
            deliveries: Mutex::default(),
        })
    }

    pub fn now_ms(&self) -> i64 {
        self.stage.clock.now().as_millisecond()
    }

    /// Does something with the store at one moment; automations that are due run
    /// before and after it.
    pub fn with<T>(&self, act: impl FnOnce(&mut Store, i64) -> T) -> T {
        let mut store = self.store.lock();
        let now_ms = self.now_ms();
        store.run_due(now_ms);
        let out = act(&mut store, now_ms);
        store.run_due(now_ms);
        let waiting = !store.outbox.is_empty();
        drop(store);
        if waiting {
            self.bell.notify_one();
        }
        out
    }

    /// Lets people act around a request, as was arranged.
    pub fn interject(&self, method: &str, path: &str, when: When) {
        let due: Vec<Interjection> = {
            let mut waiting = self.interjections.lock();
            let Some(index) = waiting.iter().position(|one| one.meets(method, path, when)) else { return };
            match waiting.get_mut(index) {
                Some(one) if one.skip > 0 => {
                    one.skip -= 1;
                    return;
                }
                _ => vec![waiting.remove(index)],
            }
        };
        for one in due {
            self.with(|store, now_ms| one.act.perform(store, now_ms));
        }
    }
}
