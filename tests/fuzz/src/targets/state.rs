//! The state file, and the records and entries inside it: what a failing disk,
//! another program or a careless copy may leave of them.

use std::{
    fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use lockstep_core::{
    codec::{decode_entry, decode_record, encode_entry, encode_record},
    delta::{Delta, IndexChange},
    journal::{Entry, FieldChange, What},
    key::{Key, MatchKey},
    record::{FieldId, FieldState, Life, Link, Presence, Provenance, Record, RecordId, SideId},
    value::{Timestamp, Value},
};
use lockstep_state::{JournalFilter, Options, Order, StateError, Store, check_file};

use crate::bits::Bits;

/// What can be read says the same when it is written and read again.
pub fn records(bytes: &[u8]) {
    let mut out = Vec::new();
    if let Ok(record) = decode_record(bytes) {
        encode_record(&record, &mut out);
        assert_eq!(decode_record(&out).as_ref(), Ok(&record));
    }
    if let Ok(entry) = decode_entry(bytes) {
        out.clear();
        encode_entry(&entry, &mut out);
        assert_eq!(decode_entry(&out).as_ref(), Ok(&entry));
    }
    if let Ok(key) = Key::decode(bytes) {
        assert_eq!(Key::decode(&key.encode()), Ok(key));
    }
}

/// A good state file of a few records.
fn good() -> &'static [u8] {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    GOOD.get_or_init(|| make().expect("a state file"))
}

fn make() -> Result<Vec<u8>, StateError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let options = Options { page_bytes: 512, ..Options::default() };
    let store = Store::open(&path, &options)?;
    let claim = store.claim("contacts", 7)?;
    store.register(claim.state.sync, &["left", "right"], &["name"])?;
    let mut commit = claim.commit(claim.state.commit_seq);
    commit.delta = delta();
    store.commit_blocking(commit)?;
    store.backup(&folder.path().join("copy"))?;
    drop(store);
    Ok(fs::read(folder.path().join("copy")).expect("the copy"))
}

fn delta() -> Delta {
    let mut delta = Delta::default();
    for number in 1..=20 {
        let (id, name) = (RecordId(number), Value::text(format!("person {number}")));
        let provenance = Provenance { side: Some(SideId(0)), at: Timestamp(1), entry: number };
        let field =
            FieldState { value: name.clone(), provenance, hold: None, bounces: Default::default(), trail: Vec::new() };
        let link = |side| {
            let mut link = Link::new(side, Some(Key::new(vec![Value::Int(number.cast_signed())])), Presence::Live);
            link.observe(FieldId(0), name.clone());
            link
        };
        let record =
            Record { id, life: Life::Live, fields: vec![Some(field)], links: vec![link(SideId(0)), link(SideId(1))] };
        delta.records.push(record.into());
        for side in [SideId(0), SideId(1)] {
            let key = Key::new(vec![Value::Int(number.cast_signed())]);
            delta.index.push(IndexChange::AddKey { side, key, record: id });
        }
        delta.index.push(IndexChange::AddMatch { key: MatchKey(Arc::from(format!("p{number}"))), record: id });
        let changes = vec![FieldChange { field: FieldId(0), before: None, after: name }];
        let what = What::Absorbed { edited_at: Timestamp(1), changes };
        delta.journal.push(Entry {
            seq: number,
            at: Timestamp(2),
            record: Some(id),
            side: Some(SideId(0)),
            rules: 1,
            what,
        });
    }
    delta
}

/// A good file with a few places overwritten and perhaps its end cut off.
fn damaged(bytes: &[u8]) -> Vec<u8> {
    let mut bits = Bits::new(bytes);
    let mut file = good().to_vec();
    if bits.byte() >= 192 {
        let kept = usize::try_from(bits.number() % (file.len() as u64 + 1)).unwrap_or(0);
        file.truncate(kept);
    }
    while !bits.is_empty() && !file.is_empty() {
        let place = u64::from(bits.byte()) << 16 | u64::from(bits.byte()) << 8 | u64::from(bits.byte());
        let at = usize::try_from(place % file.len() as u64).unwrap_or(0);
        let length = usize::from(bits.byte() % 16);
        for (byte, new) in file.iter_mut().skip(at).zip(bits.bytes(length)) {
            *byte = *new;
        }
    }
    file
}

fn read_all(store: &Store) -> Result<(), StateError> {
    for (sync, _) in store.syncs()? {
        let _ = store.sync_state(sync);
        let _ = store.counts(sync);
        let _ = store.scan(sync, RecordId(0), 100);
        let _ = store.marks(sync, SideId(0), RecordId(0), 100);
        let _ = store.journal(sync, &JournalFilter::default(), Order::NewestFirst, None, 100);
        let _ = store.record_by_key(sync, SideId(1), &Key::new(vec![Value::Int(3)]));
    }
    Ok(())
}

/// Looked at, read and written as if it were good.
pub fn file(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    fs::write(&path, damaged(bytes)).expect("written");
    let checked = check_file(&path);
    if let Ok(store) = Store::open_read_only(&path, &Options::default()) {
        let _ = read_all(&store);
    }
    write_to(&path, checked.is_ok());
}

fn write_to(path: &Path, is_sound: bool) {
    let Ok(store) = Store::open(path, &Options::default()) else { return };
    let _ = read_all(&store);
    if let Ok(claim) = store.claim("contacts", 8) {
        let _ = store.commit_blocking(claim.commit(claim.state.commit_seq));
    }
    drop(store);
    if is_sound {
        assert!(check_file(path).is_ok(), "a sound file was damaged by its owner");
    }
}
