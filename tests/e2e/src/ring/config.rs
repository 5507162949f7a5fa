//! The file that keeps the three in step.

use lockstep_simulators::{hubspot::Account, salesforce::Org};

use super::{CRM, DATABASE, DB, FIELDS, HUB};
use crate::recording::RUNTIME_ROLE;

/// What differs between scenarios.
#[derive(Clone, Debug)]
pub struct RingShape {
    /// TOML of `conflict`.
    pub conflict: String,
    /// Further settings of the Salesforce connection, as the inside of a TOML table.
    pub crm_settings: String,
    /// HubSpot tells what happened by webhooks; polling finds what they lost.
    pub webhooks: bool,
    pub poll_interval_ms: u32,
    /// Rewrites in a row that are borne before a field is held.
    pub bounces_max: u32,
    /// Limits are enforced by HubSpot as they are by default.
    pub limits: bool,
    /// Contacts that are in the organisation at the beginning.
    pub people: u32,
}

impl Default for RingShape {
    fn default() -> Self {
        RingShape {
            conflict: format!("{{ latest = true, else = {{ prefer = \"{CRM}\" }} }}"),
            crm_settings: String::new(),
            webhooks: true,
            poll_interval_ms: 3_000,
            bounces_max: 100,
            limits: false,
            people: 24,
        }
    }
}

/// Where everything is.
pub(super) struct Places<'p> {
    pub org: &'p Org,
    pub account: &'p Account,
    /// Of the database, as the runtime reaches it.
    pub port: u16,
    /// Of the runtime's listener.
    pub hooks_port: u16,
}

pub(super) fn text(shape: &RingShape, places: &Places<'_>) -> String {
    let (crm, hub) = (places.org.url(), places.account.url());
    let client = places.org.with(|state| state.settings.client_id.clone());
    let app = places.account.app_id();
    let RingShape { conflict, crm_settings, bounces_max, poll_interval_ms, .. } = shape;
    let hooks = format!("http://127.0.0.1:{}/webhooks/{HUB}", places.hooks_port);
    let (hook_setting, hook_secret, hook_table) = match shape.webhooks {
        true => (
            format!(", webhook_url = \"{hooks}\""),
            ", client_secret = \"env:E2E_HOOKS\"",
            format!("webhooks = {{ public_url = \"{hooks}\" }}\n"),
        ),
        false => (String::new(), "", String::new()),
    };
    let (port, listen) = (places.port, places.hooks_port);
    let mut text = format!(
        "[connections.{CRM}]\nconnector = \"salesforce\"\nauth = \"client-credentials\"\n\
         config = {{ instance_url = \"{crm}\", client_id = \"{client}\"{crm_settings} }}\n\
         secrets = {{ client_secret = \"env:E2E_SECRET\" }}\ngrant = [\"{}\"]\n\n\
         [connections.{HUB}]\nconnector = \"hubspot\"\nauth = \"private-app\"\n\
         config = {{ base_url = \"{hub}\", app_id = {app}, poll_interval_ms = {poll_interval_ms}, \
         archived_interval_ms = 2000{hook_setting} }}\n\
         secrets = {{ token = \"env:E2E_TOKEN\"{hook_secret} }}\ngrant = [\"{}\"]\n{hook_table}\n\
         [connections.{DB}]\nconnector = \"postgres\"\n\
         config = {{ url = \"postgres://{RUNTIME_ROLE}@127.0.0.1:{port}/{DATABASE}\" }}\n\
         secrets = {{ password = \"env:E2E_PASSWORD\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n\
         [server]\nlisten = \"127.0.0.1:{listen}\"\n\n\
         [syncs.people]\nsides = {{ {CRM} = \"Contact\", {HUB} = \"contacts\", {DB} = \"public.people\" }}\n\
         match = [\"email\"]\nconflict = {conflict}\ndeletes = \"update-wins\"\n\
         delete_storm = false\nbounces_max = {bounces_max}\n\n[syncs.people.fields]\n",
        granted(&crm),
        granted(&hub),
    );
    for field in FIELDS {
        let name = field.name;
        text += &format!("{name} = {{ {CRM} = \"{}\", {HUB} = \"{}\", {DB} = \"{name}\" }}\n", field.crm, field.hub);
    }
    text
}

fn granted(url: &str) -> String {
    url.replacen("://", ":", 1)
}
