//! A loaded connector, from which sessions are opened.

use std::sync::Arc;

use lockstep_core::schema::{AuthScheme, ConnectorSpec};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use wasmtime::component;

use crate::{
    credentials::Secrets,
    error::HostError,
    examine::Anatomy,
    host::Host,
    http::{Egress, EgressSetup, Identity, Scheme, select},
    limits::Limits,
    network::{BadRule, Denials, Policy, Roots},
    record::Recorder,
    request::Role,
    session::{Session, Setup, scratch},
    settings,
    template::lookup,
    v0_2,
};

/// What the operator configured and granted for one connection.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// For logs and messages.
    pub name: String,
    /// What the connector gets at `open`; fits its schema.
    pub config: Value,
    pub secrets: Arc<Secrets>,
    /// The authentication scheme, by the name the connector gives it; `None`: the one that
    /// `config` names as `auth`, else the only one that the secrets fit.
    pub auth: Option<String>,
    /// Connections that name the same account share its rate budget; `None`: the connection's name.
    pub account: Option<String>,
    /// Such as `tcp:127.0.0.1:5432`.
    pub grants: Vec<String>,
    /// Certificates in PEM form that TLS trusts besides the system's.
    pub root_certificates_pem: Option<Vec<u8>>,
    /// `None`: the host's.
    pub limits: Option<Limits>,
}

impl ConnectionConfig {
    /// One that has no secrets and is granted nothing.
    pub fn new(name: impl Into<String>, config: Value) -> Self {
        ConnectionConfig {
            name: name.into(),
            config,
            secrets: Arc::new(Secrets::new()),
            auth: None,
            account: None,
            grants: Vec::new(),
            root_certificates_pem: None,
            limits: None,
        }
    }
}

/// A loaded connector. Cheap to clone.
#[derive(Clone)]
pub struct Component(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) host: Host,
    pub(crate) instantiable: v0_2::Instantiable,
    digest: String,
    bytes: u64,
    anatomy: Anatomy,
    spec: OnceCell<ConnectorSpec>,
}

/// One thing a connector asks for, and whether it gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// As the connector writes it, such as `tcp:config.host:config.port`.
    pub ask: String,
    pub kind: PermissionKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermissionKind {
    Connect,
    Credential,
}

impl Component {
    pub(crate) fn new(
        host: Host,
        compiled: component::Component,
        digest: String,
        bytes: u64,
        anatomy: Anatomy,
    ) -> Result<Self, HostError> {
        let instantiable = v0_2::prepare(&host.0.linker, &compiled, anatomy.contract)
            .map_err(|error| HostError::NotAComponent { reason: format!("{error:#}") })?;
        Ok(Component(Arc::new(Inner { host, instantiable, digest, bytes, anatomy, spec: OnceCell::new() })))
    }

    /// Where it was loaded.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// SHA-256 of the component, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// How large it is.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Whether anybody else holds it: a session, or another clone.
    pub fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Imports and contract version, as read from its bytes.
    pub fn anatomy(&self) -> &Anatomy {
        &self.0.anatomy
    }

    /// What the connector says of itself. Asked once, in an instance that may reach nothing.
    pub async fn spec(&self) -> Result<&ConnectorSpec, HostError> {
        self.0.spec.get_or_try_init(|| self.ask_spec()).await
    }

    /// The spec, which asks for nothing that a manifest left out.
    async fn ask_spec(&self) -> Result<ConnectorSpec, HostError> {
        let spec = scratch::spec(self).await?;
        if let Some(manifest) = &self.anatomy().manifest {
            let asked = [(&spec.permissions, &manifest.permissions), (&spec.credentials, &manifest.credentials)];
            let beyond = asked.into_iter().flat_map(|(asked, said)| asked.iter().filter(|ask| !said.contains(ask)));
            if let Some(ask) = beyond.into_iter().next() {
                return Err(HostError::BeyondManifest { ask: ask.clone() });
            }
        }
        Ok(spec)
    }

    /// Whether settings fit the schema that the connector gives; it checks them itself, too, when it is
    /// opened, but in its own words.
    ///
    /// # Errors
    /// [`HostError::Setting`] with what does not fit, or that the connector could not be asked.
    pub async fn fits(&self, config: &Value) -> Result<(), HostError> {
        settings::check(config, &self.spec().await?.config_schema)
    }

    /// Everything the connector asks for.
    pub async fn permissions(&self) -> Result<Vec<Permission>, HostError> {
        let spec = self.spec().await?;
        let asks = |list: &[String], kind| -> Vec<Permission> {
            list.iter().map(|ask| Permission { ask: ask.clone(), kind }).collect()
        };
        let mut all = asks(&spec.permissions, PermissionKind::Connect);
        all.extend(asks(&spec.credentials, PermissionKind::Credential));
        Ok(all)
    }

    /// Begin a session. The instance is made, and `open` called in it, with the
    /// first call; a session that failed is made anew with the next.
    ///
    /// # Errors
    /// When grants or root certificates cannot be read, or the connector's spec cannot be had.
    pub async fn open(&self, role: Role, connection: ConnectionConfig) -> Result<Session, HostError> {
        self.begin(role, connection, None).await
    }

    /// [`Component::open`], and record everything that the session does.
    pub async fn open_recorded(
        &self,
        role: Role,
        connection: ConnectionConfig,
        recorder: &Recorder,
    ) -> Result<Session, HostError> {
        self.begin(role, connection, Some(recorder)).await
    }

    async fn begin(
        &self,
        role: Role,
        connection: ConnectionConfig,
        recorder: Option<&Recorder>,
    ) -> Result<Session, HostError> {
        let spec = self.spec().await?;
        let limits = connection.limits.clone().unwrap_or_else(|| self.0.host.0.limits.clone());
        let denials = Arc::<Denials>::default();
        let policy = Policy::new(&spec.permissions, &connection.grants, &connection.config, Arc::clone(&denials))
            .map_err(|BadRule(reason)| HostError::Config { reason })?;
        let roots =
            Roots::new(connection.root_certificates_pem.as_deref()).map_err(|reason| HostError::Config { reason })?;
        let (policy, roots, host) = (Arc::new(policy), Arc::new(roots), &self.0.host.0);
        let ledger = host.ledgers.of(&connection.name);
        let scheme = scheme(&spec.auth_schemes, &connection)?;
        let budget = host.budgets.of(connection.account.as_deref().unwrap_or(&connection.name)).await;
        let egress = host.egresses.of(self.identity(&connection, &limits), || {
            Egress::new(EgressSetup {
                name: connection.name.clone(),
                policy: Arc::clone(&policy),
                roots: Arc::clone(&roots),
                resolver: Arc::clone(&host.resolver),
                scheme,
                secrets: &connection.secrets,
                keeper: host.keeper.clone(),
                budget,
                limits: &limits,
            })
        });
        let track = recorder.map(|it| it.track(role.name(), &connection.name, Arc::clone(&connection.secrets)));
        Ok(Session::begin(Setup {
            component: self.clone(),
            role,
            name: connection.name,
            config: connection.config.to_string(),
            secrets: connection.secrets,
            credentials_asked: credentials_asked(&spec.credentials, &connection.config),
            policy,
            roots,
            egress,
            denials,
            ledger,
            limits,
            track,
        }))
    }

    /// What sessions must have in common to be those of one connection.
    fn identity(&self, connection: &ConnectionConfig, limits: &Limits) -> Identity {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        add(self.digest().as_bytes());
        add(connection.name.as_bytes());
        add(connection.config.to_string().as_bytes());
        connection.grants.iter().for_each(|grant| add(grant.as_bytes()));
        add(connection.root_certificates_pem.as_deref().unwrap_or_default());
        add(format!("{limits:?}").as_bytes());
        add(&connection.secrets.fingerprint());
        for part in [&connection.auth, &connection.account] {
            add(part.as_deref().unwrap_or_default().as_bytes());
        }
        hash.finalize().into()
    }
}

/// What the connector asks to do with secrets, such as `hmac-sha256:client_secret`; in
/// `hmac-sha256:config.webhook_secret|client_secret` the operator's configuration names the secret.
fn credentials_asked(asks: &[String], config: &Value) -> Vec<String> {
    let filled = asks.iter().flat_map(|ask| match ask.split_once(":config.") {
        Some((operation, path)) => lookup(path, config).iter().map(|name| format!("{operation}:{name}")).collect(),
        None => vec![ask.clone()],
    });
    filled.collect()
}

/// How a connection signs in, made ready.
fn scheme(schemes: &[AuthScheme], connection: &ConnectionConfig) -> Result<Option<Scheme>, HostError> {
    let wanted = connection.auth.as_deref().or_else(|| connection.config.get("auth").and_then(Value::as_str));
    let names: Vec<&str> = schemes.iter().map(|scheme| scheme.name.as_str()).collect();
    let selected = select(schemes, wanted, &connection.secrets).map_err(|reason| HostError::SignIn {
        reason,
        remedy: format!("Say which in the connection: auth = \"…\", one of {}.", names.join(", ")),
    })?;
    let ready = selected.map(|scheme| Scheme::ready(scheme, &connection.config, &connection.secrets)).transpose();
    ready.map_err(|reason| HostError::SignIn { remedy: missing(&reason), reason })
}

/// Where what is missing belongs, as it would be written.
fn missing(reason: &str) -> String {
    match reason.rsplit_once("config.") {
        Some((_, key)) => format!("Write it into the connection's settings: config = {{ {key} = \"…\" }}."),
        None => {
            let secret = reason.split('`').nth(1).unwrap_or("client_secret");
            format!("Refer to it in the connection's secrets: secrets = {{ {secret} = \"env:NAME\" }}.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_its_place() {
        assert!(missing("signing in by x needs config.client_id").contains("config = { client_id ="));
        assert!(missing("signing in by x needs the secret `token`").contains("secrets = { token ="));
    }

    #[test]
    fn the_configuration_may_name_the_secret_that_is_used() {
        let asks = ["hmac-sha256:config.webhook_secret|client_secret".to_owned(), "md5:password".to_owned()];
        let asked = |config: Value| credentials_asked(&asks, &config);
        assert_eq!(asked(serde_json::json!({})), ["hmac-sha256:client_secret", "md5:password"]);
        let named = asked(serde_json::json!({ "webhook_secret": "other" }));
        assert_eq!(named, ["hmac-sha256:other", "md5:password"]);
    }
}
