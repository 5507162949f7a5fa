//! Choices that mean the same and are written differently, such as `Closed Won`
//! and `closedwon`: which word of each column stands for which value.

use crate::schema::{Column, Kind};

/// Choices of one column that are compared.
const CHOICES_MAX: usize = 500;

/// For each column, in order, its word for each of the field's values. Empty: the
/// columns list no choices, or write them alike, or most of them differ.
pub(super) fn words(columns: &[&Column]) -> Vec<Vec<(String, String)>> {
    let lists: Option<Vec<&[String]>> = columns.iter().map(|column| listed(column)).collect();
    let Some(lists) = lists.filter(|lists| lists.len() > 1) else {
        return Vec::new();
    };
    let Some((first, others)) = lists.split_first() else {
        return Vec::new();
    };
    if others.iter().all(|list| list.iter().all(|word| first.contains(word))) {
        return Vec::new();
    }
    // Two words of one column that read alike could stand for either.
    if lists.iter().any(|list| has_twins(list)) {
        return Vec::new();
    }
    let shortest = lists.iter().map(|list| list.len()).min().unwrap_or(0);
    let known = |list: &[String], folded: &str| list.iter().find(|word| fold(word) == folded).cloned();
    // The field's values are the first column's, in the spelling that reads best.
    let values: Vec<(String, String)> = first.iter().map(|word| (fold(word), plain(word))).collect();
    let everywhere = values.iter().filter(|(folded, _)| lists.iter().all(|list| known(list, folded).is_some())).count();
    if everywhere * 2 < shortest.max(1) {
        return Vec::new();
    }
    let all: Vec<(String, String)> = lists
        .iter()
        .flat_map(|list| list.iter().map(|word| (fold(word), plain(word))))
        .fold(Vec::new(), |mut all, one| {
            if !all.iter().any(|(folded, _)| *folded == one.0) {
                all.push(one);
            }
            all
        });
    let of = |list: &&[String]| {
        all.iter().filter_map(|(folded, value)| Some((value.clone(), known(list, folded)?))).collect()
    };
    lists.iter().map(of).collect()
}

fn listed(column: &Column) -> Option<&[String]> {
    let values = &column.column_type.values;
    let lists = matches!(column.column_type.kind, Kind::Enum | Kind::Text | Kind::List);
    (lists && (2..=CHOICES_MAX).contains(&values.len())).then_some(values)
}

fn fold(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// `Closed Won` as `closed_won`.
fn plain(word: &str) -> String {
    let words: Vec<String> =
        word.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).map(str::to_lowercase).collect();
    if words.is_empty() { word.to_owned() } else { words.join("_") }
}

fn has_twins(list: &[String]) -> bool {
    let mut folded: Vec<String> = list.iter().map(|word| fold(word)).collect();
    folded.sort();
    folded.windows(2).any(|pair| pair.first() == pair.last())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ColumnType;

    fn column(values: &[&str]) -> Column {
        Column::new(
            "stage",
            ColumnType {
                values: values.iter().map(|value| (*value).to_owned()).collect(),
                ..ColumnType::of(Kind::Enum)
            },
        )
    }

    fn found(a: &[&str], b: &[&str]) -> Vec<Vec<(String, String)>> {
        words(&[&column(a), &column(b)])
    }

    #[test]
    fn the_same_choices_in_other_words_go_together() {
        let pairs = found(&["Closed Won", "New", "Lost"], &["closedwon", "new", "other"]);
        let first: Vec<(&str, &str)> = pairs[0].iter().map(|(value, word)| (value.as_str(), word.as_str())).collect();
        assert_eq!(first, [("closed_won", "Closed Won"), ("new", "New"), ("lost", "Lost")]);
        let second: Vec<(&str, &str)> = pairs[1].iter().map(|(value, word)| (value.as_str(), word.as_str())).collect();
        assert_eq!(second, [("closed_won", "closedwon"), ("new", "new"), ("other", "other")]);
    }

    #[test]
    fn equal_choices_need_no_words_and_doubtful_ones_get_none() {
        assert!(found(&["a", "b", "c"], &["b", "a"]).is_empty());
        assert!(found(&["A", "B"], &["x", "y"]).is_empty());
        assert!(found(&["A b", "a-b"], &["ab", "c"]).is_empty());
    }
}
