//! How long an edit takes to arrive, measured beside everything else: one person
//! writes a value into a record of their own, another waits for it at the other side.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::world::{PATIENCE, Side, World};

const LOOK: Duration = Duration::from_millis(2);
const PAUSE: Duration = Duration::from_millis(20);
const RECORD: &str = "delays";

/// A running measurement.
pub struct Delays {
    stop: Arc<AtomicBool>,
    measured: Arc<Mutex<Vec<Duration>>>,
    task: JoinHandle<Result<()>>,
}

impl Delays {
    /// From `a` to `b`.
    pub async fn start(world: &World) -> Result<Self> {
        let (writer, reader) = (world.person(Side::A).await?, world.person(Side::B).await?);
        writer.execute("INSERT INTO people (email, name) VALUES ($1, 'begin')", &[&RECORD]).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let measured = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(measure(writer, reader, stop.clone(), measured.clone()));
        Ok(Delays { stop, measured, task })
    }

    /// Every delay so far, shortest first.
    pub async fn stop(self) -> Result<Vec<Duration>> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.context("the measurement panicked")??;
        let mut measured = self.measured.lock().map_err(|_| anyhow::anyhow!("a lock was lost"))?.clone();
        measured.sort();
        Ok(measured)
    }
}

async fn measure(
    writer: Client,
    reader: Client,
    stop: Arc<AtomicBool>,
    measured: Arc<Mutex<Vec<Duration>>>,
) -> Result<()> {
    let arrived = reader.prepare("SELECT 1 FROM people WHERE email = $1 AND name = $2").await?;
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let token = format!("delay {number}");
        let written = Instant::now();
        writer.execute("UPDATE people SET name = $2 WHERE email = $1", &[&RECORD, &token]).await?;
        while reader.query(&arrived, &[&RECORD, &token]).await?.is_empty() {
            anyhow::ensure!(written.elapsed() < PATIENCE, "an edit did not arrive in {PATIENCE:?}");
            tokio::time::sleep(LOOK).await;
        }
        if let Ok(mut measured) = measured.lock() {
            measured.push(written.elapsed());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
