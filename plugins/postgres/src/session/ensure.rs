//! Creating a destination table, or adding the columns it lacks.

use std::collections::HashSet;

use lockstep_sdk::model::{ColumnType, EnsureRequest, WantedColumn};

use crate::failure::{Failure, Result};
use crate::sql::{ObjectName, identifier, literal};

use super::{Session, object_name};

pub fn ensure(session: &mut Session, request: &EnsureRequest) -> Result<Vec<String>> {
    let name = object_name(&request.object)?;
    let database = session.database()?;
    database.forget();
    let existing = database.find_table(&request.object)?;
    let statements = match &existing {
        None => {
            let has_schema = !database
                .ask(&format!("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {}", literal(&name.schema)))?
                .is_empty();
            create(&name, request, has_schema)?
        }
        Some(known) => {
            let there: HashSet<&str> = known.table.columns.iter().map(|column| column.name.as_str()).collect();
            extend(&name, request, &there)?
        }
    };
    if !request.dry_run && !statements.is_empty() {
        let whole = format!("BEGIN; {}; COMMIT", statements.join("; "));
        if let Err(failure) = database.connection.simple(&whole) {
            if !database.connection.is_broken() {
                database.connection.simple("ROLLBACK")?;
            }
            return Err(match failure.sqlstate() {
                Some("42501") => {
                    Failure::Denied { message: failure.to_string(), remedy: format!("run: {}", statements.join("; ")) }
                }
                _ => failure,
            });
        }
        database.flush()?;
        database.forget();
    }
    Ok(statements)
}

fn create(name: &ObjectName, request: &EnsureRequest, has_schema: bool) -> Result<Vec<String>> {
    if request.key.is_empty() {
        return Err(Failure::Config(format!("{name}: a table needs a key")));
    }
    let mut statements = Vec::new();
    if !has_schema {
        statements.push(format!("CREATE SCHEMA {}", identifier(&name.schema)));
    }
    let mut parts = Vec::new();
    for column in &request.columns {
        parts.push(definition(column, request.key.contains(&column.name))?);
    }
    let key: Vec<String> = request.key.iter().map(|column| identifier(column)).collect();
    parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    statements.push(format!("CREATE TABLE {} ({})", name.sql(), parts.join(", ")));
    statements.extend(comments(name, request.columns.iter()));
    Ok(statements)
}

fn extend(name: &ObjectName, request: &EnsureRequest, there: &HashSet<&str>) -> Result<Vec<String>> {
    let lacking: Vec<&WantedColumn> =
        request.columns.iter().filter(|column| !there.contains(column.name.as_str())).collect();
    if lacking.is_empty() {
        return Ok(Vec::new());
    }
    let mut parts = Vec::new();
    for column in &lacking {
        // A table with rows cannot take a NOT NULL column without a default.
        let nullable = WantedColumn { nullable: true, ..(*column).clone() };
        parts.push(format!("ADD COLUMN {}", definition(&nullable, false)?));
    }
    let mut statements = vec![format!("ALTER TABLE {} {}", name.sql(), parts.join(", "))];
    statements.extend(comments(name, lacking.into_iter()));
    Ok(statements)
}

fn definition(column: &WantedColumn, in_key: bool) -> Result<String> {
    let mut text = format!("{} {}", identifier(&column.name), type_sql(&column.type_));
    if !column.nullable && !in_key {
        text.push_str(" NOT NULL");
    }
    if column.unique && !in_key {
        text.push_str(" UNIQUE");
    }
    if let Some(reference) = &column.references {
        let object = object_name(&reference.object)?;
        text.push_str(&format!(" REFERENCES {}", object.sql()));
        if let [only] = reference.columns.as_slice() {
            text.push_str(&format!(" ({})", identifier(only)));
        }
        // Parents and children arrive in one transaction, or the child waits.
        text.push_str(" DEFERRABLE INITIALLY IMMEDIATE");
    }
    Ok(text)
}

fn comments<'a>(name: &ObjectName, columns: impl Iterator<Item = &'a WantedColumn>) -> Vec<String> {
    columns
        .filter(|column| !column.comment.is_empty())
        .map(|column| {
            let place = format!("{}.{}", name.sql(), identifier(&column.name));
            format!("COMMENT ON COLUMN {place} IS {}", literal(&column.comment))
        })
        .collect()
}

/// The type that holds every value of the kind without loss.
fn type_sql(wanted: &ColumnType) -> String {
    match wanted.kind.as_str() {
        "int" => match wanted.length {
            Some(..=16) => "smallint".into(),
            Some(17..=32) => "integer".into(),
            _ => "bigint".into(),
        },
        "decimal" => match (wanted.precision, wanted.scale) {
            (Some(precision @ 1..=1000), Some(scale @ 0..)) if i64::from(scale) <= i64::from(precision) => {
                format!("numeric({precision},{scale})")
            }
            _ => "numeric".into(),
        },
        "text" => match wanted.length {
            Some(length @ 1..=10_485_760) => format!("varchar({length})"),
            _ => "text".into(),
        },
        "list" => format!("{}[]", plain(wanted.element.as_deref().unwrap_or("text"))),
        other => plain(other).into(),
    }
}

fn plain(kind: &str) -> &'static str {
    match kind {
        "bool" => "boolean",
        "int" => "bigint",
        "decimal" => "numeric",
        "float" => "double precision",
        "bytes" => "bytea",
        "date" => "date",
        "time" => "time",
        "timestamp" => "timestamptz",
        "local-timestamp" => "timestamp",
        "uuid" => "uuid",
        "json" => "jsonb",
        // Enums grow at their source; text takes every label there will be.
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: &str) -> WantedColumn {
        WantedColumn {
            name: name.into(),
            type_: ColumnType::new(kind, ""),
            nullable: true,
            unique: false,
            references: None,
            comment: String::new(),
        }
    }

    #[test]
    fn a_table_is_made_with_types_that_lose_nothing() {
        let mut amount = column("amount", "decimal");
        (amount.type_.precision, amount.type_.scale) = (Some(12), Some(2));
        let mut email = column("e-mail", "text");
        (email.unique, email.comment) = (true, "it's one".into());
        let request = EnsureRequest {
            object: "crm.contacts".into(),
            columns: vec![column("id", "uuid"), amount, email, column("seen", "timestamp")],
            key: vec!["id".into()],
            dry_run: true,
        };
        let statements = create(&ObjectName::new("crm", "contacts"), &request, false).expect("valid");
        assert_eq!(
            statements,
            [
                "CREATE SCHEMA \"crm\"",
                "CREATE TABLE \"crm\".\"contacts\" (\"id\" uuid, \"amount\" numeric(12,2), \"e-mail\" text UNIQUE, \
                 \"seen\" timestamptz, PRIMARY KEY (\"id\"))",
                "COMMENT ON COLUMN \"crm\".\"contacts\".\"e-mail\" IS 'it''s one'",
            ]
        );
    }

    #[test]
    fn only_what_is_lacking_is_added() {
        let request = EnsureRequest {
            object: "t".into(),
            columns: vec![column("id", "int"), WantedColumn { nullable: false, ..column("new", "text") }],
            key: vec!["id".into()],
            dry_run: true,
        };
        let there = HashSet::from(["id"]);
        let statements = extend(&ObjectName::new("public", "t"), &request, &there).expect("valid");
        assert_eq!(statements, ["ALTER TABLE \"public\".\"t\" ADD COLUMN \"new\" text"]);
    }
}
