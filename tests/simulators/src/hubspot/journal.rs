//! The pull variant of webhooks: events in files, one after the other, fetched
//! by offset, kept for some days. The files' inside is known from a third
//! party only; the paging follows the vendor's published description.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::{
    error::uuid,
    event::{Change, Event},
    show::iso,
};

/// Events of one file.
pub const FILE_EVENTS_MAX: usize = 100;
/// Files kept, whatever their age.
const FILES_MAX: usize = 2_000;

#[derive(Debug, Clone)]
pub struct File {
    pub offset: String,
    pub published_ms: i64,
    pub events: Vec<Event>,
}

#[derive(Debug, Default)]
pub struct Journal {
    files: VecDeque<File>,
    pending: Vec<Event>,
    published: u64,
}

/// Where in the journal a reader wants to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    Earliest,
    Latest,
    After(&'a str),
}

impl Journal {
    pub fn note(&mut self, event: Event) {
        let at_ms = event.at_ms;
        self.pending.push(event);
        if self.pending.len() >= FILE_EVENTS_MAX {
            self.publish(at_ms);
        }
    }

    /// Makes a file of what is pending.
    fn publish(&mut self, now_ms: i64) {
        if self.pending.is_empty() {
            return;
        }
        self.published += 1;
        let offset = uuid(self.published.wrapping_add(7 << 48));
        self.files.push_back(File { offset, published_ms: now_ms, events: std::mem::take(&mut self.pending) });
        if self.files.len() > FILES_MAX {
            self.files.pop_front();
        }
    }

    /// Up to `count` files from a place on, oldest first. None: an unknown or expired offset.
    pub fn read(&mut self, place: Place<'_>, count: usize, now_ms: i64, kept_ms: i64) -> Option<Vec<File>> {
        self.publish(now_ms);
        while self.files.front().is_some_and(|file| file.published_ms < now_ms - kept_ms) {
            self.files.pop_front();
        }
        let start = match place {
            Place::Earliest => 0,
            Place::Latest => self.files.len().saturating_sub(count),
            Place::After(offset) => self.files.iter().position(|file| file.offset == offset)? + 1,
        };
        Some(self.files.iter().skip(start).take(count).cloned().collect())
    }

    /// Every event still kept, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.files.iter().flat_map(|file| &file.events).chain(&self.pending)
    }

    pub fn file(&self, offset: &str) -> Option<&File> {
        self.files.iter().find(|file| file.offset == offset)
    }
}

impl File {
    /// What a reader downloads.
    pub fn show(&self, portal_id: u64) -> Value {
        let events: Vec<Value> = self.events.iter().map(|event| show(portal_id, event)).collect();
        json!({ "offset": self.offset, "publishedAt": iso(self.published_ms), "journalEvents": events })
    }
}

fn show(portal_id: u64, event: &Event) -> Value {
    let mut out = Map::new();
    let is_association = matches!(event.change, Change::Association { .. });
    out.insert("type".into(), if is_association { "association" } else { "crmObject" }.into());
    out.insert("portalId".into(), portal_id.into());
    out.insert("occurredAt".into(), iso(event.at_ms).into());
    out.insert("action".into(), event.change.action().into());
    out.insert("objectTypeId".into(), event.type_id.clone().into());
    out.insert("objectId".into(), event.id.into());
    match &event.change {
        Change::Property { name, value } => {
            out.insert("propertyChanges".into(), json!({ name: value }));
        }
        Change::Merge { primary, merged, new, .. } => {
            out.insert("primaryObjectId".into(), (*primary).into());
            out.insert("mergedObjectIds".into(), merged.clone().into());
            out.insert("newObjectId".into(), (*new).into());
        }
        Change::Association { to_type, to, name, primary, .. } => {
            out.insert("associatedObjectTypeId".into(), to_type.clone().into());
            out.insert("associatedObjectId".into(), (*to).into());
            out.insert("associationType".into(), name.clone().into());
            out.insert("isPrimaryAssociation".into(), (*primary).into());
        }
        Change::Creation | Change::Deletion | Change::Restore | Change::PrivacyDeletion => {}
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hubspot::record::Source;

    #[test]
    fn files_follow_one_another_and_expire() {
        let mut journal = Journal::default();
        let creation = |id| Event::new("0-1", id, 0, &Source::user(1), Change::Creation);
        journal.note(creation(1));
        let first = journal.read(Place::Earliest, 1, 0, 1_000).unwrap_or_default();
        assert_eq!(first[0].show(9)["journalEvents"][0]["action"], "CREATE");
        let offset = first[0].offset.clone();
        assert_eq!(journal.read(Place::After(&offset), 10, 0, 1_000).map(|files| files.len()), Some(0));
        journal.note(creation(2));
        assert_eq!(journal.read(Place::After(&offset), 10, 500, 1_000).map(|files| files.len()), Some(1));
        assert!(journal.read(Place::After(&offset), 10, 1_400, 1_000).is_none(), "the first file has expired");
    }
}
