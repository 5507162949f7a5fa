//! Named places where a test may kill the process or fail a step, to show that
//! nothing is lost there. Costs one relaxed load where none is set.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// The places, in the order a batch passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failpoint {
    AfterStage,
    BeforePlanCommit,
    AfterPlanCommit,
    BeforeWrite,
    AfterWriteBeforeSettle,
    AfterSettleCommit,
    MidBackfill,
    AfterBackfillCommit,
    BeforeDurableReport,
    /// A webhook's changes were handed to the syncs and are not on disk yet.
    AfterIngest,
}

impl Failpoint {
    pub const ALL: [Failpoint; 10] = [
        Failpoint::AfterStage,
        Failpoint::BeforePlanCommit,
        Failpoint::AfterPlanCommit,
        Failpoint::BeforeWrite,
        Failpoint::AfterWriteBeforeSettle,
        Failpoint::AfterSettleCommit,
        Failpoint::MidBackfill,
        Failpoint::AfterBackfillCommit,
        Failpoint::BeforeDurableReport,
        Failpoint::AfterIngest,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Failpoint::AfterStage => "after-stage",
            Failpoint::BeforePlanCommit => "before-plan-commit",
            Failpoint::AfterPlanCommit => "after-plan-commit",
            Failpoint::BeforeWrite => "before-write",
            Failpoint::AfterWriteBeforeSettle => "after-write-before-settle",
            Failpoint::AfterSettleCommit => "after-settle-commit",
            Failpoint::MidBackfill => "mid-backfill",
            Failpoint::AfterBackfillCommit => "after-backfill-commit",
            Failpoint::BeforeDurableReport => "before-durable-report",
            Failpoint::AfterIngest => "after-ingest",
        }
    }
}

/// Why a setting is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFailpoint(String);

impl fmt::Display for BadFailpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Failpoint::ALL.iter().map(|point| point.name()).collect();
        write!(
            f,
            "'{}' is not a failpoint setting: write NAME=kill or NAME=kill@COUNT, separated by ';', with a name of {}",
            self.0,
            names.join(", ")
        )
    }
}

impl std::error::Error for BadFailpoint {}

static ARMED: AtomicBool = AtomicBool::new(false);
static POINTS: OnceLock<Mutex<BTreeMap<Failpoint, u64>>> = OnceLock::new();

/// Arms failpoints from a setting such as `after-plan-commit=kill;before-write=kill@3`:
/// the process is aborted when the place is passed for the first (third) time.
pub fn arm(setting: &str) -> Result<(), BadFailpoint> {
    let mut points = BTreeMap::new();
    for part in setting.split(';').map(str::trim).filter(|p| !p.is_empty()) {
        let bad = || BadFailpoint(part.to_owned());
        let (name, action) = part.split_once('=').ok_or_else(bad)?;
        let point = Failpoint::ALL.into_iter().find(|point| point.name() == name.trim()).ok_or_else(bad)?;
        let count = match action.trim().split_once('@') {
            None if action.trim() == "kill" => 1,
            Some(("kill", count)) => count.parse().ok().filter(|n| *n > 0).ok_or_else(bad)?,
            _ => return Err(bad()),
        };
        points.insert(point, count);
    }
    ARMED.store(!points.is_empty(), Ordering::Release);
    let cell = POINTS.get_or_init(Mutex::default);
    *cell.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = points;
    Ok(())
}

/// Passes a place; does not return if it is armed and its count is reached.
#[inline]
pub fn pass(point: Failpoint) {
    if ARMED.load(Ordering::Relaxed) {
        reached(point);
    }
}

#[cold]
fn reached(point: Failpoint) {
    let Some(cell) = POINTS.get() else { return };
    let mut points = cell.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(left) = points.get_mut(&point) {
        *left = left.saturating_sub(1);
        if *left == 0 {
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_with_an_unknown_place_or_action_is_refused_with_the_known_ones() {
        for bad in ["nowhere=kill", "before-write=stop", "before-write", "before-write=kill@0"] {
            let told = arm(bad).unwrap_err().to_string();
            assert!(told.contains(bad) && told.contains("after-settle-commit"));
        }
    }
}
