//! A session being recorded: its events as they come.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use parking_lot::Mutex;
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock};

use super::{
    body::Body,
    event::{Answered, Event, HttpAnswer, Outcome},
    random::Seed,
    scrub::StandIns,
};
use crate::credentials::Secrets;

/// Room that the sessions of a recorder share, and the order of their events.
pub(crate) struct Room {
    pub(crate) body_bytes_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) used: AtomicUsize,
    pub(crate) serial: AtomicU64,
}

/// One session's events.
pub(crate) struct Track {
    pub(crate) role: &'static str,
    pub(crate) connection: String,
    pub(crate) secrets: Arc<Secrets>,
    room: Arc<Room>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    /// With their places among those of all sessions.
    pub(crate) events: Vec<(u64, Event)>,
    pub(crate) stand_ins: StandIns,
    used: usize,
    wires: u32,
    derived: u64,
    is_full: bool,
    /// A call is under way.
    is_called: bool,
}

impl Track {
    pub(crate) fn new(role: &'static str, connection: String, secrets: Arc<Secrets>, room: Arc<Room>) -> Self {
        Track { role, connection, secrets, room, state: Mutex::default() }
    }

    /// Note what happened, if there is room; answers where it was noted.
    pub(crate) fn note(&self, event: Event) -> Option<usize> {
        self.note_in(&mut self.state.lock(), event)
    }

    fn note_in(&self, state: &mut State, event: Event) -> Option<usize> {
        if state.is_full {
            return None;
        }
        let weight = event.weight();
        let is_room = self.take(state, weight);
        let event = if is_room { event } else { Event::Cut };
        state.is_full = !is_room;
        state.events.push((self.room.serial.fetch_add(1, Ordering::Relaxed), event));
        is_room.then(|| state.events.len() - 1)
    }

    fn take(&self, state: &mut State, weight: usize) -> bool {
        let used = self.room.used.fetch_add(weight, Ordering::Relaxed);
        if used + weight > self.room.bytes_max {
            self.room.used.fetch_sub(weight, Ordering::Relaxed);
            return false;
        }
        state.used += weight;
        true
    }

    pub(crate) fn body(&self, bytes: &[u8]) -> Body {
        Body::new(bytes, self.room.body_bytes_max)
    }

    /// A new instance begins; answers what its randomness comes from.
    pub(crate) fn instance(&self) -> Seed {
        let seed = Seed::fresh();
        self.note(Event::Instance { seed: seed.text() });
        seed
    }

    pub(crate) fn call(&self, call: &str, asked: serde_json::Value) {
        let mut state = self.state.lock();
        self.note_in(&mut state, Event::Call { call: call.to_owned(), asked });
        state.is_called = true;
    }

    /// The end of the call under way; nothing where none is.
    pub(crate) fn answer(&self, outcome: impl FnOnce() -> Outcome) {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.is_called) {
            self.note_in(&mut state, Event::Answer { outcome: outcome() });
        }
    }

    /// A request's body and answer, once they are known.
    pub(crate) fn complete(&self, at: usize, bytes: &[u8], told: HttpAnswer) {
        let sent = self.body(bytes);
        let mut state = self.state.lock();
        let more = sent.held.len()
            + match &told {
                HttpAnswer::Answered { headers, body, .. } => {
                    body.held.len() + headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>()
                }
                HttpAnswer::Failed(words) => words.len(),
            };
        if !self.take(&mut state, more) {
            if !std::mem::replace(&mut state.is_full, true) {
                let serial = self.room.serial.fetch_add(1, Ordering::Relaxed);
                state.events.push((serial, Event::Cut));
            }
            return;
        }
        if let Some((_, Event::Http { body, answer, .. })) = state.events.get_mut(at) {
            *body = Some(sent);
            *answer = Some(told);
        }
    }

    /// A number for a connection's events.
    pub(crate) fn wire(&self) -> u32 {
        let mut state = self.state.lock();
        state.wires += 1;
        state.wires
    }

    /// Results of an operation on a secret: stand-ins are noted in their place.
    pub(crate) fn credential(&self, operation: &str, secret: &str, message: String, answer: Result<&[&[u8]], &String>) {
        let mut state = self.state.lock();
        let answer = match answer {
            Ok(values) => {
                let stand_in = |value: &&[u8]| {
                    state.derived += 1;
                    let serial = state.derived;
                    Body::new(&state.stand_ins.derived(value, serial), usize::MAX)
                };
                Answered::Ok(values.iter().map(stand_in).collect())
            }
            Err(words) => Answered::Err(words.clone()),
        };
        let (operation, secret) = (operation.to_owned(), secret.to_owned());
        self.note_in(&mut state, Event::Credential { operation, secret, message, answer });
    }

    /// How many events there are.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().events.len()
    }

    /// Look at what there is, with the configured secrets among what is to be replaced.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        let mut state = self.state.lock();
        self.secrets.values().for_each(|secret| state.stand_ins.secret(secret));
        look(&state)
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        self.room.used.fetch_sub(self.state.get_mut().used, Ordering::Relaxed);
    }
}

/// The system's clock, noting what it showed.
pub(crate) struct NotedWall(pub(crate) Arc<Track>);

impl HostWallClock for NotedWall {
    fn resolution(&self) -> Duration {
        super::RESOLUTION
    }

    fn now(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.0.note(Event::Wall { ns: nanoseconds(now) });
        now
    }
}

/// The time since it was made, noting what it showed.
pub(crate) struct NotedMonotonic(pub(crate) Arc<Track>, pub(crate) Instant);

impl HostMonotonicClock for NotedMonotonic {
    fn resolution(&self) -> u64 {
        nanoseconds(super::RESOLUTION)
    }

    fn now(&self) -> u64 {
        let ns = nanoseconds(self.1.elapsed());
        self.0.note(Event::Monotonic { ns });
        ns
    }
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
