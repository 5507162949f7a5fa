//! The task that owns a session's instance: it makes it, calls it within its
//! time, and throws it away when anything went wrong in it.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};

use super::{Job, Setup, Shared, backoff::Backoff, instance::Instance};
use crate::{
    credentials::Credentials,
    error::{GuestError, HostError},
    http::{Caller, Requests},
    lines::Lines,
    metrics::add,
    network::Network,
    store::ComputedTooLong,
    v0_1::{self, Answer, Ask},
};

struct Owner {
    setup: Setup,
    shared: Arc<Shared>,
    lines: Lines,
    instance: Option<Instance>,
    backoff: Backoff,
}

/// Serve a session until its last handle is gone.
pub(super) async fn own(setup: Setup, shared: Arc<Shared>, mut jobs: mpsc::Receiver<Job>) {
    let counters = Arc::clone(&shared.counters);
    let lines = Lines::new(&setup.name, setup.role.name(), &setup.limits, counters);
    let mut owner = Owner { setup, shared, lines, instance: None, backoff: Backoff::new() };
    while let Some(job) = owner.next(&mut jobs).await {
        match job {
            Job::Unpark => owner.backoff.unpark(),
            Job::Fault(error) => owner.lost(&error),
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
                owner.account(&result, started.elapsed());
                let _ = reply.send(result);
            }
        }
    }
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

    async fn call_within(&mut self, ask: Ask, limit: Duration) -> Result<Answer, HostError> {
        let call = ask.name();
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        match tokio::time::timeout(limit, self.call(ask)).await {
            Ok(result) => result,
            Err(_) => Err(HostError::Timeout { call, limit_ms }),
        }
    }

    async fn call(&mut self, ask: Ask) -> Result<Answer, HostError> {
        let call = ask.name();
        let pause = self.backoff.pause(std::time::Instant::now(), &self.setup.limits)?;
        tokio::time::sleep(pause).await;
        // Taken out, so that a call that is dropped in the middle takes it along.
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.open().await?,
        };
        let denied = self.shared.denials.total();
        instance.arm(&self.setup.limits);
        match v0_1::perform(&mut instance.store, &instance.bindings, ask).await {
            Ok(Ok(answer)) => {
                self.instance = Some(instance);
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.instance = Some(instance);
                Err(self.explain(error, denied))
            }
            Err(error) => Err(stopped(call, &error, &self.setup.limits)),
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
        let (component, lines) = (&setup.component, self.lines.clone());
        let mut instance = Instance::new(component, network, requests, credentials, lines, &setup.limits)
            .await
            .map_err(|error| stopped("open", &error, &setup.limits))?;
        let denied = self.shared.denials.total();
        let opened = v0_1::open(&mut instance.store, &instance.bindings, setup.role.name(), &setup.config).await;
        match opened {
            Ok(Ok(())) => Ok(instance),
            Ok(Err(error)) => Err(self.explain(error, denied)),
            Err(error) => Err(stopped("open", &error, &setup.limits)),
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
            Ok(_) => self.backoff.went_well(),
            Err(error) => {
                add(&counters.call_errors, 1);
                match error {
                    // Whoever asked went away: nothing speaks against the connector.
                    HostError::Cancelled { .. } => {
                        add(&counters.restarts, 1);
                        self.instance = None;
                    }
                    error if error.lost_the_instance() => self.lost(error),
                    _ => {}
                }
            }
        }
    }

    /// Throw the instance away and note why.
    fn lost(&mut self, error: &HostError) {
        add(&self.shared.counters.restarts, 1);
        self.instance = None;
        let connection = &self.setup.name;
        tracing::warn!(%connection, role = self.setup.role.name(), code = error.code(), %error, "the connector failed");
        if self.backoff.failed(error, std::time::Instant::now(), &self.setup.limits) {
            tracing::error!(%connection, role = self.setup.role.name(), "the connector keeps failing and is parked");
        }
    }
}

/// Why a call did not come to its end.
pub(super) fn stopped(call: &'static str, error: &wasmtime::Error, limits: &crate::limits::Limits) -> HostError {
    if error.is::<ComputedTooLong>() {
        return HostError::Timeout { call, limit_ms: limits.compute_ms_max };
    }
    let reason = crate::lines::printable(&error.root_cause().to_string(), 500);
    HostError::Trap { call, reason }
}
