//! Casts between a side's native values and canonical ones.

/// How one field converts at one side.
#[derive(Clone, Debug, PartialEq)]
pub enum Cast {
    /// Native and canonical are the same.
    Identity,
}
