//! Delivering: what is marked becomes write requests, one group at a time and
//! side, derived from the records as they are when they are sent.

use lockstep_core::{
    key::Key,
    plan::{self, Needs, Sent},
    record::{Life, RecordId, SideId},
    spec::SyncSpec,
    value::{Cell, Value},
    write::{Action, WriteRequest},
};
use tokio::time::Instant;

use super::{
    actor::Actor,
    side::{SideRun, Wanted},
};
use crate::{
    EngineError,
    port::FetchRequest,
    writer::{Asked, BUSY_WAIT_MIN, Job},
};

/// Rows and bytes in one write.
const GROUP_ROWS_MAX: usize = 1_000;
const GROUP_BYTES_MAX: usize = 4 << 20;
/// Keys in one fetch.
const FETCH_KEYS_MAX: usize = 500;
/// Marks read from the state at a time.
const REFILL_MAX: usize = 10_000;

impl Actor {
    /// Gives every writer that has room its next job.
    pub(super) fn dispatch(&mut self) -> Result<(), EngineError> {
        if self.draining || self.paused {
            return Ok(());
        }
        let ids: Vec<SideId> = self.sides.keys().copied().collect();
        let now = Instant::now();
        for id in ids {
            while let Some(run) = self.sides.get_mut(&id) {
                if run.paused || !run.writer.has_room() {
                    break;
                }
                if run.busy_until.is_some_and(|until| now < until) {
                    break;
                }
                run.busy_until = None;
                run.queue.wake(now);
                run.look_at_backlog();
                run.look_at_doubts();
                run.take_echoes();
                if give_fetch(run) {
                    continue;
                }
                self.refill(id)?;
                if !self.give_writes(id)? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn refill(&mut self, id: SideId) -> Result<(), EngineError> {
        let Some(run) = self.sides.get_mut(&id) else {
            return Ok(());
        };
        if let Some(after) = run.queue.refill_after() {
            let marks = self.core.store.marks(self.core.sync(), id, after, REFILL_MAX)?;
            let records: Vec<RecordId> = marks.iter().map(|mark| mark.record).collect();
            run.queue.refill(&records, REFILL_MAX);
        }
        Ok(())
    }

    /// Builds one group. False: there is nothing to send now.
    fn give_writes(&mut self, id: SideId) -> Result<bool, EngineError> {
        let Some(run) = self.sides.get_mut(&id) else {
            return Ok(false);
        };
        let mut records = Vec::new();
        let waited = self.awaiting_disk.len();
        while records.len() < GROUP_ROWS_MAX
            && let Some(record) = run.queue.pop()
        {
            if run.in_flight.contains(&record) {
                // Looked at again when its outcome is known.
            } else if self.core.cache.is_uncommitted(record) {
                self.awaiting_commit.push((id, record));
            } else if self.core.awaits_disk(record) {
                self.awaiting_disk.push((id, record));
            } else {
                records.push(record);
            }
        }
        if self.awaiting_disk.len() > waited {
            self.core.store.sync_soon();
        }
        if records.is_empty() {
            return Ok(false);
        }
        let (set, refs) = self.core.gather(&Needs::default(), &records)?;
        let spec = self.core.spec.clone();
        let mut group = Vec::with_capacity(records.len());
        let mut bytes = 0;
        for (position, record) in records.iter().enumerate() {
            let sent = set.get(*record).and_then(|record| plan::intent(&spec, &refs, record, id));
            let sent = match (set.get(*record), run.uncertain.fields(*record)) {
                (Some(record), Some(fields)) => plan::affirm(&spec, record, id, fields, sent),
                _ => sent,
            };
            let Some(sent) = sent else {
                if let Some(record) = set.get(*record) {
                    let waits = plan::waits(&spec, &refs, record);
                    self.waiting.add(record.id, &waits);
                }
                run.queue.succeeded(*record);
                run.give_up_uncertain(*record, &mut self.staged.freed);
                continue;
            };
            if sent.intent.action == Action::Create && run.give_up_uncertain(*record, &mut self.staged.freed) {
                // The row of that write is gone: what was told of it comes before the next one.
                run.queue.delay(*record, BUSY_WAIT_MIN);
                continue;
            }
            if sent.intent.action == Action::Create && run.withholds_creates() {
                run.withheld = true;
                continue;
            }
            if sent.intent.action == Action::Create && run.doubts.withholds(*record) {
                // Taken up when the stream has passed.
                continue;
            }
            if sent.intent.action == Action::Create && is_told_gone(&spec, run, &sent) {
                run.queue.delay(*record, BUSY_WAIT_MIN);
                continue;
            }
            bytes += size_bytes(&sent);
            group.push(sent);
            if bytes > GROUP_BYTES_MAX {
                run.queue.put_back(records.iter().skip(position + 1).copied());
                break;
            }
        }
        let dead = |record: RecordId| set.get(record).is_some_and(|record| matches!(record.life, Life::Deleted { .. }));
        let group = look_up_suspects(&spec, run, group, dead);
        if group.is_empty() {
            // Look on: these wanted nothing, or are looked up first.
            return Ok(run.queue.has_ready() || run.queue.refill_after().is_some() || !run.fetches.is_empty());
        }
        let number = self.next_group;
        self.next_group += 1;
        Ok(send(&spec, run, number, group))
    }
}

fn send(spec: &SyncSpec, run: &mut SideRun, group: u64, sent: Vec<Sent>) -> bool {
    let Some(side) = spec.side(run.id) else {
        return false;
    };
    for sent in &sent {
        run.in_flight.insert(sent.record);
        if sent.intent.action == Action::Create {
            run.creating.entry(group).or_default().insert(sent.record);
        }
    }
    let request = WriteRequest {
        object: side.object.to_string(),
        columns: side.columns.clone(),
        intents: sent.iter().map(|sent| sent.intent.clone()).collect(),
        returning: side.columns.clone(),
    };
    run.writer.give(Job::Write { request, sent }, run.generation)
}

/// Creates that an earlier process may have sent, or that the side would not
/// refuse though the row is there, are looked up before they are sent; the rest
/// is given back. Those of dead records are looked up and never sent.
fn look_up_suspects(
    spec: &SyncSpec,
    run: &mut SideRun,
    group: Vec<Sent>,
    dead: impl Fn(RecordId) -> bool,
) -> Vec<Sent> {
    let mut rest = Vec::with_capacity(group.len());
    for sent in group {
        let refuses_twins = spec.side(run.id).is_none_or(|side| side.refuses_twins);
        let creates = sent.intent.action == Action::Create;
        let dead = creates && dead(sent.record);
        let suspect = dead
            || creates && (sent.record.0 < run.suspect_below || !refuses_twins) && !run.cleared.contains(&sent.record);
        match suspect.then(|| lookup(spec, run.id, &run.key_columns, &sent)).flatten() {
            Some((by, key)) => {
                run.in_flight.insert(sent.record);
                run.fetches.push_back(Wanted { by, key, asked: Asked::Suspect { sent: Box::new(sent) } });
            }
            None if dead => {}
            None => rest.push(sent),
        }
    }
    rest
}

/// Whether a row with the key of the one to be made is told to be gone, and may have
/// been the record's before the state lost what it knew last: then it is looked at first.
fn is_told_gone(spec: &SyncSpec, run: &mut SideRun, sent: &Sent) -> bool {
    if !run.regained.has(sent.record) {
        return false;
    }
    match lookup(spec, run.id, &run.key_columns, sent) {
        Some((by, key)) if by == run.key_columns && run.regained.take_gone(sent.record, &key) => {
            run.want(key, Vec::new());
            true
        }
        _ => false,
    }
}

/// What a created row could be found by: its key where the runtime writes it,
/// else the first set of match fields that has values. `None`: nothing.
pub(super) fn lookup(spec: &SyncSpec, side: SideId, key_columns: &[String], sent: &Sent) -> Option<(Vec<String>, Key)> {
    let side = spec.side(side)?;
    let cell = |column: usize| -> Option<Value> {
        sent.intent.cells.get(column).cloned().flatten().filter(|value| !value.is_null())
    };
    let key: Option<Vec<Value>> = side.key.iter().map(|place| cell(*place)).collect();
    if let Some(key) = key.filter(|key| !key.is_empty()) {
        return Some((key_columns.to_vec(), Key::new(key)));
    }
    spec.match_on.iter().find_map(|fields| {
        let places: Option<Vec<usize>> =
            fields.iter().map(|field| side.field(*field).map(|here| here.column)).collect();
        let places = places.filter(|places| !places.is_empty())?;
        let values: Option<Vec<Value>> = places.iter().map(|place| cell(*place)).collect();
        let by: Option<Vec<String>> = places.iter().map(|place| side.columns.get(*place).cloned()).collect();
        Some((by?, Key::new(values?)))
    })
}

/// Gives the fetches that wait, as many as go together. False: none do.
fn give_fetch(run: &mut SideRun) -> bool {
    let Some(first) = run.next_fetch() else {
        return false;
    };
    let mut request = FetchRequest { selection: run.selection.clone(), by: first.by, keys: vec![first.key] };
    let mut asked = vec![first.asked];
    while asked.len() < FETCH_KEYS_MAX && run.fetches.front().is_some_and(|next| next.by == request.by) {
        if let Some(next) = run.next_fetch() {
            request.keys.push(next.key);
            asked.push(next.asked);
        }
    }
    for (key, asked) in request.keys.iter().zip(&asked) {
        if matches!(asked, Asked::News { .. }) {
            run.readings.begin(key, run.hints.told());
        }
    }
    run.writer.give(Job::Fetch { request, asked }, run.generation)
}

fn size_bytes(sent: &Sent) -> usize {
    let cells = |cells: &[Cell]| -> usize { cells.iter().flatten().map(Value::size_bytes).sum() };
    cells(&sent.intent.cells) + cells(&sent.intent.expected) + 64
}
