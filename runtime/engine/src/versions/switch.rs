//! A connection's way to its connector, whichever version serves it now. All
//! sessions of the connection are opened here; each finds out by itself, between
//! two calls, that another version serves.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use lockstep_core::{
    change::{Changes, Cursor},
    write::Outcome,
};
use tokio::{
    sync::watch,
    time::{Duration, Instant},
};

use super::{
    compare,
    face::Face,
    probation::{Probation, Writes},
    trial::{Objection, Trial},
};
use crate::{
    Connector, Role, Session, SessionError, SessionErrorKind,
    port::{Budget, ChangesRequest, Incident, Log, Parked, Request, Usage},
};

/// A disabled connection is asked for again so often.
const DISABLED_LOOK_MS: u32 = 1_000;
/// A stream that nobody asked for so long is not being followed.
const STREAMING_WITHIN: Duration = Duration::from_secs(5);

/// Changes that a recorded part goes on growing to.
const SAMPLE_MAX: usize = 500;

/// The last part of a stream that brought something, and where it went on.
#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) request: ChangesRequest,
    pub(super) answer: Changes,
    /// Behind it, and behind parts since that brought nothing.
    pub(super) reached: Cursor,
}

/// What a connection's stream was last asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    Idle,
    FirstCopy,
    Streaming,
}

/// What to go back to, and how the current one does meanwhile.
struct Before {
    connector: Arc<dyn Connector>,
    probation: Probation,
    /// The operator knows that the two tell otherwise.
    differs: bool,
}

/// A version on probation, and the one before it.
pub(super) struct Both {
    pub(super) before: Arc<dyn Connector>,
    pub(super) current: Arc<dyn Connector>,
    /// The operator knows that they tell otherwise.
    pub(super) differ: bool,
}

/// Whether a version that takes over is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    No,
    Yes { differs: bool },
}

struct Now {
    /// Counts every turn, also that to no version (disabled) and back.
    epoch: u64,
    current: Arc<dyn Connector>,
    /// While the current one is on probation.
    before: Option<Before>,
    /// Why the version on probation was given up.
    fallen: Option<String>,
    disabled: Option<String>,
    trial: Option<Trial>,
    /// The source may not forget what is about to be asked for again.
    frozen: bool,
    last: Option<Recorded>,
    tail: Option<(Instant, Tail)>,
    /// When a full read was last asked for a page.
    copied: Option<Instant>,
    /// What the stream told under a version that was given up is not relied on.
    doubted: bool,
    writes: Writes,
}

/// One connection's versions.
pub(crate) struct Switch {
    name: Arc<str>,
    now: Mutex<Now>,
    turned: watch::Sender<u64>,
    /// Held by whoever changes the version.
    pub(super) changing: tokio::sync::Mutex<()>,
    /// Held while what is remembered of the versions is read and written.
    pub(super) remembering: Mutex<()>,
}

impl Switch {
    pub(crate) fn new(name: &str, current: Arc<dyn Connector>, disabled: Option<String>) -> Arc<Self> {
        let now = Now {
            epoch: 0,
            current,
            before: None,
            fallen: None,
            disabled,
            trial: None,
            frozen: false,
            last: None,
            tail: None,
            copied: None,
            doubted: false,
            writes: Writes::default(),
        };
        Arc::new(Switch {
            name: Arc::from(name),
            now: Mutex::new(now),
            turned: watch::Sender::new(0),
            changing: tokio::sync::Mutex::default(),
            remembering: Mutex::default(),
        })
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn turn(&self, now: &mut Now) -> u64 {
        now.epoch += 1;
        now.last = None;
        self.turned.send_replace(now.epoch);
        now.epoch
    }

    /// Every session is opened anew, before its next call.
    pub(super) fn renew(&self) {
        let mut now = self.now();
        self.turn(&mut now);
    }

    /// Told of every turn.
    pub(super) fn turns(&self) -> watch::Receiver<u64> {
        self.turned.subscribe()
    }

    pub(crate) fn current(&self) -> Arc<dyn Connector> {
        self.now().current.clone()
    }

    /// Who serves now, and since which turn.
    ///
    /// # Errors
    /// When the connection is disabled.
    pub(super) fn serving(&self) -> Result<(u64, Arc<dyn Connector>), SessionError> {
        let now = self.now();
        let Some(reason) = &now.disabled else {
            return Ok((now.epoch, now.current.clone()));
        };
        Err(SessionError {
            kind: SessionErrorKind::Retry,
            message: format!("connection '{}' is {reason}", self.name),
            remedy: format!("`lockstep connector enable {}` lets it work again", self.name),
            retry_after_ms: Some(DISABLED_LOOK_MS),
            code: None,
        })
    }

    pub(super) fn set_disabled(&self, reason: Option<String>) {
        let mut now = self.now();
        now.disabled = reason;
        self.turn(&mut now);
    }

    /// Another version serves from now on; where it is watched, with the one before to go back to.
    pub(super) fn take_over(&self, to: Arc<dyn Connector>, watched: Watched) -> u64 {
        let mut now = self.now();
        self.hand_to(&mut now, to, watched)
    }

    fn hand_to(&self, now: &mut Now, to: Arc<dyn Connector>, watched: Watched) -> u64 {
        let before = std::mem::replace(&mut now.current, to);
        let baseline = std::mem::take(&mut now.writes);
        now.before = match watched {
            Watched::No => None,
            Watched::Yes { differs } => {
                Some(Before { connector: before, probation: Probation::new(baseline), differs })
            }
        };
        now.fallen = None;
        now.trial = None;
        now.frozen = false;
        self.turn(now)
    }

    /// Watches the version in use, which another process began to watch.
    pub(super) fn watch_on(&self, before: Arc<dyn Connector>) {
        let mut now = self.now();
        let probation = Probation::new(now.writes);
        now.before = Some(Before { connector: before, probation, differs: true });
    }

    pub(super) fn is_watched(&self) -> bool {
        self.now().before.is_some()
    }

    /// While one is watched: the version before, that one, and whether they are known to differ.
    pub(super) fn both(&self) -> Option<Both> {
        let now = self.now();
        let before = now.before.as_ref()?;
        Some(Both { before: before.connector.clone(), current: now.current.clone(), differ: before.differs })
    }

    /// The probation is over; false: it was given up before.
    pub(super) fn settle(&self) -> bool {
        self.now().before.take().is_some()
    }

    /// Why the version on probation was given up, once.
    pub(super) fn fallen(&self) -> Option<String> {
        self.now().fallen.take()
    }

    /// Goes back to the version before, if the current one is on probation.
    pub(super) fn give_up(&self, why: String) -> bool {
        let mut now = self.now();
        self.go_back(&mut now, why)
    }

    fn go_back(&self, now: &mut Now, why: String) -> bool {
        let Some(Before { connector: before, .. }) = now.before.take() else {
            return false;
        };
        tracing::error!(connection = %self.name, "the new version of the connector is given up: {why}");
        now.current = before;
        now.doubted = true;
        now.fallen = Some(why);
        now.writes = Writes::default();
        self.turn(now);
        true
    }

    /// Whether the stream is to begin anew, with a comparison of everything: once
    /// after a version was given up, which may have left changes out.
    pub(super) fn takes_doubt(&self) -> bool {
        std::mem::take(&mut self.now().doubted)
    }

    /// A call failed under the version of this turn; true: another version serves
    /// now, and may be asked instead.
    pub(super) fn failed(&self, epoch: u64, call: &'static str, error: &SessionError) -> bool {
        let mut now = self.now();
        if now.epoch != epoch {
            return now.disabled.is_none();
        }
        let why = now.before.as_mut().and_then(|one| one.probation.failed(call, error.kind, &error.message));
        why.is_some_and(|why| self.go_back(&mut now, why))
    }

    pub(super) fn went_well(&self, epoch: u64, call: &'static str) {
        let mut now = self.now();
        if now.epoch == epoch
            && let Some(before) = &mut now.before
        {
            before.probation.went_well(call);
        }
    }

    pub(super) fn written(&self, epoch: u64, outcomes: &[Outcome]) {
        let mut now = self.now();
        if now.epoch != epoch {
            return;
        }
        now.writes.add(outcomes);
        let why = now.before.as_mut().and_then(|one| one.probation.written(outcomes));
        if let Some(why) = why {
            self.go_back(&mut now, why);
        }
    }

    /// From now on the source forgets nothing, and what it tells is remembered.
    pub(super) fn freeze(&self) {
        self.now().frozen = true;
    }

    pub(super) fn thaw(&self) {
        let mut now = self.now();
        now.frozen = false;
        now.last = None;
        now.trial = None;
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.now().frozen
    }

    pub(super) fn last(&self) -> Option<Recorded> {
        self.now().last.clone()
    }

    /// A page of a full read is asked for, in the stream's session or beside it; or it was the last.
    pub(super) fn copies(&self, goes_on: bool) {
        self.now().copied = goes_on.then(Instant::now);
    }

    pub(crate) fn tail(&self) -> Tail {
        let now = self.now();
        if now.copied.is_some_and(|at| at.elapsed() < STREAMING_WITHIN) {
            return Tail::FirstCopy;
        }
        match now.tail {
            Some((at, tail)) if at.elapsed() < STREAMING_WITHIN => tail,
            _ => Tail::Idle,
        }
    }

    /// A part of the stream was handed on.
    pub(super) fn streamed(&self, request: &ChangesRequest, answer: &Changes) {
        let mut now = self.now();
        now.tail = Some((Instant::now(), Tail::Streaming));
        if !now.frozen {
            return;
        }
        let told = compare::count(&answer.batches);
        let goes_on = |last: &&mut Recorded| {
            let room = told == 0 || compare::count(&last.answer.batches) < SAMPLE_MAX;
            last.reached == request.after && last.request.selections == request.selections && room
        };
        if let Some(last) = now.last.as_mut().filter(goes_on) {
            last.answer.batches.extend(answer.batches.iter().cloned());
            last.reached = answer.cursor.clone();
        } else if told > 0 {
            let reached = answer.cursor.clone();
            now.last = Some(Recorded { request: request.clone(), answer: answer.clone(), reached });
        }
    }

    pub(super) fn offer(&self, trial: Trial) {
        self.now().trial = Some(trial);
    }

    pub(super) fn trial(&self) -> Option<Trial> {
        self.now().trial.clone()
    }

    /// The stream has tried the new version: it serves now, unless the trial was
    /// called off meanwhile.
    pub(super) fn accept(&self, trial: &Trial, differences: Vec<String>) -> Option<u64> {
        let mut now = self.now();
        now.trial.as_ref().filter(|one| one.is(trial))?;
        let epoch = self.hand_to(&mut now, trial.to.clone(), Watched::Yes { differs: !differences.is_empty() });
        trial.tell(Ok(differences));
        Some(epoch)
    }

    pub(super) fn object(&self, trial: &Trial, objection: Objection) {
        self.thaw();
        trial.tell(Err(objection));
    }
}

/// A [`Switch`] as the engine's parts hold it.
pub(crate) struct Switched(pub(crate) Arc<Switch>);

#[async_trait]
impl Connector for Switched {
    async fn open(&self, role: Role) -> Result<Box<dyn Session>, SessionError> {
        let mut face = Face::new(self.0.clone(), role);
        face.ready().await?;
        Ok(Box::new(face))
    }

    fn usage(&self) -> Usage {
        self.0.current().usage()
    }

    fn requests(&self) -> Vec<Request> {
        self.0.current().requests()
    }

    fn incidents(&self) -> Vec<Incident> {
        self.0.current().incidents()
    }

    fn log(&self) -> Option<Box<dyn Log>> {
        self.0.current().log()
    }

    fn parked(&self) -> Vec<Parked> {
        self.0.current().parked()
    }

    fn bounds(&self) -> BTreeMap<String, u64> {
        self.0.current().bounds()
    }

    fn budget(&self) -> Option<Budget> {
        self.0.current().budget()
    }
}
