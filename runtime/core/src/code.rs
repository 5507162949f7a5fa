//! Code that somebody wrote for one field or one rule, where an expression says too
//! little: what it is asked and what it answers. Here it is a function of its
//! arguments; how it runs is nothing that rules know.

use std::{fmt, sync::Arc};

use crate::{
    schema::{ColumnType, Kind},
    value::{Timestamp, Value},
};

/// What every piece of code has.
pub trait Code: Send + Sync {
    /// SHA-256 of its component, in hexadecimal.
    fn digest(&self) -> &str;
}

/// Makes a value of others, and back.
pub trait Transform: Code {
    fn about(&self) -> &TransformAbout;

    /// The value made of these, one for each that it takes.
    ///
    /// # Errors
    /// In words without the values.
    fn read(&self, values: &[&Value]) -> Result<Value, String>;

    /// The value that reads back as this one.
    ///
    /// # Errors
    /// As with [`Transform::read`].
    fn write(&self, value: &Value) -> Result<Value, String>;
}

/// Decides conflicts.
pub trait Judge: Code {
    /// # Errors
    /// Why it did not decide, in words without the values.
    fn decide(&self, dispute: &Dispute<'_>) -> Result<Ruling, String>;
}

/// What a transform says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformAbout {
    pub name: String,
    pub version: String,
    pub takes: Vec<Parameter>,
    /// The type of what is read.
    pub gives: ColumnType,
    /// It can write, too; then it takes one value.
    pub writes: bool,
}

/// A value that a transform takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    /// Kinds of column it may come from. Empty: any.
    pub kinds: Vec<Kind>,
}

impl Parameter {
    pub fn fits(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// A conflict as a policy is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispute<'a> {
    pub sync: &'a str,
    pub incumbent: Claimant<'a>,
    pub incoming: Claimant<'a>,
    /// One field, or all fields of its group.
    pub fields: Vec<Contested<'a>>,
    /// The record as it is agreed, by field.
    pub record: Vec<(&'a str, &'a Value)>,
}

/// Who set a value, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant<'a> {
    /// Empty: the runtime itself.
    pub side: &'a str,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contested<'a> {
    pub field: &'a str,
    /// `None`: nothing was ever agreed.
    pub base: Option<&'a Value>,
    pub incumbent: &'a Value,
    pub incoming: &'a Value,
}

/// What a policy decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    Incumbent,
    Incoming,
    Merged(Value),
    /// A person is to decide; why.
    Hold(String),
}

/// A component that a configuration names, and its code once that is loaded.
pub struct Slot<C: ?Sized> {
    /// As written.
    pub path: String,
    pub code: Option<Arc<C>>,
}

pub type TransformSlot = Slot<dyn Transform>;
pub type JudgeSlot = Slot<dyn Judge>;

impl<C: Code + ?Sized> Slot<C> {
    /// Not loaded yet.
    pub fn named(path: impl Into<String>) -> Self {
        Slot { path: path.into(), code: None }
    }

    /// Of its component; empty as long as it is not loaded.
    pub fn digest(&self) -> &str {
        self.code.as_ref().map_or("", |code| code.digest())
    }
}

impl<C: ?Sized> Clone for Slot<C> {
    fn clone(&self) -> Self {
        Slot { path: self.path.clone(), code: self.code.clone() }
    }
}

/// Equal as long as they name and hold the same component.
impl<C: Code + ?Sized> PartialEq for Slot<C> {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, self.digest()) == (&other.path, other.digest())
    }
}

impl<C: Code + ?Sized> Eq for Slot<C> {}

/// Another text for another component: rules are told apart by it.
impl<C: Code + ?Sized> fmt::Debug for Slot<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} sha256:{}", self.path, self.digest())
    }
}

/// A component in words, with enough of its digest to tell versions apart.
pub fn in_words(path: &str, digest: &str) -> String {
    match digest.get(..12) {
        Some(short) => format!("{path} (sha256:{short})"),
        None => path.to_owned(),
    }
}
