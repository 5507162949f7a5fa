//! What goes wrong at the three, one kind each.

use std::time::Duration;

use anyhow::Result;
use lockstep_simulators::{
    DeliveryFaults, Fault, Rule,
    hubspot::{burst_exceeded, search_exceeded, server_error, unavailable},
    salesforce::{RowRefusal, refusal_fault},
};

use super::{Ring, email, people::Dice};

/// Between a look and the write after it, so that people often get in between.
pub const BETWEEN_MS: u64 = 120;
/// Longer than this an answer is late.
const LATE_MS: u64 = 1_500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Salesforce refuses for its limits.
    CrmLimits,
    /// Salesforce answers 5xx.
    CrmErrors,
    /// Writes take effect at Salesforce and the answer is lost.
    CrmLostAnswers,
    /// Answers of Salesforce dribble in, or end in the middle.
    CrmBrokenBodies,
    /// Rows are locked by somebody else.
    CrmLocks,
    /// Every session ends, every streaming client is forgotten.
    CrmSessions,
    /// The event stream is cut.
    CrmCutStream,
    /// Changes are told as gaps, and an overflow of the whole object.
    CrmGaps,
    /// Events are dropped from the stream's past: the replay id is refused.
    CrmExpiredReplay,
    HubLimits,
    HubErrors,
    HubLostAnswers,
    HubBrokenBodies,
    /// Webhooks come twice, in disorder, late or not at all.
    HubWebhooks,
    /// The search index shows nothing of the last seconds.
    HubIndexLag,
    /// People get between look and write.
    HubOverwrites,
    /// The connection to the database is cut.
    DbCut,
}

impl Trouble {
    pub const ALL: [Trouble; 17] = [
        Trouble::CrmLimits,
        Trouble::CrmErrors,
        Trouble::CrmLostAnswers,
        Trouble::CrmBrokenBodies,
        Trouble::CrmLocks,
        Trouble::CrmSessions,
        Trouble::CrmCutStream,
        Trouble::CrmGaps,
        Trouble::CrmExpiredReplay,
        Trouble::HubLimits,
        Trouble::HubErrors,
        Trouble::HubLostAnswers,
        Trouble::HubBrokenBodies,
        Trouble::HubWebhooks,
        Trouble::HubIndexLag,
        Trouble::HubOverwrites,
        Trouble::DbCut,
    ];

    /// Makes it happen to what comes next. Returns at once.
    pub fn strike(self, ring: &Ring, dice: &mut Dice) -> Result<()> {
        match self {
            Trouble::CrmLimits
            | Trouble::CrmErrors
            | Trouble::CrmLostAnswers
            | Trouble::CrmBrokenBodies
            | Trouble::CrmLocks
            | Trouble::CrmSessions
            | Trouble::CrmCutStream
            | Trouble::CrmGaps
            | Trouble::CrmExpiredReplay => self.at_crm(ring, dice),
            Trouble::HubLimits
            | Trouble::HubErrors
            | Trouble::HubLostAnswers
            | Trouble::HubBrokenBodies
            | Trouble::HubWebhooks
            | Trouble::HubIndexLag
            | Trouble::HubOverwrites => self.at_hub(ring),
            Trouble::DbCut => ring.proxy.cut_after(200 + dice.below(20_000)),
        }
        Ok(())
    }

    fn at_crm(self, ring: &Ring, dice: &mut Dice) {
        let faults = ring.org.faults();
        // The one of the day would stop everything for a quarter of an hour, and rightly.
        let limit = || refusal_fault(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded.");
        let busy = || refusal_fault(503, "SERVER_UNAVAILABLE", "busy");
        match self {
            Trouble::CrmLimits => ["/query", "/composite", "/sobjects/Contact"]
                .into_iter()
                .for_each(|path| faults.inject(Rule::next(path, limit()).times(2))),
            Trouble::CrmErrors => ["/query", "/composite", "/sobjects/Contact"]
                .into_iter()
                .for_each(|path| faults.inject(Rule::next(path, busy()).times(3))),
            Trouble::CrmLostAnswers => {
                faults.inject(Rule::next("/sobjects/Contact/", Fault::CutAfter).method("PATCH").times(2));
                faults.inject(Rule::next("/composite", Fault::CutAfter).times(3));
            }
            Trouble::CrmBrokenBodies => {
                faults.inject(Rule::next("/query", Fault::CutBody { after_bytes: 40 }).times(2));
                faults.inject(Rule::next("/composite", Fault::CutBody { after_bytes: 12 }).times(2));
                faults.inject(Rule::next("/composite", Fault::SlowBody { chunk_bytes: 64, ms: 10 }).times(2));
                faults.inject(Rule::next("/sobjects/Contact/", Fault::LateAnswer { ms: LATE_MS }));
            }
            Trouble::CrmLocks => ring.org.refuse_rows(RowRefusal::lock(6)),
            Trouble::CrmSessions => {
                ring.org.end_sessions();
                ring.org.forget_streaming_clients();
            }
            Trouble::CrmCutStream => {
                faults.inject(Rule::next("/cometd", Fault::CutBefore).times(2));
                faults.inject(Rule::next("/cometd", Fault::CutAfter).skip(1).times(2));
                faults.inject(Rule::next("/cometd", Fault::CutBody { after_bytes: 30 }).skip(2));
            }
            Trouble::CrmGaps => {
                ring.org.tell_as_gaps(8);
                let one = email(1 + u32::try_from(dice.below(8)).unwrap_or_default());
                let ids = ring.crm_ids(&one).unwrap_or_default();
                ring.org.publish_gap("GAP_UPDATE", "Contact", &ids);
                ring.org.publish_gap("GAP_OVERFLOW", "Contact", &["000000000000000AAA".to_owned()]);
            }
            _ => {
                ring.org.forget_events();
                ring.org.forget_streaming_clients();
            }
        }
    }

    fn at_hub(self, ring: &Ring) {
        let faults = &ring.account.stage().faults;
        match self {
            Trouble::HubLimits => {
                faults.inject(Rule::next("batch/update", burst_exceeded()).times(2));
                faults.inject(Rule::next("batch/read", burst_exceeded()));
                faults.inject(Rule::next("search", search_exceeded()).times(2));
            }
            Trouble::HubErrors => {
                faults.inject(Rule::next("batch/update", server_error()).times(2));
                faults.inject(Rule::next("batch/create", unavailable()));
                faults.inject(Rule::next("batch/read", unavailable()).times(2));
                faults.inject(Rule::next("search", server_error()));
            }
            Trouble::HubLostAnswers => {
                faults.inject(Rule::next("batch/update", Fault::CutAfter).times(3));
                faults.inject(Rule::next("batch/create", Fault::CutAfter));
                faults.inject(Rule::next("batch/archive", Fault::CutAfter));
            }
            Trouble::HubBrokenBodies => {
                faults.inject(Rule::next("batch/update", Fault::CutBody { after_bytes: 25 }).times(2));
                faults.inject(Rule::next("batch/read", Fault::CutBody { after_bytes: 25 }).times(2));
                faults.inject(Rule::next("batch/read", Fault::SlowBody { chunk_bytes: 64, ms: 5 }));
                faults.inject(Rule::next("batch/update", Fault::LateAnswer { ms: LATE_MS }));
            }
            Trouble::HubWebhooks => {
                faults.set_deliveries(DeliveryFaults { drop: 6, duplicate: 12, reverse: 12, delay_ms: 150 });
            }
            Trouble::HubIndexLag => ring.account.set(|settings| settings.search_lag_ms = 6_000),
            _ => {
                let slow = Fault::Delay { ms: BETWEEN_MS };
                faults.inject(Rule::next("batch/update", slow).times(40));
            }
        }
    }

    /// Long enough for it to be felt.
    pub fn lasts(self) -> Duration {
        match self {
            Trouble::HubOverwrites => Duration::from_millis(4_000),
            _ => Duration::from_millis(1_500),
        }
    }
}
