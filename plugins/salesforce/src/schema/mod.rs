//! What an sObject is: from the vendor's describe to the contract's object.

mod describe;
mod field;
mod object;

pub use describe::{Global, Sobject, parse_describe, parse_global};
pub use field::{Field, Kind};
pub use object::contract_object;
