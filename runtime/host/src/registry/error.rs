//! What can go wrong between the runtime and a registry of components.

/// A pull or a push that failed. Nothing of what was asked for is used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    #[error("{reference} is no reference into a registry: {why}")]
    BadReference { reference: String, why: String },
    #[error("{reference} names no digest, and a tag may lead to another component tomorrow")]
    Unpinned { reference: String },
    #[error("{place} cannot be asked: {why}")]
    Unreachable { place: String, why: String },
    /// `said`: its own code, such as `DENIED`.
    #[error("{place} refuses with status {status}{}", said_by(said))]
    Refused { place: String, status: u16, said: String },
    #[error("the registry has no {what} for {reference}")]
    Missing { reference: String, what: &'static str },
    #[error("the {what} that the registry gave for {reference} is sha256:{found}, and sha256:{expected} was asked for")]
    WrongDigest { reference: String, what: &'static str, expected: String, found: String },
    #[error("{reference} is no connector: {reason}")]
    NotAConnector { reference: String, reason: String },
    #[error("{what} of {reference} has more bytes than the {bytes_max} that are allowed")]
    TooLarge { reference: String, what: &'static str, bytes_max: u64 },
    #[error("{place} sends the request on to {to}, where it does not go: {why}")]
    Elsewhere { place: String, to: String, why: String },
    #[error("the credentials for {registry} cannot be read: {why}")]
    Credentials { registry: String, why: String },
    #[error("{place} answered what no registry answers: {what}")]
    Unexpected { place: String, what: String },
}

fn said_by(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" ({said})") }
}

impl RegistryError {
    /// Stable, for people and programs.
    pub fn code(&self) -> &'static str {
        match self {
            RegistryError::BadReference { .. } => "LS-REG-001",
            RegistryError::Unpinned { .. } => "LS-REG-002",
            RegistryError::Unreachable { .. } => "LS-REG-003",
            RegistryError::Refused { .. } => "LS-REG-004",
            RegistryError::Missing { .. } => "LS-REG-005",
            RegistryError::WrongDigest { .. } => "LS-REG-006",
            RegistryError::NotAConnector { .. } => "LS-REG-007",
            RegistryError::TooLarge { .. } => "LS-REG-008",
            RegistryError::Elsewhere { .. } => "LS-REG-009",
            RegistryError::Credentials { .. } => "LS-REG-010",
            RegistryError::Unexpected { .. } => "LS-REG-011",
        }
    }

    /// What the operator can do.
    pub fn remedy(&self) -> String {
        match self {
            RegistryError::BadReference { .. } => "Write oci://HOST/REPOSITORY:TAG@sha256:DIGEST.".into(),
            RegistryError::Unpinned { reference } => format!(
                "Write connector = \"{reference}@sha256:…\": `lockstep connector pull {reference}` prints that line."
            ),
            RegistryError::Unreachable { .. } => {
                "Look at the registry's name, at the way there and at its certificate; then try again.".into()
            }
            RegistryError::Refused { status: 401 | 403, .. } => {
                "Sign in with `docker login`, or set `username` and `password` of the registry under \
                 [connectors.registries]; the user needs the right to the repository."
                    .into()
            }
            RegistryError::Refused { .. } => "Try again later, or ask whoever runs the registry.".into(),
            RegistryError::Missing { .. } => {
                "Look at the repository, tag and digest; registries also say so to those who may not see it.".into()
            }
            RegistryError::WrongDigest { .. } => {
                "Do not use it: what the registry holds is not what was pinned. Ask whoever published it.".into()
            }
            RegistryError::NotAConnector { .. } => {
                "Publish it with `lockstep connector push`, or as any other wasm OCI artifact of one component.".into()
            }
            RegistryError::TooLarge { .. } => {
                "Ask whoever published it: no component's artifact needs that much.".into()
            }
            RegistryError::Elsewhere { .. } => {
                "Name the registry that holds it; without encryption only one on this machine is asked, or one with \
                 `plain_http = true` under [connectors.registries]."
                    .into()
            }
            RegistryError::Credentials { .. } => {
                "Sign in anew with `docker login`, or set `username` and `password` of the registry under \
                 [connectors.registries]."
                    .into()
            }
            RegistryError::Unexpected { .. } => "Look at the registry's address: this may be another service.".into(),
        }
    }
}
