//! Values: HubSpot's texts typed by a property's schema, and back.

pub mod calendar;
mod decode;
mod encode;
mod meaning;

pub use decode::decode;
pub use encode::encode;
pub use meaning::same;

/// How a property's texts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Bool,
    Date,
    /// To the millisecond.
    DateTime,
    /// One option of several.
    Option,
    /// Any number of options, separated by `;`.
    Options,
}
