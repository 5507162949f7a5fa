//! The sandboxed face: the contract's calls onto a session, the host's imports
//! as its platform. Nothing is decided here.

use std::rc::Rc;
use std::time::Duration;

use lockstep_sdk::bindings::wasi::clocks::monotonic_clock;
use lockstep_sdk::http::{Client, HostClient};
use lockstep_sdk::model::{
    ChangesAnswer, ChangesRequest, CheckItem, ConnectorSpec, EnsureRequest, FetchRequest, Found, Object, Outcome, Page,
    PageRequest, Position, Selection, Webhook, WebhookAnswer, WriteRequest,
};
use lockstep_sdk::{Connector, Result, Role, clock, credentials, log};

use crate::platform::Platform;
use crate::session::{self, Session};

struct Guest(Session);

#[derive(Default)]
struct Host(HostClient);

impl Platform for Host {
    fn http(&self) -> &dyn Client {
        &self.0
    }

    fn hmac_sha256(&self, secret: &str, message: &[u8]) -> std::result::Result<Vec<u8>, String> {
        credentials::hmac_sha256(secret, message).map_err(|error| error.message)
    }

    fn wall_us(&self) -> i64 {
        clock::now_us()
    }

    fn monotonic_ms(&self) -> u64 {
        monotonic_clock::now() / 1_000_000
    }

    fn sleep_ms(&self, millis: u64) {
        clock::sleep(Duration::from_millis(millis));
    }

    fn rate_limit(&self, name: &str, used: Option<u64>, limit: Option<u64>, resets_in_ms: Option<u64>) {
        log::rate_limit(name, used, limit, resets_in_ms);
    }

    fn log(&self, level: &str, message: &str) {
        log::line(level, format_args!("{message}"));
    }
}

impl Connector for Guest {
    fn spec() -> ConnectorSpec {
        session::spec()
    }

    fn open(_role: Role, config: &str) -> Result<Self> {
        Session::open(Rc::new(Host::default()), config).map(Guest)
    }

    fn check(&mut self, objects: Vec<String>) -> Result<Vec<CheckItem>> {
        self.0.check(&objects)
    }

    fn discover(&mut self, objects: Vec<String>) -> Result<Vec<Object>> {
        self.0.discover(&objects)
    }

    fn start(&mut self, selections: Vec<Selection>) -> Result<Position> {
        self.0.start(&selections)
    }

    fn release(&mut self) -> Result<Vec<String>> {
        self.0.release()
    }

    fn read(&mut self, request: PageRequest) -> Result<Page> {
        self.0.read(&request)
    }

    fn changes(&mut self, request: ChangesRequest) -> Result<ChangesAnswer> {
        self.0.changes(&request)
    }

    fn fetch(&mut self, request: FetchRequest) -> Result<Vec<Found>> {
        self.0.fetch(&request)
    }

    fn write(&mut self, request: WriteRequest) -> Result<Vec<Outcome>> {
        self.0.write(&request)
    }

    fn ensure(&mut self, request: EnsureRequest) -> Result<Vec<String>> {
        self.0.ensure(&request)
    }

    fn ingest(&mut self, request: Webhook) -> Result<WebhookAnswer> {
        self.0.ingest(&request)
    }
}

lockstep_sdk::export!(Guest, "connector.json");
