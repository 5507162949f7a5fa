//! Answers in the core's types. A guest's answer is not trusted: every count and
//! size is checked, and what does not fit is a fault of the connector. Unknown codes
//! become their family's safest case.

use std::sync::Arc;

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Changes, Cursor, Found, Page, Row, Version},
    key::Key,
    schema::{AuthScheme, CheckItem, Column, ColumnType, ConnectorSpec, Kind, Object, Reference},
    value::{Cell, Timestamp, Value},
    webhook::WebhookAnswer,
    write::{Outcome, Overwritten, Rejection},
};

use super::{Answer, cells, model};
use crate::{
    error::{GuestError, HostError},
    limits::Limits,
    lines::printable,
};

/// Reads one call's answer.
struct Reader<'a> {
    call: &'static str,
    limits: &'a Limits,
}

type Read<T> = Result<T, HostError>;

/// The connector's own error.
pub(crate) fn error(error: model::Error) -> GuestError {
    const WORDS_BYTES_MAX: usize = 16 * 1024;
    GuestError {
        code: printable(&error.code, 64),
        message: printable(&error.message, WORDS_BYTES_MAX),
        remedy: printable(&error.remedy, WORDS_BYTES_MAX),
        retry_after_ms: error.retry_after_ms,
    }
}

pub(crate) fn spec(spec: model::ConnectorSpec, limits: &Limits) -> Read<ConnectorSpec> {
    let reader = Reader { call: "spec", limits };
    for list in [&spec.abilities, &spec.permissions, &spec.credentials] {
        reader.at_most("", "entries", list.len(), 1000)?;
    }
    reader.at_most("", "authentication schemes", spec.auth_schemes.len(), 50)?;
    reader.at_most("", "bytes of configuration schema", spec.config_schema.len(), 1 << 20)?;
    let words = |list: Vec<String>| list.iter().map(|text| reader.words(text)).collect();
    Ok(ConnectorSpec {
        name: reader.words(&spec.name),
        version: reader.words(&spec.version),
        changes: reader.words(&spec.changes),
        precondition: reader.words(&spec.precondition),
        abilities: words(spec.abilities),
        config_schema: spec.config_schema,
        cursor_version: spec.cursor_version,
        permissions: words(spec.permissions),
        credentials: words(spec.credentials),
        auth_schemes: spec.auth_schemes.into_iter().map(|scheme| reader.auth_scheme(scheme)).collect::<Read<_>>()?,
    })
}

pub(crate) fn check(answer: Answer, limits: &Limits) -> Read<Vec<CheckItem>> {
    let reader = Reader { call: "check", limits };
    let Answer::Check(items) = answer else { return Err(reader.mixed_up()) };
    reader.at_most("", "items", items.len(), 10_000)?;
    let item = |item: model::CheckItem| CheckItem {
        name: reader.words(&item.name),
        status: match item.status.as_str() {
            "ok" | "warn" | "fail" => item.status,
            _ => "fail".into(),
        },
        message: reader.words(&item.message),
        remedy: reader.words(&item.remedy),
    };
    Ok(items.into_iter().map(item).collect())
}

pub(crate) fn objects(answer: Answer, limits: &Limits) -> Read<Vec<Object>> {
    let reader = Reader { call: "discover", limits };
    let Answer::Objects(objects) = answer else { return Err(reader.mixed_up()) };
    reader.at_most("objects", "objects", objects.len(), limits.objects_max)?;
    objects.into_iter().map(|object| reader.object(object)).collect()
}

pub(crate) fn position(answer: Answer, limits: &Limits) -> Read<Cursor> {
    let reader = Reader { call: "start", limits };
    let Answer::Position(position) = answer else { return Err(reader.mixed_up()) };
    reader.cursor(position.cursor).map(Cursor)
}

pub(crate) fn statements(answer: Answer, limits: &Limits) -> Read<Vec<String>> {
    let reader = Reader { call: "ensure or release", limits };
    let Answer::Statements(statements) = answer else { return Err(reader.mixed_up()) };
    reader.at_most("", "statements", statements.len(), 10_000)?;
    Ok(statements.iter().map(|text| reader.words(text)).collect())
}

pub(crate) fn page(answer: Answer, columns: usize, limits: &Limits) -> Read<Page> {
    let reader = Reader { call: "read", limits };
    let Answer::Page(page) = answer else { return Err(reader.mixed_up()) };
    reader.at_most("batch_rows", "rows", page.rows.len(), limits.rows_max)?;
    let rows = page.rows.into_iter().map(|row| reader.row(row, columns));
    Ok(Page { rows: rows.collect::<Read<_>>()?, next: reader.cursor(page.next)? })
}

pub(crate) fn changes(answer: Answer, limits: &Limits) -> Read<Changes> {
    let reader = Reader { call: "changes", limits };
    let Answer::Changes(changes) = answer else { return Err(reader.mixed_up()) };
    reader.at_most("batch_rows", "batches", changes.batches.len(), limits.rows_max)?;
    let rows: usize = changes.batches.iter().map(|batch| batch.rows.len()).sum();
    reader.at_most("batch_rows", "rows", rows, limits.rows_max)?;
    let batches = changes.batches.into_iter().map(|batch| reader.batch(batch));
    Ok(Changes {
        batches: batches.collect::<Read<_>>()?,
        cursor: Cursor(reader.cursor(changes.cursor)?),
        more: changes.more,
        lag_bytes: changes.lag_bytes,
        lag_ms: changes.lag_ms,
    })
}

pub(crate) fn found(answer: Answer, keys: usize, columns: usize, limits: &Limits) -> Read<Vec<Found>> {
    let reader = Reader { call: "fetch", limits };
    let Answer::Found(found) = answer else { return Err(reader.mixed_up()) };
    reader.at_most("batch_rows", "rows", found.len(), limits.rows_max)?;
    let one = |found: model::Found| {
        if found.index as usize >= keys {
            return Err(reader.fault(format!("it answers key {} of {keys}", found.index)));
        }
        Ok(Found { index: found.index, row: reader.row(found.row, columns)? })
    };
    found.into_iter().map(one).collect()
}

pub(crate) fn outcomes(answer: Answer, intents: usize, returning: usize, limits: &Limits) -> Read<Vec<Outcome>> {
    let reader = Reader { call: "write", limits };
    let Answer::Outcomes(outcomes) = answer else { return Err(reader.mixed_up()) };
    if outcomes.len() != intents {
        return Err(reader.fault(format!("{} outcomes for {intents} intents", outcomes.len())));
    }
    outcomes.into_iter().map(|outcome| reader.outcome(outcome, returning)).collect()
}

pub(crate) fn ingested(answer: Answer, limits: &Limits) -> Read<WebhookAnswer> {
    let reader = Reader { call: "ingest", limits };
    let Answer::Ingested(answer) = answer else { return Err(reader.mixed_up()) };
    if !(200..600).contains(&answer.status) {
        return Err(reader.fault(format!("{} is no status of an answer", answer.status)));
    }
    reader.at_most("webhook_headers", "headers", answer.headers.len(), limits.answer_headers_max)?;
    reader.at_most("batch_rows", "batches", answer.batches.len(), limits.rows_max)?;
    let rows: usize = answer.batches.iter().map(|batch| batch.rows.len()).sum();
    reader.at_most("batch_rows", "rows", rows, limits.rows_max)?;
    let batches = answer.batches.into_iter().map(|batch| reader.batch(batch));
    Ok(WebhookAnswer {
        status: answer.status,
        headers: answer.headers.iter().map(|(name, value)| (reader.words(name), reader.words(value))).collect(),
        body: answer.body,
        batches: batches.collect::<Read<_>>()?,
    })
}

impl Reader<'_> {
    fn fault(&self, reason: String) -> HostError {
        HostError::Fault { call: self.call, reason, bound: "" }
    }

    fn mixed_up(&self) -> HostError {
        self.fault("the answer is another call's".into())
    }

    /// `bound`: the limit's name in a configuration; empty for one that cannot be set.
    fn at_most(&self, bound: &'static str, what: &str, count: usize, max: usize) -> Read<()> {
        if count <= max {
            return Ok(());
        }
        let reason = format!("{count} {what}; {max} are the most allowed");
        Err(HostError::Fault { call: self.call, reason, bound })
    }

    fn words(&self, text: &str) -> String {
        printable(text, self.limits.words_bytes_max)
    }

    fn auth_scheme(&self, scheme: model::AuthScheme) -> Read<AuthScheme> {
        self.at_most("", "hosts of an authentication scheme", scheme.hosts.len(), 100)?;
        self.at_most("", "answers of an authentication scheme", scheme.answers.len(), 100)?;
        let words = |list: Vec<String>| list.iter().map(|text| self.words(text)).collect();
        Ok(AuthScheme {
            name: self.words(&scheme.name),
            kind: self.words(&scheme.kind),
            token_url: self.words(&scheme.token_url),
            client_id: self.words(&scheme.client_id),
            subject: self.words(&scheme.subject),
            audience: self.words(&scheme.audience),
            scope: self.words(&scheme.scope),
            header: self.words(&scheme.header),
            secret: self.words(&scheme.secret),
            client_secret: self.words(&scheme.client_secret),
            hosts: words(scheme.hosts),
            answers: words(scheme.answers),
        })
    }

    fn cursor(&self, bytes: Vec<u8>) -> Read<Arc<[u8]>> {
        self.at_most("cursor_bytes", "bytes of cursor", bytes.len(), self.limits.cursor_bytes_max)?;
        Ok(bytes.into())
    }

    fn version(&self, bytes: Vec<u8>) -> Read<Version> {
        self.at_most("version_bytes", "bytes of version", bytes.len(), self.limits.version_bytes_max)?;
        Ok(Version { generation: 0, order: bytes.into() })
    }

    fn key(&self, cells: Vec<model::Cell>) -> Read<Key> {
        self.at_most("key_columns", "key columns", cells.len(), self.limits.key_columns_max)?;
        if cells.is_empty() {
            return Err(self.fault("a row without a key".into()));
        }
        cells::key_from_guest(cells).ok_or_else(|| self.fault("a key with an absent part".into()))
    }

    fn cells(&self, cells: Vec<model::Cell>, columns: usize) -> Read<Vec<Cell>> {
        if cells.len() != columns {
            return Err(self.fault(format!("a row of {} cells for {columns} columns", cells.len())));
        }
        Ok(cells.into_iter().map(cells::from_guest).collect())
    }

    fn row(&self, row: model::Row, columns: usize) -> Read<Row> {
        Ok(Row {
            key: self.key(row.key)?,
            cells: self.cells(row.cells, columns)?,
            version: self.version(row.version)?,
            at: row.at.map(Timestamp),
        })
    }

    fn batch(&self, batch: model::ChangeBatch) -> Read<ChangeBatch> {
        let (kind, carries_rows) = match batch.kind.as_str() {
            "upsert" => (ChangeKind::Upsert, true),
            "delete" => (ChangeKind::Delete, true),
            "invalidate" => (ChangeKind::Invalidate, true),
            "truncate" => (ChangeKind::Truncate, false),
            "schema" => (ChangeKind::Schema, false),
            // What is not understood may mean anything: everything is looked at again.
            _ => (ChangeKind::Gap, false),
        };
        self.at_most("columns", "columns", batch.columns.len(), self.limits.columns_max)?;
        let columns = batch.columns.len();
        let row = |row: model::ChangeRow| {
            let width = if kind != ChangeKind::Upsert && row.cells.is_empty() { 0 } else { columns };
            Ok(ChangeRow {
                key: self.key(row.key)?,
                cells: self.cells(row.cells, width)?,
                version: self.version(row.version)?,
                at: row.at.map(Timestamp),
            })
        };
        let rows = if carries_rows { batch.rows } else { Vec::new() };
        Ok(ChangeBatch {
            object: batch.object.into(),
            kind,
            columns: batch.columns.into(),
            rows: rows.into_iter().map(row).collect::<Read<_>>()?,
            origin: self.words(&batch.origin).into(),
        })
    }

    fn outcome(&self, outcome: model::Outcome, returning: usize) -> Read<Outcome> {
        Ok(match outcome {
            model::Outcome::Applied(row) => Outcome::Applied(self.row(row, returning)?),
            model::Outcome::Conflict(row) => Outcome::Conflict(self.row(row, returning)?),
            model::Outcome::Duplicate(row) => Outcome::Duplicate(self.row(row, returning)?),
            model::Outcome::Overwrote((row, overwritten)) => {
                self.at_most("columns", "overwritten fields", overwritten.len(), self.limits.columns_max)?;
                let one = |field: model::FieldOverwrite| Overwritten {
                    column: field.column,
                    value: cells::from_guest(field.value).unwrap_or(Value::Null),
                    by: self.words(&field.by),
                    at: field.at.map(Timestamp),
                };
                Outcome::Overwrote(self.row(row, returning)?, overwritten.into_iter().map(one).collect())
            }
            model::Outcome::Gone => Outcome::Gone,
            model::Outcome::Rejected(rejection) => {
                self.at_most("columns", "columns", rejection.columns.len(), self.limits.columns_max)?;
                Outcome::Rejected(Rejection {
                    code: self.words(&rejection.code),
                    class: self.words(&rejection.class),
                    message: self.words(&rejection.message),
                    columns: rejection.columns,
                })
            }
            model::Outcome::Throttled(retry_after_ms) => Outcome::Throttled { retry_after_ms },
            model::Outcome::Unavailable(reason) => Outcome::Unavailable { reason: self.words(&reason) },
            model::Outcome::Unknown(reason) => Outcome::Unknown { reason: self.words(&reason) },
            model::Outcome::Other((code, message)) => Outcome::Rejected(Rejection {
                code: self.words(&code),
                class: "other".into(),
                message: self.words(&message),
                columns: Vec::new(),
            }),
        })
    }

    fn object(&self, object: model::Object) -> Read<Object> {
        self.at_most("columns", "columns", object.columns.len(), self.limits.columns_max)?;
        self.at_most("key_columns", "key columns", object.key.len(), self.limits.key_columns_max)?;
        self.at_most("", "unique keys", object.unique_keys.len(), 1000)?;
        Ok(Object {
            name: object.name,
            label: self.words(&object.label),
            columns: object.columns.into_iter().map(|column| self.column(column)).collect::<Read<_>>()?,
            key: object.key,
            unique_keys: object.unique_keys,
            rows_estimate: object.rows_estimate,
            obstacle: self.words(&object.obstacle),
        })
    }

    fn column(&self, column: model::Column) -> Read<Column> {
        self.at_most("", "enum values", column.type_.values.len(), 100_000)?;
        Ok(Column {
            name: column.name,
            label: self.words(&column.label),
            column_type: ColumnType { native: self.words(&column.type_.native), ..column_type(column.type_) },
            nullable: column.nullable,
            has_default: column.has_default,
            createable: column.createable,
            updateable: column.updateable,
            computed: column.computed,
            unique: column.unique,
            references: column
                .references
                .map(|reference| Reference { object: reference.object, columns: reference.columns }),
            comment: self.words(&column.comment),
        })
    }
}

pub(super) fn column_type(told: model::ColumnType) -> ColumnType {
    ColumnType {
        kind: kind(&told.kind),
        native: told.native,
        length: told.length,
        precision: told.precision,
        scale: told.scale,
        values: told.values,
        element: told.element.as_deref().map(kind),
    }
}

/// The kind of that name; what is not known crosses in the system's own notation.
fn kind(name: &str) -> Kind {
    Kind::named(name).unwrap_or(Kind::Opaque)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: usize, version: usize) -> model::Row {
        model::Row { key: vec![model::Cell::Integer(1); key], cells: Vec::new(), version: vec![0; version], at: None }
    }

    fn bound<T>(read: Read<T>) -> &'static str {
        read.err().map(|fault| fault.bound()).unwrap_or("none")
    }

    fn narrow() -> Limits {
        Limits {
            rows_max: 2,
            columns_max: 2,
            key_columns_max: 2,
            version_bytes_max: 2,
            cursor_bytes_max: 2,
            objects_max: 2,
            words_bytes_max: 4,
            answer_headers_max: 2,
            ..Limits::default()
        }
    }

    fn read(rows: Vec<model::Row>, next: usize) -> Read<Page> {
        page(Answer::Page(model::Page { rows, next: vec![0; next] }), 0, &narrow())
    }

    #[test]
    fn an_answer_beyond_a_bound_is_a_fault_that_names_it() {
        assert_eq!(bound(read(vec![row(1, 1), row(2, 2)], 2)), "none");
        assert_eq!(bound(read(vec![row(1, 1); 3], 0)), "batch_rows");
        assert_eq!(bound(read(vec![row(3, 1)], 0)), "key_columns");
        assert_eq!(bound(read(vec![row(1, 3)], 0)), "version_bytes");
        assert_eq!(bound(read(Vec::new(), 3)), "cursor_bytes");
        let object = |columns: usize| model::Object {
            name: "x".into(),
            label: "a long label".into(),
            columns: Vec::new(),
            key: vec!["id".into(); columns],
            unique_keys: Vec::new(),
            rows_estimate: None,
            obstacle: String::new(),
            extras: Vec::new(),
        };
        let told = objects(Answer::Objects(vec![object(1)]), &narrow()).expect("an object");
        assert_eq!(told[0].label, "a lo…", "longer words are cut");
        assert_eq!(bound(objects(Answer::Objects(vec![object(1); 3]), &narrow())), "objects");
        assert_eq!(bound(objects(Answer::Objects(vec![object(3)]), &narrow())), "key_columns");
        let batch = model::ChangeBatch {
            object: "x".into(),
            kind: "upsert".into(),
            columns: vec!["a".into(); 3],
            rows: Vec::new(),
            origin: String::new(),
        };
        let answer = model::ChangesAnswer {
            batches: vec![batch],
            cursor: Vec::new(),
            more: false,
            lag_bytes: None,
            lag_ms: None,
        };
        assert_eq!(bound(changes(Answer::Changes(answer), &narrow())), "columns");
        let answer = model::WebhookAnswer {
            status: 200,
            headers: vec![("a".into(), "b".into()); 3],
            body: Vec::new(),
            batches: Vec::new(),
        };
        assert_eq!(bound(ingested(Answer::Ingested(answer), &narrow())), "webhook_headers");
    }
}
