//! Tables with their columns, keys and foreign keys.

use crate::failure::Result;
use crate::sql::ObjectName;
use crate::value::{TextArray, elements};
use crate::wire::{Connection, Param};

use super::column_type::Types;

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub type_oid: u32,
    pub typmod: i32,
    /// As `format_type` shows it.
    pub native: String,
    pub not_null: bool,
    pub has_default: bool,
    /// `a`lways, by `d`efault, or blank.
    pub identity: char,
    pub generated: bool,
    pub comment: String,
    number: i32,
}

impl Column {
    /// Whether the database refuses a value given for it.
    pub fn is_read_only(&self) -> bool {
        self.generated || self.identity == 'a'
    }
}

/// A unique index without conditions or expressions.
#[derive(Clone, Debug)]
pub struct Unique {
    pub name: String,
    /// Positions in the table's columns.
    pub columns: Vec<usize>,
    primary: bool,
    replica_identity: bool,
    not_null: bool,
    immediate: bool,
}

#[derive(Clone, Debug)]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<usize>,
    pub object: ObjectName,
    pub referenced: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub oid: u32,
    pub name: ObjectName,
    pub comment: String,
    pub columns: Vec<Column>,
    /// The columns that identify a row.
    pub key: Vec<usize>,
    pub uniques: Vec<Unique>,
    pub foreign_keys: Vec<ForeignKey>,
    pub rows_estimate: Option<u64>,
    /// Why it cannot be followed, and the statement that cures it; empty if it can.
    pub obstacle: String,
    pub remedy: String,
    identity: char,
    persistence: char,
}

impl Table {
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }

    /// Names of the columns at these positions.
    pub fn names(&self, positions: &[usize]) -> Vec<String> {
        positions.iter().filter_map(|at| self.columns.get(*at)).map(|column| column.name.clone()).collect()
    }

    fn choose_key(&mut self) {
        let of = |wanted: &dyn Fn(&Unique) -> bool| {
            self.uniques.iter().find(|unique| wanted(unique)).map(|unique| unique.columns.clone())
        };
        let primary = of(&|unique| unique.primary);
        let chosen = of(&|unique| unique.replica_identity && self.identity == 'i');
        let any = of(&|unique| unique.not_null && unique.immediate);
        let sql = self.name.sql();
        let (obstacle, remedy) = match (self.persistence, self.identity) {
            ('u' | 't', _) => ("an unlogged table has no change stream", format!("ALTER TABLE {sql} SET LOGGED")),
            (_, 'n') => (
                "its replica identity is nothing, so updates and deletes cannot be followed",
                format!("ALTER TABLE {sql} REPLICA IDENTITY DEFAULT"),
            ),
            (_, 'd') if primary.is_none() => (
                "it has no primary key",
                format!(
                    "ALTER TABLE {sql} ADD PRIMARY KEY (…), or ALTER TABLE {sql} REPLICA IDENTITY USING INDEX … (a unique index over NOT NULL columns)"
                ),
            ),
            (_, 'f') if primary.is_none() && any.is_none() => (
                "it has neither a primary key nor a unique index over NOT NULL columns",
                format!("ALTER TABLE {sql} ADD PRIMARY KEY (…)"),
            ),
            _ => ("", String::new()),
        };
        self.obstacle = obstacle.to_owned();
        self.remedy = remedy;
        self.key = chosen.or(primary).or(any).unwrap_or_default();
    }
}

const TABLES_SQL: &str = "SELECT c.oid, n.nspname, c.relname, c.relreplident, c.relpersistence, c.reltuples::bigint, \
     pg_catalog.obj_description(c.oid, 'pg_class') \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p') AND ";
const ALL_SQL: &str = "NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
     ORDER BY n.nspname, c.relname";
const NAMED_SQL: &str = "(n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[])) \
     ORDER BY n.nspname, c.relname";
const COLUMNS_SQL: &str = "SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, \
     pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef, a.attidentity, a.attgenerated, \
     pg_catalog.col_description(a.attrelid, a.attnum), a.attnum \
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped \
     ORDER BY a.attrelid, a.attnum";
const UNIQUES_SQL: &str = "SELECT i.indrelid, c.relname, i.indisprimary, i.indisreplident, i.indimmediate, \
     (SELECT array_agg(k.n ORDER BY k.ord) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(n, ord) \
      WHERE k.ord <= i.indnkeyatts)::text \
     FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
     WHERE i.indrelid = ANY($1::oid[]) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL \
     ORDER BY i.indrelid, i.indisprimary DESC, c.relname";
const FOREIGN_SQL: &str = "SELECT k.conrelid, k.conname, k.conkey::text, n.nspname, c.relname, \
     ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY x(n, ord) \
           JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n ORDER BY x.ord)::text[]::text \
     FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.confrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE k.conrelid = ANY($1::oid[]) AND k.contype = 'f' AND k.conparentid = 0 ORDER BY k.conrelid, k.conname";

/// Load these tables, or every user table when `names` is empty. Names that do
/// not exist are left out.
pub fn load(connection: &mut Connection, types: &mut Types, names: &[ObjectName]) -> Result<Vec<Table>> {
    let rows = if names.is_empty() {
        connection.query(&format!("{TABLES_SQL}{ALL_SQL}"), &[])?
    } else {
        let mut schemas = TextArray::default();
        let mut tables = TextArray::default();
        for name in names {
            schemas.push(Some(&name.schema));
            tables.push(Some(&name.table));
        }
        let (schemas, tables) = (schemas.finish(), tables.finish());
        connection.query(&format!("{TABLES_SQL}{NAMED_SQL}"), &[Param::Binary(&schemas), Param::Binary(&tables)])?
    };
    let first = |text: &str| text.chars().next().unwrap_or(' ');
    let mut found: Vec<Table> = (0..rows.len())
        .map(|row| Table {
            oid: rows.text(row, 0).parse().unwrap_or(0),
            name: ObjectName::new(rows.text(row, 1), rows.text(row, 2)),
            identity: first(rows.text(row, 3)),
            persistence: first(rows.text(row, 4)),
            rows_estimate: rows.text(row, 5).parse().ok(),
            comment: rows.text(row, 6).to_owned(),
            columns: Vec::new(),
            key: Vec::new(),
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            obstacle: String::new(),
            remedy: String::new(),
        })
        .collect();
    if found.is_empty() {
        return Ok(found);
    }
    let oids: Vec<String> = found.iter().map(|table| table.oid.to_string()).collect();
    let oids = format!("{{{}}}", oids.join(","));
    load_columns(connection, types, &mut found, &oids)?;
    load_uniques(connection, &mut found, &oids)?;
    load_foreign_keys(connection, &mut found, &oids)?;
    found.iter_mut().for_each(Table::choose_key);
    Ok(found)
}

fn of<'a>(found: &'a mut [Table], oid: &str) -> Option<&'a mut Table> {
    let oid: u32 = oid.parse().ok()?;
    found.iter_mut().find(|table| table.oid == oid)
}

fn load_columns(connection: &mut Connection, types: &mut Types, found: &mut [Table], oids: &str) -> Result<()> {
    let rows = connection.query(COLUMNS_SQL, &[Param::Text(oids)])?;
    for row in 0..rows.len() {
        let Some(table) = of(found, rows.text(row, 0)) else { continue };
        table.columns.push(Column {
            name: rows.text(row, 1).to_owned(),
            type_oid: rows.text(row, 2).parse().unwrap_or(0),
            typmod: rows.text(row, 3).parse().unwrap_or(-1),
            native: rows.text(row, 4).to_owned(),
            not_null: rows.is_true(row, 5),
            has_default: rows.is_true(row, 6),
            identity: rows.text(row, 7).chars().next().unwrap_or(' '),
            generated: !rows.text(row, 8).is_empty(),
            comment: rows.text(row, 9).to_owned(),
            number: rows.text(row, 10).parse().unwrap_or(0),
        });
    }
    let wanted: Vec<u32> = found.iter().flat_map(|table| table.columns.iter().map(|column| column.type_oid)).collect();
    types.load(connection, wanted)
}

/// `{1,2}` of attribute numbers as positions; `None` when one is no plain column.
fn positions(table: &Table, numbers: &str) -> Option<Vec<usize>> {
    let position = |number: Option<String>| {
        let number: i32 = number?.parse().ok()?;
        table.columns.iter().position(|column| column.number == number)
    };
    elements(numbers)?.into_iter().map(position).collect()
}

fn load_uniques(connection: &mut Connection, found: &mut [Table], oids: &str) -> Result<()> {
    let rows = connection.query(UNIQUES_SQL, &[Param::Text(oids)])?;
    for row in 0..rows.len() {
        let Some(table) = of(found, rows.text(row, 0)) else { continue };
        let Some(columns) = positions(table, rows.text(row, 5)) else { continue };
        let not_null = columns.iter().all(|at| table.columns.get(*at).is_some_and(|column| column.not_null));
        table.uniques.push(Unique {
            name: rows.text(row, 1).to_owned(),
            columns,
            primary: rows.is_true(row, 2),
            replica_identity: rows.is_true(row, 3),
            not_null,
            immediate: rows.is_true(row, 4),
        });
    }
    Ok(())
}

fn load_foreign_keys(connection: &mut Connection, found: &mut [Table], oids: &str) -> Result<()> {
    let rows = connection.query(FOREIGN_SQL, &[Param::Text(oids)])?;
    for row in 0..rows.len() {
        let Some(table) = of(found, rows.text(row, 0)) else { continue };
        let Some(columns) = positions(table, rows.text(row, 2)) else { continue };
        table.foreign_keys.push(ForeignKey {
            name: rows.text(row, 1).to_owned(),
            columns,
            object: ObjectName::new(rows.text(row, 3), rows.text(row, 4)),
            referenced: elements(rows.text(row, 5)).unwrap_or_default().into_iter().flatten().collect(),
        });
    }
    Ok(())
}
