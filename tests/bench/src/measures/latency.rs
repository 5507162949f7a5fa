//! From the moment a writer's commit is acknowledged at A to the moment a
//! reader at B sees the value.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use lockstep_harness::Cluster;

use super::{Figure, Stage};
use crate::{pair::Backend, watch::PATIENCE};

const PROBES_PER_SECOND: u32 = 20;
const POLL: Duration = Duration::from_micros(200);
/// Probes go to rows 2 to 201, load to the rows after them.
const PROBE_ROWS: u64 = 200;

/// Tokens on their way, with the moment of their commit.
type Outstanding = Arc<Mutex<HashMap<String, Instant>>>;

pub async fn measure(stage: &Stage<'_>, load_per_second: Option<u32>) -> Result<Vec<Figure>> {
    let probes = PROBES_PER_SECOND * stage.scale.latency_seconds;
    let kind = if load_per_second.is_some() { "loaded latency" } else { "latency" };
    let outstanding: Outstanding = Arc::default();
    let written = AtomicBool::new(false);
    let stop_load = AtomicBool::new(false);
    let round = stage.round;
    let (a, b) = (&stage.pair.a, &stage.pair.b);
    let rows = stage.scale.live_rows;
    let mut micros = thread::scope(|scope| -> Result<Vec<u64>> {
        let load = load_per_second.map(|rate| {
            let stop = &stop_load;
            scope.spawn(move || write_load(a, rate, rows, round, stop))
        });
        let reader = scope.spawn(|| read_probes(b, &outstanding, &written));
        let writer = scope.spawn(|| {
            let done = write_probes(a, probes, round, kind, &outstanding);
            written.store(true, Ordering::Release);
            done
        });
        let wrote = join(writer);
        let read = join(reader);
        stop_load.store(true, Ordering::Release);
        load.map_or(Ok(()), join)?;
        wrote?;
        read
    })?;
    micros.sort_unstable();
    ensure!(!micros.is_empty(), "no probe arrived");
    let mut figures: Vec<Figure> = [50, 95, 99]
        .iter()
        .map(|percent| Figure::new(format!("{kind} p{percent}"), "ms", percentile(&micros, *percent) / 1_000.0))
        .collect();
    figures.push(Figure::new(format!("{kind} max"), "ms", percentile(&micros, 100) / 1_000.0));
    Ok(figures)
}

/// By nearest rank; `sorted` is not empty.
pub fn percentile(sorted: &[u64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default() as f64
}

fn join<T>(handle: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    handle.join().map_err(|_| anyhow!("a measuring thread panicked"))?
}

/// A thread's own runtime, so that nothing else delays it.
fn alone<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a measuring thread")?
        .block_on(work)
}

fn write_probes(a: &Cluster, probes: u32, round: u32, kind: &str, outstanding: &Outstanding) -> Result<()> {
    alone(async {
        let backend = Backend::open(a).await?;
        let update =
            backend.client.prepare("UPDATE contacts SET notes = $1::text WHERE id = contact($2::bigint)").await?;
        let started = Instant::now();
        for probe in 0..probes {
            pace(started, probe, PROBES_PER_SECOND);
            let token = format!("{kind} {round} {probe}");
            let row = i64::try_from(2 + u64::from(probe) % PROBE_ROWS)?;
            backend.client.execute(&update, &[&token, &row]).await?;
            let committed = Instant::now();
            outstanding.lock().unwrap_or_else(PoisonError::into_inner).insert(token, committed);
        }
        Ok(())
    })
}

fn read_probes(b: &Cluster, outstanding: &Outstanding, written: &AtomicBool) -> Result<Vec<u64>> {
    alone(async {
        let backend = Backend::open(b).await?;
        let select = backend
            .client
            .prepare(
                "SELECT notes FROM contacts WHERE id = ANY(
                     SELECT contact(t) FROM unnest($1::bigint[]) t)",
            )
            .await?;
        let mut micros = Vec::new();
        let mut progress = Instant::now();
        loop {
            let waiting: Vec<String> =
                outstanding.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
            if waiting.is_empty() {
                if written.load(Ordering::Acquire) {
                    return Ok(micros);
                }
                progress = Instant::now();
                thread::sleep(POLL);
                continue;
            }
            let rows: Vec<i64> = waiting.iter().filter_map(|token| row_of(token)).collect();
            let found = backend.client.query(&select, &[&rows]).await?;
            let seen = Instant::now();
            for row in found {
                let token: Option<String> = row.try_get(0)?;
                let mut outstanding = outstanding.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(committed) = token.and_then(|token| outstanding.remove(&token)) {
                    let took = seen.saturating_duration_since(committed);
                    micros.push(u64::try_from(took.as_micros())?);
                    progress = seen;
                }
            }
            ensure!(progress.elapsed() < PATIENCE, "a probe did not arrive in {PATIENCE:?}");
            thread::sleep(POLL);
        }
    })
}

/// The row a probe's token was written to.
fn row_of(token: &str) -> Option<i64> {
    let probe: u64 = token.rsplit(' ').next()?.parse().ok()?;
    i64::try_from(2 + probe % PROBE_ROWS).ok()
}

fn write_load(a: &Cluster, rate: u32, rows: u64, round: u32, stop: &AtomicBool) -> Result<()> {
    alone(async {
        let backend = Backend::open_hasty(a).await?;
        let update =
            backend.client.prepare("UPDATE contacts SET notes = $1::text WHERE id = contact($2::bigint)").await?;
        let first = PROBE_ROWS + 2;
        let started = Instant::now();
        for number in 0.. {
            if stop.load(Ordering::Acquire) {
                break;
            }
            pace(started, number, rate);
            let row = i64::try_from(first + u64::from(number) % (rows - first))?;
            let value = format!("load {round} {number}");
            backend.client.execute(&update, &[&value, &row]).await?;
        }
        Ok(())
    })
}

/// Sleeps until event `number` is due at this rate.
fn pace(started: Instant, number: u32, per_second: u32) {
    let due = Duration::from_micros(u64::from(number) * 1_000_000 / u64::from(per_second));
    if let Some(wait) = due.checked_sub(started.elapsed()) {
        thread::sleep(wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let sorted: Vec<u64> = (1..=200).collect();
        assert_eq!(percentile(&sorted, 50), 100.0);
        assert_eq!(percentile(&sorted, 95), 190.0);
        assert_eq!(percentile(&sorted, 99), 198.0);
        assert_eq!(percentile(&[7], 50), 7.0);
    }
}
