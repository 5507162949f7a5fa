//! The actor that owns one sync: takes what streams, writers and people bring,
//! turns it into commits, and hands out writes once their plan is committed.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lockstep_core::{
    change::{ChangeBatch, Row},
    delta::{Delta, IndexChange, Mark},
    journal::Entry,
    key::Key,
    record::{RecordId, SideId},
};
use lockstep_state::{Committed, StateError};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    Linked, Request, SharedStatus,
    core::{Besides, Core},
    guard::Guard,
    side::{ParkedRow, SideRun},
    waiting::Waiting,
};
use crate::{
    EngineError,
    connection::FromStream,
    failpoint::{self, Failpoint},
    writer::Answer,
};

/// Commits under way at a time; while so many are, what arrives is merged.
const COMMITS_MAX: usize = 3;
/// Streamed rows taken into one plan, about.
pub(super) const TURN_ROWS_MAX: usize = 2_000;
/// Rows that wait in memory for writes in flight or to be read, per sync, before
/// its streams wait.
const PARKED_MAX: usize = 50_000;
/// How often what is on disk is looked at, and an idle cursor is committed.
const TICK: Duration = Duration::from_millis(250);
const IDLE_CURSOR_TICKS: u32 = 8;
/// How soon it is looked again whether the disk has what a write waits for.
const DISK_LOOK: Duration = Duration::from_millis(2);

/// Why an actor ended.
pub(crate) enum Ended {
    /// Drained and synced.
    Stopped,
    /// A side's columns changed: look again and start anew.
    SchemaChanged,
    Failed(EngineError),
}

/// What was taken and is to be planned.
#[derive(Default)]
pub(super) struct Staged {
    pub(super) answers: VecDeque<(SideId, Answer)>,
    /// Rows whose wait is over, before everything newer.
    pub(super) freed: VecDeque<(SideId, ParkedRow)>,
    pub(super) batches: VecDeque<(SideId, u64, Arc<ChangeBatch>)>,
    pub(super) batch_rows: usize,
    pub(super) pages: VecDeque<(SideId, Vec<Row>, Arc<[u8]>)>,
    /// Records to look at anew: a parent arrived.
    pub(super) reviews: Vec<RecordId>,
    /// Rows whose being told of is to be kept, with the place that waits for it.
    pub(super) notices: Vec<(SideId, u64, Key)>,
    /// Settings to commit with the next plan.
    pub(super) settings: Vec<(String, Option<String>)>,
}

impl Staged {
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
            && self.freed.is_empty()
            && self.batches.is_empty()
            && self.pages.is_empty()
            && self.reviews.is_empty()
            && self.notices.is_empty()
            && self.settings.is_empty()
    }
}

/// A commit under way and what follows when it is made.
#[derive(Default)]
pub(super) struct Flight {
    pub(super) seq: u64,
    pub(super) marks: Vec<Mark>,
    pub(super) positions: Vec<(SideId, crate::connection::Position)>,
    pub(super) taken: Option<oneshot::Sender<()>>,
    pub(super) entries: Vec<Entry>,
    pub(super) linked: Vec<Linked>,
    pub(super) answer: Option<Box<dyn FnOnce() + Send>>,
    pub(super) after: Option<Failpoint>,
}

/// What happened.
enum Heard {
    Commit(Result<Committed, StateError>),
    Answer(SideId, Answer),
    Request(Request),
    Linked(Linked),
    Stream(SideId, FromStream),
    Stop,
    Tick,
    Wake,
}

pub(super) struct Channels {
    pub(super) streams: mpsc::Receiver<(SideId, FromStream)>,
    pub(super) streams_in: mpsc::Sender<(SideId, FromStream)>,
    pub(super) answers: mpsc::Receiver<(SideId, Answer)>,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) requests_in: mpsc::Sender<Request>,
    pub(super) linked: mpsc::Receiver<Linked>,
    pub(super) missed: Arc<AtomicBool>,
    pub(super) stop: watch::Receiver<bool>,
}

pub(crate) struct Actor {
    pub(super) name: Arc<str>,
    pub(super) core: Core,
    pub(super) sides: BTreeMap<SideId, SideRun>,
    pub(super) channels: Channels,
    pub(super) commits: mpsc::UnboundedReceiver<Result<Committed, StateError>>,
    pub(super) commits_in: mpsc::UnboundedSender<Result<Committed, StateError>>,
    pub(super) staged: Staged,
    pub(super) flights: VecDeque<Flight>,
    /// Written next, once the commit under way that changes them is made.
    pub(super) awaiting_commit: Vec<(SideId, RecordId)>,
    /// Written once a power cut cannot take what they displace any more.
    pub(super) awaiting_disk: Vec<(SideId, RecordId)>,
    pub(super) waiting: Waiting,
    pub(super) guard: Guard,
    pub(super) paused: bool,
    pub(super) draining: bool,
    pub(super) next_group: u64,
    /// The sweep finds what was planned up to this commit once that is made.
    pub(super) sweep_behind: u64,
    /// The start of the machine to be named in the state once all streams have caught
    /// up: until then it may have lost what it knew last.
    pub(super) regaining: Option<Arc<str>>,
    pub(super) status: SharedStatus,
    pub(super) followers: super::Followers,
    pub(super) ticks: u32,
    pub(super) ended: Option<Ended>,
}

impl Actor {
    pub(crate) async fn run(mut self) -> Ended {
        let ended = self.live().await.unwrap_or_else(Ended::Failed);
        // Whoever takes up from here must not write while something is in flight.
        while self.sides.values().any(|run| !run.writer.is_idle())
            && let Some((side, answer)) = self.channels.answers.recv().await
        {
            self.answered(side, answer);
        }
        ended
    }

    async fn live(&mut self) -> Result<Ended, EngineError> {
        self.begin().await?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            match self.hear(&mut tick).await {
                Heard::Commit(made) => self.acknowledged(made)?,
                Heard::Answer(side, answer) => self.answered(side, answer),
                Heard::Request(request) => self.serve(request).await?,
                Heard::Linked(linked) => self.parent_linked(&linked),
                Heard::Stream(side, message) => self.take(side, message)?,
                Heard::Stop => self.drain(),
                Heard::Tick => self.tick()?,
                Heard::Wake => {}
            }
            self.take_what_lies_there()?;
            self.work().await?;
            if self.draining && self.is_drained() {
                return Ok(self.ended.take().unwrap_or(Ended::Stopped));
            }
        }
    }

    /// Takes nothing new; what is in flight is finished, settled and committed.
    pub(super) fn drain(&mut self) {
        self.draining = true;
        self.channels.streams.close();
    }

    /// Waits for the next thing to happen, the most pressing first.
    async fn hear(&mut self, tick: &mut tokio::time::Interval) -> Heard {
        let wake = self.next_wake();
        let takes = self.takes();
        let channels = &mut self.channels;
        tokio::select! {
            biased;
            Some(made) = self.commits.recv() => Heard::Commit(made),
            Some((side, answer)) = channels.answers.recv() => Heard::Answer(side, answer),
            Some(request) = channels.requests.recv() => Heard::Request(request),
            Some(linked) = channels.linked.recv() => Heard::Linked(linked),
            Some((side, message)) = channels.streams.recv(), if takes => {
                Heard::Stream(side, message)
            }
            _ = channels.stop.wait_for(|stop| *stop), if !self.draining => Heard::Stop,
            _ = tick.tick() => Heard::Tick,
            () = sleep_until(wake) => Heard::Wake,
        }
    }

    /// Plans and hands out until nothing more can be done now.
    async fn work(&mut self) -> Result<(), EngineError> {
        while self.flights.len() < COMMITS_MAX && !self.staged.is_empty() {
            self.turn().await?;
            while let Ok(made) = self.commits.try_recv() {
                self.acknowledged(made)?;
            }
        }
        if self.flights.len() < COMMITS_MAX {
            self.sweep()?;
        }
        self.look_at_disk();
        self.dispatch()?;
        self.ask_streams().await;
        self.publish();
        Ok(())
    }

    fn takes(&self) -> bool {
        if self.draining || self.paused {
            // What comes is dropped, so that nobody waits for a paused sync.
            return self.paused;
        }
        self.flights.len() < COMMITS_MAX
            && self.staged.batch_rows < TURN_ROWS_MAX
            && self.staged.pages.len() < 2
            && self.sides.values().map(SideRun::waiting_rows).sum::<usize>() < PARKED_MAX
    }

    fn take_what_lies_there(&mut self) -> Result<(), EngineError> {
        while let Ok(made) = self.commits.try_recv() {
            self.acknowledged(made)?;
        }
        while let Ok((side, answer)) = self.channels.answers.try_recv() {
            self.answered(side, answer);
        }
        while let Ok(linked) = self.channels.linked.try_recv() {
            self.parent_linked(&linked);
        }
        while self.takes() {
            match self.channels.streams.try_recv() {
                Ok((side, message)) => self.take(side, message)?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn answered(&mut self, side: SideId, mut answer: Answer) {
        if let Some(run) = self.sides.get_mut(&side) {
            let generation = run.writer.answered().unwrap_or(run.generation);
            crate::writer::stamp(&mut answer, generation);
        }
        self.staged.answers.push_back((side, answer));
    }

    /// Parents' news were more than the door holds: some may have been missed.
    fn look_again_at_children(&mut self) {
        if self.channels.missed.swap(false, Ordering::AcqRel) {
            self.staged.reviews.extend(self.waiting.all());
        }
    }

    fn parent_linked(&mut self, linked: &Linked) {
        let records = self.waiting.arrived(linked);
        self.staged.reviews.extend(records);
    }

    /// Hands over a commit and remembers what follows it.
    pub(super) fn commit(&mut self, delta: Delta, besides: Besides, mut flight: Flight) {
        flight.positions.extend(
            delta
                .cursors
                .iter()
                .filter_map(|(side, stored)| Some((*side, crate::connection::Position::from_stored(stored)?))),
        );
        flight.marks.extend(delta.marks.iter().copied());
        if self.followers.wanted() {
            flight.entries.clone_from(&delta.journal);
        }
        if self.followers.referred {
            flight.linked.extend(new_links(&self.name, &self.core, &delta));
        }
        let told = self.commits_in.clone();
        let committed = self.core.commit(delta, besides, move |made| {
            let _ = told.send(made);
        });
        match committed {
            Some(seq) => {
                flight.seq = seq;
                self.flights.push_back(flight);
            }
            None => {
                if let Some(taken) = flight.taken {
                    let _ = taken.send(());
                }
                if let Some(answer) = flight.answer {
                    answer();
                }
                self.enqueue(&flight.marks);
            }
        }
    }

    pub(super) fn acknowledged(&mut self, made: Result<Committed, StateError>) -> Result<(), EngineError> {
        // A failed commit: what is in memory is ahead of the state. Start again from it.
        let made = made?;
        let Some(flight) = self.flights.pop_front() else {
            return Err(EngineError::Internal("a commit nobody made".to_owned()));
        };
        if flight.seq != made.commit_seq {
            return Err(EngineError::Internal("commits out of order".to_owned()));
        }
        if let Some(point) = flight.after {
            failpoint::pass(point);
        }
        self.core.cache.committed(flight.seq);
        for (side, position) in flight.positions {
            if let Some(run) = self.sides.get_mut(&side) {
                run.undurable.push_back((flight.seq, position.order));
                run.committed = Some(position);
            }
        }
        if let Some(taken) = flight.taken {
            let _ = taken.send(());
        }
        self.enqueue(&flight.marks);
        for (side, record) in std::mem::take(&mut self.awaiting_commit) {
            if let Some(run) = self.sides.get_mut(&side) {
                run.queue.push(record);
            }
        }
        for linked in flight.linked {
            for record in self.waiting.arrived(&linked) {
                self.staged.reviews.push(record);
            }
            self.followers.linked(&linked);
        }
        self.followers.tell(&self.core.spec, &flight.entries);
        if let Some(answer) = flight.answer {
            answer();
        }
        Ok(())
    }

    /// What waited for the disk is written when it is there; until then the disk is asked to hurry.
    fn look_at_disk(&mut self) {
        if self.core.look_at_disk() {
            for (side, record) in std::mem::take(&mut self.awaiting_disk) {
                if let Some(run) = self.sides.get_mut(&side) {
                    run.queue.push(record);
                }
            }
        } else if !self.awaiting_disk.is_empty() {
            self.core.store.sync_soon();
        }
    }

    fn enqueue(&mut self, marks: &[Mark]) {
        for mark in marks {
            let Some(run) = self.sides.get_mut(&mark.side) else {
                continue;
            };
            if mark.action.is_some() || run.uncertain.fields(mark.record).is_some() {
                run.queue.push(mark.record);
            } else if !run.in_flight.contains(&mark.record) {
                run.give_up_uncertain(mark.record, &mut self.staged.freed);
            }
        }
    }

    pub(super) fn tick(&mut self) -> Result<(), EngineError> {
        let durable = self.core.store.durable();
        let on_disk = durable.get(&self.core.sync()).copied().unwrap_or(0);
        for run in self.sides.values_mut() {
            let mut reached = None;
            while run.undurable.front().is_some_and(|(seq, _)| *seq <= on_disk) {
                reached = run.undurable.pop_front().map(|(_, order)| order);
            }
            if let Some(order) = reached {
                run.durable.reach(order);
            }
            if let Some(over) = run.just_made.due(Instant::now()) {
                run.doubts.add_moment(over);
            }
        }
        self.finish_compares();
        self.look_at_regained()?;
        self.look_at_suspects()?;
        self.look_again_at_children();
        self.ticks += 1;
        if self.ticks >= IDLE_CURSOR_TICKS && self.flights.is_empty() {
            self.ticks = 0;
            self.commit_cursors();
        }
        Ok(())
    }

    /// Commits positions reached by streams that brought nothing for this sync.
    pub(super) fn commit_cursors(&mut self) {
        let mut delta = Delta::default();
        for run in self.sides.values_mut() {
            if let Some(reached) = run.watermark.advance() {
                run.reached = Some(reached);
            }
            if let Some(reached) = run.reached.take() {
                delta.cursors.push((run.id, reached.to_stored()));
            }
        }
        if !delta.cursors.is_empty() {
            self.commit(delta, Besides::default(), Flight::default());
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        if self.paused || self.draining {
            // Nothing is handed out: what is due would wake it again and again.
            return None;
        }
        let disk = (!self.awaiting_disk.is_empty()).then(|| Instant::now() + DISK_LOOK);
        self.sides
            .values()
            .filter(|run| run.writer.has_room() && !run.paused)
            .filter_map(|run| {
                let waits = run.queue.has_ready() || run.has_fetches();
                let due = run.busy_until.filter(|_| waits).or_else(|| run.queue.next_wake());
                // While the side is busy nothing is handed out, whatever is due.
                due.map(|due| run.busy_until.map_or(due, |busy| busy.max(due)))
            })
            .chain(disk)
            .min()
    }

    fn is_drained(&mut self) -> bool {
        let waits = self.sides.values().any(|run| !run.writer.is_idle());
        if waits || !self.flights.is_empty() || !self.staged.is_empty() {
            return false;
        }
        self.commit_cursors();
        self.flights.is_empty()
    }

    /// Nothing is left to do, as far as is known here.
    pub(super) fn is_quiet(&self) -> bool {
        self.staged.is_empty()
            && self.flights.is_empty()
            && self.awaiting_commit.is_empty()
            && self.awaiting_disk.is_empty()
            && self.core.phase == lockstep_state::SyncPhase::Live
            && self.sides.values().all(|run| run.attached && run.is_quiet())
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Links this commit gives keys to: children elsewhere may wait for them.
fn new_links(name: &Arc<str>, core: &Core, delta: &Delta) -> Vec<Linked> {
    delta
        .index
        .iter()
        .filter_map(|change| match change {
            IndexChange::AddKey { side, key, record } => Some(Linked {
                sync: name.clone(),
                side: core.spec.side(*side)?.name.clone(),
                key: key.clone(),
                record: *record,
            }),
            IndexChange::DropKey { .. } | IndexChange::AddMatch { .. } | IndexChange::DropMatch { .. } => None,
        })
        .collect()
}
