//! Limits of a connection's connector that differ from the runtime's own: their names
//! and what may be said of each. What a limit does is the host's business.

use serde_json::{Value, json};

use super::{error::Problems, section::Section, units};

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    Size,
    Duration,
    /// A number up to this.
    Count(u64),
}

use LimitKind::{Count, Duration, Size};

/// Every limit that can be set.
pub const LIMITS: &[(&str, LimitKind)] = &[
    ("memory", Size),
    ("memory_total", Size),
    ("table_elements", Count(10_000_000)),
    ("table_elements_total", Count(100_000_000)),
    ("instances", Count(10_000)),
    ("call_timeout", Duration),
    ("compute_time", Duration),
    ("batch_bytes", Size),
    ("batch_rows", Count(100_000)),
    ("columns", Count(10_000)),
    ("key_columns", Count(1_000)),
    ("cursor_bytes", Size),
    ("version_bytes", Size),
    ("objects", Count(1_000_000)),
    ("words_bytes", Size),
    ("webhook_headers", Count(1_000)),
    ("handles", Count(1_000_000)),
    ("sockets", Count(1_000)),
    ("connect_timeout", Duration),
    ("tls_timeout", Duration),
    ("random_bytes", Size),
    ("log_lines", Count(1_000_000)),
    ("log_line_bytes", Size),
    ("failures", Count(1_000_000)),
    ("failure_window", Duration),
    ("backoff", Duration),
    ("backoff_longest", Duration),
    ("park", Duration),
    ("incidents", Count(100_000)),
    ("requests", Count(1_000)),
    ("requests_per_call", Count(10_000_000)),
    ("request_timeout", Duration),
    ("first_byte_timeout", Duration),
    ("between_bytes_timeout", Duration),
    ("queue_timeout", Duration),
    ("budget_timeout", Duration),
    ("request_head_bytes", Size),
    ("request_bytes", Size),
    ("response_head_bytes", Size),
    ("response_headers", Count(10_000)),
    ("response_bytes", Size),
    ("idle_connections", Count(1_000)),
    ("idle_timeout", Duration),
    ("audit_entries", Count(1_000_000)),
    ("component_bytes", Size),
    ("compiled_bytes", Size),
    ("compile_timeout", Duration),
    ("compile_memory", Size),
];

/// The limits that a connection sets: bytes, milliseconds or a number, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits(Vec<(&'static str, u64)>);

impl Limits {
    pub fn get(&self, key: &str) -> Option<u64> {
        self.iter().find(|(known, _)| *known == key).map(|(_, amount)| amount)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

pub(super) fn read(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Limits {
    let Some(mut table) = section.table("limits", problems) else {
        return Limits::default();
    };
    let mut limits = Vec::new();
    for (key, kind) in LIMITS.iter().copied() {
        let amount = match kind {
            Size => table.parsed(key, "a size, such as \"256MiB\"", units::size_bytes, problems),
            Duration => table.parsed(key, "a duration, such as \"30s\"", units::duration_ms, problems),
            Count(most) => table.count(key, 1..=most, problems),
        };
        limits.extend(amount.map(|amount| (key, amount)));
    }
    table.finish(problems);
    Limits(limits)
}

/// The JSON Schema of each.
pub(super) fn schemas() -> Value {
    let schema = |kind| match kind {
        Size => json!({ "$ref": "#/$defs/size" }),
        Duration => json!({ "$ref": "#/$defs/duration" }),
        Count(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
    };
    let all: serde_json::Map<String, Value> =
        LIMITS.iter().map(|(key, kind)| ((*key).to_owned(), schema(*kind))).collect();
    Value::Object(all)
}
