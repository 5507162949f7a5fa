//! What the sandbox's boundary costs: microseconds per record each way, with
//! batches of 1000 records of 12 columns. `cargo run --release -p lockstep-host --example boundary`
//!
//! In: pages of rows the echo guest makes from its memory (its own work included),
//! converted to the core's values. Out: fetches by 1000 keys of 12 cells each of which none is
//! found, so that little comes back; the guest drops them.

use std::{path::PathBuf, sync::Arc, time::Instant};

use lockstep_core::{
    change::Selection,
    key::Key,
    value::{Timestamp, Value},
};
use lockstep_host::{ConnectionConfig, FetchRequest, Host, HostError, HostOptions, PageRequest, Role};

const BATCH: u32 = 1000;
const ROUNDS: u32 = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), HostError> {
    let path = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/guests/echo.wasm"), PathBuf::from);
    let host = Host::new(HostOptions::default())?;
    let component = host.load_file(&path, None).await?;
    let connection = ConnectionConfig::new("boundary", serde_json::json!({ "rows": BATCH }));
    let session = component.open(Role::Read, connection).await?;
    let objects = session.discover(&[]).await?;
    let columns: Vec<String> = objects.iter().flat_map(|it| &it.columns).map(|it| it.name.clone()).collect();
    let selection = Selection { object: "items".into(), columns };
    let read = PageRequest { selection: selection.clone(), after: Arc::from([]), rows_max: BATCH, bytes_max: u32::MAX };
    report("in (read, echo's own copying included)", async || Ok(session.read(&read).await?.rows.len())).await?;
    let fetch = FetchRequest { selection, by: Vec::new(), keys: (0..i64::from(BATCH)).map(key).collect() };
    report("out (fetch by 12 cells)", async || Ok(session.fetch(&fetch).await?.len())).await?;
    report("a call with nothing in it", async || Ok(session.release().await?.len())).await
}

/// Twelve cells of the common kinds, of which the first is no key of echo's.
fn key(id: i64) -> Key {
    Key::new(vec![
        Value::Int(-1 - id),
        Value::text(format!("Person {id}")),
        Value::text(format!("person{id}@example.com")),
        Value::text("Lisbon"),
        Value::Decimal(format!("{id}.50").into()),
        Value::Float(id as f64 / 3.0),
        Value::Bool(id % 2 == 0),
        Value::Date(19_000),
        Value::Timestamp(Timestamp(1_700_000_000_000_000 + id)),
        Value::Uuid(id as u128),
        Value::Int(id * 7),
        Value::text("nothing much to say about this one"),
    ])
}

async fn report(what: &str, call: impl AsyncFn() -> Result<usize, HostError>) -> Result<(), HostError> {
    for _ in 0..20 {
        call().await?;
    }
    let mut best = f64::MAX;
    let started = Instant::now();
    for _ in 0..ROUNDS {
        let one = Instant::now();
        std::hint::black_box(call().await?);
        best = best.min(one.elapsed().as_secs_f64());
    }
    let mean = started.elapsed().as_secs_f64() / f64::from(ROUNDS);
    let per_record = |seconds: f64| seconds * 1e6 / f64::from(BATCH);
    println!("{what}: {:.3} µs a record (best {:.3}), {:.1} µs a call", per_record(mean), per_record(best), mean * 1e6);
    Ok(())
}
