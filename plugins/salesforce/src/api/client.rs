//! Sending requests to one organisation, and telling the host what each answer
//! says of the day's limit. Credentials are put on the wire by the host.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use lockstep_sdk::http::{Request, Response};
use serde::Deserialize;

use crate::config::Config;
use crate::failure::{ApiError, Failure, Result, Trouble};
use crate::platform::Platform;
use crate::soql::url_encoded;
use crate::value::parse_http_date_s;

use super::answer::{Record, parse_errors, parse_limit_info};

/// For one answer; a query may take the vendor's two minutes, a call may not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);
/// Pages that one query is followed over.
const QUERY_PAGES_MAX: usize = 50;
/// Times a read is repeated when the service was busy or away for a moment.
const READ_TRIES: u32 = 3;
const READ_RETRY_MS: u64 = 300;

/// An answer of any status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// The server's clock, whole seconds since 1970.
    pub date_s: Option<i64>,
    headers: Vec<(String, String)>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first error of an answer that is none.
    pub fn error(&self) -> ApiError {
        let mut error = parse_errors(self.status, &self.body).into_iter().next().unwrap_or_default();
        let seconds = self.header("retry-after").and_then(|text| text.trim().parse::<u32>().ok());
        error.retry_after_ms = seconds.map(|seconds| seconds.saturating_mul(1000));
        error
    }
}

/// A page of a query's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryPage {
    #[serde(default)]
    pub total_size: u64,
    pub done: bool,
    pub next_records_url: Option<String>,
    #[serde(default)]
    pub records: Vec<Record>,
    /// The server's clock when it answered.
    #[serde(skip)]
    pub date_s: Option<i64>,
}

/// The way to one organisation.
#[derive(Clone)]
pub struct Api {
    platform: Rc<dyn Platform>,
    base: String,
    version: String,
    client_name: String,
    /// How far the server's clock is ahead of ours, as last seen.
    ahead_s: Rc<Cell<i64>>,
}

impl Api {
    /// `base`: scheme and host.
    pub fn new(platform: Rc<dyn Platform>, base: String, config: &Config) -> Self {
        Api {
            platform,
            base,
            version: config.api_version.clone(),
            client_name: config.client_name.clone(),
            ahead_s: Rc::new(Cell::new(0)),
        }
    }

    /// The server's clock, in whole seconds since 1970: ours until it was heard.
    pub fn now_s(&self) -> i64 {
        self.platform.wall_us().div_euclid(1_000_000) + self.ahead_s.get()
    }

    /// An answer told the server's clock.
    pub fn observe_clock(&self, date_s: i64) {
        self.ahead_s.set(date_s - self.platform.wall_us().div_euclid(1_000_000));
    }

    /// Scheme and host.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `/services/data/vX.0` and what follows.
    pub fn path(&self, rest: &str) -> String {
        format!("/services/data/v{}{rest}", self.version)
    }

    /// A request to a path, with what every request carries.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let mut request = Request::new(method, format!("{}{path}", self.base))
            .header("accept", "application/json")
            .header("sforce-call-options", format!("client={}", self.client_name));
        request.timeout = ANSWER_TIMEOUT;
        request
    }

    /// Send it, whatever the answer's status.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send(&self, request: Request) -> Result<Answer> {
        let response = self.platform.client().send(request)?;
        Ok(self.look_at(response))
    }

    fn look_at(&self, response: Response) -> Answer {
        if let Some((used, limit)) = response.header("sforce-limit-info").and_then(parse_limit_info) {
            self.platform.rate_limit("daily-api-requests", Some(used), Some(limit));
        }
        let date_s = response.header("date").and_then(parse_http_date_s);
        if let Some(date_s) = date_s {
            self.observe_clock(date_s);
        }
        Answer { status: response.status, date_s, headers: response.headers, body: response.body }
    }

    /// A read: repeated when the service was busy for a moment; anything but a
    /// success is an error.
    ///
    /// # Errors
    /// The vendor's, or why there is no answer.
    pub fn get(&self, path: &str) -> Result<Answer> {
        let mut tries = 1;
        loop {
            let answer = self.send(self.request("GET", path));
            let passing = match &answer {
                Ok(answer) if answer.is_success() => false,
                Ok(answer) => matches!(answer.error().trouble(), Trouble::Away | Trouble::Busy),
                Err(failure) => matches!(failure, Failure::Broken(_)),
            };
            if !passing || tries >= READ_TRIES {
                let answer = answer?;
                return if answer.is_success() { Ok(answer) } else { Err(Failure::Api(Box::new(answer.error()))) };
            }
            self.platform.sleep_ms(READ_RETRY_MS * u64::from(tries));
            tries += 1;
        }
    }

    /// The first page of a query. `deleted`: rows in the recycle bin, too.
    ///
    /// # Errors
    /// The vendor's, or why there is no answer.
    pub fn query_page(&self, soql: &str, deleted: bool) -> Result<QueryPage> {
        let verb = if deleted { "queryAll" } else { "query" };
        self.page(&self.path(&format!("/{verb}?q={}", url_encoded(soql))))
    }

    fn page(&self, path: &str) -> Result<QueryPage> {
        let answer = self.get(path)?;
        let mut page: QueryPage = serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::Protocol(format!("a query's answer: {error}")))?;
        page.date_s = answer.date_s;
        Ok(page)
    }

    /// All rows of a query that is known to be bounded, and the server's clock
    /// when it began to answer.
    ///
    /// # Errors
    /// The vendor's, or why there is no answer.
    pub fn query(&self, soql: &str, deleted: bool) -> Result<(Vec<Record>, Option<i64>)> {
        let mut page = self.query_page(soql, deleted)?;
        let date_s = page.date_s;
        let mut rows = std::mem::take(&mut page.records);
        for _ in 0..QUERY_PAGES_MAX {
            let next = match page.next_records_url.take() {
                Some(next) if !page.done => next,
                _ => return Ok((rows, date_s)),
            };
            page = self.page(&next)?;
            rows.append(&mut page.records);
        }
        Err(Failure::Protocol("a query's answer does not end".into()))
    }

    /// A query that only counts.
    ///
    /// # Errors
    /// The vendor's, or why there is no answer.
    pub fn count(&self, object: &str) -> Result<u64> {
        Ok(self.query_page(&format!("SELECT COUNT() FROM {object}"), false)?.total_size)
    }
}
