//! The file: a header, one event a line, and a last line that says how many
//! there were. What is read was written by anybody, and is refused unless all of it fits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    event::Event,
    scrub::StandIns,
    track::{State, Track},
};
use crate::error::HostError;

/// Of the file's format.
const VERSION: u64 = 1;
/// A file that is larger was not written by any Lockstep.
const FILE_BYTES_MAX: usize = 512 << 20;

/// What a recording is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The connector's name and version.
    pub connector: String,
    /// Where the component came from, as it was named.
    pub source: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// The rule that did not hold, by code and name; empty where it is not of one.
    #[serde(default)]
    pub rule: String,
    #[serde(default)]
    pub expected: String,
    #[serde(default)]
    pub seen: String,
    /// When it was written, in microseconds since 1970.
    #[serde(default)]
    pub at_us: u64,
    /// Bytes of one body that are kept.
    #[serde(default)]
    pub body_bytes_max: u64,
}

/// One session's part of a recording.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) number: u64,
    pub(crate) role: String,
    pub(crate) connection: String,
    /// With their line in the file.
    pub(crate) events: Vec<(usize, Event)>,
}

/// What a component did and was told, read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    about: About,
    pub(crate) parts: Vec<Part>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "lockstep-recording")]
    version: u64,
    contract: String,
    #[serde(flatten)]
    about: About,
}

impl Recording {
    /// A file that is larger is refused; nobody has to read one to know.
    pub const FILE_BYTES_MAX: u64 = FILE_BYTES_MAX as u64;

    pub fn about(&self) -> &About {
        &self.about
    }

    /// Events in it.
    pub fn events(&self) -> usize {
        self.parts.iter().map(|part| part.events.len()).sum()
    }

    /// Read a file's content.
    ///
    /// # Errors
    /// When it is not a whole recording of this version, with the line.
    pub fn read(content: &[u8]) -> Result<Self, HostError> {
        if content.len() > FILE_BYTES_MAX {
            return Err(damaged(1, format!("it is larger than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::str::from_utf8(content).map_err(|_| damaged(1, "it is not text"))?;
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        let Some((_, first)) = lines.next() else { return Err(damaged(1, "it is empty")) };
        let header: Header =
            serde_json::from_str(first).map_err(|error| damaged(1, format!("this is no recording's head: {error}")))?;
        if header.version != VERSION || header.contract != crate::v0_1::CONTRACT {
            let words = format!(
                "it is of version {} and contract {}; version {VERSION} and contract {} are read",
                header.version,
                crate::lines::printable(&header.contract, 40),
                crate::v0_1::CONTRACT
            );
            return Err(damaged(1, words));
        }
        let mut parts: BTreeMap<u64, Part> = BTreeMap::new();
        let mut count: u64 = 0;
        while let Some((at, line)) = lines.next() {
            let fields: Map<String, Value> =
                serde_json::from_str(line).map_err(|error| damaged(at, error.to_string()))?;
            if let Some(end) = fields.get("end") {
                if end.as_u64() != Some(count) || lines.next().is_some() {
                    return Err(damaged(at, "lines are missing or too many"));
                }
                return Ok(Recording { about: header.about, parts: parts.into_values().collect() });
            }
            take(&mut parts, at, fields)?;
            count += 1;
        }
        Err(damaged(text.lines().count(), "its end is missing"))
    }
}

fn take(parts: &mut BTreeMap<u64, Part>, at: usize, mut fields: Map<String, Value>) -> Result<(), HostError> {
    let number = fields.remove("session").and_then(|number| number.as_u64());
    let number = number.ok_or_else(|| damaged(at, "it does not say of which session it is"))?;
    let is_opening = fields.get("what").is_some_and(|what| what == "session");
    match (is_opening, parts.get_mut(&number)) {
        (true, None) => {
            let mut text = |name: &str| fields.remove(name).and_then(|text| text.as_str().map(str::to_owned));
            let (Some(role), Some(connection)) = (text("role"), text("connection")) else {
                return Err(damaged(at, "a session has a role and a connection"));
            };
            parts.insert(number, Part { number, role, connection, events: Vec::new() });
        }
        (false, Some(part)) => {
            let event = Event::deserialize(Value::Object(fields)).map_err(|error| damaged(at, error.to_string()))?;
            part.events.push((at, event));
        }
        (true, Some(_)) => return Err(damaged(at, "the session was there before")),
        (false, None) => return Err(damaged(at, "the session was not there before")),
    }
    Ok(())
}

fn damaged(line: usize, reason: impl Into<String>) -> HostError {
    HostError::Recording { line, reason: crate::lines::printable(&reason.into(), 300) }
}

/// The content of a file with these sessions' events, in the order in which they happened.
pub(crate) fn write(about: &About, tracks: &[(u64, std::sync::Arc<Track>)]) -> Vec<u8> {
    let header = Header { version: VERSION, contract: crate::v0_1::CONTRACT.to_owned(), about: about.clone() };
    let mut lines: Vec<(u64, Value)> = Vec::new();
    // A proof of one session may show in the bytes of another.
    let mut all = StandIns::default();
    let mut events: Vec<(u64, Vec<(u64, Event)>)> = Vec::new();
    for (number, track) in tracks {
        track.with(|state: &State| {
            all.take_over(&state.stand_ins);
            events.push((*number, state.events.clone()));
        });
        let opened =
            json!({ "session": number, "what": "session", "role": track.role, "connection": track.connection });
        let first = events.last().and_then(|(_, events)| events.first()).map_or(0, |(serial, _)| *serial);
        lines.push((first, opened));
    }
    for (number, mut events) in events {
        all.wires(events.iter_mut().map(|(_, event)| event));
        for (serial, event) in events {
            let Ok(Value::Object(fields)) = serde_json::to_value(event) else { continue };
            let mut line = Map::from_iter([("session".to_owned(), Value::from(number))]);
            line.extend(fields);
            lines.push((serial, Value::Object(line)));
        }
    }
    // Stable: a session stands before its first event.
    lines.sort_by_key(|(serial, _)| *serial);
    let mut head = serde_json::to_value(header).unwrap_or_default();
    all.value(&mut head);
    let mut content = head.to_string() + "\n";
    let count = lines.len();
    for (_, mut line) in lines {
        all.value(&mut line);
        content.push_str(&line.to_string());
        content.push('\n');
    }
    content.push_str(&json!({ "end": count }).to_string());
    content.push('\n');
    content.into_bytes()
}
