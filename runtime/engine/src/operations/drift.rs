//! The drift inbox: what changed about the sides' columns, and what a person
//! says to it.

use lockstep_state::SyncId;

use super::{DriftDecision, DriftView, pause};
use crate::{
    EngineError,
    drift::{self, Desk, Item, ItemState},
    engine::Shared,
};

/// Newest first; the decided ones only with `all`.
pub(super) fn list(shared: &Shared, sync: Option<&str>, all: bool) -> Result<Vec<DriftView>, EngineError> {
    let mut views = Vec::new();
    for name in shared.asked(sync)? {
        let Some(id) = shared.store.sync_id(&name)? else {
            continue;
        };
        let inbox = drift::inbox(&shared.store.sync_state(id)?.settings)?;
        let items = inbox.items.iter().rev().filter(|item| all || item.state == ItemState::Open);
        views.extend(items.map(|item| view(&name, item)));
    }
    Ok(views)
}

pub(super) fn decide(
    shared: &Shared,
    sync: &str,
    item: u64,
    decision: DriftDecision,
    by: &str,
) -> Result<DriftView, EngineError> {
    shared.sync(sync)?;
    let id: SyncId = shared.store.sync_id(sync)?.ok_or_else(|| no_such(sync, item))?;
    let state = shared.store.sync_state(id)?;
    let mut inbox = drift::inbox(&state.settings)?;
    let found = inbox.items.iter_mut().find(|known| known.id == item).ok_or_else(|| no_such(sync, item))?;
    let (to, action) = match decision {
        DriftDecision::Accept => (ItemState::Accepted, "accept"),
        DriftDecision::Ignore => (ItemState::Ignored, "ignore"),
    };
    found.state = to;
    by.clone_into(&mut found.by);
    found.decided = Some(shared.clock.now());
    let told = view(sync, found);
    let what = format!("{}.{}", found.side, found.change.column);
    pause::note(shared, by, &format!("schema {action}"), sync, Some(&what))?;
    Desk { store: &shared.store, sync: id, settings: &state.settings }.save(&inbox)?;
    Ok(told)
}

fn no_such(sync: &str, item: u64) -> EngineError {
    EngineError::Refused {
        message: format!("sync '{sync}' has no change {item} of its columns"),
        remedy: "'lockstep schema drift --all' lists them".to_owned(),
    }
}

fn view(sync: &str, item: &Item) -> DriftView {
    use lockstep_core::mapping::ColumnNews;
    DriftView {
        sync: sync.to_owned(),
        item: item.id,
        at_micros: item.at.0,
        side: item.side.clone(),
        object: item.object.clone(),
        column: item.change.column.clone(),
        what: match item.change.news {
            ColumnNews::Added => "added",
            ColumnNews::Removed => "removed",
            ColumnNews::Altered => "altered",
        }
        .to_owned(),
        before: item.change.before.clone(),
        now: item.change.now.clone(),
        field: item.field.clone(),
        effect: item.effect.clone(),
        state: item.state.name().to_owned(),
        by: item.by.clone(),
        decided_at_micros: item.decided.map(|at| at.0),
    }
}
