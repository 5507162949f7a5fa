//! A connector that keeps crashing in the real binary: it is parked, people are told by
//! every way that tells of it, and the sync beside it goes on.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::http::{free_port, request};
use lockstep_harness::{Cluster, ClusterOptions, Launch, Runtime};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(90);
const TABLES: &str = "
CREATE TABLE a (id bigint PRIMARY KEY, name text);
CREATE TABLE b (id bigint PRIMARY KEY, name text);
CREATE TABLE c (id bigint PRIMARY KEY, name text);
";

/// The guest that does as its configuration says, from where `cargo xtask guests` puts it.
fn hostile() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.ancestors()
        .map(|folder| folder.join("guests/hostile.wasm"))
        .find(|path| path.is_file())
        .context("guests/hostile.wasm is missing: run `cargo xtask guests`")
}

fn configuration(database: u16, listen: u16) -> Result<String> {
    Ok(format!(
        "[connections.bad]\nconnector = \"{}\"\nconfig = {{ mode = \"open-trap\" }}\n\
         limits = {{ failures = 3, backoff = \"1ms\", park = \"1h\" }}\n\n\
         [connections.db]\nconnector = \"postgres\"\n\
         config = {{ url = \"postgres://postgres@127.0.0.1:{database}/shop\" }}\n\
         secrets = {{ password = \"env:SECRET\" }}\ngrant = [\"tcp:127.0.0.1:{database}\"]\n\n\
         [syncs.fine]\nsides = {{ left = {{ connection = \"db\", object = \"public.a\" }}, \
         right = {{ connection = \"db\", object = \"public.b\" }} }}\nmatch = [\"id\"]\nconflict = \"hold\"\n\
         fields = \"same-name\"\n\n\
         [syncs.broken]\nsides = {{ bad = \"items\", db = \"public.c\" }}\nmatch = [\"id\"]\nconflict = \"hold\"\n\
         [syncs.broken.fields]\nid = {{ bad = \"id\", db = \"id\" }}\nname = {{ bad = \"name\", db = \"name\" }}\n\n\
         [server]\nlisten = \"127.0.0.1:{listen}\"\n",
        hostile()?.display()
    ))
}

/// What `connector incidents` tells, by code.
fn incidents(runtime: &Runtime, code: &str) -> Result<Vec<Value>> {
    let all = runtime.call_json("connector", &["incidents", "bad"])?;
    let all = all.as_array().context("a list")?;
    Ok(all.iter().filter(|one| one["code"] == code).cloned().collect())
}

#[test]
fn a_connector_that_keeps_crashing_is_parked_and_told_of_and_its_neighbour_goes_on() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
    cluster.create_database("shop")?;
    cluster.psql("shop", TABLES)?;
    let port = free_port()?;
    let launch = Launch::default().env("SECRET", cluster.password());
    let mut runtime = Runtime::new(&configuration(cluster.port(), port)?, launch)?;
    runtime.start()?;
    runtime.wait_until("the connector to be parked", PATIENCE, |runtime| {
        Ok(incidents(runtime, "LS-H015").is_ok_and(|parked| !parked.is_empty()))
    })?;

    let crashes: u64 = incidents(&runtime, "LS-H011")?.iter().filter_map(|one| one["count"].as_u64()).sum();
    ensure!(crashes >= 3, "{crashes} crashes are told of");
    let status = runtime.try_call("status", &[])?.stdout;
    ensure!(status.contains("connection bad: its connector is parked for"), "{status}");
    let list = runtime.try_call("connector", &["list"])?.stdout;
    ensure!(list.contains("bad: parked for"), "{list}");
    let metrics = request(port, "GET", "/metrics", &[], b"")?.body;
    let counted = "lockstep_connection_bounds_reached_total{connection=\"bad\",bound=\"failures\"}";
    for line in [counted, "lockstep_connection_parked{connection=\"bad\""] {
        ensure!(metrics.contains(line), "{line} is missing in:\n{metrics}");
    }

    cluster.psql("shop", "INSERT INTO a VALUES (1, 'one')")?;
    runtime.wait_until("the neighbour's row", PATIENCE, |_| {
        Ok(cluster.psql("shop", "SELECT name FROM b")?.contains("one"))
    })?;
    runtime.terminate(PATIENCE)?;
    Ok(())
}
