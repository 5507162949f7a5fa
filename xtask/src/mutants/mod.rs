//! `cargo xtask mutants`: bugs planted on purpose, one at a time, into a copy of
//! the core, the state and the engine. Each has to be found by the tests or the
//! simulation; what is known of those that survive stands in docs/proof.md.
//!
//! All bugs are compiled in at once, each behind a number that the environment
//! names, so that a hundred of them cost one build.

mod core;
mod engine;
mod plant;
mod state;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::root;

/// Names the bug that is in force.
const NUMBER: &str = "LOCKSTEP_MUTANT";
/// A test program that takes longer has found something that never ends.
const TEST_MAX: Duration = Duration::from_secs(240);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Seeds every survivor of the tests is run with: of every kind, of logs, harsh, with rivals.
const SEEDS: [(&str, &[&str]); 4] =
    [("300", &[]), ("200", &["--logs"]), ("120", &["--harsh", "--seed", "60"]), ("300", &["--rivals"])];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this bug
    #[arg(long, conflicts_with = "from")]
    only: Option<usize>,
    /// Go on from this bug
    #[arg(long, default_value_t = 1)]
    from: usize,
    /// Say what would be planted, build nothing
    #[arg(long)]
    list: bool,
}

/// One bug: behind `after`, the expression `find` is replaced by `plant`.
pub struct Mutant {
    file: &'static str,
    after: &'static str,
    find: &'static str,
    plant: &'static str,
}

pub const fn bug(file: &'static str, after: &'static str, find: &'static str, plant: &'static str) -> Mutant {
    Mutant { file, after, find, plant }
}

fn all() -> Vec<&'static Mutant> {
    core::BUGS.iter().chain(engine::BUGS).chain(state::BUGS).collect()
}

pub fn run(args: &Args) -> Result<()> {
    let mutants = all();
    let folder = root().join("target/mutants");
    let tree = folder.join("tree");
    plant::copy(&root(), &tree)?;
    plant::plant(&tree, &mutants)?;
    if args.list {
        mutants.iter().enumerate().for_each(|(at, mutant)| println!("{}", named(at, mutant)));
        return Ok(());
    }
    let programs = build(&tree, &folder.join("build"))?;
    let sound = judge(&programs, 0)?;
    ensure!(sound.is_none(), "without any bug, {} fails", sound.unwrap_or_default());
    let (mut found, mut survivors) = (0, Vec::new());
    for (at, mutant) in mutants.iter().enumerate() {
        if args.only.is_some_and(|only| only != at + 1) || at + 1 < args.from {
            continue;
        }
        let began = Instant::now();
        let by = judge(&programs, at + 1)?;
        let seconds = began.elapsed().as_secs();
        match &by {
            Some(by) => println!("found    {} by {by} ({seconds} s)", named(at, mutant)),
            None => println!("SURVIVES {} ({seconds} s)", named(at, mutant)),
        }
        found += usize::from(by.is_some());
        if by.is_none() {
            survivors.push((at, *mutant));
        }
    }
    println!("{found} found, {} survive", survivors.len());
    for (at, mutant) in &survivors {
        println!("  {}", named(*at, mutant));
    }
    ensure!(survivors.is_empty(), "{} survive; docs/proof.md says what is known of survivors", survivors.len());
    Ok(())
}

fn named(at: usize, mutant: &Mutant) -> String {
    let find = mutant.find.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{:>3} {}: `{find}` -> `{}`", at + 1, mutant.file, mutant.plant)
}

struct Programs {
    tests: Vec<PathBuf>,
    simulate: PathBuf,
    folder: PathBuf,
}

/// Builds the planted copy once, with optimisations: it is run a hundred times.
fn build(tree: &Path, target: &Path) -> Result<Programs> {
    let packages = ["lockstep-core", "lockstep-state", "lockstep-engine", "lockstep-simulation"];
    let mut tests = Vec::new();
    for package in packages {
        let output = Command::new("cargo")
            .args([
                "test",
                "--no-run",
                "--release",
                "--message-format",
                "json-render-diagnostics",
                "--package",
                package,
            ])
            .env("CARGO_TARGET_DIR", target)
            .env("RUSTFLAGS", "-Awarnings")
            .current_dir(tree)
            .stderr(Stdio::inherit())
            .output()
            .context("starting cargo")?;
        ensure!(output.status.success(), "the planted copy of {package} does not build");
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let message: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            let is_test = message["profile"]["test"].as_bool() == Some(true);
            if let (true, Some(path)) = (is_test, message["executable"].as_str()) {
                tests.push(PathBuf::from(path));
            }
        }
    }
    ensure!(!tests.is_empty(), "no test program was built");
    let status = Command::new("cargo")
        .args(["build", "--release", "--package", "lockstep-simulation", "--bin", "simulate"])
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTFLAGS", "-Awarnings")
        .current_dir(tree)
        .status()
        .context("starting cargo")?;
    ensure!(status.success(), "the planted simulation does not build");
    Ok(Programs { tests, simulate: target.join("release/simulate"), folder: tree.to_owned() })
}

/// What finds the bug, if anything does.
fn judge(programs: &Programs, number: usize) -> Result<Option<String>> {
    for test in &programs.tests {
        let name = test.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = name.rsplit_once('-').map_or(name.clone(), |(name, _)| name.to_owned());
        match end(Command::new(test).arg("--quiet").current_dir(&programs.folder), number)? {
            End::Passed => {}
            End::Failed => return Ok(Some(format!("the tests of {name}"))),
            End::Never => return Ok(Some(format!("the tests of {name}, which do not end"))),
        }
    }
    for (runs, flags) in SEEDS {
        let mut command = Command::new(&programs.simulate);
        command.args(["--runs", runs]).args(flags);
        let simulate = format!("simulate {}", flags.join(" "));
        match end(&mut command, number)? {
            End::Passed => {}
            End::Failed => return Ok(Some(simulate.trim_end().to_owned())),
            End::Never => return Ok(Some(format!("{}, which does not end", simulate.trim_end()))),
        }
    }
    Ok(None)
}

enum End {
    Passed,
    Failed,
    Never,
}

fn end(command: &mut Command, number: usize) -> Result<End> {
    let mut child = command
        .env(NUMBER, number.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("starting a planted program")?;
    let until = Instant::now() + TEST_MAX;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if status.success() { End::Passed } else { End::Failed });
        }
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            return Ok(End::Never);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Reads a file of the copy.
fn read(tree: &Path, file: &str) -> Result<String> {
    fs::read_to_string(tree.join(file)).with_context(|| format!("reading {file}"))
}
