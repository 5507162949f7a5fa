//! Values as Salesforce writes them in JSON (and CSV), to cells and back, and
//! what it means for two of them to be the same.

mod calendar;
mod decode;
mod encode;
mod id;
mod number;
mod same;

pub use calendar::{http_date_s, parse_http_date_s, parse_timestamp_us, seconds_text};
pub use decode::{decode, decode_text};
pub use encode::{Unwritable, encode};
pub use id::{is_id, long_id};
pub use same::{same, stored_as};
