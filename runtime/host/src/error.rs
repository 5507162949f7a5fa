//! What can go wrong between the runtime and a connector. Knows nothing of what
//! the engine does about it.

use crate::{code::CodeKind, registry::RegistryError};

/// What a connector itself answered, in the contract's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct GuestError {
    /// `retry`, `throttled`, `unavailable`, `auth`, `denied`, `config`, `not-found`, `cursor-invalid`,
    /// `unsupported`, `internal`; anything else is to be treated as `internal`.
    pub code: String,
    pub message: String,
    /// What the operator can do; empty if unknown.
    pub remedy: String,
    pub retry_after_ms: Option<u32>,
}

impl GuestError {
    /// For a recording.
    pub(crate) fn packed(&self) -> serde_json::Value {
        serde_json::json!({
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "retry_after_ms": self.retry_after_ms,
        })
    }
}

/// A failed load, open or call. After [`HostError::Trap`], [`HostError::Timeout`], [`HostError::Cancelled`]
/// and [`HostError::Fault`] the instance is gone: whether a `write` among them took effect is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("cannot read {what}: {reason}")]
    Unreadable { what: String, reason: String },
    #[error("the component's digest is sha256:{found}, and sha256:{expected} was asked for")]
    Digest { expected: String, found: String },
    #[error("this is no component: {reason}")]
    NotAComponent { reason: String },
    #[error("the component imports {import}, which it may not")]
    ForeignImport { import: String },
    #[error("the component is made for {found}; this version serves {served}")]
    ContractVersion { found: String, served: String },
    /// Code for a field or a rule does not say what it is.
    #[error("the {kind} cannot be used: {reason}")]
    Code { kind: CodeKind, reason: String },
    #[error("the component has {bytes} bytes, and {bytes_max} are the most allowed")]
    TooLarge { bytes: u64, bytes_max: u64 },
    #[error("the component does not compile: {reason}")]
    Compile { reason: String },
    /// Compiling was stopped at a bound, named as in the configuration.
    #[error("compiling the component was stopped at its bound {bound}: {reason}")]
    CompileBound { bound: &'static str, reason: String },
    /// Besides those that live, none may be made.
    #[error("the connection has {instances_max} instances of its connector already")]
    Crowded { instances_max: usize },
    /// The component's own metadata asks for less than it asks for when it runs.
    #[error("the connector asks for {ask}, which its manifest does not say")]
    BeyondManifest { ask: String },
    /// It carries no signature that counts, and has to.
    #[error("the component is {found}, and `require_signature` lets only signed ones in")]
    NotSigned { found: String },
    /// What it carries cannot be right, whether one is required or not.
    #[error("the component is {found}")]
    WrongSignature { found: String },
    /// A registry of components.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("the runtime for components cannot start: {reason}")]
    Engine { reason: String },
    #[error("{reason}")]
    Config { reason: String },
    /// The connection's settings do not fit what the connector says of them.
    #[error("{reason}")]
    Setting { reason: String, remedy: String },
    /// The connector's own answer.
    #[error(transparent)]
    Guest(GuestError),
    /// `bound`: the limit it had reached, by its name in the configuration; empty where there is none.
    #[error("the connector crashed in {call}: {reason}{}", reached(bound))]
    Trap { call: &'static str, reason: String, bound: &'static str },
    #[error("{call} took longer than {limit_ms} ms ({bound}) and was stopped")]
    Timeout { call: &'static str, limit_ms: u64, bound: &'static str },
    #[error("{call} was cancelled")]
    Cancelled { call: &'static str },
    /// `bound`: the limit its answer went beyond; empty where that is not the matter.
    #[error("the connector broke the contract in {call}: {reason}{}", reached(bound))]
    Fault { call: &'static str, reason: String, bound: &'static str },
    #[error("the connector failed {failures} times and is parked; last: {reason}")]
    Parked { failures: u32, reason: String },
    /// What was to be replayed is no recording, or not a whole one.
    #[error("the recording cannot be replayed: line {line}: {reason}")]
    Recording { line: usize, reason: String },
    #[error("the session is closed")]
    Closed,
    #[error("{call} cannot be asked: {reason}")]
    Request { call: &'static str, reason: String },
    /// Before anything is opened: nobody could sign in this way.
    #[error("{reason}")]
    SignIn { reason: String, remedy: String },
}

impl HostError {
    /// Stable, for people and programs.
    pub fn code(&self) -> &'static str {
        match self {
            HostError::Unreadable { .. } => "LS-H001",
            HostError::Digest { .. } => "LS-H002",
            HostError::NotAComponent { .. } => "LS-H003",
            HostError::ForeignImport { .. } => "LS-H004",
            HostError::ContractVersion { .. } => "LS-H005",
            HostError::TooLarge { .. } => "LS-H006",
            HostError::Code { .. } => "LS-H025",
            HostError::Recording { .. } => "LS-H026",
            HostError::Compile { .. } => "LS-H007",
            HostError::Engine { .. } => "LS-H008",
            HostError::Config { .. } => "LS-H009",
            HostError::Guest(_) => "LS-H010",
            HostError::Trap { .. } => "LS-H011",
            HostError::Timeout { .. } => "LS-H012",
            HostError::Cancelled { .. } => "LS-H013",
            HostError::Fault { .. } => "LS-H014",
            HostError::Parked { .. } => "LS-H015",
            HostError::Closed => "LS-H016",
            HostError::Request { .. } => "LS-H017",
            HostError::SignIn { .. } => "LS-H018",
            HostError::Setting { .. } => "LS-H027",
            HostError::CompileBound { .. } => "LS-H019",
            HostError::Crowded { .. } => "LS-H020",
            HostError::BeyondManifest { .. } => "LS-H021",
            HostError::NotSigned { .. } => "LS-H023",
            HostError::WrongSignature { .. } => "LS-H024",
            HostError::Registry(error) => error.code(),
        }
    }

    /// What the operator can do; empty if nothing is known.
    pub fn remedy(&self) -> String {
        match self {
            HostError::Guest(error) => error.remedy.clone(),
            HostError::SignIn { remedy, .. } | HostError::Setting { remedy, .. } => remedy.clone(),
            HostError::Registry(error) => error.remedy(),
            HostError::Digest { .. } => {
                "Pin the digest of the component you reviewed, or restore that component.".into()
            }
            HostError::ForeignImport { .. } | HostError::ContractVersion { .. } | HostError::NotAComponent { .. } => {
                "Rebuild the connector with this version's SDK.".into()
            }
            HostError::Code { .. } => "Correct its `describe`, and build it anew.".into(),
            HostError::Recording { .. } => {
                "Record it again with this version's `lockstep connector test --record FOLDER`.".into()
            }
            HostError::Parked { .. } => {
                "Correct the cause. It gets one try every so often (`park` in the connection's limits; `failures` says how \
                 many park it), and at the next start."
                    .into()
            }
            HostError::BeyondManifest { .. } => {
                "Do not use it: what was reviewed is not what would run. Its author has to build it anew.".into()
            }
            HostError::NotSigned { .. } => "Have it signed by one of [connectors] `trusted_keys`, or list the public key of who \
                 signed it there."
                .into(),
            HostError::WrongSignature { .. } => {
                "Do not use it: it was changed after it was signed. Get it anew from who signed it.".into()
            }
            HostError::Trap { bound, .. }
            | HostError::Timeout { bound, .. }
            | HostError::Fault { bound, .. }
            | HostError::CompileBound { bound, .. } => raise(bound),
            HostError::Crowded { .. } => raise("instances"),
            HostError::TooLarge { .. } => raise("component_bytes"),
            HostError::Unreadable { .. }
            | HostError::Compile { .. }
            | HostError::Engine { .. }
            | HostError::Config { .. }
            | HostError::Cancelled { .. }
            | HostError::Closed
            | HostError::Request { .. } => String::new(),
        }
    }

    /// Whether the instance was thrown away, so that a write may or may not have happened.
    pub fn lost_the_instance(&self) -> bool {
        match self {
            HostError::Trap { .. }
            | HostError::Timeout { .. }
            | HostError::Cancelled { .. }
            | HostError::Fault { .. } => true,
            HostError::Unreadable { .. }
            | HostError::Digest { .. }
            | HostError::NotAComponent { .. }
            | HostError::ForeignImport { .. }
            | HostError::ContractVersion { .. }
            | HostError::TooLarge { .. }
            | HostError::Code { .. }
            | HostError::Recording { .. }
            | HostError::Compile { .. }
            | HostError::Engine { .. }
            | HostError::Config { .. }
            | HostError::Guest(_)
            | HostError::Parked { .. }
            | HostError::Closed
            | HostError::SignIn { .. }
            | HostError::Setting { .. }
            | HostError::CompileBound { .. }
            | HostError::Crowded { .. }
            | HostError::BeyondManifest { .. }
            | HostError::NotSigned { .. }
            | HostError::WrongSignature { .. }
            | HostError::Registry(_)
            | HostError::Request { .. } => false,
        }
    }

    /// The bound that was reached, by its name in the configuration; empty where none was.
    pub fn bound(&self) -> &'static str {
        match self {
            HostError::Trap { bound, .. }
            | HostError::Timeout { bound, .. }
            | HostError::Fault { bound, .. }
            | HostError::CompileBound { bound, .. } => bound,
            HostError::Crowded { .. } => "instances",
            HostError::TooLarge { .. } => "component_bytes",
            _ => "",
        }
    }
}

fn reached(bound: &str) -> String {
    if bound.is_empty() { String::new() } else { format!(" (beyond its bound `{bound}`)") }
}

/// What to write to allow more.
pub(crate) fn raise(bound: &str) -> String {
    match crate::bounds::Bound::named(bound) {
        Some(known) => {
            let now = known.unit.show(known.of(&crate::limits::Limits::default()));
            format!("If it may have more, say so in the connection: limits = {{ {bound} = … }} (unless said, {now}).")
        }
        None => String::new(),
    }
}
