//! Recording what crosses between a component and its host, and playing it to a
//! component again with nothing else there. An instance's imports hold a [`Tape`] and
//! tell it, or ask it, what happens.

mod body;
pub(crate) mod event;
mod file;
pub(crate) mod kinds;
mod plain;
mod player;
mod random;
mod recorder;
mod replay;
mod scrub;
mod track;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use wasmtime_wasi::WasiCtxBuilder;

pub(crate) use body::Body;
pub use file::{About, Recording};
pub(crate) use plain::{pack, unpack};
pub use player::Difference;
pub(crate) use player::{Halted, Player};
pub(crate) use random::Seed;
pub use recorder::{RecordLimits, Recorder};
pub use replay::{Comparison, Replay};
pub(crate) use track::Track;

/// Of the clocks that recorded components see.
const RESOLUTION: Duration = Duration::from_nanos(1);

/// Whether what an instance does is recorded, or played.
#[derive(Clone, Default)]
pub(crate) enum Tape {
    #[default]
    None,
    Recording(Arc<Track>),
    Playing(Arc<Player>),
}

impl Tape {
    pub(crate) fn player(&self) -> Option<&Arc<Player>> {
        match self {
            Tape::Playing(player) => Some(player),
            Tape::None | Tape::Recording(_) => None,
        }
    }

    pub(crate) fn track(&self) -> Option<&Arc<Track>> {
        match self {
            Tape::Recording(track) => Some(track),
            Tape::None | Tape::Playing(_) => None,
        }
    }

    /// Note an event, where it is recorded.
    pub(crate) fn note(&self, event: impl FnOnce() -> event::Event) {
        if let Tape::Recording(track) = self {
            track.note(event());
        }
    }

    /// The clocks and the randomness of an instance.
    pub(crate) fn set_up(&self, seed: Option<Seed>, wasi: &mut WasiCtxBuilder) {
        match self {
            Tape::None => {}
            Tape::Recording(track) => {
                wasi.wall_clock(track::NotedWall(Arc::clone(track)));
                wasi.monotonic_clock(track::NotedMonotonic(Arc::clone(track), Instant::now()));
            }
            Tape::Playing(player) => {
                wasi.wall_clock(player::PlayedWall(Arc::clone(player)));
                wasi.monotonic_clock(player::PlayedMonotonic(Arc::clone(player)));
            }
        }
        let Some(seed) = seed else { return };
        wasi.secure_random(seed.source("secure"));
        wasi.insecure_random(seed.source("insecure"));
        wasi.insecure_random_seed(seed.source("insecure-seed").number());
    }
}

/// What an operation on a secret was done with, told apart and not told.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    crate::credentials::hex(&hash.finalize())
}
