//! `lockstep connector inspect` of code for one field or one rule: which of the two it is
//! and what it imports, from its bytes alone.

use lockstep_host::{CodeKind, Survey};
use serde::Serialize;

use crate::{
    asks,
    failure::{Exit, Failure},
    screen::{Screen, Tone},
    table::{Table, text},
};

/// What is told of its bytes, besides what its kind tells.
pub struct Component {
    pub from: String,
    pub digest: String,
    pub bytes: usize,
    pub signature: String,
    /// Why it is not let in; empty where it is.
    pub refused: String,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    world: String,
    kind: String,
    from: &'a str,
    digest: String,
    bytes: usize,
    contract_version: String,
    signature: &'a str,
    refused: &'a str,
    imports: &'a [String],
}

/// Code has no connection whose grants it could be held against.
pub fn refuse_against(against: Option<&str>, kind: CodeKind) -> Result<(), Failure> {
    let Some(connection) = against else { return Ok(()) };
    Err(Failure::usage("LS-CLI-044", format!("a {kind} is not held against a connection such as `{connection}`"))
        .remedy("Leave `--against` out: code for one field or one rule reaches nothing, so nothing is granted to it."))
}

pub fn run(component: &Component, survey: &Survey, kind: CodeKind, screen: &Screen) -> Exit {
    let report = Report {
        world: format!("{kind}-world"),
        kind: kind.to_string(),
        from: &component.from,
        digest: format!("sha256:{}", component.digest),
        bytes: component.bytes,
        contract_version: survey.anatomy.contract.to_string(),
        signature: &component.signature,
        refused: &component.refused,
        imports: &survey.anatomy.imports,
    };
    match screen.json {
        true => screen.out_json(&report),
        false => show(&report, kind, screen),
    }
    if report.refused.is_empty() { Exit::Done } else { Exit::Failed }
}

fn show(report: &Report<'_>, kind: CodeKind, screen: &Screen) {
    let (what, place) = match kind {
        CodeKind::Transform => (
            "a transform: makes a value of others",
            "name its file at a column, `as = { transform = \"FILE\" }`, or in `from`; `lockstep check` tells what it takes and gives",
        ),
        CodeKind::Policy => {
            ("a policy: decides conflicts", "name its file in a sync or a field, `conflict = { custom = \"FILE\" }`")
        }
    };
    screen.out(screen.mark(Tone::Strong, what));
    let mut facts = Table::new(&[]);
    let mut fact = |name: &str, value: String| facts.row(vec![text(format!("  {name}")).tone(Tone::Dim), text(value)]);
    fact("from", report.from.to_owned());
    fact("size", format!("{} KiB", report.bytes.div_ceil(1024)));
    fact("made for", format!("lockstep:connector {}, {}", report.contract_version, report.world));
    fact("signature", report.signature.to_owned());
    if report.imports.is_empty() {
        fact("imports", "nothing".to_owned());
    }
    for import in report.imports {
        let leads = if is_still(import) { "stands still" } else { "leads to nothing" };
        let only_types = import.starts_with("lockstep:connector/model") || import.starts_with("wasi:io/");
        fact("imports", if only_types { import.clone() } else { format!("{import} ({leads})") });
    }
    screen.out(facts.render(screen));
    screen.out(format!("  digest   {}", report.digest));
    if report.refused.is_empty() {
        screen.next(place);
    } else {
        screen.out(format!("  {} {}", screen.mark(Tone::Bad, "NOT let in:"), report.refused));
        screen.next("have it signed by a key of [connectors] trusted_keys, or list who signed it");
    }
}

/// Clocks and what is called random: the same in every call.
fn is_still(import: &str) -> bool {
    !asks::leads_nowhere(import) && (import.starts_with("wasi:clocks/") || import.starts_with("wasi:random/"))
}
