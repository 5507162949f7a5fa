//! Tables that were dropped and made anew under the same name. No publication has
//! a new table by itself, and the stream says nothing of the old one's rows: so
//! they are looked for, taken into the publication, and the host is told to
//! compare. Which table was followed is part of the cursor, so that neither a
//! restart in between nor somebody who publishes the new one himself hides it.

use std::collections::BTreeMap;
use std::rc::Rc;

use lockstep_sdk::model::Selection;

use crate::config::Config;
use crate::cursor::name_mark;
use crate::failure::Result;
use crate::sql::literal;
use crate::wire::Param;

use super::database::{Database, Known};
use super::object_name;
use super::publication::{have_ended_before, next_transaction, publish};

/// Time between two looks.
const LOOK_EVERY_MS: u64 = 5_000;
/// Tables that a cursor names; beyond it those that nobody asks for are dropped from it.
const TABLES_MAX: usize = 1_000;

/// What is looked at, and when.
#[derive(Default)]
pub struct Replaced {
    looked_at_ms: Option<u64>,
    /// Tables are published; transactions before this one may have changed them unseen.
    awaited: Option<String>,
}

/// A followed object as the catalog has it now.
struct Place {
    object: String,
    table: u32,
    is_published: bool,
}

impl Replaced {
    /// The objects that are other tables than in `tables`, once all that happens to
    /// the new ones is in the stream. `tables` then names the new ones.
    pub fn look(
        &mut self,
        tables: &mut BTreeMap<u64, u32>,
        database: &mut Database,
        config: &Config,
        selections: &[Selection],
        now_ms: u64,
    ) -> Result<Vec<String>> {
        let waits = self.awaited.is_none() && self.looked_at_ms.is_some_and(|at| now_ms < at + LOOK_EVERY_MS);
        if waits || selections.is_empty() {
            return Ok(Vec::new());
        }
        self.looked_at_ms = Some(now_ms);
        let places = places(database, config, selections)?;
        let is_other = |place: &&Place| {
            !place.is_published || tables.get(&name_mark(&place.object)).is_some_and(|known| *known != place.table)
        };
        let replaced: Vec<&Place> = places.iter().filter(is_other).collect();
        if !replaced.is_empty() && !self.is_in_the_stream(database, config, &replaced)? {
            return Ok(Vec::new());
        }
        if tables.len() + places.len() > TABLES_MAX {
            tables.clear();
        }
        tables.extend(places.iter().map(|place| (name_mark(&place.object), place.table)));
        Ok(replaced.into_iter().map(|place| place.object.clone()).collect())
    }

    /// Has the tables published, and waits for who may have changed them before.
    fn is_in_the_stream(&mut self, database: &mut Database, config: &Config, replaced: &[&Place]) -> Result<bool> {
        let next = match self.awaited.take() {
            Some(next) => next,
            None => {
                database.forget();
                let known: Vec<Rc<Known>> =
                    replaced.iter().map(|place| database.table(&place.object)).collect::<Result<_>>()?;
                publish(database, config, &known)?;
                next_transaction(database)?
            }
        };
        let ended = have_ended_before(database, &next)?;
        self.awaited = (!ended).then_some(next);
        Ok(ended)
    }
}

/// Objects that are there now. None while the publication is gone: the stream
/// breaks off by itself then.
fn places(database: &mut Database, config: &Config, selections: &[Selection]) -> Result<Vec<Place>> {
    let mut names = Vec::with_capacity(selections.len());
    for selection in selections {
        let name = object_name(&selection.object)?;
        names.push(format!("({}, {}, {})", literal(&selection.object), literal(&name.schema), literal(&name.table)));
    }
    let sql = format!(
        "SELECT DISTINCT w.object, c.oid, p.puballtables OR r.oid IS NOT NULL \
         FROM (VALUES {}) AS w (object, schema, name) \
         JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema \
         JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name AND c.relkind IN ('r', 'p') \
         JOIN pg_catalog.pg_publication p ON p.pubname = $1::text \
         LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid",
        names.join(", ")
    );
    let rows = database.connection.query(&sql, &[Param::Text(&config.publication)])?;
    let place = |row| Place {
        object: rows.text(row, 0).to_owned(),
        table: rows.text(row, 1).parse().unwrap_or(0),
        is_published: rows.is_true(row, 2),
    };
    Ok((0..rows.len()).map(place).collect())
}
