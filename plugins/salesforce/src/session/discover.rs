//! What objects there are, and what they are made of.

use lockstep_sdk::model::Object;

use crate::failure::{Failure, Result};
use crate::schema::{contract_object, parse_global};

use super::Session;

/// Objects described when nobody says which are wanted: each is a request.
const DESCRIBED_MAX: usize = 200;

pub fn discover(session: &mut Session, objects: &[String]) -> Result<Vec<Object>> {
    let asked = !objects.is_empty();
    let names = if asked {
        objects.to_vec()
    } else if session.config.objects.is_empty() {
        offered(session)?
    } else {
        session.config.objects.clone()
    };
    session.sobjects.clear();
    let mut described = Vec::with_capacity(names.len());
    for name in &names {
        match session.sobject(name) {
            Ok(sobject) => described.push(contract_object(&sobject, None)),
            // An object that is not there is left out, and the host says so.
            Err(Failure::Api(error)) if asked && error.status == 404 => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(described)
}

fn offered(session: &mut Session) -> Result<Vec<String>> {
    let answer = session.api.get(&session.api.path("/sobjects"))?;
    let mut names: Vec<String> = parse_global(&answer.body)?
        .into_iter()
        .filter(|object| object.is_offered())
        .map(|object| object.name)
        .collect();
    if names.len() > DESCRIBED_MAX {
        let message = format!(
            "{} objects could be synced; the first {DESCRIBED_MAX} are described: name those wanted in `objects`",
            names.len()
        );
        session.platform.log("warn", &message);
        names.truncate(DESCRIBED_MAX);
    }
    Ok(names)
}
