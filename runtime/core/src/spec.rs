//! A sync, checked and compiled: what the merge needs to know, and nothing of
//! how it was written down.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    cast::Cast,
    code::{JudgeSlot, TransformSlot},
    expression::Expression,
    record::{FieldId, SideId},
};

/// One sync. Indexed by [`SideId`] and [`FieldId`]; gaps are sides or fields
/// that were once mapped and no longer are.
#[derive(Clone, Debug)]
pub struct SyncSpec {
    pub name: Arc<str>,
    /// Version of mapping and rules in force, for the journal.
    pub rules: u32,
    pub sides: Vec<Option<SideSpec>>,
    pub fields: Vec<Option<FieldSpec>>,
    /// Fields compared, resolved and written as one value.
    pub groups: Vec<Group>,
    /// The fields by which existing records find each other; several sets are tried in order.
    pub match_on: Vec<Vec<FieldId>>,
    pub conflict: Policy,
    pub initial: Policy,
    pub deletes: DeletePolicy,
    /// Two edits closer together than this are undecidable for `latest`.
    pub skew_tolerance_ms: u32,
    /// Rewrites in a row, back to a value agreed shortly before, that are borne
    /// before a field is held.
    pub bounces_max: u8,
    /// Which records take part. `None`: all.
    pub filter: Option<Filter>,
}

/// Which records take part, and what becomes of the rows of others.
#[derive(Clone, Debug)]
pub struct Filter {
    /// `None`: a field that it reads is set aside, so that nobody can tell.
    pub expression: Option<Expression>,
    pub leaving: Leaving,
}

/// What becomes of the rows of a record that takes no part any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaving {
    Keep,
    Unlink,
    /// They are deleted at these sides.
    Delete(Vec<SideId>),
}

/// A value made of others, and its cast to the field's canonical type.
#[derive(Clone, Debug)]
pub struct Computed {
    pub by: Maker,
    pub cast: Cast,
}

/// What makes a value.
#[derive(Clone, Debug)]
pub enum Maker {
    Expression(Expression),
    /// A component, of the values of these fields.
    Transform {
        slot: TransformSlot,
        of: Vec<FieldId>,
    },
}

impl Maker {
    /// What it is made by; another text is another maker.
    pub fn text(&self) -> String {
        match self {
            Maker::Expression(expression) => expression.text().to_owned(),
            Maker::Transform { slot, of } => {
                let of: Vec<String> = of.iter().map(|field| field.0.to_string()).collect();
                format!("{} sha256:{} of {}", slot.path, slot.digest(), of.join(" "))
            }
        }
    }
}

/// One side: an object of a connection.
#[derive(Clone, Debug)]
pub struct SideSpec {
    pub id: SideId,
    pub name: Arc<str>,
    pub object: Arc<str>,
    /// The columns to select and stream, mapped ones and the key.
    pub columns: Arc<[String]>,
    /// Positions in `columns` of the key columns, in key order.
    pub key: Vec<usize>,
    /// By [`FieldId`]: how the field stands here. `None`: not at this side.
    pub fields: Vec<Option<SideField>>,
    /// Records new elsewhere are created here.
    pub creates: bool,
    pub updates: bool,
    /// Records deleted elsewhere are deleted here.
    pub deletes: bool,
    /// New rows here become records.
    pub inserts_from: bool,
    /// The side itself refuses a second row with the same key or match values.
    /// Where it does not, a row is looked for before one is created.
    pub refuses_twins: bool,
}

/// A field at one side.
#[derive(Clone, Debug)]
pub struct SideField {
    /// Position in [`SideSpec::columns`].
    pub column: usize,
    /// Native to canonical and back.
    pub cast: Cast,
    /// News here is taken.
    pub reads: bool,
    /// The runtime may write it when creating and when updating.
    pub writes_create: bool,
    pub writes_update: bool,
    /// A create without it is refused by the side.
    pub required: bool,
}

#[derive(Clone, Debug)]
pub struct FieldSpec {
    pub id: FieldId,
    pub name: Arc<str>,
    /// Overrides the sync's.
    pub conflict: Option<Policy>,
    pub initial: Option<Policy>,
    /// The sync that the canonical [`crate::value::Value::Ref`] points into.
    pub reference: Option<Arc<str>>,
    pub group: Option<usize>,
    /// Never shown in listings.
    pub sensitive: bool,
    /// Computed from other fields; never read from a side.
    pub from: Option<Computed>,
    /// What a new row gets where the record has no value.
    pub default: Option<Computed>,
}

#[derive(Clone, Debug)]
pub struct Group {
    pub name: Arc<str>,
    pub fields: Vec<FieldId>,
}

/// How a conflict on a field is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The first listed side that takes part wins; sides not listed come last, in side order.
    Prefer(Vec<SideId>),
    /// The later edit wins; nearer than the skew tolerance, the fallback decides.
    Latest {
        otherwise: Box<Policy>,
    },
    Hold,
    Union,
    Max,
    Min,
    SumDeltas,
    Append,
    /// A component decides.
    Custom(JudgeSlot),
}

impl Policy {
    /// Whether a component may be asked.
    pub fn asks_code(&self) -> bool {
        match self {
            Policy::Custom(_) => true,
            Policy::Latest { otherwise } => otherwise.asks_code(),
            _ => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeletePolicy {
    UpdateWins,
    DeleteWins,
    Hold,
}

impl SyncSpec {
    pub fn side(&self, id: SideId) -> Option<&SideSpec> {
        self.sides.get(usize::from(id.0)).and_then(Option::as_ref)
    }

    pub fn field(&self, id: FieldId) -> Option<&FieldSpec> {
        self.fields.get(usize::from(id.0)).and_then(Option::as_ref)
    }

    /// The sides in force, in order.
    pub fn sides(&self) -> impl Iterator<Item = &SideSpec> {
        self.sides.iter().flatten()
    }

    /// The fields in force, in order.
    pub fn fields(&self) -> impl Iterator<Item = &FieldSpec> {
        self.fields.iter().flatten()
    }
}

impl SyncSpec {
    /// What is compared, resolved and written as one value: groups, and every
    /// other field by itself, in field order.
    pub fn units(&self) -> impl Iterator<Item = &[FieldId]> {
        self.fields().filter_map(|field| {
            let group = field.group.and_then(|group| self.groups.get(group));
            match group {
                None => Some(std::slice::from_ref(&field.id)),
                Some(group) if group.fields.first() == Some(&field.id) => Some(group.fields.as_slice()),
                Some(_) => None,
            }
        })
    }

    /// The unit a field belongs to.
    pub fn unit_of(&self, field: FieldId) -> Option<&[FieldId]> {
        self.units().find(|unit| unit.contains(&field))
    }
}

impl SideSpec {
    pub fn field(&self, id: FieldId) -> Option<&SideField> {
        self.fields.get(usize::from(id.0)).and_then(Option::as_ref)
    }
}

impl FieldSpec {
    /// The rule for concurrent edits of this field.
    pub fn conflict<'s>(&'s self, spec: &'s SyncSpec) -> &'s Policy {
        self.conflict.as_ref().unwrap_or(&spec.conflict)
    }

    /// The rule for rows that are linked and differ.
    pub fn initial<'s>(&'s self, spec: &'s SyncSpec) -> &'s Policy {
        self.initial.as_ref().unwrap_or(&spec.initial)
    }
}
