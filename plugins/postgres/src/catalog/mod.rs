//! What the database says about itself: types, tables, keys. Reads the system
//! catalogs; knows nothing of rows or streams.

mod column_type;
mod describe;
mod table;

pub use column_type::{TypeInfo, Types};
pub use describe::describe;
pub use table::{Column, ForeignKey, Table, Unique, load};
