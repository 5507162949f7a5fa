//! From configuration to a sync that can run: asks the systems what they have,
//! numbers what is new, and compiles the mapping.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::{
    config,
    mapping::{self, Compiled, Ids, MappingError, Objects, Partly, SetAside},
    record::{FieldId, SideId},
    schema::{ColumnType, ConnectorSpec},
    spec::SyncSpec,
};
use lockstep_state::{Claim, Store};

use crate::{
    Clock, Connector, EngineError, Role,
    drift::{self, Desk, Item},
    sync::Core,
};

pub(crate) type Connectors = BTreeMap<String, Arc<dyn Connector>>;

/// What sides look like.
pub(crate) struct Seen {
    pub(crate) objects: Objects,
    /// What their connectors say they can do, by the side's name.
    pub(crate) specs: BTreeMap<String, ConnectorSpec>,
}

/// What a sync is assembled from.
pub(crate) struct Assembly<'a> {
    pub(crate) sync: &'a config::Sync,
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) owner: u128,
}

impl Assembly<'_> {
    /// Asks every side what its object looks like now.
    pub(crate) async fn discover(&self, connectors: &Connectors) -> Result<Objects, EngineError> {
        self.look(connectors).await.map(|seen| seen.objects)
    }

    /// Asks every side what its object looks like now, and what its connector can do.
    pub(crate) async fn look(&self, connectors: &Connectors) -> Result<Seen, EngineError> {
        let mut seen = Seen { objects: Objects::new(), specs: BTreeMap::new() };
        for side in &self.sync.sides {
            let connector = connectors
                .get(&side.connection)
                .ok_or_else(|| EngineError::UnknownConnection(side.connection.clone()))?;
            let told = |error| EngineError::session(&side.connection, error);
            let mut session = connector.open(Role::Read).await.map_err(told)?;
            let wanted = [side.object.clone()];
            let found = session.discover(&wanted).await.map_err(told)?;
            if let Some(object) = found.into_iter().find(|object| object.name == side.object) {
                seen.objects.insert(side.name.clone(), object);
            }
            seen.specs.insert(side.name.clone(), session.spec().await.map_err(told)?);
        }
        Ok(seen)
    }

    /// Compiles against these objects and takes the sync over.
    pub(crate) fn core(&self, objects: &Objects) -> Result<Core, EngineError> {
        let claim = self.store.claim(&self.sync.name, self.owner)?;
        let settings = &claim.state.settings;
        let before = drift::whole(settings, self.sides())?;
        let (spec, aside) = self.compile(objects, before.as_ref(), &claim)?;
        let desk = Desk { store: self.store, sync: claim.state.sync, settings };
        desk.settle(
            objects,
            &aside,
            |name| spec.fields().find(|field| *field.name == *name).map(|field| field.id),
            |name| spec.sides().find(|side| *side.name == *name).map(|side| side.id),
        )?;
        let seen = drift::objects(settings, drift::OBJECT, self.sides())?;
        let items = seen.map(|seen| self.changes(&seen, objects, before.as_ref(), &aside));
        desk.look(objects, items.unwrap_or_default())?;
        let state = self.store.sync_state(claim.state.sync)?;
        let claim = Claim { owner: claim.owner, state };
        let mut core = Core::new(Arc::new(spec), self.store.clone(), claim, self.clock.clone());
        core.heed_rules()?;
        Ok(core)
    }

    /// The objects as they were when they were last seen. `None`: never.
    pub(crate) fn remembered(&self) -> Result<Option<Objects>, EngineError> {
        let Some(sync) = self.store.sync_id(&self.sync.name)? else {
            return Ok(None);
        };
        let state = self.store.sync_state(sync)?;
        drift::objects(&state.settings, drift::OBJECT, self.sides())
    }

    fn sides(&self) -> impl Iterator<Item = &str> + Clone {
        self.sync.sides.iter().map(|side| side.name.as_str())
    }

    /// What is different since the objects were last seen, and what follows.
    fn changes(&self, seen: &Objects, now: &Objects, whole: Option<&Objects>, aside: &[SetAside]) -> Vec<Item> {
        let former = mapping::fields(self.sync, whole.unwrap_or(seen));
        let fields: Vec<config::Field> = mapping::fields(self.sync, now).into_iter().chain(former).collect();
        let field_of = |side: &str, column: &str| {
            let has = |field: &&config::Field| {
                field.columns.iter().any(|(known, here)| known == side && here.column == column)
            };
            fields.iter().find(has).map(|field| field.name.clone())
        };
        drift::changes(seen, now, aside, field_of, self.clock.now())
    }

    /// `before`: the objects as they were when all of the mapping held. Without
    /// it, all of it has to hold now.
    fn compile(
        &self,
        objects: &Objects,
        before: Option<&Objects>,
        claim: &Claim,
    ) -> Result<(SyncSpec, Vec<SetAside>), EngineError> {
        let names = mapping::names(self.sync, objects);
        let sides: Vec<&str> = names.sides.iter().map(String::as_str).collect();
        let former = before.map(|before| mapping::names(self.sync, before).fields).unwrap_or_default();
        let mut fields: Vec<&str> = names.fields.iter().map(String::as_str).collect();
        fields.extend(former.iter().map(String::as_str).filter(|name| !names.fields.iter().any(|known| known == name)));
        let (side_ids, field_ids) = self.store.register(claim.state.sync, &sides, &fields)?;
        let fields = fields.into_iter().map(str::to_owned).zip(field_ids).collect();
        let ids = Ids { sides: names.sides.into_iter().zip(side_ids).collect(), fields };
        let sensitive = self.sync.fields.iter().filter(|field| field.sensitive);
        let sensitive: Vec<_> = sensitive.filter_map(|field| ids.fields.get(&field.name).copied()).collect();
        self.store.set_sensitive(claim.state.sync, &sensitive)?;
        let text = format!("{:#?}", self.sync.without_places());
        let rules = self.store.rules(claim.state.sync, &text)?;
        let compiled = match before {
            Some(before) => mapping::compile_around(self.sync, before, objects, &ids, rules),
            None => {
                mapping::compile(self.sync, objects, &ids, rules).map(|compiled| Partly { compiled, aside: Vec::new() })
            }
        };
        let partly = compiled.map_err(|errors| {
            let told: Vec<String> = errors.iter().map(|error| format!("{error}; {}", error.help)).collect();
            EngineError::Mapping { sync: self.sync.name.clone(), message: told.join("\n") }
        })?;
        for aside in &partly.aside {
            tracing::warn!(sync = %self.sync.name, field = %aside.field, "a field is set aside: {}", aside.reason);
        }
        Ok((partly.compiled.spec, partly.aside))
    }

    /// The fields' canonical types, as the objects were when last seen; references
    /// have none. Takes nothing over and changes nothing.
    pub(crate) fn types(&self) -> Result<BTreeMap<String, ColumnType>, EngineError> {
        let Some(objects) = self.remembered()? else {
            return Ok(BTreeMap::new());
        };
        let (ids, compiled) = looked_at(self.sync, &objects);
        let types: BTreeMap<_, _> = compiled.map(|compiled| compiled.types).unwrap_or_default().into_iter().collect();
        let named = ids.fields.into_iter().filter_map(|(name, id)| Some((name, types.get(&id)?.clone())));
        Ok(named.collect())
    }
}

/// A sync compiled only to be looked at: its numbers are none that the state gave.
pub(crate) fn looked_at(sync: &config::Sync, objects: &Objects) -> (Ids, Result<Compiled, Vec<MappingError>>) {
    let names = mapping::names(sync, objects);
    let ids = Ids {
        sides: names.sides.into_iter().zip((0..=u8::MAX).map(SideId)).collect(),
        fields: names.fields.into_iter().zip((0..=u16::MAX).map(FieldId)).collect(),
    };
    let compiled = mapping::compile(sync, objects, &ids, 0);
    (ids, compiled)
}

/// What is allowed in a mapping and worth knowing, one sentence each.
pub(crate) fn notes(compiled: &Compiled) -> Vec<String> {
    compiled.notes.iter().map(|note| note.message.clone()).collect()
}
