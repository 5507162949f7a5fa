//! What people are told of connectors and their versions.

use serde::{Deserialize, Serialize};

use super::record::{Disabled, Refused, Use, Waiting};
use crate::port::{About, Parked};

/// One connection's connector.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ConnectorView {
    pub connection: String,
    /// What the configuration says.
    pub configured: String,
    /// `None`: it has not run yet.
    pub in_use: Option<Use>,
    /// Newest first.
    pub before: Vec<Use>,
    pub waiting: Option<Waiting>,
    /// Newest first.
    pub refused: Vec<Refused>,
    pub disabled: Option<Disabled>,
    /// What the version in use is not asked for since it kept failing.
    #[serde(default)]
    pub parked: Vec<Parked>,
}

/// How changing a version came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Came {
    /// The other version serves.
    Switched,
    /// It waits for the operator's word.
    Waits,
    Refused,
}

/// What happened when another version was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UpgradeReport {
    pub connection: String,
    pub came: Came,
    /// Why not; all empty when it did.
    pub code: String,
    pub message: String,
    pub remedy: String,
    /// What was looked at, in order.
    pub steps: Vec<String>,
    /// What it asks for beyond the version before it, or where it tells otherwise.
    pub differences: Vec<String>,
    pub from: Option<About>,
    pub to: Option<About>,
    /// How long it is watched; 0: not at all.
    pub probation_ms: u64,
}

/// Why a version does not come into use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct No {
    pub(super) came: Came,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) remedy: String,
    pub(super) differences: Vec<String>,
}

impl No {
    pub(super) fn new(code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        No { came: Came::Refused, code, message: message.into(), remedy: remedy.into(), differences: Vec::new() }
    }
}

/// It asks for more than the version in use.
pub(super) const WIDER: &str = "LS-CON-001";
/// It is older than the version in use.
pub(super) const OLDER: &str = "LS-CON-002";
/// It does not read the cursors that are stored.
pub(super) const CURSORS: &str = "LS-CON-003";
/// It is another connector, or streams in another way.
pub(super) const OTHER: &str = "LS-CON-004";
/// Its check finds something wrong that the version in use does not.
pub(super) const CHECK: &str = "LS-CON-005";
/// It tells otherwise what the version in use told.
pub(super) const DIFFERS: &str = "LS-CON-006";
/// It failed while it was tried.
pub(super) const FAILED: &str = "LS-CON-007";
/// It did worse while it was watched, and the version before serves again.
pub(super) const WORSE: &str = "LS-CON-008";
/// The configuration allows one digest only.
pub(super) const PINNED: &str = "LS-CON-009";
