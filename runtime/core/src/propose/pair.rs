//! How likely two columns hold the same thing, and why: names first, then
//! types and references, then what values say.

use super::{
    Reason,
    cells::Cell,
    evidence::{self, Known},
    likeness::{Named, Rarity, likeness, partner},
    samples::Profile,
};
use crate::{
    cast::Cast,
    schema::{Column, Kind},
};

/// No name alone makes a certainty.
const CONFIDENCE_MAX: f64 = 0.99;
/// Spelt alike, letter for letter.
const SAME_NAME: f64 = 0.98;
/// Objects whose names mean the same this far are taken for the same kind.
const SAME_TARGET: f64 = 0.7;

/// One column, ready to be compared.
pub(super) struct Subject<'a> {
    pub(super) column: &'a Column,
    /// Its place in the object.
    pub(super) place: usize,
    pub(super) named: Named,
    pub(super) profile: Profile,
    /// It refers to another record of its own object.
    pub(super) refers_home: bool,
    /// What the object it refers to means.
    pub(super) target: Vec<String>,
}

/// What speaks for a pair. `confidence` is 0 to 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) confidence: f64,
    /// How sure it can be when it is chosen.
    pub(super) ceiling: f64,
    /// What it would be without a look at values.
    pub(super) by_name: f64,
    pub(super) reasons: Vec<Reason>,
    /// Spelt alike, letter for letter.
    pub(super) same_name: bool,
    /// The share of words that both names have, as they are written.
    pub(super) closeness: f64,
}

/// `cells`: of both, on the rows that are the same record.
pub(super) fn compare(a: &Subject<'_>, b: &Subject<'_>, cells: Option<(&[Cell], &[Cell])>, rarity: &Rarity) -> Verdict {
    let Some(types) = types(a, b) else {
        return Verdict::default();
    };
    let mut reasons = Vec::new();
    let same_name = a.named.spelt == b.named.spelt;
    let alike = likeness(&a.named, &b.named, rarity);
    let closeness = alike.closeness;
    let mut score = alike.score;
    if same_name {
        score = score.max(SAME_NAME);
        reasons.push(Reason::SameName);
    } else if !alike.shared.is_empty() && score > 0.3 {
        reasons.push(Reason::SameMeaning(alike.shared));
    } else if score > 0.3 {
        reasons.push(Reason::SimilarName);
    }
    if a.column.references.is_some() && b.column.references.is_some() {
        let home = a.refers_home && b.refers_home;
        if home || a.target.iter().any(|one| b.target.iter().any(|other| partner(one, other) >= SAME_TARGET)) {
            score = score.max(0.55) + 0.15;
            reasons.push(Reason::SameTarget);
        } else if !(a.named.says("owner") && b.named.says("owner")) {
            score *= if a.refers_home == b.refers_home { 0.7 } else { 0.5 };
        }
    }
    score *= types;
    if a.column.unique && b.column.unique && score > 0.3 {
        score += 0.03;
        reasons.push(Reason::BothUnique);
    }
    let by_name = score.clamp(0.0, CONFIDENCE_MAX);
    let known = Known { score, cells, apart: alike.apart };
    let (confidence, ceiling) = evidence::weigh(known, a, b, &mut reasons);
    Verdict { confidence: confidence.clamp(0.0, CONFIDENCE_MAX), ceiling, by_name, reasons, same_name, closeness }
}

/// What the types leave of a likeness; `None`: no value of one converts to the other.
fn types(a: &Subject<'_>, b: &Subject<'_>) -> Option<f64> {
    let references = a.column.references.is_some() as u8 + b.column.references.is_some() as u8;
    // Keys are of each system's own kind; what they refer to is compared instead.
    if references == 2 {
        return Some(1.0);
    }
    let (left, right) = (&a.column.column_type, &b.column.column_type);
    let plan = Cast::between(left, right);
    if plan.impossible {
        return None;
    }
    let family = family_share(left.kind, right.kind);
    let loss = if plan.loss.is_some() { 0.93 } else { 1.0 };
    let one_refers = match references {
        // Whoever is in charge is often written as a plain key.
        1 if a.named.says("owner") && b.named.says("owner") => 0.85,
        1 => 0.7,
        _ => 1.0,
    };
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
