//! pglogical, one subscription each way, last update wins.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use lockstep_harness::{Binaries, Cluster};

use crate::{
    pair::{DATABASE, Pair},
    peers::Peer,
    watch::PATIENCE,
};

pub struct Pglogical;

pub fn obstacle() -> Option<String> {
    let major = match Binaries::find() {
        Ok(binaries) => binaries.major(),
        Err(error) => return Some(format!("{error:#}")),
    };
    let control = format!("/usr/share/postgresql/{major}/extension/pglogical.control");
    (!Path::new(&control).exists()).then(|| format!("not installed: apt-get install postgresql-{major}-pglogical"))
}

/// Recent minor versions let slots use listed output plugins only.
pub fn settings(binaries: &Binaries) -> Result<Vec<(String, String)>> {
    let mut settings =
        vec![("shared_preload_libraries", "pglogical"), ("pglogical.conflict_resolution", "last_update_wins")];
    if binaries.knows_setting("output_plugin_libraries")? {
        settings.push(("output_plugin_libraries", "pgoutput, test_decoding, pglogical_output"));
    }
    Ok(settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[async_trait]
impl Peer for Pglogical {
    async fn connect(&mut self, pair: &Pair) -> Result<()> {
        for (cluster, name) in pair.clusters().into_iter().zip(["a", "b"]) {
            let dsn = Pair::dsn(cluster);
            let sql = format!(
                "CREATE EXTENSION pglogical; SELECT pglogical.create_node('{name}', '{dsn}');
                 SELECT pglogical.replication_set_add_table('default', 'contacts')"
            );
            cluster.psql(DATABASE, &sql)?;
        }
        subscribe(&pair.b, &pair.a, true)?;
        wait_replicating(&pair.b).await?;
        subscribe(&pair.a, &pair.b, false)?;
        wait_replicating(&pair.a).await
    }

    async fn pause(&mut self, pair: &Pair) -> Result<()> {
        for cluster in pair.clusters() {
            cluster.psql(DATABASE, "SELECT pglogical.alter_subscription_disable('peer', true)")?;
        }
        Ok(())
    }

    async fn resume(&mut self, pair: &Pair) -> Result<()> {
        for cluster in pair.clusters() {
            cluster.psql(DATABASE, "SELECT pglogical.alter_subscription_enable('peer', true)")?;
        }
        Ok(())
    }

    /// Conflicts are lines of the server log.
    async fn conflicts(&mut self, pair: &Pair) -> Result<Option<u64>> {
        let mut lines = 0;
        for cluster in pair.clusters() {
            let log = fs::read(cluster.log_path()).context("reading the server log")?;
            lines += String::from_utf8_lossy(&log).matches("CONFLICT:").count() as u64;
        }
        Ok(Some(lines))
    }

    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }

    fn state_bytes(&self) -> Option<u64> {
        None
    }
}

fn subscribe(at: &Cluster, to: &Cluster, copy: bool) -> Result<()> {
    let dsn = Pair::dsn(to);
    let sql = format!(
        "SELECT pglogical.create_subscription('peer', '{dsn}',
             synchronize_structure := false, synchronize_data := {copy}, forward_origins := '{{}}')"
    );
    at.psql(DATABASE, &sql).map(drop)
}

async fn wait_replicating(at: &Cluster) -> Result<()> {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let status = at.psql(DATABASE, "SELECT status FROM pglogical.show_subscription_status()")?;
        if status == "replicating" {
            return Ok(());
        }
        ensure!(std::time::Instant::now() < end, "pglogical is {status}: {}", at.log_tail());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
