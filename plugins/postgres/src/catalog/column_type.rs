//! Types by object id: how their text is read, cast and compared.

use std::collections::HashMap;
use std::rc::Rc;

use crate::failure::Result;
use crate::sql::identifier;
use crate::value::{Codec, ScalarCodec, elements};
use crate::wire::{Connection, Param};

/// Domains over domains over … deeper than this are read as opaque text.
const NESTING_MAX: usize = 16;

/// What is known of a type.
#[derive(Clone, Debug)]
pub struct TypeInfo {
    pub codec: Codec,
    /// The contract's kind.
    pub kind: &'static str,
    /// Kind of an array's elements.
    pub element: Option<&'static str>,
    /// The base type for casts, quoted and without length: an explicit cast to
    /// a type with a length would cut the value silently.
    pub cast: String,
    /// Whether the type's own equality tells two values apart exactly where
    /// their text differs in meaning; otherwise text is compared.
    pub exact_equality: bool,
    /// The base type's name.
    pub name: String,
    /// Labels of an enum.
    pub labels: Vec<String>,
    /// A domain's own length or precision.
    pub typmod: i32,
}

struct Raw {
    schema: String,
    name: String,
    category: char,
    base: u32,
    typmod: i32,
    element: u32,
    is_array: bool,
    delimiter: char,
    has_equality: bool,
    labels: Vec<String>,
}

const TYPES_SQL: &str = "SELECT t.oid, n.nspname, t.typname, t.typtype, t.typbasetype, t.typtypmod, t.typelem, \
     t.typcategory = 'A' AND t.typlen = -1 AND t.typelem <> 0, t.typdelim, \
     EXISTS (SELECT FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod \
             WHERE o.opcintype = t.oid AND o.opcdefault AND a.amname IN ('btree', 'hash')), \
     ARRAY(SELECT e.enumlabel FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)::text[] \
     FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
     WHERE t.oid = ANY($1::oid[])";

/// Types seen so far.
#[derive(Default)]
pub struct Types {
    raw: HashMap<u32, Raw>,
    known: HashMap<u32, Rc<TypeInfo>>,
}

impl Types {
    /// A type that was loaded; anything else is opaque text.
    pub fn get(&self, oid: u32) -> Rc<TypeInfo> {
        self.known.get(&oid).cloned().unwrap_or_else(|| {
            Rc::new(TypeInfo {
                codec: Codec::One(ScalarCodec::Text),
                kind: "opaque",
                element: None,
                cast: "\"pg_catalog\".\"text\"".into(),
                exact_equality: false,
                name: String::new(),
                labels: Vec::new(),
                typmod: -1,
            })
        })
    }

    /// Load those not seen yet, and what they are made of.
    pub fn load(&mut self, connection: &mut Connection, oids: impl IntoIterator<Item = u32>) -> Result<()> {
        let mut wanted: Vec<u32> = oids.into_iter().filter(|oid| !self.raw.contains_key(oid)).collect();
        let mut fresh = Vec::new();
        for _ in 0..NESTING_MAX {
            wanted.sort_unstable();
            wanted.dedup();
            wanted.retain(|oid| *oid != 0 && !self.raw.contains_key(oid));
            if wanted.is_empty() {
                break;
            }
            let list: Vec<String> = wanted.iter().map(u32::to_string).collect();
            let rows = connection.query(TYPES_SQL, &[Param::Text(&format!("{{{}}}", list.join(",")))])?;
            wanted.clear();
            for row in 0..rows.len() {
                let number = |column| rows.text(row, column).parse::<u32>().unwrap_or(0);
                let first = |column| rows.text(row, column).chars().next().unwrap_or(' ');
                let raw = Raw {
                    schema: rows.text(row, 1).to_owned(),
                    name: rows.text(row, 2).to_owned(),
                    category: first(3),
                    base: number(4),
                    typmod: rows.text(row, 5).parse().unwrap_or(-1),
                    element: number(6),
                    is_array: rows.is_true(row, 7),
                    delimiter: first(8),
                    has_equality: rows.is_true(row, 9),
                    labels: elements(rows.text(row, 10)).unwrap_or_default().into_iter().flatten().collect(),
                };
                wanted.extend([raw.base, if raw.is_array { raw.element } else { 0 }]);
                self.raw.insert(number(0), raw);
                fresh.push(number(0));
            }
        }
        for oid in fresh {
            let info = Rc::new(self.resolve(oid));
            self.known.insert(oid, info);
        }
        Ok(())
    }

    /// Forget everything: a type may have been altered.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.known.clear();
    }

    fn base(&self, mut oid: u32) -> (Option<&Raw>, i32) {
        let mut typmod = -1;
        for _ in 0..NESTING_MAX {
            match self.raw.get(&oid) {
                Some(raw) if raw.category == 'd' => {
                    if typmod == -1 {
                        typmod = raw.typmod;
                    }
                    oid = raw.base;
                }
                other => return (other, typmod),
            }
        }
        (None, typmod)
    }

    fn resolve(&self, oid: u32) -> TypeInfo {
        let (base, typmod) = self.base(oid);
        let Some(base) = base else {
            return TypeInfo::clone(&self.get(0));
        };
        let (scalar, kind, exact) = classify(base);
        let mut info = TypeInfo {
            codec: Codec::One(scalar),
            kind,
            element: None,
            cast: format!("{}.{}", identifier(&base.schema), identifier(&base.name)),
            exact_equality: exact,
            name: base.name.clone(),
            labels: base.labels.clone(),
            typmod,
        };
        if base.is_array && base.delimiter == ',' {
            let (element, _) = self.base(base.element);
            if let Some(element) = element.filter(|raw| !raw.is_array) {
                let (scalar, kind, exact) = classify(element);
                info.codec = Codec::Many(scalar);
                info.kind = "list";
                info.element = Some(kind);
                info.exact_equality = exact;
            }
        }
        info
    }
}

/// How a base type's text is read, its kind, and whether its own equality is exact.
fn classify(raw: &Raw) -> (ScalarCodec, &'static str, bool) {
    match raw.category {
        'e' => return (ScalarCodec::Text, "enum", true),
        'b' => {}
        // Ranges compare exactly by their bounds; composites may hold anything.
        'r' | 'm' => return (ScalarCodec::Text, "opaque", true),
        _ => return (ScalarCodec::Text, "opaque", false),
    }
    if raw.schema != "pg_catalog" {
        let kind = if raw.name == "citext" { "text" } else { "opaque" };
        return (ScalarCodec::Text, kind, false);
    }
    match raw.name.as_str() {
        "bool" => (ScalarCodec::Bool, "bool", true),
        "int2" | "int4" | "int8" | "oid" => (ScalarCodec::Int, "int", true),
        "numeric" => (ScalarCodec::Decimal, "decimal", true),
        "float4" | "float8" => (ScalarCodec::Float, "float", true),
        // A collation may call different texts equal: compared as text, bytewise.
        "text" | "varchar" | "name" => (ScalarCodec::Text, "text", false),
        "bpchar" | "char" => (ScalarCodec::Text, "text", true),
        "bytea" => (ScalarCodec::Bytes, "bytes", true),
        "date" => (ScalarCodec::Date, "date", true),
        "time" => (ScalarCodec::Time, "time", true),
        "timestamp" => (ScalarCodec::LocalTimestamp, "local-timestamp", true),
        "timestamptz" => (ScalarCodec::Timestamp, "timestamp", true),
        "uuid" => (ScalarCodec::Uuid, "uuid", true),
        "json" => (ScalarCodec::Json, "json", false),
        "jsonb" => (ScalarCodec::Json, "json", true),
        // `1 mon` equals `30 days` to PostgreSQL.
        "interval" => (ScalarCodec::Text, "opaque", false),
        _ => (ScalarCodec::Text, "opaque", raw.has_equality),
    }
}
