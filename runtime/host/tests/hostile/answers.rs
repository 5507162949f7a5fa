//! Guests whose answers are too large, do not fit the question, or are not true.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use lockstep_core::{
    change::{Cursor, Selection},
    key::Key,
    value::Value,
};
use lockstep_host::{FetchRequest, HostError};
use tokio::net::TcpListener;

use crate::{
    Run,
    place::{Place, changes, expect, failed, read, read_after, works_again, write},
    runs,
};

pub const RUNS: &[Run] = runs![
    a_list_of_two_gib 64,
    a_string_of_two_gib 64,
    one_string_told_many_times 64,
    nested_lists_told_many_times 64,
    an_answer_larger_than_allowed 128,
    a_cursor_of_ten_mib 64,
    rows_that_do_not_fit_their_columns 64,
    pages_that_go_round_in_a_circle 64,
    a_wrong_number_of_outcomes 64,
    rows_of_keys_that_nobody_asked_for 64,
    success_without_a_request 64,
];

async fn a_list_of_two_gib(place: &Place) -> Result<()> {
    let session = place.text("two_gib_list", |_| {}).await?;
    expect(&failed(read(&session).await)?, "LS-H011", "")?;
    place.told("two_gib_list", "LS-H011", "").map(drop)
}

async fn a_string_of_two_gib(place: &Place) -> Result<()> {
    let session = place.text("two_gib_string", |_| {}).await?;
    expect(&failed(session.release().await)?, "LS-H011", "")?;
    place.told("two_gib_string", "LS-H011", "").map(drop)
}

async fn one_string_told_many_times(place: &Place) -> Result<()> {
    let session = place.text("one_string_many_times", |_| {}).await?;
    expect(&failed(session.release().await)?, "LS-H011", "batch_bytes")?;
    place.told("one_string_many_times", "LS-H011", "batch_bytes").map(drop)
}

async fn nested_lists_told_many_times(place: &Place) -> Result<()> {
    let session = place.text("nested_lists", |_| {}).await?;
    expect(&failed(read(&session).await)?, "LS-H011", "batch_bytes")?;
    place.told("nested_lists", "LS-H011", "batch_bytes").map(drop)
}

async fn an_answer_larger_than_allowed(place: &Place) -> Result<()> {
    let session = place
        .session("huge", |connection| {
            if let Some(limits) = &mut connection.limits {
                (limits.memory_bytes_max, limits.compute_ms_max) = (128 << 20, 20_000);
            }
        })
        .await?;
    expect(&failed(read(&session).await)?, "LS-H011", "batch_bytes")?;
    works_again(&session).await
}

async fn a_cursor_of_ten_mib(place: &Place) -> Result<()> {
    let session = place.session("cursor", |_| {}).await?;
    expect(&failed(changes(&session, &Cursor::default()).await)?, "LS-H014", "cursor_bytes")?;
    works_again(&session).await?;
    place.told("cursor", "LS-H014", "cursor_bytes").map(drop)
}

async fn rows_that_do_not_fit_their_columns(place: &Place) -> Result<()> {
    for mode in ["cells", "no-key"] {
        let session = place.session(mode, |_| {}).await?;
        expect(&failed(read(&session).await)?, "LS-H014", "")?;
        works_again(&session).await?;
        place.told(mode, "LS-H014", "")?;
    }
    Ok(())
}

async fn pages_that_go_round_in_a_circle(place: &Place) -> Result<()> {
    let session = place.session("circle", |_| {}).await?;
    let mut after = Arc::<[u8]>::from([]);
    for _ in 0..100 {
        match read_after(&session, &after).await {
            Ok(page) => after = page.next,
            Err(error) => {
                expect(&error, "LS-H014", "")?;
                works_again(&session).await?;
                return place.told("circle", "LS-H014", "").map(drop);
            }
        }
    }
    bail!("it is read for ever")
}

async fn a_wrong_number_of_outcomes(place: &Place) -> Result<()> {
    let session = place.session("outcomes", |_| {}).await?;
    expect(&write(&session, 4).await?, "LS-H014", "")?;
    works_again(&session).await?;
    place.told("outcomes", "LS-H014", "").map(drop)
}

async fn rows_of_keys_that_nobody_asked_for(place: &Place) -> Result<()> {
    let session = place.session("unknown-ids", |_| {}).await?;
    let selection = Selection { object: "x".into(), columns: vec!["a".into()] };
    let request = FetchRequest { selection, by: Vec::new(), keys: vec![Key::new(vec![Value::Int(1)])] };
    expect(&failed(session.fetch(&request).await)?, "LS-H014", "")?;
    works_again(&session).await?;
    place.told("unknown-ids", "LS-H014", "").map(drop)
}

async fn success_without_a_request(place: &Place) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let session = place
        .session("lie", |connection| {
            connection.config["host"] = "127.0.0.1".into();
            connection.config["port"] = port.into();
            connection.grants = vec![format!("tcp:127.0.0.1:{port}")];
        })
        .await?;
    let error = write(&session, 2).await?;
    expect(&error, "LS-H014", "")?;
    // As after a crash: whether it was written has to be looked up.
    ensure!(error.lost_the_instance() && matches!(error, HostError::Fault { call: "write", .. }));
    works_again(&session).await?;
    place.told("lie", "LS-H014", "").map(drop)
}
