//! One limit that a system keeps for an account. Pure; times are milliseconds
//! since 1970 and come from outside.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Priority;

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
pub(super) const DAY: u64 = 24 * HOUR;

/// Hundredths of a day's limit that are left to the account's other users.
const DAY_PERCENT_LEFT: u64 = 10;

/// Requests that may go at once before a day's pace is kept.
const PACE_BURST: f64 = 50.0;

/// Own requests within a window that are remembered.
const RECENT_MAX: usize = 4_096;

/// A request of ours leaves a window so many hundredths later than by the clock:
/// it is not counted there the moment it goes.
const WINDOW_MARGIN_PERCENT: u64 = 10;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Requests in a short time, which may all come at once.
    Window { period_ms: u64 },
    /// Requests in a day, spread over what is left of it.
    Day,
    /// Requests under way.
    Concurrency,
}

/// A limit and what is known to be left of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limit {
    pub(crate) kind: Kind,
    pub(crate) most: u64,
    pub(crate) left: u64,
    /// When all of it is there again.
    pub(crate) resets_at: u64,
    /// Requests of a paced kind that may go now.
    credit: f64,
    credited_at: u64,
    /// Only requests to paths that end so; all of them where nothing is said.
    #[serde(default)]
    counts: Option<String>,
    /// The system said what is used of it.
    #[serde(default)]
    is_told: bool,
    /// When our requests within a window went, oldest first.
    #[serde(skip)]
    recent: VecDeque<u64>,
}

impl Limit {
    /// From a first report. `None` when nothing can be learned from it.
    pub(crate) fn learn(
        name: &str,
        now: u64,
        used: Option<u64>,
        most: Option<u64>,
        resets_in: Option<u64>,
    ) -> Option<Self> {
        let most = most.filter(|most| *most > 0)?;
        let kind = kind(name, resets_in);
        let mut limit = Limit {
            kind,
            most,
            left: most,
            resets_at: now,
            credit: PACE_BURST,
            credited_at: now,
            counts: name.split_once('@').map(|(_, path)| path.to_owned()),
            is_told: used.is_some(),
            recent: VecDeque::new(),
        };
        limit.resets_at = now + resets_in.unwrap_or(limit.period());
        limit.left = most.saturating_sub(used.unwrap_or(0));
        Some(limit)
    }

    /// After a restart: when our own requests went is not kept, so what only they
    /// would give back is there again.
    pub(crate) fn restored(&mut self) {
        if matches!(self.kind, Kind::Window { .. }) && !self.is_told {
            self.left = self.most;
        }
    }

    /// From a later report. `under_way`: requests that the system has not counted in it, perhaps.
    pub(crate) fn told(
        &mut self,
        now: u64,
        used: Option<u64>,
        most: Option<u64>,
        resets_in: Option<u64>,
        under_way: u64,
    ) {
        if let Some(most) = most.filter(|most| *most > 0) {
            self.most = most;
        }
        if let Some(resets_in) = resets_in {
            self.resets_at = now + resets_in.min(DAY);
            if let Kind::Window { period_ms } = &mut self.kind {
                // A window is as long as the longest time that was ever left of it.
                *period_ms = (*period_ms).max(resets_in);
            }
        }
        let Some(used) = used else { return };
        self.is_told = true;
        match self.kind {
            // Under way is counted here, not there.
            Kind::Concurrency => {}
            Kind::Window { .. } | Kind::Day => {
                // What has left the window is not in this figure.
                let period = self.period();
                self.recent.retain(|at| *at + period > now);
                self.left = self.most.saturating_sub(used).saturating_sub(under_way);
                if resets_in.is_none() && now >= self.resets_at {
                    self.resets_at = now + self.period();
                }
            }
        }
    }

    /// Whether a request to this path (without its query) is counted.
    pub(crate) fn counts(&self, path: &str) -> bool {
        self.counts.as_deref().is_none_or(|end| path.ends_with(end))
    }

    /// On some paths only.
    pub(crate) fn is_special(&self) -> bool {
        self.counts.is_some()
    }

    fn period(&self) -> u64 {
        match self.kind {
            Kind::Window { period_ms } => period_ms,
            Kind::Day => DAY,
            Kind::Concurrency => 0,
        }
    }

    /// What time alone gives back.
    pub(crate) fn pass(&mut self, now: u64) {
        match self.kind {
            Kind::Concurrency => {}
            Kind::Day if now >= self.resets_at => {
                self.left = self.most;
                self.resets_at = now + DAY;
            }
            Kind::Window { period_ms } if now >= self.resets_at && self.is_told => {
                self.left = self.most;
                self.resets_at = now + period_ms;
                self.recent.clear();
            }
            // A window rolls: what went long enough ago is there again.
            Kind::Window { period_ms } => {
                let window = rolling(period_ms);
                while self.recent.front().is_some_and(|at| at + window <= now) {
                    self.recent.pop_front();
                    self.left = self.left.saturating_add(1).min(self.most);
                }
            }
            Kind::Day => {}
        }
        let gone = now.saturating_sub(self.credited_at);
        if let Some(interval) = self.interval(now) {
            self.credit = (self.credit + gone as f64 / interval).min(PACE_BURST);
        }
        self.credited_at = self.credited_at.max(now);
    }

    /// Milliseconds between two paced requests that use the rest of the day evenly; `None` where nothing is paced
    /// or nothing is left.
    fn interval(&self, now: u64) -> Option<f64> {
        let spare = self.left.saturating_sub(self.left_to_others());
        match self.kind {
            Kind::Day if spare > 0 => {
                let rest = self.resets_at.saturating_sub(now).max(SECOND);
                Some(rest as f64 / spare as f64)
            }
            Kind::Day | Kind::Window { .. } | Kind::Concurrency => None,
        }
    }

    fn left_to_others(&self) -> u64 {
        match self.kind {
            Kind::Day => self.most * DAY_PERCENT_LEFT / 100,
            Kind::Window { .. } | Kind::Concurrency => 0,
        }
    }

    fn is_paced(&self, priority: Priority) -> bool {
        self.left <= self.most * priority.percent_unpaced() / 100
    }

    /// How long a request must wait for this limit; 0: it may go.
    pub(crate) fn wait(&self, now: u64, priority: Priority, under_way: u64) -> u64 {
        let kept = self.most * priority.percent_kept() / 100;
        match self.kind {
            Kind::Concurrency => {
                let room = self.most.saturating_sub(kept).max(1);
                if under_way < room { 0 } else { 50 }
            }
            Kind::Window { period_ms } => {
                // A limit of a few must not be kept from anybody altogether.
                let kept = kept.min(self.most.saturating_sub(1));
                if self.left > kept {
                    return 0;
                }
                let missing = usize::try_from(kept - self.left).unwrap_or(usize::MAX);
                let rolled = self.recent.get(missing).map(|at| at + rolling(period_ms));
                let reset = self.is_told.then_some(self.resets_at);
                let then = [rolled, reset].into_iter().flatten().min();
                then.map_or(SECOND, |then| then.saturating_sub(now)).max(1)
            }
            Kind::Day if self.left <= self.left_to_others() => self.resets_at.saturating_sub(now).max(SECOND),
            Kind::Day if !self.is_paced(priority) || self.credit >= 1.0 => 0,
            Kind::Day => match self.interval(now) {
                Some(interval) => ((1.0 - self.credit) * interval).ceil().max(1.0) as u64,
                None => self.resets_at.saturating_sub(now).max(SECOND),
            },
        }
    }

    /// A request goes.
    pub(crate) fn spend(&mut self, now: u64, priority: Priority) {
        let is_paced = self.is_paced(priority);
        match self.kind {
            Kind::Concurrency => {}
            Kind::Window { .. } => {
                self.left = self.left.saturating_sub(1);
                if self.recent.len() >= RECENT_MAX {
                    self.recent.pop_front();
                }
                self.recent.push_back(now);
            }
            Kind::Day => {
                self.left = self.left.saturating_sub(1);
                if is_paced {
                    self.credit = (self.credit - 1.0).max(0.0);
                }
            }
        }
    }
}

/// What kind of limit a report is about, by its name and by when it resets.
fn kind(name: &str, resets_in: Option<u64>) -> Kind {
    let name = name.to_ascii_lowercase();
    if name.contains("concurren") {
        return Kind::Concurrency;
    }
    if name.contains("day") || name.contains("daily") || resets_in.is_some_and(|ms| ms > HOUR) {
        return Kind::Day;
    }
    let guess = match () {
        () if name.contains("ten") && name.contains("second") => 10 * SECOND,
        () if name.contains("second") => SECOND,
        () if name.contains("minute") => 60 * SECOND,
        () if name.contains("hour") => HOUR,
        () => 10 * SECOND,
    };
    Kind::Window { period_ms: resets_in.unwrap_or(guess).max(1) }
}

/// How long a request of ours counts in a window.
fn rolling(period_ms: u64) -> u64 {
    period_ms + period_ms * WINDOW_MARGIN_PERCENT / 100
}
