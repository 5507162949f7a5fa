//! A connector that only reads, ready for a kit that writes: the practice
//! service's notes are served as a file, which the connector under test reads and
//! follows, and writes go to the service through the Rust starter.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use async_trait::async_trait;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use lockstep_conformance::{Opening, Sandboxed, Session, Subject, practice::Practice};
use lockstep_core::{
    change::{Changes, Cursor, Found, Page, Selection},
    schema::{CheckItem, ConnectorSpec, Object},
    value::{Cell, Value as Scalar},
    webhook::{Webhook, WebhookAnswer},
    write::{Outcome, WriteRequest},
};
use lockstep_host::{ChangesRequest, EnsureRequest, FetchRequest, HostError, PageRequest, Role};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{guest, practice};

const OBJECT: &str = "notes";
const COLUMNS: [&str; 5] = ["id", "title", "body", "stars", "done"];
const PAGE_ROWS: u32 = 1_000;
const PAGE_BYTES: u32 = 16 << 20;

/// The notes as a file of JSON Lines, with an ETag. Stops when dropped.
pub struct File {
    address: SocketAddr,
    serving: JoinHandle<()>,
    /// What the notes are written through.
    pub writer: Arc<Sandboxed>,
    _practice: Practice,
}

impl File {
    /// # Errors
    /// When the Rust starter is not built, or there is no port.
    pub async fn serve() -> Result<File> {
        let (practice, writer) = practice(guest("starter").await?).await?;
        let writer = Arc::new(writer);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let notes = writer.open(Role::Read, Opening::AsConfigured).await?;
        let routes = Router::new().route("/notes.jsonl", get(file)).with_state(notes);
        let serving = tokio::spawn(async move {
            // Broken connections are nothing to report.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(File { address, serving, writer, _practice: practice })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn file(State(notes): State<Arc<dyn Session>>, headers: HeaderMap) -> Response {
    let content = match lines(&*notes).await {
        Ok(content) => content,
        Err(error) => return (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    };
    let etag = format!("\"{:x}\"", fingerprint(&content));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == *etag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    ([(header::ETAG, etag)], content).into_response()
}

/// Names contents apart; nobody here makes two of the same name on purpose.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

async fn lines(notes: &dyn Session) -> Result<String> {
    let columns: Vec<String> = COLUMNS.map(str::to_owned).into();
    let mut request = PageRequest {
        selection: Selection { object: OBJECT.into(), columns },
        after: Arc::from([]),
        rows_max: PAGE_ROWS,
        bytes_max: PAGE_BYTES,
    };
    // A first line that stays: an empty file would be taken for a mistake.
    let mut out = json!({ "id": "-", "title": "-", "body": "-", "stars": 0, "done": false }).to_string() + "\n";
    loop {
        let page = notes.read(&request).await.context("the notes")?;
        for row in &page.rows {
            let pairs = COLUMNS.iter().zip(&row.cells);
            let line: Map<String, Value> = pairs.map(|(name, cell)| ((*name).to_owned(), told(cell))).collect();
            out += &(Value::Object(line).to_string() + "\n");
        }
        if page.next.is_empty() {
            return Ok(out);
        }
        request.after = page.next;
    }
}

fn told(cell: &Cell) -> Value {
    match cell {
        Some(Scalar::Bool(value)) => json!(value),
        Some(Scalar::Int(value)) => json!(value),
        Some(Scalar::Text(text)) => json!(text),
        _ => Value::Null,
    }
}

/// A connector that reads a file, with somebody else who writes it.
pub struct Filed {
    pub reader: Sandboxed,
    pub writer: Arc<Sandboxed>,
}

#[async_trait]
impl Subject for Filed {
    async fn spec(&self) -> Result<ConnectorSpec, HostError> {
        let mut spec = self.reader.spec().await?;
        // Deletes are somebody else's, and the stream has to tell them.
        spec.abilities.push("delete".into());
        Ok(spec)
    }

    fn config(&self) -> &Value {
        self.reader.config()
    }

    fn has_secrets(&self) -> bool {
        self.reader.has_secrets()
    }

    async fn open(&self, role: Role, opening: Opening) -> Result<Arc<dyn Session>, HostError> {
        if role == Role::Write {
            return self.writer.open(role, opening).await;
        }
        Ok(Arc::new(Reading(self.reader.open(role, opening).await?)))
    }
}

/// Shows columns as its writer may write them, and is itself otherwise.
struct Reading(Arc<dyn Session>);

#[async_trait]
impl Session for Reading {
    async fn check(&self, objects: &[String]) -> Result<Vec<CheckItem>, HostError> {
        self.0.check(objects).await
    }

    async fn discover(&self, objects: &[String]) -> Result<Vec<Object>, HostError> {
        let mut objects = self.0.discover(objects).await?;
        for column in objects.iter_mut().flat_map(|object| &mut object.columns) {
            column.createable = true;
            column.updateable = !column.unique;
        }
        Ok(objects)
    }

    async fn start(&self, selections: &[Selection]) -> Result<Cursor, HostError> {
        self.0.start(selections).await
    }

    async fn read(&self, request: &PageRequest) -> Result<Page, HostError> {
        self.0.read(request).await
    }

    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, HostError> {
        self.0.changes(request).await
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Found>, HostError> {
        self.0.fetch(request).await
    }

    async fn write(&self, request: &WriteRequest) -> Result<Vec<Outcome>, HostError> {
        self.0.write(request).await
    }

    async fn ensure(&self, request: &EnsureRequest) -> Result<Vec<String>, HostError> {
        self.0.ensure(request).await
    }

    async fn ingest(&self, webhook: &Webhook) -> Result<WebhookAnswer, HostError> {
        self.0.ingest(webhook).await
    }
}
