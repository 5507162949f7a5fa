//! Of the Tooling API just what tells which objects have Change Data Capture
//! switched on: a query for the members of the default channel (vendor
//! documentation: PlatformEventChannelMember, ChangeEvents).

use serde_json::{Value, json};

use super::{Answer, Call};
use crate::salesforce::state::{Refusal, State};

const MEMBER: &str = "PlatformEventChannelMember";
const CHANNEL: &str = "ChangeEvents";

pub fn query(state: &State, call: &Call) -> Result<Answer, Refusal> {
    let text = call.query("q").unwrap_or_default();
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let from = words.iter().position(|word| word.eq_ignore_ascii_case("from"));
    let (Some("SELECT" | "select"), Some(from)) = (words.first().copied(), from) else {
        return Err(Refusal::request(400, "MALFORMED_QUERY", "unexpected token"));
    };
    if words.get(from + 1).is_none_or(|object| !object.eq_ignore_ascii_case(MEMBER)) || words.len() > from + 2 {
        let object = words.get(from + 1).copied().unwrap_or_default();
        return Err(Refusal::request(400, "INVALID_TYPE", format!("sObject type '{object}' is not supported.")));
    }
    let fields = words.get(1..from).unwrap_or_default();
    let captured = state.schema.objects().filter(|object| object.capturable);
    let records: Result<Vec<Value>, Refusal> =
        captured.enumerate().map(|(at, object)| member(call, fields, at, &object.change_event())).collect();
    let records = records?;
    let size = records.len();
    Ok(Answer::json(
        200,
        json!({"size": size, "totalSize": size, "done": true, "queryLocator": null, "entityTypeName": MEMBER,
               "records": records}),
    ))
}

fn member(call: &Call, fields: &[&str], at: usize, event: &str) -> Result<Value, Refusal> {
    let id = crate::salesforce::id::nth("0v8", at as u64 + 1);
    let url = format!("/services/data/v{}/tooling/sobjects/{MEMBER}/{id}", call.version);
    let mut record = json!({"attributes": {"type": MEMBER, "url": url}});
    for field in fields {
        record[*field] = match *field {
            "Id" => id.clone().into(),
            "DeveloperName" => format!("{CHANNEL}_{event}").into(),
            "EventChannel" => CHANNEL.into(),
            "SelectedEntity" => event.into(),
            other => {
                let message = format!("No such column '{other}' on entity '{MEMBER}'");
                return Err(Refusal::request(400, "INVALID_FIELD", message));
            }
        };
    }
    Ok(record)
}
