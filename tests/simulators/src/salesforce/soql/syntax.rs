//! The query language's tree, as parsed: names are not yet looked up.

use jiff::{Timestamp, civil::Date};

/// A parsed query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub select: Select,
    pub from: String,
    pub filter: Option<Filter>,
    pub order: Vec<Order>,
    pub limit: Option<usize>,
    pub offset: usize,
    pub all_rows: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Select {
    /// `COUNT()`
    Count,
    Columns(Vec<Column>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    Path(Path),
    /// `FIELDS(ALL)`, `FIELDS(STANDARD)`, `FIELDS(CUSTOM)`
    All {
        standard: bool,
        custom: bool,
    },
}

/// `Name`, or `Account.Name`; where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub parts: Vec<String>,
    pub at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        path: Path,
        operator: Operator,
        value: Literal,
    },
    In {
        path: Path,
        values: Vec<Literal>,
        negated: bool,
    },
    Like {
        path: Path,
        pattern: String,
    },
    /// Multi-select picklists: any of these sets wholly included.
    Includes {
        path: Path,
        sets: Vec<String>,
        negated: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Moment(Timestamp),
    Date(Date),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub path: Path,
    pub descending: bool,
    pub nulls_last: bool,
}
