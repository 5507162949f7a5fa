//! Guests that never come back, call too often or too deep, or break in the middle.

use std::sync::Arc;

use anyhow::{Result, ensure};
use lockstep_core::change::Cursor;
use lockstep_host::HostError;

use crate::{
    Run,
    place::{Place, changes, expect, failed, read, works_again, write},
    runs,
};

pub const RUNS: &[Run] = runs![
    an_endless_loop 64,
    endless_cheap_host_calls 64,
    an_endless_loop_while_it_is_instantiated 64,
    a_stack_that_overflows 64,
    recursion_inside_realloc 64,
    a_host_call_inside_realloc 64,
    a_call_that_blocks_in_the_host 64,
    a_trap_in_the_middle_of_a_batch 64,
    a_trap_in_the_middle_of_the_stream 64,
    a_connector_that_keeps_failing 64,
];

async fn an_endless_loop(place: &Place) -> Result<()> {
    let session = place.session("loop", |_| {}).await?;
    expect(&failed(read(&session).await)?, "LS-H012", "compute_time")?;
    place.told("loop", "LS-H012", "compute_time")?;
    works_again(&session).await
}

async fn endless_cheap_host_calls(place: &Place) -> Result<()> {
    let session = place.session("host-calls", |_| {}).await?;
    expect(&failed(read(&session).await)?, "LS-H012", "compute_time")?;
    place.told("host-calls", "LS-H012", "compute_time")?;
    works_again(&session).await
}

async fn an_endless_loop_while_it_is_instantiated(place: &Place) -> Result<()> {
    // Already its spec cannot be had: nothing can be opened.
    let host =
        lockstep_host::Host::new(lockstep_host::HostOptions { limits: crate::place::narrow(), ..Default::default() })?;
    let component = host.load(crate::text::component("loop_at_start")?, None).await?;
    let error = component.spec().await.err();
    let Some(error) = error else { anyhow::bail!("it was instantiated") };
    let _ = place;
    expect(&error, "LS-H012", "compute_time")
}

async fn a_stack_that_overflows(place: &Place) -> Result<()> {
    let session = place.session("stack", |_| {}).await?;
    expect(&failed(read(&session).await)?, "LS-H011", "")?;
    place.told("stack", "LS-H011", "")?;
    works_again(&session).await
}

async fn recursion_inside_realloc(place: &Place) -> Result<()> {
    let session = place.text("recursion_in_realloc", |_| {}).await?;
    expect(&failed(session.check(&[]).await)?, "LS-H011", "")?;
    place.told("recursion_in_realloc", "LS-H011", "").map(drop)
}

async fn a_host_call_inside_realloc(place: &Place) -> Result<()> {
    let session = place.text("host_call_in_realloc", |_| {}).await?;
    expect(&failed(session.check(&[]).await)?, "LS-H011", "")?;
    place.told("host_call_in_realloc", "LS-H011", "").map(drop)
}

async fn a_call_that_blocks_in_the_host(place: &Place) -> Result<()> {
    let session = place
        .session("sleep", |connection| {
            if let Some(limits) = &mut connection.limits {
                limits.call_ms_max = 200;
            }
        })
        .await?;
    // The first call also makes the instance.
    let _ = session.check(&[]).await;
    expect(&failed(read(&session).await)?, "LS-H012", "call_timeout")?;
    place.told("sleep", "LS-H012", "call_timeout")?;
    works_again(&session).await
}

async fn a_trap_in_the_middle_of_a_batch(place: &Place) -> Result<()> {
    let session = place.session("trap", |_| {}).await?;
    let error = write(&session, 4).await?;
    expect(&error, "LS-H011", "")?;
    // Whoever asked learns that any of the writes may have happened.
    ensure!(error.lost_the_instance());
    place.told("trap", "LS-H011", "")?;
    works_again(&session).await
}

async fn a_trap_in_the_middle_of_the_stream(place: &Place) -> Result<()> {
    let session = place.session("changes-trap", |_| {}).await?;
    let at = Cursor(Arc::from(*b"here"));
    expect(&failed(changes(&session, &at).await)?, "LS-H011", "")?;
    place.told("changes-trap", "LS-H011", "")?;
    // Nothing of the batch was handed over: the next instance is asked from the same cursor.
    let patient = place.session("", |_| {}).await?;
    ensure!(changes(&patient, &at).await? == at);
    works_again(&session).await
}

async fn a_connector_that_keeps_failing(place: &Place) -> Result<()> {
    let limited = |connection: &mut lockstep_host::ConnectionConfig| {
        connection.name = "keeps failing".into();
        if let Some(limits) = &mut connection.limits {
            (limits.failures_max, limits.park_ms) = (3, 300);
        }
    };
    let session = place.session("trap", limited).await?;
    for _ in 0..3 {
        expect(&write(&session, 2).await?, "LS-H011", "")?;
    }
    ensure!(matches!(write(&session, 2).await?, HostError::Parked { failures: 3, .. }));
    // Another session of it does not begin from the beginning.
    let another = place.session("trap", limited).await?;
    ensure!(matches!(another.check(&[]).await, Err(HostError::Parked { .. })));
    let parked = || place.host.parked("keeps failing", place.hostile.digest());
    ensure!(matches!(parked().as_slice(), [("read", reason)] if reason.contains("write")), "{:?}", parked());
    let incident = place.told("keeps failing", "LS-H015", "failures")?;
    ensure!(incident.what.contains("in the middle of a batch") || incident.what.contains("crashed"), "{incident:?}");
    // It is given one try after a while, which goes well.
    tokio::time::sleep(std::time::Duration::from_millis(350)).await;
    works_again(&another).await?;
    ensure!(parked().is_empty(), "{:?}", parked());
    Ok(())
}
