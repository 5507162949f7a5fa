//! Processor time of whole process trees, from `/proc` (Linux).

use std::{collections::BTreeMap, fs, time::Duration};

/// Linux reports processor time to programs in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

struct Process {
    parent: u32,
    own: u64,
    reaped: u64,
}

/// Time used so far by these processes and everything below them, without the
/// processes in `except`.
pub fn used(roots: &[u32], except: &[u32]) -> Duration {
    let all = processes();
    let mut ticks = 0;
    for (pid, process) in &all {
        if !except.contains(pid) && descends(&all, *pid, roots) {
            ticks += process.own + process.reaped;
        }
    }
    TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

/// Highest memory a process ever occupied, in bytes.
pub fn memory_peak_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn processes() -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| Some((pid, read(pid)?)))
        .collect()
}

fn read(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything; the fields after it do not.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Process {
        parent: u32::try_from(number(1)?).ok()?,
        own: number(11)? + number(12)?,
        reaped: number(13)? + number(14)?,
    })
}

fn descends(all: &BTreeMap<u32, Process>, pid: u32, roots: &[u32]) -> bool {
    let mut at = pid;
    for _ in 0..all.len() {
        if roots.contains(&at) {
            return true;
        }
        match all.get(&at) {
            Some(process) if process.parent != 0 => at = process.parent,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_and_can_be_left_out() {
        let own = std::process::id();
        let all = processes();
        assert!(descends(&all, own, &[own]));
        assert!(memory_peak_bytes(own).unwrap() > 0);
        assert_eq!(used(&[own], &[own]), Duration::ZERO);
    }
}
