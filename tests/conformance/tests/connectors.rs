//! The connectors of this repository pass the kit: PostgreSQL for real,
//! Salesforce and HubSpot as simulated on this machine.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use lockstep_conformance::{Line, Report, Rule, Sandboxed, Settings, Verdict};
use lockstep_conformance_tests::{account, connection, contacts, guest, hubspot, judged, settings};
use lockstep_harness::{Cluster, ClusterOptions};
use lockstep_host::ConnectionConfig;
use lockstep_simulators::salesforce;
use serde_json::json;

const SCOPES: [&str; 3] = ["crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read"];

fn conforms(report: &Report) -> Result<()> {
    ensure!(report.conforms(), "{:?} do not hold", report.failed());
    Ok(())
}

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, template)| ((*name).to_owned(), (*template).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_passes() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
    cluster.create_role("kit", "REPLICATION")?;
    cluster.create_database("app")?;
    cluster.psql("app", "ALTER SCHEMA public OWNER TO kit; GRANT CREATE ON DATABASE app TO kit")?;
    let url = cluster.url("kit", "app");
    let grant = format!("tcp:127.0.0.1:{}", cluster.port());
    let ready = connection(json!({ "url": url }), &[("password", cluster.password())], &[grant]);
    let subject = Sandboxed::new(guest("postgres").await?, ready);
    conforms(&judged(&subject, &settings(None)).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn salesforce_passes() -> Result<()> {
    let org = salesforce::Org::start(salesforce::Options::default())?;
    let url = org.url();
    let (id, secret) = org.with(|state| (state.settings.client_id.clone(), state.settings.client_secret.clone()));
    let grant = url.replacen("http://", "http:", 1);
    let config = json!({ "instance_url": url, "client_id": id });
    let mut ready = connection(config, &[("client_secret", &secret)], &[grant]);
    ready.auth = Some("client-credentials".into());
    let subject = Sandboxed::new(guest("salesforce").await?, ready);
    let columns = ["Description", "MailingCity", "Department"].map(String::from).into();
    let values = values(&[("LastName", "Kit {n}"), ("Email", "kit-{n}@example.com")]);
    conforms(&judged(&subject, &Settings { columns, values, ..settings(Some("Contact")) }).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn hubspot_passes() -> Result<()> {
    let account = account()?;
    // What the same app wrote counts as our own there: the competing writer is another.
    let other = account.app_id() + 1;
    let token = account.add_token(other, &SCOPES);
    let rival = ConnectionConfig { name: "rival".into(), ..hubspot(&account, other, &token) };
    let ready = hubspot(&account, account.app_id(), account.token());
    let subject = Sandboxed::new(guest("hubspot").await?, ready).with_rival(rival);
    let report = judged(&subject, &contacts()).await?;
    let tried = |line: &&Line| line.rule == Rule::WebhookForged && matches!(line.verdict, Verdict::Passed);
    ensure!(report.lines.iter().any(|line| tried(&line)), "forged webhooks were not tried");
    conforms(&report)
}
