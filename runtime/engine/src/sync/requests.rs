//! What people and helpers ask of a running sync.

use lockstep_core::{delta::Delta, key::Key, record::SideId};
use lockstep_state::{StreamChange, SyncPhase};
use tokio::sync::oneshot;

use super::{
    Comparison, Core,
    actor::{Actor, Flight},
    core::Besides,
    guard::Storm,
    phase::COMPARE,
};
use crate::{
    EngineError,
    connection::{Command, Subscriber},
    policy::Backoff,
};

/// Setting that says why a sync is paused.
pub(crate) const PAUSE_REASON: &str = "pause.reason";

/// What some work on the core wants committed, and who is told then.
pub(crate) struct Worked {
    pub(crate) delta: Delta,
    pub(crate) answer: Box<dyn FnOnce() + Send>,
}

type Answer = oneshot::Sender<Result<(), EngineError>>;

pub(crate) enum Request {
    /// Looks at records and plans; the plan is committed in its turn.
    Work(Box<dyn FnOnce(&mut Core) -> Worked + Send>),
    Pause {
        side: Option<SideId>,
        reason: String,
        answer: Answer,
    },
    Resume {
        side: Option<SideId>,
        answer: Answer,
    },
    /// Reads a side in full again.
    Backfill {
        side: SideId,
        answer: Answer,
    },
    /// These rows are to be read again and absorbed.
    Confirm {
        side: SideId,
        keys: Vec<Key>,
    },
    /// A side's columns are not what they were: assemble anew.
    LookAgain,
    /// A full compare the sync asked for is done.
    Compared {
        side: SideId,
        keys: Vec<Key>,
    },
}

impl Actor {
    pub(super) async fn serve(&mut self, request: Request) -> Result<(), EngineError> {
        match request {
            Request::Work(work) => {
                let worked = work(&mut self.core);
                let flight = Flight { answer: Some(worked.answer), ..Flight::default() };
                self.commit(worked.delta, Besides::default(), flight);
            }
            Request::Pause { side, reason, answer } => {
                let done = self.pause(side, &reason).await;
                let _ = answer.send(done);
            }
            Request::Resume { side, answer } => {
                let done = self.resume(side).await;
                let _ = answer.send(done);
            }
            Request::Backfill { side, answer } => {
                let done = self.backfill(side).await;
                let _ = answer.send(done);
            }
            Request::LookAgain => self.look_again(),
            Request::Confirm { side, keys } => self.confirm(side, keys),
            Request::Compared { side, keys } => {
                self.confirm(side, keys);
                if let Some(run) = self.sides.get_mut(&side) {
                    run.comparing = Some(false);
                    if std::mem::take(&mut run.compare_again) {
                        self.compare(side);
                    }
                }
            }
        }
        Ok(())
    }

    async fn pause(&mut self, side: Option<SideId>, reason: &str) -> Result<(), EngineError> {
        let (store, sync) = (self.core.store.clone(), self.core.sync());
        store.set_paused(sync, side, true)?;
        match side {
            Some(side) => {
                if let Some(run) = self.sides.get_mut(&side) {
                    run.paused = true;
                }
                self.detach(side).await;
            }
            None => {
                store.set_setting(sync, PAUSE_REASON, Some(reason))?;
                self.paused = true;
                let ids: Vec<SideId> = self.sides.keys().copied().collect();
                for id in ids {
                    self.detach(id).await;
                }
            }
        }
        Ok(())
    }

    async fn resume(&mut self, side: Option<SideId>) -> Result<(), EngineError> {
        let (store, sync) = (self.core.store.clone(), self.core.sync());
        store.set_paused(sync, side, false)?;
        self.guard.consent(self.core.clock.now());
        let ids: Vec<SideId> = match side {
            Some(side) => {
                if let Some(run) = self.sides.get_mut(&side) {
                    run.paused = false;
                }
                vec![side]
            }
            None => {
                store.set_setting(sync, PAUSE_REASON, None)?;
                self.paused = false;
                self.sides.keys().copied().collect()
            }
        };
        for id in ids {
            if self.sides.get(&id).is_some_and(|run| !run.attached) && !self.paused {
                self.attach(id).await?;
            }
        }
        self.resume_compares()
    }

    /// So many deletes are asked about first.
    pub(super) async fn pause_for_storm(&mut self, storm: Storm) -> Result<(), EngineError> {
        let side = self.sides.get(&storm.side).map_or_else(String::new, |run| run.name.to_string());
        let reason =
            format!("{} deletes at '{side}' (which has {} rows) wait for your consent", storm.deletes, storm.rows);
        tracing::warn!(sync = %self.name, "{reason}");
        // What a compare found missing was left out with the rest: it is made again on resuming.
        for run in self.sides.values_mut() {
            run.comparing.take_if(|reading| !*reading);
        }
        self.pause(None, &reason).await
    }

    /// The side is read in full again, beside its stream; rows that hold what is
    /// known change nothing.
    async fn backfill(&mut self, side: SideId) -> Result<(), EngineError> {
        if self.core.phase == SyncPhase::FirstCopy {
            return Ok(());
        }
        let change = StreamChange::default();
        let besides = Besides {
            streams: vec![(side, change)],
            settings: vec![(self.compare_setting(side), Some("asked".to_owned()))],
            ..Besides::default()
        };
        self.commit(Delta::default(), besides, Flight::default());
        self.compare(side);
        Ok(())
    }

    pub(super) fn compare_setting(&self, side: SideId) -> String {
        let name = self.sides.get(&side).map_or("", |run| &run.name);
        format!("{COMPARE}{name}")
    }

    fn confirm(&mut self, side: SideId, keys: Vec<Key>) {
        if let Some(run) = self.sides.get_mut(&side) {
            keys.into_iter().for_each(|key| run.want(key, Vec::new()));
        }
    }

    /// Takes up compares that were asked for and not finished.
    pub(super) fn resume_compares(&mut self) -> Result<(), EngineError> {
        let state = self.core.store.sync_state(self.core.sync())?;
        let ids: Vec<SideId> = self.sides.keys().copied().collect();
        for id in ids {
            let idle = self.sides.get(&id).is_some_and(|run| run.comparing.is_none());
            if idle && state.settings.contains_key(&self.compare_setting(id)) {
                self.compare(id);
            }
        }
        Ok(())
    }

    /// Starts a full compare of a side; what differs is then read again. One that
    /// has read already, or is reading, may have passed what is asked about now.
    pub(super) fn compare(&mut self, id: SideId) {
        let Some(run) = self.sides.get_mut(&id) else {
            return;
        };
        let Some(side) = self.core.spec.side(id) else {
            return;
        };
        if run.comparing == Some(true) {
            run.compare_again = true;
            return;
        }
        run.comparing = Some(true);
        let comparison = Comparison {
            connection: run.connection.name.to_string(),
            connector: run.connector.clone(),
            store: self.core.store.clone(),
            sync: self.core.sync(),
            side: side.clone(),
        };
        let told = self.channels.requests_in.clone();
        let mut backoff = Backoff::new(&run.name);
        let mut stop = self.channels.stop.clone();
        tokio::spawn(async move {
            let keys = loop {
                match comparison.run().await {
                    Ok(compared) => break compared.suspects,
                    Err(error) => {
                        tracing::warn!("{error}");
                        let wait = tokio::time::sleep(backoff.wait(None));
                        tokio::select! {
                            biased;
                            () = wait => {}
                            _ = stop.wait_for(|stop| *stop) => return,
                        }
                    }
                }
            };
            let _ = told.send(Request::Compared { side: id, keys }).await;
        });
    }

    /// Asks streams to tell when they have passed what the sides have now.
    pub(super) async fn ask_streams(&mut self) {
        for run in self.sides.values_mut().filter(|run| run.attached) {
            if let Some(number) = run.doubts.ask() {
                let who = Subscriber { sync: self.name.clone(), side: run.id };
                run.connection.send(Command::CatchUp { who, number }).await;
            }
        }
    }

    /// Ends compares of which every doubt was cleared.
    pub(super) fn finish_compares(&mut self) {
        let mut done = Vec::new();
        for run in self.sides.values_mut() {
            let waits = run.has_fetches() || !run.doubts.is_empty() || !run.writer.is_idle();
            if run.comparing == Some(false) && !waits {
                run.comparing = None;
                done.push(run.id);
            }
        }
        for side in done {
            let setting = (self.compare_setting(side), None);
            self.staged.settings.push(setting);
        }
    }
}
