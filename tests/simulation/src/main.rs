//! Runs many seeds and says which fail: `simulate --runs N --seed S`.

use std::{collections::BTreeMap, process::ExitCode, time::Instant};

use lockstep_simulation::seeded;

/// Failing seeds shown in full.
const SHOWN_MAX: usize = 5;

fn main() -> ExitCode {
    let (mut runs, mut first) = (1_000_u64, 1_u64);
    let mut loud = false;
    let mut logs = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--loud" => {
                loud = true;
                continue;
            }
            "--logs" => {
                logs = true;
                continue;
            }
            _ => {}
        }
        let number = arguments.next().and_then(|text| text.parse().ok());
        match (argument.as_str(), number) {
            ("--runs", Some(number)) => runs = number,
            ("--seed", Some(number)) => first = number,
            _ => {
                eprintln!("usage: simulate [--runs N] [--seed S] [--logs] [--loud]");
                return ExitCode::FAILURE;
            }
        }
    }
    if loud {
        println!("{:#?}", seeded::Scenario::new(first, logs));
    }
    let began = Instant::now();
    let mut failing = Vec::new();
    let mut lives = 0;
    let mut met: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for seed in first..first.saturating_add(runs) {
        let outcome = seeded::play(seeded::Scenario::new(seed, logs), loud);
        lives += u64::from(outcome.lives);
        for pair in &outcome.met {
            *met.entry(*pair).or_default() += 1;
        }
        if !outcome.is_clean() {
            if failing.len() < SHOWN_MAX {
                println!("seed {seed}: {}", outcome.told());
            }
            failing.push(seed);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{runs} runs, {lives} lives, {:.0} runs a second", runs as f64 / seconds);
    println!("troubles met by deeds, in so many runs:");
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((trouble, deed), count) in &met {
        rows.entry(trouble).or_default().push(format!("{deed} {count}"));
    }
    for (trouble, deeds) in rows {
        println!("  {trouble:>9}: {}", deeds.join(", "));
    }
    if failing.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("failing seeds ({}): {failing:?}", failing.len());
    ExitCode::FAILURE
}
