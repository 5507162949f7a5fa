//! The organisation's state: schema, rows, rules, events, sessions, jobs. All
//! of it behind one lock; nothing here knows HTTP.

mod accept;
mod ledger;
mod read;
mod refusal;
mod rules;
mod table;
mod write;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;

pub use ledger::{Deed, Ledger};
pub use read::instant_of;
pub use refusal::Refusal;
pub use rules::{DuplicateRule, Effect, Moment, RowRefusal, Rules, Trigger, ValidationRule};
pub use table::{Deleted, Row, Table, Values};
pub use write::{Author, Edit, Mark, Transaction, Upserted};

use super::{
    events::Store,
    interject::Interjection,
    jobs::Jobs,
    schema::{Field, Kind, Schema},
    sessions::Sessions,
    settings::Settings,
};
use crate::Clock;

/// The username of the user behind API writes.
pub const INTEGRATION_USER: &str = "integration@example.com";
/// The username of the user behind people's edits.
pub const PERSON: &str = "pat@example.com";
/// The username of the user that flows run as.
pub const AUTOMATION: &str = "automation@example.com";

/// Everything the organisation holds.
#[derive(Debug)]
pub struct State {
    pub schema: Schema,
    pub settings: Settings,
    pub clock: Clock,
    pub rules: Rules,
    pub events: Store,
    pub sessions: Sessions,
    pub jobs: Jobs,
    pub usage: Usage,
    /// What was done, whatever was told of it.
    pub ledger: Ledger,
    tables: HashMap<String, Table>,
    empty: Table,
    /// Query results that are read on, by locator.
    pub cursors: BTreeMap<u64, Vec<Value>>,
    pub cursors_made: u64,
    /// Transactions that were begun and not committed: their start times.
    pub open_since: BTreeMap<u64, Timestamp>,
    transactions_made: u64,
    /// Edits of people around coming requests.
    pub interjections: Vec<Interjection>,
    /// The transaction around several calls.
    pub outer: Option<Transaction>,
    pub schema_changed_at: Timestamp,
    /// Deletes before this are no longer told; the vendor's fifteen days where nothing is said.
    pub deletes_known_since: Option<Timestamp>,
    users: Users,
}

/// What was used of the organisation's limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// Since the start; tests may set it.
    pub api_calls: u64,
    /// Requests refused for the daily or the concurrent limit.
    pub limit_errors: u64,
    /// Events delivered to subscribers.
    pub events_delivered: u64,
    /// When the running day began.
    #[serde(skip)]
    since: Option<Timestamp>,
}

impl Usage {
    /// Begins a new day of counting where the last one is over.
    pub fn roll(&mut self, now: Timestamp) {
        const DAY_S: i64 = 24 * 60 * 60;
        let since = *self.since.get_or_insert(now);
        if now.as_second() - since.as_second() >= DAY_S {
            *self = Self { limit_errors: self.limit_errors, since: Some(now), ..Self::default() };
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Users {
    integration: String,
    person: String,
    automation: String,
}

impl State {
    pub fn new(schema: Schema, settings: Settings, clock: Clock) -> Self {
        let mut state = Self {
            schema,
            events: Store::new(&settings),
            settings,
            rules: Rules::default(),
            sessions: Sessions::default(),
            jobs: Jobs::default(),
            usage: Usage::default(),
            ledger: Ledger::default(),
            tables: HashMap::new(),
            empty: Table::default(),
            cursors: BTreeMap::new(),
            cursors_made: 0,
            open_since: BTreeMap::new(),
            transactions_made: 0,
            interjections: Vec::new(),
            outer: None,
            schema_changed_at: clock.now(),
            deletes_known_since: None,
            clock,
            users: Users::default(),
        };
        state.add_users();
        state
    }

    /// The people (and machines) every organisation begins with.
    fn add_users(&mut self) {
        let at = self.now();
        let people = [
            ("Integration", "User", INTEGRATION_USER),
            ("Pat", "Person", PERSON),
            ("Automated", "Process", AUTOMATION),
        ];
        let mut ids = Vec::new();
        for (first, last, username) in people {
            let id = self.next_id("User");
            let values = [
                ("FirstName", Value::from(first)),
                ("LastName", last.into()),
                ("Username", username.into()),
                ("Email", username.into()),
                ("Alias", first[..3].to_lowercase().into()),
                ("IsActive", true.into()),
            ];
            let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            self.put(
                "User",
                Row {
                    id: id.clone(),
                    values,
                    created_at: at,
                    created_by: id.clone(),
                    modified_at: at,
                    modified_by: id.clone(),
                    modstamp: at,
                    revision: 1,
                    deleted: None,
                },
            );
            ids.push(id);
        }
        if let [integration, person, automation] = &ids[..] {
            self.users =
                Users { integration: integration.clone(), person: person.clone(), automation: automation.clone() };
        }
    }

    /// Now, in whole seconds.
    pub fn now(&self) -> Timestamp {
        super::moment::whole(self.clock.now())
    }

    pub fn table(&self, object: &str) -> &Table {
        self.tables.get(object).unwrap_or(&self.empty)
    }

    pub fn next_id(&mut self, object: &str) -> String {
        let prefix = self.schema.object(object).map(|object| object.key_prefix.clone()).unwrap_or_default();
        let table = self.tables.entry(object.to_owned()).or_default();
        table.last_number += 1;
        super::id::nth(&prefix, table.last_number)
    }

    /// Fields that are looked up by value.
    pub fn is_indexed(&self, field: &Field) -> bool {
        field.unique || field.external_id || field.id_lookup || field.kind == Kind::Reference || field.name_field
    }

    fn indexed(&self, object: &str) -> Vec<String> {
        let object = self.schema.object(object);
        let fields = object.into_iter().flat_map(|object| &object.fields);
        fields
            .filter(|field| self.is_indexed(field) && field.kind != Kind::Id)
            .map(|field| field.name.clone())
            .collect()
    }

    fn put(&mut self, object: &str, row: Row) -> Option<Row> {
        let indexed = self.indexed(object);
        self.tables.entry(object.to_owned()).or_default().put(row, &indexed)
    }

    fn take(&mut self, object: &str, id: &str) -> Option<Row> {
        let indexed = self.indexed(object);
        self.tables.get_mut(object)?.take(id, &indexed)
    }

    /// Who writes through the API.
    pub fn integration(&self, origin: String) -> Author {
        Author { user: self.users.integration.clone(), origin, insists: false, api: true, own_triggers: true }
    }

    /// Who edits in the browser.
    pub fn person(&self) -> Author {
        let origin = format!("com/salesforce/api/soap/{};client=SfdcInternalAPI/", self.settings.version);
        Author { user: self.users.person.clone(), origin, insists: true, api: false, own_triggers: true }
    }

    fn automation(&self) -> Author {
        Author {
            user: self.users.automation.clone(),
            origin: String::new(),
            insists: true,
            api: false,
            own_triggers: false,
        }
    }

    pub fn begin_open(&mut self) -> u64 {
        self.transactions_made += 1;
        let now = self.now();
        self.open_since.insert(self.transactions_made, now);
        self.transactions_made
    }
}
