//! An instance that may reach nothing, to ask a connector what it is.

use std::{sync::Arc, time::Duration};

use lockstep_core::schema::ConnectorSpec;
use serde_json::Value;

use super::{
    instance::{Instance, NotMade, Parts},
    owner::{not_made, stopped},
};
use crate::{
    budget::{Budgets, Priority},
    component::Component,
    credentials::{Credentials, Secrets},
    error::HostError,
    http::{Caller, Egress, EgressSetup, Requests},
    lines::Lines,
    metrics::Counters,
    network::{BadRule, Network, Policy, Roots, SystemResolver},
    record::{Seed, Tape},
    v0_1,
};

/// What the component says of itself.
pub(crate) async fn spec(component: &Component) -> Result<ConnectorSpec, HostError> {
    let limits = &component.0.host.0.limits;
    let limit = Duration::from_millis(limits.call_ms_max);
    let asked = tokio::time::timeout(limit, async {
        let mut instance = bare(component, Tape::None, None).await.map_err(|why| not_made(why, limits))?;
        let asked = v0_1::spec(&mut instance.store, &instance.bindings.base).await;
        let refused = instance.store.data().limiter.refused;
        let spec = asked.map_err(|error| stopped("spec", &error, refused, limits))?;
        v0_1::answer::spec(spec, limits)
    });
    asked.await.unwrap_or(Err(HostError::Timeout { call: "spec", limit_ms: limits.call_ms_max, bound: "call_timeout" }))
}

/// An instance that may reach nothing; what it asks is answered from a tape, if there is one.
pub(crate) async fn bare(component: &Component, tape: Tape, seed: Option<Seed>) -> Result<Instance, NotMade> {
    let limits = &component.0.host.0.limits;
    let unusable = |reason: String| NotMade::Stopped(wasmtime::Error::msg(reason), None);
    let policy = Policy::new(&[], &[], &Value::Null, Arc::default()).map_err(|BadRule(reason)| unusable(reason))?;
    let roots = Roots::new(None).map_err(unusable)?;
    let counters = Arc::<Counters>::default();
    let (policy, roots) = (Arc::new(policy), Arc::new(roots));
    let egress = Egress::new(EgressSetup {
        name: component.digest().to_owned(),
        policy: Arc::clone(&policy),
        roots: Arc::clone(&roots),
        resolver: Arc::new(SystemResolver),
        scheme: None,
        secrets: &Secrets::new(),
        keeper: None,
        budget: Budgets::new(None).of("spec").await,
        limits,
    });
    let caller =
        Caller { role: "spec", priority: Priority::Reads, counters: Arc::clone(&counters), denials: Arc::default() };
    let parts = Parts {
        requests: Requests::new(egress.into(), caller),
        network: Network::new(policy, Arc::clone(&counters), roots, limits),
        credentials: Credentials::new(Arc::new(Secrets::new()), &[]),
        lines: Lines::new(component.digest(), "spec", limits, counters, Arc::default(), None),
        ledger: Arc::default(),
        tape,
        seed,
    };
    Instance::new(component, parts, limits).await
}
