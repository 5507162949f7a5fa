//! The connector for files passes the kit with somebody else writing what it
//! reads, and refuses to write itself.

use anyhow::{Result, ensure};
use lockstep_conformance::{Opening, Rule, Sandboxed, Settings, Subject, Verdict};
use lockstep_conformance_tests::{
    connection,
    filed::{File, Filed},
    guest_if_built, judged, settings,
};
use lockstep_core::{
    value::Value,
    write::{Action, Intent, Outcome, WriteRequest},
};
use lockstep_host::Role;
use serde_json::json;

/// The connector with the file; none where it cannot be built.
async fn reader(file: &File) -> Result<Option<Sandboxed>> {
    let Some(component) = guest_if_built("jsonl").await? else { return Ok(None) };
    let kinds = json!({ "id": "text", "title": "text", "body": "text", "stars": "int", "done": "bool" });
    let notes = json!({ "path": "/notes.jsonl", "key": ["id"], "columns": kinds });
    let config = json!({ "base_url": file.url(), "poll_interval_ms": 100, "objects": { "notes": notes } });
    let grant = file.url().replacen("http://", "http:", 1);
    Ok(Some(Sandboxed::new(component, connection(config, &[], &[grant]))))
}

/// All but those about writing, which is not this connector's.
fn rules() -> Vec<Rule> {
    let mut rules = Rule::ALL.to_vec();
    rules.retain(|rule| matches!(rule.code().as_bytes().get(7), Some(b'1'..=b'4')));
    rules
}

#[tokio::test(flavor = "multi_thread")]
async fn files_pass() -> Result<()> {
    let file = File::serve().await?;
    let Some(reader) = reader(&file).await? else { return Ok(()) };
    let subject = Filed { reader, writer: file.writer.clone() };
    let told = Settings { only: rules(), ..settings(Some("notes")) };
    let report = judged(&subject, &told).await?;
    ensure!(report.conforms(), "{:?} do not hold", report.failed());
    let untried: Vec<Rule> =
        report.lines.iter().filter(|line| matches!(line.verdict, Verdict::Skipped(_))).map(|line| line.rule).collect();
    ensure!(untried == [Rule::CheckWrongSecrets], "{untried:?} were not tried");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_not_written_to() -> Result<()> {
    let file = File::serve().await?;
    let Some(reader) = reader(&file).await? else { return Ok(()) };
    let session = reader.open(Role::Write, Opening::AsConfigured).await?;
    let columns = ["id".to_owned(), "title".to_owned()].into();
    let cells = vec![Some(Value::text("a")), Some(Value::text("b"))];
    let intent = Intent { action: Action::Create, key: None, cells, expected: Vec::new() };
    let request = WriteRequest { object: "notes".into(), columns, intents: vec![intent], returning: [].into() };
    let outcomes = session.write(&request).await?;
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Rejected(why) if why.class == "read-only");
    ensure!(outcomes.len() == 1 && outcomes.iter().all(refused), "{outcomes:?}");
    Ok(())
}
