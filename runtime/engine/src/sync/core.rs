//! A sync's records and how they change: gather, plan, commit. The same whether
//! a running actor works on them or a single operation on the state file. Knows
//! nothing of streams, sessions and waiting.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::{
    cast::Cast,
    delta::Delta,
    journal::{Entry, What},
    key::{Key, MatchKey},
    plan::{self, Needs, Phase, Planner, Refs, Tally, Unread, Workset},
    record::{Link, Presence, Record, RecordId, SideId},
    spec::SyncSpec,
};
use lockstep_state::{Claim, Committed, StateError, Store, StreamChange, SyncId, SyncPhase};
use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};

use super::{cache::Cache, displaced::Displaced};
use crate::{Clock, EngineError};

/// What a commit changes beside records.
#[derive(Default)]
pub(crate) struct Besides {
    pub(crate) streams: Vec<(SideId, StreamChange)>,
    pub(crate) phase: Option<SyncPhase>,
    pub(crate) settings: Vec<(String, Option<String>)>,
}

impl Besides {
    fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.phase.is_none() && self.settings.is_empty()
    }
}

/// Another sync that references point into.
struct Parent {
    sync: SyncId,
    sides: BTreeMap<Arc<str>, SideId>,
}

pub(crate) struct Core {
    pub(crate) spec: Arc<SyncSpec>,
    pub(crate) store: Store,
    pub(crate) claim: Claim,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cache: Cache,
    pub(crate) phase: SyncPhase,
    /// In a first copy, the sides that have not been read to their end.
    pub(crate) unread: Unread,
    /// The sync's commit number after everything handed over so far.
    pub(crate) seq: u64,
    next_record: u64,
    next_entry: u64,
    displaced: Displaced,
    parents: BTreeMap<Arc<str>, Parent>,
    /// The sweep looks at every record, whatever it seems to lack.
    pub(crate) thorough: bool,
}

impl Core {
    pub(crate) fn new(spec: Arc<SyncSpec>, store: Store, claim: Claim, clock: Arc<dyn Clock>) -> Self {
        let state = &claim.state;
        Core {
            cache: Cache::default(),
            phase: state.phase,
            unread: Unread::ALL,
            seq: state.commit_seq,
            next_record: state.next_record,
            next_entry: state.next_entry,
            displaced: Displaced::since(state.commit_seq),
            parents: BTreeMap::new(),
            thorough: matches!(state.phase, SyncPhase::Sweep { .. }),
            spec,
            store,
            clock,
            claim,
        }
    }

    /// Has records looked at again where rules decide otherwise than they did: every
    /// one if expressions do, since what they say is derived from a record; those that
    /// wait for something if only casts do, since what did not cast may cast now.
    pub(crate) fn heed_rules(&mut self) -> Result<(), EngineError> {
        let known = |name: &str| self.claim.state.settings.get(name).map_or("", String::as_str);
        let (expressions, casts) = (expressions(&self.spec), casts(&self.spec));
        let decided_anew = known(EXPRESSIONS) != expressions;
        if !decided_anew && known(CASTS) == casts {
            return Ok(());
        }
        let phase = (self.phase != SyncPhase::FirstCopy).then_some(SyncPhase::Sweep { after: RecordId(0) });
        self.thorough |= decided_anew;
        let settings = vec![(EXPRESSIONS.to_owned(), Some(expressions)), (CASTS.to_owned(), Some(casts))];
        self.commit_now_with(Delta::default(), Besides { phase, settings, ..Besides::default() })
    }

    pub(crate) fn sync(&self) -> SyncId {
        self.claim.state.sync
    }

    /// Records numbered from here on did not exist before.
    pub(crate) fn next_record(&self) -> u64 {
        self.next_record
    }

    pub(crate) fn plan_phase(&self) -> Phase {
        match self.phase {
            SyncPhase::FirstCopy => Phase::FirstCopy(self.unread),
            SyncPhase::Sweep { .. } | SyncPhase::Live => Phase::Live,
        }
    }

    /// Everything a plan may look at: what was asked for, and the records named.
    pub(crate) fn gather(&mut self, needs: &Needs, ids: &[RecordId]) -> Result<(Workset, Refs), EngineError> {
        let mut set = Workset::default();
        let mut missing_keys = Vec::new();
        let mut missing_ids = Vec::new();
        for (side, key) in &needs.keys {
            match self.cache.by_key(*side, key) {
                Some(id) => put(&mut set, &mut self.cache, id),
                None => missing_keys.push((*side, key.clone())),
            }
        }
        for id in ids {
            if set.get(*id).is_none() {
                match self.cache.get(*id) {
                    Some(record) => set.put(record),
                    None => missing_ids.push(*id),
                }
            }
        }
        if !missing_keys.is_empty() {
            let gathered = self.store.gather(self.sync(), &missing_keys, &[])?;
            self.put_all(&mut set, gathered.records);
        }
        let matches = sought(needs, &mut set);
        if !matches.is_empty() {
            let gathered = self.store.gather(self.sync(), &[], &matches)?;
            self.put_all(&mut set, gathered.records);
            for (key, found) in matches.iter().zip(gathered.matches) {
                let fresh = self.cache.by_match(key);
                for id in &fresh {
                    put(&mut set, &mut self.cache, *id);
                }
                let all: Vec<_> = found.into_iter().chain(fresh).collect();
                if !all.is_empty() {
                    set.put_match(key.clone(), all);
                }
            }
        }
        if !missing_ids.is_empty() {
            for record in self.store.records(self.sync(), &missing_ids)? {
                if !self.cache.is_going(record.id) {
                    let record = Arc::new(record);
                    self.cache.keep(record.clone());
                    set.put(record);
                }
            }
        }
        let refs = self.refs(needs, &set)?;
        Ok((set, refs))
    }

    fn put_all(&mut self, set: &mut Workset, records: Vec<Record>) {
        for record in records {
            let id = record.id;
            self.cache.keep(Arc::new(record));
            put(set, &mut self.cache, id);
        }
    }

    /// Records just read from the state in a scan, as far as they are not newer at
    /// hand, with what they refer to. Nothing of them is kept: a scan passes by.
    pub(crate) fn pass_by(&mut self, records: Vec<Record>) -> Result<(Workset, Refs), EngineError> {
        let mut set = Workset::default();
        for record in records {
            if self.cache.is_going(record.id) {
                continue;
            }
            match self.cache.get(record.id) {
                Some(newer) => set.put(newer),
                None => set.put(record),
            }
        }
        let refs = self.refs(&Needs::default(), &set)?;
        Ok((set, refs))
    }

    /// Whether any field refers to another sync's records.
    pub(crate) fn has_references(&self) -> bool {
        self.spec.fields().any(|field| field.reference.is_some())
    }

    fn refs(&mut self, needs: &Needs, set: &Workset) -> Result<Refs, EngineError> {
        let mut refs = Refs::default();
        if !self.has_references() {
            return Ok(refs);
        }
        let mut told: BTreeMap<(Arc<str>, Arc<str>), Vec<Key>> = BTreeMap::new();
        for (sync, side, key) in &needs.parents {
            told.entry((sync.clone(), side.clone())).or_default().push(key.clone());
        }
        // What a record waits for may have arrived: only then its hold ends.
        let nobody = Refs::default();
        for record in set.records() {
            for wait in plan::waits(&self.spec, &nobody, record) {
                if let plan::Parent::Key(key) = wait.parent {
                    told.entry((wait.sync, wait.side)).or_default().push(key);
                }
            }
        }
        for ((sync, side), keys) in told {
            self.refs_by_key(&mut refs, &sync, &side, &keys)?;
        }
        let mut wanted: BTreeMap<Arc<str>, Vec<RecordId>> = BTreeMap::new();
        for record in set.records() {
            for (sync, parent) in plan::parents(&self.spec, record) {
                wanted.entry(sync).or_default().push(parent);
            }
        }
        // A parent just told of has to be known at every side, or nobody would be told of it.
        for ((sync, _), parents) in &refs.by_key {
            wanted.entry(sync.clone()).or_default().extend(parents.values().copied());
        }
        for (sync, mut ids) in wanted {
            ids.sort_unstable();
            ids.dedup();
            self.refs_by_record(&mut refs, &sync, &ids)?;
        }
        Ok(refs)
    }

    fn refs_by_key(
        &mut self,
        refs: &mut Refs,
        sync: &Arc<str>,
        side: &Arc<str>,
        keys: &[Key],
    ) -> Result<(), EngineError> {
        let Some(parent) = self.parent(sync)? else {
            return Ok(());
        };
        let Some(side_id) = parent.sides.get(side).copied() else {
            return Ok(());
        };
        let parent_sync = parent.sync;
        let own = parent_sync == self.sync();
        let mut missing = Vec::new();
        for key in keys {
            match own.then(|| self.cache.by_key(side_id, key)).flatten() {
                Some(id) => refs.link(sync, side, key.clone(), id),
                None => missing.push((side_id, key.clone())),
            }
        }
        let found = self.store.gather(parent_sync, &missing, &[])?;
        for ((_, key), id) in missing.into_iter().zip(found.keys) {
            if let Some(id) = id {
                refs.link(sync, side, key, id);
            }
        }
        Ok(())
    }

    fn refs_by_record(&mut self, refs: &mut Refs, sync: &Arc<str>, ids: &[RecordId]) -> Result<(), EngineError> {
        let Some(parent) = self.parent(sync)? else {
            return Ok(());
        };
        let (parent_sync, sides) = (parent.sync, parent.sides.clone());
        let found = self.store.records(parent_sync, ids)?;
        let mut found: Vec<Arc<Record>> = found.into_iter().map(Arc::new).collect();
        if parent_sync == self.sync() {
            for id in ids {
                if let Some(record) = self.cache.get(*id) {
                    found.retain(|known| known.id != *id);
                    found.push(record);
                }
            }
        }
        for record in found {
            for (name, side) in &sides {
                if let Some(link) = record.link(*side)
                    && link.presence == Presence::Live
                    && let Some(key) = &link.key
                {
                    refs.link(sync, name, key.clone(), record.id);
                }
            }
        }
        Ok(())
    }

    fn parent(&mut self, name: &Arc<str>) -> Result<Option<&Parent>, EngineError> {
        if !self.parents.contains_key(name) {
            let Some(sync) = self.store.sync_id(name)? else {
                return Ok(None);
            };
            let state = self.store.sync_state(sync)?;
            let sides = state.sides.iter().map(|side| (Arc::from(side.name.as_str()), side.id)).collect();
            self.parents.insert(name.clone(), Parent { sync, sides });
        }
        Ok(self.parents.get(name))
    }

    /// Plans with what was gathered: `work` calls the planner's verbs.
    pub(crate) fn plan<R>(
        &self,
        set: &mut Workset,
        refs: &Refs,
        work: impl FnOnce(&mut Planner<'_>, &mut Workset) -> R,
    ) -> (R, Delta, Tally) {
        let spec = self.spec.clone();
        let mut planner =
            Planner::new(&spec, refs, self.clock.now(), self.plan_phase(), self.next_record, self.next_entry);
        let answer = work(&mut planner, set);
        let (delta, tally) = planner.finish(set);
        (answer, delta, tally)
    }

    /// Hands a commit to the state, in order. `done` is called on the state's
    /// thread. The number it will have; `None`: there was nothing to commit.
    pub(crate) fn commit(
        &mut self,
        delta: Delta,
        besides: Besides,
        done: impl FnOnce(Result<Committed, StateError>) + Send + 'static,
    ) -> Option<u64> {
        if delta.is_empty() && besides.is_empty() {
            return None;
        }
        if let Some(newest) = delta.records.iter().map(|record| record.id.0).max() {
            self.next_record = self.next_record.max(newest + 1);
        }
        if let Some(newest) = delta.journal.iter().map(|entry| entry.seq).max() {
            self.next_entry = self.next_entry.max(newest + 1);
        }
        let mut commit = self.claim.commit(self.seq);
        self.seq += 1;
        self.cache.pend(self.seq, &delta);
        self.note_displaced(&delta);
        if let Some(phase) = besides.phase {
            self.phase = phase;
        }
        commit.delta = delta;
        commit.streams = besides.streams;
        commit.phase = besides.phase;
        commit.settings = besides.settings;
        self.store.commit(commit, Box::new(done));
        Some(self.seq)
    }

    /// What a decision displaced is in the journal only, once the write that follows
    /// has arrived: that waits until a power cut cannot take the entry any more.
    fn note_displaced(&mut self, delta: &Delta) {
        let displaces = |entry: &&Entry| {
            matches!(
                entry.what,
                What::Conflict { .. }
                    | What::DeleteConflict { .. }
                    | What::Overwrote { .. }
                    | What::Operator { .. }
                    | What::Reverted { .. }
            )
        };
        let records = delta.journal.iter().filter(displaces).filter_map(|entry| entry.record);
        self.displaced.note(self.seq, records);
    }

    /// Whether a write of this record has to wait for the disk, as of the last look.
    pub(crate) fn awaits_disk(&self, record: RecordId) -> bool {
        self.displaced.waits(record)
    }

    /// Looks what the disk has. True: some record waits no longer.
    pub(crate) fn look_at_disk(&mut self) -> bool {
        if self.displaced.is_empty() {
            return false;
        }
        let on_disk = self.store.durable().get(&self.sync()).copied().unwrap_or(0);
        self.displaced.reached(on_disk)
    }

    /// Commits and waits until the state has it: for single operations.
    pub(crate) fn commit_now(&mut self, delta: Delta) -> Result<(), EngineError> {
        self.commit_now_with(delta, Besides::default())
    }

    pub(crate) fn commit_now_with(&mut self, delta: Delta, besides: Besides) -> Result<(), EngineError> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let committed = self.commit(delta, besides, move |made| {
            let _ = tell.send(made);
        });
        if let Some(seq) = committed {
            told.recv().map_err(|_| EngineError::Stopped)??;
            self.cache.committed(seq);
        }
        Ok(())
    }
}

/// The expressions that decided about records when they were last looked at.
const EXPRESSIONS: &str = "expressions";

/// The casts by which records were last looked at.
const CASTS: &str = "casts";

/// The casts of all fields at all sides, but for those that change nothing.
fn casts(spec: &SyncSpec) -> String {
    let mut text = String::new();
    for side in spec.sides() {
        for field in spec.fields() {
            let cast = side.field(field.id).map(|here| &here.cast);
            if let Some(cast @ (Cast::Convert(_) | Cast::Noted(_))) = cast {
                text.push_str(&format!("{} {} {cast:?}\n", side.id.0, field.id.0));
            }
        }
    }
    if text.is_empty() {
        return text;
    }
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What of a sync is written in expressions; empty where nothing is.
fn expressions(spec: &SyncSpec) -> String {
    let filter = spec.filter.iter().map(|filter| format!("{filter:?}"));
    let computed = spec.fields().filter_map(|field| {
        let from = field.from.as_ref()?;
        Some(format!("{} {} {:?}", field.id.0, from.by.text(), from.cast))
    });
    filter.chain(computed).collect::<Vec<_>>().join("\n")
}

/// The match values to look for, now that the records linked by key are at hand.
fn sought(needs: &Needs, set: &mut Workset) -> Vec<MatchKey> {
    let mut sought = needs.matches.clone();
    let mut unsought = Vec::new();
    for (place, key) in &needs.matches_unless_linked {
        let linked = needs.keys.get(*place).is_some_and(|(side, row)| {
            let record = set.by_key(*side, row).and_then(|id| set.get(id));
            record.and_then(|record| record.link(*side)).is_some_and(Link::is_live)
        });
        if linked {
            unsought.push(key);
        } else {
            sought.push(key.clone());
        }
    }
    if !sought.is_empty() {
        let told: FxHashSet<&MatchKey> = sought.iter().collect();
        unsought.retain(|key| !told.contains(key));
    }
    for key in unsought {
        set.leave_unsought(key.clone());
    }
    sought
}

fn put(set: &mut Workset, cache: &mut Cache, id: RecordId) {
    if set.get(id).is_none()
        && let Some(record) = cache.get(id)
    {
        set.put(record);
    }
}
