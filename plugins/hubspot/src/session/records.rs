//! Records by their ids or by a unique property, with the history of some
//! properties.

use super::Session;
use super::call::Repeat;
use crate::failure::{Failure, Result};
use crate::request::{BATCH_MAX, BatchRead, HISTORY_BATCH_MAX};
use crate::response::{Batch, Record};

/// Records to read, of one object.
pub(super) struct Wanted<'a> {
    pub object: &'a str,
    pub properties: &'a [String],
    /// With the history of all `properties`.
    pub history: bool,
    pub archived: bool,
    /// What the ids are values of, when not record ids.
    pub by: Option<&'a str>,
}

impl Session {
    /// Reads what there is of these; what is not there is not in the answer.
    ///
    /// # Errors
    /// Also when HubSpot reports errors that are not about missing records: an
    /// incomplete read says nothing of what it lacks.
    pub(super) fn records(&mut self, wanted: &Wanted<'_>, ids: &[String]) -> Result<Vec<Record>> {
        let mut asked: Vec<String> = Vec::with_capacity(ids.len());
        for id in ids {
            if !id.is_empty() && !asked.contains(id) {
                asked.push(id.clone());
            }
        }
        let chunk = if wanted.history { HISTORY_BATCH_MAX } else { BATCH_MAX };
        let mut records = Vec::with_capacity(asked.len());
        for ids in asked.chunks(chunk) {
            let read = BatchRead {
                ids,
                id_property: wanted.by,
                properties: wanted.properties,
                history: if wanted.history { wanted.properties } else { &[] },
                archived: wanted.archived,
            };
            let request = self.api.batch_read(wanted.object, &read);
            let batch: Batch = self.call(request, Repeat::Harmless)?;
            if let Some(problem) = batch.errors.into_iter().find(|problem| problem.category != "OBJECT_NOT_FOUND") {
                return Err(Failure::Refused(Box::new(problem)));
            }
            records.extend(batch.results);
        }
        Ok(records)
    }
}
