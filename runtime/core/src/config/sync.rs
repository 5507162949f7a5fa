//! Syncs: their sides, how records find each other, and the rules.

use std::ops::Range;

use super::{
    check_name,
    error::{Code, Problems, Span},
    field::{self, Declined, Expression, Field, Source},
    node::{Data, Entry, Node},
    policy::{self, Policy},
    section::{Section, bad_value, text, texts, unknown_name, wrong_type},
    units,
};
use crate::{
    cast::Notation,
    code::{JudgeSlot, TransformSlot},
    spec::DeletePolicy,
};

/// Sides of one sync.
const SIDES_MAX: usize = 32;

/// Two or more sides that hold the same records.
#[derive(Clone, Debug, PartialEq)]
pub struct Sync {
    pub name: String,
    pub at: Span,
    /// In the file's order, which breaks ties.
    pub sides: Vec<Side>,
    /// Sets of fields; within a set all must agree, the sets are tried in order.
    /// Empty: existing records never find each other.
    pub match_on: Vec<Vec<String>>,
    pub match_at: Span,
    pub conflict: Policy,
    /// `None`: as [`Sync::conflict`], where that makes sense without a base.
    pub initial: Option<Policy>,
    pub deletes: DeletePolicy,
    /// Which records take part. `None`: all.
    pub filter: Option<Expression>,
    pub leaving: Leaving,
    pub groups: Vec<Group>,
    pub fields: Vec<Field>,
    /// Columns with the same name on several sides are mapped too.
    pub same_name: bool,
    /// Columns that `same_name` leaves out.
    pub skipped: Vec<String>,
    /// Columns that are not to be proposed together again.
    pub declined: Vec<Declined>,
    /// `None`: switched off.
    pub delete_storm: Option<DeleteStorm>,
    pub skew_tolerance_ms: u32,
    pub bounces_max: u8,
}

/// What becomes of the rows of a record that the filter no longer lets take part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Leaving {
    /// Rows that are linked stay in step: the filter decides what is created.
    #[default]
    Keep,
    /// They are left as they are, but for the fields that the filter reads.
    Unlink,
    /// They are deleted at these sides, once another side holds all of the record.
    Delete(Vec<String>),
}

/// One side of a sync.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    pub name: String,
    pub at: Span,
    pub connection: String,
    pub object: String,
    /// Records new elsewhere are created here.
    pub creates: bool,
    pub updates: bool,
    /// Records deleted elsewhere are deleted here.
    pub deletes: bool,
    /// New rows here become records.
    pub inserts: bool,
}

/// Fields compared, resolved and written as one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub at: Span,
    pub fields: Vec<String>,
}

/// Deletes within a window that pause the sync: more than `count`, or more
/// than `share_percent` of the side's rows once there are
/// [`DeleteStorm::SHARE_ROWS_MIN`] deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteStorm {
    pub count: u64,
    pub share_percent: u8,
    pub window_ms: u64,
}

impl DeleteStorm {
    /// Deletes from which the share counts: clearing out a small table is no storm.
    pub const SHARE_ROWS_MIN: u64 = 100;
}

impl Default for DeleteStorm {
    fn default() -> Self {
        DeleteStorm { count: 10_000, share_percent: 20, window_ms: 600_000 }
    }
}

impl Sync {
    pub fn side(&self, name: &str) -> Option<&Side> {
        self.sides.iter().find(|side| side.name == name)
    }

    /// The same with no places and no remarks in it: equal as long as it rules the
    /// same, wherever in the file and under whatever comments it stands.
    pub fn without_places(&self) -> Sync {
        let mut sync = self.clone();
        sync.at = Span::default();
        sync.declined.clear();
        sync.match_at = Span::default();
        sync.filter.iter_mut().for_each(|filter| filter.at = Span::default());
        sync.sides.iter_mut().for_each(|side| side.at = Span::default());
        sync.groups.iter_mut().for_each(|group| group.at = Span::default());
        for field in &mut sync.fields {
            field.at = Span::default();
            field.reviewed = None;
            field.from.iter_mut().for_each(|from| *from.at_mut() = Span::default());
            field.default.iter_mut().for_each(|default| default.at = Span::default());
            field.columns.iter_mut().for_each(|(_, column)| column.at = Span::default());
        }
        sync
    }

    /// Everything that components do for this sync, to be loaded.
    pub fn code(&mut self) -> (Vec<&mut TransformSlot>, Vec<&mut JudgeSlot>) {
        let mut transforms: Vec<&mut TransformSlot> = Vec::new();
        let mut judges: Vec<&mut JudgeSlot> = Vec::new();
        judges.extend(self.conflict.custom());
        judges.extend(self.initial.as_mut().and_then(Policy::custom));
        for field in &mut self.fields {
            judges.extend(field.conflict.as_mut().and_then(Policy::custom));
            judges.extend(field.initial.as_mut().and_then(Policy::custom));
            if let Some(Source::Transform { slot, .. }) = &mut field.from {
                transforms.push(slot);
            }
            let columns = field.columns.iter_mut().map(|(_, column)| &mut column.notation);
            for notation in columns.chain([&mut field.notation]) {
                if let Some(Notation::Transform(slot)) = notation {
                    transforms.push(slot);
                }
            }
        }
        (transforms, judges)
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

pub(super) fn read_all(root: &mut Section<'_>, connections: &[&str], problems: &mut Problems<'_>) -> Vec<Sync> {
    let Some(section) = root.table("syncs", problems) else {
        return Vec::new();
    };
    let mut syncs = Vec::new();
    for entry in section.entries() {
        check_name("sync", &entry.key, entry.span.clone(), problems);
        let path = section.join(&entry.key);
        if let Some(table) = Section::of(path, &entry.node, problems) {
            syncs.push(read(entry, table, connections, problems));
        }
    }
    field::check_references(&syncs, problems);
    syncs
}

fn read(entry: &Entry, mut section: Section<'_>, connections: &[&str], problems: &mut Problems<'_>) -> Sync {
    let sides = read_sides(&mut section, connections, problems);
    let names: Vec<&str> = sides.iter().map(|side| side.name.as_str()).collect();
    let policy = |section: &mut Section<'_>, key, problems: &mut Problems<'_>| {
        let node = section.get(key)?;
        policy::read(&section.join(key), node, &names, problems)
    };
    let conflict = policy(&mut section, "conflict", problems).unwrap_or(Policy::Hold);
    let initial = policy(&mut section, "initial", problems);
    let deletes = read_deletes(&mut section, problems);
    let filter = field::read_expression(&mut section, "filter", problems);
    let leaving = read_leaving(&mut section, &names, filter.is_some(), problems);
    let mapped = field::read_all(&mut section, &names, problems);
    let known = |name: &str| mapped.same_name || mapped.fields.iter().any(|f| f.name == name);
    let field_names = || mapped.fields.iter().map(|field| field.name.as_str());
    let (match_on, match_at) = read_match(&mut section, problems);
    for (name, span) in match_on.iter().flatten() {
        if !known(name) {
            unknown_name("field", name, span.clone(), field_names(), problems);
        }
    }
    let groups = read_groups(&mut section, problems);
    for (name, span) in groups.iter().flat_map(|group| &group.1) {
        if !known(name) {
            unknown_name("field", name, span.clone(), field_names(), problems);
        }
    }
    let declined = field::read_declined(&mut section, &names, problems);
    let delete_storm = read_storm(&mut section, problems);
    let skew_tolerance_ms = section.parsed(
        "skew_tolerance",
        "a duration of an hour at most, such as \"2s\"",
        |text| {
            let ms = units::duration_ms(text)?;
            u32::try_from(ms).ok().filter(|ms| *ms <= 3_600_000)
        },
        problems,
    );
    let bounces_max = section.count("bounces_max", 1..=100, problems);
    section.finish(problems);
    let plain = |pairs: Vec<(String, Range<usize>)>| pairs.into_iter().map(|(name, _)| name);
    Sync {
        name: entry.key.clone(),
        at: problems.locate(entry.span.clone()),
        sides,
        match_on: match_on.into_iter().map(|set| plain(set).collect()).collect(),
        match_at: problems.locate(match_at),
        conflict,
        initial,
        deletes,
        filter,
        leaving,
        groups: groups
            .into_iter()
            .map(|(mut group, fields)| {
                group.fields = plain(fields).collect();
                group
            })
            .collect(),
        fields: mapped.fields,
        same_name: mapped.same_name,
        skipped: mapped.skipped,
        declined,
        delete_storm,
        skew_tolerance_ms: skew_tolerance_ms.unwrap_or(2_000),
        bounces_max: bounces_max.and_then(|n| u8::try_from(n).ok()).unwrap_or(4),
    }
}

fn read_sides(section: &mut Section<'_>, connections: &[&str], problems: &mut Problems<'_>) -> Vec<Side> {
    let example = "{ crm = \"Contact\", db = \"public.contacts\" }";
    let Some(node) = section.need("sides", example, problems) else {
        return Vec::new();
    };
    let Some(table) = Section::of(section.join("sides"), node, problems) else {
        return Vec::new();
    };
    let mut sides: Vec<Side> = Vec::new();
    for entry in table.entries() {
        check_name("side", &entry.key, entry.span.clone(), problems);
        if field::is_option(&entry.key) {
            problems.add(
                Code::BadName,
                entry.span.clone(),
                format!("`{}` cannot name a side: fields have a setting of that name", entry.key),
                "choose another name and say `connection = …` in the side's table",
            );
        }
        let Some(side) = read_side(entry, table.join(&entry.key), connections, problems) else {
            continue;
        };
        let same = |known: &&Side| known.connection == side.connection && known.object == side.object;
        if let Some(other) = sides.iter().find(same) {
            problems.add(
                Code::Contradiction,
                entry.span.clone(),
                format!("`{}` and `{}` are the same object", other.name, side.name),
                "name another object: a side cannot be in step with itself",
            );
        }
        sides.push(side);
    }
    let count = table.entries().len();
    if !(2..=SIDES_MAX).contains(&count) {
        problems.add(
            Code::OutOfBounds,
            node.span.clone(),
            format!("`{}` has {count} sides", table.path),
            format!("name between 2 and {SIDES_MAX}"),
        );
    }
    sides
}

fn read_side(entry: &Entry, path: String, connections: &[&str], problems: &mut Problems<'_>) -> Option<Side> {
    let at = problems.locate(entry.span.clone());
    if let Data::Text(object) = &entry.node.data {
        check_connection(&entry.key, entry.span.clone(), connections, problems);
        check_object(&path, object, &entry.node, problems);
        return Some(Side {
            name: entry.key.clone(),
            at,
            connection: entry.key.clone(),
            object: object.clone(),
            creates: true,
            updates: true,
            deletes: true,
            inserts: true,
        });
    }
    let mut section = Section::of(path, &entry.node, problems)?;
    let connection = match section.get("connection") {
        Some(node) => {
            let name = text(&section.join("connection"), node, problems)?;
            check_connection(name, node.span.clone(), connections, problems);
            name.to_owned()
        }
        None => {
            check_connection(&entry.key, entry.span.clone(), connections, problems);
            entry.key.clone()
        }
    };
    let object = section.need("object", "\"public.contacts\"", problems);
    let object = object.and_then(|node| {
        let path = section.join("object");
        let object = text(&path, node, problems)?;
        check_object(&path, object, node, problems);
        Some(object.to_owned())
    });
    let mut flag = |key| section.flag(key, problems).unwrap_or(true);
    let (creates, updates) = (flag("creates"), flag("updates"));
    let (deletes, inserts) = (flag("deletes"), flag("inserts"));
    section.finish(problems);
    Some(Side { name: entry.key.clone(), at, connection, object: object?, creates, updates, deletes, inserts })
}

fn check_connection(name: &str, span: Range<usize>, connections: &[&str], problems: &mut Problems<'_>) {
    if !connections.contains(&name) {
        unknown_name("connection", name, span, connections.iter().copied(), problems);
    }
}

fn check_object(path: &str, object: &str, node: &Node, problems: &mut Problems<'_>) {
    if object.trim().is_empty() {
        bad_value(path, node, "empty", "the object's name, such as \"public.contacts\"", problems);
    }
}

fn read_deletes(section: &mut Section<'_>, problems: &mut Problems<'_>) -> DeletePolicy {
    let deletes = section.parsed(
        "deletes",
        "\"update-wins\", \"delete-wins\" or \"hold\"",
        |text| match text {
            "update-wins" => Some(DeletePolicy::UpdateWins),
            "delete-wins" => Some(DeletePolicy::DeleteWins),
            "hold" => Some(DeletePolicy::Hold),
            _ => None,
        },
        problems,
    );
    deletes.unwrap_or(DeletePolicy::Hold)
}

/// `"keep"`, `"unlink"`, or `{ delete = ["db"] }`.
fn read_leaving(section: &mut Section<'_>, sides: &[&str], filtered: bool, problems: &mut Problems<'_>) -> Leaving {
    let Some(node) = section.get("leaving") else {
        return Leaving::Keep;
    };
    let path = section.join("leaving");
    if !filtered {
        problems.add(
            Code::Contradiction,
            node.span.clone(),
            format!("`{path}` says what becomes of records that leave a filter, and there is none"),
            "write a `filter`, or remove it",
        );
    }
    let wanted = "\"keep\", \"unlink\" or { delete = [\"SIDE\"] }";
    match &node.data {
        Data::Text(word) if word == "keep" => Leaving::Keep,
        Data::Text(word) if word == "unlink" => Leaving::Unlink,
        Data::Table(_) => {
            let Some(mut table) = Section::of(path.clone(), node, problems) else {
                return Leaving::Keep;
            };
            let names = table.need("delete", "[\"SIDE\"]", problems).map(|node| match &node.data {
                Data::Text(name) => vec![(name.clone(), node.span.clone())],
                _ => owned(texts(&table.join("delete"), node, problems)),
            });
            table.finish(problems);
            let names = names.unwrap_or_default();
            for (name, span) in names.iter().filter(|(name, _)| !sides.contains(&name.as_str())) {
                unknown_name("side", name, span.clone(), sides.iter().copied(), problems);
            }
            if sides.iter().all(|side| names.iter().any(|(name, _)| name == side)) {
                bad_value(
                    &path,
                    node,
                    "every side",
                    "the sides that hold no other records; one has to keep them",
                    problems,
                );
            }
            Leaving::Delete(names.into_iter().map(|(name, _)| name).collect())
        }
        _ => {
            bad_value(&path, node, "this", wanted, problems);
            Leaving::Keep
        }
    }
}

type Names = Vec<(String, Range<usize>)>;

fn owned(names: Vec<(&str, Range<usize>)>) -> Names {
    names.into_iter().map(|(name, span)| (name.to_owned(), span)).collect()
}

/// `["email"]`: one set, all of whose fields must agree. `[["email"], ["first",
/// "last"]]`: several sets, tried in order.
fn read_match(section: &mut Section<'_>, problems: &mut Problems<'_>) -> (Vec<Names>, Range<usize>) {
    let help = "[\"email\"], or [] if records that exist already must never be linked";
    let Some(node) = section.need("match", help, problems) else {
        return (Vec::new(), section.span.clone());
    };
    let path = section.join("match");
    let Data::List(items) = &node.data else {
        wrong_type(&path, node, "a list of fields, such as [\"email\"]", problems);
        return (Vec::new(), node.span.clone());
    };
    let lists = items.iter().filter(|item| matches!(item.data, Data::List(_)));
    let sets = match lists.count() {
        0 if items.is_empty() => Vec::new(),
        0 => vec![owned(texts(&path, node, problems))],
        count if count == items.len() => items
            .iter()
            .map(|item| {
                if matches!(&item.data, Data::List(inner) if inner.is_empty()) {
                    bad_value(&path, item, "empty", "at least one field in each set", problems);
                }
                owned(texts(&path, item, problems))
            })
            .collect(),
        _ => {
            let wanted = "either fields that must all agree, [\"first\", \"last\"], or sets to try in order, [[\"email\"], [\"first\", \"last\"]]";
            bad_value(&path, node, "a mixture of fields and sets", wanted, problems);
            Vec::new()
        }
    };
    (sets, node.span.clone())
}

fn read_groups(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Vec<(Group, Names)> {
    let Some(table) = section.table("groups", problems) else {
        return Vec::new();
    };
    let mut groups: Vec<(Group, Names)> = Vec::new();
    for entry in table.entries() {
        check_name("group", &entry.key, entry.span.clone(), problems);
        let path = table.join(&entry.key);
        let mut fields = Names::new();
        for (name, span) in owned(texts(&path, &entry.node, problems)) {
            let earlier = groups.iter().flat_map(|group| &group.1).chain(&fields);
            if earlier.map(|(known, _)| known).any(|known| *known == name) {
                problems.add(
                    Code::Contradiction,
                    span,
                    format!("`{name}` is in a group already"),
                    "a field belongs to one group at most: remove it here or there",
                );
                continue;
            }
            fields.push((name, span));
        }
        if fields.len() < 2 {
            bad_value(&path, &entry.node, "a group of fewer than two fields", "two fields or more", problems);
        }
        let group = Group { name: entry.key.clone(), at: problems.locate(entry.span.clone()), fields: Vec::new() };
        groups.push((group, fields));
    }
    groups
}

fn read_storm(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<DeleteStorm> {
    let mut storm = DeleteStorm::default();
    let Some(node) = section.get("delete_storm") else {
        return Some(storm);
    };
    let path = section.join("delete_storm");
    if let Data::Bool(on) = node.data {
        return on.then_some(storm);
    }
    let mut table = Section::of(path, node, problems)?;
    if let Some(count) = table.count("count", 1..=u64::MAX / 2, problems) {
        storm.count = count;
    }
    let share = table.parsed("share", "a share, such as \"20%\"", units::percent, problems);
    storm.share_percent = share.unwrap_or(storm.share_percent);
    let window = table.parsed(
        "window",
        "a duration, such as \"10m\"",
        |text| units::duration_ms(text).filter(|ms| *ms > 0),
        problems,
    );
    storm.window_ms = window.unwrap_or(storm.window_ms);
    table.finish(problems);
    Some(storm)
}
