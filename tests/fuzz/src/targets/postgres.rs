//! What a PostgreSQL server may send: from its first byte, its replication
//! stream, the text of its values; and the cursor that comes back to us.

use std::{cell::RefCell, rc::Rc};

use lockstep_postgres::{
    config::Config,
    cursor::{Cursor, parse_lsn},
    pgoutput::{self, Message, Old, Tuple, Value},
    platform::{Platform, ScramProof, Stream, StreamError, Verify, Wait},
    value::{Codec, ScalarCodec, decode, elements, text_of},
    wire::{Connection, Kind, RowView},
};

pub const WORDS: &[&str] = &[
    "R\0\0\0\x08\0\0\0\0",
    "Z\0\0\0\x05I",
    "E\0\0\0\x05\0",
    "D\0\0\0",
    "T\0\0\0",
    "d\0\0\0",
    "W\0\0\0\x07\0\0\0",
    "C\0\0\0\x0dSELECT 1\0",
    "SCRAM-SHA-256\0",
    "v=AAAA",
    "\u{7f}\u{7f}",
];
pub const VALUES: &[&str] = &[
    "infinity",
    "-infinity",
    "NaN",
    " BC",
    "{",
    "}",
    "NULL",
    "\\x",
    "24:00:00",
    "+15:59:59",
    "294276-12-31",
    "\"\\\"",
];

const SCALARS: &[ScalarCodec] = &[
    ScalarCodec::Bool,
    ScalarCodec::Int,
    ScalarCodec::Decimal,
    ScalarCodec::Float,
    ScalarCodec::Text,
    ScalarCodec::Bytes,
    ScalarCodec::Date,
    ScalarCodec::Time,
    ScalarCodec::Timestamp,
    ScalarCodec::LocalTimestamp,
    ScalarCodec::Uuid,
    ScalarCodec::Json,
];

/// A server that says the same whatever it is asked, in uneven pieces.
struct Parrot(RefCell<Vec<u8>>);

struct Told(Vec<u8>);

impl Stream for Told {
    fn read(&mut self, into: &mut Vec<u8>, _: Wait) -> Result<usize, StreamError> {
        if self.0.is_empty() {
            return Err(StreamError::Closed("nothing more to say".into()));
        }
        let piece = self.0.len().min(61);
        into.extend(self.0.drain(..piece));
        Ok(piece)
    }

    fn write(&mut self, _: &[u8]) -> Result<(), StreamError> {
        Ok(())
    }

    fn channel_binding(&self) -> Option<Vec<u8>> {
        Some(vec![1; 32])
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}

impl Platform for Parrot {
    fn connect(&self, _: &str, _: u16, _: u64) -> Result<Box<dyn Stream>, StreamError> {
        Ok(Box::new(Told(self.0.take())))
    }

    fn start_tls(&self, stream: Box<dyn Stream>, _: &str, _: Verify) -> Result<Box<dyn Stream>, StreamError> {
        Ok(stream)
    }

    fn scram_sha_256(&self, _: &str, _: &[u8], _: u32, _: &str) -> Result<ScramProof, String> {
        Ok(ScramProof { client_proof: vec![0; 32], server_signature: vec![0; 3] })
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

/// Logs in and asks for everything a session asks for; the first byte chooses.
pub fn wire(bytes: &[u8]) {
    let (choice, says) = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest));
    let sslmode = if choice & 1 == 0 { "disable" } else { "prefer" };
    let Ok(config) = Config::parse(&format!(r#"{{"host":"h","user":"u","sslmode":"{sslmode}"}}"#)) else {
        panic!("the settings are good");
    };
    let kind = if choice & 2 == 0 { Kind::Sql } else { Kind::Replication };
    let Ok(mut connection) = Connection::open(Rc::new(Parrot(RefCell::new(says.to_vec()))), &config, kind) else {
        return;
    };
    let _ = connection.major_version();
    if choice & 4 == 0 {
        if let Ok(rows) = connection.simple("SELECT 1") {
            let _ = (0..rows.len()).map(|row| rows.value(row, 0).map(str::len)).max();
        }
        connection.queue("SELECT $1", &[]);
        let _ = connection.sync();
        let _ = connection.result(&mut |mut row: RowView<'_>| row.boolean().map(drop));
        let _ = connection.ready();
        let _ = connection.query("SELECT 2", &[]);
    } else if connection.copy_both("START_REPLICATION").is_ok() {
        while let Ok(Some(frame)) = connection.copy_receive(Wait::None) {
            pgoutput(connection.body(frame));
        }
    }
}

pub fn pgoutput(bytes: &[u8]) {
    let walk = |tuple: &Tuple<'_>| {
        for value in tuple.values() {
            // Checked when the message was taken apart.
            if let Value::Text(text) = value.expect("a tuple that was checked") {
                values_of(text);
            }
        }
    };
    let old_row = |old: &Old<'_>| match old {
        Old::Untold => {}
        Old::Key(tuple) | Old::Full(tuple) => walk(tuple),
    };
    match pgoutput::decode(bytes) {
        Ok(Message::Insert { new, .. }) => walk(&new),
        Ok(Message::Update { old, new, .. }) => {
            old_row(&old);
            walk(&new);
        }
        Ok(Message::Delete { old, .. }) => old_row(&old),
        Ok(_) | Err(_) => {}
    }
    if let Ok(mut row) = RowView::parse(bytes) {
        while let Ok(Some(text)) = row.take() {
            values_of(text);
        }
    }
}

fn values_of(text: &[u8]) {
    for scalar in SCALARS {
        let _ = decode(Codec::One(*scalar), text);
    }
}

/// What a column's text says is still what it says when it is written and read again.
pub fn values(bytes: &[u8]) {
    let Ok(told) = std::str::from_utf8(bytes) else { return values_of(bytes) };
    let _ = elements(told);
    for codec in SCALARS.iter().flat_map(|scalar| [Codec::One(*scalar), Codec::Many(*scalar)]) {
        let cell = decode(codec, bytes);
        let Some(text) = text_of(&cell) else { continue };
        let again = decode(codec, text.as_bytes());
        assert_eq!(format!("{again:?}"), format!("{cell:?}"), "{codec:?} read from `{text}`");
    }
}

pub fn cursor(bytes: &[u8]) {
    if let Ok(cursor) = Cursor::parse(bytes) {
        assert_eq!(Cursor::parse(&cursor.to_bytes()).ok(), Some(cursor));
    }
    let _ = std::str::from_utf8(bytes).ok().and_then(parse_lsn);
}
