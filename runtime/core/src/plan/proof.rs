//! Whether values survive every side of a sync: what one side shows, through the
//! canonical form to each other side's and back. Looks at rows, changes nothing.

use crate::{
    cast::Cast,
    change::Row,
    record::{FieldId, SideId},
    spec::{SideSpec, SyncSpec},
    value::Value,
};

/// A value that does not survive.
#[derive(Clone, Debug, PartialEq)]
pub struct Lost {
    pub field: FieldId,
    /// Whose value it is.
    pub from: SideId,
    /// Where it does not fit; the side itself, if it has no canonical form.
    pub at: SideId,
    pub native: Value,
    /// Why, in words that never repeat the value.
    pub why: String,
    /// It would be altered as the field allows, and not held.
    pub altered: bool,
}

/// What of a row does not survive. `row` is positional by the side's columns.
pub fn lost(spec: &SyncSpec, side: &SideSpec, row: &Row) -> Vec<Lost> {
    let mut found = Vec::new();
    for field in spec.fields().filter(|field| field.reference.is_none()) {
        let Some(here) = side.field(field.id).filter(|here| here.reads) else { continue };
        let Some(native) = row.cells.get(here.column).and_then(Option::as_ref) else { continue };
        let tell = |at: SideId, why: String, altered: bool| Lost {
            field: field.id,
            from: side.id,
            at,
            native: native.clone(),
            why,
            altered,
        };
        let canonical = match here.cast.lift(native) {
            Ok(canonical) => canonical,
            Err(error) => {
                found.push(tell(side.id, error.to_string(), false));
                continue;
            }
        };
        for other in spec.sides().filter(|other| other.id != side.id) {
            let Some(there) = other.field(field.id).filter(|there| there.writes_create || there.writes_update) else {
                continue;
            };
            if there.cast == Cast::Identity {
                continue;
            }
            match there.cast.project(&canonical) {
                Err(error) => found.push(tell(other.id, error.to_string(), false)),
                Ok(written) => {
                    let back = there.cast.lift(&written);
                    if !back.is_ok_and(|back| back.same_meaning(&canonical)) {
                        let why = "what is stored there says something else".to_owned();
                        found.push(tell(other.id, why, true));
                    }
                }
            }
        }
    }
    found
}
