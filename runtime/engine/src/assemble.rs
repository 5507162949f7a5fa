//! From configuration to a sync that can run: asks the systems what they have,
//! numbers what is new, and compiles the mapping.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::{
    config,
    mapping::{self, Compiled, Ids, MappingError, Objects},
    record::{FieldId, SideId},
    schema::{ColumnType, Object},
    spec::SyncSpec,
};
use lockstep_state::{Claim, Store};

use crate::{Clock, Connector, EngineError, Role, sync::Core};

/// Setting under which a side's object is kept as it was last seen, for
/// operations that do not connect.
const OBJECT: &str = "object.";

pub(crate) type Connectors = BTreeMap<String, Arc<dyn Connector>>;

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
        let mut objects = Objects::new();
        for side in &self.sync.sides {
            let connector = connectors
                .get(&side.connection)
                .ok_or_else(|| EngineError::UnknownConnection(side.connection.clone()))?;
            let told = |error| EngineError::session(&side.connection, error);
            let mut session = connector.open(Role::Read).await.map_err(told)?;
            let wanted = [side.object.clone()];
            let found = session.discover(&wanted).await.map_err(told)?;
            if let Some(object) = found.into_iter().find(|object| object.name == side.object) {
                objects.insert(side.name.clone(), object);
            }
        }
        Ok(objects)
    }

    /// Compiles against these objects and takes the sync over.
    pub(crate) fn core(&self, objects: &Objects) -> Result<Core, EngineError> {
        let claim = self.store.claim(&self.sync.name, self.owner)?;
        for (side, object) in objects {
            let text = serde_json::to_string(object).map_err(|error| EngineError::Internal(error.to_string()))?;
            let name = format!("{OBJECT}{side}");
            if claim.state.settings.get(&name) != Some(&text) {
                self.store.set_setting(claim.state.sync, &name, Some(&text))?;
            }
        }
        let spec = self.compile(objects, &claim)?;
        let state = self.store.sync_state(claim.state.sync)?;
        let claim = Claim { owner: claim.owner, state };
        Ok(Core::new(Arc::new(spec), self.store.clone(), claim, self.clock.clone()))
    }

    /// The objects as they were when they were last seen. `None`: never.
    pub(crate) fn remembered(&self) -> Result<Option<Objects>, EngineError> {
        let Some(sync) = self.store.sync_id(&self.sync.name)? else {
            return Ok(None);
        };
        let state = self.store.sync_state(sync)?;
        let mut objects = Objects::new();
        for side in &self.sync.sides {
            let Some(text) = state.settings.get(&format!("{OBJECT}{}", side.name)) else {
                return Ok(None);
            };
            let object: Object =
                serde_json::from_str(text).map_err(|error| EngineError::Internal(error.to_string()))?;
            objects.insert(side.name.clone(), object);
        }
        Ok(Some(objects))
    }

    fn compile(&self, objects: &Objects, claim: &Claim) -> Result<SyncSpec, EngineError> {
        let names = mapping::names(self.sync, objects);
        let sides: Vec<&str> = names.sides.iter().map(String::as_str).collect();
        let fields: Vec<&str> = names.fields.iter().map(String::as_str).collect();
        let (side_ids, field_ids) = self.store.register(claim.state.sync, &sides, &fields)?;
        let ids = Ids {
            sides: names.sides.into_iter().zip(side_ids).collect(),
            fields: names.fields.into_iter().zip(field_ids).collect(),
        };
        let text = format!("{:#?}", self.sync.without_places());
        let rules = self.store.rules(claim.state.sync, &text)?;
        let compiled = mapping::compile(self.sync, objects, &ids, rules).map_err(|errors| {
            let told: Vec<String> = errors.iter().map(|error| format!("{error}; {}", error.help)).collect();
            EngineError::Mapping { sync: self.sync.name.clone(), message: told.join("\n") }
        })?;
        Ok(compiled.spec)
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
