//! Versions of connectors: which one serves a connection, and how another takes
//! its place while everything runs. Every session of a connection is opened
//! through its [`Switch`]; what is decided is remembered in the state.

mod admit;
mod compare;
mod face;
mod memory;
mod probation;
mod probe;
mod record;
mod recording;
mod report;
mod switch;
mod trial;
mod upgrade;
mod watch;

use std::{collections::BTreeMap, sync::Arc};

use admit::Allowed;
pub(crate) use memory::of as remembered;
pub(crate) use recording::record;
pub(crate) use switch::{Switch, Switched};

pub use admit::beyond;
pub use record::{Chosen, Disabled, Refused, Remembered, Use, Waiting};
pub use recording::{RECORD_BYTES_MAX, RECORD_MS_MAX, RecordOrder};
pub use report::{Came, ConnectorView, UpgradeReport};
pub use upgrade::Order;

use crate::{
    Connector, EngineError, SessionErrorKind,
    engine::Shared,
    port::{ComponentName, KEPT},
};
use lockstep_state::Store;

/// Who does what Lockstep does by itself.
const ITSELF: &str = "lockstep";

/// Each connection's way to its connector, as the state remembers it.
pub(crate) fn switches(
    store: &Store,
    connectors: &BTreeMap<String, Arc<dyn Connector>>,
) -> Result<BTreeMap<String, Arc<Switch>>, EngineError> {
    let mut all = BTreeMap::new();
    for (name, configured) in connectors {
        let remembered = remembered(store, name)?;
        let chosen = remembered.choice(&configured.configured());
        let current = match chosen.map(|chosen| configured.with(&chosen.component())) {
            Some(Ok(chosen)) => chosen,
            Some(Err(_)) | None => configured.clone(),
        };
        let disabled = remembered.disabled.map(|one| words(&one));
        all.insert(name.clone(), Switch::new(name, current, disabled));
    }
    Ok(all)
}

fn words(disabled: &Disabled) -> String {
    format!("disabled by {}", disabled.by)
}

/// A connection begins to run: what serves it is remembered and put aside, and a
/// version that was being watched is watched on.
pub(crate) async fn begin(shared: Arc<Shared>, connection: String) {
    let Ok(switch) = shared.switch(&connection) else { return };
    let current = switch.current();
    let about = match current.about().await {
        Ok(about) => about,
        Err(error) => {
            if error.kind != SessionErrorKind::Unsupported {
                tracing::debug!(%connection, "which connector serves is not known yet: {error}");
            }
            return;
        }
    };
    if let Err(error) = current.keep().await {
        tracing::warn!(%connection, "the connector could not be put aside: {error}");
    }
    if let Err(error) = begun(&shared, &switch, &connection, about) {
        tracing::error!(%connection, code = error.code(), "which connector serves is not remembered: {error}");
    }
}

fn begun(
    shared: &Arc<Shared>,
    switch: &Arc<Switch>,
    connection: &str,
    about: crate::port::About,
) -> Result<(), EngineError> {
    let remembered = memory::read(shared, connection)?;
    let known = remembered.in_use.as_ref().filter(|one| one.about.digest == about.digest);
    if let Some(known) = known {
        if known.probation
            && let Some(before) = remembered.before.first()
            && let Ok(before) = switch.current().with(&before.component())
        {
            watch::go_on(shared, switch, connection, before);
        }
        return Ok(());
    }
    let note = format!("{} {} sha256:{}", about.name, about.version, about.digest);
    let at = shared.clock.now();
    let next = Use { about, chosen: Chosen::Configured, by: ITSELF.to_owned(), at, probation: false };
    let configured = memory::configured(shared, connection);
    memory::change(shared, connection, (ITSELF, "connector in use", note), |remembered| {
        remembered.put_in_use(next, configured);
    })
}

/// Every connection's connector, as remembered.
pub(crate) fn list(shared: &Shared) -> Result<Vec<ConnectorView>, EngineError> {
    let views = shared.switches.keys().map(|connection| {
        let Remembered { in_use, before, waiting, refused, disabled, .. } = memory::read(shared, connection)?;
        let configured = memory::configured(shared, connection);
        let parked = shared.connectors.get(connection).map(|connector| connector.parked()).unwrap_or_default();
        let connection = connection.clone();
        Ok(ConnectorView { connection, configured, in_use, before, waiting, refused, disabled, parked })
    });
    views.collect()
}

/// Another version, as the operator names it.
pub(crate) async fn upgrade(shared: &Arc<Shared>, order: &Order) -> Result<UpgradeReport, EngineError> {
    apart(shared, order, Allowed::default()).await
}

/// The version that waits for the operator's word.
pub(crate) async fn approve(
    shared: &Arc<Shared>,
    connection: &str,
    digest: Option<&str>,
    by: &str,
) -> Result<UpgradeReport, EngineError> {
    shared.switch(connection)?;
    let waiting = memory::read(shared, connection)?.waiting;
    let waiting = waiting.filter(|one| digest.is_none_or(|digest| one.about.digest.starts_with(digest)));
    let Some(waiting) = waiting else {
        return Err(refused(
            format!("no such version waits for approval at connection '{connection}'"),
            "`lockstep connector list` shows what waits",
        ));
    };
    let order = Order {
        accept_differences: waiting.accept_differences,
        pin: waiting.pin,
        probation_ms: waiting.probation_ms,
        ..to_kept(connection, &waiting.about.digest, by)
    };
    apart(shared, &order, Allowed { wider: true, back: false }).await
}

/// Back to a version that served before; the last one, unless a digest says which.
pub(crate) async fn rollback(
    shared: &Arc<Shared>,
    connection: &str,
    digest: Option<&str>,
    by: &str,
) -> Result<UpgradeReport, EngineError> {
    shared.switch(connection)?;
    let before = memory::read(shared, connection)?.before;
    let wanted = before.iter().find(|one| digest.is_none_or(|digest| one.about.digest.starts_with(digest)));
    let Some(wanted) = wanted else {
        return Err(refused(
            format!("no such version has served connection '{connection}' before"),
            "`lockstep connector list` shows the versions before",
        ));
    };
    let order = to_kept(connection, &wanted.about.digest, by);
    apart(shared, &order, Allowed { wider: true, back: true }).await
}

/// In a task of its own: whoever asked may go away in the middle.
async fn apart(shared: &Arc<Shared>, order: &Order, allowed: Allowed) -> Result<UpgradeReport, EngineError> {
    let (shared, order) = (shared.clone(), order.clone());
    let done = tokio::spawn(async move { upgrade::upgrade(&shared, &order, allowed).await });
    done.await.unwrap_or_else(|error| Err(EngineError::Internal(format!("changing the version ended early: {error}"))))
}

/// Nothing of the connection runs until it is enabled again.
pub(crate) fn disable(shared: &Shared, connection: &str, by: &str) -> Result<(), EngineError> {
    let switch = shared.switch(connection)?;
    let disabled = Disabled { by: by.to_owned(), at: shared.clock.now() };
    let reason = words(&disabled);
    memory::change(shared, connection, (by, "connector disable", String::new()), |remembered| {
        remembered.disabled = Some(disabled);
    })?;
    switch.set_disabled(Some(reason));
    Ok(())
}

pub(crate) fn enable(shared: &Shared, connection: &str, by: &str) -> Result<(), EngineError> {
    let switch = shared.switch(connection)?;
    memory::change(shared, connection, (by, "connector enable", String::new()), |remembered| {
        remembered.disabled = None;
    })?;
    switch.set_disabled(None);
    Ok(())
}

fn to_kept(connection: &str, digest: &str, by: &str) -> Order {
    Order {
        connection: connection.to_owned(),
        to: ComponentName { from: KEPT.to_owned(), digest: Some(digest.to_owned()) },
        by: by.to_owned(),
        accept_differences: false,
        pin: false,
        probation_ms: None,
    }
}

fn refused(message: String, remedy: &str) -> EngineError {
    EngineError::Refused { message, remedy: remedy.to_owned() }
}
