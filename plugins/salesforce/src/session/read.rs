//! Pages of a full read, by ranges of ids: a page goes on after any restart,
//! because nothing of it lives at the server.

use lockstep_sdk::model::{Page, PageRequest, Row};

use crate::failure::{Failure, Result};
use crate::soql;

use super::Session;
use super::bulk;
use super::rows::{Shape, id_of};

/// The vendor's own page; more would come in several answers.
const PAGE_ROWS_MAX: u32 = 2_000;

pub fn read(session: &mut Session, request: &PageRequest) -> Result<Page> {
    let object = &request.selection.object;
    let sobject = session.sobject(object)?;
    let shape = Shape::new(&sobject, &request.selection.columns)?;
    let place = Place::parse(&request.after)?;
    if let Place::Bulk(token) = &place {
        return bulk::page(session, &sobject, &shape, token, request);
    }
    if place == Place::Start
        && let Some(above) = session.config.bulk_above
        && session.api.count(object)? > above
    {
        return bulk::begin(session, &sobject, &shape, "", request);
    }
    let after = match place {
        Place::Behind(id) => id,
        Place::Start | Place::Bulk(_) => String::new(),
    };
    let rows_max = request.max_rows.clamp(1, PAGE_ROWS_MAX);
    let select = soql::select(shape.select().iter().copied(), object);
    let page = session.api.query_page(&soql::page(&select, &after, rows_max), false)?;
    let mut rows: Vec<Row> = Vec::with_capacity(page.records.len());
    let mut bytes = 0;
    for record in &page.records {
        let row = shape.row(record)?;
        bytes += row.cells.iter().map(|cell| cell.size_bytes()).sum::<usize>();
        rows.push(row);
        if bytes >= request.max_bytes as usize {
            break;
        }
    }
    // An answer that is not whole goes on by its last id, not by the server's own cursor.
    let whole = page.done && rows.len() == page.records.len() && page.records.len() < rows_max as usize;
    let last = page.records.get(rows.len().wrapping_sub(1)).map(id_of).transpose()?;
    let next = match last {
        Some(id) if !whole => Place::Behind(id).to_bytes(),
        _ => Vec::new(),
    };
    Ok(Page { rows, next })
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Start,
    /// Behind this id.
    Behind(String),
    /// In a result of the Bulk API.
    Bulk(bulk::Token),
}

impl Place {
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bad = || Failure::CursorInvalid("the page does not continue one of this connector's".into());
        if bytes.is_empty() {
            return Ok(Place::Start);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
        match text.split_once(' ') {
            Some(("1", id)) if crate::value::is_id(id) => Ok(Place::Behind(id.to_owned())),
            Some(("b", json)) => serde_json::from_str(json).map(Place::Bulk).map_err(|_| bad()),
            _ => Err(bad()),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Place::Start => Vec::new(),
            Place::Behind(id) => format!("1 {id}").into_bytes(),
            Place::Bulk(token) => format!("b {}", serde_json::to_string(token).unwrap_or_default()).into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_continues_behind_the_id_it_ended_with() {
        let place = Place::Behind("0034S000005YJY8QAO".into());
        assert_eq!(Place::parse(&place.to_bytes()).expect("ours"), place);
        assert_eq!(Place::parse(b"").expect("ours"), Place::Start);
        assert!(Place::parse(b"1 x").is_err());
        assert!(Place::parse(b"2 0034S000005YJY8QAO").is_err());
    }
}
