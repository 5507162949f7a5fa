//! Following the change stream as the runtime does: from a cursor, answer by
//! answer, with what is only named fetched.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lockstep_core::{
    change::{ChangeKind, Changes, Cursor, Row, Selection, Version},
    key::Key,
    value::Cell,
};
use lockstep_host::{ChangesRequest, HostError, Role};

use super::{Bench, value};
use crate::{
    report::{Checked, Stop},
    subject::{Opening, Session},
};

/// What one answer may hold, unless a rule wants less.
pub(crate) const RECORDS: u32 = 1_000;
const BYTES: u32 = 4 << 20;
/// How long one call waits for something.
const CALL_MS: u32 = 400;
const PAUSE: Duration = Duration::from_millis(50);

/// The kit's own tail session and where it stands.
pub(crate) struct Tail {
    session: Arc<dyn Session>,
    pub cursor: Cursor,
    /// Where the present rule began: the source may forget what is before.
    pub durable: Cursor,
}

/// One answer.
pub(crate) struct Step {
    pub changes: Changes,
}

/// One change of one row. `cells` by the scratch's columns; `None`: it is gone.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub step: usize,
    pub key: Key,
    pub cells: Option<Vec<Cell>>,
    pub version: Version,
    /// The stream only named it, and the kit looked.
    pub is_fetched: bool,
}

/// Everything a stretch of the stream told.
#[derive(Default)]
pub(crate) struct Told {
    pub steps: Vec<Step>,
    pub events: Vec<Event>,
    /// Kinds that say "anything may have changed".
    pub gaps: Vec<ChangeKind>,
}

/// What is known of a row from what was told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    Untold,
    Gone,
    There(Vec<Cell>),
}

impl Told {
    pub fn of<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Event> {
        self.events.iter().filter(move |event| event.key == *key)
    }

    /// The row as the runtime would know it: begun with what a read showed, then
    /// every change that is not older than what is known.
    pub fn overlay(&self, key: &Key, base: Option<&Row>) -> Shown {
        let mut shown = base.map_or(Shown::Untold, |row| Shown::There(row.cells.clone()));
        let mut version = base.map(|row| row.version.clone()).unwrap_or_default();
        for event in self.of(key) {
            if event.version.is_stale_against(&version) {
                continue;
            }
            if !event.version.order.is_empty() {
                version.clone_from(&event.version);
            }
            shown = match (&event.cells, shown) {
                (None, _) => Shown::Gone,
                (Some(cells), Shown::There(mut known)) => {
                    for (known, told) in known.iter_mut().zip(cells) {
                        if told.is_some() {
                            known.clone_from(told);
                        }
                    }
                    Shown::There(known)
                }
                (Some(cells), Shown::Untold | Shown::Gone) => Shown::There(cells.clone()),
            };
        }
        shown
    }

    /// What differs between what was told of a row and what is there.
    pub fn differs(&self, key: &Key, base: Option<&Row>, there: Option<&Row>, columns: &[String]) -> Option<String> {
        let shown = self.overlay(key, base);
        let name = name_of(key);
        match (shown, there) {
            (Shown::Untold, _) => Some(format!("nothing was told of the row {name}")),
            (Shown::Gone, None) => None,
            (Shown::Gone, Some(_)) => Some(format!("the row {name} was told as deleted, and it is there")),
            (Shown::There(_), None) => Some(format!("the row {name} is gone, and its delete was not told")),
            (Shown::There(cells), Some(row)) => {
                let mut pairs = columns.iter().zip(cells.iter().zip(&row.cells));
                // A new row need not tell what is empty.
                let fits = |(told, holds): &(&Cell, &Cell)| {
                    value::same(told, holds) || (told.is_none() && holds.as_ref().is_none_or(|held| held.is_null()))
                };
                let (column, (told, holds)) = pairs.find(|(_, pair)| !fits(pair))?;
                let (told, holds) = (value::show(told), value::show(holds));
                Some(format!("`{column}` of the row {name} was told as {told}, and it is {holds}"))
            }
        }
    }
}

pub(crate) fn name_of(key: &Key) -> String {
    let parts: Vec<String> = key.0.iter().map(|value| value.show()).collect();
    parts.join("/")
}

impl Bench<'_> {
    /// The stream, followed up to now: what comes next is a rule's own doing.
    pub async fn follow(&mut self) -> Checked {
        if self.spec.changes == "none" {
            return Err(Stop::skip("the connector has no change stream"));
        }
        if self.tail.is_none() {
            let scratch = self.scratch().await?;
            let session = self.subject.open(Role::Tail, Opening::AsConfigured).await?;
            let until = self.deadline();
            let cursor = loop {
                match session.start(&[scratch.selection()]).await {
                    Ok(cursor) => break cursor,
                    Err(error) if passes(&error) && Instant::now() < until => tokio::time::sleep(PAUSE * 4).await,
                    Err(error) => return Err(error.into()),
                }
            };
            self.has_started = true;
            self.tail = Some(Tail { session, durable: cursor.clone(), cursor });
        }
        let until = self.deadline();
        loop {
            let step = self.step(RECORDS, CALL_MS, until).await?;
            if step.changes.batches.is_empty() && !step.changes.more {
                break;
            }
            if Instant::now() > until {
                return Err(Stop::failed("a stream that becomes quiet", "it still tells changes of before the rule"));
            }
        }
        if let Some(tail) = &mut self.tail {
            tail.durable = tail.cursor.clone();
        }
        Ok(())
    }

    /// Close the stream's session; the next one opens where it is told.
    pub async fn leave(&mut self) -> Option<(Cursor, Cursor)> {
        let tail = self.tail.take()?;
        let places = (tail.cursor, tail.durable);
        drop(tail.session);
        tokio::time::sleep(PAUSE).await;
        Some(places)
    }

    /// A new session that goes on at a cursor.
    pub async fn resume_at(&mut self, cursor: Cursor, durable: Cursor) -> Checked {
        self.leave().await;
        let session = self.subject.open(Role::Tail, Opening::AsConfigured).await?;
        self.tail = Some(Tail { session, cursor, durable });
        Ok(())
    }

    pub fn cursor(&self) -> Cursor {
        self.tail.as_ref().map(|tail| tail.cursor.clone()).unwrap_or_default()
    }

    pub fn durable(&self) -> Cursor {
        self.tail.as_ref().map(|tail| tail.durable.clone()).unwrap_or_default()
    }

    /// One call of `changes`; errors that pass are waited out.
    pub async fn step(&mut self, records_max: u32, wait_ms: u32, until: Instant) -> Checked<Step> {
        let scratch = self.scratch().await?;
        let selections: Arc<[Selection]> = Arc::from([scratch.selection()]);
        let Some(tail) = &mut self.tail else {
            return Err(Stop::skip("the stream is not open"));
        };
        loop {
            let request = ChangesRequest {
                selections: Arc::clone(&selections),
                after: tail.cursor.clone(),
                durable: tail.durable.clone(),
                records_max,
                bytes_max: BYTES,
                wait_ms,
            };
            match tail.session.changes(&request).await {
                Ok(changes) => {
                    tail.cursor = changes.cursor.clone();
                    return Ok(Step { changes });
                }
                Err(error) if passes(&error) && Instant::now() < until => tokio::time::sleep(PAUSE * 4).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Follows until `done`, or until waiting has no sense any more; which of
    /// the two it was shows in what was told.
    pub async fn collect(&mut self, records_max: u32, done: impl Fn(&Told) -> bool) -> Checked<Told> {
        let until = self.deadline();
        let mut told = Told::default();
        loop {
            let step = self.step(records_max, CALL_MS, until).await?;
            let more = step.changes.more;
            self.take(&mut told, step).await?;
            if (done(&told) && !more) || Instant::now() > until {
                return Ok(told);
            }
        }
    }

    /// As [`Self::collect`], until the stream shows of every given row what is there now.
    pub async fn collect_rows(
        &mut self,
        records_max: u32,
        keys: &[Key],
        base: &[Row],
    ) -> Checked<(Told, Option<String>)> {
        let there = self.fetch(keys).await?;
        let columns = self.scratch().await?.columns.clone();
        let bases: Vec<Option<&Row>> = keys.iter().map(|key| base.iter().find(|row| row.key == *key)).collect();
        let differs = |told: &Told| {
            let mut rows = keys.iter().zip(&bases).zip(&there);
            rows.find_map(|((key, base), there)| told.differs(key, *base, there.as_ref(), &columns))
        };
        let told = self.collect(records_max, |told| differs(told).is_none()).await?;
        let found = differs(&told);
        Ok((told, found))
    }

    /// Adds an answer to what was told.
    pub async fn take(&mut self, told: &mut Told, step: Step) -> Checked {
        let scratch = self.scratch().await?;
        let at = told.steps.len();
        for batch in &step.changes.batches {
            if *batch.object != *scratch.object.name {
                continue;
            }
            let places: Vec<Option<usize>> =
                batch.columns.iter().map(|name| scratch.columns.iter().position(|known| known == name)).collect();
            match batch.kind {
                ChangeKind::Upsert => {
                    for row in &batch.rows {
                        let mut cells = vec![None; scratch.columns.len()];
                        for (cell, place) in row.cells.iter().zip(&places) {
                            if let Some(known) = place.and_then(|place| cells.get_mut(place)) {
                                known.clone_from(cell);
                            }
                        }
                        let (key, version) = (row.key.clone(), row.version.clone());
                        told.events.push(Event { step: at, key, cells: Some(cells), version, is_fetched: false });
                    }
                }
                ChangeKind::Delete => {
                    for row in &batch.rows {
                        let (key, version) = (row.key.clone(), row.version.clone());
                        told.events.push(Event { step: at, key, cells: None, version, is_fetched: false });
                    }
                }
                ChangeKind::Invalidate => {
                    let keys: Vec<Key> = batch.rows.iter().map(|row| row.key.clone()).collect();
                    for (key, row) in keys.iter().zip(self.fetch(&keys).await?) {
                        let version = row.as_ref().map(|row| row.version.clone()).unwrap_or_default();
                        let cells = row.map(|row| row.cells);
                        told.events.push(Event { step: at, key: key.clone(), cells, version, is_fetched: true });
                    }
                }
                ChangeKind::Gap | ChangeKind::Truncate => told.gaps.push(batch.kind),
                ChangeKind::Schema => {}
            }
        }
        told.steps.push(step);
        Ok(())
    }

    pub fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.settings.wait_ms)
    }
}

/// Whether the same call may work in a moment.
fn passes(error: &HostError) -> bool {
    match error {
        HostError::Guest(guest) => matches!(guest.code.as_str(), "retry" | "throttled" | "unavailable"),
        _ => false,
    }
}
