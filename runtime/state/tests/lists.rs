//! What people and the engine list: journal, what waits, refusals, operations.
#![allow(clippy::unwrap_used)]

mod support;

use lockstep_core::{
    delta::{QuarantineChange, Quarantined},
    journal::{Entry, What},
    record::{HoldReason, Life, RecordId},
    value::Timestamp,
    write::{Action, Rejection},
};
use lockstep_state::{
    AttentionKind, Claim, EntryKind, JournalFilter, Operation, Order, QuarantineFilter, SavedPlan, Store,
};
use support::{LEFT, RIGHT, absorbed, added, claim, key, record};

fn copied(seq: u64) -> Entry {
    let mut entry = absorbed(seq, 1, "");
    entry.record = None;
    entry.what =
        What::Operator { by: "mo".to_owned(), action: "pause".to_owned(), note: String::new(), changes: Vec::new() };
    entry
}

/// Twenty entries a second apart: about records 1 and 2 in turn, every fifth a person's.
fn journaled(store: &Store) -> Claim {
    let claim = claim(store, "contacts", 1);
    let mut commit = claim.commit(0);
    commit.delta = added(1, "Ada");
    commit.delta.records.push(record(2, "Grace").into());
    commit.delta.journal =
        (1..=20).map(|seq| if seq % 5 == 0 { copied(seq) } else { absorbed(seq, seq % 2 + 1, "x") }).collect();
    store.commit_blocking(commit).unwrap();
    claim
}

fn seqs(store: &Store, claim: &Claim, filter: &JournalFilter, order: Order) -> Vec<u64> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = store.journal(claim.state.sync, filter, order, after, 3).unwrap();
        assert!(page.entries.len() <= 3);
        all.extend(page.entries.iter().map(|entry| entry.seq));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

fn at(seq: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + seq * 1_000_000)
}

#[test]
fn the_journal_is_read_by_filter_in_either_order_page_by_page() {
    let store = Store::in_memory().unwrap();
    let claim = journaled(&store);
    let all = JournalFilter::default();
    assert_eq!(seqs(&store, &claim, &all, Order::OldestFirst), Vec::from_iter(1..=20));
    assert_eq!(seqs(&store, &claim, &all, Order::NewestFirst), Vec::from_iter((1..=20).rev()));
    let second = JournalFilter { from: Some(at(4)), until: Some(at(9)), ..all.clone() };
    assert_eq!(seqs(&store, &claim, &second, Order::OldestFirst), [4, 5, 6, 7, 8]);
    let people = JournalFilter { kinds: vec![EntryKind::Operator], ..all.clone() };
    assert_eq!(seqs(&store, &claim, &people, Order::NewestFirst), [20, 15, 10, 5]);
    let both =
        JournalFilter { kinds: vec![EntryKind::Operator, EntryKind::Absorbed], seqs: Some((4, 6)), ..all.clone() };
    assert_eq!(seqs(&store, &claim, &both, Order::OldestFirst), [4, 5, 6]);
    let one = JournalFilter { record: Some(RecordId(1)), ..all.clone() };
    assert_eq!(seqs(&store, &claim, &one, Order::OldestFirst), [2, 4, 6, 8, 12, 14, 16, 18]);
    let late = JournalFilter { until: Some(at(9)), ..one };
    assert_eq!(seqs(&store, &claim, &late, Order::NewestFirst), [8, 6, 4, 2]);
    let right = JournalFilter { side: Some(RIGHT), ..all.clone() };
    assert!(seqs(&store, &claim, &right, Order::OldestFirst).is_empty());
    let other = JournalFilter { rules: Some(2), ..all };
    assert!(seqs(&store, &claim, &other, Order::OldestFirst).is_empty());
}

#[test]
fn the_journal_is_cut_at_its_old_end_in_bounded_steps() {
    let store = Store::in_memory().unwrap();
    let claim = journaled(&store);
    let sync = claim.state.sync;
    assert_eq!(store.prune_journal(sync, at(11), 4).unwrap(), 4);
    assert_eq!(store.prune_journal(sync, at(11), 100).unwrap(), 6);
    assert_eq!(store.prune_journal(sync, at(11), 100).unwrap(), 0);
    assert_eq!(seqs(&store, &claim, &JournalFilter::default(), Order::OldestFirst), Vec::from_iter(11..=20));
    assert_eq!(store.prune_journal_to(sync, 3, 100).unwrap(), 7);
    let left: Vec<u64> = store.entries_of(sync, RecordId(1), 100).unwrap().iter().map(|entry| entry.seq).collect();
    assert_eq!(left, [18]);
    assert_eq!(store.entries(sync, &[3, 19]).unwrap().len(), 1);
    // Numbers go on where they were.
    assert_eq!(store.sync_state(sync).unwrap().next_entry, 21);
}

#[test]
fn what_waits_is_listed_by_kind_until_it_is_decided() {
    let store = Store::in_memory().unwrap();
    let claim = claim(&store, "contacts", 1);
    let sync = claim.state.sync;
    let mut commit = claim.commit(0);
    let mut held = record(1, "Ada");
    held.life = Life::HeldDelete { by: RIGHT, at: at(1), entry: 4 };
    let mut child = record(2, "Grace");
    support::hold(&mut child, HoldReason::AwaitingParent { side: LEFT, key: key(9) });
    commit.delta.records = [held, child].map(Into::into).into();
    store.commit_blocking(commit).unwrap();
    let kinds = |kind| -> Vec<(u64, AttentionKind)> {
        let rows = store.attention(sync, kind, RecordId(0), 10).unwrap();
        rows.iter().map(|row| (row.record.0, row.kind)).collect()
    };
    assert_eq!(kinds(None), [(1, AttentionKind::HeldDelete), (2, AttentionKind::AwaitingParent)]);
    assert_eq!(kinds(Some(AttentionKind::HeldDelete)), [(1, AttentionKind::HeldDelete)]);
    assert_eq!(store.awaiting(sync, &key(9), RecordId(0), 10).unwrap(), [RecordId(2)]);
    assert_eq!(store.awaiting(sync, &key(8), RecordId(0), 10).unwrap(), []);
    let counts = store.counts(sync).unwrap();
    assert_eq!((counts.records, counts.held()), (2, 1));
    assert_eq!(counts.waiting_for(AttentionKind::AwaitingParent), 1);
    let mut commit = claim.commit(1);
    commit.delta.records = [record(1, "Ada"), record(2, "Grace")].map(Into::into).into();
    store.commit_blocking(commit).unwrap();
    assert_eq!(kinds(None), []);
    assert_eq!(store.counts(sync).unwrap().held(), 0);
}

#[test]
fn refused_writes_are_grouped_and_listed_page_by_page() {
    let store = Store::in_memory().unwrap();
    let claim = claim(&store, "contacts", 1);
    let sync = claim.state.sync;
    let refused = |n: u64, signature: &str| {
        QuarantineChange::Put(Quarantined {
            record: RecordId(n),
            side: if n < 3 { LEFT } else { RIGHT },
            at: at(n as i64),
            action: Action::Create,
            rejection: Rejection {
                code: String::new(),
                class: "check".to_owned(),
                message: String::new(),
                columns: Vec::new(),
            },
            signature: signature.to_owned(),
            values: Vec::new(),
            attempts: 1,
        })
    };
    let mut commit = claim.commit(0);
    commit.delta.quarantine = vec![refused(1, "a"), refused(2, "b"), refused(3, "c"), refused(4, "c")];
    store.commit_blocking(commit).unwrap();
    let groups = store.quarantine_groups(sync).unwrap();
    let told: Vec<_> = groups.iter().map(|group| (group.signature.as_str(), group.rows)).collect();
    assert_eq!(told, [("c", 2), ("a", 1), ("b", 1)]);
    assert_eq!((groups[0].oldest, groups[0].newest), (at(3), at(4)));
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = store.quarantine(sync, &QuarantineFilter::default(), after, 3).unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.side, last.record));
        listed.extend(page.iter().map(|row| row.record.0));
    }
    assert_eq!(listed, [1, 2, 3, 4]);
    let filter = QuarantineFilter { signature: Some("c".to_owned()), record: Some(RecordId(4)), side: None };
    assert_eq!(store.quarantine(sync, &filter, None, 9).unwrap().len(), 1);
}

#[test]
fn pauses_settings_plans_and_operations_are_kept() {
    let store = Store::in_memory().unwrap();
    let sync = claim(&store, "contacts", 1).state.sync;
    store.set_paused(sync, Some(RIGHT), true).unwrap();
    store.set_paused(sync, None, true).unwrap();
    let state = store.sync_state(sync).unwrap();
    assert_eq!((state.paused, state.sides[0].paused, state.sides[1].paused), (true, false, true));
    assert!(store.set_paused(sync, Some(lockstep_core::record::SideId(7)), true).is_err());
    store.set_setting(sync, "a", Some("1")).unwrap();
    assert_eq!(store.setting(sync, "a").unwrap().as_deref(), Some("1"));
    store.set_setting(sync, "a", None).unwrap();
    assert_eq!(store.setting(sync, "a").unwrap(), None);
    for n in 0..110 {
        let plan = SavedPlan { id: format!("p{n:03}"), at: at(n), summary: String::new(), body: vec![1] };
        store.save_plan(plan).unwrap();
    }
    assert!(store.saved_plan("p109").unwrap().is_some());
    assert!(store.saved_plan("p000").unwrap().is_none());
    let done = |action: &str| Operation {
        at: at(1),
        who: "mo".to_owned(),
        action: action.to_owned(),
        target: "contacts".to_owned(),
        note: String::new(),
    };
    store.log_operation(done("pause")).unwrap();
    store.log_operation(done("resume")).unwrap();
    assert_eq!(store.operations(1).unwrap(), [done("resume")]);
}

#[test]
fn a_sync_is_forgotten_in_bounded_steps_and_its_name_begins_anew() {
    let store = Store::in_memory().unwrap();
    let gone = journaled(&store);
    let kept = claim(&store, "people", 1);
    let mut commit = kept.commit(0);
    commit.delta = added(1, "Ada");
    commit.delta.journal = vec![absorbed(1, 1, "x")];
    store.commit_blocking(commit).unwrap();

    assert_eq!(store.forget_sync(gone.state.sync, 3).unwrap(), 3);
    assert_eq!(store.sync_id("contacts").unwrap(), None);
    assert_eq!(store.half_forgotten().unwrap(), [gone.state.sync]);
    assert!(store.commit_blocking(gone.commit(1)).is_err(), "its former owner still commits");
    while store.forget_sync(gone.state.sync, 3).unwrap() > 0 {}
    assert_eq!(store.half_forgotten().unwrap(), []);
    assert_eq!(seqs(&store, &gone, &JournalFilter::default(), Order::OldestFirst), [0u64; 0]);
    assert_eq!(store.records(gone.state.sync, &[RecordId(1), RecordId(2)]).unwrap(), []);
    assert!(store.sync_state(gone.state.sync).is_err());

    assert_eq!(store.records(kept.state.sync, &[RecordId(1)]).unwrap(), [record(1, "Ada")]);
    assert_eq!(seqs(&store, &kept, &JournalFilter::default(), Order::OldestFirst), [1]);
    let anew = claim(&store, "contacts", 2);
    assert_eq!((anew.state.commit_seq, anew.state.next_record, anew.state.rules), (0, 1, 0));
    let found = store.gather(anew.state.sync, &[(LEFT, key(1))], &[support::email(1)]).unwrap();
    assert!(found.records.is_empty(), "{found:?}");
}

#[test]
fn only_records_that_some_side_lacks_or_that_wait_are_unsettled() {
    let store = Store::in_memory().unwrap();
    let claim = claim(&store, "contacts", 1);
    let mut lacking = record(2, "Grace");
    lacking.links.pop();
    let mut waiting = record(3, "Edsger");
    support::hold(&mut waiting, HoldReason::Conflict);
    let mut commit = claim.commit(0);
    commit.delta.records = [record(1, "Ada"), lacking, waiting, record(4, "Alan")].map(Into::into).into();
    store.commit_blocking(commit).unwrap();
    let found = |sides: &[_], after, until| -> Vec<u64> {
        let range = (RecordId(after), RecordId(until));
        let records = store.scan_unsettled(claim.state.sync, sides, range, 10).unwrap();
        records.iter().map(|record| record.id.0).collect()
    };
    assert_eq!(found(&[LEFT, RIGHT], 0, 4), [2, 3]);
    assert_eq!(found(&[LEFT, RIGHT], 2, 4), [3]);
    assert_eq!(found(&[LEFT], 0, 2), Vec::<u64>::new());
}
