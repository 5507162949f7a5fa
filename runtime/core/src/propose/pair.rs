//! How likely two columns hold the same thing, and why: names first, then
//! types, references, enumerations and sampled values.

use super::{
    Reason,
    likeness::{Named, Rarity, likeness, partner},
    samples::Profile,
};
use crate::{
    cast::Cast,
    schema::{Column, Kind},
};

/// No name alone makes a certainty.
const CONFIDENCE_MAX: f64 = 0.99;
/// So many shared values say that two columns hold the same, whatever they are called.
const OVERLAP_TELLING: f64 = 0.5;

/// Objects whose names mean the same this far are taken for the same kind.
const SAME_TARGET: f64 = 0.7;

/// One column, ready to be compared.
pub(super) struct Subject<'a> {
    pub(super) column: &'a Column,
    pub(super) named: Named,
    pub(super) profile: Profile,
    /// What the object it refers to means.
    pub(super) target: Vec<String>,
}

/// What speaks for a pair. `confidence` is 0 to 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) confidence: f64,
    pub(super) reasons: Vec<Reason>,
    /// Spelt alike, letter for letter.
    pub(super) same_name: bool,
}

pub(super) fn compare(a: &Subject<'_>, b: &Subject<'_>, rarity: &Rarity) -> Verdict {
    let Some(types) = types(a, b) else {
        return Verdict::default();
    };
    let mut reasons = Vec::new();
    let same_name = a.named.spelt == b.named.spelt;
    let alike = likeness(&a.named, &b.named, rarity);
    let mut score = alike.score;
    if same_name {
        score = score.max(0.97);
        reasons.push(Reason::SameName);
    } else if !alike.shared.is_empty() && score > 0.3 {
        reasons.push(Reason::SameMeaning(alike.shared));
    } else if score > 0.3 {
        reasons.push(Reason::SimilarName);
    }
    if a.column.references.is_some() && b.column.references.is_some() {
        if a.target.iter().any(|one| b.target.iter().any(|other| partner(one, other) >= SAME_TARGET)) {
            score = score.max(0.55) + 0.15;
            reasons.push(Reason::SameTarget);
        } else {
            score *= 0.5;
        }
    }
    score *= types;
    if a.column.unique && b.column.unique && score > 0.3 {
        score += 0.03;
        reasons.push(Reason::BothUnique);
    }
    score = with_values(score, a, b, &mut reasons);
    Verdict { confidence: score.clamp(0.0, CONFIDENCE_MAX), reasons, same_name }
}

/// What the types leave of a likeness; `None`: no value of one converts to the other.
fn types(a: &Subject<'_>, b: &Subject<'_>) -> Option<f64> {
    let (left, right) = (&a.column.column_type, &b.column.column_type);
    let plan = Cast::between(left, right);
    if plan.impossible {
        return None;
    }
    let references = a.column.references.is_some() as u8 + b.column.references.is_some() as u8;
    // Keys are of each system's own kind; what they refer to is compared instead.
    if references == 2 {
        return Some(1.0);
    }
    let family = family_share(left.kind, right.kind);
    let loss = if plan.loss.is_some() { 0.93 } else { 1.0 };
    let one_refers = if references == 1 { 0.7 } else { 1.0 };
    Some(family * loss * one_refers)
}

fn family_share(a: Kind, b: Kind) -> f64 {
    use Kind::*;
    let text = |kind| matches!(kind, Text | Enum | Opaque);
    let number = |kind| matches!(kind, Int | Decimal | Float);
    let time = |kind| matches!(kind, Date | Timestamp | LocalTimestamp);
    match (a, b) {
        (a, b) if a == b => 1.0,
        (a, b) if text(a) && text(b) => 0.99,
        (a, b) if number(a) && number(b) => 0.99,
        (Timestamp, LocalTimestamp) | (LocalTimestamp, Timestamp) => 0.97,
        (a, b) if time(a) && time(b) => 0.9,
        (List, other) | (other, List) if text(other) => 0.85,
        (Bool, other) | (other, Bool) if text(other) || number(other) => 0.75,
        (one, other) if time(one) && text(other) || time(other) && text(one) => 0.85,
        (one, other) if text(one) || text(other) => 0.75,
        _ => 0.6,
    }
}

/// Values speak for a pair, or against it.
fn with_values(score: f64, a: &Subject<'_>, b: &Subject<'_>, reasons: &mut Vec<Reason>) -> f64 {
    let mut score = score;
    if let Some(share) = listed(&a.column.column_type.values, &b.column.column_type.values) {
        if share >= OVERLAP_TELLING {
            reasons.push(Reason::SameChoices { percent: percent(share) });
            score += (1.0 - score) * 0.4 * share;
        } else if share == 0.0 {
            score *= 0.8;
        }
    }
    match (a.profile.shape, b.profile.shape) {
        (Some(one), Some(other)) if one == other && one.is_telling() => {
            reasons.push(Reason::SameShape(one));
            score += (1.0 - score) * 0.25 * if score > 0.2 { 1.0 } else { 0.3 };
        }
        (Some(one), Some(other)) if one != other && (one.is_telling() || other.is_telling()) => score *= 0.6,
        _ => {}
    }
    if let Some(share) = a.profile.overlap(&b.profile)
        && share >= OVERLAP_TELLING / 2.0
    {
        reasons.push(Reason::SharedValues { percent: percent(share) });
        score += (1.0 - score) * 0.75 * share;
    }
    score
}

fn percent(share: f64) -> u8 {
    (share * 100.0).round().clamp(0.0, 100.0) as u8
}

/// The share of the shorter list that the other has too; `None`: not both have one.
fn listed(a: &[String], b: &[String]) -> Option<f64> {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() < 2 {
        return None;
    }
    let fold = |text: &String| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let long: Vec<String> = long.iter().map(fold).collect();
    let both = short.iter().map(fold).filter(|value| long.contains(value)).count();
    Some(both as f64 / short.len() as f64)
}
