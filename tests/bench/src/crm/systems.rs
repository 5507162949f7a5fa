//! A Salesforce organisation and a HubSpot account, played by simulators in this
//! process, and a real PostgreSQL database, with the real binary between them.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use lockstep_harness::{Cluster, ClusterOptions, Launch, Runtime};
use lockstep_simulators::{hubspot, salesforce};
use serde_json::json;
use tokio_postgres::Client;

const DATABASE: &str = "app";
/// Everything was made so long before it is looked at: what polls look back on is behind it.
const AGE: Duration = Duration::from_secs(6 * 3_600);
const PATIENCE: Duration = Duration::from_secs(900);

const TABLES: &str = "
GRANT EXECUTE ON FUNCTION pg_replication_origin_create(text), pg_replication_origin_session_setup(text) TO lockstep;
ALTER SCHEMA public OWNER TO app;
GRANT app TO lockstep;
GRANT CREATE ON DATABASE app TO lockstep;
SET ROLE app;
CREATE TABLE companies (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, website text UNIQUE, city text);
CREATE TABLE people (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE, first_name text, last_name text,
  phone text, title text, city text);
";

/// What differs between the measurements.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub companies: usize,
    pub people: usize,
    /// Neither change events nor webhooks: polled, this often.
    pub poll_interval_ms: Option<u32>,
}

pub struct Systems {
    pub org: salesforce::Org,
    pub account: hubspot::Account,
    pub cluster: Cluster,
    pub client: Client,
    pub runtime: Runtime,
    pub companies: Vec<Company>,
    shape: Shape,
    hooks_port: u16,
}

/// One company's keys at the two.
#[derive(Clone, Debug)]
pub struct Company {
    pub website: String,
    pub crm: String,
    pub hub: u64,
}

impl Systems {
    /// Filled, and not started.
    pub async fn new(shape: Shape) -> Result<Self> {
        let org = salesforce::Org::start(salesforce::Options::default())?;
        // The first subscription is given all events kept, among them one for each row made here.
        org.with(|state| state.settings.events_max = u64::MAX);
        let account = hubspot::Account::start(hubspot::Options::default())?;
        account.set(|settings| {
            // What the vendor takes before it sends is not what is measured.
            settings.webhooks.gather_ms = 0;
            settings.search_lag_ms = 0;
        });
        let then = org.clock().now().checked_sub(AGE)?;
        for clock in [org.clock(), &account.stage().clock] {
            clock.stop_at(then);
        }
        let companies = fill_companies(&org, &account, shape.companies)?;
        fill_people(&org, &account, shape.people)?;
        for clock in [org.clock(), &account.stage().clock] {
            clock.run();
            clock.advance(AGE);
        }
        let hooks_port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let secret = account.hook(account.app_id(), &format!("http://127.0.0.1:{hooks_port}/webhooks/hub"));
        if shape.poll_interval_ms.is_none() {
            for object in ["contact", "company"] {
                for event in ["creation", "deletion", "propertyChange", "merge", "restore"] {
                    account.subscribe(account.app_id(), &format!("{object}.{event}"), None, None);
                }
            }
        }
        let cluster = Cluster::start(ClusterOptions::default())?;
        cluster.create_role("app", "")?;
        cluster.create_role("lockstep", "REPLICATION")?;
        cluster.create_database(DATABASE)?;
        cluster.psql(DATABASE, TABLES)?;
        let client = cluster.connect(DATABASE).await?;
        let launch = Launch::default()
            .env("BENCH_SECRET", &org.with(|state| state.settings.client_secret.clone()))
            .env("BENCH_TOKEN", account.token())
            .env("BENCH_HOOKS", &secret)
            .env("BENCH_PASSWORD", cluster.password());
        let runtime = Runtime::new("", launch)?;
        let systems = Systems { org, account, cluster, client, runtime, companies, shape, hooks_port };
        systems.runtime.write_config(&systems.config(false))?;
        Ok(systems)
    }

    /// `people`: that sync, too.
    pub fn config(&self, people: bool) -> String {
        let (crm, hub, port) = (self.org.url(), self.account.url(), self.cluster.port());
        let hooks = format!("http://127.0.0.1:{}/webhooks/hub", self.hooks_port);
        let client = self.org.with(|state| state.settings.client_id.clone());
        let app = self.account.app_id();
        let (crm_more, hub_more, hook_table) = match self.shape.poll_interval_ms {
            Some(ms) => (
                format!(", changes = \"poll\", poll_interval_ms = {ms}"),
                format!(", poll_interval_ms = {ms}"),
                "".into(),
            ),
            None => (
                String::new(),
                format!(", webhook_url = \"{hooks}\""),
                format!("webhooks = {{ public_url = \"{hooks}\" }}\n"),
            ),
        };
        let mut text = format!(
            "[connections.crm]\nconnector = \"salesforce\"\nauth = \"client-credentials\"\n\
             config = {{ instance_url = \"{crm}\", client_id = \"{client}\"{crm_more} }}\n\
             secrets = {{ client_secret = \"env:BENCH_SECRET\" }}\ngrant = [\"{}\"]\n\n\
             [connections.hub]\nconnector = \"hubspot\"\nauth = \"private-app\"\n\
             config = {{ base_url = \"{hub}\", app_id = {app}{hub_more} }}\n\
             secrets = {{ token = \"env:BENCH_TOKEN\", client_secret = \"env:BENCH_HOOKS\" }}\n\
             grant = [\"{}\"]\n{hook_table}\n\
             [connections.db]\nconnector = \"postgres\"\n\
             config = {{ url = \"postgres://lockstep@127.0.0.1:{port}/{DATABASE}\" }}\n\
             secrets = {{ password = \"env:BENCH_PASSWORD\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n\
             [server]\nlisten = \"127.0.0.1:{}\"\n\n\
             [syncs.companies]\n\
             sides = {{ crm = \"Account\", hub = \"companies\", db = \"public.companies\" }}\n\
             match = [\"website\"]\nconflict = {{ prefer = \"crm\" }}\n\n[syncs.companies.fields]\n\
             name = {{ crm = \"Name\", hub = \"name\", db = \"name\" }}\n\
             website = {{ crm = \"Website\", hub = \"website\", db = \"website\" }}\n\
             city = {{ crm = \"BillingCity\", hub = \"city\", db = \"city\" }}\n\n",
            crm.replacen("://", ":", 1),
            hub.replacen("://", ":", 1),
            self.hooks_port,
        );
        if people {
            text += "[syncs.people]\nsides = { crm = \"Contact\", hub = \"contacts\", db = \"public.people\" }\n\
                     match = [\"email\"]\nconflict = { prefer = \"crm\" }\ninitial = { prefer = \"crm\" }\n\n\
                     [syncs.people.fields]\nemail = { crm = \"Email\", hub = \"email\", db = \"email\" }\n\
                     first_name = { crm = \"FirstName\", hub = \"firstname\", db = \"first_name\" }\n\
                     last_name = { crm = \"LastName\", hub = \"lastname\", db = \"last_name\" }\n\
                     phone = { crm = \"Phone\", hub = \"phone\", db = \"phone\" }\n\
                     title = { crm = \"Title\", hub = \"jobtitle\", db = \"title\" }\n\
                     city = { crm = \"MailingCity\", hub = \"city\", db = \"city\" }\n";
        }
        text
    }

    /// Starts, and waits until every sync is live and nothing is left to do.
    pub fn start(&mut self) -> Result<()> {
        self.runtime.start()?;
        self.wait_live(1)
    }

    /// Whether the binary answers: asked before, a command would open the state itself.
    pub fn answers(&self) -> bool {
        let ready = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.hooks_port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer.starts_with("HTTP/1.1 200"))
        };
        ready().unwrap_or(false)
    }

    fn wait_live(&mut self, syncs: usize) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while !self.answers() {
            ensure!(self.runtime.is_running()?, "it ended: {}", self.runtime.log_tail());
            ensure!(Instant::now() < until, "it does not answer: {}", self.runtime.log_tail());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.runtime.wait_until("the syncs to be live", PATIENCE, |runtime| {
            let Ok(status) = runtime.call_json("status", &[]) else { return Ok(false) };
            let all = status["syncs"].as_array().cloned().unwrap_or_default();
            Ok(all.len() == syncs && all.iter().all(|sync| sync["phase"] == "live"))
        })?;
        let seconds = PATIENCE.as_secs().to_string();
        self.runtime.call("status", &["--wait-quiet", "--timeout", &seconds]).map(drop)
    }

    /// Has a company's city edited at one of the three; when that was acknowledged.
    pub async fn edit(&self, at: Place, company: &Company, city: &str) -> Result<Instant> {
        match at {
            Place::Crm => {
                let done = self.org.update("Account", &company.crm, json!({ "BillingCity": city }));
                done.map_err(|refusal| anyhow!("{refusal}"))?;
            }
            Place::Hub => self.account.edit("companies", company.hub, &[("city", city)])?,
            Place::Db => {
                let update = "UPDATE companies SET city = $1 WHERE website = $2";
                let done = self.client.execute(update, &[&city, &company.website]).await?;
                ensure!(done == 1, "{done} companies with {}", company.website);
            }
        }
        Ok(Instant::now())
    }

    /// What one of the three shows of a company's city.
    pub async fn city(&self, at: Place, company: &Company) -> Result<Option<String>> {
        Ok(match at {
            Place::Crm => {
                let row = self.org.row("Account", &company.crm);
                row.and_then(|row| row.get("BillingCity")?.as_str().map(str::to_owned))
            }
            Place::Hub => self.account.get("companies", company.hub).and_then(|values| values.get("city").cloned()),
            Place::Db => {
                let question = "SELECT city FROM companies WHERE website = $1";
                self.client.query_opt(question, &[&company.website]).await?.and_then(|row| row.get(0))
            }
        })
    }

    pub async fn people_in_database(&self) -> Result<usize> {
        let count: i64 = self.client.query_one("SELECT count(*) FROM people", &[]).await?.get(0);
        usize::try_from(count).context("a count")
    }
}

/// Where something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Crm,
    Hub,
    Db,
}

pub const PLACES: [Place; 3] = [Place::Crm, Place::Hub, Place::Db];

fn fill_companies(org: &salesforce::Org, account: &hubspot::Account, count: usize) -> Result<Vec<Company>> {
    let company = |n: usize| {
        let (name, website) = (format!("Company {n}"), format!("https://company{n}.example"));
        let crm = org.create("Account", json!({ "Name": name, "Website": website, "BillingCity": "Bern" }));
        let crm = crm.map_err(|refusal| anyhow!("{refusal}"))?;
        let hub = account.create("companies", &[("name", &name), ("website", &website), ("city", "Bern")])?;
        Ok(Company { website, crm, hub })
    };
    (0..count).map(company).collect()
}

/// The same people at both.
fn fill_people(org: &salesforce::Org, account: &hubspot::Account, count: usize) -> Result<()> {
    for n in 0..count {
        let (email, phone) = (format!("person{n}@people.example"), format!("+41 31 {n:07}"));
        let (last, title) = (format!("Number {n}"), format!("Clerk {}", n % 40));
        let crm = org.create(
            "Contact",
            json!({ "FirstName": "Person", "LastName": last, "Email": email, "Phone": phone, "Title": title,
                    "MailingCity": "Bern" }),
        );
        crm.map_err(|refusal| anyhow!("{refusal}"))?;
        account.create(
            "contacts",
            &[
                ("email", &email),
                ("firstname", "Person"),
                ("lastname", &last),
                ("phone", &phone),
                ("jobtitle", &title),
                ("city", "Bern"),
            ],
        )?;
    }
    Ok(())
}
