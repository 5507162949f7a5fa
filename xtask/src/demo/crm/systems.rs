//! The three systems: a Salesforce organisation and a HubSpot account, played by
//! simulators that speak the vendors' HTTP, and a real PostgreSQL database. All
//! of it is gone at the end.

use std::net::TcpListener;

use anyhow::Result;
use lockstep_harness::{Cluster, ClusterOptions, Launch};
use lockstep_simulators::{hubspot, salesforce};
use serde_json::json;
use tokio_postgres::Client;

use crate::demo::data::{self, Company, Person};

pub const COMPANIES: usize = 150;
/// People in the Salesforce organisation.
pub const PEOPLE: usize = 1_500;
/// The first so many of them are in the HubSpot account, too.
pub const SHARED: usize = 600;

const TABLES: &str = "
CREATE TABLE companies (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  website text UNIQUE,
  city text
);
CREATE TABLE people (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email text UNIQUE,
  first_name text,
  last_name text,
  phone text,
  title text,
  city text,
  company_id bigint REFERENCES companies
);
";

const RIGHTS: &str = "
GRANT EXECUTE ON FUNCTION pg_replication_origin_create(text), pg_replication_origin_session_setup(text) TO lockstep;
ALTER SCHEMA public OWNER TO app;
GRANT app TO lockstep;
GRANT CREATE ON DATABASE app TO lockstep;
SET ROLE app;
";

pub struct Systems {
    pub crm: salesforce::Org,
    pub hub: hubspot::Account,
    pub server: Cluster,
    pub app: Client,
    hooks_port: u16,
    hooks_secret: String,
}

/// Starts the three and fills them.
pub async fn start() -> Result<Systems> {
    let (companies, people) = data::some(COMPANIES, PEOPLE);
    let crm = salesforce::Org::start(salesforce::Options::default())?;
    fill_crm(&crm, &companies, &people)?;
    let hub = hubspot::Account::start(hubspot::Options::default())?;
    fill_hub(&hub, &companies, people.get(..SHARED).unwrap_or_default())?;
    let hooks_port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let hooks_secret = hub.hook(hub.app_id(), &format!("http://127.0.0.1:{hooks_port}/webhooks/hub"));
    for object in ["contact", "company"] {
        for event in ["creation", "deletion", "propertyChange", "merge", "restore"] {
            hub.subscribe(hub.app_id(), &format!("{object}.{event}"), None, None);
        }
    }
    let server = Cluster::start(ClusterOptions::default())?;
    server.create_role("app", "")?;
    server.create_role("lockstep", "REPLICATION")?;
    server.create_database("app")?;
    server.psql("app", &format!("{RIGHTS}{TABLES}"))?;
    let app = server.connect("app").await?;
    Ok(Systems { crm, hub, server, app, hooks_port, hooks_secret })
}

fn fill_crm(crm: &salesforce::Org, companies: &[Company], people: &[Person]) -> Result<()> {
    let mut accounts = Vec::new();
    for company in companies {
        let values = json!({
            "Name": company.name,
            "Website": format!("https://{}", company.domain),
            "BillingCity": company.city,
        });
        accounts.push(crm.create("Account", values).map_err(|error| anyhow::anyhow!("{error:?}"))?);
    }
    for person in people {
        let values = json!({
            "FirstName": person.given,
            "LastName": person.family,
            "Email": person.email,
            "Phone": person.phone,
            "Title": person.title,
            "AccountId": accounts.get(person.company),
        });
        crm.create("Contact", values).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    }
    Ok(())
}

fn fill_hub(hub: &hubspot::Account, companies: &[Company], people: &[Person]) -> Result<()> {
    let mut known = Vec::new();
    for company in companies.iter().take(COMPANIES / 2) {
        let website = format!("https://{}", company.domain);
        known.push(hub.create("companies", &[("name", &company.name), ("website", &website), ("city", company.city)])?);
    }
    for person in people {
        let contact = hub.create(
            "contacts",
            &[
                ("email", &person.email),
                ("firstname", person.given),
                ("lastname", person.family),
                ("phone", &person.phone),
            ],
        )?;
        if let Some(company) = known.get(person.company) {
            hub.associate(("contacts", contact), ("companies", *company))?;
        }
    }
    Ok(())
}

impl Systems {
    /// The configuration that keeps them in step.
    pub fn configuration(&self) -> String {
        let grant = |url: &str| url.replacen("://", ":", 1);
        let hooks = format!("127.0.0.1:{}", self.hooks_port);
        let client = self.crm.with(|state| state.settings.client_id.clone());
        include_str!("demo.toml")
            .replace("SALESFORCE_CLIENT", &client)
            .replace("SALESFORCE_URL", &self.crm.url())
            .replace("SALESFORCE_GRANT", &grant(&self.crm.url()))
            .replace("HUBSPOT_URL", &self.hub.url())
            .replace("HUBSPOT_GRANT", &grant(&self.hub.url()))
            .replace("HUBSPOT_APP", &self.hub.app_id().to_string())
            .replace("HOOKS_URL", &format!("http://{hooks}/webhooks/hub"))
            .replace("HOOKS_LISTEN", &hooks)
            .replace("POSTGRES_PORT", &self.server.port().to_string())
    }

    /// The secrets that the configuration refers to.
    pub fn launch(&self) -> Launch {
        let secret = self.crm.with(|state| state.settings.client_secret.clone());
        Launch::default()
            .env("SF_SECRET", &secret)
            .env("HUBSPOT_TOKEN", self.hub.token())
            .env("HUBSPOT_SECRET", &self.hooks_secret)
            .env("DEMO_PASSWORD", self.server.password())
    }
}
