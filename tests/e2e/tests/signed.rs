//! Where signatures are required: what serves, what takes over and what is found again
//! after a restart are components that a listed key signed, or built-in ones.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::variant;
use lockstep_harness::{Cluster, ClusterOptions, Launch, Runtime};

const PATIENCE: Duration = Duration::from_secs(90);
const TABLES: &str = "
CREATE TABLE a (id bigint PRIMARY KEY, name text);
CREATE TABLE b (id bigint PRIMARY KEY, name text);
";

fn configuration(port: u16, keys: &str) -> String {
    let connection = |name: &str| {
        format!(
            "[connections.{name}]\nconnector = \"postgres\"\n\
             config = {{ url = \"postgres://postgres@127.0.0.1:{port}/shop\", name = \"{name}\" }}\n\
             secrets = {{ password = \"env:SECRET\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n"
        )
    };
    format!(
        "{}{}[syncs.items]\nsides = {{ a = \"public.a\", b = \"public.b\" }}\nmatch = [\"id\"]\nconflict = \"hold\"\n\
         fields = \"same-name\"\n\n[connectors]\nrequire_signature = true\nprobation = \"0s\"\n{keys}\n",
        connection("a"),
        connection("b"),
    )
}

/// Makes a key; the line of a configuration that lists it.
fn key(runtime: &Runtime, name: &str, path: &Path) -> Result<String> {
    let printed = runtime.call("connector", &["keygen", name, "--out", &path.display().to_string()])?;
    let line = printed.lines().find(|line| line.starts_with("trusted_keys")).context("a line to copy")?;
    Ok(line.to_owned())
}

/// A row that goes in at A and comes out at B.
fn flows(cluster: &Cluster, runtime: &mut Runtime, id: u32) -> Result<()> {
    cluster.psql("shop", &format!("INSERT INTO a VALUES ({id}, 'row {id}')"))?;
    let arrived = format!("SELECT count(*) FROM b WHERE id = {id}");
    runtime.wait_until("the row at B", PATIENCE, |_| Ok(cluster.psql("shop", &arrived)?.trim() == "1"))
}

#[test]
fn only_signed_versions_take_over_and_a_key_that_is_taken_back_stops_what_it_signed() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
    cluster.create_database("shop")?;
    cluster.psql("shop", TABLES)?;
    let launch = Launch::default().env("SECRET", cluster.password());
    let mut runtime = Runtime::new("", launch)?;
    let folder = tempfile::tempdir()?;
    let pem = folder.path().join("acme.pem");
    let (acme, other) = (key(&runtime, "acme", &pem)?, key(&runtime, "other", &folder.path().join("other.pem"))?);
    runtime.write_config(&configuration(cluster.port(), &acme))?;
    runtime.start()?;
    // Built-in ones need no signature.
    flows(&cluster, &mut runtime, 1)?;

    let version = variant(folder.path(), "version=1.0.1")?.display().to_string();
    let refused = runtime.try_call("connector", &["upgrade", "a", &version])?;
    let said = format!("{}{}", refused.stdout, refused.stderr);
    ensure!(!refused.status.success() && said.contains("LS-H023") && said.contains("trusted_keys"), "{said}");
    flows(&cluster, &mut runtime, 2)?;

    runtime.call("connector", &["sign", &version, "--key", &pem.display().to_string()])?;
    runtime.call("connector", &["upgrade", "a", &version])?;
    let list = runtime.try_call("connector", &["list"])?.stdout;
    ensure!(list.contains("signed by acme") && list.contains("built in"), "{list}");
    flows(&cluster, &mut runtime, 3)?;

    runtime.terminate(PATIENCE)?;
    runtime.write_config(&configuration(cluster.port(), &other))?;
    runtime.start()?;
    runtime.wait_until("the version in use to be refused", PATIENCE, |runtime| {
        Ok(runtime.try_call("status", &[])?.stdout.contains("signed by no key that is listed"))
    })?;
    runtime.terminate(PATIENCE)?;
    runtime.write_config(&configuration(cluster.port(), &acme))?;
    runtime.start()?;
    flows(&cluster, &mut runtime, 4)?;
    runtime.terminate(PATIENCE)?;
    Ok(())
}
