//! The file that keeps the three in step.

use lockstep_simulators::{
    hubspot::Account,
    salesforce::{INTEGRATION_USER, Org},
};

use super::{CRM, DATABASE, DB, FIELDS, HUB};
use crate::recording::RUNTIME_ROLE;

/// How the runtime signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// Salesforce by client credentials, HubSpot by a private app's token.
    Plain,
    /// Salesforce by a signed assertion.
    Jwt,
    /// Both by refresh tokens; Salesforce's change with every use.
    Refresh,
}

/// Nobody's key, made for these tests.
pub(super) const PRIVATE_KEY: &str = include_str!("../../tests/keys/private.pem");
pub(super) const PUBLIC_KEY: &str = include_str!("../../tests/keys/public.pem");

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
    pub sign_in: SignIn,
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
            sign_in: SignIn::Plain,
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
    /// The client that HubSpot's refresh token belongs to.
    pub hub_client: &'p str,
}

/// One connection's way in, as its lines in the file.
struct WayIn {
    auth: &'static str,
    config: String,
    secrets: String,
}

fn crm_way_in(sign_in: SignIn, url: &str) -> WayIn {
    let secret = "client_secret = \"env:E2E_SECRET\"".to_owned();
    let login = format!(", login_url = \"{url}\"");
    match sign_in {
        SignIn::Plain => WayIn { auth: "client-credentials", config: String::new(), secrets: secret },
        SignIn::Jwt => WayIn {
            auth: "jwt-bearer",
            config: format!("{login}, username = \"{INTEGRATION_USER}\""),
            secrets: "private_key = \"env:E2E_KEY\"".to_owned(),
        },
        SignIn::Refresh => WayIn {
            auth: "refresh-token",
            config: login,
            secrets: format!("{secret}, refresh_token = \"env:E2E_REFRESH\""),
        },
    }
}

fn hub_way_in(sign_in: SignIn, client: &str) -> WayIn {
    match sign_in {
        SignIn::Plain | SignIn::Jwt => WayIn {
            auth: "private-app",
            config: String::new(),
            secrets: "token = \"env:E2E_TOKEN\", client_secret = \"env:E2E_HOOKS\"".to_owned(),
        },
        SignIn::Refresh => WayIn {
            auth: "oauth",
            config: format!(", client_id = \"{client}\""),
            secrets: "client_secret = \"env:E2E_HOOKS\", refresh_token = \"env:E2E_HUB_REFRESH\"".to_owned(),
        },
    }
}

pub(super) fn text(shape: &RingShape, places: &Places<'_>) -> String {
    let (crm, hub) = (places.org.url(), places.account.url());
    let client = places.org.with(|state| state.settings.client_id.clone());
    let app = places.account.app_id();
    let RingShape { conflict, crm_settings, bounces_max, poll_interval_ms, .. } = shape;
    let hooks = format!("http://127.0.0.1:{}/webhooks/{HUB}", places.hooks_port);
    let (hook_setting, hook_table) = match shape.webhooks {
        true => (format!(", webhook_url = \"{hooks}\""), format!("webhooks = {{ public_url = \"{hooks}\" }}\n")),
        false => (String::new(), String::new()),
    };
    let (crm_in, hub_in) = (crm_way_in(shape.sign_in, &crm), hub_way_in(shape.sign_in, places.hub_client));
    let (port, listen) = (places.port, places.hooks_port);
    let mut text = format!(
        "[connections.{CRM}]\nconnector = \"salesforce\"\nauth = \"{}\"\n\
         config = {{ instance_url = \"{crm}\", client_id = \"{client}\"{crm_settings}{} }}\n\
         secrets = {{ {} }}\ngrant = [\"{}\"]\n\n\
         [connections.{HUB}]\nconnector = \"hubspot\"\nauth = \"{}\"\n\
         config = {{ base_url = \"{hub}\", app_id = {app}, poll_interval_ms = {poll_interval_ms}, \
         archived_interval_ms = 2000{hook_setting}{} }}\n\
         secrets = {{ {} }}\ngrant = [\"{}\"]\n{hook_table}\n\
         [connections.{DB}]\nconnector = \"postgres\"\n\
         config = {{ url = \"postgres://{RUNTIME_ROLE}@127.0.0.1:{port}/{DATABASE}\" }}\n\
         secrets = {{ password = \"env:E2E_PASSWORD\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n\
         [server]\nlisten = \"127.0.0.1:{listen}\"\n\n\
         [syncs.people]\nsides = {{ {CRM} = \"Contact\", {HUB} = \"contacts\", {DB} = \"public.people\" }}\n\
         match = [\"email\"]\nconflict = {conflict}\ndeletes = \"update-wins\"\n\
         delete_storm = false\nbounces_max = {bounces_max}\n\n[syncs.people.fields]\n",
        crm_in.auth,
        crm_in.config,
        crm_in.secrets,
        granted(&crm),
        hub_in.auth,
        hub_in.config,
        hub_in.secrets,
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
