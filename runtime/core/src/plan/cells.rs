//! What a row tells, by field: positions of columns are looked up once per
//! batch layout, not once per row.

use std::sync::Arc;

use crate::{
    change::Version,
    key::Key,
    record::{FieldId, SideId},
    spec::SideSpec,
    value::{Cell, Timestamp, Value},
};

use super::Planner;

/// Where a layout has the fields and the key.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// By [`FieldId`]: the position of its column.
    fields: Vec<Option<usize>>,
    /// Positions of the key columns, if all are there.
    key: Option<Vec<usize>>,
}

impl Layout {
    /// `columns`: `None` for rows positional by the side's own columns.
    pub(super) fn new(side: &SideSpec, columns: Option<&[String]>) -> Self {
        let place = |column: usize| match columns {
            None => Some(column),
            Some(columns) => {
                let name = side.columns.get(column)?;
                columns.iter().position(|there| there == name)
            }
        };
        let fields = side.fields.iter().map(|field| place(field.as_ref()?.column)).collect();
        let key = side.key.iter().map(|column| place(*column)).collect();
        Layout { fields, key }
    }
}

/// One row, by field.
#[derive(Clone, Debug)]
pub(super) struct Cells<'r> {
    layout: Arc<Layout>,
    row: &'r [Cell],
}

impl<'r> Cells<'r> {
    pub(super) fn new(layout: Arc<Layout>, row: &'r [Cell]) -> Self {
        Cells { layout, row }
    }

    /// `None`: not told, or not mapped here.
    pub(super) fn get(&self, field: FieldId) -> Option<&'r Value> {
        let column = (*self.layout.fields.get(usize::from(field.0))?)?;
        self.row.get(column)?.as_ref()
    }

    /// The key that the cells show, if they show all of it.
    pub(super) fn key(&self) -> Option<Key> {
        let columns = self.layout.key.as_ref()?;
        let values: Option<Vec<Value>> = columns.iter().map(|column| self.row.get(*column)?.clone()).collect();
        values.filter(|values| !values.is_empty()).map(Key::new)
    }

    /// Whether the key the cells show is this one, as far as they show one.
    pub(super) fn shows_key(&self, key: &Key) -> bool {
        let Some(columns) = &self.layout.key else {
            return true;
        };
        if columns.len() != key.0.len() {
            return true;
        }
        columns.iter().zip(key.0.iter()).all(|(column, value)| match self.row.get(*column) {
            Some(Some(cell)) => cell == value,
            _ => true,
        })
    }
}

/// One row as told by a side.
#[derive(Clone, Debug)]
pub(super) struct Told<'r> {
    pub key: &'r Key,
    pub cells: Cells<'r>,
    pub version: &'r Version,
    /// When it was edited, or else now.
    pub at: Timestamp,
}

/// Layouts worked out so far, a few at most.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    known: Vec<KnownLayout>,
}

/// A side, the columns told (`None`: its own), and where they are.
type KnownLayout = (SideId, Option<Arc<[String]>>, Arc<Layout>);

/// Layouts kept at once; batches of one plan rarely have more.
const LAYOUTS_MAX: usize = 16;

impl Planner<'_> {
    pub(super) fn layout(&mut self, side: &SideSpec, columns: Option<&Arc<[String]>>) -> Arc<Layout> {
        let same = |known: &Option<Arc<[String]>>| match (known, columns) {
            (None, None) => true,
            (Some(known), Some(columns)) => Arc::ptr_eq(known, columns),
            _ => false,
        };
        let layouts = &mut self.layouts.known;
        if let Some((_, _, layout)) = layouts.iter().find(|(id, known, _)| *id == side.id && same(known)) {
            return layout.clone();
        }
        if layouts.len() >= LAYOUTS_MAX {
            layouts.clear();
        }
        let layout = Arc::new(Layout::new(side, columns.map(|columns| &columns[..])));
        layouts.push((side.id, columns.cloned(), layout.clone()));
        layout
    }
}
