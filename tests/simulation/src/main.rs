//! Runs many seeds and says which fail: `simulate --runs N --seed S`.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use lockstep_simulation::seeded::{self, Outcome, Scenario};

/// Failing seeds shown in full.
const SHOWN_MAX: usize = 5;
/// Runs spent on making a failing one smaller.
const SHRINK_RUNS_MAX: u32 = 2_000;
/// From so many runs on, every trouble has to have met every deed.
const COVERED_FROM: u64 = 5_000;

struct Asked {
    runs: u64,
    first: u64,
    jobs: u64,
    logs: bool,
    harsh: bool,
    rivals: bool,
    loud: bool,
    shrink: bool,
}

impl Asked {
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut asked = Asked {
            runs: 1_000,
            first: 1,
            jobs: 1,
            logs: false,
            harsh: false,
            rivals: false,
            loud: false,
            shrink: false,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--loud" => asked.loud = true,
                "--logs" => asked.logs = true,
                "--harsh" => asked.harsh = true,
                "--rivals" => asked.rivals = true,
                "--shrink" => asked.shrink = true,
                "--runs" => asked.runs = arguments.next()?.parse().ok()?,
                "--seed" => asked.first = arguments.next()?.parse().ok()?,
                "--jobs" => asked.jobs = arguments.next()?.parse().ok().filter(|jobs| *jobs > 0)?,
                _ => return None,
            }
        }
        Some(asked)
    }

    fn scenario(&self, seed: u64) -> Scenario {
        let scenario = match self.harsh {
            true => Scenario::harsh(seed, self.logs),
            false => Scenario::new(seed, self.logs),
        };
        if self.rivals { scenario.rivals() } else { scenario }
    }
}

#[derive(Default)]
struct Tally {
    lives: u64,
    met: BTreeMap<(&'static str, &'static str), u64>,
    failing: Vec<u64>,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        self.lives += u64::from(outcome.lives);
        for pair in &outcome.met {
            *self.met.entry(*pair).or_default() += 1;
        }
        if !outcome.is_clean() {
            if self.failing.len() < SHOWN_MAX {
                println!("seed {}: {}", outcome.seed, outcome.told());
            }
            self.failing.push(outcome.seed);
        }
    }

    /// Pairs of trouble and deed that no run has brought together.
    fn never_met(&self, asked: &Asked) -> Vec<String> {
        let is_asked = |name: &str| match name {
            "power-cut" => asked.harsh && !asked.rivals,
            "jump" | "rules" | "rekey" => asked.harsh,
            "restore" | "pause" => !asked.rivals,
            "rival" => asked.rivals,
            _ => true,
        };
        let troubles = seeded::TROUBLES.iter().filter(|trouble| is_asked(trouble));
        let pairs = troubles.flat_map(|trouble| seeded::DEEDS.iter().map(move |deed| (*trouble, *deed)));
        pairs
            .filter(|(trouble, deed)| trouble != deed && is_asked(deed) && !self.met.contains_key(&(*trouble, *deed)))
            .map(|(trouble, deed)| format!("{trouble} x {deed}"))
            .collect()
    }
}

fn main() -> ExitCode {
    let Some(asked) = Asked::read(std::env::args().skip(1)) else {
        eprintln!("usage: simulate [--runs N] [--seed S] [--jobs N] [--logs] [--harsh] [--rivals] [--loud] [--shrink]");
        return ExitCode::FAILURE;
    };
    // What happens in the smaller run is told instead.
    let loud = asked.loud && !asked.shrink;
    if loud {
        show(&asked.scenario(asked.first));
    }
    let began = Instant::now();
    let tally = run(&asked, loud);
    let seconds = began.elapsed().as_secs_f64();
    let (runs, lives) = (asked.runs, tally.lives);
    println!("{runs} runs, {lives} lives, {:.0} runs a second", runs as f64 / seconds);
    println!("troubles met by deeds, in so many runs:");
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((trouble, deed), count) in &tally.met {
        rows.entry(trouble).or_default().push(format!("{deed} {count}"));
    }
    for (trouble, deeds) in rows {
        println!("  {trouble:>9}: {}", deeds.join(", "));
    }
    let never = tally.never_met(&asked);
    let is_covered = never.is_empty() || asked.runs < COVERED_FROM;
    if asked.runs >= COVERED_FROM || never.is_empty() {
        println!("never met: {}", if never.is_empty() { "nothing".to_owned() } else { never.join(", ") });
    }
    if tally.failing.is_empty() && is_covered {
        return ExitCode::SUCCESS;
    }
    if tally.failing.is_empty() {
        println!("every run is clean, but not every trouble met every deed");
        return ExitCode::FAILURE;
    }
    println!("failing seeds ({}): {:?}", tally.failing.len(), tally.failing);
    if asked.shrink
        && let Some(seed) = tally.failing.first()
        && let Some((scenario, outcome)) = seeded::shrink(asked.scenario(*seed), SHRINK_RUNS_MAX)
    {
        println!("seed {seed}, made smaller:");
        show(&scenario);
        println!("{}", outcome.told());
        if asked.loud {
            seeded::play(scenario, true);
        }
    }
    ExitCode::FAILURE
}

/// A scenario as a person reads it.
fn show(scenario: &Scenario) {
    let Scenario { seed: _, habits, shares_key, conflict, deletes, records, agenda } = scenario;
    println!("shares_key {shares_key}, conflict {conflict}, deletes {deletes}, {records} records");
    habits.iter().enumerate().for_each(|(side, habits)| println!("{}: {habits:?}", Scenario::name(side)));
    agenda.iter().for_each(|(at_ms, event)| println!("{at_ms:>7} ms {event:?}"));
}

/// Every seed once, in as many threads as asked.
fn run(asked: &Asked, loud: bool) -> Tally {
    let tally = Mutex::new(Tally::default());
    let next = AtomicU64::new(asked.first);
    let end = asked.first.saturating_add(asked.runs);
    std::thread::scope(|scope| {
        for _ in 0..asked.jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = seeded::play(asked.scenario(seed), loud);
                    tally.lock().unwrap_or_else(PoisonError::into_inner).add(&outcome);
                }
            });
        }
    });
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.failing.sort_unstable();
    tally
}
