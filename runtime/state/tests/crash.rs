//! A process killed while it commits loses nothing it was told was committed,
//! and its cursors never stand beyond their effects.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
};

use lockstep_core::{change::Cursor, key::Key, record::RecordId};
use lockstep_state::{Options, Store};
use support::{LEFT, absorbed, added, claim, key};

const STATE: &str = "LOCKSTEP_TEST_STATE";
const SYNCS: [&str; 3] = ["one", "two", "three"];

/// The child: commits in three syncs until it is killed, telling every commit it
/// was told of.
#[test]
#[ignore = "started by the test below"]
fn commits_until_killed() {
    let Some(path) = std::env::var_os(STATE).map(PathBuf::from) else {
        return;
    };
    let options = Options {
        // Many checkpoints in a short life.
        log_pages: 50,
        ..Options::default()
    };
    let store = Store::open(&path, &options).unwrap();
    let claims = SYNCS.map(|name| claim(&store, name, 1));
    let (tell, told) = mpsc::channel();
    let mut seqs = claims.clone().map(|claim| claim.state.commit_seq);
    let mut out = std::io::stdout();
    for round in 0.. {
        for (at, claim) in claims.iter().enumerate() {
            let n = seqs[at] + 1;
            let mut commit = claim.commit(seqs[at]);
            commit.delta = added(n, &"x".repeat(200));
            commit.delta.journal = vec![absorbed(n, n, "x")];
            commit.delta.cursors = vec![(LEFT, Cursor(n.to_be_bytes()[..].into()))];
            let tell = tell.clone();
            store.commit(commit, Box::new(move |made| tell.send((at, made.unwrap().commit_seq)).unwrap()));
            seqs[at] = n;
        }
        // Stay a few rounds ahead, so that groups hold several commits.
        if round > 3 {
            for _ in 0..SYNCS.len() {
                let (at, seq) = told.recv().unwrap();
                writeln!(out, "committed {} {seq}", SYNCS[at]).unwrap();
            }
            out.flush().unwrap();
        }
    }
}

/// Runs the child until it told `commits` commits; the last it told, by sync.
fn run_and_kill(path: &Path, commits: usize) -> [u64; 3] {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "commits_until_killed", "--nocapture"])
        .env(STATE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = [0; 3];
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = 0;
    for line in lines {
        let line = line.unwrap();
        let Some((_, what)) = line.split_once("committed ") else {
            continue;
        };
        let (name, seq) = what.split_once(' ').unwrap();
        let at = SYNCS.iter().position(|sync| *sync == name).unwrap();
        told[at] = seq.parse().unwrap();
        seen += 1;
        if seen == commits {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= commits, "the child ended by itself");
    told
}

/// How many commits each sync has, all of them whole.
fn check(path: &Path, told: [u64; 3]) -> Vec<u64> {
    let store = Store::open(path, &Options::default()).unwrap();
    let mut seqs = Vec::new();
    for (name, told) in SYNCS.iter().zip(told) {
        let state = store.claim(name, 2).unwrap().state;
        let seq = state.commit_seq;
        assert!(seq >= told, "{name}: told of {told}, found {seq}");
        seqs.push(seq);
        if seq == 0 {
            // Killed before this one's first.
            continue;
        }
        let cursor = state.sides[0].cursor.clone().unwrap();
        assert_eq!(cursor, Cursor(seq.to_be_bytes()[..].into()), "{name}");
        let ids: Vec<RecordId> = (1..=seq + 1).map(RecordId).collect();
        let records = store.records(state.sync, &ids).unwrap();
        assert_eq!(records.len() as u64, seq, "{name}");
        assert_eq!(store.counts(state.sync).unwrap().records, seq, "{name}");
        let keys: Vec<(_, Key)> = (1..=seq).map(|n| (LEFT, key(n))).collect();
        let found = store.gather(state.sync, &keys, &[]).unwrap();
        assert!(found.keys.iter().all(Option::is_some), "{name}");
        for n in [1, seq] {
            let entries = store.entries_of(state.sync, RecordId(n), 10).unwrap();
            assert_eq!(entries.len(), 1, "{name}");
        }
    }
    seqs
}

#[test]
fn a_killed_process_loses_no_commit_it_was_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    for commits in [1, 50, 333] {
        let told = run_and_kill(&path, commits);
        check(&path, told);
    }
}

/// A copy of the state and its log as a power cut left them: the log ends at
/// `length`, or has a byte there that is not what was written.
fn cut_off(path: &Path, to: &Path, length: usize, torn: bool) {
    let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    fs::copy(path, to).unwrap();
    let mut bytes = fs::read(log(path)).unwrap();
    match torn {
        true => bytes[length] ^= 0x55,
        false => bytes.truncate(length),
    }
    fs::write(log(to), bytes).unwrap();
}

#[test]
fn a_log_that_lost_its_tail_or_was_torn_leaves_whole_commits_only() {
    const COMMITS: u64 = 20;
    const CUTS: usize = 20;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let store = Store::open(&path, &Options::default()).unwrap();
    let claims = SYNCS.map(|name| claim(&store, name, 1));
    for n in 0..COMMITS {
        for claim in &claims {
            let mut commit = claim.commit(claim.state.commit_seq + n);
            let seq = claim.state.commit_seq + n + 1;
            commit.delta = added(seq, &"x".repeat(200));
            commit.delta.journal = vec![absorbed(seq, seq, "x")];
            commit.delta.cursors = vec![(LEFT, Cursor(seq.to_be_bytes()[..].into()))];
            store.commit_blocking(commit).unwrap();
        }
    }
    let length = fs::metadata(dir.path().join("state.db-wal")).unwrap().len() as usize;
    let mut left = Vec::new();
    for cut in 1..CUTS {
        for torn in [false, true] {
            let to = dir.path().join(format!("cut{cut}{torn}.db"));
            cut_off(&path, &to, length * cut / CUTS, torn);
            left.push(check(&to, [0; 3])[0]);
        }
    }
    left.dedup();
    assert!(left.len() > 5 && left.is_sorted(), "cut later, more is left: {left:?}");
}
