//! A Salesforce organisation and a database in one sync: the organisation is a
//! stateful server on loopback, the database and the binary are real. What
//! people did in the organisation is told by its own change events.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use lockstep_checker::{Deed, Edit, Row, Verdict, ViolationKind, check};
use lockstep_harness::{Cluster, ClusterOptions, Launch, Runtime};
use lockstep_simulators::salesforce::{INTEGRATION_USER, Options, Org};
use serde_json::{Map, Value, json};
use tokio_postgres::Client;

use crate::{
    recording::{self, RUNTIME_ROLE, TABLES},
    world::PATIENCE,
};

const DATABASE: &str = "app";
const LOOK: Duration = Duration::from_millis(25);
const SENTINEL: &str = "sentinel@example.com";
/// The database's column, and the organisation's field in events and answers.
const FIELDS: [(&str, &str); 5] =
    [("email", "Email"), ("name", "LastName"), ("phone", "Phone"), ("city", "MailingCity"), ("note", "Description")];

/// One organisation, one database, one runtime.
pub struct Crm {
    pub org: Org,
    cluster: Cluster,
    pub runtime: Runtime,
    sentinels: u32,
}

impl Crm {
    /// `count` contacts in the organisation and an empty database. `settings`:
    /// further ones of the connection, as the inside of a TOML table. The
    /// runtime is not started.
    pub async fn new(options: Options, settings: &str, count: u32) -> Result<Self> {
        let org = Org::start(options)?;
        for at in 1..=count {
            let values = json!({"Email": email(at), "LastName": format!("name {at} seeded"), "Phone": format!("{at}")});
            org.create("Contact", values).map_err(refused)?;
        }
        org.create("Contact", json!({"Email": SENTINEL, "LastName": "begin"})).map_err(refused)?;
        let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
        cluster.create_role("app", "")?;
        cluster.create_role(RUNTIME_ROLE, "REPLICATION")?;
        cluster.create_database(DATABASE)?;
        let rights = format!(
            "ALTER SCHEMA public OWNER TO app; GRANT app TO {RUNTIME_ROLE};
             GRANT CREATE ON DATABASE {DATABASE} TO {RUNTIME_ROLE};"
        );
        cluster.psql(DATABASE, &format!("{rights}{TABLES}"))?;
        let launch = Launch::default()
            .env("E2E_PASSWORD", cluster.password())
            .env("E2E_SECRET", &org.with(|state| state.settings.client_secret.clone()));
        let runtime = Runtime::new(&config(&org, cluster.port(), settings), launch)?;
        Ok(Crm { org, cluster, runtime, sentinels: 0 })
    }

    /// As [`Self::new`], started and in step.
    pub async fn in_step(options: Options, settings: &str, count: u32) -> Result<Self> {
        let mut crm = Crm::new(options, settings, count).await?;
        crm.runtime.start()?;
        crm.settle().await?;
        Ok(crm)
    }

    /// A person's connection to the database.
    pub async fn person(&self) -> Result<Client> {
        self.cluster.connect(DATABASE).await
    }

    pub fn sql(&self, sql: &str) -> Result<String> {
        self.cluster.psql(DATABASE, sql)
    }

    /// The id of a contact.
    pub fn contact(&self, email: &str) -> Result<String> {
        let rows = self.org.query(&format!("SELECT Id FROM Contact WHERE Email = '{email}'")).map_err(refused)?;
        ensure!(rows.len() == 1, "{} contacts with {email}", rows.len());
        let id = rows.first().and_then(|row| row.get("Id")).and_then(Value::as_str);
        Ok(id.context("a row without Id")?.to_owned())
    }

    /// What a contact shows in a field.
    pub fn shown(&self, email: &str, field: &str) -> Result<Option<String>> {
        let row = self.org.row("Contact", &self.contact(email)?).context("the contact is gone")?;
        Ok(text(&row, field))
    }

    /// Edits a contact as a person.
    pub fn edit(&self, email: &str, field: &str, value: &str) -> Result<()> {
        self.org.update("Contact", &self.contact(email)?, json!({ field: value })).map_err(refused)
    }

    /// Waits until an edit made now has arrived in each direction and nothing
    /// is left to do.
    pub async fn settle(&mut self) -> Result<()> {
        self.sentinels += 1;
        let token = format!("sentinel {}", self.sentinels);
        let until = Instant::now() + PATIENCE;
        let database = self.person().await?;
        self.edit(SENTINEL, "LastName", &token)?;
        let arrived = format!("SELECT 1 FROM people WHERE email = '{SENTINEL}' AND name = $1");
        while database.query(&arrived, &[&token]).await?.is_empty() {
            self.check_waiting(until, "an edit in the organisation to arrive")?;
            tokio::time::sleep(LOOK).await;
        }
        let update = format!("UPDATE people SET city = $1 WHERE email = '{SENTINEL}'");
        database.execute(&update, &[&token]).await?;
        while self.shown(SENTINEL, "MailingCity")?.as_deref() != Some(token.as_str()) {
            self.check_waiting(until, "an edit in the database to arrive")?;
            tokio::time::sleep(LOOK).await;
        }
        let seconds = PATIENCE.as_secs().to_string();
        self.runtime.call("status", &["--wait-quiet", "--timeout", &seconds])?;
        Ok(())
    }

    fn check_waiting(&mut self, until: Instant, what: &str) -> Result<()> {
        let running = self.runtime.is_running()?;
        ensure!(running, "the runtime ended while waiting for {what}: {}", self.runtime.log_tail());
        if Instant::now() > until {
            let status = self.runtime.try_call("status", &["--json"]).map(|done| done.stdout);
            bail!("{what}: not within {PATIENCE:?}\nstatus: {status:?}\nlog: {}", self.runtime.log_tail());
        }
        Ok(())
    }

    /// Settles, and has the checker judge everything since the beginning: nothing
    /// may be lost and both sides must agree. An older event seen after a newer
    /// read can make two edits look concurrent; both are kept then.
    pub async fn expect_nothing_lost(&mut self) -> Result<Verdict> {
        self.settle().await?;
        let kept = recording::kept(&self.runtime, "email")?;
        let mut history = recording::collect(&[("db", self.person().await?)], "email", kept).await?;
        let told = deeds(&self.org.events(), &self.integration_user()?)?;
        history.sides.insert("crm".to_owned());
        history.edits.extend(told.edits);
        history.edits.sort_by_key(|edit| edit.at_micros);
        history.effective_writes = history.effective_writes.map(|writes| writes + told.writes);
        history.tables.insert("crm".to_owned(), self.contacts()?);
        let mut verdict = check(&history)?;
        eprintln!("{verdict}");
        if let Some(path) = std::env::var_os("E2E_KEEP") {
            std::fs::write(path, serde_json::to_vec_pretty(&history)?).context("keeping the history")?;
        }
        verdict.violations.retain(|violation| violation.kind != ViolationKind::FalseConflict);
        ensure!(verdict.is_clean(), "{verdict}\nthe runtime said: {}", self.runtime.log_tail());
        Ok(verdict)
    }

    /// The user behind the runtime's token.
    fn integration_user(&self) -> Result<String> {
        let query = format!("SELECT Id FROM User WHERE Username = '{INTEGRATION_USER}'");
        let rows = self.org.query(&query).map_err(refused)?;
        rows.first().and_then(|row| text(row, "Id")).context("no integration user")
    }

    fn contacts(&self) -> Result<Vec<Row>> {
        let names: Vec<&str> = FIELDS.iter().map(|(_, field)| *field).collect();
        let rows = self.org.query(&format!("SELECT {} FROM Contact", names.join(", "))).map_err(refused)?;
        let row = |row: &Value| {
            let values = FIELDS.iter().map(|(column, field)| ((*column).to_owned(), text(row, field))).collect();
            Ok(Row { record: text(row, "Email").context("a contact without an address")?, values })
        };
        rows.iter().map(row).collect()
    }
}

/// The address of a seeded contact.
pub fn email(at: u32) -> String {
    format!("person{at}@example.com")
}

fn config(org: &Org, port: u16, settings: &str) -> String {
    let url = org.url();
    let client = org.with(|state| state.settings.client_id.clone());
    let authority = url.trim_start_matches("http://");
    let fields: Vec<String> =
        FIELDS.iter().map(|(column, field)| format!("{column} = {{ crm = \"{field}\", db = \"{column}\" }}")).collect();
    let fields = fields.join("\n");
    format!(
        "[connections.crm]\nconnector = \"salesforce\"\nauth = \"client-credentials\"\n\
         config = {{ instance_url = \"{url}\", client_id = \"{client}\"{settings} }}\n\
         secrets = {{ client_secret = \"env:E2E_SECRET\" }}\n\
         grant = [\"http:{authority}\"]\n\n\
         [connections.db]\nconnector = \"postgres\"\n\
         config = {{ url = \"postgres://{RUNTIME_ROLE}@127.0.0.1:{port}/{DATABASE}\" }}\n\
         secrets = {{ password = \"env:E2E_PASSWORD\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n\
         [syncs.people]\nsides = {{ crm = \"Contact\", db = \"public.people\" }}\nmatch = [\"email\"]\n\
         conflict = {{ prefer = \"crm\" }}\ndeletes = \"update-wins\"\ndelete_storm = false\nbounces_max = 100\n\n\
         [syncs.people.fields]\n{fields}\n"
    )
}

fn refused(refusal: lockstep_simulators::salesforce::Refusal) -> anyhow::Error {
    anyhow::anyhow!("the organisation refused: {} ({})", refusal.message, refusal.code)
}

fn text(row: &Value, field: &str) -> Option<String> {
    row.get(field).and_then(Value::as_str).map(str::to_owned)
}

struct Told {
    edits: Vec<Edit>,
    /// Rows the runtime changed.
    writes: u64,
}

type Values = BTreeMap<String, Option<String>>;

/// What people did, from the organisation's own events: each tells what changed,
/// and what it was before is what the events before it made of the row.
fn deeds(events: &[Value], ours: &str) -> Result<Told> {
    let mut told = Told { edits: Vec::new(), writes: 0 };
    let mut rows: BTreeMap<String, Values> = BTreeMap::new();
    for event in events {
        let payload = event.get("payload").and_then(Value::as_object).context("an event without payload")?;
        let header = payload.get("ChangeEventHeader").context("an event without header")?;
        let kind = header["changeType"].as_str().unwrap_or_default();
        let person = header["commitUser"].as_str() != Some(ours);
        let at_micros = header["commitTimestamp"].as_i64().unwrap_or_default() * 1_000;
        for id in header["recordIds"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let changed = changed(payload, header, kind);
            let row = rows.entry(id.to_owned()).or_default();
            let before = row.clone();
            row.extend(changed.clone());
            let record = row.get("email").cloned().flatten().context("a contact without an address")?;
            let seen = |values: &Values| -> Values {
                values.keys().map(|column| (column.clone(), before.get(column).cloned().flatten())).collect()
            };
            let deed = match kind {
                "CREATE" => Deed::Insert { values: changed },
                "DELETE" => Deed::Delete { seen: before.clone() },
                _ if changed.is_empty() => continue,
                _ => Deed::Update { seen: seen(&changed), values: changed },
            };
            match person {
                true => told.edits.push(Edit { side: "crm".to_owned(), record, at_micros, deed }),
                false => told.writes += 1,
            }
        }
    }
    Ok(told)
}

/// The mapped values that an event tells.
fn changed(payload: &Map<String, Value>, header: &Value, kind: &str) -> Values {
    let named: BTreeSet<&str> =
        header["changedFields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let value = |field: &str| {
        let place = match field {
            "LastName" => payload.get("Name").and_then(|name| name.get("LastName")),
            "MailingCity" => payload.get("MailingAddress").and_then(|address| address.get("City")),
            other => payload.get(other),
        };
        place.and_then(Value::as_str).map(str::to_owned)
    };
    let is_named = |field: &str| match field {
        "LastName" => named.contains("Name.LastName"),
        "MailingCity" => named.contains("MailingAddress.City"),
        other => named.contains(other),
    };
    FIELDS
        .iter()
        .filter(|(_, field)| kind == "CREATE" || (kind == "UPDATE" && is_named(field)))
        .map(|(column, field)| ((*column).to_owned(), value(field)))
        .collect()
}
