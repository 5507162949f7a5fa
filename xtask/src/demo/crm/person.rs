//! One person as each of the three systems shows them, and edits made there the
//! way that system's own people make them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;

use super::systems::Systems;
use crate::demo::go_on;

/// How long a value may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// One field's name at each system.
pub struct Names {
    pub crm: &'static str,
    pub hub: &'static str,
    pub app: &'static str,
}

pub const PHONE: Names = Names { crm: "Phone", hub: "phone", app: "phone" };
pub const TITLE: Names = Names { crm: "Title", hub: "jobtitle", app: "title" };
pub const CITY: Names = Names { crm: "MailingCity", hub: "city", app: "city" };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Crm,
    Hub,
    App,
}

pub const PLACES: [Place; 3] = [Place::Crm, Place::Hub, Place::App];

impl Place {
    pub fn name(self) -> &'static str {
        match self {
            Place::Crm => "Salesforce",
            Place::Hub => "HubSpot",
            Place::App => "PostgreSQL",
        }
    }
}

pub struct Person<'a> {
    systems: &'a Systems,
    pub email: String,
    /// Salesforce's id.
    pub crm: String,
    /// HubSpot's id.
    pub hub: u64,
}

impl<'a> Person<'a> {
    /// The person of that place in the alphabet of addresses.
    pub async fn nth(systems: &'a Systems, place: i64) -> Result<Self> {
        let row = systems.app.query_one("SELECT email FROM people ORDER BY email LIMIT 1 OFFSET $1", &[&place]).await?;
        let email: String = row.get(0);
        let found = systems
            .crm
            .query(&format!("SELECT Id FROM Contact WHERE Email = '{email}'"))
            .map_err(|error| anyhow!("{error:?}"))?;
        let crm = found.first().and_then(|row| row.get("Id")?.as_str()).context("not in Salesforce")?.to_owned();
        let hub = systems.hub.all("contacts");
        let hub = hub.iter().find(|(_, values)| values.get("email") == Some(&email)).context("not in HubSpot")?;
        Ok(Person { systems, email, crm, hub: *hub.0 })
    }

    /// What somebody types there, as it is shown to the one who watches.
    pub fn edit_shown(&self, place: Place, names: &Names, value: &str) -> String {
        match place {
            Place::Crm => format!("{}: \"{value}\"", names.crm),
            Place::Hub => format!("{}: \"{value}\"", names.hub),
            Place::App => format!("UPDATE people SET {} = '{value}' WHERE email = '{}'", names.app, self.email),
        }
    }

    pub async fn edit(&self, place: Place, names: &Names, value: &str) -> Result<()> {
        match place {
            Place::Crm => {
                let values = json!({ names.crm: value });
                self.systems.crm.update("Contact", &self.crm, values).map_err(|error| anyhow!("{error:?}"))?;
            }
            Place::Hub => self.systems.hub.edit("contacts", self.hub, &[(names.hub, value)])?,
            Place::App => self.systems.app.batch_execute(&self.edit_shown(place, names, value)).await?,
        }
        Ok(())
    }

    pub async fn value(&self, place: Place, names: &Names) -> Result<Option<String>> {
        Ok(match place {
            Place::Crm => {
                let row = self.systems.crm.row("Contact", &self.crm);
                row.and_then(|row| row.get(names.crm)?.as_str().map(str::to_owned))
            }
            Place::Hub => self.systems.hub.get("contacts", self.hub).and_then(|values| values.get(names.hub).cloned()),
            Place::App => {
                let question = format!("SELECT {} FROM people WHERE email = $1", names.app);
                self.systems.app.query_opt(&question, &[&self.email]).await?.and_then(|row| row.get(0))
            }
        })
    }

    /// Milliseconds until the value is there.
    pub async fn arrives(&self, place: Place, names: &Names, value: &str, since: Instant) -> Result<f64> {
        loop {
            go_on()?;
            let seen = self.value(place, names).await?;
            if seen.as_deref() == Some(value) {
                return Ok(since.elapsed().as_secs_f64() * 1000.0);
            }
            if since.elapsed() > PATIENCE {
                bail!("'{value}' did not arrive at {}: there is {seen:?}", place.name());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
