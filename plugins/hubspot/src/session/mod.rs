//! One session: what the contract's calls do.

mod call;
mod changes;
mod check;
mod discover;
mod ensure;
mod fetch;
mod ingest;
mod read;
mod records;
mod tail;
mod unsettled;
mod write;

use std::collections::HashMap;
use std::rc::Rc;

use lockstep_sdk::model::{
    AuthScheme, ChangesAnswer, ChangesRequest, CheckItem, ConnectorSpec, EnsureRequest, Error, FetchRequest, Found,
    Object, Outcome, Page, PageRequest, Position, Selection, Webhook, WebhookAnswer, WriteRequest,
};

use crate::audit::Ours;
use crate::config::{self, Config};
use crate::cursor::CURSOR_VERSION;
use crate::failure::Failure;
use crate::limits::{SEARCHES, SEARCHES_MAX, SEARCHES_PERIOD_MS};
use crate::platform::Platform;
use crate::request::Api;
use crate::schema::{CustomType, ObjectType};

use tail::Tail;
use unsettled::Unsettled;

/// A session. Calls never overlap.
pub struct Session {
    platform: Rc<dyn Platform>,
    config: Config,
    api: Api,
    ours: Ours,
    types: HashMap<String, Rc<ObjectType>>,
    custom: Option<Vec<CustomType>>,
    tail: Option<Tail>,
    unsettled: Unsettled,
    /// How far HubSpot's clock is ahead of ours, where that is worth knowing.
    ahead_ms: i64,
    last_read_us: i64,
}

/// What this connector is and can do.
pub fn spec() -> ConnectorSpec {
    ConnectorSpec {
        name: "hubspot".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        changes: "poll".into(),
        precondition: "read-check-write".into(),
        abilities: ["delete", "ensure", "webhooks"].map(String::from).into(),
        config_schema: config::SCHEMA.into(),
        cursor_version: CURSOR_VERSION,
        permissions: vec![PLACE.into()],
        credentials: vec!["hmac-sha256:config.webhook_secret|client_secret".into()],
        auth_schemes: auth_schemes(),
        extras: Vec::new(),
    }
}

/// Where requests go, and credentials with them.
const PLACE: &str = "https:config.base_url|https://api.hubapi.com";

/// A private app's token, or an app installed by OAuth (vendor documentation;
/// a refresh token does not change there).
fn auth_schemes() -> Vec<AuthScheme> {
    const TOKEN_URL: &str = "{config.base_url|https://api.hubapi.com}/oauth/v1/token";
    vec![
        AuthScheme::bearer("private-app", "token").for_hosts([PLACE]),
        AuthScheme::refresh_token("oauth", TOKEN_URL, "{config.client_id}", "client_secret", "refresh_token")
            .for_hosts([PLACE]),
    ]
}

type Answer<T> = std::result::Result<T, Error>;

impl Session {
    /// Check the configuration. Nothing is sent yet.
    ///
    /// # Errors
    /// `config`, naming what does not fit.
    pub fn open(platform: Rc<dyn Platform>, config: &str) -> Answer<Self> {
        let config = Config::parse(config).map_err(Failure::into_error)?;
        let api = Api::new(&config.base_url, &config.api_version, config.request_timeout_ms);
        let ours = Ours { app_id: config.app_id.clone() };
        let unsettled = Unsettled::new(platform.wall_us(), platform.monotonic_ms());
        // No answer tells it; unsaid, it would be found by being refused.
        platform.rate_limit(SEARCHES, None, Some(SEARCHES_MAX), Some(SEARCHES_PERIOD_MS));
        Ok(Session {
            platform,
            config,
            api,
            ours,
            types: HashMap::new(),
            custom: None,
            tail: None,
            unsettled,
            ahead_ms: 0,
            last_read_us: 0,
        })
    }

    pub fn check(&mut self, objects: &[String]) -> Answer<Vec<CheckItem>> {
        check::check(self, objects).map_err(Failure::into_error)
    }

    pub fn discover(&mut self, objects: &[String]) -> Answer<Vec<Object>> {
        discover::discover(self, objects).map_err(Failure::into_error)
    }

    pub fn start(&mut self, selections: &[Selection]) -> Answer<Position> {
        changes::start(self, selections).map_err(Failure::into_error)
    }

    /// Nothing was made at HubSpot that would have to be removed.
    pub fn release(&mut self) -> Answer<Vec<String>> {
        self.tail = None;
        Ok(Vec::new())
    }

    pub fn read(&mut self, request: &PageRequest) -> Answer<Page> {
        read::read(self, request).map_err(Failure::into_error)
    }

    pub fn changes(&mut self, request: &ChangesRequest) -> Answer<ChangesAnswer> {
        changes::changes(self, request).map_err(Failure::into_error)
    }

    pub fn fetch(&mut self, request: &FetchRequest) -> Answer<Vec<Found>> {
        fetch::fetch(self, request).map_err(Failure::into_error)
    }

    pub fn write(&mut self, request: &WriteRequest) -> Answer<Vec<Outcome>> {
        write::write(self, request).map_err(Failure::into_error)
    }

    pub fn ensure(&mut self, request: &EnsureRequest) -> Answer<Vec<String>> {
        ensure::ensure(self, request).map_err(Failure::into_error)
    }

    pub fn ingest(&mut self, request: &Webhook) -> Answer<WebhookAnswer> {
        ingest::ingest(self, request).map_err(Failure::into_error)
    }
}
