//! What a commit promises: all or nothing, in order, by the owner alone.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::mpsc;

use lockstep_core::{
    change::Cursor,
    delta::{Delta, IndexChange, Mark},
    key::Key,
    record::{RecordId, SideId},
    value::Value,
    write::Action,
};
use lockstep_state::{Backfill, Options, StateError, Store, SyncPhase};
use support::{LEFT, RIGHT, absorbed, added, claim, email, key, record};

fn on_disk() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state.db"), &Options::default()).unwrap();
    (dir, store)
}

#[test]
fn what_was_committed_is_gathered_by_key_by_match_and_by_number() {
    for store in [Store::in_memory().unwrap(), on_disk().1] {
        let claim = claim(&store, "contacts", 1);
        let sync = claim.state.sync;
        let mut commit = claim.commit(0);
        commit.delta = added(1, "Ada");
        let committed = store.commit_blocking(commit).unwrap();
        assert_eq!((committed.commit_seq, committed.next_record), (1, 2));

        let found =
            store.gather(sync, &[(LEFT, key(1)), (RIGHT, key(2)), (RIGHT, key(1))], &[email(1), email(2)]).unwrap();
        assert_eq!(found.records, vec![record(1, "Ada")]);
        assert_eq!(found.keys, vec![Some(RecordId(1)), None, Some(RecordId(1))]);
        assert_eq!(found.matches, vec![vec![RecordId(1)], vec![]]);
        assert_eq!(store.records(sync, &[RecordId(7), RecordId(1)]).unwrap(), vec![record(1, "Ada")]);
        assert_eq!(store.record_by_key(sync, LEFT, &key(1)).unwrap(), Some(record(1, "Ada")));
        assert_eq!(store.scan(sync, RecordId(0), 10).unwrap().len(), 1);
        assert_eq!(store.scan(sync, RecordId(1), 10).unwrap().len(), 0);
    }
}

#[test]
fn a_claim_fences_the_owner_before_it() {
    let store = Store::in_memory().unwrap();
    let first = claim(&store, "contacts", 1);
    let second = store.claim("contacts", 2).unwrap();
    assert_eq!(second.state.epoch, first.state.epoch + 1);
    let late = store.commit_blocking(first.commit(0));
    assert!(matches!(late, Err(StateError::Fenced { .. })), "{late:?}");
    assert!(store.commit_blocking(second.commit(0)).is_ok());
}

#[test]
fn a_commit_out_of_order_is_fenced_and_changes_nothing() {
    let store = Store::in_memory().unwrap();
    let claim = claim(&store, "contacts", 1);
    let mut skipping = claim.commit(1);
    skipping.delta = added(1, "Ada");
    let refused = store.commit_blocking(skipping);
    assert!(matches!(refused, Err(StateError::Fenced { expected: 1, found: 0, .. })));
    assert_eq!(store.scan(claim.state.sync, RecordId(0), 10).unwrap(), []);
}

#[test]
fn an_owner_of_the_original_is_fenced_where_a_copy_has_another_of_the_same_epoch() {
    let store = Store::in_memory().unwrap();
    claim(&store, "contacts", 1);
    let put_back = store.fork().unwrap();
    let first = store.claim("contacts", 2).unwrap();
    let second = put_back.claim("contacts", 3).unwrap();
    assert_eq!((first.state.epoch, first.state.commit_seq), (second.state.epoch, second.state.commit_seq));
    let astray = put_back.commit_blocking(first.commit(0));
    assert!(matches!(astray, Err(StateError::Fenced { .. })), "{astray:?}");
    assert!(put_back.commit_blocking(second.commit(0)).is_ok());
}

#[test]
fn journal_entries_out_of_order_are_refused_and_change_nothing() {
    let store = Store::in_memory().unwrap();
    let claim = claim(&store, "contacts", 1);
    let sync = claim.state.sync;
    let mut commit = claim.commit(0);
    commit.delta = added(1, "Ada");
    commit.delta.journal = vec![absorbed(3, 1, "c"), absorbed(2, 1, "b")];
    let refused = store.commit_blocking(commit);
    assert!(matches!(refused, Err(StateError::Disorder { .. })), "{refused:?}");
    assert_eq!(store.scan(sync, RecordId(0), 10).unwrap(), []);
    let mut commit = claim.commit(0);
    commit.delta.journal = vec![absorbed(2, 1, "b"), absorbed(3, 1, "c")];
    assert_eq!(store.commit_blocking(commit).unwrap().next_entry, 4);
}

#[test]
fn an_entry_about_a_record_that_did_not_change_is_in_its_history() {
    let store = Store::in_memory().unwrap();
    let claim = claim(&store, "contacts", 1);
    let mut commit = claim.commit(0);
    commit.delta = Delta { journal: vec![absorbed(1, 1, "Ada")], ..added(1, "Ada") };
    store.commit_blocking(commit).unwrap();
    let mut commit = claim.commit(1);
    commit.delta.journal = vec![absorbed(2, 1, "told"), absorbed(3, 1, "told again")];
    store.commit_blocking(commit).unwrap();
    let history = store.entries_of(claim.state.sync, RecordId(1), 10).unwrap();
    assert_eq!(history.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 2, 1]);
}

#[test]
fn a_key_filed_at_the_place_of_another_is_not_taken_for_it() {
    let store = Store::in_memory().unwrap();
    let claim = claim(&store, "contacts", 1);
    let uuid = Key::new(vec![Value::Uuid(0)]);
    let mut person = record(1, "Ada");
    person.links[0].key = Some(uuid.clone());
    let mut commit = claim.commit(0);
    commit.delta.records = vec![person.into()];
    commit.delta.index = vec![IndexChange::AddKey { side: LEFT, key: uuid.clone(), record: RecordId(1) }];
    store.commit_blocking(commit).unwrap();
    // Whatever the file's secret, its place is that of one of these numbers.
    let mut keys: Vec<_> = (0..1 << 16).map(|n| (LEFT, Key::new(vec![Value::Int(n)]))).collect();
    keys.push((LEFT, uuid));
    let mut found = store.gather(claim.state.sync, &keys, &[]).unwrap().keys;
    assert_eq!(found.pop(), Some(Some(RecordId(1))));
    assert!(found.iter().all(Option::is_none));
}

#[test]
fn a_failing_commit_does_not_take_its_group_with_it() {
    let (_dir, store) = on_disk();
    let good = claim(&store, "good", 1);
    let bad = claim(&store, "bad", 1);
    let (tell, told) = mpsc::channel();
    let send = |name: &'static str, commit| {
        let tell = tell.clone();
        store.commit(commit, Box::new(move |made| tell.send((name, made.map(|c| c.commit_seq))).unwrap()));
    };
    for n in 0..50u64 {
        let mut commit = good.commit(n);
        commit.delta = added(n + 1, "good");
        send("good", commit);
        // Half of its rows are applied before the unknown side is noticed.
        let mut commit = bad.commit(0);
        commit.delta = added(n + 1, "bad");
        commit.delta.cursors = vec![(SideId(9), Cursor::default())];
        send("bad", commit);
    }
    for _ in 0..100 {
        match told.recv().unwrap() {
            ("good", made) => assert!(made.is_ok(), "{made:?}"),
            (_, made) => assert!(matches!(made, Err(StateError::Unknown { .. })), "{made:?}"),
        }
    }
    assert_eq!(store.scan(bad.state.sync, RecordId(0), 99).unwrap(), []);
    let kept = store.scan(good.state.sync, RecordId(0), 99).unwrap();
    assert_eq!(kept.len(), 50);
}

#[test]
fn names_keep_their_numbers_and_new_names_get_new_ones() {
    let (dir, store) = on_disk();
    let sync = claim(&store, "contacts", 1).state.sync;
    let (sides, fields) = store.register(sync, &["right", "third"], &["mail", "text"]).unwrap();
    assert_eq!(sides.iter().map(|s| s.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(fields.iter().map(|f| f.0).collect::<Vec<_>>(), [1, 0]);
    drop(store);
    let store = Store::open(&dir.path().join("state.db"), &Options::default()).unwrap();
    let (sides, _) = store.register(sync, &["third", "left"], &[]).unwrap();
    assert_eq!(sides.iter().map(|s| s.0).collect::<Vec<_>>(), [2, 0]);
}

#[test]
fn rules_get_a_new_version_only_when_their_text_changes() {
    let store = Store::in_memory().unwrap();
    let sync = claim(&store, "contacts", 1).state.sync;
    assert_eq!(store.rules(sync, "prefer crm").unwrap(), 1);
    assert_eq!(store.rules(sync, "prefer crm").unwrap(), 1);
    assert_eq!(store.rules(sync, "latest").unwrap(), 2);
    assert_eq!(store.rules(sync, "prefer crm").unwrap(), 3);
    assert_eq!(store.rules_text(sync, 2).unwrap().as_deref(), Some("latest"));
}

#[test]
fn positions_and_phase_come_back_with_the_next_claim() {
    let (dir, store) = on_disk();
    let first = claim(&store, "contacts", 1);
    let mut commit = first.commit(0);
    commit.delta = Delta {
        cursors: vec![(LEFT, Cursor([1, 2, 3].into()))],
        backfill: vec![(LEFT, None), (RIGHT, Some(vec![9]))],
        journal: vec![absorbed(1, 1, "x")],
        ..Delta::default()
    };
    commit.phase = Some(SyncPhase::Sweep { after: RecordId(3) });
    commit.streams = vec![(
        LEFT,
        lockstep_state::StreamChange {
            generation: Some(4),
            cursor_version: Some(2),
            connector: Some("sha256:ab".into()),
            ..Default::default()
        },
    )];
    commit.settings = vec![("note".to_owned(), Some("kept".to_owned()))];
    store.commit_blocking(commit).unwrap();
    drop(store);
    let store = Store::open(&dir.path().join("state.db"), &Options::default()).unwrap();
    let state = store.claim("contacts", 2).unwrap().state;
    assert_eq!((state.commit_seq, state.next_entry), (1, 2));
    assert_eq!(state.phase, SyncPhase::Sweep { after: RecordId(3) });
    assert_eq!(state.settings.get("note").map(String::as_str), Some("kept"));
    let left = &state.sides[0];
    assert_eq!(left.cursor, Some(Cursor([1, 2, 3].into())));
    assert_eq!((left.generation, left.cursor_version), (4, 2));
    assert_eq!(left.backfill, Backfill::Finished);
    assert_eq!(state.sides[1].backfill, Backfill::At(vec![9]));
}

#[test]
fn a_commit_beyond_the_bound_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { commit_bytes_max: 1000, ..Options::default() };
    let store = Store::open(&dir.path().join("state.db"), &options).unwrap();
    let claim = claim(&store, "contacts", 1);
    let mut commit = claim.commit(0);
    commit.delta = added(1, &"long".repeat(1000));
    let refused = store.commit_blocking(commit);
    assert!(matches!(refused, Err(StateError::TooLarge { max: 1000, .. })));
    assert!(store.commit_blocking(claim.commit(0)).is_ok());
}

#[test]
fn commits_become_durable_without_another_commit() {
    let (_dir, store) = on_disk();
    let claim = claim(&store, "contacts", 1);
    let mark = Mark { record: RecordId(1), side: LEFT, action: Some(Action::Update) };
    let mut commit = claim.commit(0);
    commit.delta.marks = vec![mark];
    store.commit_blocking(commit).unwrap();
    while store.durable().get(&claim.state.sync) != Some(&1) {
        std::thread::yield_now();
    }
}
