//! The task that owns a session's instance: it makes it, calls it within its
//! time, and throws it away when anything went wrong in it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};

use super::{
    Job, Setup, Shared,
    backoff::Backoff,
    instance::{Instance, NotMade, Parts},
};
use crate::{
    credentials::Credentials,
    error::{GuestError, HostError, raise},
    http::{Caller, Requests},
    incidents::Incident,
    limits::Limits,
    lines::Lines,
    metrics::add,
    network::Network,
    record::{Tape, event::Outcome},
    store::ComputedTooLong,
    v0_1::{self, Answer, Ask},
    v0_2,
};

/// How long a session may take to say goodbye.
const CLOSE_MAX: Duration = Duration::from_secs(2);

struct Owner {
    setup: Setup,
    shared: Arc<Shared>,
    lines: Lines,
    instance: Option<Instance>,
    /// Those of all the connection's sessions with this component and role.
    backoff: Arc<Mutex<Backoff>>,
    denied: u64,
}

/// Serve a session until its last handle is gone.
pub(super) async fn own(setup: Setup, shared: Arc<Shared>, mut jobs: mpsc::Receiver<Job>) {
    let counters = Arc::clone(&shared.counters);
    let lines = Lines::new(
        &setup.name,
        setup.role.name(),
        &setup.limits,
        counters,
        Arc::clone(&setup.ledger),
        setup.track.clone(),
    );
    let backoff = setup.ledger.failures(setup.component.digest(), setup.role.name());
    let mut owner = Owner { setup, shared, lines, instance: None, backoff, denied: 0 };
    while let Some(job) = owner.next(&mut jobs).await {
        match job {
            Job::Unpark => owner.backoff.lock().unpark(),
            Job::Fault(error) => owner.lost(&error),
            Job::Close(done) => {
                owner.close().await;
                let _ = done.send(());
                return;
            }
            Job::Call { ask, limit, mut reply } => {
                if reply.is_closed() {
                    continue;
                }
                let call = ask.name();
                let started = Instant::now();
                let result = tokio::select! {
                    result = owner.call_within(ask, limit) => result,
                    () = reply.closed() => Err(HostError::Cancelled { call }),
                };
                owner.note_cut_off(&result);
                owner.note_denials();
                owner.account(&result, started.elapsed());
                let _ = reply.send(result);
            }
        }
    }
    owner.close().await;
}

impl Owner {
    /// The next job; meanwhile what waits to be sent is sent.
    async fn next(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
        match &self.instance {
            None => jobs.recv().await,
            Some(instance) => tokio::select! {
                biased;
                job = jobs.recv() => job,
                () = instance.store.data().network.keep_sending() => None,
            },
        }
    }

    /// Let the session say goodbye to its system. Nothing depends on whether it does.
    async fn close(&mut self) {
        let Some(mut instance) = self.instance.take().filter(|instance| instance.bindings.says_goodbye()) else {
            return;
        };
        instance.arm(&self.setup.limits);
        if let Some(track) = &self.setup.track {
            track.call("close", serde_json::Value::Null);
        }
        let goodbye = v0_2::close(&mut instance.store, &instance.bindings);
        let connection = &self.setup.name;
        match tokio::time::timeout(CLOSE_MAX, goodbye).await {
            Ok(Ok(())) => self.ended(|| Outcome::Answered(serde_json::Value::Null)),
            Ok(Err(error)) => {
                tracing::debug!(%connection, role = self.setup.role.name(), %error, "its goodbye failed");
                let refused = instance.store.data().limiter.refused;
                self.crashed(stopped("close", &error, refused, &self.setup.limits));
            }
            Err(_) => {
                let limit_ms = CLOSE_MAX.as_millis() as u64;
                let error = HostError::Timeout { call: "close", limit_ms, bound: "" };
                tracing::debug!(%connection, role = self.setup.role.name(), %error, "its goodbye took too long");
                self.ended(|| Outcome::CutOff { code: error.code().to_owned() });
            }
        }
    }

    async fn call_within(&mut self, ask: Ask, limit: Duration) -> Result<Answer, HostError> {
        let call = ask.name();
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        match tokio::time::timeout(limit, self.call(ask)).await {
            Ok(result) => result,
            Err(_) => Err(HostError::Timeout { call, limit_ms, bound: "call_timeout" }),
        }
    }

    async fn call(&mut self, ask: Ask) -> Result<Answer, HostError> {
        let call = ask.name();
        let pause = self.backoff.lock().pause(std::time::Instant::now(), &self.setup.limits)?;
        // A timer takes a millisecond even for nothing.
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        // Taken out, so that a call that is dropped in the middle takes it along.
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.open().await?,
        };
        let denied = self.shared.denials.total();
        instance.arm(&self.setup.limits);
        if let Some(track) = &self.setup.track {
            track.call(call, ask.packed());
        }
        match v0_1::perform(&mut instance.store, &instance.bindings.base, ask).await {
            Ok(Ok(answer)) => {
                self.ended(|| Outcome::Answered(answer.packed()));
                if let Some(bound) = instance.store.data().limiter.refused {
                    self.note_refused(bound);
                }
                self.instance = Some(instance);
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.ended(|| Outcome::Refused(error.packed()));
                self.instance = Some(instance);
                Err(self.explain(error, denied))
            }
            Err(error) => {
                let refused = instance.store.data().limiter.refused;
                Err(self.crashed(stopped(call, &error, refused, &self.setup.limits)))
            }
        }
    }

    /// A new instance, opened.
    async fn open(&mut self) -> Result<Instance, HostError> {
        let setup = &self.setup;
        let network = Network::new(
            Arc::clone(&setup.policy),
            Arc::clone(&self.shared.counters),
            Arc::clone(&setup.roots),
            &setup.limits,
        );
        let caller = Caller {
            role: setup.role.name(),
            priority: setup.role.priority(),
            counters: Arc::clone(&self.shared.counters),
            denials: Arc::clone(&self.shared.denials),
        };
        let requests = Requests::new(Arc::clone(&setup.egress), caller);
        let credentials = Credentials::new(Arc::clone(&setup.secrets), &setup.credentials_asked);
        let (lines, ledger) = (self.lines.clone(), Arc::clone(&setup.ledger));
        let tape = setup.track.clone().map_or(Tape::None, Tape::Recording);
        let seed = setup.track.as_ref().map(|track| {
            let seed = track.instance();
            track.call("open", serde_json::json!({ "role": setup.role.name(), "config": setup.config }));
            seed
        });
        let parts = Parts { network, requests, credentials, lines, ledger, tape, seed };
        let made = Instance::new(&setup.component, parts, &setup.limits).await;
        let mut instance = made.map_err(|why| self.crashed(not_made(why, &setup.limits)))?;
        let denied = self.shared.denials.total();
        let opened = v0_1::open(&mut instance.store, &instance.bindings.base, setup.role.name(), &setup.config).await;
        match opened {
            Ok(Ok(())) => {
                self.ended(|| Outcome::Answered(serde_json::Value::Null));
                Ok(instance)
            }
            Ok(Err(error)) => {
                self.ended(|| Outcome::Refused(error.packed()));
                Err(self.explain(error, denied))
            }
            Err(error) => {
                let refused = instance.store.data().limiter.refused;
                Err(self.crashed(stopped("open", &error, refused, &setup.limits)))
            }
        }
    }

    /// Record how the call under way ended.
    fn ended(&self, outcome: impl FnOnce() -> Outcome) {
        if let Some(track) = &self.setup.track {
            track.answer(outcome);
        }
    }

    /// Record that it ended so.
    fn crashed(&self, error: HostError) -> HostError {
        self.ended(|| Outcome::Stopped { code: error.code().to_owned(), words: error.to_string() });
        error
    }

    /// Record that the call under way was not waited for to its end, where that is so.
    fn note_cut_off(&self, result: &Result<Answer, HostError>) {
        if let Err(error) = result {
            self.ended(|| Outcome::CutOff { code: error.code().to_owned() });
        }
    }

    /// The connector's own error; when something was denied meanwhile, with the line that would allow it.
    fn explain(&self, mut error: GuestError, denied_before: u64) -> HostError {
        if self.shared.denials.total() > denied_before
            && let Some(denial) = self.shared.denials.latest()
        {
            error.message = format!("{} ({}: {})", error.message, denial.tried, denial.reason);
            error.code = "denied".into();
            if !denial.line.is_empty() {
                error.remedy = denial.remedy();
            }
        }
        HostError::Guest(error)
    }

    fn account(&mut self, result: &Result<Answer, HostError>, took: Duration) {
        let counters = &self.shared.counters;
        add(&counters.calls, 1);
        add(&counters.call_us, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        match result {
            Ok(_) => self.backoff.lock().went_well(),
            Err(error) => {
                add(&counters.call_errors, 1);
                match error {
                    // Whoever asked went away: nothing speaks against the connector.
                    HostError::Cancelled { .. } => {
                        add(&counters.restarts, 1);
                        self.instance = None;
                    }
                    error if error.lost_the_instance() => self.lost(error),
                    HostError::Crowded { .. } => self.note_failure(error),
                    _ => {}
                }
            }
        }
    }

    /// What was denied since this was last asked, as incidents.
    fn note_denials(&mut self) {
        let total = self.shared.denials.total();
        if total == std::mem::replace(&mut self.denied, total) {
            return;
        }
        if let Some(denial) = self.shared.denials.latest() {
            let what = format!("{} was denied: {}", denial.tried, denial.reason);
            self.note("denied", what, denial.remedy(), "");
        }
    }

    /// It wanted more memory or tables than it may have, and went on without.
    fn note_refused(&self, bound: &'static str) {
        self.shared.counters.reached(bound);
        self.note("LS-H022", format!("it was refused more, at its bound {bound}"), raise(bound), bound);
    }

    fn note_failure(&self, error: &HostError) {
        if !error.bound().is_empty() {
            self.shared.counters.reached(error.bound());
        }
        self.note(error.code(), error.to_string(), error.remedy(), error.bound());
    }

    fn note(&self, code: &'static str, what: String, remedy: String, bound: &'static str) {
        let incident = Incident {
            at: SystemTime::now(),
            connection: self.setup.name.clone(),
            role: self.setup.role.name(),
            code,
            what,
            remedy,
            bound,
            count: 1,
        };
        self.setup.ledger.incidents.note(incident, self.setup.limits.incidents_max);
    }

    /// Throw the instance away and note why.
    fn lost(&mut self, error: &HostError) {
        add(&self.shared.counters.restarts, 1);
        self.instance = None;
        let connection = &self.setup.name;
        tracing::warn!(%connection, role = self.setup.role.name(), code = error.code(), %error, "the connector failed");
        self.note_failure(error);
        if self.backoff.lock().failed(error, std::time::Instant::now(), &self.setup.limits) {
            let parked = HostError::Parked { failures: self.setup.limits.failures_max, reason: error.to_string() };
            self.note(parked.code(), parked.to_string(), parked.remedy(), "failures");
            self.shared.counters.reached("failures");
            tracing::error!(%connection, role = self.setup.role.name(), "the connector keeps failing and is parked");
        }
    }
}

/// Why an instance was not made.
pub(super) fn not_made(why: NotMade, limits: &Limits) -> HostError {
    match why {
        NotMade::Crowded => HostError::Crowded { instances_max: limits.instances_max },
        NotMade::Stopped(error, refused) => stopped("open", &error, refused, limits),
    }
}

/// Why a call did not come to its end. `refused`: the bound that a growth was refused for meanwhile.
pub(crate) fn stopped(
    call: &'static str,
    error: &wasmtime::Error,
    refused: Option<&'static str>,
    limits: &Limits,
) -> HostError {
    if error.is::<ComputedTooLong>() {
        return HostError::Timeout { call, limit_ms: limits.compute_ms_max, bound: "compute_time" };
    }
    let words = error.root_cause().to_string();
    let bound = refused.or_else(|| bound_of(&words)).unwrap_or_default();
    HostError::Trap { call, reason: crate::lines::printable(&words, 500), bound }
}

/// The bound that the engine's words are about.
fn bound_of(words: &str) -> Option<&'static str> {
    let about = [
        ("fuel allocated for hostcalls", "batch_bytes"),
        ("store handle limit exceeded", "handles"),
        ("resource table has no free keys", "handles"),
        ("total size of fields exceeds limit", "request_head_bytes"),
        ("requested len", "random_bytes"),
    ];
    about.into_iter().find(|(part, _)| words.contains(part)).map(|(_, bound)| bound)
}
