//! The organisation as tests hold it: start it, edit rows as a person would,
//! read them, make things go wrong, count what was asked of it.

use std::{io, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    control,
    http::{self, Shared},
    interject::{INTERJECTIONS_MAX, Interjection},
    schema::{Field, Object, Schema},
    settings::Settings,
    soql,
    state::{Deed, DuplicateRule, Edit, Refusal, RowRefusal, State, Transaction, Trigger, Usage, ValidationRule},
};
use crate::{Clock, Faults, Listen, Server, Stage, Traffic};

/// How to start an organisation.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub listen: Listen,
    pub settings: Settings,
    /// Objects beside the standard ones, or in their place.
    pub objects: Vec<Object>,
    /// Fields added to objects: the object's name and the field.
    pub fields: Vec<(String, Field)>,
    pub stage: Stage,
}

/// [`Options`] as a file holds them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Declared {
    settings: Settings,
    objects: Vec<Object>,
    fields: Vec<(String, Field)>,
}

impl Options {
    /// From JSON: `{"settings": {…}, "objects": […], "fields": [["Contact", {…}]]}`.
    pub fn declared(text: &str) -> Result<Self, serde_json::Error> {
        let Declared { settings, objects, fields } = serde_json::from_str(text)?;
        Ok(Self { settings, objects, fields, ..Self::default() })
    }
}

/// A running organisation. Stops when dropped.
#[derive(Debug)]
pub struct Org {
    server: Server,
    shared: Arc<Shared>,
    stage: Stage,
}

/// Writes that are not committed yet: nobody sees them, and `updated` reaches
/// no further than their beginning.
#[derive(Debug)]
#[must_use = "an open transaction is nothing until it is committed"]
pub struct OpenTransaction {
    number: u64,
    edits: Vec<(Timestamp, Edit)>,
}

impl OpenTransaction {
    /// An edit at the organisation's time now; it shows when all is committed.
    pub fn edit(&mut self, org: &Org, edit: Edit) {
        self.edits.push((org.clock().now(), edit));
    }
}

impl Org {
    pub fn start(options: Options) -> io::Result<Self> {
        let Options { listen, settings, objects, fields, stage } = options;
        let mut schema = Schema::standard();
        for object in objects {
            schema.declare(object);
        }
        for (object, field) in fields {
            if !schema.declare_field(&object, field) {
                return Err(io::Error::other(format!("there is no object {object} to add a field to")));
            }
        }
        let state = State::new(schema, settings, stage.clock.clone());
        let shared = Arc::new(Shared::new(state, stage.faults.clone()));
        let (for_routes, for_stage) = (Arc::clone(&shared), stage.clone());
        let server = Server::start(listen, stage.clone(), move |url| {
            http::router(Arc::clone(&for_routes), url).merge(control::router(for_routes, for_stage))
        })?;
        Ok(Self { server, shared, stage })
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn certificate_pem(&self) -> Option<&str> {
        self.server.certificate_pem()
    }

    pub fn clock(&self) -> &Clock {
        &self.stage.clock
    }

    pub fn faults(&self) -> &Faults {
        &self.stage.faults
    }

    pub fn traffic(&self) -> &Traffic {
        &self.stage.traffic
    }

    /// The state itself, for what has no name here.
    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        self.shared.with(f)
    }

    /// Does edits as a person in the browser, in one transaction; the ids of the rows.
    pub fn edit(&self, edits: &[Edit]) -> Result<Vec<String>, Refusal> {
        self.with(|state| edit_as_person(state, edits.iter().map(|edit| (None, edit))))
    }

    pub fn create(&self, object: &str, values: Value) -> Result<String, Refusal> {
        self.one(Edit::Create { object: object.into(), values: members(values) })
    }

    pub fn update(&self, object: &str, id: &str, values: Value) -> Result<(), Refusal> {
        self.one(Edit::Update { object: object.into(), id: id.into(), values: members(values) }).map(drop)
    }

    pub fn delete(&self, object: &str, id: &str) -> Result<(), Refusal> {
        self.one(Edit::Delete { object: object.into(), id: id.into() }).map(drop)
    }

    pub fn undelete(&self, object: &str, id: &str) -> Result<(), Refusal> {
        self.one(Edit::Undelete { object: object.into(), id: id.into() }).map(drop)
    }

    pub fn merge(&self, object: &str, winner: &str, losers: &[&str]) -> Result<(), Refusal> {
        let losers = losers.iter().map(|loser| (*loser).to_owned()).collect();
        let edit = Edit::Merge { object: object.into(), winner: winner.into(), losers, values: Map::new() };
        self.one(edit).map(drop)
    }

    fn one(&self, edit: Edit) -> Result<String, Refusal> {
        let mut ids = self.edit(&[edit])?;
        ids.pop().ok_or_else(Refusal::not_found)
    }

    /// Begins a transaction that is committed later.
    pub fn begin(&self) -> OpenTransaction {
        OpenTransaction { number: self.with(State::begin_open), edits: Vec::new() }
    }

    /// Rows carry the times of their edits, and are seen only from now on.
    pub fn commit(&self, transaction: OpenTransaction) -> Result<Vec<String>, Refusal> {
        self.with(|state| {
            state.open_since.remove(&transaction.number);
            edit_as_person(state, transaction.edits.iter().map(|(at, edit)| (Some(*at), edit)))
        })
    }

    /// A row as one GET shows it; nothing where there is none or it is deleted.
    pub fn row(&self, object: &str, id: &str) -> Option<Value> {
        self.with(|state| {
            let object = state.schema.object(object)?;
            let row = state.table(&object.name).get(id).filter(|row| row.deleted.is_none())?;
            Some(state.show(object, row, None, &state.settings.version))
        })
    }

    /// What a query finds.
    pub fn query(&self, text: &str) -> Result<Vec<Value>, Refusal> {
        self.with(|state| {
            let version = state.settings.version.clone();
            soql::run(state, text, false, &version).map(|found| match found {
                soql::Found::Rows { records, .. } => records,
                soql::Found::Count(count) => vec![count.into()],
            })
        })
    }

    pub fn count(&self, object: &str) -> usize {
        self.with(|state| state.table(object).rows().filter(|row| row.deleted.is_none()).count())
    }

    /// Adds or replaces a field, as an administrator would.
    pub fn declare_field(&self, object: &str, field: Field) -> bool {
        self.with(|state| {
            state.schema_changed_at = state.clock.now();
            state.schema.declare_field(object, field)
        })
    }

    pub fn remove_field(&self, object: &str, field: &str) -> bool {
        self.with(|state| {
            state.schema_changed_at = state.clock.now();
            state.schema.remove_field(object, field)
        })
    }

    pub fn declare(&self, object: Object) {
        self.with(|state| {
            state.schema_changed_at = state.clock.now();
            state.schema.declare(object);
        });
    }

    /// A rule whose condition is not one is refused.
    pub fn add_validation_rule(&self, rule: ValidationRule) -> Result<(), Refusal> {
        self.with(|state| add_validation_rule(state, rule))
    }

    pub fn add_duplicate_rule(&self, rule: DuplicateRule) {
        self.with(|state| state.rules.duplicates.push(rule));
    }

    pub fn add_trigger(&self, trigger: Trigger) {
        self.with(|state| state.rules.triggers.push(trigger));
    }

    /// Edits of a person around a request that is coming; above
    /// [`INTERJECTIONS_MAX`] the oldest is forgotten.
    pub fn interject(&self, interjection: Interjection) {
        self.with(|state| add_interjection(state, interjection));
    }

    /// Refuses rows on demand, such as [`RowRefusal::lock`].
    pub fn refuse_rows(&self, refusal: RowRefusal) {
        self.with(|state| state.rules.refusals.push(refusal));
    }

    pub fn clear_rules(&self) {
        self.with(|state| state.rules = super::state::Rules::default());
    }

    /// Ends every session: the next request of every token is a 401.
    pub fn end_sessions(&self) {
        self.with(|state| state.sessions.end_all());
        self.shared.wake_all();
    }

    /// An access token without asking for one.
    pub fn access_token(&self) -> String {
        self.with(|state| state.sessions.open(Timestamp::MAX))
    }

    pub fn refresh_token(&self) -> String {
        self.with(|state| state.sessions.grant_refresh())
    }

    /// Streaming clients are forgotten: they hear `403::Unknown client`.
    pub fn forget_streaming_clients(&self) {
        self.with(|state| state.events.clients.forget_all());
    }

    pub fn deny_handshakes(&self, times: u32, reason: &str) {
        self.with(|state| state.events.clients.deny = (times, reason.to_owned()));
    }

    /// A gap event, such as `GAP_UPDATE` of some rows or `GAP_OVERFLOW` of an object.
    pub fn publish_gap(&self, kind: &str, object: &str, record_ids: &[String]) -> bool {
        self.with(|state| state.publish_gap(kind, object, record_ids))
    }

    /// The next so many change events are told as gaps.
    pub fn tell_as_gaps(&self, events: u32) {
        self.with(|state| state.events.gaps_next = events);
    }

    /// Whether an object's changes are published.
    pub fn capture(&self, object: &str, captured: bool) -> bool {
        self.with(|state| state.schema.set_capturable(object, captured))
    }

    /// Every event still kept, oldest first.
    pub fn events(&self) -> Vec<Value> {
        self.with(|state| state.events.events().map(|event| event.message.clone()).collect())
    }

    /// Events older than now are no longer kept: every replay id is refused.
    pub fn forget_events(&self) {
        self.with(|state| state.events.forget());
    }

    /// What was done to the rows of an object, oldest first, whatever was told of it.
    pub fn deeds(&self, object: &str) -> Vec<Deed> {
        self.with(|state| state.ledger.of(object).cloned().collect())
    }

    pub fn usage(&self) -> Usage {
        self.with(|state| state.usage)
    }

    pub fn stop(self) {
        self.server.stop();
    }
}

/// Each edit with the time it shows, where that is not now.
pub fn edit_as_person<'a>(
    state: &mut State,
    edits: impl Iterator<Item = (Option<Timestamp>, &'a Edit)>,
) -> Result<Vec<String>, Refusal> {
    let mut transaction = Transaction::begin(state, state.person());
    let mut ids = Vec::new();
    for (at, edit) in edits {
        if let Some(at) = at {
            transaction.set_time(at);
        }
        match transaction.edit(state, edit) {
            Ok(id) => ids.push(id),
            Err(refusal) => {
                transaction.roll_back(state);
                return Err(refusal);
            }
        }
    }
    transaction.commit(state);
    Ok(ids)
}

pub fn add_validation_rule(state: &mut State, rule: ValidationRule) -> Result<(), Refusal> {
    let filter = soql::parse_filter(&rule.refuse_when)
        .map_err(|malformed| Refusal::request(400, "MALFORMED_QUERY", malformed.message))?;
    let object = state.schema.object(&rule.object).ok_or_else(Refusal::not_found)?;
    soql::prepare(&state.schema, object, &filter, &rule.refuse_when)?;
    state.rules.validation.push(rule);
    Ok(())
}

pub fn add_interjection(state: &mut State, interjection: Interjection) {
    if state.interjections.len() >= INTERJECTIONS_MAX {
        state.interjections.remove(0);
    }
    state.interjections.push(interjection);
}

fn members(values: Value) -> Map<String, Value> {
    match values {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
