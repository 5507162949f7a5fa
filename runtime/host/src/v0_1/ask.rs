//! Requests in this version's types. Whatever the runtime itself cannot put into
//! words is refused here, before a guest sees it.

use lockstep_core::{
    change::Selection,
    key::Key,
    schema::{ColumnType, Kind, Reference},
    value::{Cell, Value},
    webhook::Webhook,
    write::{Action, Intent, WriteRequest},
};

use super::{Ask, cells::to_guest, model};
use crate::{
    error::HostError,
    request::{ChangesRequest, EnsureRequest, FetchRequest, PageRequest},
};

pub(crate) fn check(objects: &[String]) -> Ask {
    Ask::Check(objects.to_vec())
}

pub(crate) fn discover(objects: &[String]) -> Ask {
    Ask::Discover(objects.to_vec())
}

pub(crate) fn start(selections: &[Selection]) -> Ask {
    Ask::Start(selections.iter().map(selection).collect())
}

pub(crate) fn read(request: &PageRequest) -> Ask {
    Ask::Read(model::PageRequest {
        selection: selection(&request.selection),
        after: request.after.to_vec(),
        max_rows: request.rows_max,
        max_bytes: request.bytes_max,
    })
}

pub(crate) fn changes(request: &ChangesRequest) -> Ask {
    Ask::Changes(model::ChangesRequest {
        selections: request.selections.iter().map(selection).collect(),
        after: request.after.0.to_vec(),
        durable: request.durable.0.to_vec(),
        max_records: request.records_max,
        max_bytes: request.bytes_max,
        wait_ms: request.wait_ms,
    })
}

pub(crate) fn fetch(request: &FetchRequest) -> Result<Ask, HostError> {
    let keys = request.keys.iter().map(|key| values(&key.0));
    Ok(Ask::Fetch(model::FetchRequest {
        selection: selection(&request.selection),
        by: request.by.clone(),
        keys: keys.collect::<Option<_>>().ok_or_else(|| no_place("fetch"))?,
    }))
}

pub(crate) fn write(request: &WriteRequest) -> Result<Ask, HostError> {
    let intents = request.intents.iter().map(intent);
    Ok(Ask::Write(model::WriteRequest {
        object: request.object.clone(),
        columns: request.columns.to_vec(),
        intents: intents.collect::<Option<_>>().ok_or_else(|| no_place("write"))?,
        returning: request.returning.to_vec(),
    }))
}

pub(crate) fn ensure(request: &EnsureRequest) -> Ask {
    let columns = request.columns.iter().map(|column| model::WantedColumn {
        name: column.name.clone(),
        type_: column_type(&column.column_type),
        nullable: column.nullable,
        unique: column.unique,
        references: column.references.as_ref().map(reference),
        comment: column.comment.clone(),
    });
    Ask::Ensure(model::EnsureRequest {
        object: request.object.clone(),
        columns: columns.collect(),
        key: request.key.clone(),
        dry_run: request.dry_run,
    })
}

pub(crate) fn ingest(webhook: &Webhook) -> Ask {
    Ask::Ingest(model::Webhook {
        method: webhook.method.clone(),
        path: webhook.path.clone(),
        url: webhook.url.clone(),
        headers: webhook.headers.clone(),
        body: webhook.body.clone(),
        received_at: webhook.received_at.0,
    })
}

fn no_place(call: &'static str) -> HostError {
    HostError::Request { call, reason: "a reference or a nested list cannot cross to a connector".into() }
}

fn selection(selection: &Selection) -> model::Selection {
    model::Selection { object: selection.object.clone(), columns: selection.columns.clone() }
}

fn intent(intent: &Intent) -> Option<model::Intent> {
    Some(model::Intent {
        action: match intent.action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
        }
        .to_owned(),
        key: intent.key.as_ref().map_or_else(|| Some(Vec::new()), |Key(key)| values(key))?,
        cells: cells(&intent.cells)?,
        expected: cells(&intent.expected)?,
    })
}

fn cells(cells: &[Cell]) -> Option<Vec<model::Cell>> {
    cells.iter().map(|cell| to_guest(cell.as_ref())).collect()
}

fn values(values: &[Value]) -> Option<Vec<model::Cell>> {
    values.iter().map(|value| to_guest(Some(value))).collect()
}

fn column_type(column_type: &ColumnType) -> model::ColumnType {
    model::ColumnType {
        kind: Kind::name(column_type.kind).to_owned(),
        native: column_type.native.clone(),
        length: column_type.length,
        precision: column_type.precision,
        scale: column_type.scale,
        values: column_type.values.clone(),
        element: column_type.element.map(|kind| Kind::name(kind).to_owned()),
    }
}

fn reference(reference: &Reference) -> model::Reference {
    model::Reference { object: reference.object.clone(), columns: reference.columns.clone() }
}
