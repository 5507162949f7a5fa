//! Comparing all sides with what is known of them, now; with repair, what
//! differs is read again, absorbed and delivered.

use std::collections::BTreeMap;

use lockstep_core::{key::Key, record::SideId};

use super::{Audit, apply::until_quiet};
use crate::{
    Engine, EngineError,
    sync::{COMPARE, Comparison, Request},
};

/// Differences told in words, of all sides together.
const DIFFERENCES_MAX: usize = 200;

pub(super) async fn audit(engine: &Engine, sync: &str, repair: bool) -> Result<Audit, EngineError> {
    let shared = &engine.shared;
    let (id, spec) = shared.known(sync).await?;
    let mut audit = Audit { sync: sync.to_owned(), compared: shared.store.counts(id)?.records, ..Audit::default() };
    let mut suspects: BTreeMap<SideId, Vec<Key>> = BTreeMap::new();
    for side in spec.sides() {
        let configured = shared.sync(sync)?.side(&side.name);
        let connection = configured.map_or("", |side| side.connection.as_str());
        let connector =
            shared.connectors.get(connection).ok_or_else(|| EngineError::UnknownConnection(connection.to_owned()))?;
        let comparison = Comparison {
            connection: connection.to_owned(),
            connector: connector.clone(),
            store: shared.store.clone(),
            sync: id,
            side: side.clone(),
        };
        let compared = comparison.run().await?;
        audit.sides.push(compared.counts);
        let room = DIFFERENCES_MAX.saturating_sub(audit.differences.len());
        audit.differences.extend(compared.differences.into_iter().take(room));
        suspects.insert(side.id, compared.suspects);
    }
    if repair {
        match shared.door(sync) {
            Some(door) => {
                for (side, keys) in suspects {
                    let request = Request::Confirm { side, keys };
                    door.send(request).await.map_err(|_| EngineError::Stopped)?;
                }
            }
            None => {
                for side in spec.sides() {
                    let setting = format!("{COMPARE}{}", side.name);
                    shared.store.set_setting(id, &setting, Some("audit"))?;
                }
            }
        }
        until_quiet(engine, Some(sync)).await?;
        audit.repaired = true;
    }
    Ok(audit)
}
