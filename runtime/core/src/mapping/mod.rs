//! Mapping: what a sync's configuration means against the objects that the
//! systems really have. Checks all of it and compiles it to a [`SyncSpec`].
//!
//! Knows column types and rules, no values and no records.

mod canonical;
mod columns;
mod drift;
mod error;
mod expressions;
mod names;
mod rules;
mod side;

use std::collections::BTreeMap;

pub use drift::{ColumnChange, ColumnNews, Partly, SetAside, compile_around, differences};
pub use error::{MappingError, Note};
pub(crate) use names::field_name;
pub use names::{NameMatch, Names, names, same_name};

use crate::{
    config::{Field, Sync},
    record::{FieldId, SideId},
    schema::{ColumnType, Object},
    spec::SyncSpec,
};

/// The objects of a sync as discovered, by side name.
pub type Objects = BTreeMap<String, Object>;

/// The numbers that a sync's sides and fields were given, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    pub sides: BTreeMap<String, SideId>,
    pub fields: BTreeMap<String, FieldId>,
}

/// A mapping that holds.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub spec: SyncSpec,
    /// The canonical type of each field; references have none.
    pub types: Vec<(FieldId, ColumnType)>,
    /// What is allowed but worth knowing, such as values that may not fit.
    pub notes: Vec<Note>,
}

/// The fields of a sync with their columns, columns of equal names included.
pub fn fields(sync: &Sync, objects: &Objects) -> Vec<Field> {
    names::resolve(sync, objects, &mut error::Report::default())
}

/// Checks a sync against the objects of its sides and compiles it. `ids` numbers
/// at least [`names()`]; `rules` is the version to journal. All errors at once.
pub fn compile(sync: &Sync, objects: &Objects, ids: &Ids, rules: u32) -> Result<Compiled, Vec<MappingError>> {
    compile_with(sync, objects, ids, rules, false)
}

/// `filter_waits`: a field that the filter reads is set aside.
fn compile_with(
    sync: &Sync,
    objects: &Objects,
    ids: &Ids,
    rules: u32,
    filter_waits: bool,
) -> Result<Compiled, Vec<MappingError>> {
    let mut report = error::Report::default();
    side::check_objects(sync, objects, &mut report);
    if sync.sides.iter().any(|side| !objects.contains_key(&side.name)) {
        // Whatever else does not fit follows from that.
        return Err(report.finish().err().unwrap_or_default());
    }
    let fields = names::resolve(sync, objects, &mut report);
    let columns = columns::check(sync, &fields, objects, ids, &mut report);
    let sides = side::compile(sync, &columns, objects, ids, &mut report);
    let written = expressions::Expressions::new(sync, ids, &columns);
    let filter = written.filter(filter_waits, &mut report);
    let rules_of = rules::Rules { sync, ids, columns: &columns, written: &written };
    let spec = SyncSpec {
        name: sync.name.as_str().into(),
        rules,
        sides,
        groups: rules_of.groups(&mut report),
        fields: rules_of.fields(&mut report),
        match_on: rules_of.match_on(&mut report),
        conflict: rules_of.conflict(),
        initial: rules_of.initial(),
        deletes: sync.deletes,
        skew_tolerance_ms: sync.skew_tolerance_ms,
        bounces_max: sync.bounces_max,
        filter,
    };
    let types = columns.iter().filter_map(|field| Some((field.id, field.canonical.clone()?))).collect();
    report.finish().map(|notes| Compiled { spec, types, notes })
}
