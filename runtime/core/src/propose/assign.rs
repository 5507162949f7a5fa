//! Who goes with whom: one partner each, the best for all together rather than
//! the first that fits. Knows scores only.

use pathfinding::prelude::{Matrix, kuhn_munkres};

/// One good pair and one left over are better than two middling ones.
const STEEPNESS: i32 = 6;
/// Scores become whole numbers of this grain.
const GRAIN: f64 = 1_000_000.0;

/// The pairs `(row, column)` that together score most. Scores below `least`
/// never pair. Kuhn and Munkres' method, cubic in the larger side.
pub(super) fn assign(scores: &[Vec<f64>], least: f64) -> Vec<(usize, usize)> {
    let rows = scores.len();
    let columns = scores.first().map_or(0, Vec::len);
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    // The method wants no more rows than columns.
    let turned = rows > columns;
    let (height, width) = if turned { (columns, rows) } else { (rows, columns) };
    let score = |row: usize, column: usize| {
        let (row, column) = if turned { (column, row) } else { (row, column) };
        scores.get(row).and_then(|scores| scores.get(column)).copied().unwrap_or(0.0)
    };
    let weight = |(row, column): (usize, usize)| {
        let score = score(row, column);
        if score < least { 0 } else { (score.powi(STEEPNESS) * GRAIN) as i64 }
    };
    let weights = Matrix::from_fn(height, width, weight);
    let (_, chosen) = kuhn_munkres(&weights);
    let pairs = chosen.into_iter().enumerate().filter(|(row, column)| score(*row, *column) >= least);
    pairs.map(|(row, column)| if turned { (column, row) } else { (row, column) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_for_all_beats_the_best_for_the_first() {
        let scores = [vec![0.90, 0.89], vec![0.88, 0.10]];
        let mut pairs = assign(&scores, 0.3);
        pairs.sort_unstable();
        assert_eq!(pairs, [(0, 1), (1, 0)]);
    }

    #[test]
    fn poor_scores_never_pair_and_sizes_may_differ() {
        assert_eq!(assign(&[vec![0.1, 0.9], vec![0.1, 0.2], vec![0.2, 0.1]], 0.5), [(0, 1)]);
        assert_eq!(assign(&[vec![0.1, 0.9, 0.2]], 0.5), [(0, 1)]);
        assert_eq!(assign(&[], 0.5), []);
    }
}
