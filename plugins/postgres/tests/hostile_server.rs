//! Whatever a server sends, the connector answers with an error and goes on living.

use std::cell::RefCell;
use std::rc::Rc;

use lockstep_postgres::config::Config;
use lockstep_postgres::platform::{Platform, ScramProof, Stream, StreamError, Verify, Wait};
use lockstep_postgres::wire::{Connection, Kind};
use proptest::prelude::*;

/// Says the same whatever it is asked, then closes.
struct Parrot {
    says: RefCell<Vec<u8>>,
}

struct Told(Vec<u8>);

impl Stream for Told {
    fn read(&mut self, into: &mut Vec<u8>, _: Wait) -> Result<usize, StreamError> {
        if self.0.is_empty() {
            return Err(StreamError::Closed("nothing more to say".into()));
        }
        // In uneven pieces.
        let rest = self.0.split_off(self.0.len().min(7));
        let piece = std::mem::replace(&mut self.0, rest);
        into.extend_from_slice(&piece);
        Ok(piece.len())
    }

    fn write(&mut self, _: &[u8]) -> Result<(), StreamError> {
        Ok(())
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}

impl Platform for Parrot {
    fn connect(&self, _: &str, _: u16, _: u64) -> Result<Box<dyn Stream>, StreamError> {
        Ok(Box::new(Told(self.says.take())))
    }

    fn start_tls(&self, _: Box<dyn Stream>, _: &str, _: Verify) -> Result<Box<dyn Stream>, StreamError> {
        Err(StreamError::Failed("no".into()))
    }

    fn scram_sha_256(&self, _: &str, _: &[u8], _: u32, _: &str) -> Result<ScramProof, String> {
        Ok(ScramProof { client_proof: vec![0; 32], server_signature: vec![0; 32] })
    }

    fn postgres_md5(&self, _: &str, _: &str, _: &[u8]) -> Result<String, String> {
        Ok("md5".into())
    }

    fn random(&self, length: usize) -> Vec<u8> {
        vec![7; length]
    }

    fn monotonic_ms(&self) -> u64 {
        0
    }

    fn wall_us(&self) -> i64 {
        0
    }

    fn log(&self, _: &str, _: &str) {}
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn open(says: Vec<u8>, sslmode: &str) -> lockstep_postgres::failure::Result<Connection> {
    let json = format!(r#"{{"host":"h","user":"u","sslmode":"{sslmode}"}}"#);
    let config = Config::parse(&json).expect("valid");
    Connection::open(Rc::new(Parrot { says: RefCell::new(says) }), &config, Kind::Sql)
}

/// Log-in accepted, ready.
fn welcome() -> Vec<u8> {
    [message(b'R', &[0, 0, 0, 0]), message(b'Z', b"I")].concat()
}

fn messages() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop::sample::select(b"RKZESNATDCI123nsWdcx".to_vec());
    let one = (tag, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(tag, body)| message(tag, &body));
    prop::collection::vec(one, 0..8).prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn no_log_in_makes_it_panic(says in messages(), raw: Vec<u8>) {
        let _ = open(says, "disable");
        let _ = open(raw, "disable");
    }

    #[test]
    fn no_answer_makes_it_panic(says in messages()) {
        let answer = || [welcome(), says.clone()].concat();
        let _ = open(answer(), "disable").expect("welcome").simple("SELECT 1");
        let _ = open(answer(), "disable").expect("welcome").query("SELECT 1", &[]);
        let mut stream = open(answer(), "disable").expect("welcome");
        if stream.copy_both("START_REPLICATION").is_ok() {
            while let Ok(Some(frame)) = stream.copy_receive(Wait::None) {
                stream.body(frame);
            }
        }
    }
}

#[test]
fn bytes_slipped_in_before_encryption_are_refused() {
    let refused = open([b"S".to_vec(), welcome()].concat(), "require").err().expect("refused");
    assert_eq!(refused.code(), "LS-PG-PROTOCOL");
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_required() {
    let refused = open(b"N".to_vec(), "require").err().expect("refused");
    assert_eq!(refused.code(), "LS-PG-CONFIG");
}

#[test]
fn a_password_is_never_given_in_the_clear() {
    let refused = open(message(b'R', &[0, 0, 0, 3]), "disable").err().expect("refused");
    assert_eq!(refused.code(), "LS-PG-AUTH");
}
