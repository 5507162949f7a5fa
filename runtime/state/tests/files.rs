//! Opening, refusing, backing up and restoring state files.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, path::Path};

use lockstep_core::record::RecordId;
use lockstep_state::{Options, SCHEMA_VERSION, StateError, Store, check_file, restore};
use support::{added, claim};

fn open(path: &Path) -> Result<Store, StateError> {
    Store::open(path, &Options::default())
}

fn refusal<T>(opened: Result<T, StateError>) -> StateError {
    opened.err().unwrap()
}

/// A state file with `records` records in it.
fn filled(path: &Path, records: u64) {
    let store = open(path).unwrap();
    let claim = claim(&store, "contacts", 1);
    for n in 0..records {
        let mut commit = claim.commit(n);
        commit.delta = added(n + 1, &"text ".repeat(40));
        store.commit_blocking(commit).unwrap();
    }
}

fn records(path: &Path) -> usize {
    let store = Store::open_read_only(path, &Options::default()).unwrap();
    let sync = store.sync_id("contacts").unwrap().unwrap();
    store.scan(sync, RecordId(0), 10_000).unwrap().len()
}

#[test]
fn a_second_owner_is_refused_with_the_pid_of_the_first_while_readers_may_look() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let store = open(&path).unwrap();
    let refused = refusal(open(&path));
    assert!(matches!(refused, StateError::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{refused}");
    assert!(refused.to_string().contains("LS-STA-007"));
    let reader = Store::open_read_only(&path, &Options::default()).unwrap();
    assert_eq!(reader.syncs().unwrap(), []);
    let written = refusal(reader.claim("contacts", 1));
    assert!(matches!(written, StateError::ReadOnly { .. }), "{written}");
    drop(store);
    assert!(open(&path).is_ok());
}

#[test]
fn reading_where_there_is_no_state_says_so_and_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let refused = refusal(Store::open_read_only(&path, &Options::default()));
    assert!(matches!(refused, StateError::Missing { .. }), "{refused}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn files_that_are_no_state_are_refused_and_left_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.txt");
    fs::write(&text, "just some notes, long enough to be read as a header".repeat(20)).unwrap();
    let before = fs::read(&text).unwrap();
    let refused = refusal(open(&text));
    assert!(matches!(refused, StateError::NotAState { .. }), "{refused}");
    assert_eq!(fs::read(&text).unwrap(), before);

    let other = dir.path().join("other.db");
    let conn = rusqlite::Connection::open(&other).unwrap();
    conn.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(conn);
    let refused = refusal(open(&other));
    assert!(matches!(refused, StateError::NotAState { .. }), "{refused}");

    let refused = refusal(open(dir.path()));
    assert!(matches!(refused, StateError::NotAState { .. }), "{refused}");
}

#[test]
fn a_newer_version_is_refused_by_owner_and_reader() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    filled(&path, 1);
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    drop(conn);
    for refused in
        [refusal(open(&path)), refusal(Store::open_read_only(&path, &Options::default())), refusal(check_file(&path))]
    {
        assert!(matches!(refused, StateError::Newer { found, .. } if found == SCHEMA_VERSION + 1), "{refused}");
    }
}

#[test]
fn a_truncated_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    filled(&path, 200);
    let bytes = fs::read(&path).unwrap();
    for keep in [bytes.len() / 2, bytes.len() / 2 + 77, 5000, 50] {
        fs::write(&path, &bytes[..keep]).unwrap();
        let refused = refusal(open(&path));
        assert!(
            matches!(refused, StateError::Corrupt { .. } | StateError::NotAState { .. }),
            "{keep} bytes: {refused}"
        );
    }
}

#[test]
fn a_damaged_page_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    filled(&path, 200);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 64].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    let refused = refusal(open(&path));
    assert!(matches!(refused, StateError::Corrupt { .. }), "{refused}");
    assert!(matches!(refusal(check_file(&path)), StateError::Corrupt { .. }));
}

#[test]
fn a_backup_made_while_commits_go_on_is_one_whole_moment() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let copy = dir.path().join("backup.db");
    let store = open(&path).unwrap();
    let claim = claim(&store, "contacts", 1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..300 {
                let mut commit = claim.commit(n);
                commit.delta = added(n + 1, "Ada");
                store.commit_blocking(commit).unwrap();
            }
        });
        for _ in 0..5 {
            store.backup(&copy).unwrap();
            assert_eq!(check_file(&copy).unwrap(), SCHEMA_VERSION);
            let backup = Store::open_read_only(&copy, &Options::default()).unwrap();
            let Some(sync) = backup.sync_id("contacts").unwrap() else {
                continue;
            };
            let seq = backup.sync_state(sync).unwrap().commit_seq;
            let found = backup.scan(sync, RecordId(0), 1000).unwrap().len();
            assert_eq!(found as u64, seq);
        }
    });
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("backup.db"))
        .collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".partial")));
}

#[test]
fn restore_puts_the_backup_back_and_keeps_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let backup = dir.path().join("backup.db");
    filled(&path, 3);
    open(&path).unwrap().backup(&backup).unwrap();
    fs::remove_file(&path).unwrap();
    filled(&path, 5);

    let running = open(&path).unwrap();
    let refused = refusal(restore(&backup, &path));
    assert!(matches!(refused, StateError::Locked { .. }), "{refused}");
    drop(running);

    let kept = restore(&backup, &path).unwrap().unwrap();
    assert_eq!(records(&path), 3);
    assert_eq!(records(&kept), 5);
    assert!(open(&path).is_ok());
}

#[test]
fn a_damaged_backup_is_not_put_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let backup = dir.path().join("backup.db");
    filled(&path, 3);
    fs::write(&backup, &fs::read(&path).unwrap()[..8192]).unwrap();
    let refused = refusal(restore(&backup, &path));
    assert!(matches!(refused, StateError::Corrupt { .. }), "{refused}");
    assert_eq!(records(&path), 3);
}

#[test]
fn a_fork_goes_its_own_way() {
    let store = Store::in_memory().unwrap();
    let first = claim(&store, "contacts", 1);
    let mut commit = first.commit(0);
    commit.delta = added(1, "Ada");
    store.commit_blocking(commit).unwrap();
    let yesterday = store.fork().unwrap();
    let mut commit = first.commit(1);
    commit.delta = added(2, "Grace");
    store.commit_blocking(commit).unwrap();
    let sync = first.state.sync;
    assert_eq!(yesterday.scan(sync, RecordId(0), 10).unwrap().len(), 1);
    assert_eq!(store.scan(sync, RecordId(0), 10).unwrap().len(), 2);
    assert_eq!(yesterday.claim("contacts", 2).unwrap().state.commit_seq, 1);
}
