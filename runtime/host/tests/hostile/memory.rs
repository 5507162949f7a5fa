//! How much memory this process takes, looked at all the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

const LOOK: Duration = Duration::from_millis(2);

/// The most that was taken since it was begun.
pub struct Peak {
    most: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    at_begin: u64,
}

impl Peak {
    pub fn begin() -> Self {
        let at_begin = resident_bytes();
        let (most, done) = (Arc::new(AtomicU64::new(at_begin)), Arc::new(AtomicBool::new(false)));
        let (seen, stop) = (Arc::clone(&most), Arc::clone(&done));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                seen.fetch_max(resident_bytes(), Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        });
        Peak { most, done, at_begin }
    }

    /// How much more than at the begin it was at most.
    pub fn end(self) -> u64 {
        self.done.store(true, Ordering::Relaxed);
        self.most.load(Ordering::Relaxed).max(resident_bytes()).saturating_sub(self.at_begin)
    }
}

/// 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split(' ').nth(1)?.parse().ok());
    pages.unwrap_or(0_u64) * 4096
}
