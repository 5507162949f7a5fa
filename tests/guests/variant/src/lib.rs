//! The PostgreSQL connector's own sources under another face: further versions of
//! it, for tests of changing versions. What such a version does otherwise is
//! written into the component's bytes behind a mark, so that one build makes as
//! many versions, each with a digest of its own, as a test wants.
//!
//! Words, parted by spaces: `version=1.2.3`, `cursor=2`, `asks=https:host`,
//! `check-fails`, `changes-trap=N` and `write-trap=N` (from the N-th call of an
//! instance on), `other-values`, `drops-rows`, `refuses-writes`,
//! `says` (a line of the log for every part of the stream that holds anything).

#[path = "../../../../plugins/postgres/src/catalog/mod.rs"]
pub mod catalog;
#[path = "../../../../plugins/postgres/src/config.rs"]
pub mod config;
#[path = "../../../../plugins/postgres/src/cursor.rs"]
pub mod cursor;
#[path = "../../../../plugins/postgres/src/failure.rs"]
pub mod failure;
#[path = "../../../../plugins/postgres/src/guest.rs"]
mod guest;
#[path = "../../../../plugins/postgres/src/pgoutput/mod.rs"]
pub mod pgoutput;
#[path = "../../../../plugins/postgres/src/platform.rs"]
pub mod platform;
#[path = "../../../../plugins/postgres/src/session/mod.rs"]
pub mod session;
#[path = "../../../../plugins/postgres/src/sql/mod.rs"]
pub mod sql;
#[path = "../../../../plugins/postgres/src/value/mod.rs"]
pub mod value;
#[path = "../../../../plugins/postgres/src/wire/mod.rs"]
pub mod wire;

use lockstep_sdk::{
    Cell, ChangesAnswer, ChangesRequest, CheckItem, Connector, ConnectorSpec, EnsureRequest, FetchRequest, Found,
    Object, Outcome, Page, PageRequest, Position, Rejection, Result, Role, Selection, WriteRequest,
};

/// Where what this version does is written: the mark, then its words.
static MARK: [u8; 96] =
    *b"LOCKSTEP-VARIANT:                                                                               ";
const MARK_LENGTH: usize = 17;

/// The words, read so that no compiler takes them for known.
fn words() -> String {
    let place = std::hint::black_box(&MARK);
    let words = place.get(MARK_LENGTH..).unwrap_or_default();
    String::from_utf8_lossy(words).trim().to_owned()
}

struct Variant {
    inner: guest::Guest,
    words: Vec<String>,
    changes: u32,
    writes: u32,
}

impl Variant {
    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|one| one == word)
    }

    /// Traps where it is told to, from that call on.
    fn count(&self, word: &str, calls: u32) {
        let from = setting(&self.words, word).and_then(|number| number.parse().ok());
        assert!(from.is_none_or(|from: u32| calls < from), "as it is told");
    }
}

fn setting<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn all_words() -> Vec<String> {
    words().split_whitespace().map(str::to_owned).collect()
}

impl Connector for Variant {
    fn spec() -> ConnectorSpec {
        let words = all_words();
        let mut spec = <guest::Guest as Connector>::spec();
        if let Some(version) = setting(&words, "version") {
            spec.version = version.into();
        }
        if let Some(cursor) = setting(&words, "cursor") {
            spec.cursor_version = cursor.parse().unwrap_or_default();
        }
        spec.permissions.extend(setting(&words, "asks").map(str::to_owned));
        spec
    }

    fn open(role: Role, config: &str) -> Result<Self> {
        let inner = <guest::Guest as Connector>::open(role, config)?;
        Ok(Variant { inner, words: all_words(), changes: 0, writes: 0 })
    }

    fn check(&mut self, objects: Vec<String>) -> Result<Vec<CheckItem>> {
        let mut items = self.inner.check(objects)?;
        if self.has("check-fails") {
            items.push(CheckItem::fail("variant", "this version cannot work", "use another"));
        }
        Ok(items)
    }

    fn discover(&mut self, objects: Vec<String>) -> Result<Vec<Object>> {
        self.inner.discover(objects)
    }

    fn start(&mut self, selections: Vec<Selection>) -> Result<Position> {
        self.inner.start(selections)
    }

    fn release(&mut self) -> Result<Vec<String>> {
        self.inner.release()
    }

    fn read(&mut self, request: PageRequest) -> Result<Page> {
        self.inner.read(request)
    }

    fn changes(&mut self, request: ChangesRequest) -> Result<ChangesAnswer> {
        self.changes += 1;
        self.count("changes-trap", self.changes);
        let mut answer = self.inner.changes(request)?;
        if self.has("says") && !answer.batches.is_empty() {
            lockstep_sdk::log::line("warn", format_args!("there was something \u{1b}[31mto tell"));
        }
        for batch in &mut answer.batches {
            if self.has("drops-rows") {
                batch.rows.pop();
            }
            let texts = batch.rows.iter_mut().flat_map(|row| &mut row.cells);
            for cell in texts.filter(|_| self.has("other-values")) {
                if let Cell::Text(text) = cell {
                    *text = text.to_uppercase();
                }
            }
        }
        answer.batches.retain(|batch| !batch.rows.is_empty() || !self.has("drops-rows"));
        Ok(answer)
    }

    fn fetch(&mut self, request: FetchRequest) -> Result<Vec<Found>> {
        self.inner.fetch(request)
    }

    fn write(&mut self, request: WriteRequest) -> Result<Vec<Outcome>> {
        self.writes += 1;
        self.count("write-trap", self.writes);
        if self.has("refuses-writes") {
            let refused = || Rejection {
                code: "variant".into(),
                class: "other".into(),
                message: "this version refuses".into(),
                columns: Vec::new(),
            };
            return Ok(request.intents.iter().map(|_| Outcome::Rejected(refused())).collect());
        }
        self.inner.write(request)
    }

    fn ensure(&mut self, request: EnsureRequest) -> Result<Vec<String>> {
        self.inner.ensure(request)
    }
}

lockstep_sdk::export!(Variant);
