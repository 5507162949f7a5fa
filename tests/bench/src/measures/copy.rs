//! Rows that were there before: from the start of the peer until B holds all.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::{Figure, Stage};
use crate::{cpu, pair::Backend, watch};

pub async fn measure(stage: &mut Stage<'_>) -> Result<Vec<Figure>> {
    let rows = stage.scale.copy_rows;
    stage.pair.seed(rows)?;
    let reader = Backend::open(&stage.pair.b).await?;
    ensure!(reader.number("SELECT count(*) FROM contacts").await? == 0, "B is not empty");
    let started = Instant::now();
    stage.peer.connect(stage.pair).await?;
    watch::until_rows(&reader, rows).await?;
    let took = started.elapsed().as_secs_f64();
    let mut figures =
        vec![Figure::new("first copy", "rows/s", rows as f64 / took), Figure::new("first copy, time", "s", took)];
    if let Some(bytes) = stage.peer.state_bytes() {
        figures.push(Figure::new("state on disk", "bytes/record", bytes as f64 / rows as f64));
    }
    let processor = cpu::used(&stage.peer.processes(), &[]).as_secs_f64();
    if processor > 0.0 {
        let micros = processor * 1e6 / rows as f64;
        figures.push(Figure::new("processor without the servers, first copy", "µs/row", micros));
    }
    let peaks = stage.peer.processes().into_iter().filter_map(cpu::memory_peak_bytes);
    let peak = peaks.max().unwrap_or(0);
    if peak > 0 {
        figures.push(Figure::new("memory peak, first copy", "MiB", peak as f64 / 1_048_576.0));
    }
    Ok(figures)
}
