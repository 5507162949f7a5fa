//! Measures the state file alone: what a first copy and live batches cost per
//! record, and how many bytes a record takes.
//!
//! `cargo run --release -p lockstep-state --example commit_rate -- [DIR] [RECORDS] [BATCHES]`
//!
//! PAGE_BYTES, MMAP_MIB, CACHE_MIB and LOG_PAGES try other settings.
//!
//! Each record has 12 fields of about 230 bytes and is linked at two sides. A
//! live batch touches 1000 records at random: it gathers them, commits the plan
//! (records, journal, marks, cursor) and then the outcome (records, journal,
//! marks gone).
#![allow(clippy::unwrap_used)]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use lockstep_core::{
    change::{Cursor, Version},
    delta::{Delta, IndexChange, Mark},
    journal::{Entry, FieldChange, What, Wrote},
    key::{Key, MatchKey},
    record::{FieldId, FieldState, Life, Link, Presence, Provenance, Record, RecordId, SideId},
    value::{Timestamp, Value},
    write::Action,
};
use lockstep_state::{Claim, Options, Store};

const LEFT: SideId = SideId(0);
const RIGHT: SideId = SideId(1);
const BATCH: u64 = 1000;
const NOW: i64 = 1_790_000_000_000_000;

/// SplitMix64 (Steele, Lea, Flood 2014).
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn key(n: u64) -> Key {
    let id = u128::from(mix(n)) << 64 | u128::from(mix(!n));
    Key::new(vec![Value::Uuid(id)])
}

fn cells(n: u64, edit: u64) -> Vec<Value> {
    let r = mix(n);
    vec![
        Value::text(format!("person{n}.{:x}@example.com", r & 0xFFFF)),
        Value::text(format!("First{}", r % 5000)),
        Value::text(format!("Lastname{}", r % 90_000)),
        Value::text(format!("+49 30 {:08}", r % 100_000_000)),
        Value::text(format!("Company {} GmbH", r % 20_000)),
        Value::Decimal(Arc::from(format!("{}.{:02}", r % 100_000, edit % 100))),
        Value::Timestamp(Timestamp(NOW + edit as i64)),
        Value::text(format!("Some notes on this person that run on for a while {edit}")),
        Value::text(format!("Street {} {}", r % 900, r % 70)),
        Value::text(format!("City{}", r % 3000)),
        Value::text(format!("{:05}", r % 99_999)),
        Value::text("DE"),
    ]
}

fn version(n: u64) -> Version {
    let mut order = vec![0, 0, 0, 1];
    order.extend(n.to_be_bytes());
    order.extend([0, 0, 0, 1]);
    Version { generation: 1, order: order.into() }
}

fn record(n: u64) -> Record {
    let cells = cells(n, 0);
    let link = |side, key| Link {
        side,
        key: Some(key),
        presence: Presence::Live,
        version: version(n),
        observed: cells.iter().cloned().map(Some).collect(),
        written: Vec::new(),
        quarantined: false,
    };
    Record {
        id: RecordId(n),
        life: Life::Live,
        fields: cells
            .iter()
            .map(|value| {
                Some(FieldState {
                    value: value.clone(),
                    provenance: Provenance { side: Some(LEFT), at: Timestamp(NOW), entry: 0 },
                    hold: None,
                    bounces: Default::default(),
                    trail: Vec::new(),
                })
            })
            .collect(),
        links: vec![link(LEFT, key(n)), link(RIGHT, key(n))],
    }
}

fn added(first: u64, last: u64) -> Delta {
    let mut delta = Delta::default();
    for n in first..=last {
        delta.records.push(record(n).into());
        for side in [LEFT, RIGHT] {
            delta.index.push(IndexChange::AddKey { side, key: key(n), record: RecordId(n) });
        }
        delta.index.push(IndexChange::AddMatch {
            key: MatchKey(Arc::from(format!("person{n}.{:x}@example.com", mix(n) & 0xFFFF))),
            record: RecordId(n),
        });
    }
    delta
}

/// One edit of two fields at the left side, planned to be written at the right.
fn planned(records: &mut [Record], edit: u64, seq: &mut u64) -> Delta {
    let mut delta = Delta { cursors: vec![(LEFT, Cursor(edit.to_be_bytes()[..].into()))], ..Delta::default() };
    for record in records {
        let fresh = cells(record.id.0, edit);
        let mut changes = Vec::new();
        for field in [5usize, 7] {
            let after = fresh[field].clone();
            let state = record.fields[field].as_mut().unwrap();
            let before = std::mem::replace(&mut state.value, after.clone());
            state.provenance.entry = *seq;
            state.provenance.at = Timestamp(NOW + edit as i64);
            record.links[0].observed[field] = Some(after.clone());
            changes.push(FieldChange { field: FieldId(field as u16), before: Some(before), after });
        }
        record.links[0].version = version(edit);
        delta.journal.push(entry(seq, record.id, LEFT, What::Absorbed { edited_at: Timestamp(NOW), changes }));
        delta.marks.push(mark(record.id, Some(Action::Update)));
        delta.records.push(record.clone().into());
    }
    delta
}

fn settled(records: &mut [Record], edit: u64, seq: &mut u64) -> Delta {
    let mut delta = Delta::default();
    for record in records {
        let changes = [5usize, 7]
            .into_iter()
            .map(|field| {
                let after = record.fields[field].as_ref().unwrap().value.clone();
                let before = record.links[1].observed[field].replace(after.clone());
                Wrote { field: FieldId(field as u16), before, after }
            })
            .collect();
        record.links[1].version = version(edit);
        delta.journal.push(entry(
            seq,
            record.id,
            RIGHT,
            What::Written { action: Action::Update, key: record.links[1].key.clone(), changes },
        ));
        delta.marks.push(mark(record.id, None));
        delta.records.push(record.clone().into());
    }
    delta
}

fn entry(seq: &mut u64, record: RecordId, side: SideId, what: What) -> Entry {
    *seq += 1;
    Entry { seq: *seq - 1, at: Timestamp(NOW + *seq as i64), record: Some(record), side: Some(side), rules: 1, what }
}

fn mark(record: RecordId, action: Option<Action>) -> Mark {
    Mark { record, side: RIGHT, action }
}

/// Processor time of this process so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn per_record(time: Duration, records: u64) -> f64 {
    time.as_secs_f64() * 1e6 / records as f64
}

fn fill(store: &Store, claim: &Claim, records: u64) -> u64 {
    let (began, cpu_before) = (Instant::now(), cpu());
    let mut seq = 0;
    for first in (1..=records).step_by(BATCH as usize) {
        let mut commit = claim.commit(seq);
        commit.delta = added(first, (first + BATCH - 1).min(records));
        // Two in flight: one is encoded while the other is written.
        store.commit(commit, Box::new(|made| assert!(made.is_ok(), "{made:?}")));
        seq += 1;
    }
    let mut last = claim.commit(seq);
    last.settings = vec![("filled".to_owned(), Some("yes".to_owned()))];
    seq = store.commit_blocking(last).unwrap().commit_seq;
    println!(
        "first copy: {:.0} records/s, {:.1} µs of processor time a record",
        records as f64 / began.elapsed().as_secs_f64(),
        per_record(cpu() - cpu_before, records),
    );
    seq
}

fn live(store: &Store, claim: &Claim, mut commit_seq: u64, records: u64, batches: u64) {
    let sync = claim.state.sync;
    let mut entry_seq = 1;
    let (mut gather, mut plan, mut settle) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut slowest = Duration::ZERO;
    let cpu_before = cpu();
    for batch in 1..=batches {
        let keys: Vec<_> = (0..BATCH).map(|n| (LEFT, key(mix(batch << 32 | n) % records + 1))).collect();
        let began = Instant::now();
        let mut found = store.gather(sync, &keys, &[]).unwrap().records;
        gather += began.elapsed();
        for step in 0..2 {
            let mut commit = claim.commit(commit_seq);
            commit.delta = if step == 0 {
                planned(&mut found, batch, &mut entry_seq)
            } else {
                settled(&mut found, batch, &mut entry_seq)
            };
            let began = Instant::now();
            commit_seq = store.commit_blocking(commit).unwrap().commit_seq;
            let took = began.elapsed();
            slowest = slowest.max(took);
            if step == 0 {
                plan += took;
            } else {
                settle += took;
            }
        }
    }
    let touched = batches * BATCH;
    println!(
        "live: gather {:.1} µs, plan {:.1} µs, settle {:.1} µs a record; slowest commit {:.1} ms; {:.1} µs of processor time a record in all",
        per_record(gather, touched),
        per_record(plan, touched),
        per_record(settle, touched),
        slowest.as_secs_f64() * 1e3,
        per_record(cpu() - cpu_before, touched),
    );
}

fn file_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// A setting to try, from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().unwrap_or_else(|| "/tmp/lockstep-commit-rate".to_owned()));
    let records: u64 = args.next().map_or(1_000_000, |n| n.parse().unwrap());
    let batches: u64 = args.next().map_or(100, |n| n.parse().unwrap());
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("state.db");
    let defaults = Options::default();
    let options = Options {
        page_bytes: setting("PAGE_BYTES", defaults.page_bytes.into()) as u32,
        mmap_bytes: setting("MMAP_MIB", defaults.mmap_bytes >> 20) << 20,
        writer_cache_bytes: setting("CACHE_MIB", defaults.writer_cache_bytes >> 20) << 20,
        log_pages: setting("LOG_PAGES", defaults.log_pages),
        ..defaults
    };
    let store = Store::open(&path, &options).unwrap();
    let claim = store.claim("contacts", 1).unwrap();
    store.register(claim.state.sync, &["left", "right"], &["email"]).unwrap();
    let seq = fill(&store, &claim, records);
    drop(store);
    println!("file: {:.0} bytes a record", file_bytes(&path) as f64 / records as f64);
    let store = Store::open(&path, &options).unwrap();
    let claim = store.claim("contacts", 1).unwrap();
    live(&store, &claim, seq, records, batches);
    drop(store);
    println!("file in the end: {} MiB", file_bytes(&path) >> 20);
    for line in std::fs::read_to_string("/proc/self/status").unwrap().lines() {
        if line.starts_with("VmHWM") || line.starts_with("RssAnon") {
            println!("{line}");
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
