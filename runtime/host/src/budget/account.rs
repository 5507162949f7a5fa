//! All that is known of one account's limits, and who may go now. Pure: the
//! clock is the caller's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Priority,
    limit::{DAY, Limit},
};

/// Limits that an account may have; a connector that makes names up gets no further.
const LIMITS_MAX: usize = 32;

const NAME_BYTES_MAX: usize = 64;

/// The pause after a refusal that does not say how long; doubles with each up to the longest.
const PAUSE_MS: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 60_000;

/// No refusal is believed for longer.
const REFUSED_MS_MAX: u64 = 24 * 3_600_000;

/// How often those who wait for somebody more urgent look again.
const LOOK_AGAIN_MS: u64 = 50;

/// Whether a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    /// Ask again after so long.
    Wait(u64),
}

/// What is known of one account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) limits: BTreeMap<String, Limit>,
    /// The system wants nothing before.
    pub(crate) blocked_until: u64,
    /// Refusals in a row.
    pub(crate) refusals: u32,
    /// Refusals ever.
    pub(crate) refused: u64,
    /// Requests that were held back, and those that were given up.
    pub(crate) held_back: u64,
    pub(crate) throttled: u64,
    #[serde(skip)]
    pub(crate) under_way: u64,
    #[serde(skip)]
    waiting: [Waiting; Priority::ALL.len()],
}

/// How many requests of one priority wait.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Waiting {
    for_all: u32,
    /// For a limit that is on some paths only: nobody else's business.
    for_some: u32,
}

impl Account {
    /// Whether a request to this path may go now; if so, it is under way.
    pub(crate) fn ask(&mut self, now: u64, priority: Priority, path: &str) -> Verdict {
        if self.blocked_until > now {
            return Verdict::Wait(self.blocked_until - now);
        }
        let is_special = self.is_special(path);
        let ahead = self.waiting[..priority.index()].iter();
        if ahead.into_iter().any(|waiting| waiting.for_all > 0 || (is_special && waiting.for_some > 0)) {
            return Verdict::Wait(LOOK_AGAIN_MS);
        }
        let mut wait = 0;
        for limit in self.limits.values_mut().filter(|limit| limit.counts(path)) {
            limit.pass(now);
            wait = wait.max(limit.wait(now, priority, self.under_way));
        }
        if wait > 0 {
            return Verdict::Wait(wait);
        }
        for limit in self.limits.values_mut().filter(|limit| limit.counts(path)) {
            limit.spend(now, priority);
        }
        self.under_way += 1;
        Verdict::Go
    }

    /// A request that went has its answer, or will have none.
    pub(crate) fn done(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Whether requests to this path have a limit of their own.
    pub(crate) fn is_special(&self, path: &str) -> bool {
        self.limits.values().any(|limit| limit.is_special() && limit.counts(path))
    }

    /// One more, or one fewer, waits.
    pub(crate) fn wait(&mut self, priority: Priority, is_special: bool, begins: bool) {
        let waiting = &mut self.waiting[priority.index()];
        let count = if is_special { &mut waiting.for_some } else { &mut waiting.for_all };
        *count = if begins { count.saturating_add(1) } else { count.saturating_sub(1) };
    }

    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.iter().map(|waiting| waiting.for_all + waiting.for_some).sum()
    }

    /// What the system said about a limit. True when something was learned.
    pub(crate) fn told(
        &mut self,
        now: u64,
        name: &str,
        used: Option<u64>,
        most: Option<u64>,
        resets_in: Option<u64>,
    ) -> bool {
        // A guest says it: no limit's period is longer.
        let resets_in = resets_in.map(|ms| ms.min(DAY));
        let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_BYTES_MAX).collect();
        // The answer that carries the report is to a request that is still counted as under way.
        let under_way = self.under_way.saturating_sub(1);
        let is_full = self.limits.len() >= LIMITS_MAX;
        match self.limits.get_mut(&name) {
            Some(limit) => {
                limit.pass(now);
                limit.told(now, used, most, resets_in, under_way);
            }
            None if is_full => return false,
            None => match Limit::learn(&name, now, used, most, resets_in) {
                Some(limit) => drop(self.limits.insert(name, limit)),
                None => return false,
            },
        }
        true
    }

    /// The system refused a request for there being too many.
    pub(crate) fn refused(&mut self, now: u64, retry_after: Option<u64>) {
        self.refused += 1;
        let pause = retry_after.unwrap_or_else(|| {
            let doubled = PAUSE_MS.saturating_mul(1_u64.checked_shl(self.refusals.min(16)).unwrap_or(u64::MAX));
            doubled.min(PAUSE_MS_MAX)
        });
        self.refusals = self.refusals.saturating_add(1);
        self.blocked_until = self.blocked_until.max(now + pause.min(REFUSED_MS_MAX));
    }

    /// The system took a request.
    pub(crate) fn went_well(&mut self) {
        self.refusals = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_800_000_000_000;
    const PATH: &str = "/crm/v3/objects/contacts";

    fn going(account: &mut Account, now: u64, priority: Priority) -> u32 {
        let mut went = 0;
        while went < 100_000 && account.ask(now, priority, PATH) == Verdict::Go {
            account.done();
            went += 1;
        }
        went
    }

    #[test]
    fn an_account_without_limits_lets_everybody_go() {
        let mut account = Account::default();
        assert_eq!(going(&mut account, NOW, Priority::Audit), 100_000);
    }

    #[test]
    fn a_window_is_used_up_and_comes_back() {
        let mut account = Account::default();
        account.told(NOW, "burst", Some(0), Some(100), Some(10_000));
        assert_eq!(going(&mut account, NOW, Priority::Audit), 50);
        assert_eq!(going(&mut account, NOW, Priority::Reads), 30);
        assert_eq!(going(&mut account, NOW, Priority::Tail), 15);
        assert_eq!(going(&mut account, NOW, Priority::Edits), 5);
        assert_eq!(account.ask(NOW + 4_000, Priority::Edits, PATH), Verdict::Wait(6_000));
        assert_eq!(going(&mut account, NOW + 10_000, Priority::Edits), 100);
    }

    #[test]
    fn a_day_is_paced_for_reads_and_open_to_edits_down_to_the_reserve() {
        let mut account = Account::default();
        account.told(NOW, "daily-requests", Some(13_000), Some(15_000), Some(3_600_000));
        assert_eq!(going(&mut account, NOW, Priority::Reads), 50);
        // 450 are left above the reserve of 1500, for an hour: one every eight seconds.
        assert_eq!(account.ask(NOW, Priority::Reads, PATH), Verdict::Wait(8_000));
        assert_eq!(going(&mut account, NOW + 80_000, Priority::Reads), 10);
        assert_eq!(going(&mut account, NOW + 80_000, Priority::Edits), 440);
        assert!(matches!(account.ask(NOW + 80_000, Priority::Edits, PATH), Verdict::Wait(_)));
    }

    #[test]
    fn a_first_copy_may_hurry_through_the_first_half_of_a_day() {
        let mut account = Account::default();
        account.told(NOW, "daily-requests", Some(0), Some(15_000), None);
        assert_eq!(going(&mut account, NOW, Priority::Audit), 3_000 + 50);
        assert_eq!(going(&mut account, NOW, Priority::Reads), 4_450);
        assert_eq!(going(&mut account, NOW, Priority::Tail), 6_000);
    }

    #[test]
    fn those_under_way_count_where_the_limit_is_on_them() {
        let mut account = Account::default();
        account.told(NOW, "concurrent-requests", None, Some(5), None);
        let went = (0..9).filter(|_| account.ask(NOW, Priority::Edits, PATH) == Verdict::Go).count();
        assert_eq!(went, 5);
        account.done();
        assert_eq!(account.ask(NOW, Priority::Audit, PATH), Verdict::Wait(50));
        assert_eq!(account.ask(NOW, Priority::Edits, PATH), Verdict::Go);
    }

    #[test]
    fn a_refusal_stops_everybody_for_as_long_as_it_says() {
        let mut account = Account::default();
        account.refused(NOW, Some(30_000));
        assert_eq!(account.ask(NOW + 1, Priority::Edits, PATH), Verdict::Wait(29_999));
        assert_eq!(account.ask(NOW + 30_000, Priority::Edits, PATH), Verdict::Go);
        let mut account = Account::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            account.blocked_until = 0;
            account.refused(NOW, None);
            pauses.push(account.blocked_until - NOW);
        }
        assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    }

    #[test]
    fn the_more_urgent_goes_first() {
        let mut account = Account::default();
        account.wait(Priority::Edits, false, true);
        assert!(matches!(account.ask(NOW, Priority::Tail, PATH), Verdict::Wait(_)));
        assert_eq!(account.ask(NOW, Priority::Edits, PATH), Verdict::Go);
        account.wait(Priority::Edits, false, false);
        assert_eq!(account.ask(NOW, Priority::Tail, PATH), Verdict::Go);
    }

    #[test]
    fn a_limit_on_some_paths_is_counted_by_us_and_rolls() {
        let mut account = Account::default();
        account.told(NOW, "search@/search", None, Some(4), Some(1_000));
        let mut search = |at| account.ask(NOW + at, Priority::Tail, "/crm/v3/objects/contacts/search");
        assert_eq!([0, 1, 2, 900].map(&mut search), [Verdict::Go; 4]);
        assert_eq!(search(1_000), Verdict::Wait(100));
        assert_eq!(search(1_100), Verdict::Go);
        assert_eq!(search(1_101), Verdict::Go);
        assert_eq!(search(1_102), Verdict::Go);
        assert_eq!(search(1_103), Verdict::Wait(897), "the one at 900 and three more are within a second");
        assert_eq!(going(&mut account, NOW + 1_103, Priority::Audit), 100_000, "others are not counted");
    }

    #[test]
    fn names_without_end_are_not_remembered() {
        let mut account = Account::default();
        for number in 0..1_000 {
            account.told(NOW, &format!("limit {number}"), Some(0), Some(10), None);
        }
        assert_eq!(account.limits.len(), LIMITS_MAX);
    }

    fn priority() -> impl Strategy<Value = Priority> {
        proptest::sample::select(Priority::ALL.to_vec())
    }

    proptest! {
        /// Whatever is asked and when: no more go in a window than the system said.
        #[test]
        fn no_window_is_ever_overdrawn(
            most in 1_u64..200,
            asks in proptest::collection::vec((0_u64..500, priority()), 1..400),
        ) {
            let mut account = Account::default();
            account.told(NOW, "burst", Some(0), Some(most), Some(10_000));
            let (mut now, mut window, mut went) = (NOW, NOW + 10_000, 0_u64);
            for (later, priority) in asks {
                now += later;
                if now >= window {
                    (window, went) = (now + 10_000, 0);
                }
                if account.ask(now, priority, PATH) == Verdict::Go {
                    account.done();
                    went += 1;
                }
                prop_assert!(went <= most);
            }
        }

        /// Who is told to wait, and waits so long, gets through once nobody else asks.
        #[test]
        fn waiting_as_long_as_told_ends(
            used in 0_u64..2_000,
            most in 2_u64..2_000,
            resets_in in proptest::option::of(1_u64..90_000_000),
            name in proptest::sample::select(vec!["burst", "daily", "secondly", "concurrent"]),
            priority in priority(),
        ) {
            let mut account = Account::default();
            account.told(NOW, name, Some(used), Some(most), resets_in);
            let mut now = NOW;
            let mut went = false;
            for _ in 0..200 {
                match account.ask(now, priority, PATH) {
                    Verdict::Go => { went = true; break; }
                    Verdict::Wait(ms) => { prop_assert!(ms > 0); now += ms; }
                }
            }
            prop_assert!(went);
            prop_assert!(now - NOW <= 2 * 90_000_000);
        }

        /// A more urgent request never waits longer than a less urgent one.
        #[test]
        fn urgency_never_costs(
            used in 0_u64..100,
            most in 1_u64..100,
            name in proptest::sample::select(vec!["burst", "daily"]),
        ) {
            let mut account = Account::default();
            account.told(NOW, name, Some(used), Some(most), Some(7_200_000));
            let waits: Vec<u64> = Priority::ALL.into_iter().map(|priority| match account.clone().ask(NOW, priority, PATH) {
                Verdict::Go => 0,
                Verdict::Wait(ms) => ms,
            }).collect();
            prop_assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{:?}", waits);
        }
    }
}
