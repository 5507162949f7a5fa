//! SQL text: quoting, names, and the statements that move rows. Knows no
//! connection and no value.

mod name;
mod rows;

pub use name::{ObjectName, identifier, literal};
pub use rows::{Changed, delete, fetch, insert, locked, page, update};
