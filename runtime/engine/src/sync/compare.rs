//! Comparing a side in full with what is known of it, beside its stream: after a
//! gap, after a truncate, and when a person asks. What differs is read again one
//! by one before it is believed; an incomplete read proves nothing.

use std::{collections::HashSet, sync::Arc};

use lockstep_core::{
    change::{Row, Selection},
    key::Key,
    record::{Presence, Record, RecordId, SideId},
    spec::SideSpec,
};
use lockstep_state::{Store, SyncId};

use crate::{
    Connector, EngineError, Role, SessionError,
    operations::{AuditSide, Difference},
    port::PageRequest,
};

const PAGE_ROWS_MAX: u32 = 2_000;
const PAGE_BYTES_MAX: u32 = 4 << 20;
const SCAN_MAX: usize = 2_000;
/// Differences told in words.
const DIFFERENCES_MAX: usize = 100;

/// What a full compare found: keys to be read again.
pub(crate) struct Compared {
    pub(crate) counts: AuditSide,
    pub(crate) suspects: Vec<Key>,
    pub(crate) differences: Vec<Difference>,
}

/// What is compared with what.
pub(crate) struct Comparison {
    pub(crate) connection: String,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) store: Store,
    pub(crate) sync: SyncId,
    pub(crate) side: SideSpec,
}

impl Comparison {
    /// Reads the side to its end and every record known to live there.
    pub(crate) async fn run(&self) -> Result<Compared, EngineError> {
        let mut compared = Compared {
            counts: AuditSide { side: self.side.name.to_string(), ..AuditSide::default() },
            suspects: Vec::new(),
            differences: Vec::new(),
        };
        let mut seen: HashSet<RecordId> = HashSet::new();
        let told = |error: SessionError| EngineError::session(&self.connection, error);
        let mut session = self.connector.open(Role::Read).await.map_err(told)?;
        let mut after: Arc<[u8]> = Arc::from([]);
        loop {
            let request = PageRequest {
                selection: Selection { object: self.side.object.to_string(), columns: self.side.columns.to_vec() },
                after,
                rows_max: PAGE_ROWS_MAX,
                bytes_max: PAGE_BYTES_MAX,
            };
            let page = session.read(&request).await.map_err(told)?;
            self.page(&page.rows, &mut seen, &mut compared)?;
            if page.next.is_empty() {
                break;
            }
            after = page.next;
        }
        self.missing(&seen, &mut compared)?;
        Ok(compared)
    }

    fn page(&self, rows: &[Row], seen: &mut HashSet<RecordId>, compared: &mut Compared) -> Result<(), EngineError> {
        let keys: Vec<(SideId, Key)> = rows.iter().map(|row| (self.side.id, row.key.clone())).collect();
        let gathered = self.store.gather(self.sync, &keys, &[])?;
        compared.counts.rows += rows.len() as u64;
        for (row, id) in rows.iter().zip(&gathered.keys) {
            let record = id.and_then(|id| {
                let place = gathered.records.binary_search_by_key(&id, |record| record.id);
                gathered.records.get(place.ok()?)
            });
            let what = match record {
                Some(record) => {
                    seen.insert(record.id);
                    if self.is_as_known(record, row) {
                        continue;
                    }
                    compared.counts.changed += 1;
                    "changed"
                }
                None => {
                    compared.counts.unknown += 1;
                    "unknown"
                }
            };
            compared.suspects.push(row.key.clone());
            self.tell(compared, &row.key, *id, what);
        }
        Ok(())
    }

    fn is_as_known(&self, record: &Record, row: &Row) -> bool {
        let Some(link) = record.link(self.side.id) else {
            return false;
        };
        link.presence == Presence::Live
            && self
                .side
                .fields
                .iter()
                .enumerate()
                .filter_map(|(place, field)| Some((place, field.as_ref()?)))
                .filter(|(_, field)| field.reads)
                .all(|(place, field)| {
                    let shown = row.cells.get(field.column).cloned().flatten();
                    let known = link.observed.get(place).cloned().flatten();
                    shown.is_none() || shown == known
                })
    }

    fn missing(&self, seen: &HashSet<RecordId>, compared: &mut Compared) -> Result<(), EngineError> {
        let mut after = RecordId(0);
        loop {
            let page = self.store.scan(self.sync, after, SCAN_MAX)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.id;
            for record in &page {
                let live = record
                    .link(self.side.id)
                    .filter(|link| link.presence == Presence::Live)
                    .and_then(|link| link.key.as_ref());
                if let Some(key) = live
                    && !seen.contains(&record.id)
                {
                    compared.counts.missing += 1;
                    compared.suspects.push(key.clone());
                    self.tell(compared, key, Some(record.id), "missing");
                }
            }
        }
    }

    fn tell(&self, compared: &mut Compared, key: &Key, record: Option<RecordId>, what: &str) {
        if compared.differences.len() < DIFFERENCES_MAX {
            let key: Vec<String> = key.0.iter().map(|value| value.show()).collect();
            compared.differences.push(Difference {
                side: self.side.name.to_string(),
                key: key.join(","),
                record: record.map(|record| record.0),
                what: what.to_owned(),
                fields: Vec::new(),
            });
        }
    }
}
