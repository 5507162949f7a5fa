//! Deciding writes: what an intent may do to a record as it was just read, and
//! what a refusal of HubSpot means for one row. Pure.

mod judge;
mod refuse;
mod shape;

pub use judge::{Change, Judged, Shown, judge, judge_delete};
pub use refuse::{is_about_rows, refused};
pub use shape::{Named, Shape, key_of};
