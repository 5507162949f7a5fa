//! The measurements, one file a kind. Each returns plain named numbers.

mod concurrency;
mod copy;
mod latency;
mod throughput;

use anyhow::Result;
use clap::ValueEnum;
pub use latency::percentile;

use crate::{
    pair::{Backend, Pair},
    peers::{Name, Peer},
    watch,
};

/// What can be asked for with `--only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Bench {
    /// 20 updates a second, nothing else going on
    Latency,
    /// the same under 1,000 updates a second
    LatencyLoaded,
    /// updates as fast as one writer makes them, one row a transaction
    Singles,
    /// the same, 1,000 rows a transaction
    Lots,
    /// what was written while delivery was stopped
    Backlog,
    /// pairs of edits that had not seen each other
    Pairs,
    /// edits that had seen each other
    Alternating,
    /// rows that were there before
    Copy,
    /// Salesforce, HubSpot and PostgreSQL in one sync; only where it is named
    Crm,
    /// one call of code for a field or a rule; only where it is named
    Code,
    /// loading components that were compiled before, and making instances; only where it is named
    Components,
}

/// One number of one round.
#[derive(Clone, Debug)]
pub struct Figure {
    /// `latency p50`, …
    pub metric: String,
    /// `ms`, `rows/s`, `µs/row`, `edits`, `bytes`, …
    pub unit: &'static str,
    pub value: f64,
}

impl Figure {
    pub fn new(metric: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Figure { metric: metric.into(), unit, value }
    }
}

/// How much is done in each measurement.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub copy_rows: u64,
    /// Rows in the table the live measurements use, at least 2,000.
    pub live_rows: u64,
    pub latency_seconds: u32,
    pub pairs: u64,
    pub alternations: u64,
}

/// A peer in place between two databases.
pub struct Stage<'s> {
    pub name: Name,
    pub peer: Box<dyn Peer>,
    pub pair: &'s Pair,
    pub scale: Scale,
    /// Differs in each round, so that no edit repeats an earlier value.
    pub round: u32,
}

impl Stage<'_> {
    /// Roots of everything that works for the peer, database servers included.
    fn processes(&self) -> Vec<u32> {
        let servers = self.pair.clusters().into_iter().filter_map(|cluster| cluster.pid());
        servers.chain(self.peer.processes()).collect()
    }

    /// Starts the peer on a table of `live_rows` and waits until it is in step.
    pub async fn prepare_live(&mut self) -> Result<()> {
        self.pair.seed(self.scale.live_rows)?;
        self.peer.connect(self.pair).await?;
        let b = Backend::open(&self.pair.b).await?;
        watch::until_rows(&b, self.scale.live_rows).await?;
        // Both directions carry an edit before anything is measured.
        self.edit_and_wait(&self.pair.a, &self.pair.b, "warm-a").await?;
        if self.name.is_both_ways() {
            self.edit_and_wait(&self.pair.b, &self.pair.a, "warm-b").await?;
        }
        Ok(())
    }

    async fn edit_and_wait(
        &self,
        from: &lockstep_harness::Cluster,
        to: &lockstep_harness::Cluster,
        token: &str,
    ) -> Result<()> {
        let from = Backend::open(from).await?;
        let to = Backend::open(to).await?;
        let sql = format!("CALL edit_singly(1, 1, '{token}')");
        from.client.batch_execute(&sql).await?;
        watch::until_arrived(&to, token, 1).await
    }

    /// Runs one of the measurements that need a peer in step.
    pub async fn measure(&mut self, bench: Bench) -> Result<Vec<Figure>> {
        match bench {
            Bench::Latency => latency::measure(self, None).await,
            Bench::LatencyLoaded => latency::measure(self, Some(1_000)).await,
            Bench::Singles => throughput::live(self, 1).await,
            Bench::Lots => throughput::live(self, 1_000).await,
            Bench::Backlog => throughput::backlog(self).await,
            Bench::Pairs => concurrency::pairs(self).await,
            Bench::Alternating => concurrency::alternating(self).await,
            Bench::Copy => copy::measure(self).await,
            Bench::Crm | Bench::Code | Bench::Components => anyhow::bail!("this needs no pair of databases"),
        }
    }
}
