//! What sessions did is recorded, and plays again where no system is: the same
//! component does the same, and another one is caught at the first thing it does otherwise.

use anyhow::{Context, Result, ensure};
use lockstep_conformance::{Rule, Sandboxed, Settings, Verdict};
use lockstep_conformance_tests::{
    WEBHOOK_SECRET, account, bytes_of, connection, contacts, guest, hubspot, judged, load, practice, settings,
};
use lockstep_harness::{Cluster, ClusterOptions};
use lockstep_host::{About, Comparison, RecordLimits, Recorder, Recording};
use serde_json::json;

/// The starter, but that it deletes by a method that no service knows.
fn that_cannot_delete(mut component: Vec<u8>) -> Result<Vec<u8>> {
    let name = b"DELETE";
    let found: Vec<usize> =
        component.windows(name.len()).enumerate().filter(|(_, part)| part == name).map(|(at, _)| at).collect();
    let [at] = found[..] else {
        anyhow::bail!("the starter names its methods otherwise: this test has to be told how")
    };
    component[at + name.len() - 1] = b'D';
    Ok(component)
}

fn recorded(recorder: &Recorder) -> Result<(Vec<u8>, Recording)> {
    let content = recorder.write(About::default()).context("nothing was recorded")?;
    let recording = Recording::read(&content)?;
    Ok((content, recording))
}

fn holds(content: &[u8], text: &str) -> bool {
    content.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mutant_did_wrong_plays_again_and_its_mend_is_seen() -> Result<()> {
    let whole = bytes_of("starter")?;
    let mutant = load(that_cannot_delete(whole.clone())?).await?;
    let recorder = Recorder::new(RecordLimits::default());
    let (service, subject) = practice(mutant.clone()).await?;
    let subject = subject.recorded(recorder.clone());
    let only = Settings { only: vec![Rule::WriteDelete], ..settings(Some("notes")) };
    let report = judged(&subject, &only).await?;
    ensure!(report.failed() == [Rule::WriteDelete], "{:?} do not hold", report.failed());
    let Verdict::Failed(finding) = &report.lines[0].verdict else { anyhow::bail!("it passed") };
    let about = About { rule: "write-delete".into(), seen: finding.seen.clone(), ..About::default() };
    let content = recorder.write(about).context("nothing was recorded")?;
    drop((subject, service));

    let recording = Recording::read(&content)?;
    ensure!(recording.about().seen == finding.seen, "the verdict is not in the recording");
    let again = mutant.replay(&recording).await?;
    ensure!(again.comparison == Comparison::Same, "{again:?}");
    ensure!(again.sessions >= 2 && again.calls > 5, "{again:?}");

    let mended = load(whole).await?.replay(&recording).await?;
    let Comparison::Differs { call, difference, .. } = &mended.comparison else { anyhow::bail!("{mended:?}") };
    ensure!(call == "write" && difference.line > 1, "{mended:?}");
    ensure!(difference.expected.contains("DELETD http") && difference.found.contains("DELETE http"), "{difference:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_plays_again_without_a_database() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
    cluster.create_role("kit", "REPLICATION")?;
    cluster.create_database("app")?;
    cluster.psql("app", "ALTER SCHEMA public OWNER TO kit; GRANT CREATE ON DATABASE app TO kit")?;
    let password = cluster.password().to_owned();
    let grant = format!("tcp:127.0.0.1:{}", cluster.port());
    let ready = connection(json!({ "url": cluster.url("kit", "app") }), &[("password", &password)], &[grant]);
    let recorder = Recorder::new(RecordLimits::default());
    let component = guest("postgres").await?;
    let subject = Sandboxed::new(component.clone(), ready).recorded(recorder.clone());
    let only = vec![
        Rule::CheckWrongSecrets,
        Rule::ReadWhole,
        Rule::StreamNoGap,
        Rule::StreamOrder,
        Rule::WriteStale,
        Rule::WriteIsolated,
    ];
    let report = judged(&subject, &Settings { only, ..settings(None) }).await?;
    ensure!(report.conforms(), "{:?} do not hold", report.failed());
    let (content, recording) = recorded(&recorder)?;
    drop((subject, cluster));
    ensure!(!holds(&content, &password), "the password is in the recording");
    let again = component.replay(&recording).await?;
    ensure!(again.comparison == Comparison::Same, "{again:?}");
    ensure!(again.sessions >= 4 && again.calls > 20, "{again:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hubspot_plays_again_without_an_account() -> Result<()> {
    let account = account()?;
    let token = account.token().to_owned();
    let ready = hubspot(&account, account.app_id(), &token);
    let recorder = Recorder::new(RecordLimits::default());
    let component = guest("hubspot").await?;
    let subject = Sandboxed::new(component.clone(), ready).recorded(recorder.clone());
    let only = vec![Rule::CheckWorks, Rule::ReadWhole, Rule::WriteUpdate, Rule::StreamOrder, Rule::WebhookForged];
    let told = Settings { only, ..contacts() };
    let report = judged(&subject, &told).await?;
    ensure!(report.conforms(), "{:?} do not hold", report.failed());
    let (content, recording) = recorded(&recorder)?;
    drop((subject, account));
    for secret in [token.as_str(), WEBHOOK_SECRET] {
        ensure!(!holds(&content, secret), "a secret is in the recording");
    }
    let again = component.replay(&recording).await?;
    ensure!(again.comparison == Comparison::Same, "{again:?}");
    ensure!(again.calls > 10, "{again:?}");
    Ok(())
}
