//! What the change stream has looked through, what it found and has not given
//! yet, and what is due next. Sends nothing itself.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::unsettled::YOUNG_MS;
use crate::cursor::{Cursor, Seen};
use crate::polling::{Pass, Step, modified_property};
use crate::response::{Record, RecordPage};
use crate::value::calendar;

/// A record to look at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub object: String,
    pub id: String,
    /// It was found among the archived ones: what it held at its end is still to be seen there.
    pub is_archived: bool,
}

/// A request that is due.
pub(super) enum Work {
    Search { object: String, body: serde_json::Value },
    Archived { object: String, after: String },
}

/// Records named in a session's first minutes are named once more later: until
/// then a read may have withheld what an earlier session's lost write left.
/// Beyond so many the whole stretch is gone through again instead.
const SECOND_LOOKS_MAX: usize = 10_000;
/// After every session that could have withheld something is old enough.
const SECOND_LOOK_AFTER_MS: u64 = YOUNG_MS + 10_000;

pub(super) struct Tail {
    /// After everything that was given.
    cursor: Cursor,
    /// Where `cursor` stands once `queue` is given.
    reached: Cursor,
    queue: VecDeque<Named>,
    overlap_ms: i64,
    objects: BTreeMap<String, Progress>,
    opened_ms: u64,
    /// Named early; `None` once named again.
    early: Option<Vec<Named>>,
}

#[derive(Default)]
struct Progress {
    pass: Option<(Pass, i64)>,
    search_due_ms: u64,
    /// When each record was modified, as last seen, within the overlap.
    modified: HashMap<String, i64>,
    /// The sweep under way: where it goes on, and when it began.
    sweep: Option<(String, i64)>,
    sweep_due_ms: u64,
    archived: HashMap<String, i64>,
}

impl Tail {
    pub fn new(cursor: Cursor, now_ms: u64, overlap_ms: u64) -> Self {
        Tail {
            reached: cursor.clone(),
            cursor,
            queue: VecDeque::new(),
            overlap_ms: i64::try_from(overlap_ms).unwrap_or(i64::MAX / 4),
            objects: BTreeMap::new(),
            opened_ms: now_ms,
            early: Some(Vec::new()),
        }
    }

    /// Whether whoever follows stands where this does.
    pub fn continues(&self, after: &Cursor) -> bool {
        self.cursor == *after
    }

    /// Follow these objects; one that is new to the cursor from where the
    /// oldest of the others stands.
    pub fn follow(&mut self, objects: &[&str]) {
        self.objects.retain(|name, _| objects.contains(&name.as_str()));
        for object in objects {
            self.objects.entry((*object).to_owned()).or_default();
        }
    }

    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    pub fn has_named(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether more is known to wait.
    pub fn is_busy(&self) -> bool {
        self.has_named() || self.objects.values().any(|progress| progress.pass.is_some())
    }

    /// What would be given.
    pub fn next(&self, max: usize) -> Vec<Named> {
        self.queue.iter().take(max).cloned().collect()
    }

    /// At most `max` of what was found; the cursor moves once all is given.
    pub fn give(&mut self, max: usize) -> Vec<Named> {
        let given: Vec<Named> = self.queue.drain(..max.min(self.queue.len())).collect();
        if self.queue.is_empty() {
            self.cursor.clone_from(&self.reached);
        }
        given
    }

    /// What to do now, if anything is due.
    pub fn work(&mut self, now_ms: u64) -> Option<Work> {
        self.look_again(now_ms);
        if self.has_named() {
            return None;
        }
        let (cursor, overlap) = (&self.reached, self.overlap_ms);
        for (name, progress) in &mut self.objects {
            if progress.pass.is_none() && now_ms >= progress.search_due_ms {
                let from = seen(cursor, name).modified_ms.saturating_sub(overlap);
                progress.pass = Some((Pass::new(name, from), 0));
            }
            if let Some((pass, _)) = &progress.pass {
                return Some(Work::Search { object: name.clone(), body: pass.body() });
            }
        }
        for (name, progress) in &mut self.objects {
            if progress.sweep.is_none() && now_ms >= progress.sweep_due_ms {
                progress.sweep = Some((String::new(), 0));
            }
            if let Some((after, _)) = &progress.sweep {
                return Some(Work::Archived { object: name.clone(), after: after.clone() });
            }
        }
        None
    }

    /// When something is due next, by the monotonic clock.
    pub fn next_due(&self) -> u64 {
        let due = self.objects.values().flat_map(|progress| [progress.search_due_ms, progress.sweep_due_ms]);
        due.min().unwrap_or(u64::MAX)
    }

    /// Takes a page of a search that was begun at `started_ms` by HubSpot's
    /// clock. True: the pass is done.
    pub fn searched(&mut self, object: &str, page: &RecordPage, started_ms: i64) -> bool {
        let property = modified_property(object);
        let Some(progress) = self.objects.get_mut(object) else {
            return true;
        };
        let Some((pass, began_ms)) = &mut progress.pass else {
            return true;
        };
        if *began_ms == 0 {
            *began_ms = started_ms;
        }
        let mut results = Vec::with_capacity(page.results.len());
        for record in &page.results {
            let modified = record.text(property).or(record.updated_at.as_deref());
            let modified = modified.and_then(calendar::parse_timestamp).unwrap_or_default().div_euclid(1_000);
            results.push((modified, record.id.parse().unwrap_or_default()));
            if progress.modified.insert(record.id.clone(), modified) != Some(modified) {
                // First what was merged into it: those are gone, whatever told of it.
                let ids = record.merged().chain([record.id.as_str()]);
                self.queue.extend(ids.map(|id| Named {
                    object: object.to_owned(),
                    id: id.to_owned(),
                    is_archived: false,
                }));
            }
        }
        let before = seen(&self.reached, object);
        let step = pass.take(&results, page.after());
        let reached = match step {
            Step::Done => *began_ms,
            Step::More => pass.from_ms(),
        };
        if step == Step::Done {
            progress.pass = None;
            let oldest = reached.saturating_sub(self.overlap_ms);
            progress.modified.retain(|_, modified| *modified >= oldest);
        }
        self.reached.advance(object, Seen { modified_ms: reached, archived_ms: before.archived_ms });
        self.settle(object);
        step == Step::Done
    }

    /// Takes a page of archived records. True: the sweep is done.
    pub fn swept(&mut self, object: &str, page: &RecordPage, started_ms: i64) -> bool {
        let before = seen(&self.reached, object);
        let Some(progress) = self.objects.get_mut(object) else {
            return true;
        };
        let Some((after, began_ms)) = &mut progress.sweep else {
            return true;
        };
        if *began_ms == 0 {
            *began_ms = started_ms;
        }
        let oldest = before.archived_ms.saturating_sub(self.overlap_ms);
        for record in &page.results {
            let archived = archived_ms(record);
            if archived.is_some_and(|archived| archived < oldest) {
                continue;
            }
            let archived = archived.unwrap_or_default();
            if progress.archived.insert(record.id.clone(), archived) != Some(archived) {
                self.queue.push_back(Named { object: object.to_owned(), id: record.id.clone(), is_archived: true });
            }
        }
        if let Some(next) = page.after().filter(|next| *next != after) {
            *after = next.to_owned();
            self.settle(object);
            return false;
        }
        let began_ms = *began_ms;
        progress.sweep = None;
        let oldest = began_ms.saturating_sub(self.overlap_ms);
        progress.archived.retain(|_, archived| *archived == 0 || *archived >= oldest);
        self.reached.advance(object, Seen { modified_ms: before.modified_ms, archived_ms: began_ms });
        self.settle(object);
        true
    }

    pub fn rest_search(&mut self, object: &str, now_ms: u64, interval: Duration) {
        if let Some(progress) = self.objects.get_mut(object) {
            progress.search_due_ms = now_ms.saturating_add(interval.as_millis() as u64);
        }
    }

    pub fn rest_sweep(&mut self, object: &str, now_ms: u64, interval: Duration) {
        if let Some(progress) = self.objects.get_mut(object) {
            progress.sweep_due_ms = now_ms.saturating_add(interval.as_millis() as u64);
        }
    }

    /// The cursor follows at once where nothing is left to give; what was just
    /// found is noted for its second look.
    fn settle(&mut self, object: &str) {
        if self.queue.is_empty() {
            self.cursor.clone_from(&self.reached);
            return;
        }
        if let Some(early) = &mut self.early
            && early.len() < SECOND_LOOKS_MAX
        {
            let new = self.queue.iter().filter(|named| named.object == object);
            let new: Vec<Named> = new.filter(|named| !early.contains(named)).cloned().collect();
            early.extend(new);
        }
    }

    fn look_again(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.opened_ms) >= SECOND_LOOK_AFTER_MS {
            self.queue.extend(self.early.take().unwrap_or_default());
        }
    }
}

/// How far an object was looked through; one new to the cursor as far as the
/// oldest of the others.
fn seen(cursor: &Cursor, object: &str) -> Seen {
    cursor.seen(object).or_else(|| cursor.oldest()).unwrap_or_default()
}

fn archived_ms(record: &Record) -> Option<i64> {
    record.archived_at.as_deref().and_then(calendar::parse_timestamp).map(|micros| micros.div_euclid(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: &[(&str, i64)]) -> RecordPage {
        let record = |(id, ms): &(&str, i64)| {
            let text = calendar::timestamp_text(ms * 1_000);
            Record {
                id: (*id).to_owned(),
                properties: [("lastmodifieddate".to_owned(), text.clone())].into(),
                archived_at: text,
                ..Record::default()
            }
        };
        RecordPage { results: rows.iter().map(record).collect(), ..RecordPage::default() }
    }

    fn tail() -> Tail {
        let mut tail = Tail::new(Cursor::at(["contacts"], 10_000), 0, 2_000);
        tail.follow(&["contacts"]);
        tail
    }

    fn ids(named: &[Named]) -> Vec<&str> {
        named.iter().map(|named| named.id.as_str()).collect()
    }

    #[test]
    fn the_overlap_is_looked_at_again_and_told_only_where_it_is_new() {
        let mut tail = tail();
        let Some(Work::Search { body, .. }) = tail.work(0) else { panic!("a search is due") };
        assert_eq!(body["filterGroups"][0]["filters"][0]["value"], "8000");
        assert!(tail.searched("contacts", &page(&[("1", 9_000), ("2", 11_000)]), 12_000));
        assert_eq!(tail.cursor().seen("contacts").map(|seen| seen.modified_ms), Some(10_000), "not given yet");
        assert_eq!(ids(&tail.give(10)), ["1", "2"]);
        assert_eq!(tail.cursor().seen("contacts").map(|seen| seen.modified_ms), Some(12_000));
        assert!(tail.work(0).is_some());
        assert!(tail.searched("contacts", &page(&[("2", 11_000), ("1", 12_500)]), 13_000));
        assert_eq!(ids(&tail.give(10)), ["1"]);
    }

    #[test]
    fn what_was_merged_into_a_record_is_named_before_it() {
        let mut tail = tail();
        tail.work(0);
        let mut page = page(&[("3", 11_000)]);
        let merged = ("hs_merged_object_ids".to_owned(), Some("1;2;3".to_owned()));
        page.results.iter_mut().for_each(|record| record.properties.extend([merged.clone()]));
        tail.searched("contacts", &page, 12_000);
        assert_eq!(ids(&tail.give(10)), ["1", "2", "3"]);
    }

    #[test]
    fn the_cursor_waits_until_everything_found_is_given() {
        let mut tail = tail();
        tail.work(0);
        tail.searched("contacts", &page(&[("1", 11_000), ("2", 11_000)]), 12_000);
        let before = tail.cursor().clone();
        assert_eq!(tail.give(1).len(), 1);
        assert!(tail.continues(&before) && tail.is_busy());
        assert_eq!(tail.give(1).len(), 1);
        assert!(!tail.continues(&before));
    }

    #[test]
    fn a_sweep_names_what_was_archived_since() {
        let mut tail = tail();
        tail.rest_search("contacts", 0, Duration::from_secs(1_000));
        assert!(matches!(tail.work(0), Some(Work::Archived { .. })));
        assert!(tail.swept("contacts", &page(&[("1", 1_000), ("2", 11_000)]), 12_000));
        assert_eq!(ids(&tail.give(10)), ["2"]);
        assert_eq!(tail.cursor().seen("contacts").map(|seen| seen.archived_ms), Some(12_000));
    }

    #[test]
    fn what_was_named_early_is_named_once_more() {
        let mut tail = tail();
        tail.work(0);
        tail.searched("contacts", &page(&[("1", 11_000)]), 12_000);
        tail.give(10);
        tail.rest_search("contacts", 0, Duration::from_secs(1_000));
        tail.rest_sweep("contacts", 0, Duration::from_secs(1_000));
        assert!(tail.work(SECOND_LOOK_AFTER_MS - 1).is_none() && !tail.has_named());
        tail.work(SECOND_LOOK_AFTER_MS);
        assert_eq!(ids(&tail.give(10)), ["1"]);
        tail.work(2 * SECOND_LOOK_AFTER_MS);
        assert!(!tail.has_named());
    }
}
