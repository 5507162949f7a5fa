//! What operations answer: plain values that the CLI prints and the API
//! serialises. Values of fields marked sensitive are masked before they get here.

use serde::{Deserialize, Serialize};

/// How everything stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// Whether a process is running the syncs of this state file.
    pub running: bool,
    pub connections: Vec<ConnectionStatus>,
    pub syncs: Vec<SyncStatus>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ConnectionStatus {
    pub name: String,
    /// `idle` (not running), `starting`, `reading`, `streaming`, `waiting` (backing off), `failed`.
    pub state: String,
    /// The last trouble, empty if none.
    pub trouble: String,
    pub remedy: String,
    pub lag_bytes: Option<u64>,
    pub lag_ms: Option<u64>,
    /// Changes taken since the process started.
    pub changes: u64,
    /// What the connector's sessions did since then.
    #[serde(default)]
    pub usage: crate::port::Usage,
    /// How often each of the connector's bounds was reached; those never reached are left out.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub bounds: std::collections::BTreeMap<String, u64>,
    /// What its connector is not asked for since it kept failing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<crate::port::Parked>,
    /// What its system allows to be asked, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<crate::port::Budget>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SyncStatus {
    pub name: String,
    /// `new`, `first-copy`, `live`, `paused`, `failed`.
    pub phase: String,
    /// Why it is paused or failed, and what to do; empty otherwise.
    pub reason: String,
    pub remedy: String,
    /// Records that live.
    pub records: u64,
    /// Fields and records that wait for a person.
    pub held: u64,
    /// Fields that wait until the record they refer to is there.
    #[serde(default)]
    pub awaiting_parent: u64,
    /// Records kept off a side since it refused them, ignored refusals included.
    #[serde(default)]
    pub kept_off: u64,
    pub quarantined: u64,
    /// Fields that take no part since a column of theirs changed.
    #[serde(default)]
    pub set_aside: Vec<FieldAside>,
    /// Changes of columns that wait for a person's word.
    #[serde(default)]
    pub drift: u64,
    /// Nothing is left to do: no change waits to be absorbed, no write is pending or in flight.
    pub quiet: bool,
    pub sides: Vec<SideStatus>,
    pub totals: Totals,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SideStatus {
    pub name: String,
    pub connection: String,
    pub object: String,
    /// Records known to live there.
    pub rows: u64,
    pub paused: bool,
    /// Writes waiting, in flight included.
    pub pending: u64,
    /// Of the first copy or a reconcile: rows read so far, `None` when none is under way.
    pub reading: Option<u64>,
    /// Why writes wait (unavailable, throttled, failed), empty if they do not.
    pub trouble: String,
}

/// A field that is set aside, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldAside {
    pub field: String,
    pub reason: String,
}

/// A change of a side's columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftView {
    pub sync: String,
    /// Names it within its sync.
    pub item: u64,
    pub at_micros: i64,
    pub side: String,
    pub object: String,
    pub column: String,
    /// `added`, `removed`, `altered`.
    pub what: String,
    pub before: String,
    pub now: String,
    /// The field the column belongs to, or belonged to.
    pub field: Option<String>,
    pub effect: String,
    /// `open`, `accepted`, `ignored`, `superseded`.
    pub state: String,
    /// Who decided; empty if nobody has.
    pub by: String,
    pub decided_at_micros: Option<i64>,
}

/// What a person says to a change of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftDecision {
    Accept,
    Ignore,
}

/// Numbers since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub absorbed: u64,
    pub echoes: u64,
    pub stale: u64,
    pub conflicts: u64,
    pub written: u64,
    pub refused: u64,
}

/// What would happen, before anything is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    pub syncs: Vec<SyncPlan>,
    /// What has to be made first at the destinations, statement by statement.
    pub prepare: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SyncPlan {
    pub sync: String,
    /// The first copy has not been done yet.
    pub first_copy: bool,
    /// Records found on more than one side.
    pub matched: u64,
    /// Of these, records whose sides differ in some field.
    pub differing: u64,
    pub ambiguous: u64,
    pub uncastable: u64,
    /// Conflicts that would wait for a person.
    pub held: u64,
    /// What the mapping allows and is worth knowing, such as values that may not fit.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Rows whose values were taken through every side and back.
    #[serde(default)]
    pub proven: u64,
    /// Values that do not come back from some side, by field and reason; bounded.
    #[serde(default)]
    pub lost: Vec<LostValues>,
    /// Records that the filter leaves out, and those it cannot decide.
    #[serde(default)]
    pub outside: u64,
    #[serde(default)]
    pub undecided: u64,
    /// Tells rules and mapping from others.
    #[serde(default)]
    pub rules: String,
    /// Tells the planned writes from others, values included.
    #[serde(default)]
    pub digest: String,
    pub sides: Vec<SidePlan>,
    /// Some of what was counted, to look at; bounded.
    pub examples: Vec<PlanExample>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SidePlan {
    pub side: String,
    pub rows: u64,
    pub creates: u64,
    pub updates: u64,
    pub deletes: u64,
    #[serde(default)]
    pub cost: SideCost,
}

/// What a side would be asked, where its system counts requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideCost {
    /// Made to read it for this plan; a first copy makes them again.
    pub read_requests: u64,
    pub read_ms: u64,
    /// About so many, by the way the connector writes.
    pub write_requests: u64,
    /// About so long, by the time that a request took.
    pub write_ms: u64,
    /// What is left of the day's requests.
    pub left_today: Option<u64>,
}

/// Values of a field that one side shows and another cannot give back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostValues {
    pub field: String,
    /// Whose values.
    pub from: String,
    /// Where; the same side, if they have no form that others understand.
    pub at: String,
    pub count: u64,
    pub why: String,
    /// They would be rounded, as the field allows. Otherwise the field waits.
    pub altered: bool,
    /// One of them.
    pub example: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PlanExample {
    /// `create`, `update`, `delete`, `conflict`, `ambiguous`, `uncastable`.
    pub what: String,
    pub side: String,
    pub key: String,
    pub fields: Vec<FieldPreview>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FieldPreview {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Everything known of one record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Explanation {
    pub sync: String,
    pub record: u64,
    /// `live`, `deleted`, `held-delete`, `ambiguous`.
    pub life: String,
    pub links: Vec<LinkView>,
    pub fields: Vec<FieldView>,
    /// Oldest first, bounded.
    pub history: Vec<EntryView>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LinkView {
    pub side: String,
    pub key: Option<String>,
    /// `live`, `deleted`, `barred`.
    pub presence: String,
    pub quarantined: bool,
    /// The write that waits, if one does: `create`, `update`, `delete`.
    pub pending: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FieldView {
    pub field: String,
    pub value: Option<String>,
    /// The side that set it; `None`: the runtime (a decision, a merge).
    pub set_by: Option<String>,
    pub set_at_micros: i64,
    /// The journal entry that tells more; 0: first copy.
    pub entry: u64,
    pub hold: Option<HoldView>,
    /// By side: what it is known to hold, as it shows it.
    pub sides: Vec<SideValue>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct SideValue {
    pub side: String,
    pub value: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HoldView {
    /// `conflict`, `uncastable`, `awaiting-parent`, `ping-pong`.
    pub reason: String,
    pub detail: String,
    pub base: Option<String>,
    pub contenders: Vec<SideValue>,
    pub since_micros: i64,
    pub entry: u64,
}

/// One journal entry, in words.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EntryView {
    pub sync: String,
    pub seq: u64,
    pub at_micros: i64,
    pub record: Option<u64>,
    pub side: Option<String>,
    /// The kind of entry: `absorbed`, `conflict`, `written`, …
    pub kind: String,
    /// One sentence.
    pub text: String,
    pub fields: Vec<FieldPreview>,
}

/// A conflict, held or decided.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ConflictView {
    pub sync: String,
    pub record: u64,
    /// `None`: the record as a whole (a held delete, an ambiguous match).
    pub field: Option<String>,
    /// `held` or `decided`.
    pub state: String,
    pub reason: String,
    pub base: Option<String>,
    pub contenders: Vec<SideValue>,
    pub result: Option<String>,
    pub rule: String,
    pub at_micros: i64,
    pub entry: u64,
}

/// Alike failures together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FailureGroup {
    pub sync: String,
    pub side: String,
    /// Names the group in filters.
    pub signature: String,
    pub class: String,
    pub code: String,
    pub message: String,
    pub count: u64,
    pub first_at_micros: i64,
    pub last_at_micros: i64,
    /// Some of the records, bounded.
    pub records: Vec<u64>,
}

/// What an operation on many records did, or would do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BulkOutcome {
    /// Nothing was changed: this is what would happen.
    pub preview: bool,
    pub done: u64,
    pub skipped: Vec<Skipped>,
    /// Some of what was (or would be) changed; bounded.
    pub examples: Vec<EntryView>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Skipped {
    pub record: Option<u64>,
    pub entry: Option<u64>,
    pub reason: String,
}

/// How the sides compare now.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Audit {
    pub sync: String,
    /// Records compared on every side.
    pub compared: u64,
    pub sides: Vec<AuditSide>,
    /// Some of the differences; bounded.
    pub differences: Vec<Difference>,
    pub repaired: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AuditSide {
    pub side: String,
    pub rows: u64,
    /// Rows whose values are not what was last known.
    pub changed: u64,
    /// Rows nobody had told of.
    pub unknown: u64,
    /// Known rows that are gone.
    pub missing: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Difference {
    pub side: String,
    pub key: String,
    pub record: Option<u64>,
    /// `changed`, `unknown`, `missing`.
    pub what: String,
    pub fields: Vec<FieldPreview>,
}

/// One connection's check, or one sync's, whose `connector` is `sync` then.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CheckReport {
    pub connection: String,
    pub connector: String,
    pub items: Vec<lockstep_core::schema::CheckItem>,
}
