//! Gives the engine its sessions: a sandboxed component of the host behind the
//! engine's port. Translates words and errors; decides nothing.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use lockstep_core::{
    change::{Changes, Cursor, Found, Page, Selection},
    config::{Connection, Limits as Wanted},
    schema::{CheckItem, ConnectorSpec, Object},
    webhook::{Webhook, WebhookAnswer},
    write::{Outcome, WriteRequest},
};
use lockstep_engine::{Connector, Role, Session, SessionError, SessionErrorKind, port};
use lockstep_host::{
    self as host, Component, ConnectionConfig, HostError, Limits, LoadLimits, Meter, RecordLimits, Recorder,
    RegistryError, digest_of,
};
use tokio::sync::{
    OnceCell,
    broadcast::{self, error::RecvError},
};

use crate::{
    asks,
    connectors::{self, Loaded, Loader, Source},
    secrets,
};

/// One connection of the configuration, ready to open sessions.
pub struct Guest {
    connection: Connection,
    /// What relative paths start from.
    folder: PathBuf,
    source: Source,
    /// The SHA-256 it must have, if any.
    digest: Option<String>,
    loader: Arc<Loader>,
    /// Loaded once: the same for all sessions, whatever becomes of the source.
    loaded: OnceCell<Loaded>,
    /// Of all versions of the connection's connector.
    sessions: Arc<Mutex<Sessions>>,
    /// What sessions that are opened now are recorded by; of all versions, too.
    recorder: Arc<Mutex<Option<Recorder>>>,
}

/// Sessions are recorded until this is gone.
struct Recorded {
    recorder: Recorder,
    /// Where [`Guest::open`] finds it.
    place: Arc<Mutex<Option<Recorder>>>,
    component: Component,
    source: String,
}

#[async_trait]
impl port::Recording for Recorded {
    async fn end(self: Box<Self>) -> Result<Option<Vec<u8>>, SessionError> {
        let spec = self.component.spec().await.map_err(failed)?;
        Ok(self.recorder.write(host::About {
            connector: format!("{} {}", spec.name, spec.version),
            source: self.source.clone(),
            digest: self.component.digest().to_owned(),
            at_us: u64::try_from(micros(SystemTime::now())).unwrap_or(0),
            ..host::About::default()
        }))
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        locked(&self.place).take();
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What a connection's sessions counted: those that live, and the sum of those gone.
#[derive(Default)]
struct Sessions {
    live: Vec<Meter>,
    gone: port::Usage,
    gone_bounds: BTreeMap<String, u64>,
}

impl Sessions {
    fn usage(&mut self) -> port::Usage {
        let (gone, gone_bounds) = (&mut self.gone, &mut self.gone_bounds);
        self.live.retain(|meter| {
            let is_final = meter.is_final();
            if is_final {
                add(gone, meter);
                add_bounds(gone_bounds, meter);
            }
            !is_final
        });
        let mut all = self.gone;
        self.live.iter().for_each(|meter| add(&mut all, meter));
        all
    }

    fn bounds(&mut self) -> BTreeMap<String, u64> {
        self.usage();
        let mut all = self.gone_bounds.clone();
        self.live.iter().for_each(|meter| add_bounds(&mut all, meter));
        all
    }
}

fn add_bounds(all: &mut BTreeMap<String, u64>, meter: &Meter) {
    for (bound, count) in meter.bounds() {
        *all.entry(bound.to_owned()).or_default() += count;
    }
}

fn add(usage: &mut port::Usage, meter: &Meter) {
    let metrics = meter.read();
    usage.calls += metrics.calls;
    usage.call_errors += metrics.call_errors;
    usage.call_us += metrics.call_us;
    usage.traps += metrics.restarts;
    usage.rows_received += metrics.rows_received;
    usage.writes_sent += metrics.intents_sent;
    usage.bytes_received += metrics.bytes_received;
    usage.bytes_sent += metrics.bytes_sent;
    usage.denials += metrics.denials;
    usage.requests += metrics.requests;
    usage.request_failures += metrics.request_failures;
    usage.limit_errors += metrics.limit_errors;
}

impl Guest {
    pub fn new(connection: Connection, folder: PathBuf, source: Source, loader: Arc<Loader>) -> Self {
        let digest = connection.digest.clone();
        Guest {
            connection,
            folder,
            source,
            digest,
            loader,
            loaded: OnceCell::new(),
            sessions: Arc::default(),
            recorder: Arc::default(),
        }
    }

    async fn loaded(&self) -> Result<&Loaded, SessionError> {
        let limits = self.load_limits();
        let load = || self.loader.load(&self.source, self.digest.as_deref(), &limits);
        self.loaded.get_or_try_init(load).await.map_err(failed)
    }

    async fn component(&self) -> Result<&Component, SessionError> {
        self.loaded().await.map(|loaded| &loaded.component)
    }

    /// What the host is told of the connection.
    pub fn config(&self) -> Result<ConnectionConfig, SessionError> {
        let secrets = secrets::resolve(&self.connection, &self.folder).map_err(|failure| SessionError {
            kind: SessionErrorKind::Config,
            message: failure.summary.into(),
            remedy: failure.remedy.into(),
            retry_after_ms: None,
            code: None,
        })?;
        Ok(ConnectionConfig {
            name: self.connection.name.clone(),
            config: self.connection.config.clone(),
            secrets: Arc::new(secrets),
            grants: self.connection.grants.clone(),
            auth: self.connection.auth.clone(),
            account: self.connection.account.clone(),
            root_certificates_pem: self.root_certificates()?,
            limits: limits(&self.connection.limits),
        })
    }
}

impl Guest {
    fn load_limits(&self) -> LoadLimits {
        limits(&self.connection.limits).unwrap_or_default().load
    }

    fn root_certificates(&self) -> Result<Option<Vec<u8>>, SessionError> {
        let Some(path) = &self.connection.root_certificates else { return Ok(None) };
        let path = self.folder.join(path);
        std::fs::read(&path).map(Some).map_err(|error| SessionError {
            kind: SessionErrorKind::Config,
            message: format!("the root certificates cannot be read: {}: {error}", path.display()),
            remedy: "Name a file of certificates in PEM form, relative to the configuration file.".into(),
            retry_after_ms: None,
            code: None,
        })
    }
}

struct Followed(broadcast::Receiver<host::Said>);

#[async_trait]
impl port::Log for Followed {
    async fn next(&mut self) -> Option<port::Logged> {
        match self.0.recv().await {
            Ok(said) => Some(port::Logged::Line(port::LogLine {
                at_us: micros(said.at),
                role: said.role.into(),
                level: said.level.into(),
                line: said.line,
            })),
            Err(RecvError::Lagged(missed)) => Some(port::Logged::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Since 1970.
fn micros(at: SystemTime) -> i64 {
    i64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()).unwrap_or(i64::MAX)
}

fn request(sent: host::Sent) -> port::Request {
    port::Request {
        at_us: micros(sent.at),
        role: sent.role.into(),
        method: sent.method,
        place: sent.place,
        path: sent.path,
        status: sent.status,
        failure: sent.failure.into(),
        bytes_sent: sent.bytes_sent,
        bytes_received: sent.bytes_received,
        took_ms: sent.took_ms,
        trace: sent.trace,
    }
}

fn incident(incident: host::Incident) -> port::Incident {
    port::Incident {
        at_us: micros(incident.at),
        role: incident.role.into(),
        code: incident.code.into(),
        what: incident.what,
        remedy: incident.remedy,
        bound: incident.bound.into(),
        count: incident.count,
    }
}

fn limit(limit: host::LimitSnapshot) -> port::BudgetLimit {
    port::BudgetLimit {
        name: limit.name,
        kind: limit.kind.into(),
        most: limit.most,
        left: limit.left,
        resets_in_ms: limit.resets_in_ms,
    }
}

/// The operator's limits over the host's own; `None` where there are none.
pub fn limits(wanted: &Wanted) -> Option<Limits> {
    if wanted.is_empty() {
        return None;
    }
    let mut limits = Limits::default();
    for (key, amount) in wanted.iter() {
        if let Some(bound) = host::Bound::named(key) {
            bound.set(&mut limits, amount);
        }
    }
    Some(limits)
}

#[async_trait]
impl Connector for Guest {
    async fn open(&self, role: Role) -> Result<Box<dyn Session>, SessionError> {
        let component = self.component().await?;
        let role = match role {
            Role::Tail => host::Role::Tail,
            Role::Write => host::Role::Write,
            Role::Read => host::Role::Read,
            Role::Ingest => host::Role::Ingest,
        };
        let config = self.config()?;
        component.fits(&config.config).await.map_err(failed)?;
        let recorder = locked(&self.recorder).clone();
        let session = match &recorder {
            Some(recorder) => component.open_recorded(role, config, recorder).await,
            None => component.open(role, config).await,
        };
        let session = session.map_err(failed)?;
        let mut sessions = locked(&self.sessions);
        // Sums up those that are gone, so that the list stays short.
        sessions.usage();
        sessions.live.push(session.meter());
        Ok(Box::new(Open(session)))
    }

    fn configured(&self) -> String {
        let mut text = self.connection.connector.clone();
        if let Source::Inside(name) = &self.source {
            text += &format!(" sha256:{}", digest_of(connectors::inside(name)));
        }
        if let Some(digest) = &self.connection.digest {
            text += &format!(" pinned to sha256:{digest}");
        }
        text
    }

    async fn about(&self) -> Result<port::About, SessionError> {
        let Loaded { component, signature, .. } = self.loaded().await?;
        let spec = component.spec().await.map_err(failed)?;
        Ok(port::About {
            signature: signature.to_string(),
            digest: component.digest().to_owned(),
            bytes: component.bytes(),
            from: self.source.to_string(),
            name: spec.name.clone(),
            version: spec.version.clone(),
            contract: component.anatomy().contract.to_string(),
            cursor_version: spec.cursor_version,
            changes: spec.changes.clone(),
            asks: asks::of(component.anatomy(), Some(spec)),
        })
    }

    fn with(&self, component: &port::ComponentName) -> Result<Arc<dyn Connector>, SessionError> {
        let source = match (component.from.as_str(), &component.digest) {
            (port::KEPT, Some(digest)) => Source::Kept(digest.clone()),
            (from, _) => connectors::source(from, &self.folder).map_err(|failure| SessionError {
                kind: SessionErrorKind::Config,
                message: failure.summary.into(),
                remedy: failure.remedy.into(),
                retry_after_ms: None,
                code: None,
            })?,
        };
        Ok(Arc::new(Guest {
            connection: self.connection.clone(),
            folder: self.folder.clone(),
            source,
            digest: component.digest.clone(),
            loader: self.loader.clone(),
            loaded: OnceCell::new(),
            sessions: self.sessions.clone(),
            recorder: self.recorder.clone(),
        }))
    }

    async fn keep(&self) -> Result<(), SessionError> {
        let loaded = self.loaded().await?;
        self.loader.keep(&self.source, loaded, &self.load_limits()).await.map_err(failed)
    }

    fn record(&self, bounds: port::RecordBounds) -> Result<Box<dyn port::Recording>, SessionError> {
        let refused = |words| SessionError::new(SessionErrorKind::Unavailable, words);
        let Some(Loaded { component, .. }) = self.loaded.get() else {
            return Err(refused("the connector has not been loaded yet"));
        };
        let mut place = locked(&self.recorder);
        if place.is_some() {
            return Err(refused("the connection is being recorded already"));
        }
        let recorder = Recorder::new(RecordLimits { body_bytes_max: bounds.body_bytes, bytes_max: bounds.bytes });
        *place = Some(recorder.clone());
        Ok(Box::new(Recorded {
            recorder,
            place: self.recorder.clone(),
            component: component.clone(),
            source: self.source.recorded(),
        }))
    }

    fn log(&self) -> Option<Box<dyn port::Log>> {
        let said = self.loader.follow(&self.connection.name)?;
        Some(Box::new(Followed(said)))
    }

    fn incidents(&self) -> Vec<port::Incident> {
        self.loader.incidents(&self.connection.name).into_iter().map(incident).collect()
    }

    fn parked(&self) -> Vec<port::Parked> {
        let Some(loaded) = self.loaded.get() else { return Vec::new() };
        let parked = self.loader.parked(&self.connection.name, loaded.component.digest());
        parked.into_iter().map(|(role, reason)| port::Parked { role: role.to_owned(), reason }).collect()
    }

    fn bounds(&self) -> BTreeMap<String, u64> {
        locked(&self.sessions).bounds()
    }

    fn requests(&self) -> Vec<port::Request> {
        self.loader.sent(&self.connection.name).into_iter().map(request).collect()
    }

    fn budget(&self) -> Option<port::Budget> {
        let account = self.connection.account.as_ref().unwrap_or(&self.connection.name);
        let budget = self.loader.budget(account)?;
        // An account that nothing is known of has no limits to show.
        let is_known = !budget.limits.is_empty() || budget.refused > 0;
        is_known.then(|| port::Budget {
            account: budget.account,
            limits: budget.limits.into_iter().map(limit).collect(),
            blocked_ms: budget.blocked_ms,
            refused: budget.refused,
            held_back: budget.held_back,
            throttled: budget.throttled,
            waiting: budget.waiting,
        })
    }

    fn usage(&self) -> port::Usage {
        locked(&self.sessions).usage()
    }
}

struct Open(host::Session);

#[async_trait]
impl Session for Open {
    async fn spec(&mut self) -> Result<ConnectorSpec, SessionError> {
        self.told(self.0.spec().await)
    }

    async fn check(&mut self, objects: &[String]) -> Result<Vec<CheckItem>, SessionError> {
        self.told(self.0.check(objects).await)
    }

    async fn discover(&mut self, objects: &[String]) -> Result<Vec<Object>, SessionError> {
        self.told(self.0.discover(objects).await)
    }

    async fn start(&mut self, selections: &[Selection]) -> Result<Cursor, SessionError> {
        self.told(self.0.start(selections).await)
    }

    async fn release(&mut self) -> Result<Vec<String>, SessionError> {
        self.told(self.0.release().await)
    }

    async fn read(&mut self, request: &port::PageRequest) -> Result<Page, SessionError> {
        let request = host::PageRequest {
            selection: request.selection.clone(),
            after: request.after.clone(),
            rows_max: request.rows_max,
            bytes_max: request.bytes_max,
        };
        self.told(self.0.read(&request).await)
    }

    async fn changes(&mut self, request: &port::ChangesRequest) -> Result<Changes, SessionError> {
        let request = host::ChangesRequest {
            selections: request.selections.clone(),
            after: request.after.clone(),
            durable: request.durable.clone(),
            records_max: request.records_max,
            bytes_max: request.bytes_max,
            wait_ms: request.wait_ms,
        };
        self.told(self.0.changes(&request).await)
    }

    async fn fetch(&mut self, request: &port::FetchRequest) -> Result<Vec<Found>, SessionError> {
        let request = host::FetchRequest {
            selection: request.selection.clone(),
            by: request.by.clone(),
            keys: request.keys.clone(),
        };
        self.told(self.0.fetch(&request).await)
    }

    async fn write(&mut self, request: &WriteRequest) -> Result<Vec<Outcome>, SessionError> {
        self.told(self.0.write(request).await)
    }

    async fn ensure(&mut self, request: &port::EnsureRequest) -> Result<Vec<String>, SessionError> {
        let columns = request
            .columns
            .iter()
            .map(|column| host::WantedColumn {
                name: column.name.clone(),
                column_type: column.column_type.clone(),
                nullable: column.nullable,
                unique: column.unique,
                references: column.references.clone(),
                comment: column.comment.clone(),
            })
            .collect();
        let request = host::EnsureRequest {
            object: request.object.clone(),
            columns,
            key: request.key.clone(),
            dry_run: request.dry_run,
        };
        self.told(self.0.ensure(&request).await)
    }

    async fn ingest(&mut self, webhook: &Webhook) -> Result<WebhookAnswer, SessionError> {
        self.told(self.0.ingest(webhook).await)
    }

    async fn close(self: Box<Self>) {
        self.0.close().await;
    }
}

impl Open {
    /// A failure that came of a right the operator has not granted says which.
    fn told<T>(&self, result: Result<T, HostError>) -> Result<T, SessionError> {
        result.map_err(|error| {
            let mut error = failed(error);
            if let Some(denial) = self.0.denials().last()
                && error.kind != SessionErrorKind::Crashed
            {
                let remedy = denial.remedy();
                if !remedy.is_empty() && !error.remedy.contains(&remedy) {
                    error.message = format!("{} ({} was denied: {})", error.message, denial.tried, denial.reason);
                    error.remedy = remedy;
                }
            }
            error
        })
    }
}

/// What the engine is told of a host's error.
fn failed(error: HostError) -> SessionError {
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
            _ => SessionErrorKind::Internal,
        },
        HostError::Unreadable { .. }
        | HostError::Digest { .. }
        | HostError::NotAComponent { .. }
        | HostError::ForeignImport { .. }
        | HostError::ContractVersion { .. }
        | HostError::TooLarge { .. }
        | HostError::Code { .. }
        | HostError::Compile { .. }
        | HostError::Engine { .. }
        | HostError::SignIn { .. }
        | HostError::Setting { .. }
        | HostError::CompileBound { .. }
        | HostError::BeyondManifest { .. }
        | HostError::NotSigned { .. }
        | HostError::WrongSignature { .. }
        | HostError::Config { .. } => SessionErrorKind::Config,
        // Another time it may answer.
        HostError::Registry(RegistryError::Unreachable { .. } | RegistryError::Refused { status: 429 | 500.., .. }) => {
            SessionErrorKind::Unavailable
        }
        HostError::Registry(_) => SessionErrorKind::Config,
        // Nothing of it ran: whatever was to be written was not.
        HostError::Parked { .. } | HostError::Crowded { .. } => SessionErrorKind::Unavailable,
        HostError::Trap { .. }
        | HostError::Timeout { .. }
        | HostError::Cancelled { .. }
        | HostError::Fault { .. }
        | HostError::Closed => SessionErrorKind::Crashed,
        HostError::Request { .. } | HostError::Recording { .. } => SessionErrorKind::Internal,
    };
    let mut remedy = error.remedy();
    if remedy.is_empty() && kind == SessionErrorKind::Auth {
        "Look at the connection's `secrets` and at the user its `config` names.".clone_into(&mut remedy);
    }
    let (message, retry_after_ms, code) = match error {
        HostError::Guest(guest) => (guest.message, guest.retry_after_ms, None),
        other => (other.to_string(), None, Some(other.code())),
    };
    SessionError { kind, message, remedy, retry_after_ms, code }
}

#[cfg(test)]
mod tests {
    use lockstep_core::config::{LIMITS, LimitKind};
    use lockstep_host::{BOUNDS, Unit};

    #[test]
    fn every_bound_of_the_host_can_be_set_and_nothing_else() {
        let kinds = BOUNDS.iter().map(|bound| (bound.key, bound.unit));
        let settings = LIMITS.iter().map(|(key, kind)| {
            let unit = match kind {
                LimitKind::Size => Unit::Bytes,
                LimitKind::Duration => Unit::Milliseconds,
                LimitKind::Count(_) => Unit::Count,
            };
            (*key, unit)
        });
        assert_eq!(settings.collect::<Vec<_>>(), kinds.collect::<Vec<_>>());
    }
}
