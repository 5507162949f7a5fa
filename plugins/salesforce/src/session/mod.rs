//! One session: what the contract's calls do, over requests to one organisation.

mod batches;
mod bulk;
mod changes;
mod check;
mod discover;
mod fetch;
mod follow;
mod poll;
mod read;
mod rows;
mod start;
mod stream;
mod write;

use std::collections::HashMap;
use std::rc::Rc;

use lockstep_sdk::model::{
    ChangesAnswer, ChangesRequest, CheckItem, EnsureRequest, Error, FetchRequest, Found, Object, Outcome, Page,
    PageRequest, Position, Selection, WriteRequest,
};

use crate::api::Api;
use crate::config::{Config, is_api_name, parse_url};
use crate::failure::{Failure, Result};
use crate::platform::Platform;
use crate::schema::{Sobject, parse_describe};

use follow::Follow;

/// A session. Calls never overlap.
pub struct Session {
    platform: Rc<dyn Platform>,
    config: Config,
    api: Api,
    /// What is known of objects; forgotten when their fields change.
    sobjects: HashMap<String, Rc<Sobject>>,
    follow: Option<Follow>,
}

type Answer<T> = std::result::Result<T, Error>;

impl Session {
    /// Check the configuration, and sign in where only that tells the address.
    ///
    /// # Errors
    /// `config`, or `auth` when signing in failed.
    pub fn open(platform: Rc<dyn Platform>, config: &str) -> Answer<Self> {
        let config = Config::parse(config).map_err(Failure::into_error)?;
        let base = match &config.instance_url {
            Some(url) => url.clone(),
            None => {
                let told = platform.instance_url().map_err(Error::auth)?;
                let missing = || Error::config("configuration: `instance_url` is missing");
                parse_url(&told.ok_or_else(missing)?).map_err(Failure::into_error)?
            }
        };
        let api = Api::new(platform.clone(), base, &config);
        Ok(Session { platform, config, api, sobjects: HashMap::new(), follow: None })
    }

    /// An object as describe tells it.
    fn sobject(&mut self, name: &str) -> Result<Rc<Sobject>> {
        if let Some(known) = self.sobjects.get(name) {
            return Ok(known.clone());
        }
        if !is_api_name(name) {
            return Err(Failure::NotFound(format!("`{name}` is not the API name of an object")));
        }
        let answer = self.api.get(&self.api.path(&format!("/sobjects/{name}/describe")))?;
        let sobject = Rc::new(parse_describe(&answer.body)?);
        self.sobjects.insert(name.to_owned(), sobject.clone());
        Ok(sobject)
    }

    pub fn check(&mut self, objects: &[String]) -> Answer<Vec<CheckItem>> {
        Ok(check::check(self, objects))
    }

    pub fn discover(&mut self, objects: &[String]) -> Answer<Vec<Object>> {
        discover::discover(self, objects).map_err(Failure::into_error)
    }

    pub fn start(&mut self, selections: &[Selection]) -> Answer<Position> {
        start::start(self, selections).map_err(Failure::into_error)
    }

    /// Nothing is made at the source: subscriptions end with their connection.
    pub fn release(&mut self) -> Answer<Vec<String>> {
        self.follow = None;
        Ok(Vec::new())
    }

    pub fn read(&mut self, request: &PageRequest) -> Answer<Page> {
        read::read(self, request).map_err(Failure::into_error)
    }

    pub fn changes(&mut self, request: &ChangesRequest) -> Answer<ChangesAnswer> {
        changes::changes(self, request).map_err(|failure| {
            // What was taken from the stream and not given is asked for again.
            self.follow = None;
            failure.into_error()
        })
    }

    pub fn fetch(&mut self, request: &FetchRequest) -> Answer<Vec<Found>> {
        fetch::fetch(self, request).map_err(Failure::into_error)
    }

    pub fn write(&mut self, request: &WriteRequest) -> Answer<Vec<Outcome>> {
        write::write(self, request).map_err(Failure::into_error)
    }

    /// Custom fields are metadata: who may make them, on which layouts and under
    /// which permission sets is the organisation's administrator's decision.
    pub fn ensure(&mut self, request: &EnsureRequest) -> Answer<Vec<String>> {
        let sobject = self.sobject(&request.object).map_err(Failure::into_error)?;
        let missing: Vec<&str> = request
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .filter(|name| sobject.field(name).is_none())
            .collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let error = Error::unsupported(format!("making the fields {} of {}", missing.join(", "), request.object));
        Err(error.with_remedy(
            "make them in Setup › Object Manager, and give the integration user's permission set access to them",
        ))
    }
}
