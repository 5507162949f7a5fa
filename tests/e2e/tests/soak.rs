//! A long time of mixed load on Salesforce, HubSpot and PostgreSQL in one sync, with
//! every trouble by turns: nothing is lost, and nothing grows that should not.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::ring::{Crowd, CrowdShape, Dice, Ring, RingShape, Trouble};

/// Between two looks at the runtime's process.
const LOOK: Duration = Duration::from_secs(5);
/// Between two troubles.
const TROUBLE_EVERY: Duration = Duration::from_secs(20);
/// What may come on top between the second quarter and the last.
const MEMORY_GROWS_MAX: u64 = 24 << 20;
const HANDLES_GROW_MAX: u64 = 8;
const SLOT_LAG_MAX: u64 = 64 << 20;
const LOG_GROWS_MAX: u64 = 32 << 20;
/// How much more state an edit may cost in the last quarter than in the second.
const STATE_PER_EDIT_MAX: f64 = 1.5;

/// One look at the process and at what it keeps.
#[derive(Clone, Copy, Debug)]
struct Look {
    second: u64,
    deeds: u64,
    memory: u64,
    handles: u64,
    threads: u64,
    /// Bytes of the state's file, and of those beside it: its log.
    state: u64,
    log: u64,
    slot_lag: u64,
}

fn look(ring: &Ring, begun: Instant, deeds: u64) -> Result<Look> {
    let pid = ring.runtime.pid().context("the runtime is not running")?;
    let process = PathBuf::from(format!("/proc/{pid}"));
    let status = std::fs::read_to_string(process.join("status")).context("reading the process's status")?;
    let number = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        let first = line.trim_start_matches(':').split_whitespace().next().context("a number")?;
        Ok(first.parse()?)
    };
    let slot = "SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)), 0)::bigint
                FROM pg_replication_slots";
    Ok(Look {
        second: begun.elapsed().as_secs(),
        deeds,
        memory: number("VmRSS")? * 1024,
        handles: std::fs::read_dir(process.join("fd"))?.count() as u64,
        threads: number("Threads")?,
        state: ring.runtime.state_path().metadata()?.len(),
        log: ring
            .runtime
            .state_files()
            .iter()
            .skip(1)
            .filter_map(|file| file.metadata().ok())
            .map(|meta| meta.len())
            .sum(),
        slot_lag: ring.sql(slot)?.trim().parse::<i64>()?.max(0).unsigned_abs(),
    })
}

fn median(looks: &[Look], of: impl Fn(&Look) -> u64) -> u64 {
    let mut all: Vec<u64> = looks.iter().map(of).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// State bytes that an edit cost in this time.
fn state_per_deed(looks: &[Look]) -> f64 {
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else { return 0.0 };
    last.state.saturating_sub(first.state) as f64 / last.deeds.saturating_sub(first.deeds).max(1) as f64
}

/// What is not flat, in words; and the table of it.
fn judged(looks: &[Look]) -> (Vec<String>, String) {
    let quarter = looks.len() / 4;
    let (early, late) = (&looks[quarter..2 * quarter], &looks[3 * quarter..]);
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let mut faults = Vec::new();
    let mut table = "| | second quarter | last quarter | most |\n|---|---|---|---|\n".to_owned();
    let mut row = |name: &str, of: &dyn Fn(&Look) -> u64, show: &dyn Fn(u64) -> String, grows_max: u64| {
        let (before, after) = (median(early, of), median(late, of));
        let most = looks.iter().map(of).max().unwrap_or_default();
        let _ = writeln!(table, "| {name} | {} | {} | {} |", show(before), show(after), show(most));
        if after > before.saturating_add(grows_max) {
            faults.push(format!("{name} grew from {} to {}", show(before), show(after)));
        }
    };
    row("resident memory", &|look| look.memory, &mib, MEMORY_GROWS_MAX);
    row("file handles", &|look| look.handles, &|count| count.to_string(), HANDLES_GROW_MAX);
    row("threads", &|look| look.threads, &|count| count.to_string(), HANDLES_GROW_MAX);
    row("replication slot behind by", &|look| look.slot_lag, &mib, SLOT_LAG_MAX);
    row("the state's log", &|look| look.log, &mib, LOG_GROWS_MAX);
    let (before, after) = (state_per_deed(early), state_per_deed(late));
    let size = mib(looks.last().map_or(0, |look| look.state));
    let _ =
        writeln!(table, "| state per edit (its journal kept) | {before:.0} bytes | {after:.0} bytes | {size} in all |");
    if after > before * STATE_PER_EDIT_MAX + 64.0 {
        faults.push(format!("an edit cost {before:.0} bytes of state, and later {after:.0}"));
    }
    (faults, table)
}

fn written(folder: &Path, looks: &[Look], report: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut lines = "second,edits,memory,handles,threads,state,log,slot_lag\n".to_owned();
    for Look { second, deeds, memory, handles, threads, state, log, slot_lag } in looks {
        let _ = writeln!(lines, "{second},{deeds},{memory},{handles},{threads},{state},{log},{slot_lag}");
    }
    std::fs::write(folder.join("samples.csv"), lines)?;
    std::fs::write(folder.join("report.md"), report).context("writing the report")
}

/// `SOAK_MINUTES` says for how long, `SOAK_REPORT` in which folder the report goes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes an hour: cargo xtask soak"]
async fn nothing_is_lost_and_nothing_grows() -> Result<()> {
    let minutes: f64 = std::env::var("SOAK_MINUTES").unwrap_or_else(|_| "60".to_owned()).parse()?;
    let folder = std::env::var_os("SOAK_REPORT").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let mut ring = Ring::in_step(&RingShape { people: 200, ..RingShape::default() }).await?;
    let shape =
        CrowdShape { records: 200, pause: Duration::from_millis(40), inserts: 20, seed: 7, ..CrowdShape::default() };
    let mut crowd = Crowd::new(&ring, shape, "soak").await?;
    let (begun, mut dice) = (Instant::now(), Dice(7));
    let until = begun + Duration::from_secs_f64(minutes * 60.0);
    let mut looks = vec![look(&ring, begun, 0)?];
    let mut troubles = Trouble::ALL.into_iter().cycle();
    let (mut struck, mut next_trouble) = (0_u32, begun + TROUBLE_EVERY);
    while Instant::now() < until {
        if Instant::now() >= next_trouble {
            let trouble = troubles.next().context("troubles")?;
            trouble.strike(&ring, &mut dice)?;
            struck += 1;
            next_trouble += TROUBLE_EVERY;
        }
        crowd.act(&ring, LOOK).await?;
        let running = ring.runtime.is_running()?;
        ensure!(running, "the runtime ended: {}", ring.runtime.log_tail());
        looks.push(look(&ring, begun, crowd.deeds())?);
    }
    ensure!(looks.len() >= 8, "too short to say anything: {} looks", looks.len());
    let (faults, table) = judged(&looks);
    written(&folder, &looks, &table)?;
    let verdict = ring.expect_nothing_lost().await?;
    let seconds = begun.elapsed().as_secs().max(1);
    let report = format!(
        "# Soak\n\n{minutes} minutes, {} deeds tried at three systems ({:.0} a second), {struck} troubles of {} kinds, one process \
         throughout.\n\n{verdict}\n\n{table}\n{}\n",
        crowd.deeds(),
        crowd.deeds() as f64 / seconds as f64,
        Trouble::ALL.len().min(struck as usize),
        if faults.is_empty() { "Nothing grows.".to_owned() } else { faults.join("\n") },
    );
    written(&folder, &looks, &report)?;
    println!("{report}");
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}
