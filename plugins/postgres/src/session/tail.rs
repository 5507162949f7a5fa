//! The replication stream: one connection that is read, acknowledged and
//! positioned. Knows what is in the stream only as far as transactions go; rows
//! are the follower's business.

use std::collections::BTreeMap;
use std::rc::Rc;

use lockstep_sdk::model::{ChangeBatch, Selection};

use crate::config::Config;
use crate::cursor::{Cursor, lsn_text};
use crate::failure::{Failure, Result};
use crate::pgoutput::{self, Message};
use crate::platform::{Platform, Wait};
use crate::sql::{identifier, literal};
use crate::wire::frame::Reader;
use crate::wire::{Connection, Kind};

use super::database::Database;
use super::follow::{Follower, Transaction};
use super::publication::slot;
use super::replaced::Replaced;

/// Microseconds from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
const EPOCH_2000_US: i64 = 946_684_800_000_000;
/// An unasked status goes out at least this often.
const STATUS_EVERY_MS: u64 = 5_000;
/// A newer durable position is told at most this often.
const CONFIRM_EVERY_MS: u64 = 500;
/// The source's end is asked for at most this often.
const LAG_EVERY_MS: u64 = 1_000;

/// Looks at a slot that is in use, 50 ms apart, before giving up.
const ACTIVE_TRIES: u32 = 20;

/// What one call may still give.
pub struct Budget {
    records: u32,
    bytes: usize,
}

impl Budget {
    pub fn new(max_records: u32, max_bytes: u32) -> Self {
        Budget { records: max_records, bytes: (max_bytes as usize).max(1) }
    }

    pub fn is_spent(&self) -> bool {
        self.records == 0 || self.bytes == 0
    }

    fn spend(&mut self, records: u32, bytes: usize) {
        self.records = self.records.saturating_sub(records);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

pub struct Tail {
    platform: Rc<dyn Platform>,
    connection: Connection,
    slot: String,
    system: u64,
    timeline: u32,
    origin: String,
    /// Behind the last transaction given completely (or told to hold nothing).
    done_lsn: u64,
    /// Rows of a transaction that an earlier session gave: (commit, count).
    skip: Option<(u64, u32)>,
    transaction: Option<Transaction>,
    follower: Follower,
    /// As the cursor has them.
    tables: BTreeMap<u64, u32>,
    replaced: Replaced,
    durable_lsn: u64,
    status_at_ms: u64,
    source_lsn: u64,
    /// When the source was last asked where it stands.
    source_at_ms: Option<u64>,
    last_commit_us: Option<i64>,
}

impl Tail {
    /// Start streaming behind `after`, if the source still reaches back there.
    pub fn start(platform: Rc<dyn Platform>, config: &Config, database: &mut Database, after: &Cursor) -> Result<Self> {
        check_reach(config, database, after)?;
        let mut connection = Connection::open(platform.clone(), config, Kind::Replication)?;
        let command = format!(
            "START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {})",
            identifier(&config.slot),
            lsn_text(after.lsn),
            literal(&identifier(&config.publication))
        );
        connection.copy_both(&command).map_err(stream_failure)?;
        let skip = (after.partial_rows > 0).then_some((after.partial_lsn, after.partial_rows));
        Ok(Tail {
            connection,
            slot: config.slot.clone(),
            system: after.system,
            timeline: after.timeline,
            origin: config.origin.clone(),
            done_lsn: after.lsn,
            skip,
            transaction: None,
            follower: Follower::new(after.timeline),
            tables: after.tables.clone(),
            replaced: Replaced::default(),
            durable_lsn: 0,
            status_at_ms: platform.monotonic_ms(),
            source_lsn: 0,
            source_at_ms: None,
            last_commit_us: None,
            platform,
        })
    }

    /// Whether what comes next is what follows `after`.
    pub fn continues(&self, after: &Cursor) -> bool {
        !self.connection.is_broken() && self.cursor() == *after
    }

    pub fn cursor(&self) -> Cursor {
        let given = self.transaction.as_ref().map_or(0, |transaction| transaction.rows);
        let (partial_lsn, partial_rows) = match (&self.transaction, self.skip) {
            (Some(transaction), Some((lsn, rows))) if transaction.final_lsn == lsn => (lsn, rows.max(given)),
            (Some(transaction), _) if given > 0 => (transaction.final_lsn, given),
            (_, Some(skip)) => skip,
            _ => (0, 0),
        };
        Cursor {
            system: self.system,
            timeline: self.timeline,
            lsn: self.done_lsn,
            partial_lsn,
            partial_rows,
            slot: self.slot.clone(),
            tables: self.tables.clone(),
        }
    }

    pub fn select(&mut self, selections: &[Selection]) {
        self.follower.select(selections);
    }

    /// Tells of tables that took another's place.
    pub fn look_for_replaced(
        &mut self,
        database: &mut Database,
        config: &Config,
        selections: &[Selection],
    ) -> Result<()> {
        let now = self.platform.monotonic_ms();
        for object in self.replaced.look(&mut self.tables, database, config, selections, now)? {
            self.platform.log("warn", &format!("{object} was dropped and made anew: it is compared in full"));
            self.follower.tell(&object, "gap");
        }
        Ok(())
    }

    pub fn has_batches(&self) -> bool {
        self.follower.has_batches()
    }

    pub fn take_batches(&mut self) -> Vec<ChangeBatch> {
        self.follower.take_batches()
    }

    pub fn is_inside_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    pub fn pending_bytes(&self) -> usize {
        self.connection.pending_bytes()
    }

    /// The host has committed everything up to `durable`; the source may forget it.
    pub fn confirm(&mut self, durable: &Cursor) -> Result<()> {
        let ours = durable.system == self.system && durable.timeline == self.timeline;
        let mut news = false;
        if ours && durable.lsn > self.durable_lsn && durable.lsn <= self.done_lsn {
            self.durable_lsn = durable.lsn;
            news = true;
        }
        let idle_ms = self.platform.monotonic_ms().saturating_sub(self.status_at_ms);
        if idle_ms >= STATUS_EVERY_MS || (news && idle_ms >= CONFIRM_EVERY_MS) {
            self.send_status()?;
        }
        Ok(())
    }

    /// Standby status update: what was received, and what may be forgotten.
    fn send_status(&mut self) -> Result<()> {
        let mut body = Vec::with_capacity(34);
        body.push(b'r');
        body.extend_from_slice(&self.done_lsn.to_be_bytes());
        body.extend_from_slice(&self.durable_lsn.to_be_bytes());
        body.extend_from_slice(&self.durable_lsn.to_be_bytes());
        body.extend_from_slice(&(self.platform.wall_us() - EPOCH_2000_US).to_be_bytes());
        body.push(0);
        self.status_at_ms = self.platform.monotonic_ms();
        self.connection.copy_send(&body)
    }

    /// Take one message in; false when none came in time.
    pub fn step(&mut self, database: &mut Database, budget: &mut Budget, wait: Wait) -> Result<bool> {
        let Some(frame) = self.connection.copy_receive(wait).map_err(stream_failure)? else {
            return Ok(false);
        };
        let body = self.connection.body(frame);
        let mut reader = Reader::new(body);
        match reader.u8()? {
            b'w' => {
                reader.bytes(24)?;
                let size = reader.rest().len();
                let message = pgoutput::decode(reader.rest())?;
                let records = take_in(
                    message,
                    &self.origin,
                    &mut self.transaction,
                    &mut self.skip,
                    &mut self.done_lsn,
                    &mut self.last_commit_us,
                    &mut self.follower,
                    database,
                )?;
                budget.spend(records, if records > 0 { size } else { 0 });
            }
            b'k' => {
                let end = reader.u64()?;
                reader.i64()?;
                let asks = reader.u8()? == 1;
                self.source_lsn = self.source_lsn.max(end);
                // Between transactions everything before the server's position was sent.
                if self.transaction.is_none() && self.skip.is_none() {
                    self.done_lsn = self.done_lsn.max(end);
                }
                if asks {
                    self.send_status()?;
                }
            }
            _ => {}
        }
        Ok(true)
    }

    /// How far the source is ahead, in bytes and (while rows come) in time.
    pub fn lag(&mut self, database: &mut Database) -> Result<(Option<u64>, Option<u64>)> {
        let now = self.platform.monotonic_ms();
        if self.source_at_ms.is_none_or(|asked| now.saturating_sub(asked) >= LAG_EVERY_MS) {
            let answer = database.ask("SELECT pg_current_wal_lsn()")?;
            self.source_at_ms = Some(now);
            let end = answer.first().and_then(|text| crate::cursor::parse_lsn(text));
            self.source_lsn = end.unwrap_or(0).max(self.source_lsn);
        }
        let bytes = self.source_lsn.saturating_sub(self.done_lsn);
        let wall = self.platform.wall_us();
        let age = self.last_commit_us.take().map(|commit| wall.saturating_sub(commit).max(0).cast_unsigned() / 1_000);
        Ok((Some(bytes), if bytes == 0 { Some(0) } else { age }))
    }
}

/// One message's effect; the number of rows it told.
#[expect(clippy::too_many_arguments, reason = "the message still borrows the connection")]
fn take_in(
    message: Message<'_>,
    own_origin: &str,
    transaction: &mut Option<Transaction>,
    skip: &mut Option<(u64, u32)>,
    done_lsn: &mut u64,
    last_commit_us: &mut Option<i64>,
    follower: &mut Follower,
    database: &mut Database,
) -> Result<u32> {
    match message {
        Message::Begin { final_lsn, commit_time } => {
            *transaction = Some(Transaction {
                final_lsn,
                at_us: commit_time.saturating_add(EPOCH_2000_US),
                origin: Rc::from(""),
                rows: 0,
            });
            skip.take_if(|(lsn, _)| *lsn != final_lsn);
            Ok(0)
        }
        Message::Commit { end_lsn } => {
            *done_lsn = end_lsn.max(*done_lsn);
            *last_commit_us = transaction.take().map(|transaction| transaction.at_us);
            *skip = None;
            Ok(0)
        }
        Message::Origin { name } => {
            if let Some(transaction) = transaction {
                transaction.origin = Rc::from(if name == own_origin { "self" } else { name });
            }
            Ok(0)
        }
        Message::Relation(relation) => {
            follower.learn(relation, database);
            Ok(0)
        }
        Message::Type | Message::Message => Ok(0),
        Message::Insert { .. } | Message::Update { .. } | Message::Delete { .. } | Message::Truncate { .. } => {
            let Some(transaction) = transaction else {
                return Err(Failure::Protocol("a row outside a transaction".into()));
            };
            transaction.rows = transaction.rows.saturating_add(1);
            if skip.is_some_and(|(_, given)| transaction.rows <= given) {
                return Ok(0);
            }
            follower.follow(&message, transaction, database)
        }
    }
}

/// Whether the slot still holds everything behind `after`.
fn check_reach(config: &Config, database: &mut Database, after: &Cursor) -> Result<()> {
    let invalid = |why: String| Err(Failure::CursorInvalid(why));
    if after.system != database.system {
        return invalid("this is another PostgreSQL cluster than the one the cursor was taken from".into());
    }
    if after.timeline != database.timeline {
        return invalid(format!(
            "the server is on timeline {} and the cursor on {}: it was restored or failed over",
            database.timeline, after.timeline
        ));
    }
    if after.slot != config.slot {
        return invalid(format!("the cursor belongs to replication slot {}, not {}", after.slot, config.slot));
    }
    let missing = || Failure::CursorInvalid(format!("replication slot {} does not exist any more", config.slot));
    let mut state = slot(database, &config.slot)?.ok_or_else(missing)?;
    // A connection of ours that was just closed is noticed with a little delay.
    for _ in 0..ACTIVE_TRIES {
        if !state.is_active {
            break;
        }
        database.ask("SELECT pg_sleep(0.05)")?;
        state = slot(database, &config.slot)?.ok_or_else(missing)?;
    }
    let slot = state;
    if slot.wal_status == "lost" {
        return invalid(format!("replication slot {} was invalidated (max_slot_wal_keep_size)", config.slot));
    }
    if slot.confirmed_lsn > after.lsn {
        return invalid(format!(
            "the source has forgotten the changes up to {}; the cursor is at {}",
            lsn_text(slot.confirmed_lsn),
            lsn_text(after.lsn)
        ));
    }
    if slot.is_active {
        return Err(Failure::Busy {
            message: format!("replication slot {} is in use", config.slot),
            remedy: "another session follows it, or an earlier one has not ended yet".into(),
            retry_after_ms: 300,
        });
    }
    Ok(())
}

fn stream_failure(failure: Failure) -> Failure {
    match failure.sqlstate() {
        Some("42704" | "55000") => Failure::CursorInvalid(failure.to_string()),
        _ => failure,
    }
}
