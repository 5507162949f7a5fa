//! Object types with their properties; looked up once a session.

use std::rc::Rc;

use lockstep_sdk::model::Object;

use super::Session;
use super::call::Repeat;
use crate::config::is_object_name;
use crate::failure::{Failure, Result};
use crate::schema::{CustomType, CustomTypes, ObjectType, Properties, describe};

pub fn discover(session: &mut Session, objects: &[String]) -> Result<Vec<Object>> {
    session.types.clear();
    session.custom = None;
    let names = if objects.is_empty() { session.config.objects.clone() } else { objects.to_vec() };
    let mut described = Vec::with_capacity(names.len());
    for name in &names {
        match session.object_type(name) {
            Ok(object) => described.push(describe(&object)),
            // Asked for everything, what does not exist in this account is left out.
            Err(failure) if objects.is_empty() && is_absent(&failure) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(described)
}

fn is_absent(failure: &Failure) -> bool {
    matches!(failure, Failure::NotFound(_))
        || failure.problem().is_some_and(|problem| matches!(problem.status, 403 | 404))
}

impl Session {
    /// The type of that name, with its properties.
    pub(super) fn object_type(&mut self, name: &str) -> Result<Rc<ObjectType>> {
        if let Some(known) = self.types.get(name) {
            return Ok(known.clone());
        }
        if !is_object_name(name) {
            return Err(Failure::NotFound(format!("`{name}` is not the name of an object type")));
        }
        let request = self.api.properties(name);
        let properties: Properties = match self.call(request, Repeat::Harmless) {
            Err(failure) if failure.problem().is_some_and(|problem| matches!(problem.status, 400 | 404)) => {
                return Err(Failure::NotFound(format!("there is no object type `{name}` in this account")));
            }
            other => other?,
        };
        let custom = self.custom_type(name);
        let object = ObjectType {
            name: name.to_owned(),
            label: custom.as_ref().and_then(|it| it.labels.plural.clone()).unwrap_or_else(|| title(name)),
            properties: properties.results.into_iter().filter(|property| property.archived != Some(true)).collect(),
            required: custom.map(|it| it.required_properties).unwrap_or_default(),
        };
        let object = Rc::new(object);
        self.types.insert(name.to_owned(), object.clone());
        Ok(object)
    }

    /// The custom type of that name. Without the right to see them there are none.
    fn custom_type(&mut self, name: &str) -> Option<CustomType> {
        // `2-3604285`, or `p20858235_name`.
        if !name.starts_with("2-") && !name.starts_with('p') {
            return None;
        }
        if self.custom.is_none() {
            let request = self.api.schemas();
            let types: Result<CustomTypes> = self.call(request, Repeat::Harmless);
            self.custom = Some(types.map(|types| types.results).unwrap_or_default());
        }
        self.custom.iter().flatten().find(|custom| custom.goes_by(name)).cloned()
    }
}

fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
