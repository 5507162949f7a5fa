//! Reading and changing what is remembered of a connection's versions.

use std::collections::BTreeSet;

use lockstep_state::{Operation, Store};

use super::record::Remembered;
use crate::{EngineError, engine::Shared};

/// What is remembered; nothing where nothing is.
pub(super) fn read(shared: &Shared, connection: &str) -> Result<Remembered, EngineError> {
    of(&shared.store, connection)
}

/// [`read`], of a store at hand.
pub(crate) fn of(store: &Store, connection: &str) -> Result<Remembered, EngineError> {
    let Some(text) = store.connector(connection)? else {
        return Ok(Remembered::default());
    };
    Remembered::read(&text).ok_or_else(|| {
        EngineError::Internal(format!("what the state says of connection '{connection}' is of a later version"))
    })
}

/// Changes it, and notes who did what.
pub(super) fn change(
    shared: &Shared,
    connection: &str,
    (by, action, note): (&str, &str, String),
    change: impl FnOnce(&mut Remembered),
) -> Result<(), EngineError> {
    // Read and written in one go: whoever watches a version writes, too.
    let switch = shared.switch(connection)?;
    let _remembering = switch.remembering.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut remembered = read(shared, connection)?;
    change(&mut remembered);
    let why = Operation {
        at: shared.clock.now(),
        who: by.to_owned(),
        action: action.to_owned(),
        target: connection.to_owned(),
        note,
    };
    Ok(shared.store.set_connector(connection, &remembered.text(), Some(why))?)
}

/// What the configuration says of a connection's component.
pub(super) fn configured(shared: &Shared, connection: &str) -> String {
    shared.configured.get(connection).cloned().unwrap_or_default()
}

/// The objects of a connection that syncs are made of.
pub(super) fn objects(shared: &Shared, connection: &str) -> Vec<String> {
    let sides = shared.config.syncs.iter().flat_map(|sync| &sync.sides);
    let objects: BTreeSet<&str> =
        sides.filter(|side| side.connection == connection).map(|side| side.object.as_str()).collect();
    objects.into_iter().map(str::to_owned).collect()
}
