//! What a side says about its objects and columns, and about itself.

use serde::{Deserialize, Serialize};

/// A connector's description of itself (`spec` in the contract).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorSpec {
    pub name: String,
    pub version: String,
    /// `log`, `webhook`, `poll` or `none`.
    pub changes: String,
    /// `atomic`, `precondition`, `read-check-write` or `none`.
    pub precondition: String,
    pub abilities: Vec<String>,
    pub config_schema: String,
    pub cursor_version: u32,
    pub permissions: Vec<String>,
    pub credentials: Vec<String>,
    pub auth_schemes: Vec<AuthScheme>,
}

impl ConnectorSpec {
    /// Its changes are an ordered log: they carry their rows, and each is told once.
    pub fn is_log(&self) -> bool {
        self.changes == "log"
    }

    /// It cannot make a write conditional: it looks, writes, and looks afterwards at
    /// what it overwrote.
    pub fn audits_writes(&self) -> bool {
        self.precondition == "read-check-write"
    }
}

/// One way into a system that speaks HTTP (`auth-scheme` in the contract). Texts
/// in which `{config.…}` may stand are marked template there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthScheme {
    pub name: String,
    /// `oauth2-client-credentials`, `oauth2-jwt-bearer`, `oauth2-refresh-token`,
    /// `bearer`, `api-key-header` or `basic`.
    pub kind: String,
    pub token_url: String,
    pub client_id: String,
    pub subject: String,
    pub audience: String,
    pub scope: String,
    pub header: String,
    /// Names in the connection's `secrets`; empty where there is none.
    pub secret: String,
    pub client_secret: String,
    /// Where it may be sent to, as permissions or `answer.NAME`.
    pub hosts: Vec<String>,
    /// What of a token's answer the connector may see.
    pub answers: Vec<String>,
}

/// One line of `check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckItem {
    pub name: String,
    /// `ok`, `warn` or `fail`.
    pub status: String,
    pub message: String,
    pub remedy: String,
}

/// The canonical family of a column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Bool,
    Int,
    Decimal,
    Float,
    Text,
    Bytes,
    Date,
    Time,
    Timestamp,
    LocalTimestamp,
    Uuid,
    Json,
    Enum,
    List,
    /// Crosses as text in the system's own notation.
    Opaque,
}

impl Kind {
    /// All of them, each with its name in the contract.
    pub const ALL: [(Kind, &'static str); 15] = [
        (Kind::Bool, "bool"),
        (Kind::Int, "int"),
        (Kind::Decimal, "decimal"),
        (Kind::Float, "float"),
        (Kind::Text, "text"),
        (Kind::Bytes, "bytes"),
        (Kind::Date, "date"),
        (Kind::Time, "time"),
        (Kind::Timestamp, "timestamp"),
        (Kind::LocalTimestamp, "local-timestamp"),
        (Kind::Uuid, "uuid"),
        (Kind::Json, "json"),
        (Kind::Enum, "enum"),
        (Kind::List, "list"),
        (Kind::Opaque, "opaque"),
    ];

    /// `None`: no kind has this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|(_, known)| *known == name).map(|(kind, _)| kind)
    }

    pub fn name(self) -> &'static str {
        Kind::ALL.into_iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnType {
    pub kind: Kind,
    /// The system's own name, such as `numeric(12,2)`.
    pub native: String,
    /// Characters for text, bytes for bytes, bits for int and float.
    pub length: Option<u32>,
    /// Decimal digits in all.
    pub precision: Option<u32>,
    /// Digits after the point; for times and timestamps, of the second's
    /// fraction (six, unless it says less).
    pub scale: Option<i32>,
    pub values: Vec<String>,
    pub element: Option<Kind>,
}

impl ColumnType {
    /// The type of this kind without a name of its own and without bounds.
    pub fn of(kind: Kind) -> Self {
        let (length, precision, scale, element) = (None, None, None, None);
        ColumnType { kind, native: String::new(), length, precision, scale, values: Vec::new(), element }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    pub object: String,
    pub columns: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub label: String,
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    pub nullable: bool,
    pub has_default: bool,
    pub createable: bool,
    pub updateable: bool,
    pub computed: bool,
    pub unique: bool,
    pub references: Option<Reference>,
    pub comment: String,
}

impl Column {
    /// A column that may be empty and written, and nothing more.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        Column {
            name: name.into(),
            label: String::new(),
            column_type,
            nullable: true,
            has_default: false,
            createable: true,
            updateable: true,
            computed: false,
            unique: false,
            references: None,
            comment: String::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    pub name: String,
    pub label: String,
    pub columns: Vec<Column>,
    /// Empty: rows cannot be told apart and the object cannot be synced.
    pub key: Vec<String>,
    pub unique_keys: Vec<Vec<String>>,
    pub rows_estimate: Option<u64>,
    /// Why this object cannot take part; empty if it can.
    pub obstacle: String,
}

impl Object {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}
