//! Sending requests: repeated where that is harmless, limits reported, clocks
//! compared.

use lockstep_sdk::http::{Request, Response};
use serde::de::DeserializeOwned;

use super::Session;
use crate::failure::{Failure, Result};
use crate::limits;
use crate::response;
use crate::value::calendar;

/// Times a request is sent in all, where it may be repeated.
const TRIES: u32 = 4;
/// Longest wait for a limit inside a call; a longer one is the host's to keep.
const LIMIT_WAIT_MAX_MS: u64 = 1_500;
/// First wait after an answer that did not come; doubles.
const RETRY_WAIT_MS: u64 = 150;
/// Clocks nearer to each other than this count as equal: an answer's date has
/// whole seconds.
const CLOCK_TOLERANCE_MS: i64 = 2_000;

/// Whether a request may be sent again when it is not known what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It only reads.
    Harmless,
    /// It changes something.
    Never,
}

impl Session {
    /// Sends a request and reads the body of its answer.
    pub(super) fn call<T: DeserializeOwned>(&mut self, request: Request, repeat: Repeat) -> Result<T> {
        let response = self.send(request, repeat)?;
        response::read(&response)
    }

    /// Sends a request whose answer has no body worth reading.
    pub(super) fn command(&mut self, request: Request) -> Result<()> {
        self.send(request, Repeat::Never).map(|_| ())
    }

    fn send(&mut self, request: Request, repeat: Repeat) -> Result<Response> {
        let mut wait = RETRY_WAIT_MS;
        for attempt in 1.. {
            let failure = match self.send_once(request.clone()) {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let pause = match &failure {
                // A refused request was not carried out, whatever it is.
                Failure::Refused(problem) if problem.status == 429 => u64::from(limits::wait_ms(problem)),
                Failure::NotSent(_) => wait,
                uncertain if uncertain.is_uncertain() && repeat == Repeat::Harmless => wait,
                _ => return Err(failure),
            };
            if attempt >= TRIES || pause > LIMIT_WAIT_MAX_MS {
                return Err(failure);
            }
            self.platform.sleep_ms(pause);
            wait *= 2;
        }
        Err(Failure::Internal("no request was sent".into()))
    }

    fn send_once(&mut self, request: Request) -> Result<Response> {
        let sent_ms = self.wall_ms();
        let response = self.platform.http().send(request)?;
        for report in limits::reports(&response) {
            self.platform.rate_limit(report.name, Some(report.used), Some(report.limit), report.resets_in_ms);
        }
        if let Some(date) = response.header("date").and_then(calendar::parse_http_date) {
            let here = i64::midpoint(sent_ms, self.wall_ms());
            let ahead = date + 500 - here;
            self.ahead_ms = if ahead.abs() > CLOCK_TOLERANCE_MS { ahead } else { 0 };
        }
        match (200..300).contains(&response.status) {
            true => Ok(response),
            false => Err(Failure::Refused(Box::new(response::problem(&response)))),
        }
    }

    fn wall_ms(&self) -> i64 {
        self.platform.wall_us().div_euclid(1_000)
    }

    /// Now, by HubSpot's clock as far as it is known.
    pub(super) fn server_ms(&self) -> i64 {
        self.wall_ms().saturating_add(self.ahead_ms)
    }

    /// How far HubSpot's clock is ahead, in milliseconds; 0 within a tolerance.
    pub(super) fn clock_ahead_ms(&self) -> i64 {
        self.ahead_ms
    }

    /// A moment for a read that begins now; later than every one given before.
    pub(super) fn read_at_us(&mut self) -> i64 {
        self.last_read_us = self.platform.wall_us().max(self.last_read_us + 1);
        self.last_read_us
    }
}
