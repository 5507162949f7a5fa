//! What HubSpot says about its rate limits: in headers of nearly every answer,
//! and in the refusals.

use lockstep_sdk::http::Response;

use crate::response::Problem;

/// How long to stay away where HubSpot does not say: `Retry-After` is not promised.
const SECONDLY_WAIT_MS: u32 = 1_000;
const TEN_SECONDLY_WAIT_MS: u32 = 3_000;
/// A spent day's budget comes back at midnight in the account's time zone,
/// which is not told here; looked at again in a while.
const DAILY_WAIT_MS: u32 = 900_000;
const UNKNOWN_WAIT_MS: u32 = 2_000;

/// Searches have a limit of their own, which no header tells (third-party
/// reports: four to five a second).
pub const SEARCHES_MAX: u64 = 4;
pub const SEARCHES_PERIOD_MS: u64 = 1_000;
/// What is counted in it: requests to paths that end so.
pub const SEARCHES: &str = "search@/search";

/// One limit as an answer's headers show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub name: &'static str,
    pub used: u64,
    pub limit: u64,
    pub resets_in_ms: Option<u64>,
}

/// The limits an answer tells of. Search answers tell only the daily one.
pub fn reports(response: &Response) -> Vec<Report> {
    let number = |name: &str| response.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let report = |name, limit: Option<u64>, left: Option<u64>, resets_in_ms| {
        let (limit, left) = (limit?, left?);
        Some(Report { name, used: limit.saturating_sub(left), limit, resets_in_ms })
    };
    let interval = number("x-hubspot-ratelimit-interval-milliseconds");
    let day = (number("x-hubspot-ratelimit-daily"), number("x-hubspot-ratelimit-daily-remaining"));
    let burst = (number("x-hubspot-ratelimit-max"), number("x-hubspot-ratelimit-remaining"));
    let second = (number("x-hubspot-ratelimit-secondly"), number("x-hubspot-ratelimit-secondly-remaining"));
    [
        report("daily", day.0, day.1, None),
        report("burst", burst.0, burst.1, interval),
        report("secondly", second.0, second.1, Some(1_000)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How long to stay away after a 429.
pub fn wait_ms(problem: &Problem) -> u32 {
    if let Some(wait) = problem.retry_after_ms {
        return wait.max(1);
    }
    let says = |word: &str| {
        problem.policy.to_ascii_lowercase().contains(word) || problem.message.to_ascii_lowercase().contains(word)
    };
    if says("ten_secondly") {
        TEN_SECONDLY_WAIT_MS
    } else if says("secondly") {
        SECONDLY_WAIT_MS
    } else if says("daily") {
        DAILY_WAIT_MS
    } else {
        UNKNOWN_WAIT_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Response { status: 200, headers, body: Vec::new() }
    }

    #[test]
    fn every_limit_that_an_answer_tells_of_is_reported() {
        let response = answer(&[
            ("x-hubspot-ratelimit-daily", "250000"),
            ("x-hubspot-ratelimit-daily-remaining", "249998"),
            ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
            ("x-hubspot-ratelimit-max", "100"),
            ("x-hubspot-ratelimit-remaining", "98"),
        ]);
        let all = reports(&response);
        assert_eq!(all.len(), 2);
        assert_eq!(all.first(), Some(&Report { name: "daily", used: 2, limit: 250_000, resets_in_ms: None }));
        assert_eq!(all.last(), Some(&Report { name: "burst", used: 2, limit: 100, resets_in_ms: Some(10_000) }));
        assert!(reports(&answer(&[])).is_empty());
    }

    #[test]
    fn the_wait_follows_the_limit_that_was_reached() {
        let problem = |message: &str, policy: &str| Problem {
            status: 429,
            message: message.into(),
            policy: policy.into(),
            ..Problem::default()
        };
        let ten = problem("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING");
        assert_eq!(wait_ms(&ten), TEN_SECONDLY_WAIT_MS);
        assert_eq!(wait_ms(&problem("You have reached your secondly limit.", "")), SECONDLY_WAIT_MS);
        assert_eq!(wait_ms(&problem("You have reached your daily limit.", "DAILY")), DAILY_WAIT_MS);
        assert_eq!(wait_ms(&Problem { retry_after_ms: Some(7), ..ten }), 7);
    }
}
