//! The sandboxed face: the contract's calls onto a session, the host's imports
//! as its platform. Nothing is decided here.

use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use lockstep_sdk::bindings::wasi::clocks::monotonic_clock;
use lockstep_sdk::bindings::wasi::random::random;
use lockstep_sdk::model::{
    ChangesAnswer, ChangesRequest, CheckItem, ConnectorSpec, EnsureRequest, FetchRequest, Found, Object, Outcome, Page,
    PageRequest, Position, Selection, WriteRequest,
};
use lockstep_sdk::net::TcpStream;
use lockstep_sdk::{Connector, Result, clock, credentials, log};

use crate::platform::{Platform, ScramProof, Stream, StreamError, Verify, Wait};
use crate::session::{self, Role, Session};

/// How long a write may wait for the server to read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Guest(Session);

struct HostStream(TcpStream);

fn closed(error: std::io::Error) -> StreamError {
    StreamError::Closed(error.to_string())
}

impl Stream for HostStream {
    fn read(&mut self, into: &mut Vec<u8>, wait: Wait) -> std::result::Result<usize, StreamError> {
        let taken = self.0.read_available(into).map_err(closed)?;
        let timeout = match wait {
            Wait::Millis(millis) if taken == 0 => Duration::from_millis(millis),
            _ => return Ok(taken),
        };
        if !self.0.wait_readable(timeout).map_err(closed)? {
            return Ok(0);
        }
        self.0.read_available(into).map_err(closed)
    }

    fn write(&mut self, bytes: &[u8]) -> std::result::Result<(), StreamError> {
        self.0.write_all(bytes).map_err(closed)
    }

    fn channel_binding(&self) -> Option<Vec<u8>> {
        self.0.channel_binding()
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}

struct Host;

impl Platform for Host {
    fn connect(&self, host: &str, port: u16, timeout_ms: u64) -> std::result::Result<Box<dyn Stream>, StreamError> {
        let mut stream = TcpStream::connect(host, port, Duration::from_millis(timeout_ms))
            .map_err(|error| StreamError::Failed(error.to_string()))?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        Ok(Box::new(HostStream(stream)))
    }

    fn start_tls(
        &self,
        stream: Box<dyn Stream>,
        server_name: &str,
        verify: Verify,
    ) -> std::result::Result<Box<dyn Stream>, StreamError> {
        let stream = stream
            .into_any()
            .downcast::<HostStream>()
            .map_err(|_| StreamError::Failed("not a stream of this host".into()))?;
        let verify = match verify {
            Verify::None => lockstep_sdk::net::Verify::None,
            Verify::Ca => lockstep_sdk::net::Verify::Ca,
            Verify::Full => lockstep_sdk::net::Verify::Full,
        };
        let upgraded =
            stream.0.upgrade_tls(server_name, verify).map_err(|error| StreamError::Failed(error.to_string()))?;
        Ok(Box::new(HostStream(upgraded)))
    }

    fn scram_sha_256(
        &self,
        secret: &str,
        salt: &[u8],
        iterations: u32,
        auth_message: &str,
    ) -> std::result::Result<ScramProof, String> {
        let proof =
            credentials::scram_sha_256(secret, salt, iterations, auth_message).map_err(|error| error.message)?;
        Ok(ScramProof { client_proof: proof.client_proof, server_signature: proof.server_signature })
    }

    fn postgres_md5(&self, secret: &str, user: &str, salt: &[u8]) -> std::result::Result<String, String> {
        credentials::postgres_md5(secret, user, salt).map_err(|error| error.message)
    }

    fn random(&self, length: usize) -> Vec<u8> {
        random::get_random_bytes(length as u64)
    }

    fn monotonic_ms(&self) -> u64 {
        monotonic_clock::now() / 1_000_000
    }

    fn wall_us(&self) -> i64 {
        clock::now_us()
    }

    fn log(&self, level: &str, message: &str) {
        log::line(level, format_args!("{message}"));
    }
}

impl Connector for Guest {
    fn spec() -> ConnectorSpec {
        session::spec()
    }

    fn open(role: lockstep_sdk::Role, config: &str) -> Result<Self> {
        let role = match role {
            lockstep_sdk::Role::Tail => Role::Tail,
            lockstep_sdk::Role::Write => Role::Write,
            lockstep_sdk::Role::Read | lockstep_sdk::Role::Ingest => Role::Read,
        };
        Session::open(Rc::new(Host), role, config).map(Guest)
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
}
