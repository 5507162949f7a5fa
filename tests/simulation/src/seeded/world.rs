//! What all systems of a run share: the time, the end that may come at any
//! step, and a digest of everything that happened.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use lockstep_core::value::Timestamp;
use lockstep_engine::Clock;
use tokio::{sync::Notify, time::Instant};

use super::place::Place;

/// World time begins here: 2026-01-01T00:00:00Z.
const BEGIN_US: i64 = 1_767_225_600_000_000;

pub struct World {
    pub places: Vec<Arc<Place>>,
    /// World time where the life at hand began.
    born_us: AtomicI64,
    born: std::sync::Mutex<Option<Instant>>,
    steps: AtomicU64,
    /// The step at which the runtime dies.
    dies_at: AtomicU64,
    pub death: Notify,
    digest: AtomicU64,
    /// How far the runtime's own calendar is ahead.
    ahead_us: AtomicI64,
    /// Somebody paused the runtime: it may drop what it is told.
    pub paused: AtomicBool,
    /// How often the power went.
    pub power_cuts: AtomicU64,
    loud: bool,
}

impl World {
    pub fn new(places: Vec<Arc<Place>>, loud: bool) -> Arc<Self> {
        Arc::new(World {
            places,
            born_us: AtomicI64::new(BEGIN_US),
            born: std::sync::Mutex::default(),
            steps: AtomicU64::new(0),
            dies_at: AtomicU64::new(u64::MAX),
            death: Notify::new(),
            digest: AtomicU64::new(0),
            ahead_us: AtomicI64::new(0),
            paused: AtomicBool::new(false),
            power_cuts: AtomicU64::new(0),
            loud,
        })
    }

    /// A new life's timers begin now; the world goes on where it stood.
    pub fn begin_life(&self) {
        *self.born.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Instant::now());
        self.dies_at.store(u64::MAX, Ordering::Relaxed);
    }

    pub fn end_life(&self) {
        let now_us = self.now_us();
        *self.born.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
        self.born_us.store(now_us, Ordering::Relaxed);
    }

    pub fn now_us(&self) -> i64 {
        let born = *self.born.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let lived = born.map_or(0, |born| born.elapsed().as_micros() as i64);
        self.born_us.load(Ordering::Relaxed) + lived
    }

    /// Since the world began.
    pub fn age_us(&self) -> i64 {
        self.now_us() - BEGIN_US
    }

    /// The runtime dies so many steps from now.
    pub fn die_in(&self, steps: u64) {
        self.dies_at.store(self.steps.load(Ordering::Relaxed) + steps, Ordering::Relaxed);
    }

    /// The runtime's calendar jumps.
    pub fn jump(&self, by_us: i64) {
        self.ahead_us.fetch_add(by_us, Ordering::Relaxed);
    }

    /// One step of a call; never returns if it is the last.
    pub async fn step(&self, place: &str, what: &str) {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        self.note(place, what);
        if step >= self.dies_at.load(Ordering::Relaxed) {
            self.death.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Tells what happens while it does, where it is wanted.
    pub fn tell(&self, what: impl FnOnce() -> String) {
        if self.loud {
            eprintln!("{:>10.6} {}", self.age_us() as f64 / 1e6, what());
        }
    }

    /// Takes something that happened into the digest.
    pub fn note(&self, place: &str, what: &str) {
        let mut digest = self.digest.load(Ordering::Relaxed) ^ self.now_us().cast_unsigned();
        for byte in place.bytes().chain(what.bytes()) {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.digest.store(digest.rotate_left(17), Ordering::Relaxed);
    }

    /// Equal for runs in which the same happened at the same times.
    pub fn digest(&self) -> u64 {
        self.digest.load(Ordering::Relaxed)
    }
}

/// The engine's calendar is the world's, as far as nobody sets it.
pub struct WorldClock(pub Arc<World>);

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now_us() + self.0.ahead_us.load(Ordering::Relaxed))
    }

    fn machine_start(&self) -> Option<Arc<str>> {
        Some(self.0.power_cuts.load(Ordering::Relaxed).to_string().into())
    }
}
