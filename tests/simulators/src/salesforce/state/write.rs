//! Writes: one transaction of one author, row by row, undone as a whole or
//! committed as a whole. What happens to a row on its way: names and types,
//! triggers, required fields, uniqueness, validation and duplicate rules.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Deleted, Moment, Refusal, Row, State, Values, accept::accept};
use crate::salesforce::{
    events::{Change, ChangeKind},
    id,
    schema::{Field, Kind, Object},
    soql,
};

/// Who writes.
#[derive(Debug, Clone)]
pub struct Author {
    pub user: String,
    /// What change events say the change came from.
    pub origin: String,
    /// Saves in spite of a duplicate rule that allows it.
    pub insists: bool,
    pub api: bool,
    pub own_triggers: bool,
}

/// One edit, as tests and the control surface ask for it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    Create {
        object: String,
        values: Map<String, Value>,
    },
    Update {
        object: String,
        id: String,
        values: Map<String, Value>,
    },
    Delete {
        object: String,
        id: String,
    },
    Undelete {
        object: String,
        id: String,
    },
    Merge {
        object: String,
        winner: String,
        losers: Vec<String>,
        #[serde(default)]
        values: Map<String, Value>,
    },
}

/// What an upsert did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upserted {
    Created(String),
    Updated(String),
    /// The value is several rows'.
    Several(Vec<String>),
}

/// A place within a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    undo: usize,
    changes: usize,
}

/// Writes that become visible and known together.
#[derive(Debug)]
pub struct Transaction {
    author: Author,
    at: Timestamp,
    undo: Vec<(String, String, Option<Row>)>,
    changes: Vec<Change>,
}

impl Transaction {
    pub fn begin(state: &State, author: Author) -> Self {
        Self { author, at: state.now(), undo: Vec::new(), changes: Vec::new() }
    }

    /// The time the rows written next will carry.
    pub fn set_time(&mut self, at: Timestamp) {
        self.at = crate::salesforce::moment::whole(at);
    }

    /// Does one edit; the id of the row it is about.
    pub fn edit(&mut self, state: &mut State, edit: &Edit) -> Result<String, Refusal> {
        match edit {
            Edit::Create { object, values } => self.create(state, object, values),
            Edit::Update { object, id, values } => self.update(state, object, id, values),
            Edit::Delete { object, id } => self.delete(state, object, id),
            Edit::Undelete { object, id } => self.undelete(state, object, id),
            Edit::Merge { object, winner, losers, values } => {
                self.merge(state, object, winner, losers)?;
                self.update(state, object, winner, values)
            }
        }
    }

    pub fn create(&mut self, state: &mut State, object: &str, values: &Map<String, Value>) -> Result<String, Refusal> {
        let object = known(state, object)?;
        strike(state, &object, None)?;
        let given = self.accept_all(state, &object, values, true)?;
        let mut candidate = Values::new();
        for field in &object.fields {
            if field.kind == Kind::Boolean && field.createable && field.default.is_null() {
                candidate.insert(field.name.clone(), false.into());
            } else if !field.default.is_null() && field.formula.is_none() && field.name != "IsDeleted" {
                candidate.insert(field.name.clone(), field.default.clone());
            }
        }
        if object.field("OwnerId").is_some() {
            candidate.insert("OwnerId".into(), self.author.user.clone().into());
        }
        lay_over(&mut candidate, given);
        self.triggers(state, &object, &mut candidate);
        let id = state.next_id(&object.name);
        let row = Row {
            id: id.clone(),
            values: candidate,
            created_at: self.at,
            created_by: self.author.user.clone(),
            modified_at: self.at,
            modified_by: self.author.user.clone(),
            modstamp: self.at,
            revision: 1,
            deleted: None,
        };
        self.rules(state, &object, &row, true)?;
        self.put(state, &object, row, ChangeKind::Create, BTreeSet::new());
        Ok(id)
    }

    pub fn update(
        &mut self,
        state: &mut State,
        object: &str,
        id: &str,
        values: &Map<String, Value>,
    ) -> Result<String, Refusal> {
        let object = known(state, object)?;
        let before = live(state, &object, id)?;
        strike(state, &object, Some(&before.id))?;
        if before.value("IsConverted").as_bool() == Some(true) {
            return Err(Refusal::row("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", &[]));
        }
        let given = self.accept_all(state, &object, values, false)?;
        let mut row = before.clone();
        lay_over(&mut row.values, given);
        self.triggers(state, &object, &mut row.values);
        self.rules(state, &object, &row, false)?;
        let changed = differing(&before.values, &row.values);
        self.touch(&mut row);
        let id = row.id.clone();
        self.put(state, &object, row, ChangeKind::Update, changed);
        Ok(id)
    }

    /// By the value of an external id field. The value itself is not in `values`.
    pub fn upsert(
        &mut self,
        state: &mut State,
        object: &str,
        field: &str,
        value: &Value,
        values: &Map<String, Value>,
    ) -> Result<Upserted, Refusal> {
        let object = known(state, object)?;
        let field = object.field(field).filter(|field| field.id_lookup || field.external_id).cloned();
        let field = field.ok_or_else(Refusal::not_found)?;
        let missing = value.as_str().is_some_and(|text| text.trim().is_empty()) || value.is_null();
        if missing && field.kind == Kind::Id {
            return self.create(state, &object.name, values).map(Upserted::Created);
        }
        if missing {
            let message = format!("{} not specified", field.name);
            return Err(Refusal::row("MISSING_ARGUMENT", message, &[]));
        }
        let value = accept(state, &field, value)?;
        let found: Vec<String> = if field.kind == Kind::Id {
            value.as_str().map(str::to_owned).into_iter().collect()
        } else {
            let rows = state.table(&object.name).find(&field.name, &value);
            rows.into_iter().filter(|row| row.deleted.is_none()).map(|row| row.id.clone()).collect()
        };
        match &found[..] {
            [] => {
                let mut values = values.clone();
                values.insert(field.name.clone(), value);
                self.create(state, &object.name, &values).map(Upserted::Created)
            }
            [id] => self.update(state, &object.name, id, values).map(Upserted::Updated),
            _ => Ok(Upserted::Several(found)),
        }
    }

    pub fn delete(&mut self, state: &mut State, object: &str, id: &str) -> Result<String, Refusal> {
        let object = known(state, object)?;
        let row = live(state, &object, id)?;
        strike(state, &object, Some(&row.id))?;
        self.bury(state, &object, &row, None, None);
        // An account takes its contacts and opportunities along.
        if object.name == "Account" {
            for child in ["Contact", "Opportunity"] {
                let Some(child) = state.schema.shared(child) else { continue };
                for own in children(state, &child.name, "AccountId", &row.id) {
                    self.bury(state, &child, &own, None, Some(row.id.clone()));
                }
            }
        }
        Ok(row.id)
    }

    pub fn undelete(&mut self, state: &mut State, object: &str, id: &str) -> Result<String, Refusal> {
        let object = known(state, object)?;
        let id = id::long(id).ok_or_else(Refusal::not_found)?;
        let row = state.table(&object.name).get(&id).cloned();
        let Some(row) = row.filter(|row| row.deleted.as_ref().is_some_and(|deleted| !deleted.purged)) else {
            return Err(Refusal::row("UNDELETE_FAILED", "Entity is not in the recycle bin", &[]));
        };
        self.raise(state, &object, row);
        for child in ["Contact", "Opportunity"] {
            let Some(child) = state.schema.shared(child) else { continue };
            let along = |row: &&Row| row.deleted.as_ref().is_some_and(|deleted| deleted.with.as_deref() == Some(&id));
            let rows: Vec<Row> = state.table(&child.name).rows().filter(along).cloned().collect();
            for row in rows {
                self.raise(state, &child, row);
            }
        }
        Ok(id)
    }

    /// The losers go to the recycle bin, naming the winner; what pointed at them points at it.
    fn merge(&mut self, state: &mut State, object: &str, winner: &str, losers: &[String]) -> Result<(), Refusal> {
        let object = known(state, object)?;
        if !object.mergeable {
            let message = format!("{} cannot be merged", object.label);
            return Err(Refusal::row("INVALID_TYPE", message, &[]));
        }
        let winner = live(state, &object, winner)?;
        for loser in losers {
            let loser = live(state, &object, loser)?;
            let others: Vec<Object> = state.schema.objects().cloned().collect();
            for other in &others {
                let references = other.fields.iter().filter(|field| field.reference_to.contains(&object.name));
                for reference in references.filter(|field| field.updateable) {
                    for mut row in children(state, &other.name, &reference.name, &loser.id) {
                        row.values.insert(reference.name.clone(), winner.id.clone().into());
                        self.touch(&mut row);
                        let changed = BTreeSet::from([reference.name.clone()]);
                        self.put(state, other, row, ChangeKind::Update, changed);
                    }
                }
            }
            self.bury(state, &object, &loser, Some(winner.id.clone()), None);
        }
        Ok(())
    }

    fn bury(
        &mut self,
        state: &mut State,
        object: &Object,
        row: &Row,
        merged_into: Option<String>,
        with: Option<String>,
    ) {
        let mut row = row.clone();
        self.touch(&mut row);
        row.deleted = Some(Deleted { at: self.at, merged_into, with, purged: false });
        self.put(state, object, row, ChangeKind::Delete, BTreeSet::new());
    }

    fn raise(&mut self, state: &mut State, object: &Object, mut row: Row) {
        row.deleted = None;
        self.touch(&mut row);
        self.put(state, object, row, ChangeKind::Undelete, BTreeSet::new());
    }

    fn touch(&self, row: &mut Row) {
        row.modified_at = self.at;
        row.modstamp = self.at;
        row.modified_by.clone_from(&self.author.user);
        row.revision += 1;
    }

    fn put(&mut self, state: &mut State, object: &Object, row: Row, kind: ChangeKind, mut changed: BTreeSet<String>) {
        let id = row.id.clone();
        let before = state.put(&object.name, row.clone());
        if before.as_ref().is_some_and(|before| before.modified_by != row.modified_by) {
            changed.insert("LastModifiedById".into());
        }
        self.undo.push((object.name.clone(), id, before));
        self.changes.push(Change { object: object.name.clone(), kind, changed, row });
    }

    /// Names, rights and types of every value given.
    fn accept_all(
        &self,
        state: &State,
        object: &Object,
        values: &Map<String, Value>,
        creating: bool,
    ) -> Result<Values, Refusal> {
        let mut accepted = Values::new();
        for (name, value) in values {
            if name == "attributes" {
                continue;
            }
            if name.eq_ignore_ascii_case("id") {
                if creating {
                    let message = "cannot specify Id in an insert call";
                    return Err(Refusal::row("INVALID_FIELD_FOR_INSERT_UPDATE", message, &["Id"]));
                }
                continue;
            }
            if let Some((field, value)) = nested(state, object, name, value)? {
                accepted.insert(field, value);
                continue;
            }
            let Some(field) = object.field(name).filter(|field| !field.hidden || !self.author.api) else {
                let message = format!("No such column '{name}' on sobject of type {}", object.name);
                return Err(Refusal::request(400, "INVALID_FIELD", message));
            };
            if !(if creating { field.createable } else { field.updateable }) {
                let message = format!(
                    "Unable to create/update fields: {}. Please check the security settings of this field and verify \
                     that it is read/write for your profile or permission set.",
                    field.name
                );
                return Err(Refusal::row("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[&field.name]));
            }
            accepted.insert(field.name.clone(), accept(state, field, value)?);
        }
        Ok(accepted)
    }

    fn triggers(&self, state: &State, object: &Object, values: &mut Values) {
        if !self.author.own_triggers {
            return;
        }
        let own = state.rules.triggers.iter().filter(|trigger| trigger.object.eq_ignore_ascii_case(&object.name));
        for trigger in own.filter(|trigger| trigger.moment == Moment::Before && (self.author.api || !trigger.api_only))
        {
            trigger.effect.apply(values);
        }
    }

    fn rules(&self, state: &State, object: &Object, row: &Row, creating: bool) -> Result<(), Refusal> {
        let missing: Vec<&str> = object
            .fields
            .iter()
            .filter(|field| field.is_required() && row.value(&field.name).is_null())
            .map(|field| field.name.as_str())
            .collect();
        if !missing.is_empty() {
            let message = format!("Required fields are missing: [{}]", missing.join(", "));
            return Err(Refusal::row("REQUIRED_FIELD_MISSING", message, &missing));
        }
        unique(state, object, row)?;
        for rule in state.rules.validation.iter().filter(|rule| rule.object.eq_ignore_ascii_case(&object.name)) {
            // A rule that cannot be read was refused when it was declared.
            let Ok(filter) = soql::parse_filter(&rule.refuse_when) else { continue };
            let prepared = soql::prepare(&state.schema, object, &filter, &rule.refuse_when)?;
            let fires = soql::holds(state, object, row, &prepared);
            if fires {
                let field = rule.field.as_deref().into_iter().collect::<Vec<_>>();
                return Err(Refusal::row("FIELD_CUSTOM_VALIDATION_EXCEPTION", &rule.message, &field));
            }
        }
        if creating && !self.author.insists { duplicates(state, object, row, true) } else { Ok(()) }.and_then(|()| {
            let strict = creating && self.author.api && self.author.insists;
            if strict { duplicates(state, object, row, false) } else { Ok(()) }
        })
    }

    /// Publishes the events; flows that run after the commit run now, as another transaction.
    pub fn commit(self, state: &mut State) {
        let Self { author, changes, .. } = self;
        state.publish(&author, &changes);
        if !author.own_triggers {
            return;
        }
        let mut flow = Self::begin(state, state.automation());
        let triggers = state.rules.triggers.clone();
        for change in &changes {
            if matches!(change.kind, ChangeKind::Delete) {
                continue;
            }
            let own = triggers.iter().filter(|trigger| trigger.object.eq_ignore_ascii_case(&change.object));
            let after = own.filter(|trigger| trigger.moment == Moment::After && (author.api || !trigger.api_only));
            for trigger in after {
                flow.follow_up(state, change, trigger);
            }
        }
        if !flow.changes.is_empty() {
            flow.commit(state);
        }
    }

    fn follow_up(&mut self, state: &mut State, change: &Change, trigger: &super::Trigger) {
        let Some(before) = state.table(&change.object).get(&change.row.id).cloned() else { return };
        let Some(object) = state.schema.shared(&change.object) else { return };
        let mut row = before.clone();
        trigger.effect.apply(&mut row.values);
        let changed = differing(&before.values, &row.values);
        if !changed.is_empty() && row.deleted.is_none() {
            self.touch(&mut row);
            self.put(state, &object, row, ChangeKind::Update, changed);
        }
    }

    /// How far it has come.
    pub fn mark(&self) -> Mark {
        Mark { undo: self.undo.len(), changes: self.changes.len() }
    }

    /// Puts every row back.
    pub fn roll_back(mut self, state: &mut State) {
        self.roll_back_to(state, Mark { undo: 0, changes: 0 });
    }

    /// Puts the rows written since the mark back.
    pub fn roll_back_to(&mut self, state: &mut State, mark: Mark) {
        self.changes.truncate(mark.changes);
        for (object, id, before) in self.undo.split_off(mark.undo).into_iter().rev() {
            match before {
                Some(row) => {
                    state.put(&object, row);
                }
                None => {
                    state.take(&object, &id);
                }
            }
        }
    }
}

fn known(state: &State, object: &str) -> Result<Arc<Object>, Refusal> {
    state.schema.shared(object).ok_or_else(Refusal::not_found)
}

fn live(state: &State, object: &Object, id: &str) -> Result<Row, Refusal> {
    let Some(long) = id::long(id) else {
        let message = format!("{} ID: id value of incorrect type: {id}", object.label);
        return Err(Refusal::row("MALFORMED_ID", message, &["Id"]));
    };
    match state.table(&object.name).get(&long) {
        None => Err(Refusal::not_found()),
        Some(row) if row.deleted.is_some() => Err(Refusal::deleted()),
        Some(row) => Ok(row.clone()),
    }
}

fn strike(state: &mut State, object: &Object, id: Option<&str>) -> Result<(), Refusal> {
    let Some(struck) = state.rules.strike(&object.name, id) else { return Ok(()) };
    let fields: Vec<&str> = struck.fields.iter().map(String::as_str).collect();
    Err(Refusal::row(&struck.code, struck.message, &fields))
}

fn lay_over(values: &mut Values, given: Values) {
    for (name, value) in given {
        if value.is_null() {
            values.remove(&name);
        } else {
            values.insert(name, value);
        }
    }
}

fn differing(before: &Values, after: &Values) -> BTreeSet<String> {
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

fn children(state: &State, object: &str, reference: &str, parent: &str) -> Vec<Row> {
    let rows = state.table(object).find(reference, &parent.into());
    rows.into_iter().filter(|row| row.deleted.is_none()).cloned().collect()
}

/// `"Account": {"External__c": "x"}`: a reference by the parent's external id.
fn nested(state: &State, object: &Object, name: &str, value: &Value) -> Result<Option<(String, Value)>, Refusal> {
    let (Some(reference), Value::Object(key)) = (object.relationship(name), value) else { return Ok(None) };
    let key = key.iter().find(|(name, _)| *name != "attributes");
    for target in reference.reference_to.iter().filter_map(|target| state.schema.object(target)) {
        let field =
            key.and_then(|(name, _)| target.field(name)).filter(|field: &&Field| field.id_lookup || field.external_id);
        let (Some(field), Some((_, wanted))) = (field, key) else { continue };
        let found = state.table(&target.name).find(&field.name, wanted);
        if let Some(row) = found.into_iter().find(|row| row.deleted.is_none()) {
            return Ok(Some((reference.name.clone(), row.id.clone().into())));
        }
        let shown = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
        let message =
            format!("Foreign key external ID: {shown} not found for field {} in entity {}", field.name, target.name);
        return Err(Refusal::row("INVALID_FIELD", message, &[]));
    }
    Ok(None)
}

fn unique(state: &State, object: &Object, row: &Row) -> Result<(), Refusal> {
    for field in object.fields.iter().filter(|field| field.unique) {
        let found = state.table(&object.name).find(&field.name, row.value(&field.name));
        if let Some(other) = found.into_iter().find(|other| other.id != row.id && other.deleted.is_none()) {
            let message = format!(
                "duplicate value found: {} duplicates value on record with id: {}",
                field.name,
                &other.id[..15]
            );
            return Err(Refusal::row("DUPLICATE_VALUE", message, &[]));
        }
    }
    Ok(())
}

/// `overridable`: look at the rules the caller could have insisted against, too.
fn duplicates(state: &State, object: &Object, row: &Row, overridable: bool) -> Result<(), Refusal> {
    let key = |row: &Row, field: &String| row.value(field).as_str().map(|text| text.trim().to_lowercase());
    for rule in state.rules.duplicates.iter().filter(|rule| rule.object.eq_ignore_ascii_case(&object.name)) {
        if rule.allow_save && !overridable {
            continue;
        }
        let same = |other: &&Row| {
            let equal = |field: &String| key(row, field).is_some() && key(row, field) == key(other, field);
            other.deleted.is_none() && other.id != row.id && rule.fields.iter().all(equal)
        };
        let found: Vec<Value> = state
            .table(&object.name)
            .rows()
            .filter(same)
            .map(|other| {
                let url = format!("/services/data/v{}/sobjects/{}/{}", state.settings.version, object.name, other.id);
                let record = json!({"attributes": {"type": object.name, "url": url}, "Id": other.id});
                json!({"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": record})
            })
            .collect();
        if found.is_empty() {
            continue;
        }
        let message = "Use one of these records?";
        let result = json!({
            "allowSave": rule.allow_save,
            "duplicateRule": rule.name,
            "duplicateRuleEntityType": object.name,
            "errorMessage": message,
            "matchResults": [{
                "entityType": object.name,
                "errors": [],
                "matchEngine": "FuzzyMatchEngine",
                "matchRecords": found,
                "rule": format!("{}_Match", rule.name),
                "size": found.len(),
                "success": true,
            }],
        });
        let refusal = Refusal::row("DUPLICATES_DETECTED", message, &[]);
        return Err(Refusal { duplicates: Some(Box::new(result)), ..refusal });
    }
    Ok(())
}
