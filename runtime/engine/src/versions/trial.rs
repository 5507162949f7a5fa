//! A new version's first part of a stream: it tells again what the version in
//! use told last, and only if that is the same does it go on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use lockstep_core::change::Changes;
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use super::{compare, switch::Recorded};
use crate::{
    Connector, Role, Session, SessionError, SessionErrorKind,
    port::{ChangesRequest, ComponentName},
};

/// How long a trial may hold the stream up.
const TRIAL_MAX: Duration = Duration::from_secs(8);
/// Calls until what was told before has been told again.
const ASKS_MAX: u32 = 40;
const ASK_WAIT_MS: u32 = 50;
/// How long to wait where the source says it is busy: it may not have noticed yet
/// that the version before has let go.
const BUSY_WAIT: Duration = Duration::from_millis(25);

/// Why a new version does not come into use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// It tells otherwise what the version in use told.
    Differs(Vec<String>),
    Failed(String),
}

type Answer = Result<Vec<String>, Objection>;

/// A version to be tried by the stream.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) to: Arc<dyn Connector>,
    /// The stream is a log: the same in the same order.
    pub(super) is_log: bool,
    /// Differences do not matter: the operator has seen them.
    pub(super) accepts: bool,
    told: Arc<Mutex<Option<oneshot::Sender<Answer>>>>,
}

impl Trial {
    pub(super) fn new(to: Arc<dyn Connector>, is_log: bool, accepts: bool) -> (Self, oneshot::Receiver<Answer>) {
        let (told, answer) = oneshot::channel();
        (Trial { to, is_log, accepts, told: Arc::new(Mutex::new(Some(told))) }, answer)
    }

    pub(super) fn is(&self, other: &Trial) -> bool {
        Arc::ptr_eq(&self.told, &other.told)
    }

    pub(super) fn tell(&self, answer: Answer) {
        let told = self.told.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(told) = told {
            // Whoever asked may have given up.
            let _ = told.send(answer);
        }
    }
}

/// A trial that went well.
pub(super) struct Done {
    pub(super) session: Box<dyn Session>,
    /// What the stream goes on with.
    pub(super) changes: Changes,
    /// Accepted ones.
    pub(super) differences: Vec<String>,
}

/// Has the new version tell `last` again, then go on where `request` stands.
pub(super) async fn rehearse(
    trial: &Trial,
    last: Option<&Recorded>,
    request: &ChangesRequest,
) -> Result<Done, Objection> {
    let long = || Objection::Failed(format!("it took longer than {} s to take the stream up", TRIAL_MAX.as_secs()));
    timeout(TRIAL_MAX, within(trial, last, request)).await.unwrap_or_else(|_| Err(long()))
}

async fn within(trial: &Trial, last: Option<&Recorded>, request: &ChangesRequest) -> Result<Done, Objection> {
    let mut session = open(trial.to.as_ref()).await.map_err(|error| failed("open", &error))?;
    // Other columns are asked for by now: what was told is no measure any more.
    let last = last.filter(|last| last.request.selections == request.selections);
    let Some(last) = last else {
        let changes = ask(session.as_mut(), request).await?;
        return Ok(Done { session, changes, differences: Vec::new() });
    };
    let again = tell_again(session.as_mut(), last, request).await?;
    let wanted = &last.answer.batches;
    let differences = match trial.is_log {
        true => compare::in_order(wanted, &again.batches),
        false => compare::by_row(wanted, &again.batches),
    };
    if !differences.is_empty() && !trial.accepts {
        return Err(Objection::Differs(differences));
    }
    // What comes after the part told twice may be handed on only where the engine
    // stands right behind that part.
    let goes_on = trial.is_log && differences.is_empty() && last.reached == request.after;
    let changes = if goes_on {
        Changes { batches: compare::after_first(again.batches, compare::count(wanted)), ..again }
    } else {
        ask(session.as_mut(), request).await?
    };
    Ok(Done { session, changes, differences })
}

async fn open(connector: &dyn Connector) -> Result<Box<dyn Session>, SessionError> {
    loop {
        match connector.open(Role::Tail).await {
            Err(error) if is_busy(error.kind) => sleep(BUSY_WAIT).await,
            other => return other,
        }
    }
}

/// The part of the stream that begins where `last` began, at least as long.
async fn tell_again(
    session: &mut dyn Session,
    last: &Recorded,
    request: &ChangesRequest,
) -> Result<Changes, Objection> {
    let wanted = compare::count(&last.answer.batches);
    let mut all: Option<Changes> = None;
    for _ in 0..ASKS_MAX {
        // No more than was told before: what is cut off at the end of an answer
        // would hide behind what came since.
        let left = wanted.saturating_sub(all.as_ref().map_or(0, |all| compare::count(&all.batches)));
        let records_max = u32::try_from(left.max(1)).unwrap_or(u32::MAX).min(request.records_max);
        let after = all.as_ref().map_or(&last.request.after, |all| &all.cursor).clone();
        let next = ChangesRequest { after, records_max, wait_ms: ASK_WAIT_MS, ..request.clone() };
        let changes = ask(session, &next).await?;
        let nothing = changes.batches.is_empty() && !changes.more;
        let mut batches = all.take().map(|all| all.batches).unwrap_or_default();
        batches.extend(changes.batches.iter().cloned());
        let enough = compare::count(&batches) >= wanted || (nothing && !batches.is_empty());
        all = Some(Changes { batches, ..changes });
        if enough {
            break;
        }
    }
    all.ok_or_else(|| Objection::Failed("it told nothing".to_owned()))
}

async fn ask(session: &mut dyn Session, request: &ChangesRequest) -> Result<Changes, Objection> {
    loop {
        match session.changes(request).await {
            Err(error) if is_busy(error.kind) => sleep(BUSY_WAIT).await,
            Err(error) => return Err(failed("changes", &error)),
            Ok(changes) => return Ok(changes),
        }
    }
}

fn is_busy(kind: SessionErrorKind) -> bool {
    matches!(kind, SessionErrorKind::Retry | SessionErrorKind::Throttled | SessionErrorKind::Unavailable)
}

pub(super) fn failed(call: &str, error: &SessionError) -> Objection {
    Objection::Failed(format!("{call} failed ({}): {error}", error.kind.code()))
}

/// A component for people, by where it is from.
pub(super) fn shown(component: &ComponentName) -> String {
    match &component.digest {
        Some(digest) => format!("{} (sha256:{})", component.from, digest.get(..12).unwrap_or(digest)),
        None => component.from.clone(),
    }
}
