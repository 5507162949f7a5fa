//! A budget as people and metrics see it, and as it is kept across restarts.

use serde::{Deserialize, Serialize};

use super::{
    account::Account,
    limit::{Kind, Limit},
};

/// What is kept begins with this; another version is not read.
const VERSION: u32 = 1;

/// One account's budget at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BudgetSnapshot {
    pub account: String,
    pub limits: Vec<LimitSnapshot>,
    /// The system wants nothing for so long.
    pub blocked_ms: u64,
    /// Refusals by the system ever.
    pub refused: u64,
    /// Requests that waited for a permit, and those that were given up, ever.
    pub held_back: u64,
    pub throttled: u64,
    pub under_way: u64,
    pub waiting: u32,
}

/// One limit at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitSnapshot {
    /// As the connector reported it.
    pub name: String,
    /// `window`, `day` or `concurrency`.
    pub kind: &'static str,
    pub most: u64,
    pub left: u64,
    pub resets_in_ms: u64,
}

#[derive(Deserialize, Serialize)]
struct Kept {
    version: u32,
    account: Account,
}

impl Account {
    pub(crate) fn snapshot(&self, name: &str, now: u64) -> BudgetSnapshot {
        let limits = self.limits.iter().map(|(name, limit)| {
            let mut limit = limit.clone();
            limit.pass(now);
            let (kind, left) = match limit.kind {
                Kind::Window { .. } => ("window", limit.left),
                Kind::Day => ("day", limit.left),
                Kind::Concurrency => ("concurrency", limit.most.saturating_sub(self.under_way)),
            };
            let resets_in_ms = limit.resets_at.saturating_sub(now);
            LimitSnapshot { name: name.clone(), kind, most: limit.most, left, resets_in_ms }
        });
        BudgetSnapshot {
            account: name.to_owned(),
            limits: limits.collect(),
            blocked_ms: self.blocked_until.saturating_sub(now),
            refused: self.refused,
            held_back: self.held_back,
            throttled: self.throttled,
            under_way: self.under_way,
            waiting: self.waiting(),
        }
    }

    /// For [`Account::restore`].
    pub(crate) fn keep(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(&Kept { version: VERSION, account: self.clone() }).ok()
    }

    /// What was kept; `None` when it is of another version or damaged.
    pub(crate) fn restore(kept: &[u8]) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(kept).ok()?;
        let mut account = (kept.version == VERSION).then_some(kept.account)?;
        account.limits.values_mut().for_each(Limit::restored);
        Some(account)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Priority, Verdict},
        *,
    };

    #[test]
    fn a_limit_that_no_answer_tells_is_whole_again_after_a_restart() {
        let mut account = Account::default();
        account.told(1_000, "search@/search", None, Some(1), Some(1_000));
        assert_eq!(account.ask(1_000, Priority::Edits, "/search"), Verdict::Go);
        assert!(matches!(account.ask(1_000, Priority::Edits, "/search"), Verdict::Wait(_)));
        let mut restored = Account::restore(&account.keep().expect("kept")).expect("restored");
        assert_eq!(restored.ask(60_000, Priority::Edits, "/search"), Verdict::Go);
        restored.told(1_000, "endless", Some(1), Some(1), Some(u64::MAX));
    }

    #[test]
    fn a_budget_survives_a_restart_and_what_was_under_way_does_not() {
        let mut account = Account::default();
        account.told(1_000, "burst", Some(3), Some(10), Some(5_000));
        account.refused(1_000, Some(4_000));
        assert_eq!(account.ask(5_000, Priority::Edits, "/"), Verdict::Go);
        let restored = Account::restore(&account.keep().expect("kept")).expect("restored");
        assert_eq!(restored.under_way, 0);
        let snapshot = restored.snapshot("crm", 5_000);
        assert_eq!((snapshot.limits[0].left, snapshot.limits[0].most, snapshot.refused), (6, 10, 1));
        assert_eq!(Account::restore(b"{}"), None);
        assert_eq!(Account::restore(br#"{"version":2,"account":{}}"#), None);
    }
}
