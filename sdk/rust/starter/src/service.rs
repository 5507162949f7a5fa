//! The service's requests and answers. What an answer means for a write is
//! decided in `write`; what a note looks like is `note`'s.

use std::time::Duration;

use lockstep_sdk::{
    Error, Result,
    http::{Client, Failure, Request, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::note::Note;

pub struct Service<C> {
    client: C,
    /// Without a slash at its end.
    base_url: String,
}

#[derive(Deserialize)]
pub struct Change {
    pub number: u64,
    pub id: String,
    /// `None`: it was deleted.
    pub note: Option<Note>,
}

/// What became of a request that writes.
pub enum Answer {
    Done(Option<Note>),
    NotFound,
    /// It is not at the revision that was asked for.
    Precondition(Option<Note>),
    Refused {
        code: String,
        field: String,
        message: String,
    },
    Throttled(u32),
    Unavailable(String),
    /// The request left, and no answer came.
    Unknown(String),
}

impl<C: Client> Service<C> {
    pub fn new(client: C, base_url: &str) -> Self {
        Service { client, base_url: base_url.trim_end_matches('/').to_owned() }
    }

    pub fn status(&self) -> Result<()> {
        self.ask("/status", 0).map(drop)
    }

    pub fn list(&self, after: &str, limit: u32) -> Result<(Vec<Note>, Option<String>)> {
        #[derive(Deserialize)]
        struct Listed {
            notes: Vec<Note>,
            next: Option<String>,
        }
        let listed: Listed = read(&self.ask(&format!("/notes?after={}&limit={limit}", escape(after)), 0)?)?;
        Ok((listed.notes, listed.next))
    }

    pub fn get(&self, id: &str) -> Result<Option<Note>> {
        match self.ask(&format!("/notes/{}", escape(id)), 0) {
            Ok(answer) => read(&answer).map(Some),
            Err(error) if error.code == "not-found" => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn last_change(&self) -> Result<u64> {
        let answer: Value = read(&self.ask("/changes", 0)?)?;
        answer["last"].as_u64().ok_or_else(|| Error::internal("the service does not say where its log ends"))
    }

    /// Changes after that number, and the number of the last there is.
    pub fn changes(&self, after: u64, limit: u32, wait_ms: u32) -> Result<(Vec<Change>, u64)> {
        #[derive(Deserialize)]
        struct Listed {
            changes: Vec<Change>,
            last: u64,
        }
        let path = format!("/changes?after={after}&limit={limit}&wait_ms={wait_ms}");
        let listed: Listed = read(&self.ask(&path, wait_ms)?)?;
        Ok((listed.changes, listed.last))
    }

    pub fn create(&self, id: &str, fields: &Map<String, Value>) -> Result<Answer> {
        self.send("PUT", id, None, Some(fields))
    }

    pub fn update(&self, id: &str, revision: u64, fields: &Map<String, Value>) -> Result<Answer> {
        self.send("PATCH", id, Some(revision), Some(fields))
    }

    pub fn delete(&self, id: &str, revision: u64) -> Result<Answer> {
        self.send("DELETE", id, Some(revision), None)
    }

    /// A request that changes nothing: whatever keeps it from being answered passes.
    fn ask(&self, path: &str, wait_ms: u32) -> Result<Response> {
        let mut request = Request::new("GET", format!("{}{path}", self.base_url));
        request.timeout += Duration::from_millis(wait_ms.into());
        let answer = self.client.send(request).map_err(|failure| match failure {
            Failure::Denied(why) => Error::denied(why),
            other => Error::unavailable(other.to_string()),
        })?;
        match answer.status {
            200..300 => Ok(answer),
            401 | 403 => Err(Error::auth(words(&answer))),
            404 => Err(Error::not_found(words(&answer))),
            410 => Err(Error::cursor_invalid(words(&answer))),
            429 => Err(Error::throttled(words(&answer), answer.retry_after_ms().unwrap_or(1_000))),
            500.. => Err(Error::unavailable(words(&answer))),
            _ => Err(Error::internal(words(&answer))),
        }
    }

    fn send(
        &self,
        method: &str,
        id: &str,
        revision: Option<u64>,
        fields: Option<&Map<String, Value>>,
    ) -> Result<Answer> {
        let mut request = Request::new(method, format!("{}/notes/{}", self.base_url, escape(id)));
        if let Some(revision) = revision {
            request = request.header("if-match", format!("\"{revision}\""));
        }
        if let Some(fields) = fields {
            request = request.json(Value::Object(fields.clone()).to_string().into_bytes());
        }
        let answer = match self.client.send(request) {
            Ok(answer) => answer,
            Err(Failure::Denied(why)) => return Err(Error::denied(why)),
            Err(Failure::NotSent(why)) => return Ok(Answer::Unavailable(why)),
            Err(Failure::Unknown(why)) => return Ok(Answer::Unknown(why)),
        };
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Ok(match answer.status {
            204 => Answer::Done(None),
            200..300 => Answer::Done(Some(read(&answer)?)),
            401 | 403 => return Err(Error::auth(words(&answer))),
            404 => Answer::NotFound,
            412 => Answer::Precondition(serde_json::from_value(body["note"].clone()).ok()),
            429 => Answer::Throttled(answer.retry_after_ms().unwrap_or(1_000)),
            // It may have been done all the same.
            500.. => Answer::Unknown(words(&answer)),
            _ => Answer::Refused { code: text("code"), field: text("field"), message: words(&answer) },
        })
    }
}

fn read<T: for<'a> Deserialize<'a>>(answer: &Response) -> Result<T> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| Error::internal(format!("an answer that was not understood: {error}")))
}

/// What the service says went wrong.
fn words(answer: &Response) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let message = body["message"].as_str().unwrap_or("no words");
    format!("the service answered {}: {message}", answer.status)
}

/// Percent-encoding for one part of a path or query.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_a_path() {
        assert_eq!(escape("a/../b?c=1&d"), "a%2F..%2Fb%3Fc%3D1%26d");
    }
}
