//! A connector of good behaviour in the same host, and how long its calls take meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lockstep_core::change::Selection;
use lockstep_host::{Component, PageRequest, Role, Session};
use tokio::task::JoinHandle;

use crate::guests::connection;

/// Between two calls.
const PAUSE: Duration = Duration::from_millis(1);
/// Fewer tell nothing of how long calls take.
const CALLS_MIN: usize = 20;
/// By how much calls may become longer, and how long they may wait besides for a guest that
/// computes: it gives the thread back once in an epoch of 10 ms.
const FACTOR: f64 = 5.0;
const EPOCHS_MS: f64 = 30.0;

pub struct Neighbour {
    session: Session,
    request: PageRequest,
}

/// Times of calls in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub median: f64,
    pub p95: f64,
    calls: usize,
}

/// Calls that go on until they are ended.
pub struct Measured {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Vec<f64>>>,
}

impl Neighbour {
    pub async fn new(echo: &Component) -> Result<Self> {
        let mut connection = connection(r#"{"rows": 100}"#);
        connection.name = "neighbour".into();
        let session = echo.open(Role::Read, connection).await?;
        let objects = session.discover(&[]).await?;
        let columns = objects.iter().flat_map(|object| &object.columns).map(|column| column.name.clone()).collect();
        let selection = Selection { object: "items".into(), columns };
        let request = PageRequest { selection, after: Arc::from([]), rows_max: 100, bytes_max: 1 << 20 };
        Ok(Neighbour { session, request })
    }

    /// How long calls take while nothing else happens.
    pub async fn alone(&self, time: Duration) -> Result<Times> {
        let measured = self.begin();
        tokio::time::sleep(time).await;
        measured.end().await
    }

    pub fn begin(&self) -> Measured {
        let stop = Arc::new(AtomicBool::new(false));
        let (session, request, stopped) = (self.session.clone(), self.request.clone(), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut took = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                let page = session.read(&request).await.context("the neighbour's call")?;
                took.push(began.elapsed().as_secs_f64() * 1e3);
                ensure!(page.rows.len() == 100, "the neighbour lost rows");
                tokio::time::sleep(PAUSE).await;
            }
            Ok(took)
        });
        Measured { stop, task }
    }

    /// That it still is what it was.
    pub fn check_untouched(&self) -> Result<()> {
        let metrics = self.session.metrics();
        ensure!(metrics.restarts == 0 && metrics.call_errors == 0, "the neighbour was touched: {metrics:?}");
        Ok(())
    }
}

impl Measured {
    pub async fn end(self) -> Result<Times> {
        self.stop.store(true, Ordering::Relaxed);
        let mut took = self.task.await??;
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took.get(((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1)));
        let (median, p95) = (at(0.5).copied().unwrap_or_default(), at(0.95).copied().unwrap_or_default());
        Ok(Times { median, p95, calls: took.len() })
    }
}

impl Times {
    /// Whether calls took about as long as these, which were made alone.
    pub fn check_against(&self, alone: &Times) -> Result<()> {
        if self.calls < CALLS_MIN {
            return Ok(());
        }
        for (what, now, before) in [("median", self.median, alone.median), ("p95", self.p95, alone.p95)] {
            ensure!(
                now <= before * FACTOR + EPOCHS_MS,
                "the neighbour's {what} went from {before:.2} ms to {now:.2} ms"
            );
        }
        Ok(())
    }
}
