//! What the conformance kit may do with a connection. Means nothing to a sync.

use std::collections::BTreeMap;

use super::{
    error::Problems,
    section::{Section, text, texts},
    units,
};

/// `[connections.NAME.conformance]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conformance {
    /// The object it may write to; `None`: one that it makes itself.
    pub object: Option<String>,
    /// The columns it writes; empty: it chooses.
    pub columns: Vec<String>,
    /// Texts for columns that do not take just any; `{n}` differs in every row.
    pub values: BTreeMap<String, String>,
    /// The connection that the competing writer uses, for systems that tell
    /// writers apart by their application only.
    pub rival: Option<String>,
    /// Headers in which a webhook's signature is looked for, to try forged ones in.
    pub webhook_headers: Vec<String>,
    /// How long a change may take to be told.
    pub wait_ms: u64,
    /// Rows that reading the object may meet.
    pub rows_max: u64,
}

impl Default for Conformance {
    fn default() -> Self {
        Conformance {
            object: None,
            columns: Vec::new(),
            values: BTreeMap::new(),
            rival: None,
            webhook_headers: Vec::new(),
            wait_ms: 15_000,
            rows_max: 20_000,
        }
    }
}

pub(super) fn read(connection: &mut Section<'_>, problems: &mut Problems<'_>) -> Conformance {
    let mut conformance = Conformance::default();
    let Some(mut section) = connection.table("conformance", problems) else {
        return conformance;
    };
    conformance.object = section.text("object", problems);
    conformance.columns = listed(&mut section, "columns", problems);
    conformance.webhook_headers = listed(&mut section, "webhook_headers", problems);
    if let Some(table) = section.table("values", problems) {
        for entry in table.entries() {
            if let Some(value) = text(&table.join(&entry.key), &entry.node, problems) {
                conformance.values.insert(entry.key.clone(), value.to_owned());
            }
        }
    }
    conformance.rival = section.text("rival", problems);
    let within = |text: &str| units::duration_ms(text).filter(|ms| (100..=600_000).contains(ms));
    let wait = section.parsed("wait", "a duration from 100ms to 10m, such as \"15s\"", within, problems);
    conformance.wait_ms = wait.unwrap_or(conformance.wait_ms);
    let rows = section.count("rows_max", 1..=10_000_000, problems);
    conformance.rows_max = rows.unwrap_or(conformance.rows_max);
    section.finish(problems);
    conformance
}

fn listed(section: &mut Section<'_>, key: &'static str, problems: &mut Problems<'_>) -> Vec<String> {
    let path = section.join(key);
    let Some(node) = section.get(key) else { return Vec::new() };
    texts(&path, node, problems).into_iter().map(|(name, _)| name.to_owned()).collect()
}
