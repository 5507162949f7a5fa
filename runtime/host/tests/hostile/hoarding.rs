//! Guests that take all they can get: memory, tables, instances, handles, sockets.

use anyhow::{Result, ensure};
use lockstep_host::{ConnectionConfig, Limits, Session};
use tokio::net::TcpListener;

use crate::{
    Run,
    place::{Place, expect, failed, narrow, read, works_again},
    runs,
};

pub const RUNS: &[Run] = runs![
    a_memory_bomb 64,
    memory_hoarded_by_many_instances 256,
    four_gib_of_memory_to_begin_with 64,
    a_table_bomb 64,
    tables_hoarded_by_many_instances 64,
    too_many_instances 64,
    handles_that_leak 64,
    sockets_that_leak 64,
    connections_that_leak 64,
    a_gibibyte_of_randomness 64,
];

fn limited(change: impl Fn(&mut Limits)) -> impl Fn(&mut ConnectionConfig) {
    move |connection| change(connection.limits.get_or_insert_with(Limits::default))
}

async fn a_memory_bomb(place: &Place) -> Result<()> {
    let session = place.session("memory", limited(|limits| limits.compute_ms_max = 20_000)).await?;
    expect(&failed(read(&session).await)?, "LS-H011", "memory")?;
    place.told("memory", "LS-H011", "memory")?;
    works_again(&session).await
}

async fn memory_hoarded_by_many_instances(place: &Place) -> Result<()> {
    let mut sessions: Vec<Session> = Vec::new();
    for _ in 0..16 {
        let within = limited(|limits| {
            (limits.compute_ms_max, limits.memory_total_bytes_max) = (20_000, 256 << 20);
            limits.failures_max = 1_000;
        });
        let session = place.session("hoard", within).await?;
        // The first take what one may have, the later what all may have together: nothing is left for them.
        let _ = read(&session).await;
        sessions.push(session);
    }
    place.told("hoard", "LS-H022", "memory")?;
    let all = place.host.incidents("hoard");
    ensure!(all.iter().any(|incident| incident.bound == "memory_total"), "{all:?}");
    ensure!(sessions[0].meter().bounds().contains_key("memory"), "{:?}", sessions[0].meter().bounds());
    // What they took comes back with them.
    drop(sessions);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let next = place.session("hoard", limited(|limits| limits.memory_total_bytes_max = 256 << 20)).await?;
    works_again(&next).await
}

async fn four_gib_of_memory_to_begin_with(place: &Place) -> Result<()> {
    let limits = Limits { call_ms_max: 5_000, ..narrow() };
    let host = lockstep_host::Host::new(lockstep_host::HostOptions { limits, ..Default::default() })?;
    let component = host.load(crate::text::component("memory_at_start")?, None).await?;
    let Some(error) = component.spec().await.err() else { anyhow::bail!("it was instantiated") };
    let _ = place;
    expect(&error, "LS-H011", "memory")
}

async fn a_table_bomb(place: &Place) -> Result<()> {
    let session = place.text("table_bomb", |_| {}).await?;
    read(&session).await?;
    place.told("table_bomb", "LS-H022", "table_elements")?;
    Ok(())
}

async fn tables_hoarded_by_many_instances(place: &Place) -> Result<()> {
    let mut sessions = Vec::new();
    for _ in 0..8 {
        let session = place.text("table_bomb", |limits| limits.table_total_elements_max = 250_000).await?;
        read(&session).await?;
        sessions.push(session);
    }
    place.told("table_bomb", "LS-H022", "table_elements_total").map(drop)
}

async fn too_many_instances(place: &Place) -> Result<()> {
    let few = |connection: &mut ConnectionConfig| {
        connection.name = "crowd".into();
        limited(|limits| limits.instances_max = 4)(connection);
    };
    let mut sessions = Vec::new();
    for _ in 0..4 {
        let session = place.session("", few).await?;
        session.check(&[]).await?;
        sessions.push(session);
    }
    let one_more = place.session("", few).await?;
    expect(&failed(one_more.check(&[]).await)?, "LS-H020", "instances")?;
    place.told("crowd", "LS-H020", "instances")?;
    sessions.pop();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    works_again(&one_more).await
}

async fn handles_that_leak(place: &Place) -> Result<()> {
    let session = place.session("handles", |_| {}).await?;
    expect(&failed(read(&session).await)?, "LS-H011", "handles")?;
    place.told("handles", "LS-H011", "handles")?;
    works_again(&session).await
}

async fn sockets_that_leak(place: &Place) -> Result<()> {
    let session = place.session("sockets", |_| {}).await?;
    let error = failed(read(&session).await)?;
    ensure!(error.to_string().contains("8 and no more"), "{error}");
    Ok(())
}

async fn connections_that_leak(place: &Place) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let accepting = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let reach = |connection: &mut ConnectionConfig| {
        connection.config["host"] = "127.0.0.1".into();
        connection.config["port"] = port.into();
    };
    // What is not granted yet is denied with the line to write; written, it allows what was denied.
    let denied = place.session("connections", reach).await?;
    let _ = read(&denied).await;
    let incident = place.told("connections", "denied", "")?;
    let line = incident.remedy.split_once("grant = [\"").and_then(|(_, rest)| rest.split_once("\"]"));
    let Some((line, _)) = line else { anyhow::bail!("no line to write in {incident:?}") };
    let session = place
        .session("connections", |connection| {
            reach(connection);
            connection.grants = vec![line.to_owned()];
        })
        .await?;
    let error = failed(read(&session).await)?;
    ensure!(error.to_string().contains("8 and no more"), "{error}");
    ensure!(session.metrics().connections_opened == 8, "{:?}", session.metrics());
    accepting.abort();
    Ok(())
}

async fn a_gibibyte_of_randomness(place: &Place) -> Result<()> {
    let session = place.session("random", |_| {}).await?;
    expect(&failed(read(&session).await)?, "LS-H011", "random_bytes")?;
    place.told("random", "LS-H011", "random_bytes")?;
    works_again(&session).await
}
