//! Everything an account holds, and how records are found in it. Writing is in
//! `write`, `merge` and `association`; showing in `show`; this room only keeps.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{
    access::Access,
    automation::{Due, Workflow},
    error::ApiError,
    journal::Journal,
    limits::Limits,
    record::{Indexed, Record},
    schema::{ObjectType, Schema},
    settings::Settings,
    subscription::{Queued, Subscription},
    value::COMPUTED,
};

/// The first record's number, and the step to the next.
const FIRST_ID: u64 = 290_201;
const ID_STEP: u64 = 50;

/// A person who can own records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Owner {
    pub id: u64,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub user_id: u64,
    #[serde(default)]
    pub archived: bool,
}

/// From one record's end: type, id, the other's type, the other's id.
pub type Link = (String, u64, String, u64);

#[derive(Debug)]
pub struct Store {
    pub settings: Settings,
    pub schema: Schema,
    pub portal_id: u64,
    /// Where the account listens, for answers that name an address.
    pub url: String,
    /// Per object type id.
    pub records: BTreeMap<String, BTreeMap<u64, Record>>,
    /// A record that was merged away, and into which.
    pub merged: BTreeMap<(String, u64), u64>,
    /// Each association stands here twice, once from either end.
    pub links: BTreeMap<Link, BTreeSet<u32>>,
    /// Type, property, value in lower case: the record that holds it.
    pub unique: BTreeMap<(String, String, String), u64>,
    pub owners: Vec<Owner>,
    pub workflows: Vec<Workflow>,
    pub due: VecDeque<Due>,
    pub access: Access,
    pub limits: Limits,
    pub subscriptions: Vec<Subscription>,
    pub outbox: VecDeque<Queued>,
    pub journal: Journal,
    next_id: u64,
    next_number: u64,
}

impl Store {
    pub fn new(settings: Settings, portal_id: u64) -> Result<Self> {
        let owner = |id: u64, first: &str, last: &str| Owner {
            id,
            email: format!("{}@example.com", first.to_lowercase()),
            first_name: first.into(),
            last_name: last.into(),
            user_id: id + 1_000,
            archived: false,
        };
        Ok(Self {
            settings,
            schema: Schema::standard()?,
            portal_id,
            url: String::new(),
            records: BTreeMap::new(),
            merged: BTreeMap::new(),
            links: BTreeMap::new(),
            unique: BTreeMap::new(),
            owners: vec![owner(71, "Ada", "Lovelace"), owner(72, "Grace", "Hopper")],
            workflows: Vec::new(),
            due: VecDeque::new(),
            access: Access::default(),
            limits: Limits::default(),
            subscriptions: Vec::new(),
            outbox: VecDeque::new(),
            journal: Journal::default(),
            next_id: FIRST_ID,
            next_number: 1,
        })
    }

    pub fn object(&self, name: &str) -> Result<&Arc<ObjectType>, ApiError> {
        self.schema.find(name).ok_or_else(|| ApiError::unknown_object_type(name))
    }

    pub fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += ID_STEP;
        id
    }

    /// Numbers events, subscriptions, journal files.
    pub fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// The record that an id means today: itself, or what it was merged into.
    pub fn survivor(&self, type_id: &str, id: u64) -> u64 {
        let mut id = id;
        while let Some(winner) = self.merged.get(&(type_id.to_owned(), id)) {
            id = *winner;
        }
        id
    }

    pub fn record(&self, type_id: &str, id: u64) -> Option<&Record> {
        self.records.get(type_id)?.get(&self.survivor(type_id, id))
    }

    pub fn record_mut(&mut self, type_id: &str, id: u64) -> Option<&mut Record> {
        let id = self.survivor(type_id, id);
        self.records.get_mut(type_id)?.get_mut(&id)
    }

    /// A record by what stands in a path or an input: its id, or a value of a
    /// unique property. `archived` says which of the two worlds is looked in.
    pub fn find(
        &self,
        object: &ObjectType,
        key: &str,
        id_property: Option<&str>,
        archived: bool,
    ) -> Result<Option<u64>, ApiError> {
        let id = match id_property.filter(|name| *name != "hs_object_id") {
            None => key.trim().parse::<u64>().ok(),
            Some(name) => {
                self.check_unique_property(object, name)?;
                self.holder(object, name, key)
            }
        };
        let found = id.and_then(|id| self.record(&object.object_type_id, id));
        Ok(found.filter(|record| record.archived_ms.is_some() == archived).map(|record| record.id))
    }

    /// A property that can stand for the id: unique, or a contact's e-mail.
    pub fn check_unique_property(&self, object: &ObjectType, name: &str) -> Result<(), ApiError> {
        match object.property(name) {
            Some(property) if property.has_unique_value || is_email_key(object, name) => Ok(()),
            Some(_) => Err(ApiError::validation(format!("idProperty {name} must be a unique identifying property"))),
            None => Err(ApiError::validation(format!("idProperty {name} does not exist"))),
        }
    }

    /// The live record that holds this value of a unique property.
    pub fn holder(&self, object: &ObjectType, property: &str, value: &str) -> Option<u64> {
        let key = (object.object_type_id.clone(), property.to_owned(), value.trim().to_lowercase());
        self.unique.get(&key).copied()
    }

    /// Records what the index will show of a record after the lag.
    pub fn reindex(&mut self, now_ms: i64, type_id: &str, id: u64) {
        let Some(object) = self.schema.find(type_id).cloned() else { return };
        let Some(record) = self.record(type_id, id) else { return };
        let id = record.id;
        let values = record.archived_ms.is_none().then(|| self.values(&object, record));
        let from_ms = now_ms + self.settings.search_lag_ms;
        if let Some(record) = self.record_mut(type_id, id) {
            record.indexed(now_ms);
            record.index.push(Indexed { from_ms, values });
        }
    }

    /// Every value a record shows.
    pub fn values(&self, object: &ObjectType, record: &Record) -> BTreeMap<String, String> {
        let stored = record.versions.keys().map(String::as_str);
        let names = stored.chain(COMPUTED.iter().copied()).chain([object.created_property.as_str()]);
        let shown = names.filter(|name| object.property(name).is_some());
        shown.filter_map(|name| Some((name.to_owned(), self.value(object, record, name)?))).collect()
    }
}

/// Contacts are told apart by e-mail although its definition does not say unique.
pub fn is_email_key(object: &ObjectType, property: &str) -> bool {
    object.is_contact() && property == "email"
}
