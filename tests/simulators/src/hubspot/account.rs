//! What a test holds: a running account, acted on as its people would, looked
//! into, and disturbed through `stage()`.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::{
    association::End,
    automation::Workflow,
    deliver::{Delivery, Postman},
    error::ApiError,
    event::Event,
    interject::{Interjection, SOMEONE},
    record::{Source, Version},
    routes,
    schema::{ObjectType, Property},
    settings::Settings,
    shared::Shared,
    store::Store,
    subscription::Subscription,
    write::Values,
};
use crate::{Listen, Server, Stage};

/// The account's number.
pub const PORTAL_ID: u64 = 20_858_235;
/// The app whose key [`Account::token`] is.
const FIRST_APP: u64 = 1_512_050;

/// How an account starts.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub listen: Listen,
    pub settings: Settings,
    pub stage: Stage,
}

/// A running account. Stops when dropped.
#[derive(Debug)]
pub struct Account {
    shared: Arc<Shared>,
    server: Server,
    token: String,
    _postman: Postman,
}

impl Account {
    /// Contacts, companies, deals and tickets, no records, one private app.
    pub fn start(options: Options) -> Result<Self> {
        let mut store = Store::new(options.settings, PORTAL_ID)?;
        let token = store.access.private_token(FIRST_APP, &[]);
        let shared = Shared::new(options.stage.clone(), store);
        let routed = Arc::clone(&shared);
        let server = Server::start(options.listen, options.stage, move |url| routes::router(routed, url))?;
        let postman = Postman::start(Arc::clone(&shared))?;
        Ok(Self { shared, server, token, _postman: postman })
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Faults, requests seen, the clock.
    pub fn stage(&self) -> &Stage {
        &self.shared.stage
    }

    /// The key of the private app every account starts with, allowed everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The number that the first app's writes carry in the history.
    pub fn app_id(&self) -> u64 {
        FIRST_APP
    }

    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.shared.with(|store, _| change(&mut store.settings));
    }

    // --- Schema ----------------------------------------------------------------

    /// Adds a custom object, given in the shape of the schemas API; its type id.
    pub fn declare_object(&self, object: Value) -> Result<String> {
        let object: ObjectType = serde_json::from_value(object)?;
        Ok(self.shared.with(|store, now_ms| store.schema.add_custom(object, PORTAL_ID, now_ms)))
    }

    /// Adds a property, or replaces one, given in the shape of the properties API.
    pub fn declare_property(&self, object: &str, property: Value) -> Result<()> {
        let mut property: Property = serde_json::from_value(property)?;
        self.shared.with(|store, now_ms| {
            let object = store.schema.find_mut(object).context("no such object")?;
            property.created_ms = now_ms;
            property.updated_ms = now_ms;
            if property.group_name.is_empty() {
                property.group_name.clone_from(&object.group_name);
            }
            object.properties.retain(|one| one.name != property.name);
            object.properties.push(property);
            Ok(())
        })
    }

    /// Takes a property away, as a person in the settings would.
    pub fn archive_property(&self, object: &str, name: &str) {
        self.shared.with(|store, _| {
            let object = store.schema.find_mut(object);
            for property in object.into_iter().flat_map(|object| &mut object.properties) {
                property.archived |= property.name == name;
            }
        });
    }

    pub fn add_workflow(&self, workflow: Workflow) {
        self.shared.with(|store, _| store.workflows.push(workflow));
    }

    // --- As a person -------------------------------------------------------------

    pub fn create(&self, object: &str, values: &[(&str, &str)]) -> Result<u64> {
        self.act(object, |store, now_ms, type_id| {
            store.create(now_ms, type_id, &owned(values), &Source::user(SOMEONE)).map(|written| written.id)
        })
    }

    pub fn edit(&self, object: &str, id: u64, values: &[(&str, &str)]) -> Result<()> {
        self.edit_as(&Source::user(SOMEONE), object, id, values)
    }

    /// As another program, an import, a form…
    pub fn edit_as(&self, source: &Source, object: &str, id: u64, values: &[(&str, &str)]) -> Result<()> {
        self.act(object, |store, now_ms, type_id| store.update(now_ms, type_id, id, &owned(values), source).map(|_| ()))
    }

    pub fn archive(&self, object: &str, id: u64) -> Result<bool> {
        self.act(object, |store, now_ms, type_id| Ok(store.archive(now_ms, type_id, id, &Source::user(SOMEONE))))
    }

    pub fn restore(&self, object: &str, id: u64) -> Result<()> {
        self.act(object, |store, now_ms, type_id| store.restore(now_ms, type_id, id, &Source::user(SOMEONE)))
    }

    /// Deletes for good, as privacy law asks.
    pub fn forget(&self, object: &str, id: u64) -> Result<bool> {
        self.act(object, |store, now_ms, type_id| Ok(store.forget(now_ms, type_id, id, &Source::user(SOMEONE))))
    }

    /// The id of what remains.
    pub fn merge(&self, object: &str, winner: u64, loser: u64) -> Result<u64> {
        self.act(object, |store, now_ms, type_id| store.merge(now_ms, type_id, winner, loser, &Source::user(SOMEONE)))
    }

    pub fn associate(&self, from: (&str, u64), to: (&str, u64)) -> Result<()> {
        self.act(from.0, |store, now_ms, type_id| {
            let other = store.object(to.0)?.object_type_id.clone();
            let (here, there) = (End::new(type_id, from.1), End::new(&other, to.1));
            store.associate(now_ms, &here, &there, &[], &Source::user(SOMEONE)).map(|_| ())
        })
    }

    pub fn dissociate(&self, from: (&str, u64), to: (&str, u64)) -> Result<bool> {
        self.act(from.0, |store, now_ms, type_id| {
            let other = store.object(to.0)?.object_type_id.clone();
            let (here, there) = (End::new(type_id, from.1), End::new(&other, to.1));
            Ok(store.dissociate(now_ms, &here, &there, &Source::user(SOMEONE)))
        })
    }

    /// Has a person act just before or after the handling of a coming request.
    pub fn interject(&self, interjection: Interjection) {
        self.shared.interjections.lock().push(interjection);
    }

    /// Interjections that have not come to pass yet.
    pub fn interjections_waiting(&self) -> usize {
        self.shared.interjections.lock().len()
    }

    fn act<T>(&self, object: &str, act: impl FnOnce(&mut Store, i64, &str) -> Result<T, ApiError>) -> Result<T> {
        self.shared.with(|store, now_ms| {
            let type_id = store.object(object).map(|object| object.object_type_id.clone());
            let done = type_id.and_then(|type_id| act(store, now_ms, &type_id));
            done.map_err(|error| anyhow!("{} {}", error.status, error.message))
        })
    }

    // --- Looking in ---------------------------------------------------------------

    /// A live record's values; None when it is archived or gone.
    pub fn get(&self, object: &str, id: u64) -> Option<Values> {
        self.all(object).remove(&id)
    }

    /// Every live record's values, by id.
    pub fn all(&self, object: &str) -> BTreeMap<u64, Values> {
        self.shared.with(|store, _| {
            let Some(object) = store.schema.find(object) else { return BTreeMap::new() };
            let records = store.records.get(&object.object_type_id).into_iter().flat_map(BTreeMap::values);
            let live = records.filter(|record| record.archived_ms.is_none());
            live.map(|record| (record.id, store.values(object, record))).collect()
        })
    }

    pub fn is_archived(&self, object: &str, id: u64) -> bool {
        self.shared.with(|store, _| {
            let type_id = store.schema.find(object).map(|object| object.object_type_id.clone());
            let record = type_id.as_ref().and_then(|type_id| store.records.get(type_id)?.get(&id));
            record.is_some_and(|record| record.archived_ms.is_some())
        })
    }

    /// A property's whole history, oldest first.
    pub fn history(&self, object: &str, id: u64, property: &str) -> Vec<Version> {
        self.shared.with(|store, _| {
            let type_id = store.schema.find(object).map(|object| object.object_type_id.clone());
            let record = type_id.as_ref().and_then(|type_id| store.record(type_id, id));
            record.and_then(|record| record.versions.get(property)).cloned().unwrap_or_default()
        })
    }

    /// What happened to an object's records, oldest first, as the journal keeps it.
    pub fn events(&self, object: &str) -> Vec<Event> {
        self.shared.with(|store, _| {
            let type_id = store.schema.find(object).map(|object| object.object_type_id.clone());
            let own = store.journal.events().filter(|event| Some(&event.type_id) == type_id.as_ref());
            own.cloned().collect()
        })
    }

    /// Ids of the live records of type `to` that belong to a record.
    pub fn associated(&self, from: (&str, u64), to: &str) -> Vec<u64> {
        self.shared.with(|store, _| {
            let (Some(here), Some(there)) = (store.schema.find(from.0), store.schema.find(to)) else {
                return Vec::new();
            };
            let found = store.associated(&here.object_type_id, from.1, &there.object_type_id);
            found.into_iter().map(|(id, _)| id).collect()
        })
    }

    /// Calls let in, and calls refused by a limit.
    pub fn calls(&self) -> (u64, u64) {
        self.shared.with(|store, _| (store.limits.admitted, store.limits.refused))
    }

    // --- Access --------------------------------------------------------------------

    /// A key of another private app; no scopes: everything.
    pub fn add_token(&self, app_id: u64, scopes: &[&str]) -> String {
        self.shared.with(|store, _| store.access.private_token(app_id, scopes))
    }

    /// Installs an OAuth app: client id, client secret, refresh token.
    pub fn install(&self, app_id: u64, scopes: &[&str]) -> (String, String, String) {
        self.shared.with(|store, _| {
            let refresh = store.access.refresh_token(app_id, scopes);
            let app = store.access.add_app(app_id);
            (app.client_id.clone(), app.client_secret.clone(), refresh)
        })
    }

    pub fn expire_tokens(&self) {
        self.shared.with(|store, now_ms| store.access.expire_all(now_ms));
    }

    pub fn uninstall(&self, app_id: u64) {
        self.shared.with(|store, _| store.access.revoke(app_id));
    }

    // --- Webhooks -------------------------------------------------------------------

    /// Sends an app's events to `url`; the secret they are signed with.
    pub fn hook(&self, app_id: u64, url: &str) -> String {
        self.shared.with(|store, _| {
            store.access.add_app(app_id);
            let app = store.access.apps.get_mut(&app_id);
            app.map(|app| {
                app.target_url = Some(url.to_owned());
                app.client_secret.clone()
            })
            .unwrap_or_default()
        })
    }

    /// `contact.creation`; `contact.propertyChange` with or without a property;
    /// `object.propertyChange` with a type. Returns the subscription's id.
    pub fn subscribe(&self, app_id: u64, event_type: &str, object: Option<&str>, property: Option<&str>) -> u64 {
        self.shared.with(|store, now_ms| {
            let object_type_id = object.and_then(|name| store.schema.find(name)).map(|one| one.object_type_id.clone());
            let id = store.take_number();
            store.subscriptions.push(Subscription {
                id,
                app_id,
                event_type: event_type.to_owned(),
                object_type_id,
                property_name: property.map(str::to_owned),
                active: true,
                created_ms: now_ms,
            });
            id
        })
    }

    /// Every attempt to deliver, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.deliveries.lock().iter().cloned().collect()
    }

    /// Events that still wait to be sent or sent again.
    pub fn undelivered(&self) -> usize {
        self.shared.store.lock().outbox.len()
    }
}

fn owned(values: &[(&str, &str)]) -> Values {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
