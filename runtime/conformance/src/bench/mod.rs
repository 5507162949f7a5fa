//! What every rule works with: sessions, an object to write to, rows of its
//! own, and the change stream. Judges nothing.

mod scratch;
pub(crate) mod stream;
pub(crate) mod value;

use std::{sync::Arc, time::Duration};

use lockstep_core::{
    change::{Page, Row},
    key::Key,
    schema::ConnectorSpec,
    value::{Cell, Value},
    write::{Action, Intent, Outcome, WriteRequest},
};
use lockstep_host::{FetchRequest, PageRequest, Role};

pub(crate) use scratch::{Scratch, own, wanted};

use self::stream::Tail;
use crate::{
    report::{Checked, Stop},
    settings::Settings,
    subject::{Opening, Session, Subject},
};

/// How often a write is sent again that the system had no time for.
const ATTEMPTS: u32 = 8;
const PAUSE_MS_MAX: u32 = 5_000;
/// Rows that are deleted in one call when the kit tidies up.
const TIDY_ROWS: usize = 50;

/// The workbench of one run.
pub(crate) struct Bench<'a> {
    pub subject: &'a dyn Subject,
    pub settings: &'a Settings,
    pub spec: ConnectorSpec,
    scratch: Option<Result<Arc<Scratch>, String>>,
    writer: Option<Arc<dyn Session>>,
    rival: Option<Arc<dyn Session>>,
    reader: Option<Arc<dyn Session>>,
    tail: Option<Tail>,
    serial: u64,
    made: Vec<Key>,
    has_started: bool,
}

/// A row of the kit's own, as the system stored it.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub key: Key,
    pub row: Row,
}

impl Made {
    pub fn cell(&self, at: usize) -> Cell {
        cell(&self.row, at)
    }
}

/// What a row shows in one column.
pub(crate) fn cell(row: &Row, at: usize) -> Cell {
    row.cells.get(at).cloned().flatten()
}

impl<'a> Bench<'a> {
    pub fn new(subject: &'a dyn Subject, settings: &'a Settings, spec: ConnectorSpec) -> Self {
        Bench {
            subject,
            settings,
            spec,
            scratch: None,
            writer: None,
            rival: None,
            reader: None,
            tail: None,
            serial: 0,
            made: Vec::new(),
            has_started: false,
        }
    }

    pub fn can(&self, ability: &str) -> bool {
        self.spec.abilities.iter().any(|known| known == ability)
    }

    /// Skips the rule where the connector does not claim the ability.
    pub fn needs(&self, ability: &str) -> Checked {
        if self.can(ability) {
            return Ok(());
        }
        Err(Stop::skip(format!("the connector does not claim `{ability}`")))
    }

    /// The object to write to. The first rule that needs it and cannot have it fails.
    pub async fn scratch(&mut self) -> Checked<Arc<Scratch>> {
        match &self.scratch {
            Some(Ok(scratch)) => return Ok(Arc::clone(scratch)),
            Some(Err(why)) => return Err(Stop::skip(format!("there is no object to write to: {why}"))),
            None => {}
        }
        let reader = self.reader().await?;
        let prepared = Scratch::prepare(&*reader, self.settings, self.can("ensure")).await.map(Arc::new);
        self.scratch = Some(prepared.clone());
        prepared.map_err(|why| Stop::failed("an object that the kit may write to", why))
    }

    pub fn object_name(&self) -> String {
        match &self.scratch {
            Some(Ok(scratch)) => scratch.object.name.clone(),
            _ => String::new(),
        }
    }

    /// The session that writes.
    pub async fn writer(&mut self) -> Checked<Arc<dyn Session>> {
        if self.writer.is_none() {
            self.writer = Some(self.subject.open(Role::Write, Opening::AsConfigured).await?);
        }
        self.writer.clone().ok_or_else(|| Stop::skip("no session"))
    }

    /// The competing writer: another session with another instance.
    pub async fn rival(&mut self) -> Checked<Arc<dyn Session>> {
        if self.rival.is_none() {
            self.rival = Some(self.subject.open(Role::Write, Opening::Rival).await?);
        }
        self.rival.clone().ok_or_else(|| Stop::skip("no session"))
    }

    pub async fn reader(&mut self) -> Checked<Arc<dyn Session>> {
        if self.reader.is_none() {
            self.reader = Some(self.subject.open(Role::Read, Opening::AsConfigured).await?);
        }
        self.reader.clone().ok_or_else(|| Stop::skip("no session"))
    }

    /// Skips writing rules of a connector that only reads.
    pub fn writes(&self) -> Checked {
        if self.spec.precondition == "none" {
            return Err(Stop::skip("the connector writes without a precondition"));
        }
        Ok(())
    }

    /// Another row's cells, all columns told.
    pub async fn cells(&mut self) -> Checked<Vec<Cell>> {
        let scratch = self.scratch().await?;
        self.serial += 1;
        let mark = self.mark();
        let cells = scratch.described.iter().map(|column| match self.settings.values.get(&column.name) {
            Some(template) => Some(value::from_template(template, &mark)),
            None => value::value(column, &mark, self.settings.seed.wrapping_add(self.serial), 0),
        });
        Ok(cells.collect())
    }

    fn mark(&self) -> String {
        format!("{:x}-{}", self.settings.seed & 0xfff_ffff, self.serial)
    }

    /// A value for a column that it did not hold before.
    pub async fn value(&mut self, at: usize, turn: u32) -> Checked<Value> {
        let scratch = self.scratch().await?;
        self.serial += 1;
        let column = scratch.described.get(at).ok_or_else(|| Stop::skip("no such column"))?;
        let value = value::value(column, &self.mark(), self.settings.seed.wrapping_add(self.serial), turn);
        value.ok_or_else(|| Stop::skip(format!("no value can be made for `{}`", column.name)))
    }

    /// Rows of the kit's own.
    pub async fn create(&mut self, count: usize) -> Checked<Vec<Made>> {
        let scratch = self.scratch().await?;
        let mut intents = Vec::with_capacity(count);
        for _ in 0..count {
            let cells = self.cells().await?;
            intents.push(creation(cells, scratch.columns.len()));
        }
        let writer = self.writer().await?;
        let outcomes = self.write(&*writer, intents).await?;
        let mut rows = Vec::with_capacity(count);
        let mut refused = None;
        for outcome in outcomes {
            match outcome {
                Outcome::Applied(row) => {
                    self.made.push(row.key.clone());
                    rows.push(Made { key: row.key.clone(), row });
                }
                other => refused = refused.or(Some(other)),
            }
        }
        match refused {
            None => Ok(rows),
            Some(other) => Err(Stop::failed("a create to be applied", describe(&other))),
        }
    }

    /// A row of the kit's own.
    pub async fn create_one(&mut self) -> Checked<Made> {
        self.create(1).await?.into_iter().next().ok_or_else(|| Stop::skip("no row"))
    }

    /// What a row holds now in one column; the row has to be there. A connector may keep
    /// back what it cannot tell apart from a write of its own yet: then the rival is asked.
    pub async fn held(&mut self, key: &Key, at: usize) -> Checked<Cell> {
        let told = cell(&self.fetch_one(key).await?, at);
        if told.is_some() {
            return Ok(told);
        }
        let rival = self.rival().await?;
        let rows = self.fetch_by(&*rival, std::slice::from_ref(key)).await?;
        Ok(rows.into_iter().next().flatten().and_then(|row| cell(&row, at)))
    }

    /// Remembers a row for tidying up.
    pub fn own(&mut self, key: &Key) {
        self.made.push(key.clone());
    }

    /// Writes; what the system had no time for is sent again.
    pub async fn write(&mut self, session: &dyn Session, intents: Vec<Intent>) -> Checked<Vec<Outcome>> {
        let scratch = self.scratch().await?;
        send(session, &scratch, intents).await
    }

    /// An update of one column. `from`: what it expects there.
    pub async fn update(
        &mut self,
        session: &dyn Session,
        key: &Key,
        at: usize,
        from: Cell,
        to: Value,
    ) -> Checked<Outcome> {
        let scratch = self.scratch().await?;
        one(send(session, &scratch, vec![edit(key, scratch.columns.len(), at, from, to)]).await?)
    }

    /// As [`Self::update`] by the writer, where it has to work; the row as stored.
    pub async fn edit(&mut self, key: &Key, at: usize, from: Cell, to: Value) -> Checked<Row> {
        let writer = self.writer().await?;
        match self.update(&*writer, key, at, from, to).await? {
            Outcome::Applied(row) => Ok(row),
            other => Err(Stop::failed("an update whose expectation holds to be applied", describe(&other))),
        }
    }

    /// A delete. `expected`: by the scratch's columns.
    pub async fn delete(&mut self, session: &dyn Session, key: &Key, expected: Vec<Cell>) -> Checked<Outcome> {
        let scratch = self.scratch().await?;
        one(send(session, &scratch, vec![removal(key, expected)]).await?)
    }

    /// The rows as they are now, by position; `None` where there is none.
    pub async fn fetch(&mut self, keys: &[Key]) -> Checked<Vec<Option<Row>>> {
        let reader = self.reader().await?;
        self.fetch_by(&*reader, keys).await
    }

    async fn fetch_by(&mut self, session: &dyn Session, keys: &[Key]) -> Checked<Vec<Option<Row>>> {
        let scratch = self.scratch().await?;
        let mut rows = vec![None; keys.len()];
        if keys.is_empty() {
            return Ok(rows);
        }
        let request =
            FetchRequest { selection: scratch.selection(), by: scratch.object.key.clone(), keys: keys.to_vec() };
        for found in session.fetch(&request).await? {
            match rows.get_mut(found.index as usize) {
                Some(place @ None) => *place = Some(found.row),
                Some(Some(_)) => {
                    return Err(Stop::failed(
                        "one row for each key of `fetch`",
                        format!("two for key {}", found.index),
                    ));
                }
                None => return Err(Stop::failed("positions within the keys asked", format!("{}", found.index))),
            }
        }
        Ok(rows)
    }

    /// One row as it is now, which has to be there.
    pub async fn fetch_one(&mut self, key: &Key) -> Checked<Row> {
        let row = self.fetch(std::slice::from_ref(key)).await?.into_iter().next().flatten();
        row.ok_or_else(|| Stop::failed("the row to be there", format!("{} is gone", stream::name_of(key))))
    }

    /// A page of a full read in a given session.
    pub async fn page(&mut self, session: &dyn Session, after: &Arc<[u8]>, rows_max: u32) -> Checked<Page> {
        let scratch = self.scratch().await?;
        let request =
            PageRequest { selection: scratch.selection(), after: Arc::clone(after), rows_max, bytes_max: 4 << 20 };
        Ok(session.read(&request).await?)
    }

    /// Deletes the kit's rows; says what is left.
    pub async fn clean(&mut self) -> Vec<String> {
        self.leave().await;
        let mut left = Vec::new();
        if self.has_started {
            // Another Lockstep may stand there too, so it is not given back.
            left.push("the stream's place at the source, such as a replication slot, if it keeps one".into());
        }
        let Some(Ok(scratch)) = self.scratch.clone() else { return left };
        if scratch.is_own {
            left.push(format!("the object {}, which the kit made", scratch.object.name));
        }
        let made = std::mem::take(&mut self.made);
        if self.can("delete")
            && let Ok(writer) = self.writer().await
        {
            for keys in made.chunks(TIDY_ROWS) {
                let intents = keys.iter().map(|key| removal(key, vec![None; scratch.columns.len()])).collect();
                let there = match send(&*writer, &scratch, intents).await {
                    Ok(outcomes) => outcomes.iter().filter(|outcome| !is_away(outcome)).count(),
                    Err(_) => keys.len(),
                };
                if there > 0 {
                    left.push(format!("up to {there} rows of {}", scratch.object.name));
                }
            }
        } else if !made.is_empty() {
            left.push(format!("{} rows of {}", made.len(), scratch.object.name));
        }
        left
    }
}

/// A create of these cells.
pub(crate) fn creation(cells: Vec<Cell>, columns: usize) -> Intent {
    Intent { action: Action::Create, key: None, cells, expected: vec![None; columns] }
}

/// An update of one column.
pub(crate) fn edit(key: &Key, columns: usize, at: usize, from: Cell, to: Value) -> Intent {
    let (mut cells, mut expected) = (vec![None; columns], vec![None; columns]);
    if let (Some(cell), Some(held)) = (cells.get_mut(at), expected.get_mut(at)) {
        *cell = Some(to);
        *held = from;
    }
    Intent { action: Action::Update, key: Some(key.clone()), cells, expected }
}

/// A delete.
pub(crate) fn removal(key: &Key, expected: Vec<Cell>) -> Intent {
    Intent { action: Action::Delete, key: Some(key.clone()), cells: vec![None; expected.len()], expected }
}

/// Writes through a session; throttled and unavailable ones are sent again.
pub(crate) async fn send(session: &dyn Session, scratch: &Scratch, intents: Vec<Intent>) -> Checked<Vec<Outcome>> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; intents.len()];
    let mut open: Vec<usize> = (0..intents.len()).collect();
    for attempt in 1..=ATTEMPTS {
        let request = WriteRequest {
            object: scratch.object.name.clone(),
            columns: Arc::clone(&scratch.columns),
            intents: open.iter().filter_map(|at| intents.get(*at).cloned()).collect(),
            returning: Arc::clone(&scratch.columns),
        };
        let mut again = Vec::new();
        let mut pause_ms = 0;
        for (at, outcome) in open.iter().zip(session.write(&request).await?) {
            match &outcome {
                Outcome::Throttled { retry_after_ms } if attempt < ATTEMPTS => {
                    pause_ms = pause_ms.max((*retry_after_ms).clamp(20, PAUSE_MS_MAX));
                    again.push(*at);
                }
                Outcome::Unavailable { .. } if attempt < ATTEMPTS => {
                    pause_ms = pause_ms.max(200);
                    again.push(*at);
                }
                _ => {}
            }
            if let Some(place) = outcomes.get_mut(*at) {
                *place = Some(outcome);
            }
        }
        if again.is_empty() {
            break;
        }
        open = again;
        tokio::time::sleep(Duration::from_millis(pause_ms.into())).await;
    }
    let count = intents.len();
    let all: Option<Vec<Outcome>> = outcomes.into_iter().collect();
    all.ok_or_else(|| Stop::failed(format!("{count} outcomes for {count} intents"), "fewer"))
}

fn one(outcomes: Vec<Outcome>) -> Checked<Outcome> {
    outcomes.into_iter().next().ok_or_else(|| Stop::failed("one outcome for one intent", "none"))
}

/// Whether the row of a delete is there no more.
fn is_away(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied(_) | Outcome::Gone)
}

/// An outcome in words.
pub(crate) fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied(_) => "`applied`".into(),
        Outcome::Conflict(_) => "`conflict`".into(),
        Outcome::Overwrote(_, fields) => {
            let columns: Vec<&str> = fields.iter().map(|field| field.column.as_str()).collect();
            format!("`overwrote` of {}", columns.join(", "))
        }
        Outcome::Gone => "`gone`".into(),
        Outcome::Duplicate(_) => "`duplicate`".into(),
        Outcome::Rejected(rejection) => format!("`rejected` with {}: {}", rejection.code, rejection.message),
        Outcome::Throttled { retry_after_ms } => format!("`throttled` for {retry_after_ms} ms"),
        Outcome::Unavailable { reason } => format!("`unavailable`: {reason}"),
        Outcome::Unknown { reason } => format!("`unknown`: {reason}"),
    }
}
