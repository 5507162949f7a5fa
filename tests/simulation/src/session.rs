//! A connector to an in-memory [`System`], as the engine sees connectors.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Changes, Cursor, Found, Page, Row, Selection, Version},
    key::Key,
    schema::{CheckItem, ConnectorSpec, Object},
    value::{Cell, Value},
    write::{Action, Intent, Outcome, WriteRequest},
};
use lockstep_engine::port::{
    ChangesRequest, Connector, EnsureRequest, FetchRequest, PageRequest, Role, Session, SessionError, SessionErrorKind,
};

use crate::system::{Fault, Logged, System, Told, Write};

/// Opens sessions with a system in memory.
pub struct MemoryConnector(pub System);

#[async_trait]
impl Connector for MemoryConnector {
    async fn open(&self, _role: Role) -> Result<Box<dyn Session>, SessionError> {
        self.meet("open")?;
        Ok(Box::new(MemorySession { system: self.0.clone(), gone: false }))
    }
}

impl MemoryConnector {
    fn meet(&self, call: &'static str) -> Result<(), SessionError> {
        match self.0.fault(call) {
            None => Ok(()),
            Some(_) => Err(unavailable()),
        }
    }
}

struct MemorySession {
    system: System,
    gone: bool,
}

fn unavailable() -> SessionError {
    SessionError::new(SessionErrorKind::Unavailable, "the system is not there")
}

fn crashed() -> SessionError {
    SessionError::new(SessionErrorKind::Crashed, "the session is gone")
}

fn version(lsn: u64, sequence: u32) -> Version {
    let mut order = lsn.to_be_bytes().to_vec();
    order.extend(sequence.to_be_bytes());
    Version { generation: 0, order: order.into() }
}

fn cursor(lsn: u64) -> Cursor {
    Cursor(lsn.to_be_bytes().as_slice().into())
}

impl MemorySession {
    /// Whether the answer is to be lost after the work.
    fn meet(&mut self, call: &'static str) -> Result<bool, SessionError> {
        if self.gone {
            return Err(crashed());
        }
        match self.system.fault(call) {
            None => Ok(false),
            Some(Fault::Unavailable) => Err(unavailable()),
            Some(Fault::Crash) => {
                self.gone = true;
                Err(crashed())
            }
            Some(Fault::AnswerLost) => Ok(true),
        }
    }

    fn answer<T>(&mut self, lost: bool, answer: T) -> Result<T, SessionError> {
        if lost {
            self.gone = true;
            return Err(crashed());
        }
        Ok(answer)
    }

    fn shape(&self, object: &str) -> Result<(Vec<String>, Vec<usize>), SessionError> {
        self.system
            .columns(object)
            .ok_or_else(|| SessionError::new(SessionErrorKind::NotFound, format!("no table {object}")))
    }

    /// Positions of the wanted columns in the table.
    fn positions(&self, object: &str, wanted: &[String]) -> Result<Vec<usize>, SessionError> {
        let (columns, _) = self.shape(object)?;
        wanted
            .iter()
            .map(|name| {
                columns
                    .iter()
                    .position(|column| column == name)
                    .ok_or_else(|| SessionError::new(SessionErrorKind::NotFound, format!("no column {name}")))
            })
            .collect()
    }

    fn change(&self, logged: &Logged, selection: &Selection) -> Result<ChangeBatch, SessionError> {
        let positions = self.positions(&selection.object, &selection.columns)?;
        Ok(ChangeBatch {
            object: logged.table.clone(),
            kind: match logged.row {
                Some(_) => ChangeKind::Upsert,
                None => ChangeKind::Delete,
            },
            columns: selection.columns.clone().into(),
            rows: vec![ChangeRow {
                key: logged.key.clone(),
                cells: match &logged.row {
                    Some(row) => pick(row, &positions),
                    None => Vec::new(),
                },
                version: version(logged.lsn, 1),
                at: Some(logged.at),
            }],
            origin: if logged.by_session { "self" } else { "person" }.into(),
        })
    }
}

fn pick(row: &[Value], positions: &[usize]) -> Vec<Cell> {
    positions.iter().map(|p| Some(row[*p].clone())).collect()
}

fn key_of(row: &[Value], key: &[usize]) -> Key {
    Key::new(key.iter().map(|p| row[*p].clone()).collect())
}

#[async_trait]
impl Session for MemorySession {
    async fn spec(&mut self) -> Result<ConnectorSpec, SessionError> {
        Ok(ConnectorSpec {
            name: "memory".to_owned(),
            version: "0.0.0".to_owned(),
            changes: "log".to_owned(),
            precondition: "atomic".to_owned(),
            abilities: vec!["delete".to_owned(), "release".to_owned()],
            config_schema: "{}".to_owned(),
            cursor_version: 1,
            permissions: Vec::new(),
            credentials: Vec::new(),
            auth_schemes: Vec::new(),
        })
    }

    async fn check(&mut self, objects: &[String]) -> Result<Vec<CheckItem>, SessionError> {
        Ok(objects
            .iter()
            .map(|object| CheckItem {
                name: "object".to_owned(),
                status: match self.system.columns(object) {
                    Some(_) => "ok",
                    None => "fail",
                }
                .to_owned(),
                message: object.clone(),
                remedy: String::new(),
            })
            .collect())
    }

    async fn discover(&mut self, objects: &[String]) -> Result<Vec<Object>, SessionError> {
        self.meet("discover")?;
        let mut found = self.system.objects();
        if !objects.is_empty() {
            found.retain(|object| objects.contains(&object.name));
        }
        Ok(found)
    }

    async fn start(&mut self, _selections: &[Selection]) -> Result<Cursor, SessionError> {
        let lost = self.meet("start")?;
        let at = self.system.start();
        self.answer(lost, cursor(at))
    }

    async fn release(&mut self) -> Result<Vec<String>, SessionError> {
        Ok(match self.system.release() {
            true => vec!["the stream".to_owned()],
            false => Vec::new(),
        })
    }

    async fn read(&mut self, request: &PageRequest) -> Result<Page, SessionError> {
        let lost = self.meet("read")?;
        let object = &request.selection.object;
        let (_, key) = self.shape(object)?;
        let positions = self.positions(object, &request.selection.columns)?;
        let after = String::from_utf8_lossy(&request.after).into_owned();
        let at = self.system.lsn();
        let rows = self.system.page(object, &after, request.rows_max as usize);
        let next = if rows.len() < request.rows_max as usize {
            Arc::from([])
        } else {
            rows.last().map_or(Arc::from([]), |(place, _)| Arc::from(place.as_bytes()))
        };
        let rows = rows
            .iter()
            .map(|(_, row)| Row {
                key: key_of(row, &key),
                cells: pick(row, &positions),
                version: version(at, 0),
                at: None,
            })
            .collect();
        self.answer(lost, Page { rows, next })
    }

    async fn changes(&mut self, request: &ChangesRequest) -> Result<Changes, SessionError> {
        self.meet("changes")?;
        let after = request
            .after
            .0
            .as_ref()
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| SessionError::new(SessionErrorKind::CursorInvalid, "not a cursor"))?;
        let news = self.system.news.clone();
        let heard = news.notified();
        tokio::pin!(heard);
        heard.as_mut().enable();
        let invalid = || SessionError::new(SessionErrorKind::CursorInvalid, "the log is gone");
        let max = request.records_max as usize;
        let mut log = self.system.log_after(after, max).ok_or_else(invalid)?;
        if log.is_empty() && max > 0 {
            let wait = Duration::from_millis(u64::from(request.wait_ms));
            let _ = tokio::time::timeout(wait, heard).await;
            log = self.system.log_after(after, max).ok_or_else(invalid)?;
        }
        let end = log.last().map_or(after, |logged| logged.lsn);
        let mut batches: Vec<ChangeBatch> = Vec::new();
        for logged in &log {
            let selection = request.selections.iter().find(|selection| *selection.object == *logged.table);
            let Some(selection) = selection else { continue };
            let mut batch = self.change(logged, selection)?;
            match batches.last_mut() {
                Some(last) if last.object == batch.object && last.kind == batch.kind && last.origin == batch.origin => {
                    last.rows.append(&mut batch.rows);
                }
                _ => batches.push(batch),
            }
        }
        let cursor = match self.system.told() {
            Told::Right => cursor(end),
            Told::Same => request.after.clone(),
            Told::Back(so_far) => cursor(end.saturating_sub(so_far)),
            Told::Foreign => Cursor(Arc::from(*b"somebody else's")),
        };
        Ok(Changes { batches, cursor, more: log.len() == max && max > 0, lag_bytes: None, lag_ms: None })
    }

    async fn fetch(&mut self, request: &FetchRequest) -> Result<Vec<Found>, SessionError> {
        let lost = self.meet("fetch")?;
        let object = &request.selection.object;
        let (_, key) = self.shape(object)?;
        let by = self.positions(object, &request.by)?;
        let positions = self.positions(object, &request.selection.columns)?;
        let at = self.system.lsn();
        let mut found = Vec::new();
        for row in self.system.rows(object) {
            for (index, asked) in (0u32..).zip(&request.keys) {
                if key_of(&row, &by) == *asked {
                    found.push(Found {
                        index,
                        row: Row {
                            key: key_of(&row, &key),
                            cells: pick(&row, &positions),
                            version: version(at, 0),
                            at: None,
                        },
                    });
                }
            }
        }
        self.answer(lost, found)
    }

    async fn write(&mut self, request: &WriteRequest) -> Result<Vec<Outcome>, SessionError> {
        let lost = self.meet("write")?;
        let (columns, key) = self.shape(&request.object)?;
        let positions = self.positions(&request.object, &request.columns)?;
        let returning = self.positions(&request.object, &request.returning)?;
        let outcomes = request
            .intents
            .iter()
            .map(|intent| write_one(&self.system, request, intent, columns.len(), &key, &positions, &returning))
            .collect();
        self.system.released().await;
        self.answer(lost, outcomes)
    }

    async fn ensure(&mut self, _request: &EnsureRequest) -> Result<Vec<String>, SessionError> {
        Ok(Vec::new())
    }
}

fn write_one(
    system: &System,
    request: &WriteRequest,
    intent: &Intent,
    width: usize,
    key_positions: &[usize],
    positions: &[usize],
    returning: &[usize],
) -> Outcome {
    let mut wanted = vec![None; width];
    let mut expected = vec![None; width];
    for (n, position) in positions.iter().enumerate() {
        wanted[*position] = intent.cells.get(n).cloned().flatten();
        expected[*position] = intent.expected.get(n).cloned().flatten();
    }
    let mut full: Vec<Value> = wanted.iter().map(|cell| cell.clone().unwrap_or(Value::Null)).collect();
    if intent.action == Action::Create {
        for place in key_positions.iter().filter(|place| wanted[**place].is_none()) {
            full[*place] = system.fresh_key();
        }
    }
    let key = match &intent.key {
        Some(key) => key.clone(),
        None => key_of(&full, key_positions),
    };
    let holds = |row: &Vec<Value>| {
        row.iter().zip(&expected).all(|(held, expected)| expected.as_ref().is_none_or(|expected| expected == held))
    };
    let shown = |row: &[Value], lsn: u64| Row {
        key: key_of(row, key_positions),
        cells: pick(row, returning),
        version: version(lsn, 0),
        at: None,
    };
    let (row, lsn, done) = system.write(&request.object, &key.0, |row| match (intent.action, row) {
        (Action::Create, None) => Write::Row(full.clone()),
        (Action::Update, Some(row)) if holds(row) => Write::Row(
            row.iter().zip(&wanted).map(|(held, wanted)| wanted.clone().unwrap_or_else(|| held.clone())).collect(),
        ),
        (Action::Delete, Some(row)) if holds(row) => Write::Delete,
        (Action::Create | Action::Update | Action::Delete, _) => Write::Nothing,
    });
    match (row, done) {
        (Some(row), true) => Outcome::Applied(shown(&row, lsn)),
        (None, _) => Outcome::Gone,
        (Some(row), false) if intent.action == Action::Create => Outcome::Duplicate(shown(&row, lsn)),
        (Some(row), false) => Outcome::Conflict(shown(&row, lsn)),
    }
}
