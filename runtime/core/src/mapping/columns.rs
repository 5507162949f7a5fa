//! Each field's columns: do they exist, do they go together, which way do
//! values flow.

use super::{
    Ids, Objects,
    canonical::widest,
    error::{About, Code, Report},
};
use crate::{
    cast::{Cast, Form, Notation, Way},
    config::{self, Field, FieldColumn, Sync, closest, listed},
    record::FieldId,
    schema::{Column, ColumnType, Kind},
};

/// A field with its columns found.
pub(super) struct FieldPlan {
    pub(super) id: FieldId,
    pub(super) field: Field,
    /// `None`: a reference, or its types do not go together.
    pub(super) canonical: Option<ColumnType>,
    pub(super) places: Vec<Place>,
}

/// A field at one side.
pub(super) struct Place {
    pub(super) side: String,
    pub(super) column: String,
    pub(super) column_type: ColumnType,
    /// How values are written there, where the type does not say.
    pub(super) notation: Option<Notation>,
    /// What values are once they are read.
    pub(super) plain: ColumnType,
    pub(super) cast: Cast,
    pub(super) reads: bool,
    pub(super) writes_create: bool,
    pub(super) writes_update: bool,
    pub(super) required: bool,
}

pub(super) fn check(
    sync: &Sync,
    fields: &[Field],
    objects: &Objects,
    ids: &Ids,
    report: &mut Report,
) -> Vec<FieldPlan> {
    check_unique(fields, report);
    let mut plans = Vec::new();
    for field in fields {
        let Some(id) = ids.fields.get(&field.name) else {
            report.error(
                Code::Unregistered,
                about(field, None),
                format!("field `{}` has no number yet", field.name),
                "start again; if it stays, the state file and the configuration are of different syncs",
            );
            continue;
        };
        let mut places: Vec<Place> = field
            .columns
            .iter()
            .filter_map(|(side, column)| find(sync, field, side, column, objects, report))
            .collect();
        // A column that is missing says nothing of the others' flow and types.
        let whole = places.len() == field.columns.len();
        if whole {
            check_flow(field, &places, report);
        }
        let canonical = choose(field, &mut places, whole, report);
        plans.push(FieldPlan { id: *id, field: field.clone(), canonical, places });
    }
    plans
}

pub(super) fn about<'a>(field: &'a Field, side: Option<&'a str>) -> About<'a> {
    let column = field.columns.iter().find(|(name, _)| Some(name.as_str()) == side);
    let at = column.map_or(&field.at, |(_, column)| &column.at);
    About { at: at.clone(), side, field: Some(&field.name) }
}

fn check_unique(fields: &[Field], report: &mut Report) {
    for (at, field) in fields.iter().enumerate() {
        for (side, column) in &field.columns {
            let earlier = fields.iter().take(at).find(|other| {
                let mut columns = other.columns.iter();
                columns.any(|(other_side, other)| other_side == side && other.column == column.column)
            });
            if let Some(earlier) = earlier {
                report.error(
                    Code::ColumnTwice,
                    about(field, Some(side)),
                    format!("column `{}` at `{side}` belongs to field `{}` already", column.column, earlier.name),
                    "map each column to one field: remove it here or there",
                );
            }
        }
    }
}

fn find(
    sync: &Sync,
    field: &Field,
    side_name: &str,
    here: &FieldColumn,
    objects: &Objects,
    report: &mut Report,
) -> Option<Place> {
    let side = sync.side(side_name)?;
    // An object that is missing was reported once for its side.
    let object = objects.get(side_name)?;
    let Some(column) = object.column(&here.column) else {
        let known = || object.columns.iter().map(|column| column.name.as_str());
        let help = match closest(&here.column, known()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("it has: {}", listed(known())),
        };
        report.error(
            Code::NoColumn,
            about(field, Some(side_name)),
            format!("`{}` at `{side_name}` has no column `{}`", object.name, here.column),
            help,
        );
        return None;
    };
    let notation = here.notation.clone().or_else(|| field.notation.clone());
    let plain = match &notation {
        None => column.column_type.clone(),
        Some(notation) => match notation.plain(&column.column_type) {
            Ok(plain) => plain,
            Err(needed) => {
                report.error(
                    Code::BadNotation,
                    about(field, Some(side_name)),
                    format!(
                        "`as` of field `{}` makes nothing of column `{}` at `{side_name}`, which is {}",
                        field.name,
                        column.name,
                        type_name(&column.column_type)
                    ),
                    format!("it needs {needed}: say `as` at the columns that are written so, not for the whole field"),
                );
                return None;
            }
        },
    };
    let source = |name: &str| field.one_way.iter().any(|known| known == name);
    let one_way = !field.one_way.is_empty();
    // A field's only source is never written: nothing else may have news.
    let written = here.write && !(field.one_way.len() == 1 && source(side_name)) && !column.computed;
    Some(Place {
        side: side_name.to_owned(),
        column: column.name.clone(),
        column_type: column.column_type.clone(),
        notation,
        plain,
        cast: Cast::Identity,
        reads: here.read && (!one_way || source(side_name)) && field.from.is_none(),
        writes_create: written && side.creates && column.createable,
        writes_update: written && side.updates && column.updateable,
        required: is_required(column),
    })
}

/// Whether a create without this column is refused.
pub(super) fn is_required(column: &Column) -> bool {
    !column.nullable && !column.has_default && !column.computed && column.createable
}

fn check_flow(field: &Field, places: &[Place], report: &mut Report) {
    if field.from.is_some() {
        if !places.iter().any(|place| place.writes_create || place.writes_update) {
            never_written(field, report);
        }
        return;
    }
    if places.iter().all(|place| !place.reads) {
        report.error(
            Code::NeverRead,
            about(field, None),
            format!("field `{}` is read from no side", field.name),
            "let news be taken from one side at least: check `read = false` and `one_way`",
        );
        return;
    }
    // News has to have somewhere to go: a side other than its only source.
    let sources: Vec<&str> = places.iter().filter(|place| place.reads).map(|place| place.side.as_str()).collect();
    let reaches = |place: &Place| {
        let written = place.writes_create || place.writes_update;
        written && sources.iter().any(|source| *source != place.side)
    };
    if !places.iter().any(reaches) {
        never_written(field, report);
        return;
    }
    for place in places {
        if place.reads && !place.writes_update && field.one_way.is_empty() {
            report.note(
                about(field, Some(&place.side)),
                format!(
                    "`{}` cannot be updated at `{}`: edits to field `{}` elsewhere do not reach it",
                    place.column, place.side, field.name
                ),
            );
        }
    }
}

fn never_written(field: &Field, report: &mut Report) {
    report.error(
        Code::NeverWritten,
        about(field, None),
        format!("field `{}` can be written at no side that could receive it", field.name),
        "its columns are computed, read-only or switched off: map a writable column, or remove the field",
    );
}

/// The canonical type, and each place's cast to it.
fn choose(field: &Field, places: &mut [Place], whole: bool, report: &mut Report) -> Option<ColumnType> {
    if field.reference.is_some() {
        for place in places {
            check_reference(field, place, report);
            place.cast = Cast::Reference;
        }
        return None;
    }
    if !whole {
        return None;
    }
    let Some(canonical) = widest(firm(places)) else {
        let types: Vec<String> =
            places.iter().map(|place| format!("{} is {}", place.side, type_name(&place.column_type))).collect();
        report.error(
            Code::NoCast,
            about(field, None),
            format!("the columns of field `{}` do not go together: {}", field.name, types.join(", ")),
            "map columns whose types convert into each other",
        );
        return None;
    };
    for place in places {
        cast_place(field, place, &canonical, report);
    }
    Some(canonical)
}

/// The types that bound the field's values: those of numbers in text do not, where
/// another side has numbers.
fn firm(places: &[Place]) -> Vec<&ColumnType> {
    let is_elastic = |place: &&Place| {
        let elastic = place.notation.as_ref().is_some_and(|notation| notation.is_elastic(&place.column_type));
        elastic && places.iter().any(|other| other.notation.is_none() && other.plain.kind == place.plain.kind)
    };
    places.iter().filter(|place| !is_elastic(place)).map(|place| &place.plain).collect()
}

/// A reference holds the other record's key at this side.
fn check_reference(field: &Field, place: &Place, report: &mut Report) {
    if matches!(place.column_type.kind, Kind::Json | Kind::List | Kind::Bytes | Kind::Bool) {
        report.error(
            Code::BadReference,
            about(field, Some(&place.side)),
            format!(
                "column `{}` at `{}` is {} and cannot hold another record's key",
                place.column,
                place.side,
                type_name(&place.column_type)
            ),
            "map the column that holds the key, or remove `ref`",
        );
    }
}

fn cast_place(field: &Field, place: &mut Place, canonical: &ColumnType, report: &mut Report) {
    let plan = match &place.notation {
        None => Cast::between(&place.column_type, canonical),
        // Whether the notation fits the column was looked at when it was found.
        Some(notation) => match Cast::noted(notation, &place.column_type, canonical) {
            Ok(plan) => plan,
            Err(_) => return,
        },
    };
    if place.plain.kind == Kind::LocalTimestamp && canonical.kind == Kind::Timestamp {
        report.note(
            about(field, Some(&place.side)),
            format!("field `{}`: times without a zone at `{}` are taken as UTC", field.name, place.side),
        );
    }
    let writes = place.writes_create || place.writes_update;
    let ways = [(&plan.lift, place.reads), (&plan.project, writes)];
    let mut loses = false;
    for way in ways.into_iter().filter(|(_, used)| *used).map(|(way, _)| way) {
        match way {
            Way::Exact => {}
            Way::Narrows(why) => report.note(
                about(field, Some(&place.side)),
                format!("field `{}` at `{}`: {why}; such values wait until someone acts", field.name, place.side),
            ),
            Way::Loses(what) if field.lossy => {
                loses = true;
                report.note(
                    about(field, Some(&place.side)),
                    format!("field `{}` at `{}` loses {what}, as `lossy = true` allows", field.name, place.side),
                );
            }
            Way::Loses(what) => report.error(
                Code::LossyCast,
                about(field, Some(&place.side)),
                format!("field `{}` would lose {what}, column `{}` at `{}`", field.name, place.column, place.side),
                "widen the column, or allow it with `lossy = true` on the field",
            ),
            Way::Impossible => report.error(
                Code::NoCast,
                about(field, Some(&place.side)),
                format!(
                    "column `{}` at `{}` is {}, which does not convert to {}",
                    place.column,
                    place.side,
                    type_name(&place.column_type),
                    Form::from(canonical).describe()
                ),
                "map columns whose types convert into each other",
            ),
        }
    }
    place.cast = if loses { plan.lossy() } else { plan.cast };
}

/// The system's own name where it tells, else the canonical one.
fn type_name(column: &ColumnType) -> String {
    if column.native.is_empty() { Form::from(column).describe() } else { column.native.clone() }
}

/// The place in the file of a side's column, for errors of other checks.
pub(super) fn side_about<'a>(side: &'a config::Side) -> About<'a> {
    About { at: side.at.clone(), side: Some(&side.name), field: None }
}
