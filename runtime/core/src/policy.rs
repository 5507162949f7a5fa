//! Conflict policies: given what was, what is and what comes, who is right.
//! Knows nothing of records, sides' rows or what is written where.

use std::{cmp::Ordering, sync::Arc};

use crate::{
    code::{Dispute, JudgeSlot, Ruling, in_words},
    record::SideId,
    spec::{Policy, SyncSpec},
    value::{Timestamp, Value},
};

/// One of the two values that meet.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'v> {
    /// `None`: the runtime itself.
    pub side: Option<SideId>,
    pub at: Timestamp,
    pub value: &'v Value,
}

/// Two values that were set without seeing each other.
#[derive(Clone, Copy, Debug)]
pub struct Contest<'v> {
    /// What the incoming side last agreed to. `None`: nothing (initial link).
    pub base: Option<&'v Value>,
    pub incumbent: Claim<'v>,
    pub incoming: Claim<'v>,
    /// Part of a value of several fields, which cannot be merged into a new one.
    pub grouped: bool,
    /// What a component is told of it. `None`: none is asked.
    pub dispute: Option<&'v Dispute<'v>>,
    pub skew_tolerance_ms: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Incumbent,
    Incoming,
    /// A value made of both.
    Merged(Value),
    Hold,
}

/// Who is right. Policies that make a value of both give the same whichever
/// came first. Whatever cannot be decided by the policy is held.
///
/// # Errors
/// Why a component did not decide: it is held then, too.
pub fn resolve(policy: &Policy, contest: &Contest<'_>) -> Result<Verdict, String> {
    Ok(match policy {
        Policy::Prefer(order) => prefer(order, contest),
        Policy::Latest { otherwise } => return latest(otherwise, contest),
        Policy::Hold => Verdict::Hold,
        Policy::Union | Policy::Max | Policy::Min | Policy::SumDeltas | Policy::Append if contest.grouped => {
            Verdict::Hold
        }
        Policy::Union => merged(union(contest)),
        Policy::Max => extreme(contest, Ordering::Greater),
        Policy::Min => extreme(contest, Ordering::Less),
        Policy::SumDeltas => merged(sum_deltas(contest)),
        Policy::Append => merged(append(contest)),
        Policy::Custom(slot) => return custom(slot, contest),
    })
}

/// A component's ruling. A value it made is of the type of those it was shown.
fn custom(slot: &JudgeSlot, contest: &Contest<'_>) -> Result<Verdict, String> {
    let (Some(code), Some(dispute)) = (&slot.code, contest.dispute) else {
        return Err("it is not loaded".to_owned());
    };
    match code.decide(dispute)? {
        Ruling::Incumbent => Ok(Verdict::Incumbent),
        Ruling::Incoming => Ok(Verdict::Incoming),
        Ruling::Hold(why) => Err(why),
        Ruling::Merged(_) if contest.grouped => {
            Err("it merged a group of fields, which only one side can decide".to_owned())
        }
        Ruling::Merged(value) => {
            let shown = [contest.incumbent.value, contest.incoming.value];
            let same_type = |other: &&Value| std::mem::discriminant(*other) == std::mem::discriminant(&value);
            match value.is_null() || shown.iter().any(same_type) {
                true => Ok(Verdict::Merged(value)),
                false => Err("it made a value of another type".to_owned()),
            }
        }
    }
}

/// The rule in words, for the journal.
pub fn describe(spec: &SyncSpec, policy: &Policy) -> String {
    match policy {
        Policy::Prefer(order) => {
            let names: Vec<&str> = order.iter().filter_map(|side| spec.side(*side).map(|side| &*side.name)).collect();
            format!("prefer {}", names.join(", "))
        }
        Policy::Latest { otherwise } => format!("latest, else {}", describe(spec, otherwise)),
        Policy::Hold => "hold".into(),
        Policy::Union => "union".into(),
        Policy::Max => "max".into(),
        Policy::Min => "min".into(),
        Policy::SumDeltas => "sum-deltas".into(),
        Policy::Append => "append".into(),
        Policy::Custom(slot) => format!("custom {}", in_words(&slot.path, slot.digest())),
    }
}

fn merged(value: Option<Value>) -> Verdict {
    value.map_or(Verdict::Hold, Verdict::Merged)
}

/// Listed sides first, then the runtime's own decisions, then the rest in side order.
fn prefer(order: &[SideId], contest: &Contest<'_>) -> Verdict {
    let rank = |side: Option<SideId>| match side {
        None => order.len(),
        Some(side) => order.iter().position(|listed| *listed == side).unwrap_or(order.len() + 1 + usize::from(side.0)),
    };
    if rank(contest.incoming.side) < rank(contest.incumbent.side) { Verdict::Incoming } else { Verdict::Incumbent }
}

fn latest(otherwise: &Policy, contest: &Contest<'_>) -> Result<Verdict, String> {
    let (was, comes) = (contest.incumbent.at.0, contest.incoming.at.0);
    let tolerance_us = u64::from(contest.skew_tolerance_ms) * 1000;
    if was.abs_diff(comes) <= tolerance_us {
        return resolve(otherwise, contest);
    }
    Ok(if comes > was { Verdict::Incoming } else { Verdict::Incumbent })
}

fn extreme(contest: &Contest<'_>, wanted: Ordering) -> Verdict {
    let (was, comes) = (contest.incumbent.value, contest.incoming.value);
    if comes.is_null() {
        return Verdict::Incumbent;
    }
    if was.is_null() {
        return Verdict::Incoming;
    }
    match comes.compare(was) {
        None => Verdict::Hold,
        Some(found) if found == wanted => Verdict::Incoming,
        Some(_) => Verdict::Incumbent,
    }
}

/// What either added, without what either took away, sorted, each once. Null is
/// the empty list. Without a base nothing was taken away.
fn union(contest: &Contest<'_>) -> Option<Value> {
    let elements = |value: &Value| match value {
        Value::List(list) => Some(list.to_vec()),
        Value::Null => Some(Vec::new()),
        _ => None,
    };
    let was = elements(contest.incumbent.value)?;
    let comes = elements(contest.incoming.value)?;
    let base = match contest.base {
        Some(base) => elements(base)?,
        None => Vec::new(),
    };
    let has = |list: &[Value], value: &Value| list.iter().any(|element| element.same_meaning(value));
    let stays = |value: &Value| !has(&base, value) || (has(&was, value) && has(&comes, value));
    let mut all: Vec<Value> = was.iter().chain(&comes).filter(|value| stays(value)).cloned().collect();
    all.sort_by(|a, b| {
        let order = a.compare(b).filter(|found| found.is_ne());
        order.unwrap_or_else(|| format!("{a:?}").cmp(&format!("{b:?}")))
    });
    all.dedup_by(|a, b| a.same_meaning(b));
    Some(Value::List(all.into()))
}

/// Both sides' differences from the base, added up. Null counts as nothing.
fn sum_deltas(contest: &Contest<'_>) -> Option<Value> {
    let zero = Value::Int(0);
    let number = |value: &Value| if value.is_null() { zero.clone() } else { value.clone() };
    let base = number(contest.base?);
    let sum = number(contest.incumbent.value).add(&number(contest.incoming.value))?;
    sum.subtract(&base)
}

/// What both added to the end of the base, the earlier first; texts that were
/// not only added to are kept whole, one after the other.
fn append(contest: &Contest<'_>) -> Option<Value> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::Null => Some(Arc::from("")),
        _ => None,
    };
    let was = text(contest.incumbent.value)?;
    let comes = text(contest.incoming.value)?;
    let base = match contest.base {
        Some(value) => text(value)?,
        None => Arc::from(""),
    };
    let order = |claim: &Claim<'_>| (claim.at, claim.side);
    let incumbent_first = order(&contest.incumbent) <= order(&contest.incoming);
    let join = |first: &str, second: &str, between: &str| format!("{first}{between}{second}");
    let both = match (was.strip_prefix(&*base), comes.strip_prefix(&*base)) {
        (Some(a), Some(b)) if !base.is_empty() => {
            let (a, b) = if incumbent_first { (a, b) } else { (b, a) };
            format!("{base}{a}{b}")
        }
        _ if was.starts_with(&*comes) => was.to_string(),
        _ if comes.starts_with(&*was) => comes.to_string(),
        _ if incumbent_first => join(&was, &comes, "\n"),
        _ => join(&comes, &was, "\n"),
    };
    Some(Value::text(both))
}
