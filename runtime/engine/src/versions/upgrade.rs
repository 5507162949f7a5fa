//! Another version takes over while the connection works: loaded beside the one
//! in use, checked, compared, tried by the stream itself, then watched.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout};

use super::{
    admit::{Allowed, admit},
    memory, probe,
    record::{Chosen, Refused, Use, Waiting},
    report::{CHECK, Came, DIFFERS, FAILED, No, PINNED, UpgradeReport},
    switch::{Switch, Tail, Watched},
    trial::{Objection, Trial, shown},
    watch,
};
use crate::{
    Connector, EngineError, SessionError,
    engine::Shared,
    port::{About, ComponentName, KEPT},
};

/// How long a stream is given to bring something that can be compared.
const RECORD_WAIT: Duration = Duration::from_secs(2);
/// How long it goes on once something came.
const RECORD_MORE: Duration = Duration::from_millis(250);
const RECORD_LOOK: Duration = Duration::from_millis(10);
/// How long the stream is given to try the new version.
const TRIAL_WAIT: Duration = Duration::from_secs(12);

/// What is asked of a change of version.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub connection: String,
    pub to: ComponentName,
    pub by: String,
    /// The operator has seen where it tells otherwise.
    #[serde(default)]
    pub accept_differences: bool,
    /// The configuration's digest is going to be that of the new version.
    #[serde(default)]
    pub pin: bool,
    /// `None`: as configured.
    #[serde(default)]
    pub probation_ms: Option<u64>,
}

/// One attempt.
struct Attempt<'a> {
    shared: &'a Arc<Shared>,
    switch: Arc<Switch>,
    order: &'a Order,
    allowed: Allowed,
    steps: Vec<String>,
    from: Option<About>,
    to: Option<About>,
    probation_ms: u64,
}

/// Changes the version of a connection's connector.
pub(super) async fn upgrade(
    shared: &Arc<Shared>,
    order: &Order,
    allowed: Allowed,
) -> Result<UpgradeReport, EngineError> {
    let switch = shared.switch(&order.connection)?;
    let Ok(_changing) = switch.changing.try_lock() else {
        return Err(refused("another change of this connection's version is under way", "wait until it is done"));
    };
    if switch.tail() == Tail::FirstCopy {
        let remedy = "wait until that is done, then upgrade; `lockstep status` shows it";
        return Err(refused("this connection is being read in full", remedy));
    }
    if switch.is_watched() && !allowed.back {
        let remedy = format!("wait for its end, or go back with `lockstep connector rollback {}`", order.connection);
        return Err(refused("the version in use is on probation", remedy));
    }
    let probation_ms = order.probation_ms.unwrap_or(shared.config.connectors.probation_ms);
    let mut attempt = Attempt {
        shared,
        switch: switch.clone(),
        order,
        allowed,
        steps: Vec::new(),
        from: None,
        to: None,
        probation_ms,
    };
    let came = attempt.go().await;
    switch.thaw();
    attempt.report(came)
}

fn refused(message: impl Into<String>, remedy: impl Into<String>) -> EngineError {
    EngineError::Refused { message: message.into(), remedy: remedy.into() }
}

impl Attempt<'_> {
    async fn go(&mut self) -> Result<Vec<String>, No> {
        let (old, new) = self.load().await?;
        if self.allowed.back {
            self.switch.take_over(new, Watched::No);
            self.probation_ms = 0;
            self.step("the version before serves again");
            return Ok(Vec::new());
        }
        let objects = self.objects();
        let worse = probe::check(old.as_ref(), new.as_ref(), &objects).await.map_err(failed)?;
        if !worse.is_empty() {
            let message = format!("its check fails: {}", worse.join("; "));
            return Err(No {
                differences: worse,
                ..No::new(CHECK, message, "Correct what it names, or the connector.")
            });
        }
        self.step("its check finds nothing wrong");
        let streams = self.switch.tail() == Tail::Streaming;
        if streams {
            self.record().await;
        }
        let last = self.switch.last();
        let read = probe::reads(old.as_ref(), new.as_ref(), &objects, last.as_ref()).await.map_err(failed)?;
        let mut differences = self.judge(read.differences)?;
        self.step(format!("{} rows read by both, {} differences", read.rows, differences.len()));
        if streams {
            differences.extend(self.try_out(new).await?);
        } else {
            self.switch.take_over(new, Watched::Yes { differs: !differences.is_empty() });
            self.step("it serves; no stream was under way to compare");
        }
        Ok(differences)
    }

    /// Both versions, loaded, and one allowed to follow the other.
    async fn load(&mut self) -> Result<(Arc<dyn Connector>, Arc<dyn Connector>), No> {
        let old = self.switch.current();
        let new = old.with(&self.order.to).map_err(|error| self.not_loaded(&error))?;
        let to = new.about().await.map_err(|error| self.not_loaded(&error))?;
        self.step(format!("{} {} loaded beside the one in use", to.name, to.version));
        self.to = Some(to.clone());
        let remembered = memory::read(self.shared, &self.order.connection).unwrap_or_default();
        self.from = match old.about().await {
            Ok(about) => Some(about),
            // One that cannot be loaded any more must not be in the way.
            Err(_) => remembered.in_use.map(|one| one.about),
        };
        let keep = new.keep().await.and(old.keep().await);
        if let Err(error) = keep {
            self.step(format!("a version could not be put aside: {error}"));
        }
        if let Some(from) = &self.from {
            if from.digest == to.digest {
                let message = format!("sha256:{} is in use already", to.digest);
                return Err(No::new("LS-ENG-302", message, "Nothing is to be done."));
            }
            admit(&self.order.connection, from, &to, self.allowed)?;
        }
        self.check_pin(&to)?;
        self.step("it asks for nothing more, and reads the cursors that are stored");
        Ok((old, new))
    }

    fn check_pin(&self, to: &About) -> Result<(), No> {
        let connection = self.shared.config.connection(&self.order.connection);
        let from = self.order.to.from.as_str();
        let pinned = connection.and_then(|connection| match (&connection.digest, connection.connector.as_str()) {
            (Some(digest), _) => (*digest != to.digest).then(|| format!("sha256:{digest}")),
            // A reference into a registry says which artifact, too.
            (None, named) if named.starts_with("oci://") && named != from && from != KEPT => Some(named.to_owned()),
            (None, _) => None,
        });
        match pinned {
            // Going back is the operator's word, too; the file is for the next start.
            Some(pinned) if !self.order.pin && !self.allowed.back => Err(No::new(
                PINNED,
                format!("the configuration allows {pinned} only"),
                format!("`--pin` writes digest = \"sha256:{}\" into it once the version has proved itself.", to.digest),
            )),
            _ => Ok(()),
        }
    }

    fn not_loaded(&self, error: &SessionError) -> No {
        let code = EngineError::session(&self.order.connection, error.clone()).code();
        let message = format!("{} cannot be loaded: {error}", shown(&self.order.to));
        No::new(code, message, error.remedy.clone())
    }

    /// The objects of this connection that syncs are made of.
    fn objects(&self) -> Vec<String> {
        memory::objects(self.shared, &self.order.connection)
    }

    /// Has the stream keep what it brings, until it brings something, and a little longer.
    async fn record(&mut self) {
        self.switch.freeze();
        let until = Instant::now() + RECORD_WAIT;
        while self.switch.last().is_none() && Instant::now() < until {
            sleep(RECORD_LOOK).await;
        }
        if self.switch.last().is_some() {
            sleep(RECORD_MORE).await;
        }
    }

    fn judge(&self, differences: Vec<String>) -> Result<Vec<String>, No> {
        if differences.is_empty() || self.order.accept_differences {
            return Ok(differences);
        }
        let message = format!("it tells otherwise what the version in use told: {}", differences.join("; "));
        let remedy = "If that is what the new version is for: the same with `--accept-differences`.";
        Err(No { differences, ..No::new(DIFFERS, message, remedy) })
    }

    /// The stream tells its last part again, by the new version, and goes on with it.
    async fn try_out(&mut self, new: Arc<dyn Connector>) -> Result<Vec<String>, No> {
        let changes = self.switch.last().map(|last| super::compare::count(&last.answer.batches));
        let is_log = self.to.as_ref().is_some_and(|to| to.changes == "log");
        let (trial, answer) = Trial::new(new, is_log, self.order.accept_differences);
        self.switch.offer(trial);
        match timeout(TRIAL_WAIT, answer).await {
            Ok(Ok(Ok(differences))) => {
                self.step(match changes {
                    Some(changes) => format!("{changes} changes told again by it, {} differences", differences.len()),
                    None => "no change came that could be compared".to_owned(),
                });
                self.step("it serves, from where the stream stood");
                Ok(differences)
            }
            Ok(Ok(Err(Objection::Differs(differences)))) => self.judge(differences),
            Ok(Ok(Err(Objection::Failed(why)))) => Err(no_trial(why)),
            Ok(Err(_)) | Err(_) => Err(no_trial("the stream did not come to try it".to_owned())),
        }
    }

    fn step(&mut self, what: impl Into<String>) {
        let what = what.into();
        tracing::info!(connection = %self.order.connection, "upgrade: {what}");
        self.steps.push(what);
    }

    /// Remembers how it came out, and tells.
    fn report(self, came: Result<Vec<String>, No>) -> Result<UpgradeReport, EngineError> {
        let mut report = UpgradeReport {
            connection: self.order.connection.clone(),
            came: Came::Switched,
            code: String::new(),
            message: String::new(),
            remedy: String::new(),
            steps: self.steps,
            differences: Vec::new(),
            from: self.from,
            to: self.to,
            probation_ms: self.probation_ms,
        };
        match came {
            Ok(differences) => {
                report.differences = differences;
                let about = report.to.clone().unwrap_or_default();
                let watched = in_use(self.shared, &self.switch, self.order, about, self.allowed, self.probation_ms)?;
                if watched {
                    watch::begin(self.shared, &self.switch, &self.order.connection, self.probation_ms);
                }
            }
            Err(no) => {
                tracing::warn!(connection = %self.order.connection, code = no.code, "the version in use stays: {}", no.message);
                put_off(self.shared, self.order, report.to.clone(), &no)?;
                report.probation_ms = 0;
                report.came = no.came;
                report.code = no.code.to_owned();
                report.message = no.message;
                report.remedy = no.remedy;
                report.differences = no.differences;
            }
        }
        Ok(report)
    }
}

fn failed(error: String) -> No {
    No::new(FAILED, error, "Look at the log; the version in use stays.")
}

fn no_trial(why: String) -> No {
    No::new(FAILED, format!("it was tried and failed: {why}"), "Look at the log; the version in use goes on.")
}

/// Remembers the version that serves now; true: it is to be watched in this process.
fn in_use(
    shared: &Arc<Shared>,
    switch: &Switch,
    order: &Order,
    about: About,
    allowed: Allowed,
    probation_ms: u64,
) -> Result<bool, EngineError> {
    let (chosen, action) = match allowed.back {
        true => (Chosen::Rollback, "connector rollback"),
        false => (Chosen::Upgrade, "connector upgrade"),
    };
    let note = format!("{} {} sha256:{}", about.name, about.version, about.digest);
    let probation = probation_ms > 0;
    let configured = memory::configured(shared, &order.connection);
    let next = Use { about, chosen, by: order.by.clone(), at: shared.clock.now(), probation };
    memory::change(shared, &order.connection, (&order.by, action, note), |remembered| {
        remembered.put_in_use(next, configured);
    })?;
    if !probation {
        switch.settle();
    }
    Ok(probation && shared.running().is_some())
}

/// Remembers a version that did not come into use.
fn put_off(shared: &Shared, order: &Order, about: Option<About>, no: &No) -> Result<(), EngineError> {
    let about = about.unwrap_or_else(|| About { from: shown(&order.to), ..About::default() });
    let at = shared.clock.now();
    let note = format!("{}: {}", no.code, no.message);
    let action = match no.came {
        Came::Waits => "connector waits",
        Came::Switched | Came::Refused => "connector refused",
    };
    memory::change(shared, &order.connection, (&order.by, action, note), |remembered| match no.came {
        Came::Waits => {
            let wider = no.differences.clone();
            let Order { accept_differences, pin, probation_ms, .. } = *order;
            let by = order.by.clone();
            remembered.waiting = Some(Waiting { about, wider, accept_differences, pin, probation_ms, by, at });
        }
        Came::Switched | Came::Refused => {
            remembered.refuse(Refused { about, code: no.code.to_owned(), why: no.message.clone(), at });
        }
    })
}
