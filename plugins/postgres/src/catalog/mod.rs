//! What the database says about itself: types, tables, keys. Reads the system
//! catalogs; knows nothing of rows or streams.

mod describe;
mod table;
mod types;

pub use describe::describe;
pub use table::{Column, ForeignKey, Table, Unique, load};
pub use types::{TypeInfo, Types};
