//! Pages of a full read, by list and never by search: the index may lag and
//! gives 10,000 results at most.

use lockstep_sdk::model::{Cell, Page, PageRequest};

use super::Session;
use super::call::Repeat;
use super::records::Wanted;
use crate::cursor::{page_token, parse_page_token};
use crate::failure::Result;
use crate::request::LIST_MAX;
use crate::response::RecordPage;
use crate::writing::Shape;

/// Requests in one call; what is left is the next page's.
const LISTS_MAX: u32 = 10;
/// Bytes of property names that still fit into a request's address. With more,
/// ids are listed and the records read by them.
const NAMES_BYTES_MAX: usize = 4_000;

pub fn read(session: &mut Session, request: &PageRequest) -> Result<Page> {
    let object = session.object_type(&request.selection.object)?;
    let shape = Shape::new(&object, &request.selection.columns)?;
    let names = shape.names();
    let fits = names.iter().map(|name| name.len() + 1).sum::<usize>() <= NAMES_BYTES_MAX;
    let mut after = parse_page_token(&request.after)?;
    let mut rows = Vec::new();
    let mut bytes = 0;
    for _ in 0..LISTS_MAX {
        let left = request.max_rows.saturating_sub(rows.len() as u32);
        let limit = left.clamp(1, LIST_MAX);
        let asked: &[String] = if fits { &names } else { &[] };
        let list = session.api.list(&object.name, asked, &after, limit, false);
        let page: RecordPage = session.call(list, Repeat::Harmless)?;
        let next = page.after().map(str::to_owned);
        let records = if fits {
            page.results
        } else {
            let ids: Vec<String> = page.results.into_iter().map(|record| record.id).collect();
            let wanted = Wanted { object: &object.name, properties: &names, history: false, archived: false, by: None };
            session.records(&wanted, &ids)?
        };
        for record in &records {
            let row = shape.row(record);
            bytes += row.cells.iter().map(Cell::size_bytes).sum::<usize>();
            rows.push(row);
        }
        match next {
            // A page that starts where it ended would go on for ever.
            Some(next) if next != after => after = next,
            _ => return Ok(Page::last(rows)),
        }
        if rows.len() as u32 >= request.max_rows || bytes >= request.max_bytes as usize {
            break;
        }
    }
    Ok(Page { rows, next: page_token(&after) })
}
