//! Decisions written into the file: who, when and why beside each, comments
//! and order of everything else kept.

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

/// Who decided, when, and what they thought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    pub by: String,
    /// A date.
    pub at: String,
    pub note: String,
}

/// A field that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub field: String,
    /// Side name and column.
    pub columns: Vec<(String, String)>,
    /// The sync whose records it refers to.
    pub reference: Option<String>,
    /// Values may be rounded where a side has less room.
    pub lossy: bool,
    /// By side, the column's word for each of the field's values.
    pub words: Vec<(String, Vec<(String, String)>)>,
    pub reviewed: Reviewed,
}

/// What was decided in one sitting.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    pub accepted: Vec<Accepted>,
    /// Columns that do not belong together.
    pub declined: Vec<(Vec<(String, String)>, Reviewed)>,
    /// Fields by which records find each other, where the file does not say yet.
    pub match_on: Option<Vec<String>>,
}

impl Decisions {
    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.declined.is_empty()
    }
}

/// The file's text with the decisions in it.
pub fn with_decisions(text: &str, sync: &str, decisions: &Decisions) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let table = document
        .get_mut("syncs")
        .and_then(|syncs| syncs.get_mut(sync))
        .and_then(Item::as_table_like_mut)
        .ok_or("the sync is not a table of its own")?;
    if let Some(fields) = &decisions.match_on {
        table.insert("match", value(fields.iter().map(String::as_str).collect::<Array>()));
    }
    if !decisions.accepted.is_empty() {
        let fields = fields_of(table)?;
        for accepted in &decisions.accepted {
            put(fields, accepted)?;
        }
    }
    if !decisions.declined.is_empty() {
        decline(table, &decisions.declined)?;
    }
    Ok(document.to_string())
}

/// The sync's table of fields; `fields = "same-name"` becomes one that says so.
fn fields_of(sync: &mut dyn TableLike) -> Result<&mut dyn TableLike, String> {
    if sync.get("fields").and_then(Item::as_str) == Some("same-name") {
        let mut table = Table::new();
        table.insert("*", value("same-name"));
        sync.insert("fields", Item::Table(table));
    }
    let fields = sync.entry("fields").or_insert_with(|| Item::Table(Table::new()));
    fields.as_table_like_mut().ok_or_else(|| "`fields` is not a table".to_owned())
}

fn put(fields: &mut dyn TableLike, accepted: &Accepted) -> Result<(), String> {
    let Some(known) = fields.get_mut(&accepted.field) else {
        fields.insert(&accepted.field, value(new_field(accepted)));
        return Ok(());
    };
    let known = known.as_table_like_mut().ok_or_else(|| format!("`{}` is not a table", accepted.field))?;
    for (side, column) in &accepted.columns {
        if !known.contains_key(side) {
            known.insert(side, value(column_of(accepted, side, column)));
        }
    }
    known.insert("reviewed", value(reviewed(&accepted.reviewed)));
    Ok(())
}

fn new_field(accepted: &Accepted) -> InlineTable {
    let mut table = InlineTable::new();
    for (side, column) in &accepted.columns {
        table.insert(side, column_of(accepted, side, column));
    }
    if let Some(sync) = &accepted.reference {
        table.insert("ref", sync.as_str().into());
    }
    if accepted.lossy {
        table.insert("lossy", true.into());
    }
    table.insert("reviewed", Value::InlineTable(reviewed(&accepted.reviewed)));
    table
}

/// The column's name, or a table with its words for the field's values.
fn column_of(accepted: &Accepted, side: &str, column: &str) -> Value {
    let words = accepted.words.iter().find(|(known, _)| known == side).map(|(_, words)| words);
    let Some(words) = words.filter(|words| words.iter().any(|(value, word)| value != word)) else {
        return column.into();
    };
    let mut values = InlineTable::new();
    for (value, word) in words {
        values.insert(value, word.as_str().into());
    }
    let mut notation = InlineTable::new();
    notation.insert("values", Value::InlineTable(values));
    let mut table = InlineTable::new();
    table.insert("column", column.into());
    table.insert("as", Value::InlineTable(notation));
    Value::InlineTable(table)
}

fn reviewed(by: &Reviewed) -> InlineTable {
    let mut table = InlineTable::new();
    table.insert("by", by.by.as_str().into());
    table.insert("at", by.at.as_str().into());
    if !by.note.is_empty() {
        table.insert("note", by.note.as_str().into());
    }
    table
}

fn decline(sync: &mut dyn TableLike, declined: &[(Vec<(String, String)>, Reviewed)]) -> Result<(), String> {
    let list = sync.entry("declined").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    if let Item::Value(Value::Array(array)) = list {
        for (columns, by) in declined {
            array.push(declined_inline(columns, by));
        }
        return Ok(());
    }
    let list = list.as_array_of_tables_mut().ok_or("`declined` is not a list of tables")?;
    for (columns, by) in declined {
        let mut table = Table::new();
        for (key, item) in declined_inline(columns, by) {
            table.insert(&key, Item::Value(item));
        }
        list.push(table);
    }
    Ok(())
}

fn declined_inline(columns: &[(String, String)], by: &Reviewed) -> InlineTable {
    let mut table = InlineTable::new();
    for (side, column) in columns {
        table.insert(side, column.as_str().into());
    }
    table.insert("reviewed", Value::InlineTable(reviewed(by)));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(note: &str) -> Reviewed {
        Reviewed { by: "mo".into(), at: "2026-11-27".into(), note: note.into() }
    }

    fn columns(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(side, column)| ((*side).to_owned(), (*column).to_owned())).collect()
    }

    fn city() -> Accepted {
        Accepted {
            field: "city".into(),
            columns: columns(&[("a", "city"), ("b", "Town")]),
            reference: None,
            lossy: false,
            words: Vec::new(),
            reviewed: by("same"),
        }
    }

    const CITY: &str =
        "city = { a = \"city\", b = \"Town\", reviewed = { by = \"mo\", at = \"2026-11-27\", note = \"same\" } }\n";

    #[test]
    fn accepted_fields_are_added_and_comments_stay() {
        let text = "# ours\n[syncs.people]\nmatch = [\"email\"] # by mail\n\n[syncs.people.fields]\n# the address\nemail = { a = \"email\", b = \"mail\" }\n";
        let decisions = Decisions { accepted: vec![city()], ..Decisions::default() };
        assert_eq!(with_decisions(text, "people", &decisions), Ok(format!("{text}{CITY}")));
        assert!(with_decisions(text, "firms", &decisions).is_err());
    }

    #[test]
    fn other_words_for_the_same_choices_are_written_beside_the_column() {
        let mut stage = city();
        stage.words = vec![
            ("a".into(), columns(&[("closed_won", "Closed Won"), ("new", "New")])),
            ("b".into(), columns(&[("closed_won", "closed_won"), ("new", "new")])),
        ];
        let text = "[syncs.people]\nmatch = []\n[syncs.people.fields]\n";
        let decisions = Decisions { accepted: vec![stage], ..Decisions::default() };
        let changed = with_decisions(text, "people", &decisions).unwrap_or_default();
        let wanted =
            "a = { column = \"city\", as = { values = { closed_won = \"Closed Won\", new = \"New\" } } }, b = \"Town\"";
        assert!(changed.contains(wanted), "{changed}");
    }

    #[test]
    fn equal_names_stay_mapped_when_fields_are_added_to_them() {
        let text = "[syncs.people]\nmatch = []\nfields = \"same-name\"\n";
        let decisions = Decisions { accepted: vec![city()], ..Decisions::default() };
        let wanted = format!("[syncs.people]\nmatch = []\n\n[syncs.people.fields]\n\"*\" = \"same-name\"\n{CITY}");
        assert_eq!(with_decisions(text, "people", &decisions), Ok(wanted));
    }

    #[test]
    fn a_field_that_is_there_gets_the_sides_it_lacks() {
        let text = "[syncs.people.fields]\ncity = { a = \"city\" } # where\n";
        let decisions = Decisions { accepted: vec![city()], ..Decisions::default() };
        let changed = with_decisions(text, "people", &decisions).unwrap_or_default();
        assert!(changed.contains("a = \"city\" , b = \"Town\"") || changed.contains("a = \"city\", b = \"Town\""));
        assert!(changed.trim_end().ends_with("# where"), "{changed}");
    }

    #[test]
    fn what_was_declined_is_remembered() {
        let text = "[syncs.people]\nmatch = []\n[syncs.people.fields]\nemail = { a = \"email\", b = \"mail\" }\n";
        let declined = vec![(columns(&[("a", "fax"), ("b", "phone")]), by(""))];
        let decisions = Decisions { declined, match_on: Some(vec!["email".into()]), ..Decisions::default() };
        let changed = with_decisions(text, "people", &decisions).unwrap_or_default();
        assert!(changed.contains("match = [\"email\"]"), "{changed}");
        assert!(changed.contains("[[syncs.people.declined]]\na = \"fax\"\nb = \"phone\"\nreviewed ="), "{changed}");
    }
}
