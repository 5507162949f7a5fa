//! Current rows by key, by a unique property, or by whatever columns match.

use std::collections::HashMap;

use lockstep_sdk::model::{Cell, FetchRequest, Found};
use serde_json::{Value, json};

use super::Session;
use super::call::Repeat;
use super::records::Wanted;
use crate::failure::{Failure, Result};
use crate::request::SEARCH_PAGE;
use crate::response::{Record, RecordPage};
use crate::schema::{KEY, ObjectType};
use crate::value::{encode, same};
use crate::writing::Shape;

/// Groups of conditions in one search (vendor documentation: five, with six
/// conditions each and eighteen in all).
const GROUPS_MAX: usize = 5;
const CONDITIONS_MAX: usize = 18;
/// Pages of one look-up by columns that are not unique.
const LOOKUP_PAGES_MAX: u32 = 5;

pub fn fetch(session: &mut Session, request: &FetchRequest) -> Result<Vec<Found>> {
    let object = session.object_type(&request.selection.object)?;
    let shape = Shape::new(&object, &request.selection.columns)?;
    let read_at = session.read_at_us();
    let found = match request.by.as_slice() {
        [key] if key == KEY => by_id(session, &object, &shape, request)?,
        [unique] if object.is_unique(unique) => by_unique(session, &object, &shape, request, unique)?,
        _ => by_search(session, &object, &shape, request)?,
    };
    Ok(found.into_iter().map(|(index, record)| answer(session, &object, &shape, index, &record, read_at)).collect())
}

fn answer(
    session: &Session,
    object: &ObjectType,
    shape: &Shape,
    index: usize,
    record: &Record,
    read_at_us: i64,
) -> Found {
    let mut row = shape.ordered_row(record, read_at_us);
    let now = session.platform.monotonic_ms();
    for (column, cell) in shape.0.iter().zip(&mut row.cells) {
        if session.unsettled.withholds(&object.name, record, &column.name, &session.ours, now) {
            *cell = Cell::Absent;
        }
    }
    Found { index: index as u32, row }
}

fn wanted<'a>(object: &'a ObjectType, names: &'a [String], by: Option<&'a str>) -> Wanted<'a> {
    Wanted { object: &object.name, properties: names, history: true, archived: false, by }
}

type Hits = Vec<(usize, Record)>;

fn by_id(session: &mut Session, object: &ObjectType, shape: &Shape, request: &FetchRequest) -> Result<Hits> {
    let ids: Vec<String> = request.keys.iter().map(|key| id_of(key).unwrap_or_default()).collect();
    let records = session.records(&wanted(object, &shape.names(), None), &ids)?;
    let mut by_id: HashMap<&str, &Record> = records.iter().map(|record| (record.id.as_str(), record)).collect();
    // An id that was merged away answers with the winner, which is another record.
    by_id.retain(|id, _| ids.iter().any(|asked| asked == id));
    let hit = |(index, id): (usize, &String)| by_id.get(id.as_str()).map(|record| (index, (*record).clone()));
    Ok(ids.iter().enumerate().filter_map(hit).collect())
}

/// A record's id from a key; ids are texts, and numbers are forgiven.
pub(super) fn id_of(key: &[Cell]) -> Option<String> {
    match key {
        [Cell::Text(id)] | [Cell::Decimal(id)] => Some(id.clone()),
        [Cell::Integer(id)] => Some(id.to_string()),
        _ => None,
    }
    .filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
}

fn by_unique(
    session: &mut Session,
    object: &ObjectType,
    shape: &Shape,
    request: &FetchRequest,
    property: &str,
) -> Result<Hits> {
    let kind = object.kind(property)?;
    let texts: Vec<String> = request
        .keys
        .iter()
        .map(|key| key.first().and_then(|cell| encode(kind, cell).ok()).unwrap_or_default().trim().to_lowercase())
        .collect();
    let mut names = shape.names();
    if !names.iter().any(|name| name == property) {
        names.push(property.to_owned());
    }
    let records = session.records(&wanted(object, &names, Some(property)), &texts)?;
    let mut hits = Hits::new();
    for record in records {
        let held = record.text(property).unwrap_or_default().to_lowercase();
        let asked = texts.iter().enumerate().filter(|(_, text)| !text.is_empty() && **text == held);
        hits.extend(asked.map(|(index, _)| (index, record.clone())));
    }
    Ok(hits)
}

/// By columns that are not unique: only a search finds them, and its index lags.
/// What it finds is read again; what it does not find may be there all the same
/// until the index had its time.
fn by_search(session: &mut Session, object: &ObjectType, shape: &Shape, request: &FetchRequest) -> Result<Hits> {
    let match_shape = Shape::new(object, &request.by)?;
    let mut ids = Vec::new();
    let groups = GROUPS_MAX.min(CONDITIONS_MAX / request.by.len().max(1)).max(1);
    for keys in request.keys.chunks(groups) {
        let filters: Vec<Value> = keys.iter().filter_map(|key| conditions(&match_shape, key)).collect();
        if !filters.is_empty() {
            search(session, object, &filters, &mut ids)?;
        }
    }
    let mut names = shape.names();
    names.extend(match_shape.names().into_iter().filter(|name| !shape.0.iter().any(|column| column.name == *name)));
    let records = session.records(&wanted(object, &names, None), &ids)?;
    let matches = |key: &[Cell], record: &Record| {
        let mut pairs = match_shape.0.iter().zip(key);
        !key.is_empty() && pairs.all(|(column, cell)| alike(&column.cell(record), cell, column.kind))
    };
    let mut hits = Hits::new();
    let mut missed = false;
    for (index, key) in request.keys.iter().enumerate() {
        let before = hits.len();
        hits.extend(records.iter().filter(|record| matches(key, record)).map(|record| (index, record.clone())));
        missed |= hits.len() == before;
    }
    let wait = session.unsettled.search_believed_in_ms(&object.name, session.platform.monotonic_ms());
    if missed && wait > 0 {
        let message = format!("a record of `{}` just created may not be in the search index yet", object.name);
        return Err(Failure::NotYet { message, retry_after_ms: u32::try_from(wait).unwrap_or(u32::MAX) });
    }
    Ok(hits)
}

fn alike(held: &Cell, asked: &Cell, kind: crate::value::Kind) -> bool {
    match (held, asked) {
        (Cell::Text(held), Cell::Text(asked)) => held.trim().eq_ignore_ascii_case(asked.trim()),
        _ => same(kind, held, asked),
    }
}

/// `None`: a key with a null, which matches nothing.
fn conditions(shape: &Shape, key: &[Cell]) -> Option<Value> {
    let filters = shape.0.iter().zip(key).map(|(column, cell)| {
        let text = encode(column.kind, cell).ok().filter(|text| !text.is_empty())?;
        Some(json!({ "propertyName": column.name, "operator": "EQ", "value": text }))
    });
    let filters: Option<Vec<Value>> = filters.collect();
    filters.filter(|filters| !filters.is_empty()).map(|filters| json!({ "filters": filters }))
}

fn search(session: &mut Session, object: &ObjectType, groups: &[Value], ids: &mut Vec<String>) -> Result<()> {
    let mut after: Option<String> = None;
    for _ in 0..LOOKUP_PAGES_MAX {
        let mut body = json!({ "filterGroups": groups, "properties": [], "limit": SEARCH_PAGE });
        if let (Some(map), Some(after)) = (body.as_object_mut(), &after) {
            map.insert("after".into(), json!(after));
        }
        let request = session.api.search(&object.name, &body);
        let page: RecordPage = session.call(request, Repeat::Harmless)?;
        ids.extend(page.results.iter().map(|record| record.id.clone()));
        match page.after() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    Ok(())
}
