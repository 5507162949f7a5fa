//! A connector that keeps its rows in memory: the smallest one that does
//! everything, for tests of the host. Its one object is `items`, with an integer
//! key and eleven more columns of every common kind.
//!
//! Configuration: `{"rows": N}` rows to begin with (0), `{"connect":
//! "host:port"}` to connect there when opened, with `"tls": "none" | "ca" |
//! "full"` and `"name"` encrypted.
//!
//! Webhooks carry the header `x-signature: good` and a list of rows:
//! `{"id": 1, "name": "Ann"}` tells one, `{"id": 1}` that it changed.

use std::{collections::BTreeMap, io::Write, time::Duration};

use lockstep_sdk::{
    Cell, ChangeBatch, ChangeRow, ChangesAnswer, ChangesRequest, CheckItem, Column, ColumnType, Connector,
    ConnectorSpec, Error, FetchRequest, Found, Object, Outcome, Page, PageRequest, Position, Result, Role, Row,
    Selection, Webhook, WebhookAnswer, WriteRequest,
    net::{TcpStream, Verify},
};

const OBJECT: &str = "items";

/// Name and kind of every column, in order; the first is the key.
pub const COLUMNS: [(&str, &str); 12] = [
    ("id", "int"),
    ("name", "text"),
    ("email", "text"),
    ("city", "text"),
    ("amount", "decimal"),
    ("score", "float"),
    ("active", "bool"),
    ("born", "date"),
    ("changed", "timestamp"),
    ("token", "uuid"),
    ("visits", "int"),
    ("note", "text"),
];

/// Public, so that what the sandbox costs can be measured against it.
pub struct Echo {
    rows: BTreeMap<i64, Vec<Cell>>,
    /// Every change, in order; its position is its version and the cursor.
    journal: Vec<(i64, bool)>,
    peer: Option<TcpStream>,
}

/// A row whose every column tells something.
#[must_use]
pub fn sample(id: i64) -> Vec<Cell> {
    vec![
        id.into(),
        format!("Person {id}").into(),
        format!("person{id}@example.com").into(),
        "Lisbon".into(),
        Cell::decimal(format!("{id}.50")),
        Cell::Float(id as f64 / 3.0),
        (id % 2 == 0).into(),
        Cell::Date(i32::try_from(id % 20_000).unwrap_or(0)),
        Cell::Timestamp(1_700_000_000_000_000 + id),
        Cell::uuid(id as u128),
        (id * 7).into(),
        "nothing much to say about this one".into(),
    ]
}

fn key_of(cells: &[Cell]) -> Result<i64> {
    match cells.first() {
        Some(Cell::Integer(id)) => Ok(*id),
        other => Err(Error::internal(format!("not a key of items: {other:?}"))),
    }
}

fn position(columns: &[String]) -> Result<Vec<usize>> {
    columns
        .iter()
        .map(|name| {
            COLUMNS
                .iter()
                .position(|(known, _)| known == name)
                .ok_or_else(|| Error::not_found(format!("items has no column {name}")))
        })
        .collect()
}

fn number(cursor: &[u8]) -> Result<u64> {
    if cursor.is_empty() {
        return Ok(0);
    }
    cursor.try_into().map(u64::from_be_bytes).map_err(|_| Error::cursor_invalid("a cursor has eight bytes"))
}

impl Echo {
    fn row(&self, id: i64, cells: &[Cell], wanted: &[usize]) -> Row {
        Row::new(vec![id.into()], pick(cells, wanted)).with_version((self.journal.len() as u64).to_be_bytes())
    }

    fn write_one(
        &mut self,
        action: &str,
        key: &[Cell],
        cells: Vec<Cell>,
        expected: &[Cell],
        columns: &[usize],
        returning: &[usize],
    ) -> Result<Outcome> {
        let id = if action == "create" {
            match columns.iter().position(|at| *at == 0).map(|at| &cells[at]) {
                Some(Cell::Integer(id)) => *id,
                _ => self.rows.last_key_value().map_or(1, |(last, _)| last + 1),
            }
        } else {
            key_of(key)?
        };
        match (action, self.rows.get(&id)) {
            ("create", Some(row)) => return Ok(Outcome::Duplicate(self.row(id, row, returning))),
            ("create", None) => {}
            (_, None) => return Ok(Outcome::Gone),
            (_, Some(row)) => {
                let holds = |(at, cell): (&usize, &Cell)| cell.is_absent() || row[*at] == *cell;
                if !columns.iter().zip(expected).all(holds) {
                    return Ok(Outcome::Conflict(self.row(id, row, returning)));
                }
            }
        }
        self.journal.push((id, action == "delete"));
        if action == "delete" {
            let row = self.rows.remove(&id).unwrap_or_default();
            return Ok(Outcome::Applied(self.row(id, &row, returning)));
        }
        let row = self.rows.entry(id).or_insert_with(|| vec![Cell::Null; COLUMNS.len()]);
        row[0] = id.into();
        for (at, cell) in columns.iter().zip(cells) {
            if !cell.is_absent() {
                row[*at] = cell;
            }
        }
        let row = row.clone();
        Ok(Outcome::Applied(self.row(id, &row, returning)))
    }
}

fn pick(cells: &[Cell], wanted: &[usize]) -> Vec<Cell> {
    wanted.iter().map(|at| cells.get(*at).cloned().unwrap_or(Cell::Null)).collect()
}

impl Connector for Echo {
    fn spec() -> ConnectorSpec {
        ConnectorSpec {
            name: "echo".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            changes: "log".into(),
            precondition: "atomic".into(),
            abilities: vec!["delete".into()],
            config_schema: r#"{"type":"object","properties":{"rows":{"type":"integer"},"connect":{"type":"string"}}}"#
                .into(),
            cursor_version: 1,
            permissions: vec!["tcp:config.connect".into()],
            credentials: Vec::new(),
            auth_schemes: Vec::new(),
            extras: Vec::new(),
        }
    }

    fn open(role: Role, config: &str) -> Result<Self> {
        let config: serde_json::Value =
            serde_json::from_str(config).map_err(|error| Error::config(error.to_string()))?;
        let count = config["rows"].as_i64().unwrap_or(0);
        let peer = match config["connect"].as_str().and_then(|it| it.rsplit_once(':')) {
            Some((host, port)) => {
                let port = port.parse().map_err(|_| Error::config("no such port"))?;
                let plain = TcpStream::connect(host, port, Duration::from_secs(5))?;
                let verify = match config["tls"].as_str() {
                    None => None,
                    Some("none") => Some(Verify::None),
                    Some("ca") => Some(Verify::Ca),
                    Some(_) => Some(Verify::Full),
                };
                Some(match verify {
                    Some(verify) => plain.upgrade_tls(config["name"].as_str().unwrap_or(host), verify)?,
                    None => plain,
                })
            }
            None => None,
        };
        lockstep_sdk::info!("opened as {role:?} with {count} rows");
        Ok(Echo {
            rows: (1..=count).map(|id| (id, sample(id))).collect(),
            journal: (1..=count).map(|id| (id, false)).collect(),
            peer,
        })
    }

    fn check(&mut self, _objects: Vec<String>) -> Result<Vec<CheckItem>> {
        let Some(peer) = &mut self.peer else {
            return Ok(vec![CheckItem::ok("memory", "everything is in memory")]);
        };
        use std::io::BufRead;
        peer.set_read_timeout(Some(Duration::from_secs(5)));
        peer.write_all(b"hello\n")?;
        let mut answer = String::new();
        peer.read_line(&mut answer)?;
        let mut items = vec![CheckItem::ok("peer", answer.trim_end())];
        if let Some(binding) = peer.channel_binding() {
            items.push(CheckItem::ok("binding", format!("{} bytes", binding.len())));
        }
        Ok(items)
    }

    fn discover(&mut self, objects: Vec<String>) -> Result<Vec<Object>> {
        if !objects.is_empty() && !objects.iter().any(|name| name == OBJECT) {
            return Ok(Vec::new());
        }
        let columns = COLUMNS
            .iter()
            .map(|(name, kind)| Column { nullable: *name != "id", ..Column::new(*name, ColumnType::new(*kind, *kind)) })
            .collect();
        Ok(vec![Object::new(OBJECT, columns, vec!["id".into()])])
    }

    fn start(&mut self, _selections: Vec<Selection>) -> Result<Position> {
        Ok(Position::new((self.journal.len() as u64).to_be_bytes().to_vec()))
    }

    fn release(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn read(&mut self, request: PageRequest) -> Result<Page> {
        let wanted = position(&request.selection.columns)?;
        let after = number(&request.after)? as i64;
        let rows: Vec<Row> = self
            .rows
            .range(after + 1..)
            .take(request.max_rows as usize)
            .map(|(id, cells)| self.row(*id, cells, &wanted))
            .collect();
        let last = rows.last().map(|row| key_of(&row.key)).transpose()?;
        let next = match last {
            Some(last) if self.rows.range(last + 1..).next().is_some() => last.to_be_bytes().to_vec(),
            _ => Vec::new(),
        };
        Ok(Page { rows, next })
    }

    fn changes(&mut self, request: ChangesRequest) -> Result<ChangesAnswer> {
        let after = usize::try_from(number(&request.after)?).unwrap_or(usize::MAX);
        let columns = match request.selections.first() {
            Some(selection) => selection.columns.clone(),
            None => return Ok(ChangesAnswer::new(Vec::new(), request.after)),
        };
        let wanted = position(&columns)?;
        let part = self
            .journal
            .get(after..)
            .ok_or_else(|| Error::cursor_invalid("the cursor lies beyond the end of the journal"))?;
        let mut batches: Vec<ChangeBatch> = Vec::new();
        let mut at = after;
        for (id, deleted) in part.iter().take(request.max_records as usize) {
            at += 1;
            let (kind, cells) = match self.rows.get(id) {
                Some(cells) if !deleted => ("upsert", pick(cells, &wanted)),
                _ => ("delete", Vec::new()),
            };
            if batches.last().is_none_or(|batch| batch.kind != kind) {
                batches.push(ChangeBatch::new(OBJECT, kind, columns.clone()));
            }
            let row = ChangeRow::new(vec![(*id).into()], cells, (at as u64).to_be_bytes());
            if let Some(batch) = batches.last_mut() {
                batch.rows.push(row);
            }
        }
        let mut answer = ChangesAnswer::new(batches, (at as u64).to_be_bytes().to_vec());
        answer.more = at < self.journal.len();
        Ok(answer)
    }

    fn fetch(&mut self, request: FetchRequest) -> Result<Vec<Found>> {
        let wanted = position(&request.selection.columns)?;
        let mut found = Vec::new();
        for (index, key) in request.keys.iter().enumerate() {
            let id = key_of(key)?;
            if let Some(cells) = self.rows.get(&id) {
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                found.push(Found { index, row: self.row(id, cells, &wanted) });
            }
        }
        Ok(found)
    }

    fn write(&mut self, request: WriteRequest) -> Result<Vec<Outcome>> {
        let columns = position(&request.columns)?;
        let returning = position(&request.returning)?;
        request
            .intents
            .into_iter()
            .map(|intent| {
                self.write_one(&intent.action, &intent.key, intent.cells, &intent.expected, &columns, &returning)
            })
            .collect()
    }

    fn ingest(&mut self, request: Webhook) -> Result<WebhookAnswer> {
        let answer = |status: u16, body: &str, batches| {
            let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
            WebhookAnswer { status, headers, body: body.as_bytes().to_vec(), batches }
        };
        if !request.headers.iter().any(|(name, value)| name == "x-signature" && value == "good") {
            return Ok(answer(401, "the signature is wrong", Vec::new()));
        }
        let Ok(rows) = serde_json::from_slice::<Vec<serde_json::Value>>(&request.body) else {
            return Ok(answer(400, "not a list of rows", Vec::new()));
        };
        let batches = rows.iter().map(|row| {
            let id: Cell = row["id"].as_i64().unwrap_or(0).into();
            let (kind, columns, cells) = match row["name"].as_str() {
                Some(name) => ("upsert", vec!["id".into(), "name".into()], vec![id.clone(), name.into()]),
                None => ("invalidate", Vec::new(), Vec::new()),
            };
            let mut batch = ChangeBatch::new(OBJECT, kind, columns);
            batch.rows.push(ChangeRow::new(vec![id], cells, Vec::new()));
            batch
        });
        Ok(answer(200, &format!("taken at {}", request.url), batches.collect()))
    }

    fn close(mut self) {
        if let Some(peer) = &mut self.peer {
            let _ = peer.write_all(b"bye\n");
        }
    }
}

lockstep_sdk::export!(Echo, "connector.json");
