//! Rows, batches, columns and outcomes, built a step at a time.

use crate::model::{
    Cell, ChangeBatch, ChangeRow, ChangesAnswer, CheckItem, Column, ColumnType, Object, Outcome, Page, Position,
    Rejection, Row,
};

impl Row {
    /// A row as read, which cannot be ordered against the stream yet.
    #[must_use]
    pub fn new(key: Vec<Cell>, cells: Vec<Cell>) -> Self {
        Row { key, cells, version: Vec::new(), at: None }
    }

    /// Order it against the stream; compares bytewise.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<Vec<u8>>) -> Self {
        self.version = version.into();
        self
    }

    /// When it was last changed, in microseconds since 1970.
    #[must_use]
    pub fn with_at(mut self, at_us: i64) -> Self {
        self.at = Some(at_us);
        self
    }
}

impl ChangeRow {
    /// A changed row; `cells` is empty for a delete.
    #[must_use]
    pub fn new(key: Vec<Cell>, cells: Vec<Cell>, version: impl Into<Vec<u8>>) -> Self {
        ChangeRow { key, cells, version: version.into(), at: None }
    }

    /// When it was made, in microseconds since 1970.
    #[must_use]
    pub fn with_at(mut self, at_us: i64) -> Self {
        self.at = Some(at_us);
        self
    }
}

impl ChangeBatch {
    /// An empty batch of one kind; see the contract for the kinds.
    pub fn new(object: impl Into<String>, kind: impl Into<String>, columns: Vec<String>) -> Self {
        ChangeBatch { object: object.into(), kind: kind.into(), columns, rows: Vec::new(), origin: String::new() }
    }

    /// A batch that carries no rows: `truncate`, `schema` or `gap`.
    pub fn signal(object: impl Into<String>, kind: impl Into<String>) -> Self {
        ChangeBatch::new(object, kind, Vec::new())
    }

    /// Say who made these changes.
    #[must_use]
    pub fn with_origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = origin.into();
        self
    }
}

impl ChangesAnswer {
    /// Changes up to `cursor`; nothing more waiting, lag unknown.
    #[must_use]
    pub fn new(batches: Vec<ChangeBatch>, cursor: Vec<u8>) -> Self {
        ChangesAnswer { batches, cursor, more: false, lag_bytes: None, lag_ms: None }
    }
}

impl Position {
    /// The stream starts at `cursor`.
    #[must_use]
    pub fn new(cursor: Vec<u8>) -> Self {
        Position { cursor, extras: Vec::new() }
    }
}

impl Page {
    /// The last page of a read.
    #[must_use]
    pub fn last(rows: Vec<Row>) -> Self {
        Page { rows, next: Vec::new() }
    }
}

impl CheckItem {
    /// A line that is fine.
    pub fn ok(name: impl Into<String>, message: impl Into<String>) -> Self {
        CheckItem { name: name.into(), status: "ok".into(), message: message.into(), remedy: String::new() }
    }

    /// A line that works for now.
    pub fn warn(name: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        CheckItem { name: name.into(), status: "warn".into(), message: message.into(), remedy: remedy.into() }
    }

    /// A line that keeps the connection from working.
    pub fn fail(name: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        CheckItem { name: name.into(), status: "fail".into(), message: message.into(), remedy: remedy.into() }
    }
}

impl ColumnType {
    /// A type of a canonical kind, with the system's own name for it.
    pub fn new(kind: impl Into<String>, native: impl Into<String>) -> Self {
        ColumnType {
            kind: kind.into(),
            native: native.into(),
            length: None,
            precision: None,
            scale: None,
            values: Vec::new(),
            element: None,
        }
    }
}

impl Column {
    /// A plain column that may be null and may be written.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        let name = name.into();
        Column {
            label: name.clone(),
            name,
            type_: column_type,
            nullable: true,
            has_default: false,
            createable: true,
            updateable: true,
            computed: false,
            unique: false,
            references: None,
            comment: String::new(),
            extras: Vec::new(),
        }
    }
}

impl Object {
    /// An object with these columns and that key.
    pub fn new(name: impl Into<String>, columns: Vec<Column>, key: Vec<String>) -> Self {
        let name = name.into();
        Object {
            label: name.clone(),
            name,
            columns,
            key,
            unique_keys: Vec::new(),
            rows_estimate: None,
            obstacle: String::new(),
            extras: Vec::new(),
        }
    }
}

impl Outcome {
    /// Refused for a reason that trying again will not cure.
    pub fn reject(
        code: impl Into<String>,
        class: impl Into<String>,
        message: impl Into<String>,
        columns: Vec<String>,
    ) -> Self {
        Outcome::Rejected(Rejection { code: code.into(), class: class.into(), message: message.into(), columns })
    }
}
