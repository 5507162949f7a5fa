//! `cargo xtask test`: what has to hold before a change is taken. One step
//! after the other (two cores are enough), all of them even when one fails,
//! and a summary at the end.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{guests, root, starter::typescript};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the steps whose name contains this
    #[arg(value_name = "STEP")]
    only: Option<String>,
}

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Step {
    name: &'static str,
    run: fn() -> Outcome,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: format },
    Step { name: "guests", run: build_guests },
    Step { name: "lints", run: lints },
    Step { name: "tests", run: tests },
    Step { name: "plugins", run: plugins },
    Step { name: "python", run: python },
    Step { name: "starter", run: starter },
    Step { name: "starter-ts", run: starter_in_typescript },
    Step { name: "starter-python", run: starter_in_python },
    Step { name: "starter-c", run: starter_in_c },
    Step { name: "dependencies", run: dependencies },
];

pub fn run(args: &Args) -> Result<()> {
    let chosen: Vec<&Step> =
        STEPS.iter().filter(|step| args.only.as_deref().is_none_or(|only| step.name.contains(only))).collect();
    if chosen.is_empty() {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        bail!("no such step; there are: {}", names.join(", "));
    }
    let mut summary = Vec::new();
    let mut failed = 0;
    for step in chosen {
        eprintln!("\n== {}", step.name);
        let started = Instant::now();
        let outcome = (step.run)();
        failed += usize::from(matches!(outcome, Outcome::Failed(_)));
        summary.push(line(step.name, &outcome, started.elapsed()));
    }
    eprintln!("\n== summary");
    for line in &summary {
        eprintln!("{line}");
    }
    if failed > 0 {
        bail!("{failed} of {} steps failed", summary.len());
    }
    Ok(())
}

fn line(name: &str, outcome: &Outcome, took: Duration) -> String {
    let seconds = took.as_secs();
    match outcome {
        Outcome::Passed => format!("  ok       {name:<14} {seconds:>5} s"),
        Outcome::Failed(why) => format!("  FAILED   {name:<14} {seconds:>5} s  {why}"),
        Outcome::Skipped(why) => format!("  skipped  {name:<14}          {why}"),
    }
}

fn format() -> Outcome {
    let arguments = ["fmt", "--all", "--check"];
    in_guest_workspaces(command(&root(), "cargo", &arguments), &arguments)
}

fn build_guests() -> Outcome {
    command(&root(), "cargo", &["xtask", "guests"])
}

fn lints() -> Outcome {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    in_guest_workspaces(command(&root(), "cargo", &arguments), &arguments)
}

fn tests() -> Outcome {
    command(&root(), "cargo", &["test", "--workspace", "--no-fail-fast"])
}

/// The connectors natively: their pure modules, and their sessions against real
/// servers and simulated vendors.
fn plugins() -> Outcome {
    match in_guest_workspaces(Outcome::Passed, &["test", "--workspace", "--no-fail-fast"]) {
        // Those in TypeScript were made ready by the step `guests`.
        Outcome::Passed if typescript::missing().is_none() => command(&root().join("plugins/rest"), "npm", &["test"]),
        other => other,
    }
}

/// Connectors in Python and their SDK, outside the sandbox.
fn python() -> Outcome {
    match guests::python::missing() {
        Some(how) => Outcome::Skipped(how),
        None => match guests::python::test_all(&root()) {
            Ok(()) => Outcome::Passed,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        },
    }
}

/// The same in every workspace of connectors, as long as nothing failed.
fn in_guest_workspaces(so_far: Outcome, arguments: &[&str]) -> Outcome {
    guest_workspaces().into_iter().fold(so_far, |outcome, workspace| match outcome {
        Outcome::Passed => command(&root().join(workspace), "cargo", arguments),
        other => other,
    })
}

fn starter() -> Outcome {
    command(&root(), "cargo", &["xtask", "starter"])
}

fn starter_in_typescript() -> Outcome {
    match typescript::missing() {
        Some(how) => Outcome::Skipped(how),
        None => command(&root(), "cargo", &["xtask", "starter", "--lang", "ts"]),
    }
}

fn starter_in_python() -> Outcome {
    starter_by_way_of_python("python")
}

fn starter_in_c() -> Outcome {
    starter_by_way_of_python("c")
}

fn starter_by_way_of_python(language: &str) -> Outcome {
    match guests::python::missing() {
        Some(how) => Outcome::Skipped(how),
        None => command(&root(), "cargo", &["xtask", "starter", "--lang", language]),
    }
}

fn dependencies() -> Outcome {
    let installed = Command::new("cargo")
        .args(["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !installed {
        return Outcome::Skipped("cargo-deny is not installed: cargo install cargo-deny".into());
    }
    command(&root(), "cargo", &["deny", "check"])
}

/// Folders with a Cargo workspace of connectors.
fn guest_workspaces() -> Vec<&'static str> {
    ["plugins", "sdk"]
        .into_iter()
        .filter(|folder| {
            fs::read_to_string(root().join(folder).join("Cargo.toml"))
                .is_ok_and(|manifest| manifest.contains("[workspace]"))
        })
        .collect()
}

fn command(folder: &Path, program: &str, arguments: &[&str]) -> Outcome {
    let shown = format!("{program} {}", arguments.join(" "));
    eprintln!("$ {shown}");
    match Command::new(program).args(arguments).current_dir(folder).status() {
        Ok(status) if status.success() => Outcome::Passed,
        Ok(status) => Outcome::Failed(format!("`{shown}` ended with {status}")),
        Err(error) => Outcome::Failed(format!("`{shown}` could not start: {error}")),
    }
}
