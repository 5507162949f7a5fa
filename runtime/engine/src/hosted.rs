//! Connectors that the host runs in its sandbox, behind the engine's port. The
//! only module of the engine that knows the host.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use lockstep_core::{
    change::{Changes, Cursor, Found, Page, Selection},
    config::{self, Config, SecretRef},
    schema::{CheckItem, ConnectorSpec, Object},
    write::{Outcome, WriteRequest},
};
use lockstep_host::{self as host, Component, ConnectionConfig, Host, HostError, Limits, Secrets};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::{
    Connector, EngineError, Role, Session, SessionError, SessionErrorKind,
    port::{ChangesRequest, EnsureRequest, FetchRequest, PageRequest},
};

/// How names in the configuration become files and secrets: the binary's business.
pub struct Sources<'a> {
    /// Where a connector's component is; `None`: there is none of that name.
    pub component: &'a dyn Fn(&str) -> Option<PathBuf>,
    /// The secret a reference names, or why it cannot be had.
    pub secret: &'a dyn Fn(&SecretRef) -> Result<Zeroizing<String>, String>,
}

/// Every configured connection, each through the host. Components are loaded
/// when they are first used.
///
/// # Errors
/// A connector of that name is not known, or a secret cannot be had.
pub fn connectors(
    host: &Host,
    config: &Config,
    sources: &Sources<'_>,
) -> Result<BTreeMap<String, Arc<dyn Connector>>, EngineError> {
    let mut connectors: BTreeMap<String, Arc<dyn Connector>> = BTreeMap::new();
    for connection in &config.connections {
        let hosted =
            hosted(host, connection, sources).map_err(|error| EngineError::session(&connection.name, error))?;
        connectors.insert(connection.name.clone(), Arc::new(hosted));
    }
    Ok(connectors)
}

fn hosted(host: &Host, connection: &config::Connection, sources: &Sources<'_>) -> Result<Hosted, SessionError> {
    let wrong = |message: String, remedy: &str| SessionError {
        remedy: remedy.to_owned(),
        ..SessionError::new(SessionErrorKind::Config, message)
    };
    let path = (sources.component)(&connection.connector).ok_or_else(|| {
        wrong(
            format!("there is no connector '{}'", connection.connector),
            "name a built-in one ('lockstep connector list'), or the path of a component",
        )
    })?;
    let mut secrets = Secrets::new();
    for (name, reference) in &connection.secrets {
        let secret = (sources.secret)(reference)
            .map_err(|reason| wrong(format!("the secret '{name}' cannot be had: {reason}"), ""))?;
        secrets.insert(name.clone(), secret);
    }
    Ok(Hosted {
        host: host.clone(),
        path,
        digest: connection.digest.clone(),
        component: OnceCell::new(),
        config: ConnectionConfig {
            name: connection.name.clone(),
            config: connection.config.clone(),
            secrets: Arc::new(secrets),
            grants: connection.grants.clone(),
            root_certificates_pem: None,
            limits: Some(limits(&connection.limits)),
        },
    })
}

fn limits(asked: &config::Limits) -> Limits {
    let mut limits = Limits::default();
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    if let Some(bytes) = asked.memory_bytes {
        limits.memory_bytes_max = size(bytes);
    }
    if let Some(ms) = asked.call_timeout_ms {
        limits.call_ms_max = ms;
    }
    if let Some(rows) = asked.batch_rows {
        limits.rows_max = size(rows);
    }
    if let Some(bytes) = asked.batch_bytes {
        limits.answer_bytes_max = size(bytes);
    }
    if let Some(sockets) = asked.sockets {
        limits.connections_max = size(sockets);
    }
    limits
}

/// A connection whose connector the host runs.
struct Hosted {
    host: Host,
    path: PathBuf,
    digest: Option<String>,
    component: OnceCell<Component>,
    config: ConnectionConfig,
}

#[async_trait]
impl Connector for Hosted {
    async fn open(&self, role: Role) -> Result<Box<dyn Session>, SessionError> {
        let load = || self.host.load_file(&self.path, self.digest.as_deref());
        let component = self.component.get_or_try_init(load).await.map_err(told)?;
        let role = match role {
            Role::Tail => host::Role::Tail,
            Role::Write => host::Role::Write,
            Role::Read => host::Role::Read,
        };
        let session = component.open(role, self.config.clone()).await.map_err(told)?;
        Ok(Box::new(HostedSession(session)))
    }
}

struct HostedSession(host::Session);

#[async_trait]
impl Session for HostedSession {
    async fn spec(&mut self) -> Result<ConnectorSpec, SessionError> {
        self.0.spec().await.map_err(told)
    }

    async fn check(&mut self, objects: &[String]) -> Result<Vec<CheckItem>, SessionError> {
        self.0.check(objects).await.map_err(told)
    }

    async fn discover(&mut self, objects: &[String]) -> Result<Vec<Object>, SessionError> {
        self.0.discover(objects).await.map_err(told)
    }

    async fn start(&mut self, selections: &[Selection]) -> Result<Cursor, SessionError> {
        self.0.start(selections).await.map_err(told)
    }

    async fn release(&mut self) -> Result<Vec<String>, SessionError> {
        self.0.release().await.map_err(told)
    }

    async fn read(&mut self, request: &PageRequest) -> Result<Page, SessionError> {
        let request = host::PageRequest {
            selection: request.selection.clone(),
            after: request.after.clone(),
            rows_max: request.rows_max,
            bytes_max: request.bytes_max,
        };
        self.0.read(&request).await.map_err(told)
    }

    async fn changes(&mut self, request: &ChangesRequest) -> Result<Changes, SessionError> {
        let request = host::ChangesRequest {
            selections: request.selections.clone(),
            after: request.after.clone(),
            durable: request.durable.clone(),
            records_max: request.records_max,
            bytes_max: request.bytes_max,
            wait_ms: request.wait_ms,
        };
        self.0.changes(&request).await.map_err(told)
    }

    async fn fetch(&mut self, request: &FetchRequest) -> Result<Vec<Found>, SessionError> {
        let request = host::FetchRequest {
            selection: request.selection.clone(),
            by: request.by.clone(),
            keys: request.keys.clone(),
        };
        self.0.fetch(&request).await.map_err(told)
    }

    async fn write(&mut self, request: &WriteRequest) -> Result<Vec<Outcome>, SessionError> {
        self.0.write(request).await.map_err(told)
    }

    async fn ensure(&mut self, request: &EnsureRequest) -> Result<Vec<String>, SessionError> {
        let columns = request.columns.iter().map(|column| host::WantedColumn {
            name: column.name.clone(),
            column_type: column.column_type.clone(),
            nullable: column.nullable,
            unique: column.unique,
            references: column.references.clone(),
            comment: column.comment.clone(),
        });
        let request = host::EnsureRequest {
            object: request.object.clone(),
            columns: columns.collect(),
            key: request.key.clone(),
            dry_run: request.dry_run,
        };
        self.0.ensure(&request).await.map_err(told)
    }
}

fn told(error: HostError) -> SessionError {
    let kind = match &error {
        HostError::Guest(guest) => match guest.code.as_str() {
            "retry" => SessionErrorKind::Retry,
            "throttled" => SessionErrorKind::Throttled,
            "unavailable" => SessionErrorKind::Unavailable,
            "auth" => SessionErrorKind::Auth,
            "denied" => SessionErrorKind::Denied,
            "config" => SessionErrorKind::Config,
            "not-found" => SessionErrorKind::NotFound,
            "cursor-invalid" => SessionErrorKind::CursorInvalid,
            "unsupported" => SessionErrorKind::Unsupported,
            // A code of a later contract is its family's safest case.
            _ => SessionErrorKind::Internal,
        },
        HostError::Trap { .. }
        | HostError::Timeout { .. }
        | HostError::Cancelled { .. }
        | HostError::Fault { .. }
        | HostError::Closed => SessionErrorKind::Crashed,
        HostError::Unreadable { .. }
        | HostError::Digest { .. }
        | HostError::NotAComponent { .. }
        | HostError::ForeignImport { .. }
        | HostError::ContractVersion { .. }
        | HostError::TooLarge { .. }
        | HostError::Compile { .. }
        | HostError::Engine { .. }
        | HostError::Config { .. }
        | HostError::Parked { .. } => SessionErrorKind::Config,
        HostError::Request { .. } => SessionErrorKind::Internal,
    };
    SessionError {
        kind,
        retry_after_ms: match &error {
            HostError::Guest(guest) => guest.retry_after_ms,
            _ => None,
        },
        remedy: error.remedy(),
        message: match &error {
            HostError::Guest(guest) => guest.message.clone(),
            other => other.to_string(),
        },
    }
}
