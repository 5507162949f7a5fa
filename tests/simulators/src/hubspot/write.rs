//! Creating, changing, archiving, restoring and forgetting records: validation,
//! normalisation, uniqueness, computed values, history, events. The same road
//! for people, programs and automations; only the source differs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{
    error::{ApiError, Invalid},
    event::{Change, Event},
    record::{Record, Source},
    schema::ObjectType,
    store::{Store, is_email_key},
    value,
};

/// Property values by name; empty text clears.
pub type Values = BTreeMap<String, String>;

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub id: u64,
    pub created: bool,
    /// Properties written and what was computed from them.
    pub touched: Vec<String>,
}

impl Store {
    pub fn create(
        &mut self,
        now_ms: i64,
        type_id: &str,
        values: &Values,
        source: &Source,
    ) -> Result<Written, ApiError> {
        let object = self.object(type_id)?.clone();
        let mut values = self.accepted(&object, None, values)?;
        let missing: Vec<&str> = object
            .required_properties
            .iter()
            .map(String::as_str)
            .filter(|name| values.get(*name).is_none_or(String::is_empty))
            .collect();
        if !missing.is_empty() {
            let message = format!("Error creating {}. Some required properties were not set.", object.shouted());
            return Err(ApiError::validation(message)
                .with("context", json!({ "properties": missing }))
                .with("subCategory", json!("ObjectCreationError.MISSING_REQUIRED_PROPERTIES")));
        }
        let id = self.take_id();
        let computed = computed_at_creation(&object, id, &values);
        self.records.entry(type_id.to_owned()).or_default().insert(id, Record::new(id, now_ms));
        self.emit(Event::new(type_id, id, now_ms, source, Change::Creation));
        values.retain(|_, value| !value.is_empty());
        let mut touched = self.assign(now_ms, &object, id, &values, source);
        touched.extend(self.assign(now_ms, &object, id, &computed, &Source::system("CALCULATED", "")));
        self.reindex(now_ms, type_id, id);
        Ok(Written { id, created: true, touched })
    }

    /// Changes a live record.
    pub fn update(
        &mut self,
        now_ms: i64,
        type_id: &str,
        id: u64,
        values: &Values,
        source: &Source,
    ) -> Result<Written, ApiError> {
        let object = self.object(type_id)?.clone();
        let record = self.record(type_id, id).filter(|record| record.archived_ms.is_none());
        let id = record.ok_or_else(ApiError::record_not_found)?.id;
        let values = self.accepted(&object, Some(id), values)?;
        let touched = self.assign(now_ms, &object, id, &values, source);
        self.reindex(now_ms, type_id, id);
        Ok(Written { id, created: false, touched })
    }

    /// Whether all of these could begin, together; the first reason why not.
    pub fn all_creatable(&self, object: &ObjectType, wishes: &[Values]) -> Result<(), ApiError> {
        let mut claimed = BTreeSet::new();
        for wish in wishes {
            let accepted = self.accepted(object, None, wish)?;
            for (name, value) in accepted.iter().filter(|(_, value)| !value.is_empty()) {
                let unique =
                    is_email_key(object, name) || object.property(name).is_some_and(|one| one.has_unique_value);
                if unique && !claimed.insert((name.clone(), value.to_lowercase())) {
                    let message = format!("Duplicate IDs found in batch input: [{value}]. IDs must be unique");
                    return Err(ApiError::validation(message).with("context", json!({ "ids": [value] })));
                }
            }
        }
        Ok(())
    }

    /// Whether a record could take these values.
    pub fn writable(&self, object: &ObjectType, id: Option<u64>, values: &Values) -> Result<(), ApiError> {
        self.accepted(object, id, values).map(|_| ())
    }

    /// The values as they will be stored, or every reason why not.
    fn accepted(&self, object: &ObjectType, own_id: Option<u64>, values: &Values) -> Result<Values, ApiError> {
        let mut accepted = Values::new();
        let mut invalid = Vec::new();
        for (name, raw) in values {
            match self.accepted_value(object, own_id, name, raw) {
                Ok(value) => {
                    accepted.insert(name.clone(), value);
                }
                Err(refusal) => invalid.push(refusal),
            }
        }
        if !invalid.is_empty() {
            return Err(ApiError::invalid_values(&invalid, self.portal_id));
        }
        // A contact's e-mail has its own answer, after all else was in order.
        if let Some(email) = accepted.get("email").filter(|email| object.is_contact() && !email.is_empty())
            && let Some(holder) = self.holder(object, "email", email).filter(|holder| Some(*holder) != own_id)
        {
            return Err(ApiError::contact_exists(holder));
        }
        Ok(accepted)
    }

    fn accepted_value(
        &self,
        object: &ObjectType,
        own_id: Option<u64>,
        name: &str,
        raw: &str,
    ) -> Result<String, Invalid> {
        let Some(property) = object.property(name) else {
            return Err(Invalid::new(name, "PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist")));
        };
        if property.read_only_value {
            let message = format!("\"{name}\" is a read only property; its value cannot be set.");
            return Err(Invalid::new(name, "READ_ONLY_VALUE", message));
        }
        let value = value::checked(object, property, raw)?;
        if property.referenced_object_type.as_deref() == Some("OWNER")
            && !value.is_empty()
            && !self.owners.iter().any(|owner| owner.id.to_string() == value && !owner.archived)
        {
            return Err(Invalid::new(name, "INVALID_OWNER_ID", format!("{value} is not a valid owner ID.")));
        }
        let taken = self.holder(object, name, &value).filter(|holder| Some(*holder) != own_id);
        if let Some(holder) = taken.filter(|_| property.has_unique_value && !value.is_empty()) {
            let portal = self.portal_id;
            let own = own_id.map_or_else(|| "null".into(), |id| id.to_string());
            let message = format!(
                "Cannot set PropertyValueCoordinates{{portalId={portal}, objectTypeId={}, propertyName={name}, \
                 value={value}}} on {own}. {holder} already has that value.",
                object.object_type_id
            );
            return Err(Invalid::new(name, "CONFLICTING_UNIQUE_VALUE", message));
        }
        Ok(value)
    }

    /// Sets values that were accepted, and what follows from them. Returns every
    /// property written, changed or not.
    pub fn assign(
        &mut self,
        now_ms: i64,
        object: &ObjectType,
        id: u64,
        values: &Values,
        source: &Source,
    ) -> Vec<String> {
        let type_id = object.object_type_id.as_str();
        let mut touched: Vec<String> = Vec::new();
        for (name, value) in values {
            touched.push(name.clone());
            let added = self.added_to(object, id, name, value);
            self.assign_one(now_ms, object, id, name, added.as_deref().unwrap_or(value), source);
        }
        let calculated = Source::system("CALCULATED", "");
        if object.is_contact()
            && let Some(email) = values.get("email")
        {
            let domain = email.split_once('@').map_or("", |(_, domain)| domain).to_owned();
            self.assign_one(now_ms, object, id, "hs_email_domain", &domain, &calculated);
            touched.push("hs_email_domain".into());
        }
        if object.is_contact()
            && let Some(company) = values.get("associatedcompanyid")
        {
            self.set_primary_company(now_ms, id, company.parse().ok(), source);
        }
        let lacks_website = !values.contains_key("website")
            && self.record(type_id, id).is_some_and(|record| record.current("website").is_none());
        if type_id == "0-2"
            && lacks_website
            && let Some(domain) = values.get("domain").filter(|domain| !domain.is_empty())
        {
            self.assign_one(now_ms, object, id, "website", &domain.clone(), &calculated);
            touched.push("website".into());
        }
        touched
    }

    /// `;C` on top of `A;B` is `A;B;C`.
    fn added_to(&self, object: &ObjectType, id: u64, name: &str, value: &str) -> Option<String> {
        let more = value.strip_prefix(';')?;
        object.property(name).filter(|property| property.holds_many())?;
        let now = self.record(&object.object_type_id, id)?.current(name).unwrap_or_default();
        let mut all: Vec<&str> = now.split(';').filter(|one| !one.is_empty()).collect();
        all.extend(more.split(';').filter(|one| !one.is_empty() && !now.split(';').any(|known| known == *one)));
        Some(all.join(";"))
    }

    /// One value: history, unique index, event, automations.
    pub fn assign_one(
        &mut self,
        now_ms: i64,
        object: &ObjectType,
        id: u64,
        name: &str,
        value: &str,
        source: &Source,
    ) -> bool {
        let type_id = object.object_type_id.as_str();
        let unique = is_email_key(object, name) || object.property(name).is_some_and(|one| one.has_unique_value);
        let repeated = self.settings.repeated_value_leaves_trace;
        let Some(record) = self.record_mut(type_id, id) else { return false };
        let before = record.current(name).map(str::to_lowercase);
        if !record.set(name, value, now_ms, source, repeated) {
            return false;
        }
        if unique {
            let key = |value: String| (type_id.to_owned(), name.to_owned(), value);
            if let Some(before) = before {
                self.unique.remove(&key(before));
            }
            if !value.is_empty() {
                self.unique.insert(key(value.to_lowercase()), id);
            }
        }
        let change = Change::Property { name: name.to_owned(), value: value.to_owned() };
        self.emit(Event::new(type_id, id, now_ms, source, change));
        self.trigger(now_ms, type_id, id, name);
        true
    }

    /// Into the recycle bin; whether it was live. The modified time stays.
    pub fn archive(&mut self, now_ms: i64, type_id: &str, id: u64, source: &Source) -> bool {
        let Some(record) = self.record_mut(type_id, id).filter(|record| record.archived_ms.is_none()) else {
            return false;
        };
        record.archived_ms = Some(now_ms);
        let id = record.id;
        self.release(type_id, id);
        self.emit(Event::new(type_id, id, now_ms, source, Change::Deletion));
        self.reindex(now_ms, type_id, id);
        true
    }

    /// Others may take its unique values from now on. What was merged in holds
    /// values that the record itself no longer shows.
    fn release(&mut self, type_id: &str, id: u64) {
        let merged = self.merged.values().any(|winner| *winner == id);
        if merged {
            self.unique.retain(|(of, ..), holder| of != type_id || *holder != id);
            return;
        }
        let Some(object) = self.schema.find(type_id).cloned() else { return };
        for property in object.properties.iter().filter(|one| one.has_unique_value || is_email_key(&object, &one.name))
        {
            let value = self.record(type_id, id).and_then(|record| record.current(&property.name));
            if let Some(value) = value.map(str::to_lowercase) {
                self.unique.remove(&(type_id.to_owned(), property.name.clone(), value));
            }
        }
    }

    /// Out of the recycle bin, unless someone else holds its unique values by now.
    pub fn restore(&mut self, now_ms: i64, type_id: &str, id: u64, source: &Source) -> Result<(), ApiError> {
        let object = self.object(type_id)?.clone();
        let record = self.record(type_id, id).filter(|record| record.archived_ms.is_some());
        let record = record.ok_or_else(ApiError::record_not_found)?;
        let (id, mut claims) = (record.id, Vec::new());
        for property in &object.properties {
            if !(property.has_unique_value || is_email_key(&object, &property.name)) {
                continue;
            }
            let Some(value) = record.current(&property.name) else { continue };
            if let Some(holder) = self.holder(&object, &property.name, value) {
                return Err(ApiError::contact_exists(holder));
            }
            claims.push((type_id.to_owned(), property.name.clone(), value.to_lowercase()));
        }
        self.unique.extend(claims.into_iter().map(|claim| (claim, id)));
        let moves_modified = self.settings.restore_moves_modified;
        if let Some(record) = self.record_mut(type_id, id) {
            record.archived_ms = None;
            record.updated_ms = if moves_modified { now_ms } else { record.updated_ms };
        }
        self.emit(Event::new(type_id, id, now_ms, source, Change::Restore));
        self.reindex(now_ms, type_id, id);
        Ok(())
    }

    /// Gone for good, with everything that refers to it; whether it was there.
    pub fn forget(&mut self, now_ms: i64, type_id: &str, id: u64, source: &Source) -> bool {
        let id = self.survivor(type_id, id);
        if self.record(type_id, id).is_some_and(|record| record.archived_ms.is_none()) {
            self.emit(Event::new(type_id, id, now_ms, source, Change::Deletion));
        }
        if self.records.get_mut(type_id).and_then(|records| records.remove(&id)).is_none() {
            return false;
        }
        self.unique.retain(|(of, ..), holder| of != type_id || *holder != id);
        let is_end = |of: &str, one: u64| of == type_id && one == id;
        self.links.retain(|(from, from_id, to, to_id), _| !is_end(from, *from_id) && !is_end(to, *to_id));
        self.emit(Event::new(type_id, id, now_ms, source, Change::PrivacyDeletion));
        true
    }
}

/// Values the vendor sets by itself when a record begins.
fn computed_at_creation(object: &ObjectType, id: u64, values: &Values) -> Values {
    let mut computed = Values::new();
    let mut set = |name: &str, value: String| {
        if values.get(name).is_none_or(String::is_empty) {
            computed.insert(name.to_owned(), value);
        }
    };
    match object.object_type_id.as_str() {
        "0-1" => {
            set("hs_all_contact_vids", id.to_string());
            set("hs_is_contact", "true".into());
            set("hs_is_unworked", "true".into());
            set("hs_pipeline", "contacts-lifecycle-pipeline".into());
        }
        "0-3" => set("pipeline", "default".into()),
        "0-5" => set("hs_pipeline", "0".into()),
        _ => {}
    }
    computed
}
