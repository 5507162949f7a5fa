//! Two records become one. The winner's values stand, its gaps are filled from
//! the loser, whose id answers with the winner from then on.

use std::collections::BTreeSet;

use super::{
    error::ApiError,
    event::{Change, Event},
    record::{Record, Source},
    store::{Store, is_email_key},
};

impl Store {
    /// Returns the id of the record that remains.
    pub fn merge(
        &mut self,
        now_ms: i64,
        type_id: &str,
        winner: u64,
        loser: u64,
        source: &Source,
    ) -> Result<u64, ApiError> {
        let object = self.object(type_id)?.clone();
        let live = |store: &Self, id| {
            store.record(type_id, id).filter(|record| record.archived_ms.is_none()).map(|record| record.id)
        };
        let (Some(winner), Some(loser)) = (live(self, winner), live(self, loser)) else {
            return Err(ApiError::record_not_found());
        };
        if winner == loser {
            return Err(ApiError::validation("Cannot merge an object with itself"));
        }
        let kept = match self.settings.merge_makes_new_record {
            true => self.renumber(type_id, winner),
            false => winner,
        };
        let lost = self.records.get_mut(type_id).and_then(|records| records.remove(&loser));
        let lost = lost.ok_or_else(ApiError::record_not_found)?;
        self.merged.insert((type_id.to_owned(), loser), kept);
        self.move_links(type_id, loser, kept);
        let reason = Source::system("MERGE_OBJECTS", &source.id);
        let mut moved = 0;
        for (name, versions) in &lost.versions {
            let Some(value) = versions.last().map(|version| version.value.clone()) else { continue };
            let unique = is_email_key(&object, name) || object.property(name).is_some_and(|one| one.has_unique_value);
            let empty = self.record(type_id, kept).is_some_and(|record| record.current(name).is_none());
            if unique && !value.is_empty() {
                // The value keeps pointing here, so that looking it up finds the winner.
                self.unique.insert((type_id.to_owned(), name.clone(), value.to_lowercase()), kept);
            }
            if empty && !value.is_empty() && self.assign_one(now_ms, &object, kept, name, &value, &reason) {
                moved += 1;
            }
        }
        let mut gone = vec![loser];
        gone.extend((kept != winner).then_some(winner));
        self.note_merged(now_ms, type_id, kept, &lost, &gone, &reason);
        let change = Change::Merge { primary: winner, merged: vec![loser], new: kept, moved };
        self.emit(Event::new(type_id, kept, now_ms, source, change));
        self.reindex(now_ms, type_id, kept);
        Ok(kept)
    }

    fn renumber(&mut self, type_id: &str, id: u64) -> u64 {
        let new = self.take_id();
        if let Some(records) = self.records.get_mut(type_id)
            && let Some(mut record) = records.remove(&id)
        {
            record.id = new;
            records.insert(new, record);
        }
        for holder in self.unique.iter_mut().filter(|((of, ..), holder)| of == type_id && **holder == id) {
            *holder.1 = new;
        }
        self.move_links(type_id, id, new);
        self.merged.insert((type_id.to_owned(), id), new);
        new
    }

    fn move_links(&mut self, type_id: &str, from_id: u64, to_id: u64) {
        for ((from, one, to, other), types) in std::mem::take(&mut self.links) {
            let moved = |of: &str, id: u64| if of == type_id && id == from_id { to_id } else { id };
            let (one, other) = (moved(&from, one), moved(&to, other));
            if from == to && one == other {
                continue;
            }
            self.links.entry((from, one, to, other)).or_default().extend(types);
        }
    }

    /// The lists of ids and addresses that were merged in.
    fn note_merged(&mut self, now_ms: i64, type_id: &str, kept: u64, lost: &Record, gone: &[u64], reason: &Source) {
        let Some(object) = self.schema.find(type_id).cloned() else { return };
        let Some(record) = self.record(type_id, kept) else { return };
        let joined = |name: &str, more: &[String]| -> String {
            let before = [Some(record), Some(lost)].into_iter().flatten().filter_map(|one| one.current(name));
            let mut all: Vec<String> = Vec::new();
            let mut seen = BTreeSet::new();
            for one in before.flat_map(|list| list.split(';').map(str::to_owned)).chain(more.iter().cloned()) {
                if !one.is_empty() && seen.insert(one.clone()) {
                    all.push(one);
                }
            }
            all.join(";")
        };
        let ids: Vec<String> = gone.iter().map(u64::to_string).collect();
        let mut lists = vec![("hs_merged_object_ids", joined("hs_merged_object_ids", &ids))];
        if object.is_contact() {
            lists.push(("hs_all_contact_vids", joined("hs_all_contact_vids", &[])));
            let other = lost.current("email").filter(|email| record.current("email") != Some(*email));
            if let Some(email) = other {
                lists.push(("hs_additional_emails", joined("hs_additional_emails", &[email.to_owned()])));
            }
        }
        for (name, value) in lists {
            self.assign_one(now_ms, &object, kept, name, &value, reason);
        }
    }
}
