//! A simulated system as it can be reached: behind delays, faults and a stream
//! of its own kind. Shared by its sessions, the people and the run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use lockstep_core::{key::Key, value::Value};
use tokio::sync::Notify;

use super::{
    dice::Dice,
    habits::Stream,
    table::{Key2, Table, text_of},
};

/// A change shows by polling up to this long after it was made.
pub const LATE_MAX_US: i64 = 3_000_000;
/// Polling reads this far back again.
pub const OVERLAP_US: i64 = 6_000_000;
/// A webhook arrives up to this long after the change.
const WEBHOOK_DELAY_MAX_US: u64 = 3_000_000;

/// How calls fare at the moment.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Calls that fail in some way, of a hundred.
    pub faults_percent: u64,
    /// How long a call may take each way, in milliseconds.
    pub latency_max_ms: u64,
    /// The stream brings nothing until then, in world time.
    pub stalled_until_us: i64,
}

pub const CALM: Weather = Weather { faults_percent: 0, latency_max_ms: 3, stalled_until_us: 0 };

/// What the system remembers for its stream.
#[derive(Debug, Default)]
pub struct Feed {
    /// The stream was set up.
    pub started: bool,
    /// Nothing up to here can be told any more.
    pub forgotten: u64,
    /// Told up to here; where it is polled, the time of the last poll that was answered.
    pub handed: u64,
    /// Something was forgotten before the runtime had it.
    pub lossy: bool,
    /// When the stream last brought the runtime an answer, and when it last forgot.
    pub answered_us: i64,
    forgot_us: i64,
    /// Webhooks on their way, by arrival: (when, a number of their own).
    pub coming: BTreeMap<(i64, u64), Key>,
    /// Webhooks that have arrived.
    pub arrived: Vec<Key>,
    /// Events that name the row only: they do so whenever they are told.
    pub gaps: BTreeMap<u64, bool>,
    /// Changes that webhooks were sent for.
    announced: usize,
    numbered: u64,
}

/// What was answered so shortly before the runtime died may not have been committed.
const KEPT_AFTER_US: i64 = 100_000;

/// When a row was shown first: another one may have got its key later.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    /// When the answer arrived.
    pub at_us: i64,
    /// As of which place in the log, where that was told.
    pub lsn: Option<u64>,
    /// Else as of when.
    pub as_of_us: Option<i64>,
}

impl Met {
    fn merge(&mut self, other: Met) {
        fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.into_iter().chain(other).min()
        }
        self.at_us = self.at_us.min(other.at_us);
        self.lsn = earlier(self.lsn, other.lsn);
        self.as_of_us = earlier(self.as_of_us, other.as_of_us);
    }

    fn adds_to(&self, known: &Met) -> bool {
        self.lsn.is_some_and(|lsn| known.lsn.is_none_or(|known| lsn < known))
            || self.as_of_us.is_some_and(|as_of| known.as_of_us.is_none_or(|known| as_of < known))
    }

    /// Whether that was before the delete at this place and time.
    fn is_before(&self, (lsn, at_us): (u64, i64)) -> bool {
        self.lsn.is_some_and(|met| met <= lsn) || self.as_of_us.is_some_and(|met| met <= at_us)
    }
}

/// The values that answers showed the runtime, by column.
#[derive(Debug, Default)]
pub struct Shown {
    kept: BTreeSet<(usize, String)>,
    recent: Vec<(i64, usize, String)>,
    /// Rows that were shown with what tells whose they are.
    met: BTreeMap<Key2, Met>,
    met_of_late: Vec<(Key2, Met)>,
    /// Rows that creates made whose answers have not arrived: what a stream tells of them
    /// waits for that, and is told again after a death, if it is not forgotten.
    awaited: BTreeSet<Key2>,
    /// Values that writes overwrote, and when: only their answers tell of it.
    overwritten: Vec<(i64, usize, String)>,
    unheard: BTreeSet<(usize, String)>,
}

impl Shown {
    pub fn add(&mut self, now_us: i64, column: usize, value: &Value) {
        if let Some(text) = text_of(value)
            && !self.kept.contains(&(column, text.clone()))
        {
            self.recent.push((now_us, column, text));
        }
    }

    /// The row was there.
    pub fn meet(&mut self, key: Key2, met: Met) {
        if self.met.get(&key).is_none_or(|known| met.adds_to(known)) {
            self.met_of_late.push((key, met));
        }
    }

    /// A create made the row: its answer comes later, or never.
    pub fn await_answer(&mut self, key: Key2) {
        self.awaited.insert(key);
    }

    /// Something else than a stream showed the row.
    pub fn hear(&mut self, key: &Key2) {
        self.awaited.remove(key);
    }

    /// Whether the row that was deleted there and then was ever shown.
    pub fn has_met(&self, key: &Key2, deleted: (u64, i64)) -> bool {
        self.met.get(key).is_some_and(|met| met.is_before(deleted))
            || self.met_of_late.iter().any(|(late, met)| late == key && met.is_before(deleted))
    }

    /// What could be kept until then stays: the runtime dies, or its log is synced, and
    /// everything later goes with the power.
    pub fn keep_until(&mut self, until_us: i64) {
        let is_kept = |at_us: i64| at_us < until_us - KEPT_AFTER_US;
        let early = self.recent.extract_if(.., |(at_us, _, _)| is_kept(*at_us));
        self.kept.extend(early.map(|(_, column, text)| (column, text)));
        let awaited = &self.awaited;
        let is_known = |(key, met): &mut (Key2, Met)| is_kept(met.at_us) && !awaited.contains(key);
        for (key, met) in self.met_of_late.extract_if(.., is_known) {
            self.met.entry(key).or_insert(met).merge(met);
        }
    }

    /// What could not be kept is gone.
    pub fn lose_the_rest(&mut self) {
        self.recent.clear();
        self.met_of_late.clear();
        self.awaited.clear();
    }

    /// A write took this value's place.
    pub fn overwrite(&mut self, now_us: i64, column: usize, value: &Value) {
        self.overwritten.extend(text_of(value).map(|text| (now_us, column, text)));
    }

    /// Whoever knew is gone: a state of that time was put back, which knows the rows that it
    /// had met by then. What was overwritten since by writes whose answers were not kept
    /// nobody can tell: not even that there were any.
    pub fn forget(&mut self, since_us: i64) {
        for (at_us, column, text) in std::mem::take(&mut self.overwritten) {
            let one = (column, text);
            if at_us > since_us && !self.kept.contains(&one) {
                self.unheard.insert(one);
            }
        }
        self.kept.clear();
        self.recent.clear();
        self.met.retain(|_, met| met.at_us < since_us - KEPT_AFTER_US);
        self.met_of_late.clear();
    }

    /// What was overwritten and nobody can tell.
    pub fn unheard(&self) -> impl Iterator<Item = (usize, &str)> {
        self.unheard.iter().map(|(column, text)| (*column, text.as_str()))
    }

    /// Everything that was shown and could be kept.
    pub fn all(&self) -> impl Iterator<Item = (usize, &str)> {
        let kept = self.kept.iter().map(|(column, text)| (*column, text.as_str()));
        kept.chain(self.recent.iter().map(|(_, column, text)| (*column, text.as_str())))
    }
}

pub struct Place {
    table: Mutex<Table>,
    feed: Mutex<Feed>,
    shown: Mutex<Shown>,
    weather: Mutex<Weather>,
    dice: Mutex<Dice>,
    pub news: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Place {
    pub fn new(table: Table, dice: Dice) -> Self {
        Place {
            table: Mutex::new(table),
            feed: Mutex::default(),
            shown: Mutex::default(),
            weather: Mutex::new(CALM),
            dice: Mutex::new(dice),
            news: Notify::new(),
        }
    }

    pub fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }

    pub fn feed(&self) -> MutexGuard<'_, Feed> {
        lock(&self.feed)
    }

    pub fn shown(&self) -> MutexGuard<'_, Shown> {
        lock(&self.shown)
    }

    pub fn weather(&self) -> MutexGuard<'_, Weather> {
        lock(&self.weather)
    }

    pub fn dice(&self) -> MutexGuard<'_, Dice> {
        lock(&self.dice)
    }

    /// Sends webhooks for what has changed and takes in those that are due.
    pub fn ring(&self, now_us: i64) {
        let table = self.table();
        let mut feed = self.feed();
        while let Some(logged) = table.log.get(feed.announced) {
            feed.announced += 1;
            let copies = 1 + lock(&self.dice).roll(3);
            for _ in 0..copies {
                let delay = lock(&self.dice).roll(WEBHOOK_DELAY_MAX_US) as i64;
                feed.numbered += 1;
                let when = (logged.made_us + delay, feed.numbered);
                feed.coming.insert(when, logged.key.clone());
            }
        }
        while let Some(next) = feed.coming.first_entry().filter(|next| next.key().0 <= now_us) {
            let key = next.remove();
            feed.arrived.push(key);
        }
    }

    /// Whether the stream has told everything there is.
    pub fn has_told_all(&self, now_us: i64) -> bool {
        let stream = self.table().habits.stream;
        if stream == Stream::Webhooks {
            self.ring(now_us);
        }
        let (table, feed) = (self.table(), self.feed());
        // The runtime may be waiting before it asks again, for as long as half a minute.
        let news_us = table.log.last().map_or(0, |last| last.made_us).max(feed.forgot_us);
        if feed.answered_us <= news_us && news_us > 0 {
            return false;
        }
        match stream {
            Stream::Log | Stream::Events => feed.handed >= table.lsn(),
            Stream::Webhooks => feed.coming.is_empty() && feed.handed >= feed.arrived.len() as u64,
            // Shown, polled since, and out of what a poll looks back on.
            Stream::Polling => table.log.last().is_none_or(|last| {
                feed.handed.cast_signed() > last.made_us + LATE_MAX_US
                    && now_us > last.made_us + LATE_MAX_US + OVERLAP_US + 2_000_000
            }),
        }
    }

    /// Everything told so far cannot be told again.
    pub fn forget(&self, now_us: i64) {
        let stream = self.table().habits.stream;
        let end = match stream {
            Stream::Log | Stream::Events => self.table().lsn(),
            Stream::Webhooks => self.feed().arrived.len() as u64,
            Stream::Polling => return,
        };
        let mut feed = self.feed();
        feed.lossy |= feed.forgotten < end;
        feed.forgotten = end;
        feed.forgot_us = now_us;
        feed.handed = feed.handed.max(end);
    }
}
