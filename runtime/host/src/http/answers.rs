//! Answers that the host gives in a system's place, and what it reads in a
//! system's own. Pure.

use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::exchange::Answer;

/// Names who answered, when it was the host.
pub(crate) const BY_HOST: &str = "lockstep-answer";

/// The account's budget is used up: nothing was sent.
pub(crate) fn throttled(wait_ms: u64) -> Answer {
    let seconds = wait_ms.div_ceil(1000).max(1);
    let mut answer = own(StatusCode::TOO_MANY_REQUESTS, "budget", "the account's rate budget is used up for now");
    answer.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

/// The system let nobody in: nothing was sent.
pub(crate) fn not_signed_in(why: &str) -> Answer {
    own(StatusCode::UNAUTHORIZED, "sign-in", why)
}

fn own(status: StatusCode, by: &'static str, message: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(BY_HOST, HeaderValue::from_static(by));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = serde_json::json!({ "error": by, "message": message }).to_string().into_bytes();
    Answer { status, headers, body, bytes_received: 0 }
}

/// `retry-after`, in seconds or as a date.
pub(crate) fn retry_after_ms(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(seconds.saturating_mul(1000)),
        Err(_) => {
            let at = httpdate::parse_http_date(text).ok()?;
            u64::try_from(at.duration_since(now).unwrap_or_default().as_millis()).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn retry_after_is_read_in_both_its_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, ms) in [
            ("7", Some(7_000)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(text));
            assert_eq!(retry_after_ms(&headers, now), ms, "{text}");
        }
    }

    #[test]
    fn the_host_says_that_it_answered_itself() {
        let answer = throttled(1_200);
        assert_eq!((answer.status.as_u16(), &answer.headers[BY_HOST]), (429, &HeaderValue::from_static("budget")));
        assert_eq!(answer.headers[header::RETRY_AFTER], "2");
    }
}
