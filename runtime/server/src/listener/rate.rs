//! How many requests a second are let in: a token bucket that holds one
//! second's worth. Knows no clock of its own.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Lets so many requests a second through, and as many at once after a pause.
pub(super) struct Bucket {
    per_second: f64,
    level: Mutex<Option<(Instant, f64)>>,
}

impl Bucket {
    pub(super) fn new(per_second: u32) -> Self {
        Bucket { per_second: f64::from(per_second), level: Mutex::new(None) }
    }

    /// Takes one place, if there is one now.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let places = match *level {
            None => self.per_second,
            Some((at, left)) => {
                let passed = now.saturating_duration_since(at).as_secs_f64();
                (left + passed * self.per_second).min(self.per_second)
            }
        };
        let admitted = places >= 1.0;
        *level = Some((now, if admitted { places - 1.0 } else { places }));
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_let_in_up_to_a_seconds_worth_and_then_at_its_rate() {
        let bucket = Bucket::new(10);
        let now = Instant::now();
        let burst = (0..50).filter(|_| bucket.admits(now)).count();
        assert_eq!(burst, 10);
        let later = now + Duration::from_millis(500);
        assert_eq!((0..50).filter(|_| bucket.admits(later)).count(), 5);
        let much_later = now + Duration::from_secs(60);
        assert_eq!((0..50).filter(|_| bucket.admits(much_later)).count(), 10);
    }
}
