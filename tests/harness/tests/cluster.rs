//! The harness's own behaviour, on a real server.

use std::time::Duration;

use anyhow::Result;
use lockstep_harness::{Cluster, ClusterOptions, Proxy};
use tokio_postgres::NoTls;

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_committed_rows_over_a_crash_and_a_restart() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default())?;
    cluster.create_database("app")?;
    let client = cluster.connect("app").await?;
    client.batch_execute("CREATE TABLE t (a int); INSERT INTO t VALUES (7)").await?;
    cluster.crash()?;
    assert!(client.query("SELECT 1", &[]).await.is_err());
    cluster.resume()?;
    assert_eq!(cluster.psql("app", "SELECT a FROM t")?, "7");
    cluster.restart()?;
    assert_eq!(cluster.psql("app", "SHOW wal_level")?, "logical");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_needs_its_password() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
    cluster.create_role("worker", "REPLICATION")?;
    let client = cluster.connect_as("worker", "postgres").await?;
    let row = client.query_one("SELECT current_user::text", &[]).await?;
    assert_eq!(row.get::<_, String>(0), "worker");
    let refused = tokio_postgres::connect(&cluster.url("worker", "postgres"), NoTls).await;
    assert!(refused.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_stalls_and_cuts_connections() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
    let proxy = Proxy::start(cluster.port())?;
    let url = cluster.url_through(proxy.port(), "postgres", Some(cluster.password()), "postgres");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    client.simple_query("SELECT 1").await?;

    proxy.stall();
    let waited = tokio::time::timeout(Duration::from_millis(300), client.simple_query("SELECT 2"));
    assert!(waited.await.is_err(), "a stalled proxy let an answer through");
    proxy.pass();
    client.simple_query("SELECT 3").await?;

    proxy.cut();
    assert!(client.simple_query("SELECT 4").await.is_err());
    let (again, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    again.simple_query("SELECT 5").await?;
    proxy.refuse();
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
    Ok(())
}
