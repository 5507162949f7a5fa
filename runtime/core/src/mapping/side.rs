//! Sides: does the object exist, can its rows be told apart, would a create be
//! accepted.

use super::{
    Ids, Objects,
    columns::{FieldPlan, is_required, side_about},
    error::{Code, Report},
};
use crate::{
    config::{Side, Sync},
    schema::Object,
    spec::{SideField, SideSpec},
};

pub(super) fn check_objects(sync: &Sync, objects: &Objects, report: &mut Report) {
    for side in &sync.sides {
        let Some(object) = objects.get(&side.name) else {
            report.error(
                Code::NoObject,
                side_about(side),
                format!("connection `{}` has no object `{}`", side.connection, side.object),
                "look at what it has with `lockstep discover`; the user may lack the right to see it",
            );
            continue;
        };
        if !object.obstacle.is_empty() {
            report.error(
                Code::Obstacle,
                side_about(side),
                format!("`{}` at `{}` cannot take part: {}", object.name, side.name, object.obstacle),
                "remove the obstacle at the source, or name another object",
            );
        } else if object.key.is_empty() {
            report.error(
                Code::Obstacle,
                side_about(side),
                format!("`{}` at `{}` has no key: its rows cannot be told apart", object.name, side.name),
                "give it a primary key",
            );
        }
        for key in object.key.iter().filter(|key| object.column(key).is_none()) {
            report.error(
                Code::NoKeyColumn,
                side_about(side),
                format!("key column `{key}` of `{}` at `{}` cannot be read", object.name, side.name),
                "give the connection's user the right to read it",
            );
        }
    }
}

/// The sides by their numbers, with gaps where a number is no longer used.
pub(super) fn compile(
    sync: &Sync,
    fields: &[FieldPlan],
    objects: &Objects,
    ids: &Ids,
    report: &mut Report,
) -> Vec<Option<SideSpec>> {
    let mut sides: Vec<Option<SideSpec>> = Vec::new();
    for side in &sync.sides {
        let Some(object) = objects.get(&side.name) else {
            continue;
        };
        let Some(id) = ids.sides.get(&side.name) else {
            report.error(
                Code::Unregistered,
                side_about(side),
                format!("side `{}` has no number yet", side.name),
                "start again; if it stays, the state file and the configuration are of different syncs",
            );
            continue;
        };
        check_required(side, object, fields, report);
        let at = usize::from(id.0);
        if sides.len() <= at {
            sides.resize_with(at + 1, || None);
        }
        let (columns, places) = layout(side, object, fields);
        let key = object.key.iter().filter_map(|key| columns.iter().position(|known| known == key));
        let spec = SideSpec {
            id: *id,
            name: side.name.as_str().into(),
            object: object.name.as_str().into(),
            key: key.collect(),
            columns: columns.into(),
            fields: places,
            creates: side.creates,
            updates: side.updates,
            deletes: side.deletes,
            inserts_from: side.inserts,
            refuses_twins: refuses_twins(sync, side, object, fields),
        };
        if let Some(slot) = sides.get_mut(at) {
            *slot = Some(spec);
        }
    }
    sides
}

/// Whether the side itself refuses a second row for a record: its key is written,
/// or the columns of a match set are unique there.
fn refuses_twins(sync: &Sync, side: &Side, object: &Object, fields: &[FieldPlan]) -> bool {
    let column = |name: &str| {
        let plan = fields.iter().find(|plan| plan.field.name == name)?;
        plan.places.iter().find(|place| place.side == side.name)
    };
    let written = |key: &String| {
        let mut places = fields.iter().flat_map(|plan| &plan.places);
        places.any(|place| place.side == side.name && place.column == *key && place.writes_create)
    };
    let is_unique = |columns: &[&str]| {
        let alone = |name: &&str| object.column(name).is_some_and(|column| column.unique);
        columns.iter().any(alone)
            || object.unique_keys.iter().any(|key| key.iter().all(|name| columns.contains(&name.as_str())))
    };
    object.key.iter().all(written)
        || sync.match_on.iter().any(|set| {
            let columns: Option<Vec<&str>> = set.iter().map(|name| Some(column(name)?.column.as_str())).collect();
            columns.is_some_and(|columns| is_unique(&columns))
        })
}

/// The columns to select, the key's first, and where each field stands among them.
fn layout(side: &Side, object: &Object, fields: &[FieldPlan]) -> (Vec<String>, Vec<Option<SideField>>) {
    let mut columns = object.key.clone();
    let mut places: Vec<Option<SideField>> = Vec::new();
    for plan in fields {
        let Some(place) = plan.places.iter().find(|place| place.side == side.name) else {
            continue;
        };
        let column = columns.iter().position(|known| *known == place.column).unwrap_or_else(|| {
            columns.push(place.column.clone());
            columns.len() - 1
        });
        let at = usize::from(plan.id.0);
        if places.len() <= at {
            places.resize_with(at + 1, || None);
        }
        if let Some(slot) = places.get_mut(at) {
            *slot = Some(SideField {
                column,
                cast: place.cast.clone(),
                reads: place.reads,
                writes_create: place.writes_create,
                writes_update: place.writes_update,
                required: place.required,
            });
        }
    }
    (columns, places)
}

/// A side that records are created at gets a value for every column that must have one.
fn check_required(side: &Side, object: &Object, fields: &[FieldPlan], report: &mut Report) {
    if !side.creates {
        return;
    }
    for column in object.columns.iter().filter(|column| is_required(column)) {
        let at = |plan: &&FieldPlan| {
            let mut places = plan.places.iter();
            places.any(|place| place.side == side.name && place.column == column.name)
        };
        let plan = fields.iter().find(at);
        let written = plan.is_some_and(|plan| {
            let mut places = plan.places.iter();
            places.any(|place| place.side == side.name && place.writes_create)
        });
        if written {
            continue;
        }
        let mapped = match plan {
            Some(plan) => format!("field `{}` never writes it", plan.field.name),
            None => "no field maps it".to_owned(),
        };
        report.error(
            Code::RequiredUnmapped,
            side_about(side),
            format!(
                "`{}` at `{}` needs a value in `{}` for every new row, and {mapped}",
                object.name, side.name, column.name
            ),
            format!(
                "map `{}` to a field, give it a default, or set `creates = false` on side `{}`",
                column.name, side.name
            ),
        );
    }
}
