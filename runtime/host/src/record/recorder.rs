//! Records the sessions that are opened with it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use parking_lot::Mutex;

use super::{
    file::{self, About},
    track::{Room, Track},
};
use crate::credentials::Secrets;

/// How much a recorder keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordLimits {
    /// Of one body, or of what is sent or received at a time.
    pub body_bytes_max: usize,
    /// Of everything that is kept at a time.
    pub bytes_max: usize,
}

impl Default for RecordLimits {
    fn default() -> Self {
        RecordLimits { body_bytes_max: 1 << 20, bytes_max: 64 << 20 }
    }
}

/// Keeps what sessions do, in memory and within bounds. Clones share it.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    limits: RecordLimits,
    room: Arc<Room>,
    numbers: AtomicU64,
    tracks: Mutex<Vec<Followed>>,
}

struct Followed {
    number: u64,
    track: Arc<Track>,
    /// Events there were at the last [`Recorder::turn`].
    before: usize,
}

impl Recorder {
    pub fn new(limits: RecordLimits) -> Self {
        let room = Room {
            body_bytes_max: limits.body_bytes_max,
            bytes_max: limits.bytes_max,
            used: AtomicUsize::new(0),
            serial: AtomicU64::new(0),
        };
        Recorder(Arc::new(Inner { limits, room: Arc::new(room), numbers: AtomicU64::new(0), tracks: Mutex::default() }))
    }

    pub(crate) fn track(&self, role: &'static str, connection: &str, secrets: Arc<Secrets>) -> Arc<Track> {
        let track = Arc::new(Track::new(role, connection.to_owned(), secrets, Arc::clone(&self.0.room)));
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.tracks.lock().push(Followed { number, track: Arc::clone(&track), before: 0 });
        track
    }

    /// Forget sessions that have ended; from now on, only what happens next is news.
    pub fn turn(&self) {
        let mut tracks = self.0.tracks.lock();
        tracks.retain(|followed| Arc::strong_count(&followed.track) > 1);
        for followed in tracks.iter_mut() {
            followed.before = followed.track.count();
        }
    }

    /// The content of a file: the sessions that did anything since the last [`Recorder::turn`],
    /// each from its beginning. `None`: none did.
    pub fn write(&self, mut about: About) -> Option<Vec<u8>> {
        let tracks: Vec<(u64, Arc<Track>)> = self
            .0
            .tracks
            .lock()
            .iter()
            .filter(|followed| followed.track.count() > followed.before)
            .map(|followed| (followed.number, Arc::clone(&followed.track)))
            .collect();
        about.body_bytes_max = self.0.limits.body_bytes_max as u64;
        (!tracks.is_empty()).then(|| file::write(&about, &tracks))
    }
}
