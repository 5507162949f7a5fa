//! Reading one table: every key is asked for by name, and what nobody asked
//! for is an error with a suggestion.

use std::ops::Range;

use super::{
    error::{Code, Problems},
    node::{Data, Entry, Node},
    suggest::{closest, listed},
};

pub(super) struct Section<'n> {
    /// As in a header, such as `syncs.contacts`. Empty for the root.
    pub(super) path: String,
    pub(super) span: Range<usize>,
    entries: &'n [Entry],
    known: Vec<&'static str>,
}

impl<'n> Section<'n> {
    pub(super) fn root(node: &'n Node) -> Option<Section<'n>> {
        match &node.data {
            Data::Table(entries) => Some(Section { path: String::new(), span: 0..0, entries, known: Vec::new() }),
            _ => None,
        }
    }

    /// The table of this node; anything else is an error.
    pub(super) fn of(path: String, node: &'n Node, problems: &mut Problems<'_>) -> Option<Self> {
        match &node.data {
            Data::Table(entries) => Some(Section { path, span: node.span.clone(), entries, known: Vec::new() }),
            _ => {
                wrong_type(&path, node, "a table", problems);
                None
            }
        }
    }

    pub(super) fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn entries(&self) -> &'n [Entry] {
        self.entries
    }

    pub(super) fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.node)
    }

    /// A key without which the table makes no sense.
    pub(super) fn need(&mut self, key: &'static str, example: &str, problems: &mut Problems<'_>) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() {
            problems.add(
                Code::MissingKey,
                self.span.clone(),
                format!("`{}` has no `{key}`", self.path),
                format!("add `{key} = {example}`"),
            );
        }
        found
    }

    pub(super) fn table(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Section<'n>> {
        let node = self.get(key)?;
        Section::of(self.join(key), node, problems)
    }

    pub(super) fn text(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<String> {
        let node = self.get(key)?;
        text(&self.join(key), node, problems).map(str::to_owned)
    }

    pub(super) fn flag(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<bool> {
        let node = self.get(key)?;
        match node.data {
            Data::Bool(value) => Some(value),
            _ => {
                wrong_type(&self.join(key), node, "true or false", problems);
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn count(
        &mut self,
        key: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
        problems: &mut Problems<'_>,
    ) -> Option<u64> {
        let node = self.get(key)?;
        let path = self.join(key);
        let Data::Int(number) = node.data else {
            wrong_type(&path, node, "a whole number", problems);
            return None;
        };
        match u64::try_from(number) {
            Ok(number) if bounds.contains(&number) => Some(number),
            _ => {
                problems.add(
                    Code::OutOfBounds,
                    node.span.clone(),
                    format!("`{path}` cannot be {number}"),
                    format!("choose between {} and {}", bounds.start(), bounds.end()),
                );
                None
            }
        }
    }

    /// Text that a function understands, such as a duration.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
        problems: &mut Problems<'_>,
    ) -> Option<T> {
        let node = self.get(key)?;
        let path = self.join(key);
        let found = text(&path, node, problems)?;
        let value = parse(found);
        if value.is_none() {
            bad_value(&path, node, &format!("`{found}`"), wanted, problems);
        }
        value
    }

    /// The file of a component, relative to the configuration.
    pub(super) fn component(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<String> {
        let is_file = |text: &str| text.ends_with(".wasm").then(|| text.to_owned());
        self.parsed(key, "a component's file, such as \"rules/mine.wasm\"", is_file, problems)
    }

    /// Whatever was not asked for is unknown.
    pub(super) fn finish(self, problems: &mut Problems<'_>) {
        for entry in self.entries {
            if self.known.contains(&entry.key.as_str()) {
                continue;
            }
            let place = if self.path.is_empty() { "the file".to_owned() } else { format!("`{}`", self.path) };
            let help = match closest(&entry.key, self.known.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known here: {}", listed(self.known.iter().copied())),
            };
            problems.add(Code::UnknownKey, entry.span.clone(), format!("{place} knows no key `{}`", entry.key), help);
        }
    }
}

pub(super) fn text<'n>(path: &str, node: &'n Node, problems: &mut Problems<'_>) -> Option<&'n str> {
    match &node.data {
        Data::Text(text) => Some(text),
        _ => {
            wrong_type(path, node, "a string", problems);
            None
        }
    }
}

/// A list of strings; whatever else is in it is an error.
pub(super) fn texts<'n>(path: &str, node: &'n Node, problems: &mut Problems<'_>) -> Vec<(&'n str, Range<usize>)> {
    let Data::List(items) = &node.data else {
        wrong_type(path, node, "a list of strings", problems);
        return Vec::new();
    };
    items.iter().filter_map(|item| Some((text(path, item, problems)?, item.span.clone()))).collect()
}

pub(super) fn wrong_type(path: &str, node: &Node, wanted: &str, problems: &mut Problems<'_>) {
    problems.add(
        Code::WrongType,
        node.span.clone(),
        format!("`{path}` is {}", node.describe()),
        format!("write {wanted}"),
    );
}

pub(super) fn bad_value(path: &str, node: &Node, found: &str, wanted: &str, problems: &mut Problems<'_>) {
    problems.add(Code::BadValue, node.span.clone(), format!("`{path}` cannot be {found}"), format!("write {wanted}"));
}

/// A name that nothing carries.
pub(super) fn unknown_name<'a>(
    what: &str,
    name: &str,
    span: Range<usize>,
    known: impl Iterator<Item = &'a str> + Clone,
    problems: &mut Problems<'_>,
) {
    let help = match closest(name, known.clone()) {
        Some(close) => format!("did you mean `{close}`?"),
        None => match listed(known) {
            names if names.is_empty() => format!("there is no {what} yet: add one"),
            names => format!("there are: {names}"),
        },
    };
    problems.add(Code::UnknownName, span, format!("there is no {what} `{name}`"), help);
}
