//! A connector that is named by its place in a registry keeps two tables in step, also after a
//! restart without the registry; and only the artifact that the digest names does.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lockstep_e2e::variant;
use lockstep_harness::{Cluster, ClusterOptions, Launch, Registry, Runtime};

const PATIENCE: Duration = Duration::from_secs(90);
const TABLES: &str = "
CREATE TABLE a (id bigint PRIMARY KEY, name text);
CREATE TABLE b (id bigint PRIMARY KEY, name text);
";

fn configuration(port: u16, reference: &str) -> String {
    let connection = |name: &str| {
        format!(
            "[connections.{name}]\nconnector = \"{reference}\"\n\
             config = {{ url = \"postgres://postgres@127.0.0.1:{port}/shop\", name = \"{name}\" }}\n\
             secrets = {{ password = \"env:SECRET\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n"
        )
    };
    format!(
        "{}{}[syncs.items]\nsides = {{ a = \"public.a\", b = \"public.b\" }}\nmatch = [\"id\"]\nconflict = \"hold\"\n\
         fields = \"same-name\"\n",
        connection("a"),
        connection("b"),
    )
}

/// A row that goes in at one table and comes out at the other.
fn flows(cluster: &Cluster, runtime: &mut Runtime, id: u32, from: &str, to: &str) -> Result<()> {
    cluster.psql("shop", &format!("INSERT INTO {from} VALUES ({id}, 'row {id}')"))?;
    let arrived = format!("SELECT count(*) FROM {to} WHERE id = {id}");
    runtime.wait_until("the row at the other side", PATIENCE, |_| Ok(cluster.psql("shop", &arrived)?.trim() == "1"))
}

#[test]
fn two_tables_are_kept_in_step_by_a_connector_from_a_registry() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
    cluster.create_database("shop")?;
    cluster.psql("shop", TABLES)?;
    let registry = Registry::start()?;
    let mut runtime = Runtime::new("", Launch::default().env("SECRET", cluster.password()))?;
    let folder = tempfile::tempdir()?;
    let file = variant(folder.path(), "version=1.0.1")?.display().to_string();
    let tag = format!("oci://{}/acme/postgres:1.0.1", registry.place());
    let said = runtime.call("connector", &["push", &file, &tag])?;
    let line = said.lines().find_map(|line| line.trim().strip_prefix("connector = \"")).context("a line to copy")?;
    let reference = line.trim_end_matches('"').to_owned();

    runtime.write_config(&configuration(cluster.port(), &reference))?;
    runtime.start()?;
    flows(&cluster, &mut runtime, 1, "a", "b")?;
    flows(&cluster, &mut runtime, 2, "b", "a")?;
    let list = runtime.try_call("connector", &["list"])?.stdout;
    ensure!(list.contains(&reference) && list.contains("1.0.1"), "{list}");
    // The file names exactly one artifact.
    let other = variant(folder.path(), "version=1.0.2")?.display().to_string();
    let refused = runtime.try_call("connector", &["upgrade", "a", &other])?;
    let said = format!("{}{}", refused.stdout, refused.stderr);
    ensure!(!refused.status.success() && said.contains("LS-CON-009"), "{said}");
    runtime.terminate(PATIENCE)?;

    drop(registry);
    runtime.start()?;
    flows(&cluster, &mut runtime, 3, "a", "b")?;
    runtime.terminate(PATIENCE)?;
    Ok(())
}
