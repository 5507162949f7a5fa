//! What works and what is missing, each with the statement that cures it.

use lockstep_sdk::model::CheckItem;

use crate::config::Config;
use crate::failure::Result;
use crate::sql::{ObjectName, identifier, literal};
use crate::wire::Param;

use super::database::Database;
use super::publication::{Slot, published, slot};
use super::{Session, object_name};

/// Log held back by our slot beyond which a person is warned, in bytes.
const HELD_BYTES_WARN: u64 = 1 << 30;
/// What is left before the slot is lost, below which a person is warned.
const SAFE_BYTES_WARN: u64 = 256 << 20;

pub fn check(session: &mut Session, objects: &[String]) -> Result<Vec<CheckItem>> {
    let config = session.config.clone();
    let names = objects.iter().map(|object| object_name(object)).collect::<Result<Vec<_>>>()?;
    let database = session.database()?;
    let mut items = vec![version(database)];
    let existing = slot(database, &config.slot)?;
    items.push(log_level(database)?);
    items.push(replication_right(database, &config)?);
    items.push(origin_right(database, &config)?);
    items.extend(room(database, existing.is_some())?);
    items.push(slot_state(&config, existing.as_ref()));
    items.extend(publication(database, &config, &names)?);
    for (object, name) in objects.iter().zip(&names) {
        items.extend(table(database, &config, object, name)?);
    }
    Ok(items)
}

fn version(database: &Database) -> CheckItem {
    let version = database.connection.setting("server_version");
    CheckItem::ok("server-version", format!("PostgreSQL {version}"))
}

fn log_level(database: &mut Database) -> Result<CheckItem> {
    let answer = database.ask("SHOW wal_level")?;
    let level = answer.first().map(String::as_str).unwrap_or_default();
    Ok(if level == "logical" {
        CheckItem::ok("wal-level", "wal_level is logical")
    } else {
        CheckItem::fail(
            "wal-level",
            format!("wal_level is {level}, so changes cannot be decoded"),
            "ALTER SYSTEM SET wal_level = 'logical'; then restart the server",
        )
    })
}

fn replication_right(database: &mut Database, config: &Config) -> Result<CheckItem> {
    let answer =
        database.ask("SELECT rolsuper OR rolreplication FROM pg_catalog.pg_roles WHERE rolname = current_user")?;
    if answer.first().is_some_and(|value| value == "t") {
        return Ok(CheckItem::ok("replication-right", format!("{} may replicate", config.user)));
    }
    // Managed servers give the right through membership instead of the attribute.
    let member = database.ask(
        "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname IN ('rds_replication', 'rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin') \
         AND pg_has_role(current_user, oid, 'MEMBER')",
    )?;
    if member.first().is_some_and(|count| count != "0") {
        return Ok(CheckItem::ok("replication-right", format!("{} may replicate through membership", config.user)));
    }
    Ok(CheckItem::fail(
        "replication-right",
        format!("{} may not replicate", config.user),
        format!("ALTER ROLE {} REPLICATION", identifier(&config.user)),
    ))
}

/// Without it our own changes are still recognised, by their values.
fn origin_right(database: &mut Database, config: &Config) -> Result<CheckItem> {
    const FUNCTIONS: &str = "pg_replication_origin_create(text), pg_replication_origin_session_setup(text)";
    let answer = database.ask(
        "SELECT has_function_privilege('pg_replication_origin_create(text)', 'EXECUTE') \
         AND has_function_privilege('pg_replication_origin_session_setup(text)', 'EXECUTE')",
    )?;
    if answer.first().is_some_and(|value| value == "t") {
        return Ok(CheckItem::ok("origin-right", "writes are marked as ours"));
    }
    Ok(CheckItem::warn(
        "origin-right",
        format!("{} may not mark its writes, so echoes are told by their values alone", config.user),
        format!("GRANT EXECUTE ON FUNCTION {FUNCTIONS} TO {}", identifier(&config.user)),
    ))
}

/// Free slots and senders: one of each is needed, unless ours exists already.
fn room(database: &mut Database, has_slot: bool) -> Result<Vec<CheckItem>> {
    let answer = database.ask(
        "SELECT current_setting('max_replication_slots'), (SELECT count(*) FROM pg_catalog.pg_replication_slots), \
         current_setting('max_wal_senders'), (SELECT count(*) FROM pg_catalog.pg_stat_replication)",
    )?;
    let number = |at: usize| answer.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let mut items = Vec::new();
    for (name, setting, max, used) in [
        ("replication-slots", "max_replication_slots", number(0), number(1)),
        ("wal-senders", "max_wal_senders", number(2), number(3)),
    ] {
        let message = format!("{used} of {max} in use ({setting})");
        items.push(if used < max || has_slot {
            CheckItem::ok(name, message)
        } else {
            let remedy = format!("ALTER SYSTEM SET {setting} = {}; then restart the server", max + 4);
            CheckItem::fail(name, message, remedy)
        });
    }
    Ok(items)
}

fn slot_state(config: &Config, existing: Option<&Slot>) -> CheckItem {
    const NAME: &str = "slot";
    let slot = &config.slot;
    let Some(state) = existing else {
        return CheckItem::ok(NAME, format!("replication slot {slot} will be created"));
    };
    if state.plugin != "pgoutput" || state.database != config.database {
        let message =
            format!("replication slot {slot} belongs to plugin {}, database {}", state.plugin, state.database);
        return CheckItem::fail(NAME, message, "set another `slot` in the connection's configuration");
    }
    let held = format!("replication slot {slot} holds back {} MiB of log", state.held_bytes >> 20);
    if state.wal_status == "lost" {
        let message = format!("replication slot {slot} was invalidated: what it held is gone");
        return CheckItem::warn(NAME, message, "start the stream anew; raise max_slot_wal_keep_size");
    }
    if state.safe_bytes.is_some_and(|left| left < SAFE_BYTES_WARN) {
        return CheckItem::warn(
            NAME,
            format!("{held} and is close to being invalidated"),
            "raise max_slot_wal_keep_size",
        );
    }
    if state.held_bytes > HELD_BYTES_WARN {
        let remedy =
            format!("let the sync catch up, or give the slot up: SELECT pg_drop_replication_slot({})", literal(slot));
        return CheckItem::warn(NAME, held, remedy);
    }
    CheckItem::ok(NAME, held)
}

fn publication(database: &mut Database, config: &Config, names: &[ObjectName]) -> Result<Vec<CheckItem>> {
    const NAME: &str = "publication";
    let name = &config.publication;
    let there = published(database, name)?;
    let missing: Vec<String> = match &there {
        Some((true, _)) => Vec::new(),
        Some((false, tables)) => names.iter().filter(|table| !tables.contains(table)).map(ObjectName::sql).collect(),
        None => names.iter().map(ObjectName::sql).collect(),
    };
    if there.is_some() && missing.is_empty() {
        return Ok(vec![CheckItem::ok(NAME, format!("publication {name} has every table"))]);
    }
    let list = missing.join(", ");
    let statement = match there {
        Some(_) => format!("ALTER PUBLICATION {} ADD TABLE {list}", identifier(name)),
        None if list.is_empty() => format!("CREATE PUBLICATION {}", identifier(name)),
        None => format!("CREATE PUBLICATION {} FOR TABLE {list}", identifier(name)),
    };
    let may_create = database
        .ask("SELECT has_database_privilege(current_database(), 'CREATE')")?
        .first()
        .is_some_and(|value| value == "t");
    let mut items = Vec::new();
    for table in names.iter().filter(|table| missing.contains(&table.sql())) {
        let owned = database.connection.query(
            "SELECT pg_has_role(current_user, c.relowner, 'USAGE') FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1::text AND c.relname = $2::text",
            &[Param::Text(&table.schema), Param::Text(&table.table)],
        )?;
        if !owned.is_empty() && !owned.is_true(0, 0) {
            let message = format!("only the owner of {table} may publish it");
            items.push(CheckItem::fail(NAME, message, format!("as the owner or a superuser: {statement}")));
        }
    }
    if there.is_none() && !may_create {
        let (database_name, user) = (identifier(&config.database), identifier(&config.user));
        let remedy = format!("GRANT CREATE ON DATABASE {database_name} TO {user}, or as a superuser: {statement}");
        items.push(CheckItem::fail(NAME, format!("publication {name} may not be created"), remedy));
    }
    if items.is_empty() {
        items.push(CheckItem::ok(NAME, format!("publication {name} will be created or extended")));
    }
    Ok(items)
}

fn table(database: &mut Database, config: &Config, object: &str, name: &ObjectName) -> Result<Vec<CheckItem>> {
    let item = |suffix: &str| format!("{suffix}:{object}");
    let Some(known) = database.find_table(object)? else {
        let message = format!("there is no table {object}, or its schema may not be used");
        return Ok(vec![CheckItem::warn(
            item("table"),
            message,
            "create it, or map the fields one by one: then `lockstep plan` shows the statement that makes it",
        )]);
    };
    let mut items = Vec::new();
    items.push(if known.table.obstacle.is_empty() {
        CheckItem::ok(
            item("replica-identity"),
            format!("rows are told by {}", known.table.names(&known.table.key).join(", ")),
        )
    } else {
        let message = format!("{object} cannot be followed: {}", known.table.obstacle);
        CheckItem::fail(item("replica-identity"), message, known.table.remedy.clone())
    });
    let rights = ["SELECT", "INSERT", "UPDATE", "DELETE"];
    let sql = "SELECT has_table_privilege($1::oid, 'SELECT'), has_table_privilege($1::oid, 'INSERT'), \
         has_table_privilege($1::oid, 'UPDATE'), has_table_privilege($1::oid, 'DELETE')";
    let held = database.connection.query(sql, &[Param::Text(&known.table.oid.to_string())])?;
    let lacking: Vec<&str> =
        rights.iter().enumerate().filter(|(at, _)| !held.is_true(0, *at)).map(|(_, right)| *right).collect();
    if lacking.is_empty() {
        items.push(CheckItem::ok(item("rights"), format!("{object} may be read and written")));
        return Ok(items);
    }
    let remedy = format!("GRANT {} ON {} TO {}", lacking.join(", "), name.sql(), identifier(&config.user));
    let message = format!("{} is missing on {object}", lacking.join(", "));
    // Without the right to write a table can still be a source.
    let reads = !lacking.contains(&"SELECT");
    items.push(if reads {
        CheckItem::warn(item("rights"), message, remedy)
    } else {
        CheckItem::fail(item("rights"), message, remedy)
    });
    Ok(items)
}
