//! Values between PostgreSQL's text notation and the contract's cells. Knows
//! nothing of tables or of where the text came from.

mod array;
mod calendar;
mod decode;
mod encode;
mod param;

pub use array::elements;
pub use decode::{Codec, ScalarCodec, decode};
pub use encode::text_of;
pub use param::TextArray;
