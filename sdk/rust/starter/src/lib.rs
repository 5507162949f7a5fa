//! A connector to begin with: the notes of a small REST service, read, followed
//! and written. Replace `service` by your system's requests and `note` by its
//! rows; what is decided about writes is in `write`. `lockstep connector test`
//! says what is still missing.

mod note;
mod service;
mod write;

use lockstep_sdk::{
    AuthScheme, Cell, ChangeBatch, ChangeRow, ChangesAnswer, ChangesRequest, CheckItem, Connector, ConnectorSpec,
    Error, FetchRequest, Found, Object, Outcome, Page, PageRequest, Position, Result, Role, Selection, WriteRequest,
    http::HostClient,
};
use serde::Deserialize;

use crate::{
    note::{Columns, OBJECT},
    service::Service,
};

/// Where requests go: the scheme, host and port of the configured address.
const PLACE: &str = "https:config.base_url";

const CONFIG_SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["base_url"],
  "properties": {
    "base_url": {"type": "string", "description": "where the service answers, such as https://notes.example.com"}
  }
}"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    base_url: String,
}

/// One session. What should live as long as the session belongs here.
struct Session {
    service: Service<HostClient>,
}

impl Connector for Session {
    fn spec() -> ConnectorSpec {
        ConnectorSpec {
            name: "starter".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            changes: "log".into(),
            precondition: "precondition".into(),
            abilities: vec!["delete".into()],
            config_schema: CONFIG_SCHEMA.into(),
            cursor_version: 1,
            permissions: vec![PLACE.into()],
            credentials: Vec::new(),
            // The host puts the token on requests; this code never sees it.
            auth_schemes: vec![AuthScheme::bearer("token", "token").for_hosts([PLACE])],
            extras: Vec::new(),
        }
    }

    fn open(_role: Role, config: &str) -> Result<Self> {
        let config: Config =
            serde_json::from_str(config).map_err(|error| Error::config(format!("configuration: {error}")))?;
        Ok(Session { service: Service::new(HostClient::new(), &config.base_url) })
    }

    fn check(&mut self, objects: Vec<String>) -> Result<Vec<CheckItem>> {
        let mut items = vec![match self.service.status() {
            Ok(()) => CheckItem::ok("service", "the service answers"),
            Err(error) => CheckItem::fail("service", error.message, "Look at `base_url` and the secret `token`."),
        }];
        for name in objects.iter().filter(|name| *name != OBJECT) {
            let message = format!("there is no object {name}");
            items.push(CheckItem::fail("object", message, format!("The service has one: {OBJECT}.")));
        }
        Ok(items)
    }

    fn discover(&mut self, objects: Vec<String>) -> Result<Vec<Object>> {
        let is_wanted = objects.is_empty() || objects.iter().any(|name| name == OBJECT);
        Ok(if is_wanted { vec![note::describe()] } else { Vec::new() })
    }

    fn start(&mut self, selections: Vec<Selection>) -> Result<Position> {
        for selection in &selections {
            Columns::of(&selection.object, &selection.columns)?;
        }
        Ok(Position::new(self.service.last_change()?.to_be_bytes().to_vec()))
    }

    fn release(&mut self) -> Result<Vec<String>> {
        // `start` makes nothing at the service.
        Ok(Vec::new())
    }

    fn read(&mut self, request: PageRequest) -> Result<Page> {
        let columns = Columns::of(&request.selection.object, &request.selection.columns)?;
        let after = String::from_utf8(request.after).map_err(|_| Error::cursor_invalid("a page begins after an id"))?;
        let (notes, next) = self.service.list(&after, request.max_rows)?;
        let rows = notes.iter().map(|note| note.row(&columns)).collect();
        Ok(Page { rows, next: next.unwrap_or_default().into_bytes() })
    }

    fn changes(&mut self, request: ChangesRequest) -> Result<ChangesAnswer> {
        let cursor =
            <[u8; 8]>::try_from(&request.after[..]).map_err(|_| Error::cursor_invalid("a cursor has 8 bytes"))?;
        let Some(selection) = request.selections.iter().find(|selection| selection.object == OBJECT) else {
            return Ok(ChangesAnswer::new(Vec::new(), request.after));
        };
        let columns = Columns::of(&selection.object, &selection.columns)?;
        if request.max_records == 0 {
            return Ok(ChangesAnswer::new(Vec::new(), request.after));
        }
        let (changes, last) = self.service.changes(u64::from_be_bytes(cursor), request.max_records, request.wait_ms)?;
        let mut reached = u64::from_be_bytes(cursor);
        let mut batches: Vec<ChangeBatch> = Vec::new();
        for change in changes {
            reached = change.number;
            // The number of the change orders it among all; big-endian, so that it compares bytewise.
            let version = change.number.to_be_bytes();
            let (kind, cells) = match &change.note {
                Some(note) => ("upsert", note.cells(&columns)),
                None => ("delete", Vec::new()),
            };
            let row = ChangeRow::new(vec![Cell::from(change.id)], cells, version);
            match batches.last_mut() {
                Some(batch) if batch.kind == kind => batch.rows.push(row),
                _ => {
                    let mut batch = ChangeBatch::new(OBJECT, kind, selection.columns.clone());
                    batch.rows.push(row);
                    batches.push(batch);
                }
            }
        }
        let mut answer = ChangesAnswer::new(batches, reached.to_be_bytes().to_vec());
        answer.more = reached < last;
        Ok(answer)
    }

    fn fetch(&mut self, request: FetchRequest) -> Result<Vec<Found>> {
        let columns = Columns::of(&request.selection.object, &request.selection.columns)?;
        if request.by != ["id"] {
            return Err(Error::unsupported(format!("looking notes up by {}", request.by.join(", "))));
        }
        let mut found = Vec::new();
        for (index, key) in (0..).zip(&request.keys) {
            if let Some(note) = self.service.get(&note::id(key)?)? {
                found.push(Found { index, row: note.row(&columns) });
            }
        }
        Ok(found)
    }

    fn write(&mut self, request: WriteRequest) -> Result<Vec<Outcome>> {
        let columns = Columns::of(&request.object, &request.columns)?;
        let returning = Columns::of(&request.object, &request.returning)?;
        request.intents.iter().map(|intent| write::one(&self.service, intent, &columns, &returning)).collect()
    }
}

lockstep_sdk::export!(Session, "connector.json");
