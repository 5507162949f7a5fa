//! A connector to an in-memory [`System`] as a vendor's HTTP interface would be:
//! no order among changes, reads that cannot be compared with the stream, writes
//! that are checked and not conditional. It polls an index that lags behind and
//! shows old values, or it is told by webhooks that name a row and nothing more.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Changes, Cursor, Found, Page, Row, Selection, Version},
    key::Key,
    schema::{CheckItem, ConnectorSpec, Object},
    value::{Timestamp, Value},
    webhook::{Webhook, WebhookAnswer},
    write::{Action, Intent, Outcome, Overwritten, WriteRequest},
};
use lockstep_engine::port::{
    ChangesRequest, Connector, EnsureRequest, FetchRequest, PageRequest, Role, Session, SessionError, SessionErrorKind,
};
use tokio::time::Instant;

use crate::system::{Logged, System, Write};

/// A poll looks back over so much, more than the index ever lags.
const OVERLAP: Duration = Duration::from_millis(400);

type Between = Box<dyn FnMut(&System) + Send>;

/// A system behind a vendor's interface; clones are the same one.
#[derive(Clone)]
pub struct Vendor {
    pub system: System,
    polls: bool,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    begun: Instant,
    /// When each change entered the index, as far as anybody looked.
    indexed: BTreeMap<u64, Instant>,
    between: Option<Between>,
    fetched: u64,
    /// What writes overwrote whose answers were lost, as the vendor's history has it.
    unreported: Vec<(Key, Overwritten)>,
    answers: Answers,
    reads_held: bool,
    read_takes: Duration,
    /// How long each page of a full read takes, and whether the stream is refused meanwhile.
    page_takes: Duration,
    refuses_streams: bool,
}

/// What becomes of the answers to writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    Arrive,
    /// The next one is lost, with the session.
    NextLost,
    /// None arrives, and nothing says so.
    Held,
}

impl Vendor {
    /// Changes are found by polling.
    pub fn polled(system: System) -> Self {
        Vendor::new(system, true)
    }

    /// Changes are told by webhooks only.
    pub fn told(system: System) -> Self {
        Vendor::new(system, false)
    }

    fn new(system: System, polls: bool) -> Self {
        let inside = Inside {
            begun: Instant::now(),
            indexed: BTreeMap::new(),
            between: None,
            fetched: 0,
            unreported: Vec::new(),
            answers: Answers::Arrive,
            reads_held: false,
            read_takes: Duration::ZERO,
            page_takes: Duration::ZERO,
            refuses_streams: false,
        };
        Vendor { system, polls, inside: Arc::new(Mutex::new(inside)) }
    }

    /// Somebody does this between the check of each write and the write itself.
    pub fn between_check_and_write(&self, edit: impl FnMut(&System) + Send + 'static) {
        self.lock().between = Some(Box::new(edit));
    }

    pub fn answers(&self, answers: Answers) {
        self.lock().answers = answers;
    }

    /// Rows asked for one by one are not answered while this is so.
    pub fn hold_reads(&self, held: bool) {
        self.lock().reads_held = held;
    }

    /// How long the reading of each row takes.
    pub fn read_takes(&self, time: Duration) {
        self.lock().read_takes = time;
    }

    /// How long each page of a full read takes.
    pub fn page_takes(&self, time: Duration) {
        self.lock().page_takes = time;
    }

    /// Nobody is told of changes, for their being too many, while this is so.
    pub fn refuse_streams(&self, refused: bool) {
        self.lock().refuses_streams = refused;
    }

    /// Keys asked for one by one so far.
    pub fn fetched(&self) -> u64 {
        self.lock().fetched
    }

    /// The keys of all changes after this one, as webhooks name them, and the last change.
    pub fn events_after(&self, lsn: u64) -> (Vec<i64>, u64) {
        let log = self.system.log_after(lsn, usize::MAX).unwrap_or_default();
        let key = |logged: &Logged| match logged.key.0.first() {
            Some(Value::Int(id)) => Some(*id),
            _ => None,
        };
        (log.iter().filter_map(key).collect(), log.last().map_or(lsn, |logged| logged.lsn))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a change takes until a poll can see it: not in the order of changes.
fn lag(lsn: u64) -> Duration {
    Duration::from_millis(lsn % 4 * 40)
}

#[async_trait]
impl Connector for Vendor {
    async fn open(&self, _role: Role) -> Result<Box<dyn Session>, SessionError> {
        Ok(Box::new(VendorSession(self.clone())))
    }
}

struct VendorSession(Vendor);

fn not_found(what: &str) -> SessionError {
    SessionError::new(SessionErrorKind::NotFound, format!("there is no {what}"))
}

impl VendorSession {
    fn table(&self, object: &str) -> Result<(Vec<String>, Vec<usize>), SessionError> {
        self.0.system.columns(object).ok_or_else(|| not_found(object))
    }

    fn places(&self, object: &str, wanted: &[String]) -> Result<Vec<usize>, SessionError> {
        let (columns, _) = self.table(object)?;
        let place = |name: &String| columns.iter().position(|column| column == name).ok_or_else(|| not_found(name));
        wanted.iter().map(place).collect()
    }

    /// What the index shows now of what changed since, look-back included.
    fn visible(&self, after: Duration) -> (Vec<Logged>, Duration) {
        let now = Instant::now();
        let log = self.0.system.log_after(0, usize::MAX).unwrap_or_default();
        let mut inside = self.0.lock();
        let begun = inside.begun;
        let mut newest = after;
        let mut found = Vec::new();
        for logged in log {
            let indexed = *inside.indexed.entry(logged.lsn).or_insert(now);
            let modified = indexed - begun;
            if modified + OVERLAP > after && indexed + lag(logged.lsn) <= now {
                newest = newest.max(modified);
                found.push(logged);
            }
        }
        (found, newest)
    }

    fn batch(&self, logged: &Logged, selection: &Selection) -> Result<ChangeBatch, SessionError> {
        let places = self.places(&selection.object, &selection.columns)?;
        // As the row was when it was indexed, which may be long over.
        let cells = logged.row.as_ref().map(|row| pick(row, &places)).unwrap_or_default();
        let row = ChangeRow { key: logged.key.clone(), cells, version: Version::default(), at: Some(logged.at) };
        Ok(ChangeBatch {
            object: logged.table.clone(),
            kind: if logged.row.is_some() { ChangeKind::Upsert } else { ChangeKind::Delete },
            columns: selection.columns.clone().into(),
            rows: vec![row],
            origin: "".into(),
        })
    }

    /// What lies under an earlier write of ours is shown in place of what came after
    /// it; where what is expected is there, nobody looks that far down.
    fn show_unreported(&self, key: &Key, columns: &[String], expected: &[Option<Value>], row: &mut [Value]) {
        let mut inside = self.0.lock();
        let (of_row, others) = std::mem::take(&mut inside.unreported).into_iter().partition(|(of, _)| of == key);
        inside.unreported = others;
        let of_row: Vec<(Key, Overwritten)> = of_row;
        for (_, one) in of_row {
            let Some(place) = columns.iter().position(|column| *column == one.column) else { continue };
            if expected[place].as_ref().is_some_and(|expected| *expected != row[place]) {
                row[place] = one.value;
            }
        }
    }

    fn write_one(&self, request: &WriteRequest, intent: &Intent) -> Result<Outcome, SessionError> {
        let (columns, key_places) = self.table(&request.object)?;
        let places = self.places(&request.object, &request.columns)?;
        let returning = self.places(&request.object, &request.returning)?;
        let mut wanted = vec![None; columns.len()];
        let mut expected = vec![None; columns.len()];
        for (n, place) in places.iter().enumerate() {
            wanted[*place] = intent.cells.get(n).cloned().flatten();
            expected[*place] = intent.expected.get(n).cloned().flatten();
        }
        let full: Vec<Value> = wanted.iter().map(|cell| cell.clone().unwrap_or(Value::Null)).collect();
        let key = intent.key.clone().unwrap_or_else(|| key_of(&full, &key_places));
        let shown = |row: &[Value]| read_row(row, &key_places, &returning);
        let checked = self.0.system.row(&request.object, &key.0);
        match (intent.action, &checked) {
            (Action::Create, Some(row)) => return Ok(Outcome::Duplicate(shown(row))),
            (Action::Update | Action::Delete, None) => return Ok(Outcome::Gone),
            (Action::Update | Action::Delete, Some(row)) => {
                let holds = row.iter().zip(&expected).all(|(held, e)| e.as_ref().is_none_or(|e| e == held));
                let mut instead = row.clone();
                self.show_unreported(&key, &columns, &expected, &mut instead);
                if !holds {
                    return Ok(Outcome::Conflict(shown(&instead)));
                }
            }
            (Action::Create, None) => {}
        }
        if let Some(between) = &mut self.0.lock().between {
            between(&self.0.system);
        }
        let mut before = None;
        let (row, _, _) = self.0.system.write(&request.object, &key.0, |row| {
            before = row.cloned();
            match (intent.action, row) {
                (Action::Create, _) => Write::Row(full.clone()),
                (Action::Update, Some(row)) => {
                    let cell =
                        |(held, wanted): (&Value, &Option<Value>)| wanted.clone().unwrap_or_else(|| held.clone());
                    Write::Row(row.iter().zip(&wanted).map(cell).collect())
                }
                (Action::Update, None) => Write::Nothing,
                (Action::Delete, _) => Write::Delete,
            }
        });
        let Some(row) = row else {
            return Ok(Outcome::Gone);
        };
        // The audit after the write: the vendor's history tells what was overwritten.
        let overwritten: Vec<Overwritten> = match (&checked, &before) {
            (Some(checked), Some(before)) if intent.action == Action::Update => columns
                .iter()
                .enumerate()
                .filter(|(n, _)| wanted[*n].is_some() && checked[*n] != before[*n])
                .map(|(n, column)| Overwritten {
                    column: column.clone(),
                    value: before[n].clone(),
                    by: "a person".to_owned(),
                    at: Some(Timestamp(1)),
                })
                .collect(),
            _ => Vec::new(),
        };
        if self.0.lock().answers != Answers::Arrive {
            self.0.lock().unreported.extend(overwritten.iter().map(|one| (key.clone(), one.clone())));
        }
        let row = shown(&row);
        Ok(if overwritten.is_empty() { Outcome::Applied(row) } else { Outcome::Overwrote(row, overwritten) })
    }
}

fn pick(row: &[Value], places: &[usize]) -> Vec<Option<Value>> {
    places.iter().map(|place| row.get(*place).cloned()).collect()
}

fn key_of(row: &[Value], key: &[usize]) -> Key {
    Key::new(key.iter().filter_map(|place| row.get(*place).cloned()).collect())
}

fn read_row(row: &[Value], key: &[usize], places: &[usize]) -> Row {
    Row { key: key_of(row, key), cells: pick(row, places), version: Version::default(), at: None }
}

#[async_trait]
impl Session for VendorSession {
    async fn spec(&mut self) -> Result<ConnectorSpec, SessionError> {
        Ok(ConnectorSpec {
            name: "vendor".to_owned(),
            version: "0.0.0".to_owned(),
            changes: if self.0.polls { "poll" } else { "webhook" }.to_owned(),
            precondition: "read-check-write".to_owned(),
            abilities: vec!["delete".to_owned(), "webhooks".to_owned()],
            config_schema: "{}".to_owned(),
            cursor_version: 1,
            permissions: Vec::new(),
            credentials: Vec::new(),
            auth_schemes: Vec::new(),
        })
    }

    async fn check(&mut self, _objects: &[String]) -> Result<Vec<CheckItem>, SessionError> {
        Ok(Vec::new())
    }

    async fn discover(&mut self, objects: &[String]) -> Result<Vec<Object>, SessionError> {
        let mut found = self.0.system.objects();
        found.retain(|object| objects.is_empty() || objects.contains(&object.name));
        Ok(found)
    }

    async fn start(&mut self, _selections: &[Selection]) -> Result<Cursor, SessionError> {
        self.0.system.start();
        let since = Instant::now() - self.0.lock().begun;
        Ok(to_cursor(since))
    }

    async fn release(&mut self) -> Result<Vec<String>, SessionError> {
        Ok(Vec::new())
    }

    async fn read(&mut self, request: &PageRequest) -> Result<Page, SessionError> {
        let object = &request.selection.object;
        let (_, key) = self.table(object)?;
        let places = self.places(object, &request.selection.columns)?;
        let takes = self.0.lock().page_takes;
        tokio::time::sleep(takes).await;
        let after = String::from_utf8_lossy(&request.after).into_owned();
        let rows = self.0.system.page(object, &after, request.rows_max as usize);
        let full = rows.len() >= request.rows_max as usize;
        let next = rows.last().filter(|_| full).map_or(Arc::from([]), |(place, _)| Arc::from(place.as_bytes()));
        Ok(Page { rows: rows.iter().map(|(_, row)| read_row(row, &key, &places)).collect(), next })
    }

    async fn changes(&mut self, request: &ChangesRequest) -> Result<Changes, SessionError> {
        let mut answer =
            Changes { batches: Vec::new(), cursor: request.after.clone(), more: false, lag_bytes: None, lag_ms: None };
        if self.0.lock().refuses_streams {
            let error = SessionError::new(SessionErrorKind::Throttled, "the day's deliveries are used up");
            return Err(SessionError { retry_after_ms: Some(500), ..error });
        }
        if !self.0.polls || request.records_max == 0 {
            return Ok(answer);
        }
        let (found, newest) = self.visible(from_cursor(&request.after));
        for logged in &found {
            if let Some(selection) = request.selections.iter().find(|selection| *selection.object == *logged.table) {
                answer.batches.push(self.batch(logged, selection)?);
            }
        }
        answer.cursor = to_cursor(newest);
        Ok(answer)
    }

    async fn fetch(&mut self, request: &FetchRequest) -> Result<Vec<Found>, SessionError> {
        let object = &request.selection.object;
        let (_, key) = self.table(object)?;
        let by = self.places(object, &request.by)?;
        let places = self.places(object, &request.selection.columns)?;
        self.0.lock().fetched += request.keys.len() as u64;
        let takes = self.0.lock().read_takes * request.keys.len() as u32;
        tokio::time::sleep(takes).await;
        while self.0.lock().reads_held {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let rows = self.0.system.rows(object);
        let mut found = Vec::new();
        for (index, asked) in (0u32..).zip(&request.keys) {
            let here = rows.iter().filter(|row| key_of(row, &by) == *asked);
            found.extend(here.map(|row| Found { index, row: read_row(row, &key, &places) }));
        }
        Ok(found)
    }

    async fn write(&mut self, request: &WriteRequest) -> Result<Vec<Outcome>, SessionError> {
        let outcomes = request.intents.iter().map(|intent| self.write_one(request, intent)).collect();
        let answers = self.0.lock().answers;
        match answers {
            Answers::Arrive => outcomes,
            Answers::NextLost => {
                self.0.lock().answers = Answers::Arrive;
                Err(SessionError::new(SessionErrorKind::Crashed, "the answer was lost"))
            }
            Answers::Held => std::future::pending().await,
        }
    }

    async fn ensure(&mut self, _request: &EnsureRequest) -> Result<Vec<String>, SessionError> {
        Ok(Vec::new())
    }

    /// The body: keys, separated by commas, perhaps after who changed them and a colon.
    async fn ingest(&mut self, webhook: &Webhook) -> Result<WebhookAnswer, SessionError> {
        let text = String::from_utf8_lossy(&webhook.body);
        let (origin, text) = text.split_once(':').unwrap_or(("", &*text));
        let rows = text.split(',').filter_map(|key| key.trim().parse().ok()).map(|id: i64| ChangeRow {
            key: Key::new(vec![Value::Int(id)]),
            cells: Vec::new(),
            version: Version::default(),
            at: None,
        });
        let batch = ChangeBatch {
            object: "people".into(),
            kind: ChangeKind::Invalidate,
            columns: Arc::from([]),
            rows: rows.collect(),
            origin: origin.into(),
        };
        Ok(WebhookAnswer { status: 204, headers: Vec::new(), body: Vec::new(), batches: vec![batch] })
    }
}

fn to_cursor(since: Duration) -> Cursor {
    let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
    Cursor(micros.to_be_bytes().as_slice().into())
}

fn from_cursor(cursor: &Cursor) -> Duration {
    cursor.0.as_ref().try_into().map(u64::from_be_bytes).map_or(Duration::ZERO, Duration::from_micros)
}
