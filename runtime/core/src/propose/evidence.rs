//! What values say for and against a pair that names and types have made a first
//! guess of: choices, forms, shared values, sizes, and rows that are the same record.

use super::{
    Reason,
    agreement::{Agreement, agreement, renaming, scale},
    cells::Cell,
    pair::Subject,
};
use crate::schema::Kind;

/// So many shared values say that two columns hold the same, whatever they are called.
const OVERLAP_TELLING: f64 = 0.5;
/// A doubt that only a person can settle leaves no more than this.
const DOUBT_MAX: f64 = 0.85;
/// Another unit, or the same choices in words that no list explains.
const CONVERSION_MAX: f64 = 0.7;
/// Names that cannot be said of one column are not made one by their values.
const APART_MAX: f64 = 0.5;
/// Below this, rows that are the same record disprove a pair.
const DISPROVED_BELOW: f64 = 0.2;
/// Columns of few values are equal on many rows by chance: on so many rows, and no
/// more often than chance would have it, that disproves a pair, too.
const CHANCE_ROWS_MIN: usize = 10;
const CHANCE_BELOW: f64 = 0.7;
const CHANCE_SHARE_MAX: f64 = 0.15;
/// What a disproved pair keeps.
const DISPROVED_SHARE: f64 = 0.35;
/// From here on, equal rows speak for a pair.
const EQUAL_MIN: f64 = 0.8;
/// Equal rows by which a pair is sure although its names say nothing.
const PROOF_ROWS_MIN: usize = 15;
const PROOF_DISTINCT_MIN: usize = 8;
const PROOF_EQUAL_MIN: f64 = 0.9;
/// Names that have less in common say nothing.
const NAME_SAYS_NOTHING: f64 = 0.3;
/// Below this a name cannot be doubted, as it is no reason to begin with.
const NAME_SAYS_SOMETHING: f64 = 0.5;
/// From here on, values stand for each other.
const RENAMED_MIN: f64 = 0.8;
const NOT_RENAMED: f64 = 0.3;

/// What is known before values are looked at.
pub(super) struct Known<'c> {
    pub(super) score: f64,
    pub(super) cells: Option<(&'c [Cell], &'c [Cell])>,
    pub(super) apart: bool,
}

/// The score with what values say, and how sure it can be at the most: a doubt is
/// no reason to choose another column.
pub(super) fn weigh(known: Known<'_>, a: &Subject<'_>, b: &Subject<'_>, reasons: &mut Vec<Reason>) -> (f64, f64) {
    let guess = known.score;
    let (score, supported) = lists(guess, a, b, reasons);
    let by_rows = known.cells.and_then(|(left, right)| {
        let found = agreement(left, right)?;
        let is_key = |one: &Subject<'_>| one.column.references.is_some() || one.named.is_key();
        if found.equal < EQUAL_MIN && (is_key(a) || is_key(b)) {
            return if guess > NAME_SAYS_NOTHING { keys(score, left, right, reasons) } else { None };
        }
        rows(score, guess, &found, (left, right), (a, b), reasons)
    });
    match by_rows {
        Some(score) if known.apart => (score.min(guess.max(APART_MAX)), 1.0),
        Some(score) => (score, 1.0),
        None if score < NAME_SAYS_SOMETHING || supported => (score, 1.0),
        None => (score, doubt(a, b, reasons)),
    }
}

/// Choices, forms and shared values, without knowing which rows belong together.
/// Also whether anything spoke for the pair.
fn lists(score: f64, a: &Subject<'_>, b: &Subject<'_>, reasons: &mut Vec<Reason>) -> (f64, bool) {
    let mut score = score;
    let mut supported = false;
    if let Some(share) = listed(&a.column.column_type.values, &b.column.column_type.values) {
        if share >= OVERLAP_TELLING {
            reasons.push(Reason::SameChoices { percent: percent(share) });
            score += (1.0 - score) * 0.4 * share;
            supported = true;
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
        // Shared by columns of one kind, too: cities with cities, yes, but of whom?
        reasons.push(Reason::SharedValues { percent: percent(share) });
        score += (1.0 - score) * 0.75 * share * if score > NAME_SAYS_NOTHING { 1.0 } else { 0.7 };
        supported |= share >= OVERLAP_TELLING;
    }
    (score, supported)
}

/// What equal and different values on the same records say.
fn rows(
    score: f64,
    guess: f64,
    found: &Agreement,
    (left, right): (&[Cell], &[Cell]),
    (a, b): (&Subject<'_>, &Subject<'_>),
    reasons: &mut Vec<Reason>,
) -> Option<f64> {
    if found.equal >= EQUAL_MIN {
        if found.distinct < 2 {
            return None;
        }
        reasons.push(Reason::SameOnRows { percent: percent(found.equal), rows: found.rows });
        let proof =
            found.rows >= PROOF_ROWS_MIN && found.distinct >= PROOF_DISTINCT_MIN && found.equal >= PROOF_EQUAL_MIN;
        let share = match found.distinct {
            _ if proof => 0.93,
            0..=2 => 0.5,
            3..=4 => 0.75,
            _ => 0.85,
        };
        return Some(score + (1.0 - score) * share * found.beyond_chance);
    }
    if guess <= NAME_SAYS_NOTHING {
        // Shared values of columns that differ row by row are a coincidence.
        return Some(score.min(guess + (score - guess) * 0.3));
    }
    if a.named.is_bookkeeping() && b.named.is_bookkeeping() {
        return Some(score);
    }
    if let Some(factor) = scale(left, right) {
        reasons.push(Reason::OtherScale(factor.round().clamp(1.0, f64::from(u32::MAX)) as u32));
        return Some(score.min(CONVERSION_MAX));
    }
    let chance = found.rows >= CHANCE_ROWS_MIN && found.equal < CHANCE_BELOW && found.beyond_chance < CHANCE_SHARE_MAX;
    if found.equal < DISPROVED_BELOW || chance {
        if renaming(left, right).is_some_and(|share| share >= RENAMED_MIN) {
            reasons.push(Reason::InOtherWords);
            return Some((score + (1.0 - score) * 0.3).min(DOUBT_MAX));
        }
        reasons.push(Reason::OtherOnRows { percent: percent(found.equal), rows: found.rows });
        return Some(score * DISPROVED_SHARE);
    }
    reasons.push(Reason::OtherOnRows { percent: percent(found.equal), rows: found.rows });
    Some(score.min(DOUBT_MAX))
}

/// Keys are each system's own; whether they stand for each other is what counts.
fn keys(score: f64, left: &[Cell], right: &[Cell], reasons: &mut Vec<Reason>) -> Option<f64> {
    let share = renaming(left, right)?;
    if share >= RENAMED_MIN {
        reasons.push(Reason::InOtherWords);
        return Some(score + (1.0 - score) * 0.8 * share);
    }
    (share < NOT_RENAMED).then_some(score * DISPROVED_SHARE)
}

/// How sure a pair can be for whose rows nothing speaks.
fn doubt(a: &Subject<'_>, b: &Subject<'_>, reasons: &mut Vec<Reason>) -> f64 {
    let refer = a.column.references.is_some() && b.column.references.is_some();
    let reason = if !refer && a.profile.is_closed() && b.profile.is_closed() && a.profile.is_disjoint(&b.profile) {
        Reason::OtherChoices
    } else if numeric(a) && numeric(b) && a.profile.differs_in_size(&b.profile) {
        Reason::OtherSize
    } else if a.named.says_little() && b.named.says_little() || refer && a.named.is_other_company(&b.named) {
        Reason::SaysLittle
    } else {
        return 1.0;
    };
    reasons.push(reason);
    DOUBT_MAX
}

fn numeric(subject: &Subject<'_>) -> bool {
    matches!(subject.column.column_type.kind, Kind::Int | Kind::Decimal | Kind::Float)
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
