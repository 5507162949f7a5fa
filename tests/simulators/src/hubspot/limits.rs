//! How many calls an app may make: a day's worth, a burst within ten seconds,
//! searches within one second. Headers and refusals as recorded.

use std::collections::{BTreeMap, VecDeque};

use serde_json::json;

use super::{access::Caller, error::ApiError, settings::Settings};

const BURST_MS: i64 = 10_000;
const SECOND_MS: i64 = 1_000;
const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// How a call is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    Ordinary,
    /// Counted against the searches of a second instead of the burst.
    Search,
}

#[derive(Debug, Default)]
struct Window {
    burst: VecDeque<i64>,
    searches: VecDeque<i64>,
    day: i64,
    used_today: u32,
}

/// Calls counted, per app.
#[derive(Debug, Default)]
pub struct Limits {
    windows: BTreeMap<u64, Window>,
    /// Calls let in, and calls refused by a limit, since the start.
    pub admitted: u64,
    pub refused: u64,
}

/// Names and values of the headers an answer carries.
pub type Headers = Vec<(&'static str, String)>;

impl Limits {
    /// Counts a call or refuses it; either way the headers that go with the answer.
    pub fn admit(
        &mut self,
        settings: &Settings,
        caller: &Caller,
        cost: Cost,
        now_ms: i64,
    ) -> (Headers, Result<(), ApiError>) {
        let window = self.windows.entry(caller.app_id).or_default();
        window.forget(now_ms);
        let verdict = match settings.limits_enforced {
            true => window.verdict(settings, caller, cost),
            false => Ok(()),
        };
        match verdict {
            Ok(()) => {
                window.used_today += 1;
                match cost {
                    Cost::Ordinary => window.burst.push_back(now_ms),
                    Cost::Search => window.searches.push_back(now_ms),
                }
                self.admitted += 1;
            }
            Err(_) => self.refused += 1,
        }
        (window.headers(settings, caller, cost, now_ms), verdict)
    }

    /// Calls of an app counted today.
    pub fn used_today(&self, app_id: u64, now_ms: i64) -> u32 {
        self.windows
            .get(&app_id)
            .filter(|window| window.day == now_ms.div_euclid(DAY_MS))
            .map_or(0, |window| window.used_today)
    }
}

/// The next midnight, when the daily count starts again.
pub fn resets_ms(now_ms: i64) -> i64 {
    (now_ms.div_euclid(DAY_MS) + 1) * DAY_MS
}

impl Window {
    fn forget(&mut self, now_ms: i64) {
        // A clock that was set back leaves no calls in the future.
        self.burst.retain(|at| (now_ms - BURST_MS + 1..=now_ms).contains(at));
        self.searches.retain(|at| (now_ms - SECOND_MS + 1..=now_ms).contains(at));
        let day = now_ms.div_euclid(DAY_MS);
        if self.day != day {
            self.day = day;
            self.used_today = 0;
        }
    }

    fn verdict(&self, settings: &Settings, caller: &Caller, cost: Cost) -> Result<(), ApiError> {
        if !caller.oauth && self.used_today >= settings.daily_max {
            return Err(reached("daily").with("errorType", json!("RATE_LIMIT")).with("policyName", json!("DAILY")));
        }
        match cost {
            Cost::Search if self.searches.len() >= settings.search_secondly_max as usize => {
                Err(ApiError { category: Some("RATE_LIMITS"), ..reached("secondly") })
            }
            Cost::Ordinary if self.burst.len() >= settings.burst_max as usize => Err(reached("ten_secondly_rolling")
                .with("errorType", json!("RATE_LIMIT"))
                .with("policyName", json!("TEN_SECONDLY_ROLLING"))),
            Cost::Search | Cost::Ordinary => Ok(()),
        }
    }

    fn headers(&self, settings: &Settings, caller: &Caller, cost: Cost, now_ms: i64) -> Headers {
        let mut headers = Vec::new();
        if !caller.oauth {
            headers.push(("x-hubspot-ratelimit-daily", settings.daily_max.to_string()));
            let left = settings.daily_max.saturating_sub(self.used_today);
            headers.push(("x-hubspot-ratelimit-daily-remaining", left.to_string()));
        }
        if cost == Cost::Search {
            return headers;
        }
        let count = |calls: usize| u32::try_from(calls).unwrap_or(u32::MAX);
        let secondly = settings.burst_max / 10;
        let this_second = self.burst.iter().filter(|at| **at > now_ms - SECOND_MS).count();
        headers.push(("x-hubspot-ratelimit-interval-milliseconds", BURST_MS.to_string()));
        headers.push(("x-hubspot-ratelimit-max", settings.burst_max.to_string()));
        let left = settings.burst_max.saturating_sub(count(self.burst.len()));
        headers.push(("x-hubspot-ratelimit-remaining", left.to_string()));
        // Shown, and no longer enforced by the vendor.
        headers.push(("x-hubspot-ratelimit-secondly", secondly.to_string()));
        let left = secondly.saturating_sub(count(this_second));
        headers.push(("x-hubspot-ratelimit-secondly-remaining", left.to_string()));
        headers
    }
}

fn reached(which: &str) -> ApiError {
    ApiError::new(429, None, format!("You have reached your {which} limit."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller { app_id: 1, oauth: false, scopes: Vec::new() }
    }

    #[test]
    fn a_burst_is_refused_and_its_window_rolls() {
        let settings = Settings { burst_max: 2, ..Settings::default() };
        let mut limits = Limits::default();
        let mut call = |at| limits.admit(&settings, &caller(), Cost::Ordinary, at).1.map_err(|error| error.extras);
        assert_eq!((call(0), call(5_000)), (Ok(()), Ok(())));
        let refusal = call(9_999).err().unwrap_or_default();
        assert_eq!(refusal.get("policyName"), Some(&json!("TEN_SECONDLY_ROLLING")));
        assert_eq!(call(10_000), Ok(()), "the first call has rolled out");
        assert_eq!((limits.admitted, limits.refused), (3, 1));
    }

    #[test]
    fn searches_have_their_own_second_and_only_the_daily_headers() {
        let settings = Settings { search_secondly_max: 1, burst_max: 1, ..Settings::default() };
        let mut limits = Limits::default();
        let (headers, verdict) = limits.admit(&settings, &caller(), Cost::Search, 0);
        assert_eq!((headers.len(), verdict), (2, Ok(())));
        let (_, refusal) = limits.admit(&settings, &caller(), Cost::Search, 500);
        let refusal = refusal.err().map(|error| (error.category, error.extras.contains_key("policyName")));
        assert_eq!(refusal, Some((Some("RATE_LIMITS"), false)));
        assert_eq!(limits.admit(&settings, &caller(), Cost::Ordinary, 500).1, Ok(()));
        assert_eq!(limits.admit(&settings, &caller(), Cost::Search, 1_000).1, Ok(()));
    }

    #[test]
    fn the_daily_limit_starts_again_at_midnight_and_spares_oauth() {
        let settings = Settings { daily_max: 1, ..Settings::default() };
        let mut limits = Limits::default();
        let mut call = |oauth, at| {
            let caller = Caller { oauth, ..caller() };
            limits.admit(&settings, &caller, Cost::Ordinary, at).1.is_ok()
        };
        assert_eq!(
            [call(false, 0), call(false, 20_000), call(true, 20_000), call(false, DAY_MS)],
            [true, false, true, true]
        );
    }
}
