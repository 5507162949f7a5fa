//! The connector's platform natively: real requests over loopback, with the
//! token put on here, as the host does it for a sandboxed connector.
#![allow(dead_code)]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use lockstep_hubspot::platform::Platform;
use lockstep_hubspot::session::Session;
use lockstep_sdk::http::{Client, Failure, Pending, Request, Response};
use lockstep_simulators::hubspot::Account;
use sha2::Sha256;

pub struct Native {
    begun: Instant,
    agent: Agent,
    secret: String,
    pub logged: RefCell<Vec<String>>,
    pub limits: RefCell<Vec<String>>,
}

struct Agent {
    agent: ureq::Agent,
    token: String,
}

/// Sent and answered before it is waited for.
struct Answered(Option<Result<Response, Failure>>);

impl Pending for Answered {
    fn wait(&mut self, _: Duration) -> Option<Result<Response, Failure>> {
        self.0.take()
    }
}

impl Client for Agent {
    fn start(&self, request: Request) -> Box<dyn Pending> {
        Box::new(Answered(Some(self.exchange(&request))))
    }
}

impl Agent {
    fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let mut builder = ureq::http::Request::builder().method(request.method.as_str()).uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        builder = builder.header("authorization", format!("Bearer {}", self.token));
        let built = builder.body(request.body.clone()).map_err(|error| Failure::NotSent(error.to_string()))?;
        let mut response = self.agent.run(built).map_err(failed)?;
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or("").to_owned()));
        let headers = headers.collect();
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_vec().map_err(failed)?;
        Ok(Response { status, headers, body })
    }
}

fn failed(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::BadUri(_) => {
            Failure::NotSent(error.to_string())
        }
        ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => Failure::NotSent(io.to_string()),
        other => Failure::Unknown(other.to_string()),
    }
}

impl Platform for Native {
    fn http(&self) -> &dyn Client {
        &self.agent
    }

    fn hmac_sha256(&self, secret: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        if secret != "client_secret" {
            return Err(format!("there is no secret `{secret}`"));
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).map_err(|error| error.to_string())?;
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }

    fn wall_us(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
    }

    fn monotonic_ms(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    fn sleep_ms(&self, millis: u64) {
        std::thread::sleep(Duration::from_millis(millis));
    }

    fn rate_limit(&self, name: &str, used: Option<u64>, limit: Option<u64>, _: Option<u64>) {
        self.limits.borrow_mut().push(format!("{name} {used:?}/{limit:?}"));
    }

    fn log(&self, level: &str, message: &str) {
        self.logged.borrow_mut().push(format!("{level}: {message}"));
    }
}

pub fn platform(token: &str, secret: &str) -> Rc<Native> {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(3)));
    Rc::new(Native {
        begun: Instant::now(),
        agent: Agent { agent: config.build().into(), token: token.to_owned() },
        secret: secret.to_owned(),
        logged: RefCell::default(),
        limits: RefCell::default(),
    })
}

/// A session with an account, as its first app.
pub fn session(account: &Account) -> Session {
    session_with(account, "")
}

/// A session with more configuration: `,"key":value`.
pub fn session_with(account: &Account, more: &str) -> Session {
    let config = format!(
        r#"{{"base_url":"{}","app_id":{},"poll_interval_ms":200,"archived_interval_ms":1000{more}}}"#,
        account.url(),
        account.app_id()
    );
    Session::open(platform(account.token(), ""), &config).expect("a valid configuration")
}
