//! What goes wrong on demand, at the level of requests and of deliveries: the
//! same for every simulated vendor. What a vendor *answers* in such a case
//! (its 429, its 503) is said by the vendor's module and handed in here.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Rules that wait at the same time, at most.
pub const RULES_MAX: usize = 1_000;

/// What happens to a request that a rule picks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Answered with this instead of being handled.
    Answer {
        status: u16,
        #[serde(default)]
        headers: Vec<(String, String)>,
        body: Value,
    },
    /// Handled, after waiting.
    Delay { ms: u64 },
    /// Handled, and then answered only after waiting: it took effect meanwhile.
    LateAnswer { ms: u64 },
    /// Neither handled nor answered; the connection stays open.
    Hang,
    /// Neither handled nor answered; the connection is closed.
    CutBefore,
    /// Handled, it took effect, and the connection is closed without an answer.
    CutAfter,
    /// Handled; the body dribbles out.
    SlowBody { chunk_bytes: usize, ms: u64 },
    /// Handled; the connection is closed in the middle of the body.
    CutBody { after_bytes: usize },
}

/// Which requests, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Any method when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// A part of the path; empty matches every path.
    #[serde(default)]
    pub path: String,
    /// Let this many matching requests through first.
    #[serde(default)]
    pub skip: u32,
    /// Applies this many times, then is gone.
    #[serde(default = "once")]
    pub times: u32,
    pub fault: Fault,
}

fn once() -> u32 {
    1
}

impl Rule {
    /// The next request to a path that contains `path`.
    pub fn next(path: &str, fault: Fault) -> Self {
        Self { method: None, path: path.into(), skip: 0, times: 1, fault }
    }

    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.into());
        self
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    #[must_use]
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        path.contains(&self.path) && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
    }
}

/// What happens to the next events of a stream or a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryFaults {
    /// The next so many events never arrive.
    pub drop: u32,
    /// The next so many events arrive twice.
    pub duplicate: u32,
    /// The next so many deliveries arrive in reverse order.
    pub reverse: u32,
    /// Every event is held back this long.
    pub delay_ms: u64,
}

/// The rules in force, shared by everyone who holds a copy.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<VecDeque<Rule>>>,
    deliveries: Arc<Mutex<DeliveryFaults>>,
}

impl Faults {
    /// Adds a rule behind the others; the first that matches a request applies.
    /// A rule above [`RULES_MAX`] pushes the oldest out.
    pub fn inject(&self, rule: Rule) {
        let mut rules = self.rules.lock();
        if rules.len() >= RULES_MAX {
            rules.pop_front();
        }
        rules.push_back(rule);
    }

    pub fn clear(&self) {
        self.rules.lock().clear();
        *self.deliveries.lock() = DeliveryFaults::default();
    }

    pub fn waiting(&self) -> Vec<Rule> {
        self.rules.lock().iter().cloned().collect()
    }

    /// What happens to this request, if anything; uses the rule up.
    pub fn take(&self, method: &str, path: &str) -> Option<Fault> {
        let mut rules = self.rules.lock();
        for index in 0..rules.len() {
            let Some(rule) = rules.get_mut(index).filter(|rule| rule.matches(method, path)) else { continue };
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            let fault = rule.fault.clone();
            rule.times = rule.times.saturating_sub(1);
            if rule.times == 0 {
                rules.remove(index);
            }
            return Some(fault);
        }
        None
    }

    pub fn set_deliveries(&self, faults: DeliveryFaults) {
        *self.deliveries.lock() = faults;
    }

    pub fn deliveries(&self) -> DeliveryFaults {
        *self.deliveries.lock()
    }

    pub fn delivery_delay(&self) -> Duration {
        Duration::from_millis(self.deliveries.lock().delay_ms)
    }

    /// Drops, doubles and reverses the events of one delivery as was asked.
    pub fn distort<T: Clone>(&self, events: Vec<T>) -> Vec<T> {
        let mut faults = self.deliveries.lock();
        let mut out = Vec::with_capacity(events.len());
        for event in events {
            if faults.drop > 0 {
                faults.drop -= 1;
                continue;
            }
            if faults.duplicate > 0 {
                faults.duplicate -= 1;
                out.push(event.clone());
            }
            out.push(event);
        }
        if faults.reverse > 0 && out.len() > 1 {
            faults.reverse -= 1;
            out.reverse();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_lets_some_through_applies_and_is_gone() {
        let faults = Faults::default();
        faults.inject(Rule::next("/query", Fault::Hang).method("GET").skip(1).times(2));
        let seen: Vec<bool> = (0..4).map(|_| faults.take("GET", "/services/query").is_some()).collect();
        assert_eq!(seen, [false, true, true, false]);
        assert!(faults.waiting().is_empty());
        faults.inject(Rule::next("/query", Fault::Hang).method("GET"));
        assert_eq!(faults.take("POST", "/services/query"), None);
        assert_eq!(faults.take("GET", "/services/other"), None);
    }

    #[test]
    fn deliveries_are_dropped_doubled_and_reversed_as_often_as_asked() {
        let faults = Faults::default();
        faults.set_deliveries(DeliveryFaults { drop: 1, duplicate: 1, reverse: 1, delay_ms: 0 });
        assert_eq!(faults.distort(vec![1, 2, 3]), [3, 2, 2]);
        assert_eq!(faults.distort(vec![1, 2, 3]), [1, 2, 3]);
    }
}
