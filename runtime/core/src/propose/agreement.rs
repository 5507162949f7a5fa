//! What rows that are the same record say of two columns: equal, different, the
//! same in other words, or on another scale. Knows cells only.

use rustc_hash::{FxHashMap, FxHashSet};

use super::cells::Cell;

/// Fewer rows on which both columns have a value prove nothing.
const ROWS_MIN: usize = 5;
/// Fewer rows in groups say nothing of words.
const GROUPED_MIN: usize = 8;
/// Columns that are equal less often are not worth a look at chance.
const CHANCE_WORTH_FROM: f64 = 0.2;
/// A factor that holds on so many rows is a scale.
const SCALE_SHARE_MIN: f64 = 0.9;
/// Amounts that differ by less are equal but for rounding.
const SCALE_WITHIN: f64 = 0.001;

/// How far two columns agree, row by row.
#[derive(Clone, Debug)]
pub(super) struct Agreement {
    /// Rows on which both have a value.
    pub(super) rows: usize,
    /// Of these, the share on which the values are the same.
    pub(super) equal: f64,
    /// The same, without what chance would give columns with these values.
    pub(super) beyond_chance: f64,
    /// Different values that were found equal.
    pub(super) distinct: usize,
}

/// `None`: too few rows to say.
pub(super) fn agreement(left: &[Cell], right: &[Cell]) -> Option<Agreement> {
    let (mut rows, mut equal) = (0usize, 0usize);
    for (a, b) in left.iter().zip(right) {
        if a.exact != 0 && b.exact != 0 {
            rows += 1;
            equal += usize::from(a.agrees(*b));
        }
    }
    if rows < ROWS_MIN {
        return None;
    }
    let share = equal as f64 / rows as f64;
    let mut found = Agreement { rows, equal: share, beyond_chance: 0.0, distinct: 0 };
    if share < CHANCE_WORTH_FROM {
        return Some(found);
    }
    let mut counts: FxHashMap<u64, (f64, f64)> = FxHashMap::default();
    let mut agreed: FxHashSet<u64> = FxHashSet::default();
    for (a, b) in both(left, right) {
        counts.entry(a.exact).or_default().0 += 1.0;
        // A day and a moment of it count as one value.
        let same = a.agrees(b);
        counts.entry(if same { a.exact } else { b.exact }).or_default().1 += 1.0;
        if same {
            agreed.insert(a.exact);
        }
    }
    let chance = counts.values().map(|(a, b)| a * b).sum::<f64>() / (rows * rows) as f64;
    found.beyond_chance = if chance < 1.0 { ((share - chance) / (1.0 - chance)).max(0.0) } else { 0.0 };
    found.distinct = agreed.len();
    Some(found)
}

fn both<'c>(left: &'c [Cell], right: &'c [Cell]) -> impl Iterator<Item = (Cell, Cell)> + 'c {
    let pairs = left.iter().copied().zip(right.iter().copied());
    pairs.filter(|(a, b)| a.exact != 0 && b.exact != 0)
}

/// The factor between two columns of amounts, where it is one and not 1.
pub(super) fn scale(left: &[Cell], right: &[Cell]) -> Option<f64> {
    let known = |cell: Cell| cell.number.is_finite() && cell.number != 0.0;
    let factors: Vec<f64> = both(left, right)
        .filter(|(a, b)| known(*a) && known(*b))
        .map(|(a, b)| f64::max(a.number / b.number, b.number / a.number))
        .collect();
    if factors.len() < ROWS_MIN {
        return None;
    }
    let mut sorted = factors;
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied()?;
    let near = sorted.iter().filter(|factor| (**factor - middle).abs() <= SCALE_WITHIN * middle).count();
    (middle > 1.0 + SCALE_WITHIN && near as f64 >= SCALE_SHARE_MIN * sorted.len() as f64).then_some(middle)
}

/// How far each value of one column stands for one value of the other, 0 to 1,
/// beyond what the commonest value gives: the same choices in other words, or
/// other keys of the same records. `None`: values repeat too little to say.
pub(super) fn renaming(left: &[Cell], right: &[Cell]) -> Option<f64> {
    let forth = one_way(both(left, right).map(|(a, b)| (a.exact, b.exact)))?;
    let back = one_way(both(left, right).map(|(a, b)| (b.exact, a.exact)))?;
    Some(f64::min(forth, back))
}

fn one_way(pairs: impl Iterator<Item = (u64, u64)>) -> Option<f64> {
    let mut groups: FxHashMap<u64, FxHashMap<u64, usize>> = FxHashMap::default();
    for (from, to) in pairs {
        *groups.entry(from).or_default().entry(to).or_default() += 1;
    }
    let large: Vec<&FxHashMap<u64, usize>> =
        groups.values().filter(|group| group.values().sum::<usize>() > 1).collect();
    let mut totals: FxHashMap<u64, usize> = FxHashMap::default();
    let (mut rows, mut told) = (0usize, 0usize);
    for group in &large {
        rows += group.values().sum::<usize>();
        told += group.values().max().copied().unwrap_or_default();
        for (to, count) in *group {
            *totals.entry(*to).or_default() += count;
        }
    }
    if rows < GROUPED_MIN || groups.len() < 2 {
        // One value only, where the other column has several, stands for nothing.
        return (groups.len() == 1 && totals.len() > 2 && rows >= GROUPED_MIN).then_some(0.0);
    }
    let commonest = totals.values().max().copied().unwrap_or_default();
    if commonest == rows {
        return (groups.len() > 2).then_some(0.0);
    }
    Some((told - commonest.min(told)) as f64 / (rows - commonest) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn cells(values: &[&str]) -> Vec<Cell> {
        values.iter().map(|text| Cell::of(&Value::text(*text))).collect()
    }

    #[test]
    fn equal_values_count_for_more_the_less_they_are_chance() {
        let names = cells(&["Ada", "Bob", "Cyd", "Dan", "Eve", "Fay"]);
        let found = agreement(&names, &names).expect("enough rows");
        assert_eq!((found.rows, found.distinct), (6, 6));
        assert!(found.beyond_chance > 0.99);
        let no = cells(&["false"; 6]);
        assert_eq!(agreement(&no, &no).map(|found| found.beyond_chance), Some(0.0));
        assert!(agreement(&cells(&["a"; 4]), &cells(&["a"; 4])).is_none());
    }

    #[test]
    fn other_words_and_other_scales_are_told_from_other_things() {
        let one = cells(&["new", "new", "open", "open", "done", "done", "new", "open"]);
        let other = cells(&["N", "N", "O", "O", "D", "D", "N", "O"]);
        let mixed = cells(&["N", "O", "D", "N", "O", "D", "N", "D"]);
        assert_eq!(renaming(&one, &other), Some(1.0));
        assert!(renaming(&one, &mixed).is_some_and(|share| share < 0.5));
        let seconds = cells(&["1", "60", "61", "7", "90"]);
        let millis = cells(&["1000", "60000", "61000", "7000", "90000"]);
        assert!(scale(&seconds, &millis).is_some_and(|factor| (factor - 1000.0).abs() < 1.0));
        assert!(scale(&seconds, &seconds).is_none());
    }
}
