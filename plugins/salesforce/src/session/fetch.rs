//! Current rows by id or by match columns.

use std::collections::HashMap;

use lockstep_sdk::model::{Cell, FetchRequest, Found};

use crate::failure::Result;
use crate::schema::{Field, Kind, Sobject};
use crate::soql;
use crate::value::{long_id, same};

use super::Session;
use super::rows::Shape;

/// Keys of one query, and how long its text may get: requests are bounded in length.
const KEYS_MAX: usize = 200;
const QUERY_BYTES_MAX: usize = 8_000;

pub fn fetch(session: &mut Session, request: &FetchRequest) -> Result<Vec<Found>> {
    let sobject = session.sobject(&request.selection.object)?;
    let mut columns = request.selection.columns.clone();
    let asked = columns.len();
    columns.extend(request.by.iter().filter(|name| !request.selection.columns.contains(name)).cloned());
    let shape = Shape::new(&sobject, &columns)?;
    let by: Vec<&Field> = request.by.iter().map(|name| sobject.known(name)).collect::<Result<_>>()?;
    let places: Vec<usize> =
        request.by.iter().filter_map(|name| columns.iter().position(|column| column == name)).collect();
    let mut found = Vec::new();
    for chunk in chunks(&sobject, &by, &request.keys) {
        let names: Vec<&str> = by.iter().map(|field| field.name.as_str()).collect();
        let select = soql::select(shape.select().iter().copied(), &sobject.name);
        let literals: Vec<Vec<String>> = chunk.iter().map(|(_, literals)| literals.clone()).collect();
        let (records, _) = session.api.query(&soql::by_keys(&select, &names, &literals), false)?;
        let index = Index::new(&by, &request.keys, chunk.iter().map(|(at, _)| *at));
        for record in &records {
            let mut row = shape.row(record)?;
            let shown: Vec<Cell> = places.iter().filter_map(|place| row.cells.get(*place).cloned()).collect();
            row.cells.truncate(asked);
            for at in index.find(&by, &shown) {
                found.push(Found { index: at as u32, row: row.clone() });
            }
        }
    }
    Ok(found)
}

type Chunk = Vec<(usize, Vec<String>)>;

/// Keys as literals, in queries of a bounded size. A key that no row can hold,
/// null among them, is left out: it is in no row.
fn chunks(sobject: &Sobject, by: &[&Field], keys: &[Vec<Cell>]) -> Vec<Chunk> {
    let room = QUERY_BYTES_MAX.saturating_sub(sobject.name.len());
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut bytes = usize::MAX;
    for (at, key) in keys.iter().enumerate() {
        let literals: Option<Vec<String>> =
            by.iter().zip(key).map(|(field, cell)| soql::literal(field, cell)).collect();
        let Some(literals) = literals.filter(|literals| literals.len() == by.len() && !by.is_empty()) else {
            continue;
        };
        let size: usize = literals.iter().zip(by).map(|(literal, field)| literal.len() + field.name.len() + 8).sum();
        let full = chunks.last().is_none_or(|chunk| chunk.len() >= KEYS_MAX) || bytes.saturating_add(size) > room;
        if full {
            chunks.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(chunk) = chunks.last_mut() {
            chunk.push((at, literals));
        }
    }
    chunks
}

/// Which keys a row answers. Text is equal for a query whatever its case.
struct Index<'k> {
    keys: &'k [Vec<Cell>],
    at: Vec<usize>,
    folded: HashMap<String, Vec<usize>>,
}

impl<'k> Index<'k> {
    fn new(by: &[&Field], keys: &'k [Vec<Cell>], at: impl Iterator<Item = usize>) -> Self {
        let at: Vec<usize> = at.collect();
        let mut folded: HashMap<String, Vec<usize>> = HashMap::new();
        for place in &at {
            if let Some(text) = keys.get(*place).and_then(|key| fold(by, key)) {
                folded.entry(text).or_default().push(*place);
            }
        }
        Index { keys, at, folded }
    }

    fn find(&self, by: &[&Field], shown: &[Cell]) -> Vec<usize> {
        if let Some(text) = fold(by, shown) {
            return self.folded.get(&text).cloned().unwrap_or_default();
        }
        let equal = |at: &usize| {
            let key = self.keys.get(*at).map(Vec::as_slice).unwrap_or_default();
            by.iter().zip(key.iter().zip(shown)).all(|(field, (a, b))| same(field.kind(), a, b))
        };
        self.at.iter().copied().filter(equal).collect()
    }
}

/// One text for a key of texts.
fn fold(by: &[&Field], key: &[Cell]) -> Option<String> {
    let parts: Option<Vec<String>> = by
        .iter()
        .zip(key)
        .map(|(field, cell)| match (field.kind(), cell) {
            (Kind::Id | Kind::Reference, Cell::Text(text)) => Some(long_id(text)),
            (_, Cell::Text(text)) => Some(text.to_lowercase()),
            _ => None,
        })
        .collect();
    parts.map(|parts| parts.join("\u{0}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::parse_describe;

    #[test]
    fn keys_are_asked_for_in_queries_of_a_bounded_size_and_nulls_never() {
        let sobject =
            parse_describe(br#"{"name":"Lead","fields":[{"name":"Email","type":"email"}]}"#).expect("describe");
        let by = [sobject.known("Email").expect("a field")];
        let mut keys: Vec<Vec<Cell>> = (0..450).map(|at| vec![Cell::Text(format!("user{at}@example.com"))]).collect();
        keys.push(vec![Cell::Null]);
        let chunks = chunks(&sobject, &by, &keys);
        assert_eq!(chunks.iter().map(Vec::len).sum::<usize>(), 450);
        assert!(chunks.iter().all(|chunk| chunk.len() <= KEYS_MAX));
        let long = [vec![Cell::Text("x".repeat(7_000))], vec![Cell::Text("y".repeat(7_000))]];
        assert_eq!(super::chunks(&sobject, &by, &long).len(), 2);
    }

    #[test]
    fn a_row_answers_a_key_of_another_case() {
        let sobject =
            parse_describe(br#"{"name":"Lead","fields":[{"name":"Email","type":"email"}]}"#).expect("describe");
        let by = [sobject.known("Email").expect("a field")];
        let keys = [vec![Cell::Text("A@b.c".into())], vec![Cell::Text("d@e.f".into())]];
        let index = Index::new(&by, &keys, 0..2);
        assert_eq!(index.find(&by, &[Cell::Text("a@B.c".into())]), [0]);
    }
}
