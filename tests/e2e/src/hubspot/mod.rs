//! A HubSpot account and a database in one sync, the real binary between them.

mod history;
mod load;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lockstep_checker::{Verdict, ViolationKind, check};
use lockstep_harness::{Cluster, ClusterOptions, Launch, Runtime};
use lockstep_simulators::hubspot::{Account, Options};
use tokio_postgres::Client;

use crate::{
    recording::{self, RUNTIME_ROLE, TABLES},
    world::PATIENCE,
};

pub use history::displaced;
pub use load::{HubSpotLoad, HubSpotLoadShape};

const DATABASE: &str = "app";
const LOOK: Duration = Duration::from_millis(25);
/// The record whose edits show that what came before them has been delivered.
const SENTINEL: &str = "sentinel@people.example";
/// The database's columns and the account's properties, beside the e-mail address.
pub(crate) const MAPPED: [(&str, &str); 4] =
    [("name", "firstname"), ("phone", "phone"), ("city", "city"), ("note", "jobtitle")];

/// An account, a database, one runtime.
pub struct HubSpotWorld {
    pub account: Account,
    pub cluster: Cluster,
    pub runtime: Runtime,
    sentinels: u32,
}

impl HubSpotWorld {
    /// `count` people in the database, none in the account. `conflict`: TOML of
    /// the sync's policy. The runtime is not started.
    pub fn new(conflict: &str, count: u32) -> Result<Self> {
        let account = Account::start(Options::default())?;
        account.set(|settings| {
            settings.limits_enforced = false;
            settings.search_lag_ms = 300;
        });
        let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
        cluster.create_role("app", "")?;
        cluster.create_role(RUNTIME_ROLE, "REPLICATION")?;
        cluster.create_database(DATABASE)?;
        let rights = format!(
            "ALTER SCHEMA public OWNER TO app; GRANT app TO {RUNTIME_ROLE};
             GRANT CREATE ON DATABASE {DATABASE} TO {RUNTIME_ROLE};"
        );
        let sentinel = format!("INSERT INTO people (email, name) VALUES ('{SENTINEL}', 'begin');");
        // Addresses have to look like some; they are what finds a record at both sides.
        let people = format!(
            "INSERT INTO people (email, name, phone, city, note) SELECT 'person' || n || '@people.example',
             'name ' || n || ' seeded', 'phone ' || n || ' seeded', 'city ' || n || ' seeded', 'note ' || n || ' seeded'
             FROM generate_series(1, {count}) n;"
        );
        cluster.psql(DATABASE, &format!("{rights}{TABLES}{sentinel}{people}"))?;
        let launch = Launch::default().env("E2E_PASSWORD", cluster.password()).env("E2E_TOKEN", account.token());
        let runtime = Runtime::new(&config(&account, &cluster, conflict), launch)?;
        Ok(HubSpotWorld { account, cluster, runtime, sentinels: 0 })
    }

    /// As [`Self::new`], started and in step.
    pub async fn in_step(conflict: &str, count: u32) -> Result<Self> {
        let mut world = HubSpotWorld::new(conflict, count)?;
        world.runtime.start()?;
        world.settle().await?;
        Ok(world)
    }

    /// A person's connection to the database.
    pub async fn person(&self) -> Result<Client> {
        self.cluster.connect(DATABASE).await
    }

    /// The id of the contact with that address.
    pub fn contact(&self, email: &str) -> Option<u64> {
        let all = self.account.all("contacts");
        all.into_iter().find(|(_, values)| values.get("email").is_some_and(|held| held == email)).map(|(id, _)| id)
    }

    /// Waits until an edit made now has arrived in each direction and nothing
    /// is left to do.
    pub async fn settle(&mut self) -> Result<()> {
        self.sentinels += 1;
        let until = Instant::now() + PATIENCE;
        let person = self.person().await?;
        let name = format!("sentinel {}", self.sentinels);
        person.execute(&format!("UPDATE people SET name = $1 WHERE email = '{SENTINEL}'"), &[&name]).await?;
        let id = loop {
            let there = self.contact(SENTINEL).filter(|id| {
                let values = self.account.get("contacts", *id).unwrap_or_default();
                values.get("firstname") == Some(&name)
            });
            match there {
                Some(id) => break id,
                None => self.wait(until, "an edit in the database to arrive at HubSpot").await?,
            }
        };
        let phone = format!("sentinel {}", self.sentinels);
        self.account.edit("contacts", id, &[("phone", &phone)])?;
        let arrived = format!("SELECT 1 FROM people WHERE email = '{SENTINEL}' AND phone = $1");
        while person.query(&arrived, &[&phone]).await?.is_empty() {
            self.wait(until, "an edit at HubSpot to arrive in the database").await?;
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

    /// Settles, and has the checker judge everything since the beginning.
    pub async fn judge(&mut self) -> Result<Verdict> {
        // Twice: what an overwritten value set off may only begin now.
        self.settle().await?;
        self.settle().await?;
        let kept = recording::kept(&self.runtime, "email")?;
        let person = self.person().await?;
        let mut history = recording::collect(&[("db", person)], "email", kept).await?;
        history::add(&mut history, &self.account);
        let verdict = check(&history)?;
        eprintln!("{verdict}");
        if !verdict.is_clean()
            && let Some(path) = std::env::var_os("E2E_KEEP")
        {
            std::fs::write(&path, serde_json::to_vec_pretty(&history)?).context("keeping the history")?;
        }
        Ok(verdict)
    }

    /// Judges, and fails the test where anything was lost. An edit made on top
    /// of one whose delivery is not remembered can look concurrent: both values
    /// are kept then.
    pub async fn expect_nothing_lost(&mut self) -> Result<Verdict> {
        let mut verdict = self.judge().await?;
        verdict.violations.retain(|violation| violation.kind != ViolationKind::FalseConflict);
        ensure!(verdict.is_clean(), "{verdict}\nthe runtime said: {}", self.runtime.log_tail());
        Ok(verdict)
    }
}

fn config(account: &Account, cluster: &Cluster, conflict: &str) -> String {
    let (url, app, port) = (account.url(), account.app_id(), cluster.port());
    let address = url.trim_start_matches("http://");
    let mut text = format!(
        "[connections.hs]\nconnector = \"hubspot\"\nauth = \"private-app\"\n\
         config = {{ base_url = \"{url}\", app_id = {app}, poll_interval_ms = 300, archived_interval_ms = 1000 }}\n\
         secrets = {{ token = \"env:E2E_TOKEN\" }}\ngrant = [\"http:{address}\"]\n\n\
         [connections.db]\nconnector = \"postgres\"\n\
         config = {{ url = \"postgres://lockstep@127.0.0.1:{port}/{DATABASE}\" }}\n\
         secrets = {{ password = \"env:E2E_PASSWORD\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n\
         [syncs.people]\nsides = {{ hs = \"contacts\", db = \"public.people\" }}\n\
         match = [\"email\"]\nconflict = {conflict}\ndeletes = \"update-wins\"\n\
         delete_storm = false\nbounces_max = 100\n\n[syncs.people.fields]\n\
         email = {{ hs = \"email\", db = \"email\" }}\n"
    );
    for (column, property) in MAPPED {
        text += &format!("{column} = {{ hs = \"{property}\", db = \"{column}\" }}\n");
    }
    text
}
