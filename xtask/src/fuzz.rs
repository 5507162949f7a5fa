//! `cargo xtask fuzz`: libFuzzer around the targets of `tests/fuzz`, for as long as asked.
//! The compiler's own coverage instrumentation is used, so that no nightly is needed.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::root;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this target; without it each in turn
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Only try this input once, such as a finding
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<String>,
    /// Say which targets there are
    #[arg(long)]
    list: bool,
}

/// What links the sandbox, which takes long to build with instrumentation.
const OF_COMPONENTS: &[&str] = &["component", "permissions", "recording", "registry-answers", "registry-references"];
/// An input that takes longer is a finding; the first of telephone numbers takes some seconds.
const INPUT_SECONDS_MAX: u64 = 60;
/// As is one that takes more memory.
const MEMORY_MB_MAX: u64 = 1_024;
const INPUT_BYTES_MAX: u64 = 4_096;

const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks \
    --cfg fuzzing";

pub fn run(args: &Args) -> Result<()> {
    let names = targets()?;
    if args.list {
        println!("{}", names.join("\n"));
        return Ok(());
    }
    let chosen: Vec<&String> =
        names.iter().filter(|name| args.target.as_ref().is_none_or(|only| only == *name)).collect();
    ensure!(!chosen.is_empty(), "no such target; there are: {}", names.join(", "));
    let mut found = Vec::new();
    for name in chosen {
        let program = build(OF_COMPONENTS.contains(&name.as_str()))?;
        if !hunt(name, &program, args)? {
            found.push(name.as_str());
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!("findings in {}: see target/fuzz/findings; `--input FILE` tries one again", found.join(", "))
}

/// Every target has a folder of kept inputs; the tests hold that.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("tests/fuzz/corpus")).context("reading the corpora")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn triple() -> Result<String> {
    let output = Command::new("rustc").args(["--version", "--verbose"]).output().context("starting rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc names no host")
}

/// With a triple, so that build scripts are not instrumented.
fn build(components: bool) -> Result<std::path::PathBuf> {
    let triple = triple()?;
    let folder = root().join("target/fuzz").join(if components { "components" } else { "plain" });
    let features: &[&str] =
        if components { &["--features", "guided"] } else { &["--no-default-features", "--features", "guided"] };
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--package", "lockstep-fuzz", "--bin", "guided", "--target", &triple])
        .args(features)
        .env("RUSTFLAGS", INSTRUMENTED)
        .env("CARGO_TARGET_DIR", &folder)
        .current_dir(root())
        .status()
        .context("starting cargo")?;
    ensure!(status.success(), "the targets do not build");
    Ok(folder.join(triple).join("release/guided"))
}

/// Whether it came to its end without a finding.
fn hunt(name: &str, program: &Path, args: &Args) -> Result<bool> {
    let (findings, grown) =
        (root().join("target/fuzz/findings").join(name), root().join("target/fuzz/corpus").join(name));
    fs::create_dir_all(&findings)?;
    fs::create_dir_all(&grown)?;
    let mut command = Command::new(program);
    command.env("FUZZ_TARGET", name).stdin(Stdio::null());
    command.arg(format!("-artifact_prefix={}/", findings.display()));
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}")).arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"));
    match &args.input {
        Some(input) => {
            command.arg(input);
        }
        None => {
            command.arg(format!("-max_total_time={}", args.minutes * 60)).arg(format!("-max_len={INPUT_BYTES_MAX}"));
            command.args(["-print_final_stats=1", "-verbosity=0"]);
            // New inputs go to the first folder; the kept ones are only read.
            command.arg(&grown).arg(root().join("tests/fuzz/corpus").join(name));
        }
    }
    eprintln!("== {name}");
    Ok(command.status().with_context(|| format!("starting {}", program.display()))?.success())
}
