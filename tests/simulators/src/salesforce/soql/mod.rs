//! The query language (SOQL), as far as connectors and ordinary client
//! libraries use it: one object, fields and parent fields, conditions, order,
//! limit, offset, `COUNT()`, `FIELDS()`. No subqueries, no grouping.

mod filter;
mod lex;
mod parse;
mod run;
mod syntax;

pub use filter::{Bound, holds, prepare};
pub use parse::{filter as parse_filter, query as parse};
pub use run::{Found, run};
