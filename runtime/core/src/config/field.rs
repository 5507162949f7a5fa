//! Fields: which columns hold the same thing, and the rules of each.

use super::{
    check_name,
    error::{Code, Problems, Span},
    node::{Data, Entry, Node},
    notation,
    policy::{self, Policy},
    section::{Section, bad_value, text, texts, unknown_name, wrong_type},
    sync::Sync,
};
use crate::{cast::Notation, code::TransformSlot, expression};

/// Fields of one sync.
const FIELDS_MAX: usize = 4_000;

/// The entry that stands for all columns of equal names.
const SAME_NAME_KEY: &str = "*";

/// One mapped field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub at: Span,
    /// Side name and column, in the file's order.
    pub columns: Vec<(String, FieldColumn)>,
    pub conflict: Option<Policy>,
    pub initial: Option<Policy>,
    /// News is only taken from these sides; the others are written. Empty: from all.
    pub one_way: Vec<String>,
    /// The sync whose records this field refers to.
    pub reference: Option<String>,
    /// Never shown in listings.
    pub sensitive: bool,
    /// Values may be rounded where a side has no room for them.
    pub lossy: bool,
    /// How its columns write values, where their types do not say.
    pub notation: Option<Notation>,
    /// Computed from other fields, and only written.
    pub from: Option<Source>,
    /// What a new row gets where the record has no value.
    pub default: Option<Expression>,
    pub reviewed: Option<Reviewed>,
}

/// An expression as written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    pub text: String,
    pub at: Span,
}

/// What a field is computed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Expression(Expression),
    /// A component makes it of the values of these fields.
    Transform {
        slot: TransformSlot,
        of: Vec<String>,
        at: Span,
    },
}

impl Source {
    pub fn at(&self) -> &Span {
        match self {
            Source::Expression(written) => &written.at,
            Source::Transform { at, .. } => at,
        }
    }

    pub(super) fn at_mut(&mut self) -> &mut Span {
        match self {
            Source::Expression(written) => &mut written.at,
            Source::Transform { at, .. } => at,
        }
    }

    /// Names of the fields it may read.
    pub fn reads(&self) -> Vec<String> {
        match self {
            Source::Expression(written) => expression::names(&written.text),
            Source::Transform { of, .. } => of.clone(),
        }
    }
}

/// A field's column at one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldColumn {
    pub column: String,
    pub at: Span,
    /// News here is taken.
    pub read: bool,
    /// The runtime may write it.
    pub write: bool,
    /// How values are written there; the field's unless said.
    pub notation: Option<Notation>,
}

/// Who looked at a judgement call, and what they thought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reviewed {
    pub by: String,
    /// A date or time, as written.
    pub at: String,
    pub note: String,
}

/// Columns that a person said do not belong together, so that nobody is asked again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declined {
    /// Side name and column.
    pub columns: Vec<(String, String)>,
    pub reviewed: Option<Reviewed>,
}

/// Of one sync.
const DECLINED_MAX: usize = 4_000;

/// All that `fields` says.
pub(super) struct Fields {
    pub(super) fields: Vec<Field>,
    pub(super) same_name: bool,
    pub(super) skipped: Vec<String>,
}

/// Keys of a field's table that are no sides.
const OPTIONS: [&str; 10] =
    ["conflict", "initial", "one_way", "ref", "sensitive", "lossy", "as", "from", "default", "reviewed"];

/// Whether a field's table has a setting of this name.
pub(super) fn is_option(name: &str) -> bool {
    OPTIONS.contains(&name)
}

pub(super) fn read_all(section: &mut Section<'_>, sides: &[&str], problems: &mut Problems<'_>) -> Fields {
    let mut fields = Fields { fields: Vec::new(), same_name: false, skipped: Vec::new() };
    let Some(node) = section.get("fields") else {
        problems.add(
            Code::MissingKey,
            section.span.clone(),
            format!("`{}` has no `fields`", section.path),
            "add `fields = \"same-name\"` or a table of fields, or let `lockstep map SYNC` propose one",
        );
        return fields;
    };
    let path = section.join("fields");
    if matches!(node.data, Data::Text(_)) {
        fields.same_name = is_same_name(&path, node, problems);
        return fields;
    }
    let Some(table) = Section::of(path, node, problems) else {
        return fields;
    };
    fields.same_name = table
        .entries()
        .iter()
        .find(|entry| entry.key == SAME_NAME_KEY)
        .is_some_and(|entry| is_same_name(&table.join(SAME_NAME_KEY), &entry.node, problems));
    for entry in table.entries().iter().filter(|e| e.key != SAME_NAME_KEY) {
        check_name("field", &entry.key, entry.span.clone(), problems);
        if matches!(entry.node.data, Data::Bool(false)) {
            skip(entry, &table, &mut fields, problems);
            continue;
        }
        let path = table.join(&entry.key);
        if let Some(field) = read(entry, path, sides, fields.same_name, problems) {
            fields.fields.push(field);
        }
    }
    if fields.fields.is_empty() && !fields.same_name || fields.fields.len() > FIELDS_MAX {
        problems.add(
            Code::OutOfBounds,
            node.span.clone(),
            format!("`{}` maps {} fields", table.path, fields.fields.len()),
            format!("map between 1 and {FIELDS_MAX}, or write `fields = \"same-name\"`"),
        );
    }
    fields
}

fn is_same_name(path: &str, node: &Node, problems: &mut Problems<'_>) -> bool {
    let Some(word) = text(path, node, problems) else {
        return false;
    };
    if word != "same-name" {
        let wanted = "\"same-name\", or a table of fields";
        bad_value(path, node, &format!("`{word}`"), wanted, problems);
    }
    word == "same-name"
}

fn skip(entry: &Entry, table: &Section<'_>, fields: &mut Fields, problems: &mut Problems<'_>) {
    if !fields.same_name {
        problems.add(
            Code::Contradiction,
            entry.span.clone(),
            format!("`{}` leaves out a field that nothing maps", table.join(&entry.key)),
            "remove it, or map columns of equal names with `\"*\" = \"same-name\"`",
        );
    }
    fields.skipped.push(entry.key.clone());
}

fn read(entry: &Entry, path: String, sides: &[&str], same_name: bool, problems: &mut Problems<'_>) -> Option<Field> {
    let mut field = Field {
        name: entry.key.clone(),
        at: problems.locate(entry.span.clone()),
        columns: Vec::new(),
        conflict: None,
        initial: None,
        one_way: Vec::new(),
        reference: None,
        sensitive: false,
        lossy: false,
        notation: None,
        from: None,
        default: None,
        reviewed: None,
    };
    if let Data::Text(column) = &entry.node.data {
        let here = plain_column(&path, column, &entry.node, problems);
        field.columns = sides.iter().map(|side| ((*side).to_owned(), here.clone())).collect();
        return Some(field);
    }
    let mut section = Section::of(path, &entry.node, problems)?;
    let policy = |section: &mut Section<'_>, key, problems: &mut Problems<'_>| {
        let node = section.get(key)?;
        policy::read(&section.join(key), node, sides, problems)
    };
    field.conflict = policy(&mut section, "conflict", problems);
    field.initial = policy(&mut section, "initial", problems);
    field.one_way = read_one_way(&mut section, sides, problems);
    field.reference = section.text("ref", problems);
    field.sensitive = section.flag("sensitive", problems).unwrap_or(false);
    field.lossy = section.flag("lossy", problems).unwrap_or(false);
    field.notation = read_notation(&mut section, problems);
    field.from = read_source(&mut section, problems);
    // What it is meant to be is not known then, and was said.
    let misread = field.from.is_none() && section.get("from").is_some();
    field.default = read_expression(&mut section, "default", problems);
    field.reviewed = read_reviewed(&mut section, problems);
    field.columns = read_columns(section, sides, problems);
    if !misread {
        check(&field, entry, same_name, problems);
    }
    Some(field)
}

fn plain_column(path: &str, column: &str, node: &Node, problems: &mut Problems<'_>) -> FieldColumn {
    if column.trim().is_empty() {
        bad_value(path, node, "empty", "the column's name", problems);
    }
    FieldColumn {
        column: column.to_owned(),
        at: problems.locate(node.span.clone()),
        read: true,
        write: true,
        notation: None,
    }
}

fn read_notation(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Notation> {
    let node = section.get("as")?;
    notation::read(&section.join("as"), node, problems)
}

pub(super) fn read_expression(
    section: &mut Section<'_>,
    key: &'static str,
    problems: &mut Problems<'_>,
) -> Option<Expression> {
    let node = section.get(key)?;
    let path = section.join(key);
    let text = text(&path, node, problems)?;
    if text.trim().is_empty() {
        bad_value(&path, node, "empty", "an expression, such as \"amount > 0\"", problems);
        return None;
    }
    Some(Expression { text: text.to_owned(), at: problems.locate(node.span.clone()) })
}

/// `from`: an expression, or `{ transform = "rules/mine.wasm", of = ["a", "b"] }`.
fn read_source(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Source> {
    let node = section.get("from")?;
    if !matches!(node.data, Data::Table(_)) {
        return read_expression(section, "from", problems).map(Source::Expression);
    }
    let mut table = section.table("from", problems)?;
    let path = table.join("of");
    let transform = match table.need("transform", "\"rules/mine.wasm\"", problems) {
        Some(_) => table.component("transform", problems),
        None => None,
    };
    let of = table.need("of", "[\"FIELD\"]", problems).map(|node| texts(&path, node, problems));
    table.finish(problems);
    let of = of?.into_iter().map(|(name, _)| name.to_owned()).collect();
    Some(Source::Transform { slot: TransformSlot::named(transform?), of, at: problems.locate(node.span.clone()) })
}

/// Whatever is no setting has to be a side.
fn read_columns(section: Section<'_>, sides: &[&str], problems: &mut Problems<'_>) -> Vec<(String, FieldColumn)> {
    let mut columns = Vec::new();
    for entry in section.entries() {
        if is_option(&entry.key) {
            continue;
        }
        let path = section.join(&entry.key);
        if !sides.contains(&entry.key.as_str()) {
            let known = sides.iter().chain(OPTIONS.iter()).copied();
            unknown_name("side or setting", &entry.key, entry.span.clone(), known, problems);
            continue;
        }
        if let Data::Text(column) = &entry.node.data {
            let column = plain_column(&path, column, &entry.node, problems);
            columns.push((entry.key.clone(), column));
            continue;
        }
        let Data::Table(_) = entry.node.data else {
            let wanted = "the column's name, or { column = \"name\", write = false }";
            wrong_type(&path, &entry.node, wanted, problems);
            continue;
        };
        let Some(mut table) = Section::of(path, &entry.node, problems) else {
            continue;
        };
        let name = table.need("column", "\"name\"", problems);
        let name = name.and_then(|node| {
            let path = table.join("column");
            let name = text(&path, node, problems)?;
            Some(plain_column(&path, name, node, problems))
        });
        let read = table.flag("read", problems).unwrap_or(true);
        let write = table.flag("write", problems).unwrap_or(true);
        let notation = read_notation(&mut table, problems);
        table.finish(problems);
        if let Some(column) = name {
            columns.push((entry.key.clone(), FieldColumn { read, write, notation, ..column }));
        }
    }
    columns
}

fn read_one_way(section: &mut Section<'_>, sides: &[&str], problems: &mut Problems<'_>) -> Vec<String> {
    let Some(node) = section.get("one_way") else {
        return Vec::new();
    };
    let path = section.join("one_way");
    let names = match &node.data {
        Data::Text(name) => vec![(name.as_str(), node.span.clone())],
        Data::List(_) => texts(&path, node, problems),
        _ => {
            let wanted = "the side that news is taken from, such as \"crm\"";
            wrong_type(&path, node, wanted, problems);
            Vec::new()
        }
    };
    let mut known = Vec::new();
    for (name, span) in names {
        if sides.contains(&name) {
            known.push(name.to_owned());
        } else {
            unknown_name("side", name, span, sides.iter().copied(), problems);
        }
    }
    known
}

fn read_reviewed(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Reviewed> {
    let mut table = section.table("reviewed", problems)?;
    let reviewed = Reviewed {
        by: table.text("by", problems).unwrap_or_default(),
        at: table.text("at", problems).unwrap_or_default(),
        note: table.text("note", problems).unwrap_or_default(),
    };
    table.finish(problems);
    Some(reviewed)
}

/// `[[syncs.NAME.declined]]`: a column at each of two sides or more.
pub(super) fn read_declined(section: &mut Section<'_>, sides: &[&str], problems: &mut Problems<'_>) -> Vec<Declined> {
    let Some(node) = section.get("declined") else {
        return Vec::new();
    };
    let path = section.join("declined");
    let Data::List(items) = &node.data else {
        wrong_type(&path, node, "a list of tables, each with a column by side", problems);
        return Vec::new();
    };
    if items.len() > DECLINED_MAX {
        bad_value(&path, node, "too long", "at most 4000 entries", problems);
        return Vec::new();
    }
    items.iter().filter_map(|item| declined(Section::of(path.clone(), item, problems)?, sides, problems)).collect()
}

fn declined(mut section: Section<'_>, sides: &[&str], problems: &mut Problems<'_>) -> Option<Declined> {
    let reviewed = read_reviewed(&mut section, problems);
    let mut columns = Vec::new();
    for entry in section.entries().iter().filter(|entry| entry.key != "reviewed") {
        if !sides.contains(&entry.key.as_str()) {
            let known = sides.iter().copied().chain(["reviewed"]);
            unknown_name("side or setting", &entry.key, entry.span.clone(), known, problems);
        } else if let Some(column) = text(&section.join(&entry.key), &entry.node, problems) {
            columns.push((entry.key.clone(), column.to_owned()));
        }
    }
    Some(Declined { columns, reviewed })
}

fn check(field: &Field, entry: &Entry, same_name: bool, problems: &mut Problems<'_>) {
    if let Some(from) = &field.from {
        check_computed(field, from, problems);
        return;
    }
    if field.columns.len() < 2 && !same_name {
        problems.add(
            Code::MissingKey,
            entry.span.clone(),
            format!("field `{}` is at {} side(s) only", field.name, field.columns.len()),
            "name its column at two sides or more",
        );
    }
    for side in &field.one_way {
        let here = field.columns.iter().find(|(name, _)| name == side);
        let silent = match here {
            Some((_, column)) => !column.read,
            None => !same_name,
        };
        if silent {
            problems.add(
                Code::Contradiction,
                entry.span.clone(),
                format!("field `{}` flows from `{side}`, which it is not read from", field.name),
                format!("name its column at `{side}`, or choose another side"),
            );
        }
    }
}

/// A computed field is written only: nothing that decides between sides applies.
fn check_computed(field: &Field, from: &Source, problems: &mut Problems<'_>) {
    let mut clash = |what: &str, why: &str| {
        problems.add(
            Code::Contradiction,
            from.at().bytes.clone(),
            format!("field `{}` is computed and says `{what}`", field.name),
            format!("{why}: remove one of the two"),
        );
    };
    if field.conflict.is_some() || field.initial.is_some() {
        clash("conflict", "there is nothing to decide, since nothing is taken from its columns");
    }
    if !field.one_way.is_empty() {
        clash("one_way", "it flows from the fields it is computed from");
    }
    if field.reference.is_some() {
        clash("ref", "a reference is another record's key and cannot be computed");
    }
    if field.default.is_some() {
        clash("default", "the expression says what it is");
    }
    if field.columns.is_empty() {
        problems.add(
            Code::MissingKey,
            from.at().bytes.clone(),
            format!("field `{}` is at no side", field.name),
            "name its column at one side or more",
        );
    }
}

/// References name another sync, which has the same sides as far as the field goes.
pub(super) fn check_references(syncs: &[Sync], problems: &mut Problems<'_>) {
    for sync in syncs {
        for field in &sync.fields {
            let Some(target) = &field.reference else {
                continue;
            };
            let span = field.at.bytes.clone();
            let Some(parent) = syncs.iter().find(|sync| sync.name == *target) else {
                let known = syncs.iter().map(|sync| sync.name.as_str());
                unknown_name("sync", target, span, known, problems);
                continue;
            };
            for (side, _) in &field.columns {
                if parent.side(side).is_none() {
                    problems.add(
                        Code::Contradiction,
                        span.clone(),
                        format!("field `{}` refers to `{target}`, which has no side `{side}`", field.name),
                        format!("give `{target}` a side `{side}`, or leave the field out there"),
                    );
                }
            }
        }
    }
}
