//! The targets, one module a neighbour.

mod casts;
#[cfg(feature = "components")]
mod components;
mod configuration;
mod expressions;
mod hubspot;
mod postgres;
#[cfg(feature = "components")]
mod recording;
#[cfg(feature = "components")]
mod registry;
mod salesforce;
mod state;

use crate::Target;

const JSON: &[&str] = &["null", "{}", "[]", "\"\"", "-1", "1e400", "18446744073709551616", "\\u0000", "\\ud800", "0.1"];

/// Every target; a parser that reads foreign bytes and is not here is untried.
pub const ALL: &[Target] = &[
    Target { name: "postgres-wire", run: postgres::wire, words: postgres::WORDS, tries: 4_000 },
    Target { name: "postgres-pgoutput", run: postgres::pgoutput, words: postgres::WORDS, tries: 6_000 },
    Target { name: "postgres-values", run: postgres::values, words: postgres::VALUES, tries: 6_000 },
    Target { name: "postgres-cursor", run: postgres::cursor, words: &[], tries: 4_000 },
    Target { name: "salesforce-events", run: salesforce::events, words: JSON, tries: 3_000 },
    Target { name: "salesforce-answers", run: salesforce::answers, words: JSON, tries: 3_000 },
    Target { name: "salesforce-values", run: salesforce::values, words: salesforce::VALUES, tries: 6_000 },
    Target { name: "salesforce-cursor", run: salesforce::cursor, words: JSON, tries: 3_000 },
    Target { name: "hubspot-webhook", run: hubspot::webhook, words: JSON, tries: 3_000 },
    Target { name: "hubspot-answers", run: hubspot::answers, words: JSON, tries: 3_000 },
    Target { name: "hubspot-values", run: hubspot::values, words: hubspot::VALUES, tries: 6_000 },
    Target { name: "hubspot-cursor", run: hubspot::cursor, words: JSON, tries: 3_000 },
    Target { name: "configuration", run: configuration::file, words: configuration::WORDS, tries: 1_500 },
    Target { name: "connector-settings", run: configuration::connectors, words: JSON, tries: 3_000 },
    Target { name: "expressions", run: expressions::compile, words: expressions::WORDS, tries: 1_500 },
    Target { name: "casts", run: casts::cast, words: casts::WORDS, tries: 6_000 },
    Target { name: "notations", run: casts::noted, words: casts::WORDS, tries: 3_000 },
    Target { name: "state-records", run: state::records, words: &[], tries: 6_000 },
    Target { name: "state-file", run: state::file, words: &["CREATE", "SQLite format 3"], tries: 150 },
    #[cfg(feature = "components")]
    Target { name: "component", run: components::component, words: components::WORDS, tries: 3_000 },
    #[cfg(feature = "components")]
    Target { name: "permissions", run: components::permissions, words: components::WORDS, tries: 3_000 },
    #[cfg(feature = "components")]
    Target { name: "registry-answers", run: registry::answers, words: registry::WORDS, tries: 3_000 },
    #[cfg(feature = "components")]
    Target { name: "registry-references", run: registry::reference, words: registry::WORDS, tries: 3_000 },
    #[cfg(feature = "components")]
    Target { name: "recording", run: recording::recording, words: recording::WORDS, tries: 3_000 },
];
