//! A plan kept in a file: written by `plan --save`, compared by `apply FILE` with
//! what would happen now. Holds counts, examples and digests, never a secret.

use std::{fs, path::Path};

use lockstep_engine::operations::{Plan, SyncPlan};
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Exit, Failure},
    table::thousands,
};

/// Of the file's form.
const FORMAT: u32 = 1;
/// A saved plan is counts and a few examples: nothing larger is one.
const BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    lockstep_plan: u32,
    /// Planned for this sync only.
    pub sync: Option<String>,
    pub plan: Plan,
}

/// Writes a plan to a new file or over an older plan.
pub fn write(path: &Path, sync: Option<&str>, plan: &Plan) -> Result<(), Failure> {
    let shown = path.display();
    if path.exists() {
        read(path)?;
    }
    let saved = Saved { lockstep_plan: FORMAT, sync: sync.map(str::to_owned), plan: plan.clone() };
    let text = serde_json::to_vec_pretty(&saved)
        .map_err(|error| Failure::new("LS-CLI-001", format!("the plan cannot be written: {error}")))?;
    fs::write(path, text).map_err(|error| {
        Failure::new("LS-CLI-008", format!("cannot write {shown}: {error}"))
            .remedy("Name a file in a folder that this user may write to.")
    })
}

pub fn read(path: &Path) -> Result<Saved, Failure> {
    let shown = path.display();
    let not_one = || {
        Failure::usage("LS-CLI-025", format!("{shown} is not a saved plan"))
            .remedy("`lockstep plan --save FILE` writes one.")
    };
    if fs::metadata(path).is_ok_and(|about| about.len() > BYTES_MAX) {
        return Err(not_one());
    }
    let bytes = fs::read(path).map_err(|error| {
        Failure::new("LS-CLI-008", format!("cannot read {shown}: {error}"))
            .remedy("Give this user read access to the file.")
    })?;
    let saved: Saved = serde_json::from_slice(&bytes).map_err(|_| not_one())?;
    if saved.lockstep_plan != FORMAT { Err(not_one()) } else { Ok(saved) }
}

/// An error that says what differs between the saved plan and the one made now.
pub fn compare(path: &Path, saved: &Plan, now: &Plan) -> Result<(), Failure> {
    let mut changes = Vec::new();
    if saved.prepare != now.prepare {
        changes.push("what has to be made at the destinations first".to_owned());
    }
    for before in &saved.syncs {
        match now.syncs.iter().find(|sync| sync.sync == before.sync) {
            Some(after) => changes.extend(of_sync(before, after)),
            None => changes.push(format!("{}: it is not in the plan any more", before.sync)),
        }
    }
    for after in &now.syncs {
        if !saved.syncs.iter().any(|sync| sync.sync == after.sync) {
            changes.push(format!("{}: it was not in the plan", after.sync));
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    let mut failure = Failure { exit: Exit::Attention, ..Failure::new("LS-CLI-024", "the plan no longer holds") }
        .remedy(format!("Nothing was written. `lockstep plan --save {}` plans anew.", path.display()));
    for change in changes {
        failure = failure.detail(change);
    }
    Err(failure)
}

fn of_sync(before: &SyncPlan, after: &SyncPlan) -> Vec<String> {
    let name = &before.sync;
    let mut changes = Vec::new();
    if before.rules != after.rules {
        changes.push(format!("{name}: its mapping or rules"));
    }
    let mut count = |what: &str, before: u64, after: u64| {
        if before != after {
            changes.push(format!("{name}: {what}: {} then, {} now", thousands(before), thousands(after)));
        }
    };
    count("matched", before.matched, after.matched);
    count("would wait for a person", before.held, after.held);
    count("ambiguous", before.ambiguous, after.ambiguous);
    count("do not cast", before.uncastable, after.uncastable);
    for side in &after.sides {
        let known = before.sides.iter().find(|known| known.side == side.side).cloned().unwrap_or_default();
        let at = &side.side;
        count(&format!("to create at {at}"), known.creates, side.creates);
        count(&format!("to update at {at}"), known.updates, side.updates);
        count(&format!("to delete at {at}"), known.deletes, side.deletes);
    }
    if changes.is_empty() && before.digest != after.digest {
        changes.push(format!("{name}: as many writes, but of other rows or values"));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rules: &str, digest: &str, matched: u64) -> Plan {
        let sync = SyncPlan {
            sync: "people".into(),
            rules: rules.into(),
            digest: digest.into(),
            matched,
            ..SyncPlan::default()
        };
        Plan { syncs: vec![sync], ..Plan::default() }
    }

    fn told(saved: &Plan, now: &Plan) -> Vec<String> {
        compare(Path::new("p.json"), saved, now).err().map(|failure| failure.details).unwrap_or_default()
    }

    #[test]
    fn the_same_plan_holds() {
        assert!(told(&plan("r", "d", 1), &plan("r", "d", 1)).is_empty());
    }

    #[test]
    fn each_kind_of_change_is_named() {
        let before = plan("r", "d", 1);
        assert_eq!(told(&before, &plan("s", "d", 1)), ["people: its mapping or rules"]);
        assert_eq!(told(&before, &plan("r", "e", 1)), ["people: as many writes, but of other rows or values"]);
        assert_eq!(told(&before, &plan("r", "e", 2)), ["people: matched: 1 then, 2 now"]);
        assert_eq!(told(&before, &Plan::default()), ["people: it is not in the plan any more"]);
    }
}
