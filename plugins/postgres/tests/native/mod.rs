//! The connector's platform over real sockets, with a password of its own.
#![allow(dead_code)]

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use lockstep_postgres::platform::{Platform, ScramProof, Stream, StreamError, Verify, Wait};
use lockstep_postgres::session::{Role, Session};
use md5::{Digest, Md5};
use sha2::Sha256;

pub const PASSWORD: &str = "throwaway";

pub struct Native {
    begun: Instant,
    pub logged: RefCell<Vec<String>>,
}

struct Socket(TcpStream);

fn closed(error: std::io::Error) -> StreamError {
    StreamError::Closed(error.to_string())
}

impl Stream for Socket {
    fn read(&mut self, into: &mut Vec<u8>, wait: Wait) -> Result<usize, StreamError> {
        match wait {
            Wait::None => self.0.set_nonblocking(true).map_err(closed)?,
            Wait::Millis(millis) => {
                self.0.set_nonblocking(false).map_err(closed)?;
                self.0.set_read_timeout(Some(Duration::from_millis(millis.max(1)))).map_err(closed)?;
            }
        }
        let before = into.len();
        into.resize(before + 64 * 1024, 0);
        let read = self.0.read(&mut into[before..]);
        into.truncate(before + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(StreamError::Closed("end of stream".into())),
            Ok(count) => Ok(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(0),
            Err(error) => Err(closed(error)),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.0.set_nonblocking(false).map_err(closed)?;
        self.0.write_all(bytes).map_err(closed)
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}

type HmacSha256 = Hmac<Sha256>;

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = HmacSha256::new_from_slice(key).expect("any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Platform for Native {
    fn connect(&self, host: &str, port: u16, _timeout_ms: u64) -> Result<Box<dyn Stream>, StreamError> {
        let stream = TcpStream::connect((host, port)).map_err(|error| StreamError::Failed(error.to_string()))?;
        stream.set_nodelay(true).map_err(closed)?;
        Ok(Box::new(Socket(stream)))
    }

    fn start_tls(&self, _: Box<dyn Stream>, _: &str, _: Verify) -> Result<Box<dyn Stream>, StreamError> {
        Err(StreamError::Failed("no TLS in these tests".into()))
    }

    fn scram_sha_256(&self, _: &str, salt: &[u8], iterations: u32, message: &str) -> Result<ScramProof, String> {
        let mut block = hmac(PASSWORD.as_bytes(), &[salt, &[0, 0, 0, 1]].concat());
        let mut salted = block;
        for _ in 1..iterations {
            block = hmac(PASSWORD.as_bytes(), &block);
            salted.iter_mut().zip(block).for_each(|(all, one)| *all ^= one);
        }
        let client_key = hmac(&salted, b"Client Key");
        let stored = Sha256::digest(client_key);
        let signature = hmac(&stored, message.as_bytes());
        let proof = client_key.iter().zip(signature).map(|(key, sign)| key ^ sign).collect();
        let server_key = hmac(&salted, b"Server Key");
        Ok(ScramProof { client_proof: proof, server_signature: hmac(&server_key, message.as_bytes()).to_vec() })
    }

    fn postgres_md5(&self, _: &str, user: &str, salt: &[u8]) -> Result<String, String> {
        let inner = hex(&Md5::digest([PASSWORD.as_bytes(), user.as_bytes()].concat()));
        Ok(format!("md5{}", hex(&Md5::digest([inner.as_bytes(), salt].concat()))))
    }

    fn random(&self, length: usize) -> Vec<u8> {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos().to_be_bytes();
        seed.iter().cycle().take(length).copied().collect()
    }

    fn monotonic_ms(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    fn wall_us(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as i64
    }

    fn log(&self, level: &str, message: &str) {
        self.logged.borrow_mut().push(format!("{level}: {message}"));
    }
}

pub fn platform() -> Rc<dyn Platform> {
    Rc::new(Native { begun: Instant::now(), logged: RefCell::default() })
}

/// A session as `user`.
pub fn session(port: u16, user: &str, database: &str, role: Role) -> Session {
    let config = format!(r#"{{"host":"127.0.0.1","port":{port},"user":"{user}","database":"{database}","name":"t"}}"#);
    session_with(&config, role)
}

/// A session of any configuration.
pub fn session_with(config: &str, role: Role) -> Session {
    Session::open(platform(), role, config).expect("a valid configuration")
}
