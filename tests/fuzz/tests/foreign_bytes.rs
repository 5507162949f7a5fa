//! Every kept input and a fixed number of mutants of each, in every run of the
//! tests. What fails is left in `target/fuzz/TARGET-finding`: it belongs into the
//! target's corpus, and stays there.

use std::{
    env, fs, panic,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lockstep_fuzz::{
    ALL, Target,
    mutate::{Dice, mutant},
};

/// No input of a few thousand bytes may take longer, in a debug build on a busy machine.
const INPUT_MAX: Duration = Duration::from_secs(5);
/// A target that is slow on this machine tries fewer mutants, not for longer.
const TARGET_MAX: Duration = Duration::from_secs(4);

fn finding(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-finding", target.name))
}

fn try_one(target: &Target, name: &str, bytes: &[u8]) {
    let started = Instant::now();
    let outcome = panic::catch_unwind(|| (target.run)(bytes));
    let took = started.elapsed();
    if outcome.is_err() || took > INPUT_MAX {
        fs::write(finding(target), bytes).expect("the finding is kept");
        panic!("{} on {name} took {took:?}, {outcome:?}; kept in {}", target.name, finding(target).display());
    }
}

/// `FUZZ_TRIES` and `FUZZ_SEED` try more and others than every run does.
fn number(name: &str) -> Option<u64> {
    env::var(name).ok().and_then(|text| text.parse().ok())
}

fn hunt(target: &Target) -> u64 {
    let seeds = target.seeds().expect("a corpus");
    assert!(seeds.len() >= 2, "{} has no corpus to start from", target.name);
    for (name, bytes) in &seeds {
        try_one(target, name, bytes);
    }
    let asked = number("FUZZ_TRIES");
    let started = Instant::now();
    let mut dice = Dice::new(number("FUZZ_SEED").unwrap_or(1));
    let mut tried = 0;
    while tried < asked.unwrap_or(u64::from(target.tries)) {
        if asked.is_none() && started.elapsed() > TARGET_MAX {
            break;
        }
        tried += 1;
        try_one(target, &format!("mutant {tried}"), &mutant(&mut dice, &seeds, target.words));
    }
    println!("{:<28} {} seeds, {tried} mutants, {:?}", target.name, seeds.len(), started.elapsed());
    tried
}

#[test]
fn no_mutant_of_a_kept_input_panics_or_hangs() {
    let only = env::var("FUZZ_TARGET").ok();
    let mut hunted = 0;
    for target in ALL.iter().filter(|target| only.as_deref().is_none_or(|only| only == target.name)) {
        assert!(hunt(target) > 0, "{} tried nothing", target.name);
        hunted += 1;
    }
    assert!(hunted > 0, "no such target; there are: {:?}", ALL.iter().map(|target| target.name).collect::<Vec<_>>());
}

#[test]
fn a_target_that_panics_is_found() {
    fn falls(bytes: &[u8]) {
        assert!(!bytes.windows(2).any(|pair| pair == b"\\9"), "fell");
    }
    let target = Target { name: "postgres-wire", run: falls, words: &["\\9"], tries: 2_000 };
    let found = panic::catch_unwind(|| hunt(&target)).is_err();
    assert!(found && finding(&target).exists(), "a planted panic stayed unseen");
    fs::remove_file(finding(&target)).expect("kept");
}
