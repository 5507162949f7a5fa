//! Events as batches of changes, in the order of the stream.

use lockstep_sdk::model::{Cell, ChangeBatch, ChangeRow, Selection};

use crate::bayeux::{ChangeEvent, ChangeType};
use crate::cursor::event_version;
use crate::schema::Sobject;
use crate::value::long_id;

/// Batches under way.
#[derive(Default)]
pub struct Batches {
    done: Vec<ChangeBatch>,
    pub records: u32,
    pub bytes: usize,
}

impl Batches {
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// When the last change was made.
    pub fn last_at(&self) -> Option<i64> {
        self.done.last().and_then(|batch| batch.rows.last()).and_then(|row| row.at)
    }

    pub fn finish(self) -> Vec<ChangeBatch> {
        self.done
    }

    pub fn signal(&mut self, object: &str, kind: &str) {
        self.records += 1;
        self.done.push(ChangeBatch::signal(object, kind));
    }

    /// A row behind the last one, in its batch where it belongs there.
    pub fn push(&mut self, object: &str, kind: &str, columns: &[String], origin: &str, row: ChangeRow) {
        self.records += 1;
        self.bytes += row.cells.iter().map(Cell::size_bytes).sum::<usize>() + 64;
        let columns = if kind == "upsert" { columns } else { &[] };
        let open = self.done.last_mut().filter(|batch| {
            batch.object == object && batch.kind == kind && batch.origin == origin && batch.columns == columns
        });
        match open {
            Some(batch) => batch.rows.push(row),
            None => {
                let mut batch = ChangeBatch::new(object, kind, columns.to_vec()).with_origin(origin);
                batch.rows.push(row);
                self.done.push(batch);
            }
        }
    }

    /// All that an event tells.
    pub fn take(&mut self, event: &ChangeEvent, sobject: &Sobject, selection: &Selection, client_name: &str) {
        let object = &selection.object;
        if event.is_about_everything() {
            return self.signal(object, "gap");
        }
        let origin = origin(event, client_name);
        for id in &event.header.record_ids {
            let id = long_id(id);
            let row = |cells: Vec<Cell>| ChangeRow {
                key: vec![Cell::Text(id.clone())],
                cells,
                version: event_version(event.replay_id),
                at: Some(event.header.commit_timestamp.saturating_mul(1000)),
            };
            if event.tells_values() {
                let (cells, complete) = event.cells(sobject, &selection.columns, &id);
                self.push(object, "upsert", &selection.columns, &origin, row(cells));
                if !complete {
                    self.push(object, "invalidate", &[], &origin, row(Vec::new()));
                }
            } else if event.header.change_type == ChangeType::Delete {
                self.push(object, "delete", &[], &origin, row(Vec::new()));
            } else {
                // Every gap, also that of a delete: only the rows themselves tell.
                self.push(object, "invalidate", &[], &origin, row(Vec::new()));
            }
        }
    }
}

/// Who made it. Triggers inside our own transaction carry our name, too: it is
/// a hint, never a reason to leave an event out.
fn origin(event: &ChangeEvent, client_name: &str) -> String {
    let ours = event
        .header
        .change_origin
        .rsplit_once("client=")
        .is_some_and(|(_, client)| client.trim_end_matches('/') == client_name);
    if ours { "self".into() } else { event.header.commit_user.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::parse_describe;
    use serde_json::value::RawValue;

    const LEAD: &str = r#"{"name":"Lead","fields":[{"name":"Id","type":"id"},{"name":"Email","type":"email","nillable":true,"updateable":true}]}"#;

    fn event(replay: i64, kind: &str, ids: &str, origin: &str) -> ChangeEvent {
        let data = format!(
            r#"{{"schema":"s","payload":{{"ChangeEventHeader":{{"entityName":"Lead","recordIds":[{ids}],"changeType":"{kind}",
            "changedFields":["Email"],"changeOrigin":"com/salesforce/api/rest/66.0;client={origin}","commitUser":"005",
            "commitTimestamp":5}},"Email":"a@b.c"}},"event":{{"replayId":{replay}}}}}"#
        );
        ChangeEvent::parse("/data/LeadChangeEvent", &RawValue::from_string(data).expect("JSON")).expect("an event")
    }

    fn batches(events: &[ChangeEvent]) -> Vec<ChangeBatch> {
        let sobject = parse_describe(LEAD.as_bytes()).expect("a describe");
        let selection = Selection { object: "Lead".into(), columns: vec!["Id".into(), "Email".into()] };
        let mut batches = Batches::default();
        events.iter().for_each(|event| batches.take(event, &sobject, &selection, "lockstep"));
        batches.finish()
    }

    #[test]
    fn every_row_of_an_event_is_changed_and_like_events_share_a_batch() {
        let two = r#""00Q4S000001ABCDUA4","00Q4S000001ABCEUA4""#;
        let told = batches(&[event(1, "UPDATE", two, "x"), event(2, "UPDATE", two, "x"), event(3, "DELETE", two, "x")]);
        let shape: Vec<(&str, usize)> = told.iter().map(|batch| (batch.kind.as_str(), batch.rows.len())).collect();
        assert_eq!(shape, [("upsert", 4), ("delete", 2)]);
        assert!(told[0].rows[0].version < told[0].rows[2].version);
        assert_eq!(told[0].origin, "005");
        assert_eq!(told[0].rows[0].at, Some(5_000));
    }

    #[test]
    fn gaps_are_fetched_and_overflows_reconciled() {
        let one = r#""00Q4S000001ABCDUA4""#;
        let told = batches(&[
            event(1, "GAP_DELETE", one, "x"),
            event(2, "GAP_OVERFLOW", r#""000000000000000AAA""#, "x"),
            event(3, "UPDATE", one, "lockstep"),
        ]);
        let kinds: Vec<&str> = told.iter().map(|batch| batch.kind.as_str()).collect();
        assert_eq!(kinds, ["invalidate", "gap", "upsert"]);
        assert_eq!(told[2].origin, "self");
    }
}
