//! Sessions with a simulated system, as the engine sees them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use lockstep_core::{
    change::{Changes, Cursor, Found, Page, Row as PortRow, Selection, Version},
    key::Key,
    schema::{CheckItem, Column, ColumnType, ConnectorSpec, Kind, Object},
    value::{Cell, Timestamp},
    write::{Action, Outcome, WriteRequest},
};
use lockstep_engine::port::{
    ChangesRequest, Connector, EnsureRequest, FetchRequest, PageRequest, Role, Session, SessionError, SessionErrorKind,
};

use super::{
    habits::{Condition, Stream},
    place::{Met, Place},
    stream,
    table::{COLUMNS, EMAIL, ID, Row, key_of, place},
    world::World,
    write,
};

/// Rows of a page: few, so that there are several.
const PAGE_ROWS: usize = 4;
pub const OBJECT: &str = "people";

pub struct Link {
    pub world: Arc<World>,
    pub place: Arc<Place>,
}

#[async_trait]
impl Connector for Link {
    async fn open(&self, role: Role) -> Result<Box<dyn Session>, SessionError> {
        let mut visit = Visit { world: self.world.clone(), place: self.place.clone(), role, gone: false };
        visit.enter("open").await?;
        Ok(Box::new(visit))
    }
}

/// One session.
pub struct Visit {
    pub world: Arc<World>,
    pub place: Arc<Place>,
    role: Role,
    gone: bool,
}

fn error(kind: SessionErrorKind) -> SessionError {
    SessionError::new(kind, format!("simulated: {}", kind.code()))
}

pub fn version(lsn: u64, sequence: u32) -> Version {
    let mut order = lsn.to_be_bytes().to_vec();
    order.extend(sequence.to_be_bytes());
    Version { generation: 0, order: order.into() }
}

/// The place in the log that a version names.
fn lsn(version: &Version) -> Option<u64> {
    let place = version.order.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*place))
}

impl Visit {
    pub fn now_us(&self) -> i64 {
        self.world.now_us()
    }

    pub async fn delay(&self) {
        let latency_max_ms = self.place.weather().latency_max_ms;
        let ms = self.place.dice().roll(latency_max_ms + 1);
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    /// Before the work of a call. True: its answer is to be lost.
    async fn enter(&mut self, call: &'static str) -> Result<bool, SessionError> {
        if self.gone {
            return Err(error(SessionErrorKind::Crashed));
        }
        self.delay().await;
        let name = self.place.table().name.clone();
        self.world.step(&name, call).await;
        let faults_percent = self.place.weather().faults_percent;
        if !self.place.dice().percent(faults_percent) {
            return Ok(false);
        }
        match self.place.dice().roll(4) {
            0 => Err(error(SessionErrorKind::Unavailable)),
            1 => {
                let mut throttled = error(SessionErrorKind::Throttled);
                throttled.retry_after_ms = Some(200);
                Err(throttled)
            }
            2 => {
                self.gone = true;
                Err(error(SessionErrorKind::Crashed))
            }
            _ => Ok(true),
        }
    }

    /// After the work of a call.
    async fn leave<T>(&mut self, call: &'static str, lost: bool, answer: T) -> Result<T, SessionError> {
        let name = self.place.table().name.clone();
        self.world.step(&name, call).await;
        self.delay().await;
        if lost {
            self.gone = true;
            return Err(error(SessionErrorKind::Crashed));
        }
        Ok(answer)
    }

    /// Takes down what an answer that arrived has shown of a row, as of then.
    fn show(&self, as_of_us: i64, (key, version): (&Key, &Version), columns: &[usize], cells: &[Cell]) {
        if self.world.paused.load(Ordering::Relaxed) {
            return;
        }
        let now_us = self.now_us();
        let identity = self.place.table().identity;
        let tells_whose = identity == ID && !cells.is_empty()
            || columns.iter().zip(cells).any(|(column, cell)| *column == identity && cell.is_some());
        let mut shown = self.place.shown();
        if tells_whose {
            let lsn = lsn(version);
            let as_of_us = lsn.is_none().then_some(as_of_us);
            shown.meet(place(key), Met { at_us: now_us, lsn, as_of_us });
        }
        for (column, cell) in columns.iter().zip(cells) {
            if let Some(value) = cell {
                shown.add(now_us, *column, value);
            }
        }
    }

    fn show_outcome(&self, as_of_us: i64, columns: &[usize], outcome: &Outcome) {
        match outcome {
            Outcome::Applied(row) | Outcome::Conflict(row) | Outcome::Duplicate(row) => {
                self.place.shown().hear(&place(&row.key));
                self.show(as_of_us, (&row.key, &row.version), columns, &row.cells)
            }
            Outcome::Overwrote(row, foreign) => {
                self.show(as_of_us, (&row.key, &row.version), columns, &row.cells);
                for one in foreign {
                    if let Some(column) = COLUMNS.iter().position(|name| *name == one.column) {
                        self.show(as_of_us, (&row.key, &row.version), &[column], &[Some(one.value.clone())]);
                    }
                }
            }
            _ => {}
        }
    }

    /// A row as it is answered: ordered only where the system can.
    fn answer(&self, row: &Row, columns: &[usize], ordered: bool) -> PortRow {
        let table = self.place.table();
        let version = match ordered && table.habits.condition == Condition::Atomic {
            true => version(table.lsn(), 0),
            false => Version::default(),
        };
        let at = (table.habits.condition != Condition::Atomic).then(|| {
            let now_us = self.now_us() + table.habits.skew_us;
            Timestamp(now_us - now_us.rem_euclid(1_000_000))
        });
        PortRow { key: key_of(row), cells: cells(row, columns), version, at }
    }
}

pub fn positions(columns: &[String]) -> Result<Vec<usize>, SessionError> {
    let position = |name: &String| COLUMNS.iter().position(|column| column == name);
    columns.iter().map(|name| position(name).ok_or_else(|| error(SessionErrorKind::NotFound))).collect()
}

pub fn cells(row: &Row, columns: &[usize]) -> Vec<Cell> {
    columns.iter().map(|column| row.get(*column).cloned()).collect()
}

#[async_trait]
impl Session for Visit {
    async fn spec(&mut self) -> Result<ConnectorSpec, SessionError> {
        let habits = self.place.table().habits.clone();
        let changes = match habits.stream {
            Stream::Log | Stream::Events => "log",
            Stream::Webhooks => "webhook",
            Stream::Polling => "poll",
        };
        let precondition = match habits.condition {
            Condition::Atomic => "atomic",
            Condition::Precondition => "precondition",
            Condition::ReadCheckWrite => "read-check-write",
        };
        Ok(ConnectorSpec {
            name: "simulated".to_owned(),
            version: "0.0.0".to_owned(),
            changes: changes.to_owned(),
            precondition: precondition.to_owned(),
            abilities: vec!["delete".to_owned()],
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

    async fn discover(&mut self, _objects: &[String]) -> Result<Vec<Object>, SessionError> {
        let lost = self.enter("discover").await?;
        let object = object(self.place.table().habits.unique);
        self.leave("discovered", lost, vec![object]).await
    }

    async fn start(&mut self, _selections: &[Selection]) -> Result<Cursor, SessionError> {
        let lost = self.enter("start").await?;
        let cursor = stream::start(self);
        self.leave("started", lost, cursor).await
    }

    async fn release(&mut self) -> Result<Vec<String>, SessionError> {
        Ok(Vec::new())
    }

    async fn read(&mut self, request: &PageRequest) -> Result<Page, SessionError> {
        let lost = self.enter("read").await?;
        let columns = positions(&request.selection.columns)?;
        let rows: Vec<Row> = {
            let table = self.place.table();
            let from = if request.after.is_empty() {
                std::ops::Bound::Unbounded
            } else {
                std::ops::Bound::Excluded(request.after.to_vec())
            };
            let max = (request.rows_max as usize).min(PAGE_ROWS);
            table.rows.range((from, std::ops::Bound::Unbounded)).take(max).map(|(_, row)| row.clone()).collect()
        };
        let next: Arc<[u8]> = match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS => place(&key_of(last)).into(),
            _ => Arc::from([]),
        };
        let ordered = self.role == Role::Tail;
        let rows = rows.iter().map(|row| self.answer(row, &columns, ordered)).collect();
        let as_of_us = self.now_us();
        let page = self.leave("page", lost, Page { rows, next }).await?;
        // What cannot be ordered against the stream is a hint only: it is read again.
        for row in page.rows.iter().filter(|row| !row.version.order.is_empty()) {
            self.show(as_of_us, (&row.key, &row.version), &columns, &row.cells);
        }
        Ok(page)
    }

    async fn changes(&mut self, request: &ChangesRequest) -> Result<Changes, SessionError> {
        let lost = self.enter("changes").await?;
        let changes = stream::changes(self, request).await?;
        self.world.tell(|| format!("{} changes {:?}", self.place.table().name, shown(&changes)));
        let as_of_us = self.now_us();
        let changes = self.leave("changed", lost, changes).await?;
        if request.records_max > 0 {
            self.place.feed().answered_us = self.now_us();
        }
        for batch in &changes.batches {
            let columns = positions(&batch.columns)?;
            batch.rows.iter().for_each(|row| self.show(as_of_us, (&row.key, &row.version), &columns, &row.cells));
        }
        Ok(changes)
    }

    async fn fetch(&mut self, request: &FetchRequest) -> Result<Vec<Found>, SessionError> {
        let lost = self.enter("fetch").await?;
        let columns = positions(&request.selection.columns)?;
        let by = positions(&request.by)?;
        let rows: Vec<Row> = self.place.table().rows.values().cloned().collect();
        let mut found = Vec::new();
        for row in rows {
            let key = Key::new(by.iter().filter_map(|column| row.get(*column).cloned()).collect());
            for (index, asked) in (0u32..).zip(&request.keys) {
                if key == *asked {
                    found.push(Found { index, row: self.answer(&row, &columns, true) });
                }
            }
        }
        self.world.tell(|| format!("{} fetch {:?}: {found:?} lost {lost}", self.place.table().name, request.keys));
        let as_of_us = self.now_us();
        let found = self.leave("fetched", lost, found).await?;
        let rows = found.iter().map(|found| &found.row);
        rows.for_each(|row| {
            self.place.shown().hear(&place(&row.key));
            self.show(as_of_us, (&row.key, &row.version), &columns, &row.cells);
        });
        Ok(found)
    }

    async fn write(&mut self, request: &WriteRequest) -> Result<Vec<Outcome>, SessionError> {
        let lost = self.enter("write").await?;
        let columns = positions(&request.columns)?;
        let returning = positions(&request.returning)?;
        let name = self.place.table().name.clone();
        let mut outcomes = Vec::with_capacity(request.intents.len());
        for intent in &request.intents {
            let done = write::one(self, intent, &columns).await;
            if let (Action::Create, write::Done::Applied(row)) = (intent.action, &done) {
                self.place.shown().await_answer(place(&key_of(row)));
            }
            let show = |row: &Row| self.answer(row, &returning, true);
            outcomes.push(match done {
                write::Done::Applied(row) => Outcome::Applied(show(&row)),
                write::Done::Conflict(row) => Outcome::Conflict(show(&row)),
                write::Done::Duplicate(row) => Outcome::Duplicate(show(&row)),
                write::Done::Gone => Outcome::Gone,
                write::Done::Overwrote(row, foreign) => Outcome::Overwrote(show(&row), foreign),
            });
            self.world.step(&name, "wrote one").await;
        }
        self.world.tell(|| format!("{name} write {:?}: {outcomes:?} lost {lost}", request.intents));
        let as_of_us = self.now_us();
        let outcomes = self.leave("written", lost, outcomes).await?;
        for outcome in &outcomes {
            self.show_outcome(as_of_us, &returning, outcome);
        }
        Ok(outcomes)
    }

    async fn ensure(&mut self, _request: &EnsureRequest) -> Result<Vec<String>, SessionError> {
        Ok(Vec::new())
    }
}

/// What an answer tells, in short.
fn shown(changes: &Changes) -> Vec<String> {
    let batches = changes.batches.iter();
    batches
        .flat_map(|batch| batch.rows.iter().map(|row| format!("{:?} {:?} {:?}", batch.kind, row.key.0, row.cells)))
        .collect()
}

fn object(unique: bool) -> Object {
    let column = |(place, name): (usize, &&str)| Column {
        label: (*name).to_owned(),
        nullable: place != ID && place != EMAIL,
        has_default: place == ID,
        updateable: place != ID,
        unique: place == ID || (place == EMAIL && unique),
        ..Column::new(
            *name,
            ColumnType {
                length: (place == ID).then_some(64),
                ..ColumnType::of(if place == ID { Kind::Int } else { Kind::Text })
            },
        )
    };
    Object {
        name: OBJECT.to_owned(),
        label: OBJECT.to_owned(),
        columns: COLUMNS.iter().enumerate().map(column).collect(),
        key: vec!["id".to_owned()],
        unique_keys: if unique { vec![vec!["email".to_owned()]] } else { Vec::new() },
        rows_estimate: None,
        obstacle: String::new(),
    }
}
