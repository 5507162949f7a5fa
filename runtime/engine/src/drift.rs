//! What a sync remembers of its sides' columns: how they were when all of the
//! mapping held, what changed since, what of it waits for a person, and which
//! fields are set aside meanwhile. Kept among the sync's settings.

use std::collections::BTreeMap;

use lockstep_core::{
    mapping::{ColumnChange, ColumnNews, Objects, SetAside, differences},
    record::{FieldId, SideId},
    value::Timestamp,
};
use lockstep_state::{Store, SyncId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{EngineError, sync::COMPARE};

/// A side's object as it was last seen, for operations that do not connect.
pub(crate) const OBJECT: &str = "object.";
/// A side's object as it was when all of the mapping held.
const WHOLE: &str = "whole.";
/// What changed: [`Inbox`].
const INBOX: &str = "drift";
/// Fields set aside: a list of [`SetAside`].
const ASIDE: &str = "aside";
/// Columns that came back empty: a list of [`Refill`].
pub(crate) const REFILL: &str = "refill";
/// Changes that are remembered; the oldest that were decided go first.
const ITEMS_MAX: usize = 500;

pub(crate) type Settings = BTreeMap<String, String>;

/// A change of a side's columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) side: String,
    pub(crate) object: String,
    pub(crate) change: ColumnChange,
    /// The field that the column belongs to, if any.
    pub(crate) field: Option<String>,
    /// What follows from it, in one sentence.
    pub(crate) effect: String,
    pub(crate) state: ItemState,
    /// Who decided, and when.
    pub(crate) by: String,
    pub(crate) decided: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ItemState {
    Open,
    Accepted,
    Ignored,
    /// A later change of the same column took its place.
    Superseded,
}

impl ItemState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ItemState::Open => "open",
            ItemState::Accepted => "accepted",
            ItemState::Ignored => "ignored",
            ItemState::Superseded => "superseded",
        }
    }
}

/// Every change that is remembered, oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Inbox {
    next: u64,
    pub(crate) items: Vec<Item>,
}

/// A column that was gone and is there again: what it holds is nobody's edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refill {
    pub(crate) side: SideId,
    pub(crate) field: FieldId,
}

fn read<T: DeserializeOwned + Default>(settings: &Settings, name: &str) -> Result<T, EngineError> {
    match settings.get(name) {
        None => Ok(T::default()),
        Some(text) => serde_json::from_str(text).map_err(|error| EngineError::Internal(format!("{name}: {error}"))),
    }
}

fn text(value: &impl Serialize) -> Result<String, EngineError> {
    serde_json::to_string(value).map_err(|error| EngineError::Internal(error.to_string()))
}

/// Objects kept under a prefix. `None`: not all of these sides' are there.
pub(crate) fn objects<'s>(
    settings: &Settings,
    prefix: &str,
    sides: impl Iterator<Item = &'s str>,
) -> Result<Option<Objects>, EngineError> {
    let mut found = Objects::new();
    for side in sides {
        match read(settings, &format!("{prefix}{side}"))? {
            Some(object) => found.insert(side.to_owned(), object),
            None => return Ok(None),
        };
    }
    Ok(Some(found))
}

/// The objects as they were when all of the mapping held; for a state that does
/// not know, as they were last seen.
pub(crate) fn whole<'s>(
    settings: &Settings,
    sides: impl Iterator<Item = &'s str> + Clone,
) -> Result<Option<Objects>, EngineError> {
    match objects(settings, WHOLE, sides.clone())? {
        Some(objects) => Ok(Some(objects)),
        None => objects(settings, OBJECT, sides),
    }
}

pub(crate) fn inbox(settings: &Settings) -> Result<Inbox, EngineError> {
    read(settings, INBOX)
}

pub(crate) fn aside(settings: &Settings) -> Result<Vec<SetAside>, EngineError> {
    read(settings, ASIDE)
}

pub(crate) fn refills(settings: &Settings) -> Result<Vec<Refill>, EngineError> {
    read(settings, REFILL)
}

/// Writes a sync's settings, only what is not there already.
pub(crate) struct Desk<'a> {
    pub(crate) store: &'a Store,
    pub(crate) sync: SyncId,
    pub(crate) settings: &'a Settings,
}

impl Desk<'_> {
    fn put(&self, name: &str, value: &str) -> Result<(), EngineError> {
        if self.settings.get(name).map(String::as_str) != Some(value) {
            self.store.set_setting(self.sync, name, Some(value))?;
        }
        Ok(())
    }

    /// Keeps how the objects are now, and what is different about them.
    pub(crate) fn look(&self, now: &Objects, items: Vec<Item>) -> Result<(), EngineError> {
        if !items.is_empty() {
            let mut inbox = inbox(self.settings)?;
            for item in items {
                inbox.add(item);
            }
            self.save(&inbox)?;
        }
        self.keep(OBJECT, now)
    }

    pub(crate) fn save(&self, inbox: &Inbox) -> Result<(), EngineError> {
        self.put(INBOX, &text(inbox)?)
    }

    fn keep(&self, prefix: &str, objects: &Objects) -> Result<(), EngineError> {
        for (side, object) in objects {
            self.put(&format!("{prefix}{side}"), &text(object)?)?;
        }
        Ok(())
    }

    /// Keeps which fields are set aside now. Those taken up again are compared
    /// at every side, columns that came back empty are filled first. The order
    /// of these writes is such that a crash between them repeats the work.
    pub(crate) fn settle(
        &self,
        now: &Objects,
        set_aside: &[SetAside],
        field_id: impl Fn(&str) -> Option<FieldId>,
        side_id: impl Fn(&str) -> Option<SideId>,
    ) -> Result<(), EngineError> {
        let former = aside(self.settings)?;
        let is_aside = |name: &str| set_aside.iter().any(|one| one.field == name);
        let taken_up: Vec<&SetAside> =
            former.iter().filter(|one| !is_aside(&one.field) && field_id(&one.field).is_some()).collect();
        if !taken_up.is_empty() {
            let mut refill = refills(self.settings)?;
            for one in &taken_up {
                for (side, _) in &one.removed {
                    if let (Some(side), Some(field)) = (side_id(side), field_id(&one.field)) {
                        refill.push(Refill { side, field });
                    }
                }
            }
            refill.dedup();
            self.put(REFILL, &text(&refill)?)?;
            for side in now.keys() {
                self.put(&format!("{COMPARE}{side}"), "schema")?;
            }
        }
        if set_aside.is_empty() {
            self.keep(WHOLE, now)?;
        } else if self.settings.keys().all(|name| !name.starts_with(WHOLE)) {
            // A state that did not know: how they were last seen is how they were whole.
            if let Some(before) = objects(self.settings, OBJECT, now.keys().map(String::as_str))? {
                self.keep(WHOLE, &before)?;
            }
        }
        match set_aside.is_empty() && !self.settings.contains_key(ASIDE) {
            true => Ok(()),
            false => self.put(ASIDE, &text(&set_aside)?),
        }
    }
}

impl Inbox {
    fn add(&mut self, mut item: Item) {
        for earlier in &mut self.items {
            let same = earlier.side == item.side && earlier.change.column == item.change.column;
            if same && earlier.state == ItemState::Open {
                earlier.state = ItemState::Superseded;
            }
        }
        self.next += 1;
        item.id = self.next;
        self.items.push(item);
        while self.items.len() > ITEMS_MAX {
            let decided = self.items.iter().position(|item| item.state != ItemState::Open);
            self.items.remove(decided.unwrap_or(0));
        }
    }

    pub(crate) fn open(&self) -> u64 {
        self.items.iter().filter(|item| item.state == ItemState::Open).count() as u64
    }
}

/// What changed between two looks, with what follows from it.
pub(crate) fn changes(
    before: &Objects,
    now: &Objects,
    set_aside: &[SetAside],
    field_of: impl Fn(&str, &str) -> Option<String>,
    at: Timestamp,
) -> Vec<Item> {
    let mut items = Vec::new();
    for (side, object) in now {
        let Some(known) = before.get(side) else {
            continue;
        };
        for change in differences(known, object) {
            let field = field_of(side, &change.column);
            let reason = field.as_ref().and_then(|field| set_aside.iter().find(|one| one.field == *field));
            let effect = effect(&change, field.as_deref(), reason);
            items.push(Item {
                id: 0,
                at,
                side: side.clone(),
                object: object.name.clone(),
                change,
                field,
                effect,
                state: ItemState::Open,
                by: String::new(),
                decided: None,
            });
        }
    }
    items
}

fn effect(change: &ColumnChange, field: Option<&str>, aside: Option<&SetAside>) -> String {
    match (change.news, field, aside) {
        (_, Some(field), Some(_)) => {
            format!(
                "field `{field}` is set aside until this is undone or the mapping changed; the rest of each record flows"
            )
        }
        (ColumnNews::Removed, _, _) => "no field used it".to_owned(),
        (ColumnNews::Altered, Some(field), None) => format!("field `{field}` still fits"),
        (ColumnNews::Altered, None, _) => "no field uses it".to_owned(),
        (ColumnNews::Added, Some(field), None) => {
            format!("it belongs to field `{field}`, which is compared at every side")
        }
        (ColumnNews::Added, None, _) if change.now.contains("without default") => {
            "rows made elsewhere are refused here until a field maps it or it gets a default".to_owned()
        }
        (ColumnNews::Added, None, _) => "`lockstep map` proposes a field for it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(column: &str, state: ItemState) -> Item {
        let change =
            ColumnChange { column: column.into(), news: ColumnNews::Added, before: String::new(), now: "text".into() };
        Item {
            id: 0,
            at: Timestamp(0),
            side: "a".into(),
            object: "t".into(),
            change,
            field: None,
            effect: String::new(),
            state,
            by: String::new(),
            decided: None,
        }
    }

    #[test]
    fn the_inbox_is_bounded_and_what_waits_outlives_what_was_decided() {
        let mut inbox = Inbox::default();
        inbox.add(item("waits", ItemState::Open));
        for n in 0..ITEMS_MAX {
            inbox.add(item(&format!("c{n}"), ItemState::Ignored));
        }
        assert_eq!((inbox.items.len(), inbox.open()), (ITEMS_MAX, 1));
        assert_eq!(inbox.items[0].change.column, "waits");
    }

    #[test]
    fn a_later_change_of_a_column_takes_the_earlier_ones_place() {
        let mut inbox = Inbox::default();
        inbox.add(item("x", ItemState::Open));
        inbox.add(item("x", ItemState::Open));
        let states: Vec<_> = inbox.items.iter().map(|item| item.state).collect();
        assert_eq!(states, [ItemState::Superseded, ItemState::Open]);
        assert_eq!(inbox.items[1].id, 2);
    }
}
