//! The statements that move rows. Many rows go into one statement, a `text[]`
//! a column; the statement depends on the columns only, so it is prepared once.

use std::fmt::Write as _;

use crate::catalog::TypeInfo;

use super::name::identifier;

/// A column with what is known of its type.
pub type Changed<'a> = (&'a str, &'a TypeInfo);

/// The server's position once a row is locked: every earlier committed change
/// of the row has a lower commit position, every later one an equal or higher.
const LSN: &str = "pg_catalog.pg_current_wal_insert_lsn()";

fn list(columns: &[&str], prefix: &str) -> String {
    let names: Vec<String> = columns.iter().map(|name| format!("{prefix}{}", identifier(name))).collect();
    names.join(", ")
}

/// A value of parameter column `v.x`, cast to the column's base type.
fn cast(name: &str, info: &TypeInfo) -> String {
    format!("v.{name}::{}", info.cast)
}

/// `unnest($1::text[], …) WITH ORDINALITY AS v(names…, ord)`.
fn source(names: &[String]) -> String {
    let params: Vec<String> = (1..=names.len()).map(|number| format!("${number}::text[]")).collect();
    format!("unnest({}) WITH ORDINALITY AS v({}, ord)", params.join(", "), names.join(", "))
}

fn numbered(letter: char, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |at| format!("{letter}{at}"))
}

fn equals(columns: &[Changed<'_>], letter: char) -> Vec<String> {
    let equal = |(at, (name, info)): (usize, &Changed<'_>)| {
        format!("t.{} = {}", identifier(name), cast(&format!("{letter}{at}"), info))
    };
    columns.iter().enumerate().map(equal).collect()
}

/// The column still holds exactly what was expected.
fn holds(columns: &[Changed<'_>]) -> Vec<String> {
    let hold = |(at, (name, info)): (usize, &Changed<'_>)| {
        let column = format!("t.{}", identifier(name));
        if info.exact_equality {
            format!("{column} IS NOT DISTINCT FROM {}", cast(&format!("e{at}"), info))
        } else {
            format!("{column}::text COLLATE \"C\" IS NOT DISTINCT FROM v.e{at} COLLATE \"C\"")
        }
    };
    columns.iter().enumerate().map(hold).collect()
}

/// A page in key order. With `after`, one parameter a key column.
pub fn page(table: &str, select: &[&str], key: &[Changed<'_>], after: bool, limit: u32) -> String {
    let names: Vec<&str> = key.iter().map(|(name, _)| *name).collect();
    let mut sql = format!("SELECT {} FROM {table} AS t", list(select, "t."));
    if after {
        let values: Vec<String> =
            key.iter().enumerate().map(|(at, (_, info))| format!("${}::text::{}", at + 1, info.cast)).collect();
        let _ = write!(sql, " WHERE ({}) > ({})", list(&names, "t."), values.join(", "));
    }
    let _ = write!(sql, " ORDER BY {} LIMIT {limit}", list(&names, "t."));
    sql
}

/// Rows by the values of columns: the parameter row's number, the columns, the position.
pub fn fetch(table: &str, select: &[&str], by: &[Changed<'_>], lock: bool) -> String {
    let names: Vec<String> = numbered('k', by.len()).collect();
    let (lsn, lock) = if lock { (LSN, " FOR SHARE OF t") } else { ("NULL", "") };
    format!(
        "SELECT v.ord, {}, {lsn} FROM {} JOIN {table} AS t ON {}{lock}",
        list(select, "t."),
        source(&names),
        equals(by, 'k').join(" AND ")
    )
}

/// Which of the rows with these keys another transaction holds: their numbers.
pub fn locked(table: &str, key: &[Changed<'_>]) -> String {
    let names: Vec<String> = numbered('k', key.len()).collect();
    let (source, on) = (source(&names), equals(key, 'k').join(" AND "));
    format!(
        "WITH free AS (SELECT v.ord FROM {source} JOIN {table} AS t ON {on} FOR NO KEY UPDATE OF t SKIP LOCKED) \
         SELECT v.ord FROM {source} JOIN {table} AS t ON {on} WHERE v.ord NOT IN (SELECT f.ord FROM free f)"
    )
}

/// Update rows by key where they hold what is expected. Parameters: key, set, expected.
pub fn update(
    table: &str,
    key: &[Changed<'_>],
    set: &[Changed<'_>],
    expected: &[Changed<'_>],
    returning: &[&str],
) -> String {
    let names: Vec<String> =
        numbered('k', key.len()).chain(numbered('c', set.len())).chain(numbered('e', expected.len())).collect();
    let sets: Vec<String> = set
        .iter()
        .enumerate()
        .map(|(at, (name, info))| format!("{} = {}", identifier(name), cast(&format!("c{at}"), info)))
        .collect();
    let mut conditions = equals(key, 'k');
    conditions.extend(holds(expected));
    format!(
        "UPDATE {table} AS t SET {} FROM {} WHERE {} RETURNING v.ord, {}, {LSN}",
        sets.join(", "),
        source(&names),
        conditions.join(" AND "),
        list(returning, "t.")
    )
}

/// Delete rows by key where they hold what is expected. Parameters: key, expected.
pub fn delete(table: &str, key: &[Changed<'_>], expected: &[Changed<'_>], returning: &[&str]) -> String {
    let names: Vec<String> = numbered('k', key.len()).chain(numbered('e', expected.len())).collect();
    let mut conditions = equals(key, 'k');
    conditions.extend(holds(expected));
    format!(
        "DELETE FROM {table} AS t USING {} WHERE {} RETURNING v.ord, {}, {LSN}",
        source(&names),
        conditions.join(" AND "),
        list(returning, "t.")
    )
}

/// Insert rows, leaving out those that clash with a unique index. What comes
/// back is in the order of the parameters, without those.
pub fn insert(table: &str, set: &[Changed<'_>], returning: &[&str]) -> String {
    let names: Vec<String> = numbered('c', set.len()).collect();
    let columns: Vec<&str> = set.iter().map(|(name, _)| *name).collect();
    let values: Vec<String> = set.iter().enumerate().map(|(at, (_, info))| cast(&format!("c{at}"), info)).collect();
    format!(
        "INSERT INTO {table} AS t ({}) SELECT {} FROM {} ORDER BY v.ord ON CONFLICT DO NOTHING RETURNING 0, {}, {LSN}",
        list(&columns, ""),
        values.join(", "),
        source(&names),
        list(returning, "t.")
    )
}

#[cfg(test)]
mod tests {
    use crate::value::{Codec, ScalarCodec};

    use super::*;

    fn info(cast: &str, exact_equality: bool) -> TypeInfo {
        TypeInfo {
            codec: Codec::One(ScalarCodec::Text),
            kind: "text",
            element: None,
            cast: cast.into(),
            exact_equality,
            name: String::new(),
            labels: Vec::new(),
            typmod: -1,
        }
    }

    #[test]
    fn an_update_is_conditional_on_what_was_expected() {
        let (int, text) = (info("\"pg_catalog\".\"int4\"", true), info("\"pg_catalog\".\"text\"", false));
        let sql = update("\"s\".\"t\"", &[("id", &int)], &[("a", &text)], &[("a", &text), ("n", &int)], &["id", "a"]);
        assert_eq!(
            sql,
            "UPDATE \"s\".\"t\" AS t SET \"a\" = v.c0::\"pg_catalog\".\"text\" \
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS v(k0, c0, e0, e1, ord) \
             WHERE t.\"id\" = v.k0::\"pg_catalog\".\"int4\" \
             AND t.\"a\"::text COLLATE \"C\" IS NOT DISTINCT FROM v.e0 COLLATE \"C\" \
             AND t.\"n\" IS NOT DISTINCT FROM v.e1::\"pg_catalog\".\"int4\" \
             RETURNING v.ord, t.\"id\", t.\"a\", pg_catalog.pg_current_wal_insert_lsn()"
        );
    }

    #[test]
    fn pages_follow_the_key_and_nothing_else() {
        let int = info("\"pg_catalog\".\"int4\"", true);
        let sql = page("\"t\"", &["a"], &[("x", &int), ("y", &int)], true, 10);
        assert_eq!(
            sql,
            "SELECT t.\"a\" FROM \"t\" AS t WHERE (t.\"x\", t.\"y\") > \
             ($1::text::\"pg_catalog\".\"int4\", $2::text::\"pg_catalog\".\"int4\") \
             ORDER BY t.\"x\", t.\"y\" LIMIT 10"
        );
    }
}
