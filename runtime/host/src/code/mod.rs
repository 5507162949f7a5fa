//! Code for one field or one rule: components that are functions of their arguments.
//! Each call gets an instance of its own in which clocks stand still and nothing can
//! be reached, may compute for so long, and is over before anything else happens.

mod call;
mod judge;
mod memory;
mod still;
mod transform;
mod workshop;

pub(crate) use self::workshop::Workshop;

/// What a component of code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    Transform,
    Policy,
}

impl std::fmt::Display for CodeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            CodeKind::Transform => "transform",
            CodeKind::Policy => "policy",
        })
    }
}
