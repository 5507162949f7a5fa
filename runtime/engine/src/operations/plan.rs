//! Dry run: reads all sides into a copy of the state that is thrown away, and
//! counts what would be done. Nothing is written anywhere.

use std::{collections::HashSet, sync::Arc};

use lockstep_core::{
    change::Selection,
    config::Sync,
    delta::Delta,
    key::Key,
    plan::{self, Belonging, Needs, Sent},
    record::{Life, Record, RecordId, SideId},
    spec::SyncSpec,
    value::Value,
    write::Action,
};
use lockstep_state::{AttentionKind, Options, Store, SyncPhase};
use sha2::{Digest, Sha256};

use super::{
    FieldPreview, Plan, PlanExample, SideCost, SidePlan, SyncPlan,
    prepare::prepare,
    proof::{Meter, Proof, add_writes},
};
use crate::{
    EngineError, Role,
    assemble::{Assembly, looked_at, notes},
    engine::Shared,
    port::PageRequest,
    sync::{Besides, Core},
    views::Names,
};

const PAGE_ROWS_MAX: u32 = 2_000;
const PAGE_BYTES_MAX: u32 = 4 << 20;
const SCAN_MAX: usize = 2_000;
const EXAMPLES_MAX: usize = 50;

pub(super) async fn plan(shared: &Shared, sync: Option<&str>) -> Result<Plan, EngineError> {
    let mut planned = Plan::default();
    let scratch = Scratch::open(shared)?;
    for name in shared.asked(sync)? {
        let configured = &shared.equipped(&name).await?;
        let assembly = Assembly { sync: configured, store: &scratch.store, clock: &shared.clock, owner: shared.owner };
        let objects = assembly.discover(&shared.connectors).await?;
        if objects.len() < configured.sides.len() {
            let statements = prepare(shared, configured, &objects, true).await?;
            if !statements.is_empty() {
                planned.prepare.extend(statements);
                continue;
            }
        }
        let mut core = assembly.core(&objects)?;
        let live = core.phase == SyncPhase::Live;
        let seen = read_all(shared, configured, &mut core).await?;
        if !live {
            review_all(&mut core)?;
        }
        let mut one = count(shared, &mut core)?;
        one.proven = seen.proof.rows;
        one.lost = seen.proof.lost;
        for side in &mut one.sides {
            if let Some((_, precondition, cost)) = seen.costs.iter().find(|(name, ..)| *name == side.side) {
                side.cost = *cost;
                add_writes(side, precondition);
            }
        }
        one.rules = hex(&Sha256::digest(format!("{:#?}", configured.without_places())));
        one.notes = looked_at(configured, &objects).1.map(|compiled| notes(&compiled)).unwrap_or_default();
        planned.syncs.push(one);
    }
    Ok(planned)
}

/// A state for one dry run.
struct Scratch {
    store: Store,
    path: Option<std::path::PathBuf>,
}

impl Scratch {
    fn open(shared: &Shared) -> Result<Self, EngineError> {
        let Some(beside) = shared.store.path() else {
            return Ok(Scratch { store: shared.store.fork()?, path: None });
        };
        let mut name = beside.as_os_str().to_owned();
        name.push(format!(".plan-{}", std::process::id()));
        let path = std::path::PathBuf::from(name);
        remove(&path);
        shared.store.backup(&path)?;
        match Store::open(&path, &Options::default()) {
            Ok(store) => Ok(Scratch { store, path: Some(path) }),
            Err(error) => {
                remove(&path);
                Err(error.into())
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            remove(path);
        }
    }
}

fn remove(path: &std::path::Path) {
    for suffix in ["", "-wal", "-shm", "-lock", ".lock"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
}

/// What reading everything has told beside records.
#[derive(Default)]
struct Seen {
    proof: Proof,
    /// By side: how its connector writes, and what reading it cost.
    costs: Vec<(String, String, SideCost)>,
}

async fn read_all(shared: &Shared, sync: &Sync, core: &mut Core) -> Result<Seen, EngineError> {
    let spec = core.spec.clone();
    let mut told_of = Seen::default();
    for side in spec.sides() {
        let connection = sync.side(&side.name).map_or("", |side| side.connection.as_str());
        let connector =
            shared.connectors.get(connection).ok_or_else(|| EngineError::UnknownConnection(connection.to_owned()))?;
        let told = |error| EngineError::session(connection, error);
        let mut session = connector.open(Role::Read).await.map_err(told)?;
        let precondition = session.spec().await.map_err(told)?.precondition;
        let meter = Meter::start(&**connector);
        let mut looked_at = 0;
        let mut seen = HashSet::new();
        let mut after: Arc<[u8]> = Arc::from([]);
        loop {
            let request = PageRequest {
                selection: Selection { object: side.object.to_string(), columns: side.columns.to_vec() },
                after,
                rows_max: PAGE_ROWS_MAX,
                bytes_max: PAGE_BYTES_MAX,
            };
            let page = session.read(&request).await.map_err(told)?;
            told_of.proof.look(&spec, side, &page.rows, looked_at);
            looked_at += page.rows.len() as u64;
            let needs = plan::needs_rows(&spec, side.id, &page.rows);
            let (mut set, refs) = core.gather(&needs, &[])?;
            let ((), delta, _) = core.plan(&mut set, &refs, |planner, set| {
                for row in &page.rows {
                    planner.absorb_row(set, side.id, row);
                }
            });
            core.commit_now(delta)?;
            let keys: Vec<(SideId, Key)> = page.rows.iter().map(|row| (side.id, row.key.clone())).collect();
            seen.extend(core.store.gather(core.sync(), &keys, &[])?.keys.into_iter().flatten());
            if page.next.is_empty() {
                break;
            }
            after = page.next;
        }
        told_of.costs.push((side.name.to_string(), precondition, meter.read(&**connector)));
        gone(core, side.id, &seen)?;
    }
    Ok(told_of)
}

/// Rows known to be at a side that a full read of it did not show.
fn gone(core: &mut Core, side: SideId, seen: &HashSet<RecordId>) -> Result<(), EngineError> {
    let now = core.clock.now();
    let mut after = RecordId(0);
    loop {
        let page = core.store.scan(core.sync(), after, SCAN_MAX)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.id;
        let live = |record: &Record| record.link(side).filter(|link| link.is_live()).and_then(|link| link.key.clone());
        let keys: Vec<Key> = page.iter().filter(|record| !seen.contains(&record.id)).filter_map(live).collect();
        if keys.is_empty() {
            continue;
        }
        let needs = Needs { keys: keys.iter().map(|key| (side, key.clone())).collect(), ..Needs::default() };
        let (mut set, refs) = core.gather(&needs, &[])?;
        let ((), delta, _) = core.plan(&mut set, &refs, |planner, set| {
            for key in &keys {
                planner.absorb_missing(set, side, key, now);
            }
        });
        core.commit_now(delta)?;
    }
}

/// What the sweep after a first copy would mark.
fn review_all(core: &mut Core) -> Result<(), EngineError> {
    let phase = SyncPhase::Sweep { after: RecordId(0) };
    core.commit_now_with(Delta::default(), Besides { phase: Some(phase), ..Besides::default() })?;
    let mut after = RecordId(0);
    loop {
        let page = core.store.scan(core.sync(), after, SCAN_MAX)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.id;
        let ids: Vec<RecordId> = page.iter().map(|record| record.id).collect();
        let (mut set, refs) = core.pass_by(page)?;
        let ((), delta, _) = core.plan(&mut set, &refs, |planner, set| {
            for id in &ids {
                planner.review(set, *id);
            }
        });
        core.commit_now(delta)?;
    }
}

fn count(shared: &Shared, core: &mut Core) -> Result<SyncPlan, EngineError> {
    let (store, sync, spec) = (core.store.clone(), core.sync(), core.spec.clone());
    let counts = store.counts(sync)?;
    let waiting = |kind| counts.waiting.get(&kind).copied().unwrap_or(0);
    let live = match shared.store.sync_id(&spec.name)? {
        Some(id) => shared.store.sync_state(id)?.phase == SyncPhase::Live,
        None => false,
    };
    let mut planned = SyncPlan {
        sync: spec.name.to_string(),
        first_copy: !live,
        ambiguous: waiting(AttentionKind::Ambiguous),
        uncastable: waiting(AttentionKind::Uncastable),
        held: counts.held(),
        ..SyncPlan::default()
    };
    let mut after = RecordId(0);
    loop {
        let page = store.scan(sync, after, SCAN_MAX)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        planned.matched +=
            page.iter().filter(|record| record.links.iter().filter(|link| link.is_live()).count() > 1).count() as u64;
        if spec.filter.is_some() {
            for record in &page {
                planned.outside += u64::from(plan::belonging(&spec, record) == Belonging::Out);
                planned.undecided += u64::from(plan::belonging(&spec, record) == Belonging::Unknown);
            }
        }
    }
    let mut writes = Writes::default();
    let mut differing = std::collections::BTreeSet::new();
    for side in spec.sides() {
        let mut one = SidePlan {
            side: side.name.to_string(),
            rows: counts.sides.get(&side.id).map_or(0, |side| side.links),
            ..SidePlan::default()
        };
        let mut room = EXAMPLES_MAX / spec.sides().count().max(1);
        let mut after = RecordId(0);
        loop {
            let marks = store.marks(sync, side.id, after, SCAN_MAX)?;
            let Some(last) = marks.last() else { break };
            after = last.record;
            for mark in &marks {
                match mark.action {
                    Some(Action::Create) => one.creates += 1,
                    Some(Action::Update) => {
                        one.updates += 1;
                        differing.insert(mark.record);
                    }
                    Some(Action::Delete) => one.deletes += 1,
                    None => {}
                }
            }
            let ids: Vec<RecordId> = marks.iter().map(|mark| mark.record).collect();
            let found = examples(core, &spec, side.id, &ids, room, &mut writes)?;
            room = room.saturating_sub(found.len());
            planned.examples.extend(found);
        }
        planned.sides.push(one);
    }
    planned.digest = writes.digest();
    planned.differing = differing.len() as u64 + waiting(AttentionKind::Conflict);
    Ok(planned)
}

/// Counts these records' writes at a side into `writes` and shows the first few.
fn examples(
    core: &mut Core,
    spec: &SyncSpec,
    side: SideId,
    records: &[RecordId],
    max: usize,
    writes: &mut Writes,
) -> Result<Vec<PlanExample>, EngineError> {
    let found = core.store.records(core.sync(), records)?;
    let (set, refs) = core.pass_by(found)?;
    let mut shown = Vec::new();
    for id in records {
        let Some(record) = set.get(*id) else { continue };
        let Some(sent) = plan::intent(spec, &refs, record, side) else { continue };
        if sent.intent.action == Action::Create && matches!(record.life, Life::Deleted { .. }) {
            // Looked for, and not made.
            continue;
        }
        writes.add(side, &sent)?;
        if shown.len() < max {
            shown.push(example(spec, record, side, &sent));
        }
    }
    Ok(shown)
}

fn example(spec: &SyncSpec, record: &Record, side: SideId, sent: &Sent) -> PlanExample {
    let names = Names { spec };
    let link = record.link(side);
    PlanExample {
        what: match sent.intent.action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
        }
        .to_owned(),
        side: names.side(side),
        key: sent.intent.key.as_ref().map(|key| names.key(key)).unwrap_or_default(),
        fields: sent
            .fields
            .iter()
            .map(|(field, _, native)| {
                let before: Option<&Value> = link.and_then(|link| link.observed(*field));
                FieldPreview {
                    field: names.field(*field),
                    before: before.map(|value| names.value(*field, value)),
                    after: Some(names.value(*field, native)),
                }
            })
            .collect(),
    }
}

/// All planned writes as one number, in whatever order they are found: the
/// records' own numbers differ from one dry run to the next.
#[derive(Default)]
struct Writes {
    count: u64,
    sum: u128,
}

impl Writes {
    fn add(&mut self, side: SideId, sent: &Sent) -> Result<(), EngineError> {
        let fields: Vec<_> = sent.fields.iter().map(|(field, _, native)| (field, native)).collect();
        let written = serde_json::to_vec(&(side, sent.intent.action, &sent.intent.key, fields))
            .map_err(|error| EngineError::Internal(error.to_string()))?;
        let digest = Sha256::digest(&written);
        let half = digest.iter().take(16).fold(0u128, |number, byte| (number << 8) | u128::from(*byte));
        self.count += 1;
        self.sum = self.sum.wrapping_add(half);
        Ok(())
    }

    fn digest(&self) -> String {
        format!("{}-{:032x}", self.count, self.sum)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
