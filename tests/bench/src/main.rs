//! Measures Lockstep and its peers side by side: rounds interleaved, a fresh
//! pair of databases for each peer in each round, medians and spread at the end.

mod code;
mod components;
mod composed;
mod cpu;
mod crm;
mod measures;
mod pair;
mod peers;
mod report;
mod sandbox;
mod watch;

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use lockstep_harness::Binaries;

use crate::{
    crm::CrmScale,
    measures::{Bench, Scale, Stage},
    pair::Pair,
    peers::Name,
    report::{Failure, Report},
};

/// Measure Lockstep and its peers side by side
#[derive(Debug, Parser)]
#[command(name = "lockstep-bench", max_term_width = 100)]
struct Args {
    /// Only these measurements
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Bench>,
    /// Which to compare; those not installed are named and left out
    #[arg(long, value_enum, value_delimiter = ',')]
    peers: Vec<Name>,
    /// How often everything is measured
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Rows of the first copy
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Rows of the table for everything else, at least 2,000
    #[arg(long, default_value_t = 100_000)]
    live_rows: u64,
    /// People at Salesforce and at HubSpot, for `--only crm`
    #[arg(long, default_value_t = 100_000)]
    people: usize,
    /// One round of small measurements, to see that it works
    #[arg(long)]
    quick: bool,
    /// Where every number goes
    #[arg(long, default_value = "target/bench/RESULTS.json")]
    out: PathBuf,
}

impl Args {
    fn scale(&self) -> Scale {
        if self.quick {
            let copy_rows = self.rows.min(50_000);
            let live_rows = self.live_rows.min(10_000);
            Scale { copy_rows, live_rows, latency_seconds: 3, pairs: 1_000, alternations: 50 }
        } else {
            let (copy_rows, live_rows) = (self.rows, self.live_rows);
            Scale { copy_rows, live_rows, latency_seconds: 10, pairs: 1_000, alternations: 500 }
        }
    }

    fn crm_scale(&self) -> CrmScale {
        match self.quick {
            true => CrmScale { people: self.people.min(3_000), probes: 15 },
            false => CrmScale { people: self.people, probes: 100 },
        }
    }

    /// Calls of each piece of code.
    fn code_calls(&self) -> u64 {
        if self.quick { 500 } else { 5_000 }
    }

    fn wants(&self, bench: Bench) -> bool {
        self.only.is_empty() || self.only.contains(&bench)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    // Interrupted, what runs is dropped: servers end, their folders go.
    let done = tokio::select! {
        done = run(&args) => done,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<()> {
    ensure!(args.live_rows >= 2_000, "--live-rows must be at least 2000");
    let mut report = describe(args)?;
    let mut peers = if args.peers.is_empty() { Name::value_variants().to_vec() } else { args.peers.clone() };
    peers.retain(|peer| match peer.obstacle() {
        None => true,
        Some(why) => {
            eprintln!("{}: left out, {why}", peer.title());
            report.missing.insert(peer.title().to_owned(), why);
            false
        }
    });
    let rounds = if args.quick { 1 } else { args.rounds };
    for round in 1..=rounds {
        // Each round starts with another peer, so that none is always first.
        if round > 1 && !peers.is_empty() {
            peers.rotate_left(1);
        }
        for peer in &peers {
            measure(args, *peer, round, &mut report).await;
            report.write(&args.out)?;
        }
    }
    println!("{}", report.table());
    println!("every number: {}", args.out.display());
    ensure!(report.failures.is_empty(), "{} measurements failed", report.failures.len());
    Ok(())
}

/// Everything for one peer in one round. What fails is noted; the rest goes on.
async fn measure(args: &Args, peer: Name, round: u32, report: &mut Report) {
    // No peer has such a thing: only where it is asked for.
    if args.only.contains(&Bench::Crm) && peer == Name::Lockstep {
        eprintln!("round {round}, {}: {:?}", peer.title(), Bench::Crm);
        let done = crm::measure(args.crm_scale()).await.map(|figures| report.add(peer, round, figures));
        note(report, peer, round, "three systems", done);
    }
    if args.only.contains(&Bench::Code) && peer == Name::Lockstep {
        eprintln!("round {round}, {}: {:?}", peer.title(), Bench::Code);
        let done = code::measure(args.code_calls()).await.map(|figures| report.add(peer, round, figures));
        note(report, peer, round, "code", done);
    }
    if args.only.contains(&Bench::Components) && peer == Name::Lockstep {
        eprintln!("round {round}, {}: {:?}", peer.title(), Bench::Components);
        let done = components::measure().await.map(|figures| report.add(peer, round, figures));
        note(report, peer, round, "components", done);
    }
    if args.wants(Bench::Copy) && peer.copies() {
        let done = measure_copy(args, peer, round, report).await;
        note(report, peer, round, "first copy", done);
    }
    let live = [
        Bench::Latency,
        Bench::LatencyLoaded,
        Bench::Singles,
        Bench::Lots,
        Bench::Backlog,
        Bench::Pairs,
        Bench::Alternating,
    ];
    let wanted: Vec<Bench> = live.into_iter().filter(|bench| args.wants(*bench) && is_possible(peer, *bench)).collect();
    if !wanted.is_empty() {
        let done = measure_live(args, peer, round, &wanted, report).await;
        note(report, peer, round, "getting in step", done);
    }
}

fn is_possible(peer: Name, bench: Bench) -> bool {
    match bench {
        Bench::Pairs => peer.is_both_ways(),
        Bench::Alternating => peer.tells_conflicts(),
        Bench::Copy | Bench::Latency | Bench::LatencyLoaded | Bench::Singles | Bench::Lots | Bench::Backlog => true,
        Bench::Crm | Bench::Code | Bench::Components => false,
    }
}

async fn measure_copy(args: &Args, peer: Name, round: u32, report: &mut Report) -> Result<()> {
    let pair = Pair::new(&peer.settings()?)?;
    let mut stage = Stage { name: peer, peer: peer.make(), pair: &pair, scale: args.scale(), round };
    eprintln!("round {round}, {}: {:?}", peer.title(), Bench::Copy);
    let figures = stage.measure(Bench::Copy).await?;
    report.add(peer, round, figures);
    Ok(())
}

async fn measure_live(args: &Args, peer: Name, round: u32, wanted: &[Bench], report: &mut Report) -> Result<()> {
    let pair = Pair::new(&peer.settings()?)?;
    let mut stage = Stage { name: peer, peer: peer.make(), pair: &pair, scale: args.scale(), round };
    stage.prepare_live().await?;
    for bench in wanted {
        eprintln!("round {round}, {}: {bench:?}", peer.title());
        match stage.measure(*bench).await {
            Ok(figures) => report.add(peer, round, figures),
            Err(error) => note(report, peer, round, &format!("{bench:?}"), Err(error)),
        }
    }
    Ok(())
}

fn note(report: &mut Report, peer: Name, round: u32, what: &str, done: Result<()>) {
    if let Err(error) = done {
        let error = format!("{error:#}");
        eprintln!("round {round}, {}, {what}: {error}", peer.title());
        report.failures.push(Failure { peer, round, what: what.to_owned(), error });
    }
}

fn describe(args: &Args) -> Result<Report> {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let scale = args.scale();
    Ok(Report {
        machine: format!("{processors} processors, {}", std::env::consts::ARCH),
        server: format!("PostgreSQL {}", Binaries::find()?.major()),
        load_at_start: load.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0),
        scale: [
            ("first copy rows", scale.copy_rows),
            ("live rows", scale.live_rows),
            ("latency seconds", u64::from(scale.latency_seconds)),
            ("pairs", scale.pairs),
            ("alternations", scale.alternations),
        ]
        .into(),
        ..Report::default()
    })
}
