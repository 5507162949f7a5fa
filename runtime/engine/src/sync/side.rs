//! What a running sync keeps for one of its sides: what waits to be written or
//! fetched, what is in flight, and the rows that wait for it.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use lockstep_core::{
    change::{ChangeBatch, Selection},
    key::Key,
    plan::Presumed,
    record::{RecordId, SideId},
    schema::ConnectorSpec,
    spec::SideSpec,
};
use tokio::time::Instant;

use super::{
    doubt::{Doubts, Look},
    echo::Written,
    hint::Hints,
    made::JustMade,
    queue::Queue,
    reading::Readings,
    regained::Regained,
    uncertain::Uncertain,
    watermark::Watermark,
};
use crate::{
    Connector,
    connection::{ConnectionHandle, Durable, Position},
    policy::Backoff,
    writer::{Asked, Writer},
};

/// Rows in one reading of what are likely echoes.
const ECHOES_MAX: usize = 50;

/// A streamed row that waits, as a batch of its own.
pub(super) struct ParkedRow {
    pub(super) batch: Arc<ChangeBatch>,
    pub(super) ticket: u64,
    /// A delete that the delete storm guard has counted already.
    pub(super) counted: bool,
    /// Nobody knew the row, and it has waited for the creates that were in flight when
    /// it came: none that was sent later made it.
    pub(super) waited: bool,
}

/// News of a row that is wanted.
#[derive(Default)]
struct Awaited {
    tickets: Vec<u64>,
    /// It waits among the echoes.
    late: bool,
}

/// A key to fetch.
pub(super) struct Wanted {
    pub(super) by: Vec<String>,
    pub(super) key: Key,
    pub(super) asked: Asked,
}

/// How far what the side had when its stream began has been absorbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backlog {
    Unread,
    /// Read up to this mark of the watermark.
    Until(u64),
    Absorbed,
}

pub(super) struct SideRun {
    pub(super) id: SideId,
    pub(super) name: Arc<str>,
    pub(super) connection: ConnectionHandle,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) selection: Selection,
    pub(super) key_columns: Vec<String>,
    pub(super) writer: Writer,
    pub(super) generation: u32,
    pub(super) durable: Durable,
    /// Takes part in the stream, and has been told where it stands.
    pub(super) attached: bool,
    pub(super) paused: bool,
    pub(super) watermark: Watermark,
    pub(super) backlog: Backlog,
    /// Creates were left out until the backlog is absorbed.
    pub(super) withheld: bool,
    /// Absorbed, but not committed yet.
    pub(super) reached: Option<Position>,
    /// Commits that reached a position and are not on disk yet.
    pub(super) undurable: VecDeque<(u64, u64)>,
    /// Where the stored effects reach.
    pub(super) committed: Option<Position>,
    /// The full read: `None` when it is not under way.
    pub(super) reading: Option<u64>,
    pub(super) queue: Queue,
    pub(super) in_flight: HashSet<RecordId>,
    /// Creates whose row may show in the stream before their outcome is known, by group.
    pub(super) creating: BTreeMap<u64, HashSet<RecordId>>,
    pub(super) parked: HashMap<RecordId, VecDeque<ParkedRow>>,
    /// Keys that parked rows move to: what is told under them comes after those.
    parked_moves: HashMap<Key, RecordId>,
    /// Rows nobody knows, which may be creates in flight: until that group is settled.
    pub(super) strangers: VecDeque<(u64, ParkedRow)>,
    pub(super) parked_rows: usize,
    pub(super) fetches: VecDeque<Wanted>,
    /// Keys that news is wanted of, which is likely an echo of ours: read when
    /// nothing else is to be.
    echoes: VecDeque<Key>,
    /// Keys among both that news is wanted of, with the places that wait for it.
    wanting: HashMap<Key, Awaited>,
    /// `None`: the side tells whole rows, and has no thin notices.
    pub(super) written: Option<Written>,
    /// Rows that were looked for and not found.
    pub(super) doubts: Doubts,
    /// Rows that are no others' heirs: it was looked whether those are gone.
    pub(super) no_heirs: HashSet<Key>,
    /// What the stream told of rows that are read again.
    pub(super) hints: Hints,
    pub(super) readings: Readings,
    /// Rows of which the state keeps what was told.
    pub(super) noticed: HashSet<Key>,
    pub(super) uncertain: Uncertain,
    /// Creates of records below this may have been sent by an earlier process...
    pub(super) suspect_below: u64,
    /// ...unless they were looked up.
    pub(super) cleared: HashSet<RecordId>,
    /// Records of which this process sent a create whose answer it never heard.
    pub(super) unheard: HashSet<RecordId>,
    /// The stream has forgotten changes that it had not told.
    pub(super) forgot: bool,
    /// Rows made a moment ago, where the side does not refuse the same record twice.
    pub(super) just_made: JustMade,
    /// What was told of since the state may have lost what it knew last.
    pub(super) regained: Regained,
    /// Rows nobody knows wait until such creates have all been looked up: only
    /// where nothing but the key would tell that they belong together.
    pub(super) suspects_open: bool,
    /// A full compare: under way, or read and waiting for its doubts to be cleared.
    pub(super) comparing: Option<bool>,
    /// Another one was asked for while it was reading.
    pub(super) compare_again: bool,
    pub(super) busy_until: Option<Instant>,
    pub(super) backoff: Backoff,
    pub(super) trouble: String,
}

impl SideRun {
    pub(super) fn new(
        side: &SideSpec,
        sync: &str,
        connection: ConnectionHandle,
        connector: Arc<dyn Connector>,
        writer: Writer,
        suspect_below: u64,
    ) -> Self {
        SideRun {
            id: side.id,
            name: side.name.clone(),
            connection,
            connector,
            selection: Selection { object: side.object.to_string(), columns: side.columns.to_vec() },
            key_columns: side.key.iter().filter_map(|place| side.columns.get(*place).cloned()).collect(),
            writer,
            generation: 0,
            durable: Durable::at(0),
            attached: false,
            paused: false,
            watermark: Watermark::default(),
            backlog: Backlog::Unread,
            withheld: false,
            reached: None,
            undurable: VecDeque::new(),
            committed: None,
            reading: None,
            queue: Queue::default(),
            in_flight: HashSet::new(),
            creating: BTreeMap::new(),
            parked: HashMap::new(),
            parked_moves: HashMap::new(),
            strangers: VecDeque::new(),
            parked_rows: 0,
            fetches: VecDeque::new(),
            echoes: VecDeque::new(),
            wanting: HashMap::new(),
            written: None,
            doubts: Doubts::default(),
            no_heirs: HashSet::new(),
            hints: Hints::default(),
            readings: Readings::default(),
            noticed: HashSet::new(),
            uncertain: Uncertain::default(),
            suspect_below,
            cleared: HashSet::new(),
            unheard: HashSet::new(),
            forgot: false,
            just_made: JustMade::default(),
            regained: Regained::default(),
            suspects_open: false,
            comparing: None,
            compare_again: false,
            busy_until: None,
            backoff: Backoff::new(&format!("{sync}/{}", side.name)),
            trouble: String::new(),
        }
    }

    /// Sets what follows from what the side's connector can do.
    pub(super) fn heed(&mut self, spec: &ConnectorSpec) {
        self.uncertain.audits = spec.audits_writes();
        self.written = (!spec.is_log()).then(Written::default);
    }

    /// Whether creates have to wait: a row not read yet may be the very one, or
    /// tell what became of a create sent before. Where rows nobody knows wait for
    /// such creates instead, creates must not wait for them.
    pub(super) fn withholds_creates(&self) -> bool {
        self.backlog != Backlog::Absorbed && !self.suspects_open
    }

    /// Looks whether the backlog is absorbed by now; then what was withheld is taken up.
    pub(super) fn look_at_backlog(&mut self) {
        if let Backlog::Until(mark) = self.backlog
            && self.watermark.is_past(mark)
        {
            self.backlog = Backlog::Absorbed;
        }
        if self.withheld && !self.withholds_creates() {
            self.withheld = false;
            self.queue.look_at_all();
        }
    }

    /// Rows that were not found are looked for once more when the stream has passed that
    /// moment, and those that creates may have made are made after all.
    pub(super) fn look_at_doubts(&mut self) {
        let watermark = &self.watermark;
        for look in self.doubts.passed(|mark| watermark.is_past(mark)) {
            match look {
                Look::Row(key) => {
                    self.fetches.push_back(Wanted { by: self.key_columns.clone(), key, asked: Asked::Missing });
                }
                Look::Create(record) => self.queue.push(record),
                Look::Moment(over) => self.just_made.passed(over),
            }
        }
    }

    /// Has a row read: once, however often it is told of before that.
    pub(super) fn want(&mut self, key: Key, tickets: Vec<u64>) {
        match self.wanting.get_mut(&key) {
            Some(known) => {
                known.tickets.extend(tickets);
                if !std::mem::take(&mut known.late) {
                    return;
                }
            }
            None => {
                self.wanting.insert(key.clone(), Awaited { tickets, late: false });
            }
        }
        let by = self.key_columns.clone();
        self.fetches.push_back(Wanted { by, key, asked: Asked::News { tickets: Vec::new() } });
    }

    /// As [`Self::want`], for what `origin` told of the row: what is likely an echo
    /// of ours is read when nothing else is to be.
    pub(super) fn want_told(&mut self, key: &Key, tickets: Vec<u64>, origin: &str) {
        if !self.written.as_mut().is_some_and(|written| written.is_echo(origin, key)) {
            self.want(key.clone(), tickets);
        } else if let Some(known) = self.wanting.get_mut(key) {
            known.tickets.extend(tickets);
        } else {
            self.wanting.insert(key.clone(), Awaited { tickets, late: true });
            self.echoes.push_back(key.clone());
        }
    }

    /// Has the next of what is likely an echo read, when nothing else is to be and
    /// nothing is under way: what people change waits for one such reading at most.
    pub(super) fn take_echoes(&mut self) {
        if !self.fetches.is_empty() || !self.writer.is_idle() {
            return;
        }
        while self.fetches.len() < ECHOES_MAX
            && let Some(key) = self.echoes.pop_front()
        {
            // Others may have been wanted at once since.
            if self.wanting.get(&key).is_some_and(|known| known.late) {
                self.want(key, Vec::new());
            }
        }
    }

    /// Whether a row is to be read, one way or the other.
    pub(super) fn has_fetches(&self) -> bool {
        !self.fetches.is_empty() || !self.echoes.is_empty()
    }

    /// Whether any row is to be read, or to be looked for.
    pub(super) fn expects_news(&self) -> bool {
        !self.wanting.is_empty() || !self.readings.is_empty() || !self.doubts.is_empty()
    }

    /// Whether the row is to be read, or read once more.
    pub(super) fn is_wanted(&self, key: &Key) -> bool {
        self.wanting.contains_key(key) || self.readings.has(key)
    }

    /// The next row to be read.
    pub(super) fn next_fetch(&mut self) -> Option<Wanted> {
        let mut wanted = self.fetches.pop_front()?;
        if let Asked::News { tickets } = &mut wanted.asked {
            tickets.extend(self.wanting.remove(&wanted.key).unwrap_or_default().tickets);
        }
        Some(wanted)
    }

    /// Whether a row of this record cannot be absorbed now. Rows are parked only while
    /// this holds: whatever ends it frees them ([`Self::settled`]).
    pub(super) fn blocks(&self, record: RecordId) -> bool {
        self.in_flight.contains(&record) || self.uncertain.has(record)
    }

    /// The row that a create of this record may have made is not there. What the stream
    /// has still to tell comes before it is made once more; not where rows nobody knows
    /// wait for such creates themselves.
    pub(super) fn not_found(&mut self, record: RecordId) {
        if self.may_have_sent(record) && !self.suspects_open {
            self.doubts.add_create(record);
        }
    }

    /// Whether this record may have had a row of which no more than its key will be
    /// told, and why: a log tells what it held before it tells of its end, but where it
    /// did not show all of it (`is_thin`) or has forgotten that.
    pub(super) fn may_have_made(&self, record: RecordId, is_thin: bool) -> Option<Presumed> {
        let is_log = self.written.is_none();
        if (!is_log || is_thin || self.forgot) && !self.in_flight.contains(&record) {
            let sent = self.may_have_sent(record);
            let regained = self.regained.has(record);
            return sent.then_some(Presumed::Sent).or(regained.then_some(Presumed::Regained));
        }
        None
    }

    /// The last group with creates that are not settled, if a row nobody knows
    /// may be one of them.
    pub(super) fn creating_group(&self) -> Option<u64> {
        let group = self.creating.keys().next_back().copied();
        group.or(self.suspects_open.then_some(0))
    }

    /// Whether a create of the record may have been sent, of which nobody heard.
    pub(super) fn may_have_sent(&self, record: RecordId) -> bool {
        record.0 < self.suspect_below || self.unheard.contains(&record)
    }

    /// The record whose parked rows move to this key.
    pub(super) fn moves_with(&self, key: &Key) -> Option<RecordId> {
        if self.parked_moves.is_empty() { None } else { self.parked_moves.get(key).copied() }
    }

    /// `moved`: the key that the row has after this change, if that is another one.
    pub(super) fn park(&mut self, record: RecordId, row: ParkedRow, moved: Option<Key>) {
        self.watermark.hold(row.ticket);
        self.parked_rows += 1;
        if let Some(key) = moved {
            self.parked_moves.insert(key, record);
        }
        self.parked.entry(record).or_default().push_back(row);
    }

    pub(super) fn park_stranger(&mut self, group: u64, row: ParkedRow) {
        self.watermark.hold(row.ticket);
        self.parked_rows += 1;
        self.strangers.push_back((group, row));
    }

    /// Whether something told of this row, which nobody knows, waits for creates.
    pub(super) fn has_stranger(&self, key: &Key) -> bool {
        self.strangers.iter().any(|(_, told)| told.batch.rows.iter().any(|row| row.key == *key))
    }

    /// It is known what became of a write, or none is wanted any more.
    pub(super) fn certain(&mut self, record: RecordId) {
        for (key, tickets) in self.uncertain.clear(record) {
            self.want(key, tickets);
        }
    }

    /// A write of which nobody knows whether it took effect will not be sent once more:
    /// nothing is wanted of its row, or it is gone. What waited for that is read and
    /// absorbed now. False: there is no such write.
    pub(super) fn give_up_uncertain(&mut self, record: RecordId, freed: &mut VecDeque<(SideId, ParkedRow)>) -> bool {
        let known = self.uncertain.has(record);
        if known {
            self.certain(record);
            self.settled(record, freed);
        }
        known
    }

    /// The link is free again: what waited for it is to be absorbed.
    pub(super) fn settled(&mut self, record: RecordId, freed: &mut VecDeque<(SideId, ParkedRow)>) {
        self.in_flight.remove(&record);
        self.creating.retain(|_, records| {
            records.remove(&record);
            !records.is_empty()
        });
        if let Some(rows) = self.parked.remove(&record) {
            self.parked_rows -= rows.len().min(self.parked_rows);
            self.parked_moves.retain(|_, moving| *moving != record);
            freed.extend(rows.into_iter().map(|row| (self.id, row)));
        }
        self.free_strangers(freed);
    }

    /// Rows nobody knew and which cannot be creates in flight any more.
    pub(super) fn free_strangers(&mut self, freed: &mut VecDeque<(SideId, ParkedRow)>) {
        if self.suspects_open {
            return;
        }
        let open = self.creating.keys().next().copied().unwrap_or(u64::MAX);
        while self.strangers.front().is_some_and(|(group, _)| *group < open) {
            if let Some((_, mut row)) = self.strangers.pop_front() {
                row.waited = true;
                self.parked_rows = self.parked_rows.saturating_sub(1);
                freed.push_back((self.id, row));
            }
        }
    }

    /// Rows in memory that wait for writes in flight or to be read, about.
    pub(super) fn waiting_rows(&self) -> usize {
        self.parked_rows + self.fetches.len() + self.echoes.len() + self.hints.len() + self.uncertain.len()
    }

    /// Forgets what was taken from the stream and not absorbed: it will come again.
    pub(super) fn forget_stream(&mut self) {
        self.watermark.reset();
        self.doubts.restart();
        self.hints.restart();
        self.parked.clear();
        self.parked_moves.clear();
        self.strangers.clear();
        self.parked_rows = 0;
        self.reached = None;
    }

    /// Writes wait at least this long.
    pub(super) fn busy_for(&mut self, wait: Duration) {
        let until = Instant::now() + wait;
        self.busy_until = Some(self.busy_until.map_or(until, |known| known.max(until)));
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.queue.is_empty()
            && !self.withheld
            && self.in_flight.is_empty()
            && !self.has_fetches()
            && self.uncertain.len() == 0
            && self.doubts.is_empty()
            && self.parked_rows == 0
            && self.watermark.is_absorbed()
            && self.writer.is_idle()
            && self.reading.is_none()
            && self.comparing.is_none()
    }
}
