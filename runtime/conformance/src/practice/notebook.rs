//! The notes and their change log.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::sync::Notify;

/// Letters a title may have.
const TITLE_MAX: usize = 200;
const BODY_MAX: usize = 10_000;
const ID_MAX: usize = 64;
/// Changes that are remembered.
const CHANGES_MAX: usize = 100_000;
/// Notes it holds.
const NOTES_MAX: usize = 100_000;

/// A note: its fields, and the number of its last change.
#[derive(Clone, Debug)]
pub(super) struct Note {
    fields: Map<String, Value>,
    pub(super) revision: u64,
}

impl Note {
    pub(super) fn json(&self) -> Value {
        let mut shown = self.fields.clone();
        shown.insert("revision".into(), json!(self.revision));
        Value::Object(shown)
    }
}

/// Why a request is refused.
pub(super) enum Refusal {
    NotFound,
    /// The note is not at the revision that was asked for; as it is.
    Precondition(Option<Note>),
    /// A code, the field, and words.
    Invalid(&'static str, String, String),
    /// The log no longer reaches back so far, or never came there.
    LogGone,
}

#[derive(Default)]
struct Held {
    notes: BTreeMap<String, Note>,
    /// Number, id, and the note as it was then; `None`: it was deleted.
    log: VecDeque<(u64, String, Option<Note>)>,
    last: u64,
}

/// Everything the service knows.
#[derive(Default)]
pub(super) struct Notebook {
    held: Mutex<Held>,
    news: Notify,
}

impl Notebook {
    fn with<T>(&self, look: impl FnOnce(&mut Held) -> T) -> T {
        look(&mut self.held.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    pub(super) fn get(&self, id: &str) -> Option<Note> {
        self.with(|held| held.notes.get(id).cloned())
    }

    /// Notes after that id, in the order of ids.
    pub(super) fn list(&self, after: &str, limit: usize) -> Vec<Note> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.with(|held| {
            let later = held.notes.range::<str, _>((Excluded(after), Unbounded));
            later.take(limit).map(|(_, note)| note.clone()).collect()
        })
    }

    pub(super) fn create(&self, id: &str, given: &Map<String, Value>) -> Result<Note, Refusal> {
        if id.is_empty() || id.len() > ID_MAX {
            return Err(invalid("too_long", "id", format!("an id has 1 to {ID_MAX} bytes")));
        }
        let mut fields = Map::new();
        fields.insert("id".into(), json!(id));
        for name in ["title", "body", "stars", "done"] {
            fields.insert(name.into(), Value::Null);
        }
        fill(&mut fields, given)?;
        self.with(|held| {
            if let Some(there) = held.notes.get(id) {
                return Err(Refusal::Precondition(Some(there.clone())));
            }
            if held.notes.len() >= NOTES_MAX {
                return Err(invalid("full", "id", format!("the notebook holds {NOTES_MAX} notes")));
            }
            Ok(held.keep(id, fields))
        })
        .inspect(|_| self.news.notify_waiters())
    }

    /// `revision`: where the note has to be; `None`: wherever it is.
    pub(super) fn update(&self, id: &str, revision: Option<u64>, given: &Map<String, Value>) -> Result<Note, Refusal> {
        self.with(|held| {
            let note = held.at(id, revision)?;
            let mut fields = note.fields.clone();
            fill(&mut fields, given)?;
            if fields == note.fields {
                return Ok(note);
            }
            Ok(held.keep(id, fields))
        })
        .inspect(|_| self.news.notify_waiters())
    }

    pub(super) fn delete(&self, id: &str, revision: Option<u64>) -> Result<(), Refusal> {
        self.with(|held| {
            held.at(id, revision)?;
            held.notes.remove(id);
            held.note_change(id, None);
            Ok(())
        })
        .inspect(|()| self.news.notify_waiters())
    }

    /// The number of the last change.
    pub(super) fn last(&self) -> u64 {
        self.with(|held| held.last)
    }

    /// Changes after that number, and the number of the last there is.
    pub(super) fn changes(&self, after: u64, limit: usize) -> Result<(Vec<Value>, u64), Refusal> {
        self.with(|held| {
            let first = held.log.front().map_or(held.last + 1, |(number, ..)| *number);
            if after > held.last || after + 1 < first {
                return Err(Refusal::LogGone);
            }
            let skip = usize::try_from(after + 1 - first).unwrap_or(usize::MAX);
            let later = held.log.iter().skip(skip).take(limit);
            let shown = later
                .map(|(number, id, note)| json!({ "number": number, "id": id, "note": note.as_ref().map(Note::json) }));
            Ok((shown.collect(), held.last))
        })
    }

    /// As [`Self::changes`], after waiting for something to be there.
    pub(super) async fn next_changes(
        &self,
        after: u64,
        limit: usize,
        wait: Duration,
    ) -> Result<(Vec<Value>, u64), Refusal> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let found = self.changes(after, limit)?;
            if !found.0.is_empty() || limit == 0 || tokio::time::timeout_at(deadline, news).await.is_err() {
                return Ok(found);
            }
        }
    }
}

impl Held {
    fn at(&self, id: &str, revision: Option<u64>) -> Result<Note, Refusal> {
        let note = self.notes.get(id).ok_or(Refusal::NotFound)?;
        match revision {
            Some(revision) if revision != note.revision => Err(Refusal::Precondition(Some(note.clone()))),
            _ => Ok(note.clone()),
        }
    }

    fn keep(&mut self, id: &str, fields: Map<String, Value>) -> Note {
        let note = Note { fields, revision: self.last + 1 };
        self.notes.insert(id.to_owned(), note.clone());
        self.note_change(id, Some(note.clone()));
        note
    }

    fn note_change(&mut self, id: &str, note: Option<Note>) {
        self.last += 1;
        self.log.push_back((self.last, id.to_owned(), note));
        if self.log.len() > CHANGES_MAX {
            self.log.pop_front();
        }
    }
}

fn invalid(code: &'static str, field: &str, message: String) -> Refusal {
    Refusal::Invalid(code, field.to_owned(), message)
}

/// Puts what is given into a note, if it fits.
fn fill(fields: &mut Map<String, Value>, given: &Map<String, Value>) -> Result<(), Refusal> {
    for (name, value) in given {
        let fits = match name.as_str() {
            "title" => value.is_string(),
            "body" => value.is_string() || value.is_null(),
            "stars" => value.is_i64() || value.is_null(),
            "done" => value.is_boolean() || value.is_null(),
            "id" => fields.get("id") == Some(value),
            _ => return Err(invalid("unknown_field", name, format!("a note has no field `{name}`"))),
        };
        if !fits {
            return Err(invalid("bad_value", name, format!("`{name}` cannot be {value}")));
        }
        if name == "title" && value.as_str().is_some_and(|title| title.chars().count() > TITLE_MAX) {
            return Err(invalid("too_long", name, format!("a title has at most {TITLE_MAX} letters")));
        }
        if name == "body" && value.as_str().is_some_and(|body| body.chars().count() > BODY_MAX) {
            return Err(invalid("too_long", name, format!("a body has at most {BODY_MAX} letters")));
        }
        fields.insert(name.clone(), value.clone());
    }
    if fields.get("title").is_none_or(Value::is_null) {
        return Err(invalid("missing", "title", "a note has a title".into()));
    }
    Ok(())
}
