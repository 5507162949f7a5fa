//! Notices a full read whose pages go round in a circle, which would never end.

/// Remembers one place of the read, twice as far on each time, and looks whether it
/// comes again (R. P. Brent, "An improved Monte Carlo factorization algorithm", 1980).
#[derive(Debug, Default)]
pub(super) struct Pages {
    remembered: Vec<u8>,
    steps: u64,
    until: u64,
}

impl Pages {
    /// A page after `after` ended at `next`; answers whether that was seen before.
    pub(super) fn repeat(&mut self, after: &[u8], next: &[u8]) -> bool {
        if after.is_empty() {
            *self = Pages { until: 1, ..Pages::default() };
        }
        if next.is_empty() {
            return false;
        }
        if next == self.remembered {
            return true;
        }
        self.steps += 1;
        if self.steps >= self.until {
            self.remembered = next.to_vec();
            self.until = (self.until * 2).max(1);
            self.steps = 0;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pages are read before the circle is noticed.
    fn pages_until_noticed(next: impl Fn(u64) -> u64) -> Option<u64> {
        let mut pages = Pages::default();
        let (mut after, mut at) = (Vec::new(), 0);
        for count in 1..10_000 {
            at = next(at);
            let end = at.to_be_bytes().to_vec();
            if pages.repeat(&after, &end) {
                return Some(count);
            }
            after = end;
        }
        None
    }

    #[test]
    fn every_circle_is_noticed_and_a_straight_read_is_none() {
        assert_eq!(pages_until_noticed(|_| 7), Some(2));
        assert!(pages_until_noticed(|at| (at + 1) % 3).is_some());
        let late = |at: u64| if at == 1000 { 990 } else { at + 1 };
        assert!(pages_until_noticed(late).is_some_and(|pages| pages < 3000));
        assert_eq!(pages_until_noticed(|at| at + 1), None);
    }

    #[test]
    fn a_new_read_may_pass_where_the_last_one_did() {
        let mut pages = Pages::default();
        for _ in 0..3 {
            assert!(!pages.repeat(b"", b"a") && !pages.repeat(b"a", b"b") && !pages.repeat(b"b", b""));
        }
    }
}
