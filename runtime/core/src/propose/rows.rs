//! Which sampled rows of two sides are the same record: found by values that are
//! unique on both sides, whatever their columns are called. Bounded in rows and
//! columns; knows no names.

use rustc_hash::FxHashMap;

use super::cells::Cell;
use crate::value::Value;

/// Rows that are joined, at the most.
const JOINED_MAX: usize = 500;
/// Fewer shared values are chance.
const SHARED_MIN: usize = 5;
/// A column that tells rows apart does so nearly always.
const UNIQUE_SHARE_MIN: f64 = 0.95;
/// Columns that no other confirms have to share this much.
const ALONE_SHARE_MIN: f64 = 0.3;
/// Two ways of joining confirm each other when they agree this far.
const CONFIRM_SHARE_MIN: f64 = 0.8;
/// Ways of joining that are weighed against each other.
const WAYS_MAX: usize = 12;

/// A side's sampled rows as cells, by column.
pub(super) struct Rows(Vec<Vec<Cell>>);

impl Rows {
    pub(super) fn of(samples: &[Vec<Value>]) -> Self {
        Rows(samples.iter().map(|column| column.iter().map(Cell::of).collect()).collect())
    }

    /// Of the columns that tell rows apart: the row of each value.
    fn unique(&self) -> Vec<FxHashMap<u64, usize>> {
        self.0.iter().map(|column| unique(column)).collect()
    }
}

fn unique(column: &[Cell]) -> FxHashMap<u64, usize> {
    let mut rows: FxHashMap<u64, Option<usize>> = FxHashMap::default();
    let filled = column.iter().enumerate().filter(|(_, cell)| cell.exact != 0);
    let (mut count, mut telling) = (0, 0);
    for (row, cell) in filled {
        count += 1;
        telling += usize::from(cell.key_like);
        rows.entry(cell.exact).and_modify(|known| *known = None).or_insert(Some(row));
    }
    let least = UNIQUE_SHARE_MIN * count as f64;
    if count < SHARED_MIN || (rows.len() as f64) < least || (telling as f64) < least {
        return FxHashMap::default();
    }
    rows.into_iter().filter_map(|(value, row)| Some((value, row?))).collect()
}

/// The rows of two sides that are the same record, column by column in that order.
pub(super) struct Joined {
    pub(super) left: Vec<Vec<Cell>>,
    pub(super) right: Vec<Vec<Cell>>,
}

/// A pair of columns that joins rows.
struct Way {
    pairs: FxHashMap<usize, usize>,
    /// Of the column that has fewer values.
    share: f64,
}

impl Way {
    fn agrees(&self, other: &Way) -> bool {
        let common = self.pairs.iter().filter_map(|(left, right)| Some((right, other.pairs.get(left)?)));
        let (mut count, mut same) = (0, 0);
        for (one, two) in common {
            count += 1;
            same += usize::from(one == two);
        }
        count > 0 && same as f64 >= CONFIRM_SHARE_MIN * count as f64
    }
}

/// `None`: nothing joins them.
pub(super) fn join(left: &Rows, right: &Rows) -> Option<Joined> {
    let ways = ways(left, right);
    let confirmed = |way: &Way| ways.iter().filter(|other| way.agrees(other)).count();
    // A way agrees with itself, too.
    let trusted = |way: &&Way| confirmed(way) > 1 || way.share >= ALONE_SHARE_MIN;
    let best = ways.iter().filter(trusted).max_by_key(|way| (confirmed(way), way.pairs.len()))?;
    let mut pairs: Vec<(usize, usize)> = best.pairs.iter().map(|(a, b)| (*a, *b)).collect();
    for way in ways.iter().filter(|way| way.agrees(best)) {
        for (a, b) in &way.pairs {
            if !pairs.iter().any(|(left, right)| left == a || right == b) {
                pairs.push((*a, *b));
            }
        }
    }
    pairs.sort_unstable();
    pairs.truncate(JOINED_MAX);
    let cell = |column: &[Cell], row: usize| column.get(row).copied().unwrap_or(Cell::NONE);
    let of_left = |column: &Vec<Cell>| pairs.iter().map(|(row, _)| cell(column, *row)).collect();
    let of_right = |column: &Vec<Cell>| pairs.iter().map(|(_, row)| cell(column, *row)).collect();
    Some(Joined { left: left.0.iter().map(of_left).collect(), right: right.0.iter().map(of_right).collect() })
}

/// Column pairs that share unique values, those that share most first.
fn ways(left: &Rows, right: &Rows) -> Vec<Way> {
    let (left, right) = (left.unique(), right.unique());
    let mut places: FxHashMap<u64, Vec<(usize, usize)>> = FxHashMap::default();
    for (column, rows) in right.iter().enumerate() {
        for (value, row) in rows {
            places.entry(*value).or_default().push((column, *row));
        }
    }
    let mut found: FxHashMap<(usize, usize), FxHashMap<usize, usize>> = FxHashMap::default();
    for (column, rows) in left.iter().enumerate() {
        for (value, row) in rows {
            for (other, there) in places.get(value).into_iter().flatten() {
                found.entry((column, *other)).or_default().insert(*row, *there);
            }
        }
    }
    let size = |side: &[FxHashMap<u64, usize>], column: usize| side.get(column).map_or(0, FxHashMap::len);
    let mut ways: Vec<((usize, usize), Way)> = found
        .into_iter()
        .filter(|(_, pairs)| pairs.len() >= SHARED_MIN)
        .map(|((a, b), pairs)| {
            let fewest = size(&left, a).min(size(&right, b)).max(1);
            let share = pairs.len() as f64 / fewest as f64;
            ((a, b), Way { pairs, share })
        })
        .collect();
    ways.sort_by_key(|(columns, way)| (std::cmp::Reverse(way.pairs.len()), *columns));
    ways.truncate(WAYS_MAX);
    ways.into_iter().map(|(_, way)| way).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<Value> {
        values.iter().map(|text| if text.is_empty() { Value::Null } else { Value::text(*text) }).collect()
    }

    const MAILS: &[&str] = &["ada@a.org", "bob@a.org", "cyd@a.org", "dan@a.org", "eve@a.org", "fay@a.org"];

    #[test]
    fn rows_are_joined_by_values_that_are_unique_on_both_sides() {
        let mut turned = MAILS.to_vec();
        turned.reverse();
        let left = Rows::of(&[texts(&["1", "2", "3", "4", "5", "6"]), texts(MAILS)]);
        let right = Rows::of(&[texts(&turned), texts(&["6", "5", "4", "3", "2", "1"])]);
        let joined = join(&left, &right).expect("joined by the addresses");
        let all = joined.left[0].iter().zip(&joined.right[1]);
        assert_eq!(all.clone().count(), 6);
        assert!(all.into_iter().all(|(a, b)| a.agrees(*b)));
    }

    #[test]
    fn values_that_repeat_or_are_counters_join_nothing() {
        let counters = Rows::of(&[(1..=20).map(Value::Int).collect()]);
        assert!(join(&counters, &counters).is_none());
        let cities = Rows::of(&[texts(&["Bern", "Bern", "Basel", "Basel", "Chur", "Chur"])]);
        assert!(join(&cities, &cities).is_none());
    }
}
