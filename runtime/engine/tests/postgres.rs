//! Two real databases kept in step by the engine through the real connector in
//! its sandbox. Needs the component: `cargo xtask guests` builds it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use lockstep_core::config::{Config, SecretRef};
use lockstep_engine::{
    Engine, Operations, Setup, SystemClock,
    hosted::{Sources, connectors},
};
use lockstep_harness::{Cluster, ClusterOptions, SUPERUSER};
use lockstep_host::{Host, HostOptions};
use lockstep_state::{Options, Store};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

const TABLE: &str = "CREATE TABLE people (id int PRIMARY KEY, email text, name text)";

/// The component, where `cargo xtask guests` puts it.
fn component() -> Result<PathBuf> {
    let target = std::env::current_exe()?;
    let mut folders = target.ancestors();
    let found = folders.find_map(|folder| {
        let path = folder.join("guests/postgres.wasm");
        path.is_file().then_some(path)
    });
    found.context("there is no guests/postgres.wasm beside this test; `cargo xtask guests` builds it")
}

fn configuration(a: &Cluster, b: &Cluster) -> String {
    let connection = |name: &str, cluster: &Cluster| {
        let port = cluster.port();
        format!(
            "[connections.{name}]\nconnector = \"postgres\"\n\
             config = {{ host = \"127.0.0.1\", port = {port}, database = \"app\", user = \"{SUPERUSER}\", \
             sslmode = \"disable\" }}\nsecrets = {{ password = \"env:PASSWORD\" }}\n\
             grant = [\"tcp:127.0.0.1:{port}\"]\n"
        )
    };
    format!(
        "{}{}[syncs.people]\nsides = {{ a = \"public.people\", b = \"public.people\" }}\n\
         match = [\"email\"]\nconflict = {{ prefer = \"a\" }}\n\
         [syncs.people.fields]\nid = {{ a = \"id\", b = \"id\" }}\n\
         email = {{ a = \"email\", b = \"email\" }}\nname = {{ a = \"name\", b = \"name\" }}\n",
        connection("a", a),
        connection("b", b)
    )
}

async fn rows(cluster: &Cluster) -> Result<Vec<(i32, String)>> {
    let client = cluster.connect("app").await?;
    let rows = client.query("SELECT id, name FROM people ORDER BY id", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

async fn until_equal(a: &Cluster, b: &Cluster, count: usize, operations: &Operations) -> Result<()> {
    for _ in 0..600 {
        let (left, right) = (rows(a).await?, rows(b).await?);
        if left == right && left.len() == count {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("never in step; {:#?}", operations.status().await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_databases_are_brought_in_step_and_kept_in_step_both_ways() -> Result<()> {
    let (a, b) = (Cluster::start(ClusterOptions::default())?, Cluster::start(ClusterOptions::default())?);
    for cluster in [&a, &b] {
        cluster.create_database("app")?;
        cluster.psql("app", TABLE)?;
    }
    a.psql("app", "INSERT INTO people SELECT n, 'p' || n, 'ann' FROM generate_series(1, 3000) n")?;
    b.psql("app", "INSERT INTO people SELECT n, 'p' || n, 'ann' FROM generate_series(2500, 4000) n")?;

    let folder = tempfile::tempdir()?;
    let config = Config::parse(&configuration(&a, &b)).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let host = Host::new(HostOptions::default())?;
    let (path, password) = (component()?, a.password());
    ensure!(a.password() == b.password());
    let sources = Sources {
        component: &|_| Some(path.clone()),
        secret: &|_: &SecretRef| Ok(Zeroizing::new(password.to_owned())),
    };
    let engine = Engine::open(Setup {
        connectors: connectors(&host, &config, &sources)?,
        config,
        store: Store::open(&folder.path().join("state"), &Options::default())?,
        clock: Arc::new(SystemClock),
    })?;
    let operations = engine.operations();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        engine
            .run(async {
                let _ = stopped.await;
            })
            .await
    });
    until_equal(&a, &b, 4000, &operations).await?;

    a.psql("app", "UPDATE people SET name = 'anna' WHERE id <= 100")?;
    b.psql("app", "UPDATE people SET name = 'bert' WHERE id BETWEEN 200 AND 300")?;
    b.psql("app", "INSERT INTO people VALUES (5000, 'p5000', 'cid')")?;
    a.psql("app", "DELETE FROM people WHERE id = 4000")?;
    until_equal(&a, &b, 4000, &operations).await?;
    let now = rows(&a).await?;
    ensure!(now.contains(&(1, "anna".into())) && now.contains(&(250, "bert".into())));

    let _ = stop.send(());
    running.await??;
    Ok(())
}
