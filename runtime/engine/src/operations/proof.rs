//! What a dry run finds out about values and cost while it reads: whether values
//! survive every side, and what the sides would be asked.

use lockstep_core::{
    change::Row,
    plan::lost,
    spec::{SideSpec, SyncSpec},
};

use super::{LostValues, SideCost, SidePlan};
use crate::{
    port::{Connector, Usage},
    views::Names,
};

/// Rows of a side whose values are taken through every other side and back.
const ROWS_MAX: u64 = 2_000;
/// Kinds of findings that are kept.
const FINDINGS_MAX: usize = 100;

/// What was found of a sync's values.
#[derive(Default)]
pub(super) struct Proof {
    pub(super) rows: u64,
    pub(super) lost: Vec<LostValues>,
}

impl Proof {
    /// Looks at the first rows of a side. `before`: its rows that were looked at.
    pub(super) fn look(&mut self, spec: &SyncSpec, side: &SideSpec, rows: &[Row], before: u64) {
        let names = Names { spec };
        let room = usize::try_from(ROWS_MAX.saturating_sub(before)).unwrap_or(0);
        for row in rows.iter().take(room) {
            self.rows += 1;
            for one in lost(spec, side, row) {
                let (field, from, at) = (names.field(one.field), names.side(one.from), names.side(one.at));
                let same = |known: &&mut LostValues| {
                    known.field == field && known.from == from && known.at == at && known.why == one.why
                };
                if let Some(known) = self.lost.iter_mut().find(same) {
                    known.count += 1;
                } else if self.lost.len() < FINDINGS_MAX {
                    let example = names.value(one.field, &one.native);
                    let (why, altered) = (one.why, one.altered);
                    self.lost.push(LostValues { field, from, at, count: 1, why, altered, example });
                }
            }
        }
    }
}

/// What a connector's sessions did up to now.
pub(super) struct Meter {
    before: Usage,
    since: std::time::Instant,
}

impl Meter {
    pub(super) fn start(connector: &dyn Connector) -> Self {
        Meter { before: connector.usage(), since: std::time::Instant::now() }
    }

    /// What reading cost since.
    pub(super) fn read(&self, connector: &dyn Connector) -> SideCost {
        let now = connector.usage();
        let budget = connector.budget();
        let day = budget.iter().flat_map(|budget| &budget.limits).find(|limit| limit.kind == "day");
        SideCost {
            read_requests: now.requests.saturating_sub(self.before.requests),
            read_ms: u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
            left_today: day.map(|limit| limit.left),
            ..SideCost::default()
        }
    }
}

/// Adds what a side's writes would cost. Databases are not asked by the request.
pub(super) fn add_writes(side: &mut SidePlan, precondition: &str) {
    if side.cost.read_requests == 0 {
        return;
    }
    let batches = |rows: u64, of: u64| rows.div_ceil(of);
    side.cost.write_requests = match precondition {
        // Compared 200 at a time, then written 25 at a time, each row under its condition.
        "precondition" => {
            batches(side.creates, 200)
                + batches(side.updates, 200)
                + batches(side.updates, 25)
                + batches(side.deletes, 200)
        }
        // Read, written and read back, fifty at a time.
        "read-check-write" => 3 * batches(side.creates + side.updates + side.deletes, 50),
        _ => side.creates + side.updates + side.deletes,
    };
    let each = side.cost.read_ms / side.cost.read_requests.max(1);
    side.cost.write_ms = side.cost.write_requests.saturating_mul(each);
}
