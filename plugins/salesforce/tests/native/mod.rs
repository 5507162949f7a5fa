//! The connector's world natively: blocking HTTP, each request on a thread of
//! its own, signed the way a host would sign it.
#![allow(dead_code)]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use lockstep_salesforce::platform::Platform;
use lockstep_salesforce::session::Session;
use lockstep_sdk::http::{Client, Failure, Pending, Request, Response};
use lockstep_sdk::model::{Cell, ChangeBatch, ChangesRequest, Intent, Outcome, Row, Selection, WriteRequest};
use lockstep_simulators::salesforce::{Options, Org};

pub struct Native {
    begun: Instant,
    http: Http,
    pub logged: RefCell<Vec<String>>,
}

struct Http {
    agent: ureq::Agent,
    token: String,
}

struct Waiting(mpsc::Receiver<Result<Response, Failure>>);

impl Pending for Waiting {
    fn wait(&mut self, timeout: Duration) -> Option<Result<Response, Failure>> {
        match self.0.recv_timeout(timeout) {
            Ok(answer) => Some(answer),
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            Err(mpsc::RecvTimeoutError::Disconnected) => Some(Err(Failure::Unknown("the sender is gone".into()))),
        }
    }
}

impl Client for Http {
    fn start(&self, request: Request) -> Box<dyn Pending> {
        let (agent, token) = (self.agent.clone(), self.token.clone());
        let (answer, answered) = mpsc::channel();
        std::thread::spawn(move || {
            let _ = answer.send(exchange(&agent, &token, request));
        });
        Box::new(Waiting(answered))
    }
}

fn exchange(agent: &ureq::Agent, token: &str, request: Request) -> Result<Response, Failure> {
    let mut built = ureq::http::Request::builder().method(request.method.as_str()).uri(&request.url);
    for (name, value) in &request.headers {
        built = built.header(name, value);
    }
    let built = built.header("authorization", format!("Bearer {token}")).body(request.body);
    let built = built.map_err(|error| Failure::NotSent(error.to_string()))?;
    let mut answer = agent.run(built).map_err(|error| match error {
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => Failure::NotSent(error.to_string()),
        ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => Failure::NotSent(io.to_string()),
        other => Failure::Unknown(other.to_string()),
    })?;
    let headers = answer.headers().iter();
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let body = answer.body_mut().read_to_vec().map_err(|error| Failure::Unknown(error.to_string()))?;
    Ok(Response { status: answer.status().as_u16(), headers, body })
}

impl Platform for Native {
    fn client(&self) -> &dyn Client {
        &self.http
    }

    fn instance_url(&self) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn sign_in_anew(&self) -> Result<(), String> {
        Ok(())
    }

    fn sleep_ms(&self, millis: u64) {
        std::thread::sleep(Duration::from_millis(millis));
    }

    fn monotonic_ms(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    fn wall_us(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
    }

    fn log(&self, level: &str, message: &str) {
        self.logged.borrow_mut().push(format!("{level}: {message}"));
    }

    fn rate_limit(&self, _: &str, _: Option<u64>, _: Option<u64>) {}
}

pub fn org() -> anyhow::Result<Org> {
    Ok(Org::start(Options::default())?)
}

/// A session with further settings, as the inside of a JSON object.
pub fn session_with(org: &Org, settings: &str) -> anyhow::Result<Session> {
    let config: ureq::config::Config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let http = Http { agent: config.into(), token: org.access_token() };
    let native = Native { begun: Instant::now(), http, logged: RefCell::default() };
    let settings = if settings.is_empty() { String::new() } else { format!(",{settings}") };
    let config = format!(r#"{{"instance_url":"{}"{settings}}}"#, org.url());
    Session::open(Rc::new(native), &config).map_err(told)
}

pub fn session(org: &Org) -> anyhow::Result<Session> {
    session_with(org, "")
}

/// The contract's error as one of a test's.
pub fn told(error: lockstep_sdk::model::Error) -> anyhow::Error {
    anyhow::anyhow!("{}: {} {}", error.code, error.message, error.remedy)
}

pub fn selection(object: &str, columns: &[&str]) -> Selection {
    Selection { object: object.into(), columns: columns.iter().map(|name| (*name).to_owned()).collect() }
}

pub fn text(text: &str) -> Cell {
    Cell::Text(text.into())
}

/// One intent's outcome.
pub fn write_one(session: &mut Session, object: &str, columns: &[&str], intent: Intent) -> anyhow::Result<Outcome> {
    let mut outcomes = write(session, object, columns, vec![intent])?;
    outcomes.pop().context("an outcome")
}

pub fn write(
    session: &mut Session,
    object: &str,
    columns: &[&str],
    intents: Vec<Intent>,
) -> anyhow::Result<Vec<Outcome>> {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let request = WriteRequest { object: object.into(), returning: columns.clone(), columns, intents };
    session.write(&request).map_err(told)
}

pub fn update(id: &str, cells: &[Cell], expected: &[Cell]) -> Intent {
    Intent { action: "update".into(), key: vec![text(id)], cells: cells.to_vec(), expected: expected.to_vec() }
}

pub fn create(cells: &[Cell]) -> Intent {
    Intent { action: "create".into(), key: Vec::new(), cells: cells.to_vec(), expected: Vec::new() }
}

pub fn delete(id: &str, expected: &[Cell]) -> Intent {
    let cells = vec![Cell::Absent; expected.len()];
    Intent { action: "delete".into(), key: vec![text(id)], cells, expected: expected.to_vec() }
}

pub fn cells(row: &Row) -> &[Cell] {
    &row.cells
}

/// A stream's follower: takes changes and remembers the cursor.
pub struct Follower {
    pub session: Session,
    pub cursor: Vec<u8>,
    pub selections: Vec<Selection>,
}

impl Follower {
    pub fn start(mut session: Session, selections: Vec<Selection>) -> anyhow::Result<Self> {
        let cursor = session.start(&selections).map_err(told)?.cursor;
        Ok(Follower { session, cursor, selections })
    }

    /// Another process takes over where this one stands.
    pub fn resume(session: Session, cursor: Vec<u8>, selections: Vec<Selection>) -> Self {
        Follower { session, cursor, selections }
    }

    pub fn take(&mut self, wait_ms: u32) -> Result<Vec<ChangeBatch>, lockstep_sdk::model::Error> {
        let request = ChangesRequest {
            selections: self.selections.clone(),
            after: self.cursor.clone(),
            durable: self.cursor.clone(),
            max_records: 1_000,
            max_bytes: 1 << 20,
            wait_ms,
        };
        let answer = self.session.changes(&request)?;
        self.cursor = answer.cursor;
        Ok(answer.batches)
    }

    /// Changes until there are so many rows and signals, for five seconds at most.
    pub fn until(&mut self, count: usize) -> anyhow::Result<Vec<ChangeBatch>> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut all: Vec<ChangeBatch> = Vec::new();
        let size = |batches: &[ChangeBatch]| batches.iter().map(|batch| batch.rows.len().max(1)).sum::<usize>();
        while size(&all) < count {
            anyhow::ensure!(Instant::now() < deadline, "only {} of {count} changes came: {all:?}", size(&all));
            all.extend(self.take(300).map_err(told)?);
        }
        Ok(all)
    }
}

/// Every row of batches: object, kind, id and cells.
pub fn flat(batches: &[ChangeBatch]) -> Vec<(String, String, String, Vec<Cell>)> {
    let mut rows = Vec::new();
    for batch in batches {
        if batch.rows.is_empty() {
            rows.push((batch.object.clone(), batch.kind.clone(), String::new(), Vec::new()));
        }
        for row in &batch.rows {
            let id = row.key.first().and_then(Cell::as_str).unwrap_or_default().to_owned();
            rows.push((batch.object.clone(), batch.kind.clone(), id, row.cells.clone()));
        }
    }
    rows
}
