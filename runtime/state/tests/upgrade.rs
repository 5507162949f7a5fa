//! State files of every released version open with the current code and say what
//! they said then.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};

use lockstep_core::{
    change::Cursor,
    delta::{Glimpse, Mark, Notice, NoticeChange, QuarantineChange, Quarantined},
    record::{FieldId, HoldReason, Record, RecordId},
    value::{Timestamp, Value},
    write::{Action, Rejection},
};
use lockstep_state::{
    AttentionKind, Backfill, Options, QuarantineFilter, QueryLimits, SCHEMA_VERSION, Store, StreamChange, SyncPhase,
};
use support::{LEFT, RIGHT, absorbed, added, claim, email, key, record};

/// Every released version, as SQL text.
const V1: &str = include_str!("golden/v1.sql");
const V2: &str = include_str!("golden/v2.sql");
const V3: &str = include_str!("golden/v3.sql");
const V4: &str = include_str!("golden/v4.sql");

fn held() -> Record {
    let mut held = record(2, "Grace");
    support::hold(&mut held, HoldReason::Conflict);
    held
}

fn refused() -> Quarantined {
    Quarantined {
        record: RecordId(1),
        side: RIGHT,
        at: Timestamp(3),
        action: Action::Update,
        rejection: Rejection {
            code: "23514".to_owned(),
            class: "check".to_owned(),
            message: "no".to_owned(),
            columns: vec!["text".to_owned()],
        },
        signature: "right check 23514 text".to_owned(),
        values: vec![(FieldId(0), Value::text("Ada"))],
        attempts: 2,
    }
}

/// What a side told of two rows that are still to be read.
fn told() -> Vec<(lockstep_core::key::Key, Notice)> {
    let glimpse = Glimpse { cells: vec![("text".to_owned(), Value::text("Adah"))], at: Some(Timestamp(4)) };
    vec![(key(1), Notice::Changed), (key(1), Notice::Glimpsed(glimpse)), (key(2), Notice::Changed)]
}

/// Writes the state that the golden file holds to the path in `LOCKSTEP_GOLDEN`;
/// its SQL text (`.dump`) becomes the golden file of a new version.
#[test]
#[ignore = "makes the golden file of a new version"]
fn write_golden() {
    let Some(path) = std::env::var_os("LOCKSTEP_GOLDEN").map(PathBuf::from) else {
        return;
    };
    let store = Store::open(&path, &Options::default()).unwrap();
    let claim = claim(&store, "contacts", 1);
    let sync = claim.state.sync;
    let mut commit = claim.commit(0);
    commit.delta = added(1, "Ada");
    commit.delta.records.push(held().into());
    commit.delta.journal = vec![absorbed(1, 1, "Ada"), absorbed(2, 2, "Grace"), absorbed(3, 1, "Ada")];
    commit.delta.marks = vec![Mark { record: RecordId(1), side: RIGHT, action: Some(Action::Update) }];
    commit.delta.quarantine = vec![QuarantineChange::Put(refused())];
    commit.delta.cursors = vec![(LEFT, Cursor([1, 2].into()))];
    commit.delta.backfill = vec![(LEFT, None), (RIGHT, Some(vec![7]))];
    commit.streams = vec![(LEFT, StreamChange { generation: Some(4), ..StreamChange::default() })];
    let put = |(key, told)| NoticeChange::Put { side: RIGHT, key, told };
    commit.delta.notices = told().into_iter().chain([(key(2), Notice::Made)]).map(put).collect();
    commit.phase = Some(SyncPhase::Sweep { after: RecordId(1) });
    commit.settings = vec![("note".to_owned(), Some("kept".to_owned()))];
    store.commit_blocking(commit).unwrap();
    store.rules(sync, "prefer left").unwrap();
    store.set_connector("crm", "{\"form\":1}", None).unwrap();
}

fn made_of(sql: &str, version: i64, path: &Path) {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch(sql).unwrap();
    conn.pragma_update(None, "application_id", 0x4C4B_5354).unwrap();
    conn.pragma_update(None, "user_version", version).unwrap();
}

#[test]
fn a_file_of_version_1_opens_and_says_what_it_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    made_of(V1, 1, &path);
    let store = Store::open(&path, &Options::default()).unwrap();
    let state = store.claim("contacts", 2).unwrap().state;
    let sync = state.sync;
    assert_eq!((state.commit_seq, state.next_record, state.next_entry, state.rules), (1, 3, 4, 1));
    assert_eq!(state.phase, SyncPhase::Sweep { after: RecordId(1) });
    assert_eq!(state.settings.get("note").map(String::as_str), Some("kept"));
    assert_eq!(state.sides[0].cursor, Some(Cursor([1, 2].into())));
    assert_eq!((state.sides[0].generation, &state.sides[0].backfill), (4, &Backfill::Finished));
    assert_eq!(state.sides[1].backfill, Backfill::At(vec![7]));
    let found = store.gather(sync, &[(RIGHT, key(1))], &[email(1)]).unwrap();
    assert_eq!(found.records, [record(1, "Ada")]);
    assert_eq!(found.matches, [[RecordId(1)]]);
    assert_eq!(store.scan(sync, RecordId(1), 9).unwrap(), [held()]);
    assert_eq!(store.entries_of(sync, RecordId(1), 9).unwrap(), [absorbed(3, 1, "Ada"), absorbed(1, 1, "Ada")]);
    assert_eq!(store.marks(sync, RIGHT, RecordId(0), 9).unwrap().len(), 1);
    assert_eq!(store.quarantine(sync, &QuarantineFilter::default(), None, 9).unwrap(), [refused()]);
    let counts = store.counts(sync).unwrap();
    assert_eq!((counts.records, counts.waiting.get(&AttentionKind::Conflict)), (2, Some(&1)));
    assert_eq!(store.rules_text(sync, 1).unwrap().as_deref(), Some("prefer left"));
    drop(store);
    let conn = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, SCHEMA_VERSION);
}

#[test]
fn a_file_of_version_2_says_which_connectors_were_in_use_and_one_of_version_1_knows_none() {
    let dir = tempfile::tempdir().unwrap();
    for (sql, version, known) in [(V1, 1, None), (V2, 2, Some("{\"form\":1}"))] {
        let path = dir.path().join(format!("v{version}.db"));
        made_of(sql, version, &path);
        let store = Store::open(&path, &Options::default()).unwrap();
        assert_eq!(store.connector("crm").unwrap().as_deref(), known);
        assert_eq!(store.claim("contacts", 2).unwrap().state.commit_seq, 1);
    }
}

#[test]
fn a_file_of_version_3_says_what_sides_told_of_rows_that_are_still_to_be_read() {
    let dir = tempfile::tempdir().unwrap();
    for (sql, version, known) in [(V2, 2, Vec::new()), (V3, 3, told())] {
        let path = dir.path().join(format!("v{version}.db"));
        made_of(sql, version, &path);
        let store = Store::open(&path, &Options::default()).unwrap();
        let claim = store.claim("contacts", 2).unwrap();
        let sync = claim.state.sync;
        assert_eq!(store.notices(sync, RIGHT).unwrap(), known);
        assert_eq!(store.notices(sync, LEFT).unwrap(), []);
        let mut commit = claim.commit(claim.state.commit_seq);
        commit.delta.notices = vec![NoticeChange::Clear { side: RIGHT, key: key(1) }];
        store.commit_blocking(commit).unwrap();
        assert!(store.notices(sync, RIGHT).unwrap().iter().all(|(row, _)| *row == key(2)));
    }
}

#[test]
fn a_file_of_version_4_says_which_rows_were_made_and_are_still_to_be_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v4.db");
    made_of(V4, 4, &path);
    let store = Store::open(&path, &Options::default()).unwrap();
    let sync = store.claim("contacts", 2).unwrap().state.sync;
    let told = store.notices(sync, RIGHT).unwrap();
    assert_eq!(told.iter().filter(|one| **one == (key(2), Notice::Made)).count(), 1);
    assert_eq!(told.len(), 4);
}

#[test]
fn rows_that_were_made_are_kept_apart_from_what_is_told_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v3.db");
    made_of(V3, 3, &path);
    let store = Store::open(&path, &Options::default()).unwrap();
    let mut claim = store.claim("contacts", 2).unwrap();
    let sync = claim.state.sync;
    let mut change = |changes: Vec<NoticeChange>| {
        let mut commit = claim.commit(claim.state.commit_seq);
        commit.delta.notices = changes;
        store.commit_blocking(commit).unwrap();
        claim.state.commit_seq += 1;
        store.notices(sync, LEFT).unwrap()
    };
    let put = |told| NoticeChange::Put { side: LEFT, key: key(1), told };
    let glimpse = Glimpse { cells: vec![("text".to_owned(), Value::text("Adah"))], at: Some(Timestamp(4)) };
    let made = (key(1), Notice::Made);
    let told = change(vec![put(Notice::Made), put(Notice::Glimpsed(glimpse.clone())), put(Notice::Changed)]);
    assert_eq!(told, [made.clone(), (key(1), Notice::Changed), (key(1), Notice::Glimpsed(glimpse))]);
    assert_eq!(change(vec![NoticeChange::Clear { side: LEFT, key: key(1) }]), [made]);
    let looked = vec![put(Notice::Changed), NoticeChange::Looked { side: LEFT, key: key(1) }];
    assert_eq!(change(looked), [(key(1), Notice::Changed)]);
}

#[test]
fn an_upgraded_file_has_the_shape_of_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let [old, new] = ["old.db", "new.db"].map(|name| dir.path().join(name));
    made_of(V1, 1, &old);
    let shape = |path: &Path| {
        let store = Store::open(path, &Options::default()).unwrap();
        let sql = "SELECT type, name, sql FROM main.sqlite_schema ORDER BY name";
        store.query_read_only(sql, &QueryLimits::default()).unwrap().rows
    };
    assert_eq!(shape(&old), shape(&new));
}
