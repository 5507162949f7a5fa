//! `lockstep sql`: one SELECT over documented views, on a connection that can
//! do nothing else, within bounds of time, rows and bytes.

use std::time::{Duration, Instant};

use rusqlite::{
    Connection, ErrorCode,
    functions::{Context, FunctionFlags},
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
    types::ValueRef,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use lockstep_core::value::Timestamp;

use crate::{
    attention::AttentionKind,
    commit::EntryKind,
    connect, encode,
    error::StateError,
    id::SyncId,
    show::{self, Catalog},
    store::Store,
};

const VIEWS: &str = include_str!("views.sql");

/// Steps of SQLite's machine between looks at the clock.
const STEPS_PER_LOOK: i32 = 10_000;
/// The longest text a query may be.
const SQL_BYTES_MAX: usize = 100_000;

/// Bounds of one query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    pub rows_max: usize,
    /// Of all values in the answer together.
    pub bytes_max: usize,
    pub time_max: Duration,
}

impl Default for QueryLimits {
    fn default() -> Self {
        QueryLimits { rows_max: 10_000, bytes_max: 16 << 20, time_max: Duration::from_secs(30) }
    }
}

/// The answer. Bytes are shown as hexadecimal text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueryResult {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Json>>,
    /// A bound was reached: there are more rows.
    pub truncated: bool,
}

impl Store {
    /// Answers one SELECT.
    ///
    /// # Errors
    /// It is not understood, would do anything but read, or runs too long.
    pub fn query_read_only(&self, sql: &str, limits: &QueryLimits) -> Result<QueryResult, StateError> {
        if sql.len() > SQL_BYTES_MAX {
            return Err(StateError::Query { message: format!("it is longer than {SQL_BYTES_MAX} bytes") });
        }
        let conn = match self.path() {
            Some(path) => connect::reader(path, &self.inner.options)?,
            None => self.copy_in_memory()?,
        };
        answer(conn, sql, limits)
    }
}

fn answer(mut conn: Connection, sql: &str, limits: &QueryLimits) -> Result<QueryResult, StateError> {
    // Large sorts go to disk, not to memory.
    conn.pragma_update(None, "temp_store", "FILE")?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, 128 << 20)?;
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    add_functions(&conn)?;
    conn.execute_batch(VIEWS)?;
    let deadline = Instant::now() + limits.time_max;
    conn.progress_handler(STEPS_PER_LOOK, Some(move || Instant::now() > deadline))?;
    conn.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if function_name != "load_extension" => Authorization::Allow,
        _ => Authorization::Deny,
    }))?;
    let told = |error| told(error, limits);
    let mut statement = conn.prepare(sql).map_err(told)?;
    let mut result =
        QueryResult { columns: statement.column_names().map(str::to_owned).collect(), ..QueryResult::default() };
    if !statement.readonly() || result.columns.is_empty() {
        return Err(StateError::QueryRefused { message: "it does not only read".to_owned() });
    }
    let mut bytes = 0;
    let mut rows = statement.query([]).map_err(told)?;
    while let Some(row) = rows.next().map_err(told)? {
        if result.rows.len() >= limits.rows_max || bytes >= limits.bytes_max {
            result.truncated = true;
            break;
        }
        let mut shown = Vec::with_capacity(result.columns.len());
        for at in 0..result.columns.len() {
            let value = row.get_ref(at).map_err(told)?;
            bytes += size(value);
            shown.push(cell(value));
        }
        result.rows.push(shown);
    }
    Ok(result)
}

fn size(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => 8,
        ValueRef::Text(bytes) => bytes.len(),
        ValueRef::Blob(bytes) => bytes.len() * 2,
    }
}

fn cell(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(n) => Json::from(n),
        ValueRef::Real(n) => Json::from(n),
        ValueRef::Text(bytes) => Json::from(String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => Json::from(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()),
    }
}

fn told(error: rusqlite::Error, limits: &QueryLimits) -> StateError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => StateError::QueryTime { seconds: limits.time_max.as_secs() },
        Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly) => {
            StateError::QueryRefused { message: error.to_string() }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => error.into(),
        _ => StateError::Query { message: error.to_string() },
    }
}

fn add_functions(conn: &Connection) -> Result<(), StateError> {
    let catalog = Catalog::read(conn)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("lockstep_time", 1, flags, |context| {
        let at: Option<i64> = context.get(0)?;
        Ok(at.map(|at| Timestamp(at).to_string()))
    })?;
    conn.create_scalar_function("lockstep_kind", 1, flags, |context| {
        let number: u8 = context.get(0)?;
        Ok(EntryKind::from_number(number).map(show::kind_name))
    })?;
    conn.create_scalar_function("lockstep_waiting", 1, flags, |context| {
        let number = context.get(0)?;
        Ok(AttentionKind::from_number(number).map(AttentionKind::name))
    })?;
    conn.create_scalar_function("lockstep_life", 1, flags, |context| {
        let record = encode::record_from(&blob(context, 0)?).map_err(as_user)?;
        Ok(show::life(&record.life))
    })?;
    let names = catalog.clone();
    conn.create_scalar_function("lockstep_fields", 2, flags, move |context| {
        let record = encode::record_from(&blob(context, 1)?).map_err(as_user)?;
        Ok(names.fields(SyncId(context.get(0)?), &record).to_string())
    })?;
    let names = catalog.clone();
    conn.create_scalar_function("lockstep_links", 2, flags, move |context| {
        let record = encode::record_from(&blob(context, 1)?).map_err(as_user)?;
        Ok(names.links(SyncId(context.get(0)?), &record).to_string())
    })?;
    let names = catalog.clone();
    conn.create_scalar_function("lockstep_entry", 2, flags, move |context| {
        let entry = encode::entry_from(&blob(context, 1)?).map_err(as_user)?;
        Ok(names.entry(SyncId(context.get(0)?), &entry).to_string())
    })?;
    conn.create_scalar_function("lockstep_quarantined", 2, flags, move |context| {
        let row = encode::quarantined_from(&blob(context, 1)?).map_err(as_user)?;
        Ok(catalog.quarantined(SyncId(context.get(0)?), &row).to_string())
    })?;
    Ok(())
}

fn blob(context: &Context<'_>, at: usize) -> rusqlite::Result<Vec<u8>> {
    context.get(at)
}

fn as_user(error: StateError) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(Box::new(error))
}
