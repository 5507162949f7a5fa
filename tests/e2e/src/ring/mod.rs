//! Salesforce, HubSpot and PostgreSQL in one sync: stateful simulators, a real
//! database, the real binary between them, and the checker at the end.

mod config;
mod evidence;
mod people;
mod tale;
mod trouble;

use std::{
    collections::{BTreeSet, HashSet},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, anyhow, ensure};
use lockstep_checker::{History, Row, Shown, Verdict, ViolationKind, check};
use lockstep_harness::{Cluster, ClusterOptions, Launch, Proxy, Runtime};
use lockstep_simulators::{
    Answered,
    hubspot::{self, Account},
    salesforce::{self, INTEGRATION_USER, Org},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

pub use config::{RingShape, SignIn};
pub use people::{Crowd, CrowdShape, Dice};
pub use trouble::Trouble;

use crate::{
    http::free_port,
    recording::{self, RUNTIME_ROLE, TABLES},
    world::PATIENCE,
};

/// The sides' names.
pub const CRM: &str = "crm";
pub const HUB: &str = "hub";
pub const DB: &str = "db";

const DATABASE: &str = "app";
const LOOK: Duration = Duration::from_millis(20);
/// The record whose edits show that what came before them has been delivered.
const SENTINEL: &str = "sentinel@people.example";
/// Times a person tries again who finds a row locked.
const LOCKED_MAX: u32 = 20;
/// What was answered so shortly before a death was noticed may not have been kept.
const DYING_US: i64 = 1_500_000;
/// Names the folder in which the evidence of a run is kept.
const KEEP: &str = "E2E_KEEP";
/// How long nothing may be written for a sync to count as at rest.
const REST: Duration = Duration::from_secs(3);

/// One mapped field, at each of the three. The database calls it by its name.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub crm: &'static str,
    pub hub: &'static str,
}

const fn field(name: &'static str, crm: &'static str, hub: &'static str) -> Field {
    Field { name, crm, hub }
}

pub const FIELDS: [Field; 5] = [
    field("email", "Email", "email"),
    field("name", "LastName", "firstname"),
    field("phone", "Phone", "phone"),
    field("city", "MailingCity", "city"),
    field("note", "Description", "jobtitle"),
];

/// The mapped fields that people edit.
pub(crate) fn edited() -> &'static [Field] {
    FIELDS.get(1..).unwrap_or_default()
}

/// The three, and one runtime.
pub struct Ring {
    pub org: Org,
    pub account: Account,
    pub cluster: Cluster,
    /// Between the runtime and the database; people go around it.
    pub proxy: Proxy,
    pub runtime: Runtime,
    sentinels: u32,
    deaths_us: Vec<i64>,
}

impl Ring {
    /// `shape.people` contacts in the organisation; the two others are empty.
    /// The runtime is not started.
    pub fn new(shape: &RingShape) -> Result<Self> {
        let settings = salesforce::Settings {
            jwt_public_key_pem: Some(config::PUBLIC_KEY.to_owned()),
            ..salesforce::Settings::default()
        };
        let org = Org::start(salesforce::Options { settings, ..salesforce::Options::default() })?;
        org.traffic().keep_answers();
        let account = Account::start(hubspot::Options::default())?;
        if std::env::var_os(KEEP).is_some() {
            account.stage().traffic.keep_answers();
        }
        account.set(|settings| {
            settings.limits_enforced = shape.limits;
            settings.search_lag_ms = 1_500;
        });
        let hooks_port = free_port()?;
        let hooks_secret = account.hook(account.app_id(), &format!("http://127.0.0.1:{hooks_port}/webhooks/{HUB}"));
        if shape.webhooks {
            for event in ["creation", "deletion", "propertyChange", "merge", "restore"] {
                account.subscribe(account.app_id(), &format!("contact.{event}"), None, None);
            }
        }
        let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
        cluster.create_role("app", "")?;
        cluster.create_role(RUNTIME_ROLE, "REPLICATION")?;
        cluster.create_database(DATABASE)?;
        let rights = format!(
            "ALTER SCHEMA public OWNER TO app; GRANT app TO {RUNTIME_ROLE};
             GRANT CREATE ON DATABASE {DATABASE} TO {RUNTIME_ROLE};"
        );
        cluster.psql(DATABASE, &format!("{rights}{TABLES}"))?;
        let proxy = Proxy::start(cluster.port())?;
        let (hub_client, _, hub_refresh) = account.install(account.app_id(), &[]);
        let places =
            config::Places { org: &org, account: &account, port: proxy.port(), hooks_port, hub_client: &hub_client };
        let launch = Launch::default()
            .env("E2E_PASSWORD", cluster.password())
            .env("E2E_SECRET", &org.with(|state| state.settings.client_secret.clone()))
            .env("E2E_KEY", config::PRIVATE_KEY)
            .env("E2E_REFRESH", &org.refresh_token())
            .env("E2E_HUB_REFRESH", &hub_refresh)
            .env("E2E_TOKEN", account.token())
            .env("E2E_HOOKS", &hooks_secret);
        let runtime = Runtime::new(&config::text(shape, &places), launch)?;
        let ring = Ring { org, account, cluster, proxy, runtime, sentinels: 0, deaths_us: Vec::new() };
        for at in 1..=shape.people {
            ring.add(&email(at), &format!("seeded {at}"))?;
        }
        ring.add(SENTINEL, "begin")?;
        Ok(ring)
    }

    /// As [`Self::new`], started and in step.
    pub async fn in_step(shape: &RingShape) -> Result<Self> {
        let mut ring = Ring::new(shape)?;
        ring.runtime.start()?;
        ring.settle().await?;
        Ok(ring)
    }

    /// A contact in the organisation, every value a token.
    fn add(&self, email: &str, token: &str) -> Result<()> {
        let mut values = serde_json::Map::new();
        values.insert("Email".to_owned(), json!(email));
        for field in edited() {
            values.insert(field.crm.to_owned(), json!(format!("{} {token}", field.name)));
        }
        self.org.create("Contact", Value::Object(values)).map(drop).map_err(refused)
    }

    /// A person's connection to the database.
    pub async fn person(&self) -> Result<Client> {
        self.cluster.connect(DATABASE).await
    }

    pub fn sql(&self, sql: &str) -> Result<String> {
        self.cluster.psql(DATABASE, sql)
    }

    /// The ids of the organisation's contacts with that address.
    pub fn crm_ids(&self, email: &str) -> Result<Vec<String>> {
        let rows = self.org.query(&format!("SELECT Id FROM Contact WHERE Email = '{email}'")).map_err(refused)?;
        Ok(rows.iter().filter_map(|row| row.get("Id")?.as_str().map(str::to_owned)).collect())
    }

    /// The account's contact with that address.
    pub fn hub_id(&self, email: &str) -> Option<u64> {
        let all = self.account.all("contacts");
        all.into_iter().find(|(_, values)| values.get("email").is_some_and(|held| held == email)).map(|(id, _)| id)
    }

    /// What one side shows in a field; nothing where the record is not there.
    pub async fn shown(&self, side: &str, email: &str, field: &Field) -> Result<Option<String>> {
        Ok(match side {
            CRM => {
                let id = self.crm_ids(email)?.into_iter().next();
                let row = id.and_then(|id| self.org.row("Contact", &id));
                row.and_then(|row| row.get(field.crm)?.as_str().map(str::to_owned))
            }
            HUB => self.hub_id(email).and_then(|id| self.account.get("contacts", id)?.get(field.hub).cloned()),
            _ => {
                let question = format!("SELECT {} FROM people WHERE email = $1", field.name);
                self.person().await?.query_opt(&question, &[&email]).await?.and_then(|row| row.get(0))
            }
        })
    }

    /// Edits a record at one side as its people do.
    pub async fn edit(&self, side: &str, email: &str, field: &Field, value: &str) -> Result<()> {
        match side {
            CRM => {
                let id = self.crm_ids(email)?.into_iter().next().context("not in the organisation")?;
                for _ in 0..LOCKED_MAX {
                    match self.org.update("Contact", &id, json!({ field.crm: value })) {
                        Err(refusal) if refusal.code == "UNABLE_TO_LOCK_ROW" => tokio::time::sleep(LOOK).await,
                        done => return done.map_err(refused),
                    }
                }
                anyhow::bail!("{email} stays locked")
            }
            HUB => {
                let id = self.hub_id(email).context("not in the account")?;
                self.account.edit("contacts", id, &[(field.hub, value)])
            }
            _ => {
                let update = format!("UPDATE people SET {} = $1 WHERE email = $2", field.name);
                let done = self.person().await?.execute(&update, &[&value, &email]).await?;
                ensure!(done == 1, "{done} rows with {email}");
                Ok(())
            }
        }
    }

    /// Waits until an edit made now has arrived from each side at the others, and
    /// nothing is left to do.
    pub async fn settle(&mut self) -> Result<()> {
        let fields = edited();
        for (at, from) in [CRM, HUB, DB].into_iter().enumerate() {
            self.sentinels += 1;
            // Each side has a field of its own there: these edits are no conversation.
            let field = *fields.get(at).context("a field a side")?;
            let token = format!("sentinel {}", self.sentinels);
            let until = Instant::now() + PATIENCE;
            // The first copy may not have brought the record here yet.
            while self.shown(from, SENTINEL, &field).await?.is_none() {
                self.wait(until, "the sentinel record").await?;
            }
            self.edit(from, SENTINEL, &field, &token).await?;
            for to in [CRM, HUB, DB].into_iter().filter(|to| *to != from) {
                while self.shown(to, SENTINEL, &field).await?.as_deref() != Some(&token) {
                    self.wait(until, &format!("an edit at {from} to arrive at {to}")).await?;
                }
            }
        }
        let seconds = PATIENCE.as_secs().to_string();
        self.runtime.call("status", &["--wait-quiet", "--timeout", &seconds])?;
        Ok(())
    }

    async fn wait(&mut self, until: Instant, what: &str) -> Result<()> {
        let running = self.runtime.is_running()?;
        ensure!(running, "the runtime ended while waiting for {what}: {}", self.runtime.log_tail());
        if Instant::now() > until {
            let status = self.runtime.try_call("status", &["--json"]).map(|done| done.stdout);
            anyhow::bail!("{what}: not within {PATIENCE:?}\nstatus: {status:?}\nlog: {}", self.runtime.log_tail());
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }

    /// Everything since the beginning, as the three tell it.
    async fn history(&self) -> Result<History> {
        let kept = recording::kept(&self.runtime, "email")?;
        let mut history = recording::collect(&[(DB, self.person().await?)], "email", kept).await?;
        let query = format!("SELECT Id FROM User WHERE Username = '{INTEGRATION_USER}'");
        let users = self.org.query(&query).map_err(refused)?;
        let ours = users.first().and_then(|row| row.get("Id")?.as_str().map(str::to_owned));
        let crm = tale::of_crm(&self.org.deeds("Contact"), &ours.context("no integration user")?);
        let hub = tale::of_hub(&self.account.events("contacts"));
        let names: Vec<&str> = FIELDS.iter().map(|field| field.crm).collect();
        let contacts = self.org.query(&format!("SELECT {} FROM Contact", names.join(", "))).map_err(refused)?;
        let contacts = contacts.iter().map(tale::crm_values).collect();
        let people = self.account.all("contacts").values().map(tale::hub_values).collect();
        for (side, tale, rows) in [(CRM, crm, contacts), (HUB, hub, people)] {
            history.sides.insert(side.to_owned());
            history.edits.extend(tale.edits);
            history.effective_writes = history.effective_writes.map(|writes| writes + tale.writes);
            history.tables.insert(side.to_owned(), rows_of(rows)?);
        }
        history.edits.sort_by_key(|edit| edit.at_micros);
        // Salesforce's gaps tell that something happened, not what, and events that are
        // dropped tell nothing: what no answer told of a row that is gone by the time it
        // is read, nobody can know. HubSpot keeps what archived records held.
        history.blind.insert(CRM.to_owned());
        history.shown = Some(self.shown_at_crm(&history));
        Ok(history)
    }

    /// The runtime is dead by now.
    pub fn died(&mut self) {
        self.deaths_us.push(now_us());
    }

    /// Edited values that answers of the organisation told the runtime, and that it
    /// had time to keep. A page of a full read tells nothing: its rows are read again.
    fn shown_at_crm(&self, history: &History) -> BTreeSet<Shown> {
        let is_kept = |at_us: i64| !self.deaths_us.iter().any(|died| (died - DYING_US..=*died).contains(&at_us));
        let is_page = |one: &Answered| one.path.contains("/query") && !one.query.contains("IN");
        let answers = self.org.traffic().answers().expect("fewer answers than are kept");
        let kept = answers.iter().filter(|one| is_kept(one.at_us) && !is_page(one));
        // Values are tokens without quotes: they stand in a body between two.
        let told: HashSet<&str> = kept.flat_map(|one| one.body.split('"')).collect();
        let mut shown = BTreeSet::new();
        for edit in history.edits.iter().filter(|edit| edit.side == CRM) {
            for (field, value) in edit.values() {
                if let Some(value) = value.as_ref().filter(|value| told.contains(value.as_str())) {
                    shown.insert(Shown { side: CRM.to_owned(), field: field.clone(), value: value.clone() });
                }
            }
        }
        shown
    }

    /// Rows that the runtime has changed at the three so far.
    async fn writes(&self) -> Result<u64> {
        self.history().await.map(|history| history.effective_writes.unwrap_or_default())
    }

    /// Settles, sees that nothing is written any more, and has the checker judge
    /// everything since the beginning: nothing is lost silently, nothing is there
    /// twice, all agree. An edit made on top of one whose delivery is not
    /// remembered can look concurrent; both values are kept then.
    pub async fn expect_nothing_lost(&mut self) -> Result<Verdict> {
        // Twice: what an overwritten value set off may only begin now.
        self.settle().await?;
        self.settle().await?;
        let before = self.writes().await?;
        tokio::time::sleep(REST).await;
        let history = self.history().await?;
        let after = history.effective_writes.unwrap_or_default();
        ensure!(before == after, "{} writes although nobody edits: {}", after - before, self.runtime.log_tail());
        let mut verdict = check(&history)?;
        eprintln!("{verdict}{} writes by the runtime", after);
        if let Some(path) = std::env::var_os(KEEP) {
            evidence::keep(self, &history, path.as_ref())?;
        }
        verdict.violations.retain(|violation| violation.kind != ViolationKind::FalseConflict);
        ensure!(verdict.is_clean(), "{verdict}\nthe runtime said: {}", self.runtime.log_tail());
        Ok(verdict)
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn rows_of(rows: Vec<std::collections::BTreeMap<String, Option<String>>>) -> Result<Vec<Row>> {
    let row = |values: std::collections::BTreeMap<String, Option<String>>| {
        let record = values.get("email").cloned().flatten().context("a record without an address")?;
        Ok(Row { record, values })
    };
    rows.into_iter().map(row).collect()
}

/// The address of a seeded contact.
pub fn email(at: u32) -> String {
    format!("person{at}@people.example")
}

pub(crate) fn refused(refusal: salesforce::Refusal) -> anyhow::Error {
    anyhow!("the organisation refused: {} ({})", refusal.message, refusal.code)
}
