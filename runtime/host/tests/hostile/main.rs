//! Guests nobody would let in on purpose, one after the other against the real host.
//! After each: the host is up, memory stayed within its bound, a neighbour's calls took no longer
//! than before, and the operator was told. docs/sandbox.md lists what each stands for.
//!
//! Arguments that are no flags select runs by a part of their name.

mod answers;
mod computing;
#[path = "../it/guests.rs"]
#[allow(dead_code)]
mod guests;
mod hoarding;
mod loading;
mod log;
mod memory;
mod neighbour;
mod network;
mod place;
mod text;
#[path = "../it/web.rs"]
#[allow(dead_code)]
mod web;

use std::{future::Future, pin::Pin, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail, ensure};

use memory::Peak;
use neighbour::{Neighbour, Times};
use place::Place;

/// What makes this program compile, as the host asks it to.
pub const COMPILE: &str = "compile";
/// A run that takes longer has lost the host.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a run may take in memory besides what its guest was allowed: the host's copies of what
/// is handed over, and what the allocator keeps.
const BESIDES_BYTES: u64 = 160 << 20;

type Done<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// One hostile guest.
#[derive(Clone, Copy)]
pub struct Run {
    pub name: &'static str,
    /// What its instances may take together.
    pub allowed_bytes: u64,
    pub does: for<'a> fn(&'a Place) -> Done<'a>,
}

/// Runs from functions, each allowed so many mebibytes.
#[macro_export]
macro_rules! runs {
    ($($name:ident $allowed_mib:literal),* $(,)?) => {
        &[$($crate::Run {
            name: stringify!($name),
            allowed_bytes: $allowed_mib << 20,
            does: |place| Box::pin($name(place)),
        }),*]
    };
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == COMPILE) {
        return compile(&arguments);
    }
    match run(arguments.iter().find(|argument| !argument.starts_with('-')).map(String::as_str)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compile(arguments: &[String]) -> ExitCode {
    let bound = |at: usize| arguments.get(at).and_then(|text| text.parse().ok());
    let (Some(memory), Some(seconds), Some(purpose)) = (bound(1), bound(2), arguments.get(3)) else {
        eprintln!("two numbers are missing, or what it is compiled for");
        return ExitCode::FAILURE;
    };
    match lockstep_host::compile_child(memory, seconds, purpose, std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

fn run(only: Option<&str>) -> Result<()> {
    log::begin();
    let all = [computing::RUNS, hoarding::RUNS, answers::RUNS, network::RUNS, log::RUNS, loading::RUNS].concat();
    let chosen: Vec<&Run> = all.iter().filter(|run| only.is_none_or(|part| run.name.contains(part))).collect();
    println!("\nrunning {} hostile guests", chosen.len());
    println!("{:<52} {:>9} {:>18} {:>18}", "", "memory", "neighbour p50", "p95");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let place = Place::new().await?;
        let neighbour = Neighbour::new(&place.echo).await?;
        neighbour.alone(Duration::from_millis(200)).await?;
        let mut failures = Vec::new();
        for run in chosen {
            // A busy machine slows neighbours too: what happens once is not the guest's doing.
            let mut result = once(run, &place, &neighbour).await;
            if let Err(error) = &result
                && error.is::<Slower>()
            {
                eprintln!("  {}: {error:#}; again", run.name);
                result = once(run, &place, &neighbour).await;
            }
            if let Err(error) = result {
                println!("{:<52} FAILED", run.name);
                failures.push(format!("{}: {error:#}", run.name));
            }
        }
        ensure!(failures.is_empty(), "\n{}", failures.join("\n"));
        Ok(())
    })
}

/// Only the neighbour's calls took too long.
#[derive(Debug)]
struct Slower(anyhow::Error);

impl std::fmt::Display for Slower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Slower {}

async fn once(run: &Run, place: &Place, neighbour: &Neighbour) -> Result<()> {
    let alone = neighbour.alone(Duration::from_millis(60)).await?;
    let (measured, peak) = (neighbour.begin(), Peak::begin());
    let done = tokio::time::timeout(PATIENCE, (run.does)(place)).await;
    let (grown, times) = (peak.end(), measured.end().await?);
    match done {
        Ok(result) => result?,
        Err(_) => bail!("it took longer than {} s", PATIENCE.as_secs()),
    }
    neighbour.check_untouched()?;
    let bytes_max = run.allowed_bytes + BESIDES_BYTES;
    ensure!(grown <= bytes_max, "memory grew by {} MiB, {} were expected at most", grown >> 20, bytes_max >> 20);
    report(run, grown, &alone, &times);
    times.check_against(&alone).map_err(Slower).context("the neighbour")?;
    Ok(())
}

fn report(run: &Run, grown: u64, alone: &Times, times: &Times) {
    let pair = |before: f64, now: f64| format!("{before:.2} -> {now:.2} ms");
    println!(
        "{:<52} {:>5} MiB {:>18} {:>18}",
        run.name,
        grown >> 20,
        pair(alone.median, times.median),
        pair(alone.p95, times.p95)
    );
}
