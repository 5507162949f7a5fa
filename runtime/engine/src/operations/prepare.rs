//! Destinations that do not exist yet: made from what another side has.

use lockstep_core::{
    config::{Side, Sync},
    mapping::Objects,
    schema::ColumnType,
};

use crate::{
    EngineError, Role,
    engine::Shared,
    port::{EnsureRequest, WantedColumn},
};

/// Makes the destination objects that are missing; says with which statements.
pub(super) async fn prepare(
    shared: &Shared,
    sync: &Sync,
    objects: &Objects,
    dry_run: bool,
) -> Result<Vec<String>, EngineError> {
    let mut statements = Vec::new();
    for side in &sync.sides {
        if objects.contains_key(&side.name) {
            continue;
        }
        let Some(request) = wanted(sync, side, objects, dry_run) else {
            continue;
        };
        let connector = shared
            .connectors
            .get(&side.connection)
            .ok_or_else(|| EngineError::UnknownConnection(side.connection.clone()))?;
        let told = |error| EngineError::session(&side.connection, error);
        let mut session = connector.open(Role::Write).await.map_err(told)?;
        statements.extend(session.ensure(&request).await.map_err(told)?);
    }
    Ok(statements)
}

/// What the object should look like: every mapped column as another side has
/// it, with the same key. `None`: no other side tells.
fn wanted(sync: &Sync, side: &Side, objects: &Objects, dry_run: bool) -> Option<EnsureRequest> {
    let mut columns = Vec::new();
    let mut key = Vec::new();
    let source = sync.sides.iter().find(|other| objects.contains_key(&other.name))?;
    let object = objects.get(&source.name)?;
    for field in &sync.fields {
        let column_of = |name: &str| {
            let found = field.columns.iter().find(|(side, _)| side == name);
            found.map(|(_, column)| column.column.as_str())
        };
        let (Some(here), Some(there)) = (column_of(&side.name), column_of(&source.name)) else {
            continue;
        };
        let Some(column) = object.column(there) else {
            continue;
        };
        columns.push(WantedColumn {
            name: here.to_owned(),
            // The other system's own name for the type means nothing here.
            column_type: ColumnType { native: String::new(), ..column.column_type.clone() },
            nullable: column.nullable,
            unique: column.unique && !object.key.contains(&column.name),
            references: None,
            comment: column.comment.clone(),
        });
        if object.key.iter().any(|name| name == there) {
            key.push(here.to_owned());
        }
    }
    (!columns.is_empty() && key.len() == object.key.len()).then(|| EnsureRequest {
        object: side.object.clone(),
        columns,
        key,
        dry_run,
    })
}
