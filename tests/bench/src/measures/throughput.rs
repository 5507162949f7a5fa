//! How many changed rows a second arrive at B, and what each costs.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Figure, Stage};
use crate::{cpu, pair::Backend, watch};

/// Rows written for a 1-row-transaction run, as a share of the table.
const SINGLES_SHARE: u64 = 2;

/// A writer goes as fast as it can; the clock stops when its last row is seen.
pub async fn live(stage: &Stage<'_>, lot: u64) -> Result<Vec<Figure>> {
    let run = Run::new(stage, lot, "live").await?;
    let before = run.processor(stage);
    let started = Instant::now();
    run.write().await?;
    run.until_arrived().await?;
    let took = started.elapsed();
    Ok(run.figures("live", took, run.processor(stage).since(before)))
}

/// Delivery stands still while rows are written; the clock runs from its resumption.
pub async fn backlog(stage: &mut Stage<'_>) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for lot in [1, 1_000] {
        let run = Run::new(stage, lot, "backlog").await?;
        stage.peer.pause(stage.pair).await?;
        run.write().await?;
        let started = Instant::now();
        stage.peer.resume(stage.pair).await?;
        run.until_arrived().await?;
        figures.extend(run.figures("backlog", started.elapsed(), Processor::default()));
    }
    Ok(figures)
}

struct Run {
    writer: Backend,
    reader: Backend,
    token: String,
    lot: u64,
    rows: u64,
}

impl Run {
    async fn new(stage: &Stage<'_>, lot: u64, what: &str) -> Result<Self> {
        let share = if lot == 1 { SINGLES_SHARE } else { 1 };
        Ok(Run {
            writer: Backend::open_hasty(&stage.pair.a).await?,
            reader: Backend::open(&stage.pair.b).await?,
            token: format!("{what} {} {lot} ", stage.round),
            lot,
            rows: stage.scale.live_rows / share - 1,
        })
    }

    /// Edits rows 2 and up, then the sentinel.
    async fn write(&self) -> Result<()> {
        let (last, lot, token) = (self.rows + 1, self.lot, &self.token);
        let all = if lot == 1 {
            format!("CALL edit_singly(2, {last}, '{token}')")
        } else {
            format!("CALL edit_in_lots(2, {last}, {lot}, '{token}')")
        };
        self.writer.client.batch_execute(&all).await?;
        self.writer.client.batch_execute(&format!("CALL edit_singly(1, 1, '{token}')")).await?;
        Ok(())
    }

    async fn until_arrived(&self) -> Result<()> {
        watch::until_arrived(&self.reader, &self.token, self.rows + 1).await
    }

    /// Without the writer and the reader.
    fn processor(&self, stage: &Stage<'_>) -> Processor {
        Processor {
            all: cpu::used(&stage.processes(), &[self.writer.pid, self.reader.pid]),
            own: cpu::used(&stage.peer.processes(), &[]),
        }
    }

    fn figures(&self, what: &str, took: Duration, processor: Processor) -> Vec<Figure> {
        let rows = (self.rows + 1) as f64;
        let kind = format!("{what}, {}-row transactions", self.lot);
        let mut figures = vec![Figure::new(kind.clone(), "rows/s", rows / took.as_secs_f64())];
        let mut cost = |metric: String, time: Duration| {
            if time > Duration::ZERO {
                figures.push(Figure::new(metric, "µs/row", time.as_secs_f64() * 1e6 / rows));
            }
        };
        cost(format!("processor, {kind}"), processor.all);
        cost(format!("processor without the servers, {kind}"), processor.own);
        figures
    }
}

/// Processor time of a run.
#[derive(Clone, Copy, Default)]
struct Processor {
    /// The servers' and the peer's.
    all: Duration,
    /// Of it, the peer's own processes'.
    own: Duration,
}

impl Processor {
    fn since(self, before: Processor) -> Processor {
        Processor { all: self.all.saturating_sub(before.all), own: self.own.saturating_sub(before.own) }
    }
}
