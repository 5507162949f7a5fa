//! `/metrics`: how everything stands, for Prometheus. Labels are names from the
//! configuration only, never of records.

use std::fmt;

use lockstep_engine::{
    operations::{ConnectionStatus, SideStatus, Status, SyncStatus},
    port::BudgetLimit,
};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// States a connection can be in; one is 1.
const STATES: [&str; 6] = ["idle", "starting", "reading", "streaming", "waiting", "failed"];
/// Phases a sync can be in; one is 1.
const PHASES: [&str; 5] = ["new", "first-copy", "live", "paused", "failed"];

type Labels = Vec<(&'static str, String)>;

/// What became of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Taken,
    /// By the connector: such as a signature that is wrong.
    Refused,
    Nobody,
    NotSafe,
    TooMany,
    TooLarge,
    TooSlow,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Taken => "taken",
            Outcome::Refused => "refused",
            Outcome::Nobody => "nobody",
            Outcome::NotSafe => "not-safe",
            Outcome::TooMany => "too-many",
            Outcome::TooLarge => "too-large",
            Outcome::TooSlow => "too-slow",
        }
    }
}

/// Webhooks since the process started, by connection and outcome.
#[derive(Clone, Debug, Default)]
pub(super) struct Deliveries(Family<Labels, Counter>);

impl Deliveries {
    /// `connection` is configured: the number of labels stays bounded.
    pub(super) fn count(&self, connection: &str, outcome: Outcome) {
        let labels = vec![("connection", connection.to_owned()), ("outcome", outcome.name().to_owned())];
        self.0.get_or_create(&labels).inc();
    }
}

/// Everything as text.
pub(super) fn text(status: &Status, deliveries: &Deliveries) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("lockstep");
    connections(&mut registry, &status.connections);
    syncs(&mut registry, &status.syncs);
    registry.register("webhooks", "Webhooks by what became of them", deliveries.0.clone());
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn gauge<'a>(registry: &mut Registry, name: &str, help: &str, values: impl Iterator<Item = (Labels, u64)> + 'a) {
    let family = Family::<Labels, Gauge>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).set(i64::try_from(value).unwrap_or(i64::MAX));
    }
    registry.register(name, help, family);
}

fn counter<'a>(registry: &mut Registry, name: &str, help: &str, values: impl Iterator<Item = (Labels, u64)> + 'a) {
    let family = Family::<Labels, Counter>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).inc_by(value);
    }
    registry.register(name, help, family);
}

/// One gauge of a family of states: 1 for the one that holds.
fn one_of(label: &'static str, labels: &Labels, all: &'static [&'static str], now: &str) -> Vec<(Labels, u64)> {
    all.iter()
        .map(|state| {
            let mut labels = labels.clone();
            labels.push((label, (*state).to_owned()));
            (labels, u64::from(*state == now))
        })
        .collect()
}

fn connections(registry: &mut Registry, all: &[ConnectionStatus]) {
    let labels = |one: &ConnectionStatus| vec![("connection", one.name.clone())];
    let states = all.iter().flat_map(|one| one_of("state", &labels(one), &STATES, &one.state));
    gauge(registry, "connection_state", "1 for the state a connection is in", states);
    let lag = all.iter().filter_map(|one| Some((labels(one), one.lag_bytes?)));
    gauge(registry, "connection_lag_bytes", "How far the stream is behind its source", lag);
    let lag = all.iter().filter_map(|one| Some((labels(one), one.lag_ms?)));
    gauge(registry, "connection_lag_milliseconds", "How far the stream is behind its source", lag);
    type Count = fn(&ConnectionStatus) -> u64;
    let counters: [(&str, &str, Count); 12] = [
        ("connection_changes", "Changes taken from the stream", |one| one.changes),
        ("connection_calls", "Calls into the connector", |one| one.usage.calls),
        ("connection_call_errors", "Calls that ended in an error", |one| one.usage.call_errors),
        ("connection_call_microseconds", "Time spent in calls, waiting included", |one| one.usage.call_us),
        ("connection_traps", "Connector instances thrown away", |one| one.usage.traps),
        ("connection_denials", "Connections and look-ups refused", |one| one.usage.denials),
        ("connection_received_bytes", "Bytes from the wire", |one| one.usage.bytes_received),
        ("connection_sent_bytes", "Bytes to the wire", |one| one.usage.bytes_sent),
        ("connection_writes_sent", "Writes given to the connector", |one| one.usage.writes_sent),
        ("connection_requests", "Requests over HTTP", |one| one.usage.requests),
        ("connection_request_failures", "Requests over HTTP without an answer", |one| one.usage.request_failures),
        ("connection_limit_errors", "Requests refused for being too many", |one| one.usage.limit_errors),
    ];
    for (name, help, count) in counters {
        counter(registry, name, help, all.iter().map(|one| (labels(one), count(one))));
    }
    let reached = all.iter().flat_map(|one| {
        one.bounds
            .iter()
            .map(|(bound, count)| (vec![("connection", one.name.clone()), ("bound", bound.clone())], *count))
    });
    counter(registry, "connection_bounds_reached", "Times a bound of the connector was reached", reached);
    let parked = all.iter().flat_map(|one| {
        let labels = |role: &str| vec![("connection", one.name.clone()), ("role", role.to_owned())];
        one.parked.iter().map(move |parked| (labels(&parked.role), 1))
    });
    gauge(registry, "connection_parked", "1 for what a connector is not asked for since it kept failing", parked);
    budgets(registry, all);
}

/// What systems allow to be asked; the names of limits are the connectors', and bounded in number.
fn budgets(registry: &mut Registry, all: &[ConnectionStatus]) {
    let known = || all.iter().filter_map(|one| Some((one, one.budget.as_ref()?)));
    let limits = || known().flat_map(|(one, budget)| budget.limits.iter().map(move |limit| (one, limit)));
    let labels = |one: &ConnectionStatus, limit: &BudgetLimit| {
        vec![("connection", one.name.clone()), ("limit", limit.name.clone()), ("kind", limit.kind.clone())]
    };
    let most = limits().map(|(one, limit)| (labels(one, limit), limit.most));
    gauge(registry, "budget_limit", "Requests that the system allows", most);
    let left = limits().map(|(one, limit)| (labels(one, limit), limit.left));
    gauge(registry, "budget_left", "Requests that are left of it", left);
    let waiting = known().map(|(one, budget)| (vec![("connection", one.name.clone())], u64::from(budget.waiting)));
    gauge(registry, "budget_waiting", "Requests that wait for their turn", waiting);
}

fn syncs(registry: &mut Registry, all: &[SyncStatus]) {
    let labels = |one: &SyncStatus| vec![("sync", one.name.clone())];
    let phases = all.iter().flat_map(|one| one_of("phase", &labels(one), &PHASES, &one.phase));
    gauge(registry, "sync_phase", "1 for the phase a sync is in", phases);
    type Count = fn(&SyncStatus) -> u64;
    let gauges: [(&str, &str, Count); 8] = [
        ("sync_records", "Records that live", |one| one.records),
        ("sync_held", "Fields and records that wait for a person", |one| one.held),
        ("sync_awaiting_parent", "Fields that wait for the record they refer to", |one| one.awaiting_parent),
        ("sync_kept_off", "Records kept off a side that refused them", |one| one.kept_off),
        ("sync_quarantined", "Writes refused for a reason retrying does not cure", |one| one.quarantined),
        ("sync_fields_set_aside", "Fields that take no part since a column changed", |one| one.set_aside.len() as u64),
        ("sync_drift", "Changes of columns that wait for a person", |one| one.drift),
        ("sync_quiet", "1 when nothing is left to do", |one| u64::from(one.quiet)),
    ];
    for (name, help, count) in gauges {
        gauge(registry, name, help, all.iter().map(|one| (labels(one), count(one))));
    }
    let counters: [(&str, &str, Count); 6] = [
        ("sync_absorbed", "Changes absorbed", |one| one.totals.absorbed),
        ("sync_echoes", "Changes that were echoes", |one| one.totals.echoes),
        ("sync_stale", "Changes older than what was known", |one| one.totals.stale),
        ("sync_conflicts", "Conflicts", |one| one.totals.conflicts),
        ("sync_written", "Writes made", |one| one.totals.written),
        ("sync_refused", "Writes refused", |one| one.totals.refused),
    ];
    for (name, help, count) in counters {
        counter(registry, name, help, all.iter().map(|one| (labels(one), count(one))));
    }
    let sides = || all.iter().flat_map(|sync| sync.sides.iter().map(move |side| (sync, side)));
    let labels = |(sync, side): (&SyncStatus, &SideStatus)| {
        vec![("sync", sync.name.clone()), ("side", side.name.clone()), ("connection", side.connection.clone())]
    };
    let rows = sides().map(|one| (labels(one), one.1.rows));
    gauge(registry, "side_rows", "Rows known to live at a side", rows);
    let pending = sides().map(|one| (labels(one), one.1.pending));
    gauge(registry, "side_pending", "Writes that wait", pending);
    let paused = sides().map(|one| (labels(one), u64::from(one.1.paused)));
    gauge(registry, "side_paused", "1 while a side is paused", paused);
}

#[cfg(test)]
mod tests {
    use lockstep_engine::port::{Budget, Parked};

    use super::*;

    #[test]
    fn what_is_counted_is_named_by_sync_side_and_connection() -> Result<(), fmt::Error> {
        let side =
            SideStatus { name: "crm".into(), connection: "db".into(), rows: 5, pending: 2, ..Default::default() };
        let sync = SyncStatus {
            name: "people".into(),
            phase: "live".into(),
            held: 3,
            sides: vec![side],
            ..Default::default()
        };
        let limit = BudgetLimit { name: "daily".into(), kind: "day".into(), most: 10, left: 4, resets_in_ms: 1 };
        let budget = Some(Budget { account: "db".into(), limits: vec![limit], ..Default::default() });
        let bounds = [("memory".to_owned(), 7)].into();
        let parked = vec![Parked { role: "write".into(), ..Default::default() }];
        let connection = ConnectionStatus {
            name: "db".into(),
            state: "streaming".into(),
            budget,
            bounds,
            parked,
            ..Default::default()
        };
        let status = Status { running: true, connections: vec![connection], syncs: vec![sync] };
        let deliveries = Deliveries::default();
        deliveries.count("db", Outcome::NotSafe);
        let text = text(&status, &deliveries)?;
        for line in [
            "lockstep_side_pending{sync=\"people\",side=\"crm\",connection=\"db\"} 2",
            "lockstep_sync_held{sync=\"people\"} 3",
            "lockstep_connection_state{connection=\"db\",state=\"streaming\"} 1",
            "lockstep_connection_state{connection=\"db\",state=\"waiting\"} 0",
            "lockstep_budget_left{connection=\"db\",limit=\"daily\",kind=\"day\"} 4",
            "lockstep_connection_bounds_reached_total{connection=\"db\",bound=\"memory\"} 7",
            "lockstep_connection_parked{connection=\"db\",role=\"write\"} 1",
            "lockstep_webhooks_total{connection=\"db\",outcome=\"not-safe\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is missing in:\n{text}");
        }
        Ok(())
    }
}
