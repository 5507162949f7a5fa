//! What works and what is missing, each with what cures it.

use lockstep_sdk::model::CheckItem;
use serde_json::{Value, json};

use super::Session;
use super::call::Repeat;
use crate::failure::{Failure, Result};
use crate::response::RecordPage;

/// Share of a day's requests left below which a person is warned, in percent.
const BUDGET_WARN_PERCENT: u64 = 20;
/// A clock this far off from HubSpot's blurs which of two edits was the later.
const CLOCK_WARN_MS: i64 = 2_000;

pub fn check(session: &mut Session, objects: &[String]) -> Result<Vec<CheckItem>> {
    let names = if objects.is_empty() { session.config.objects.clone() } else { objects.to_vec() };
    let mut items = Vec::new();
    for name in &names {
        let readable = read_right(session, name)?;
        let reads = readable.status == "ok";
        items.push(readable);
        if reads {
            items.push(schema(session, name)?);
            items.push(write_right(session, name)?);
        }
    }
    items.push(budget(session)?);
    items.push(clock(session));
    items.push(app_id(session));
    items.push(webhooks(session, &names));
    items.push(CheckItem::ok(
        "write-precondition",
        "HubSpot has no conditional writes: an edit made between look and write is overwritten, found in the \
         property's history and merged back",
    ));
    Ok(items)
}

/// Whatever is about everything ends the check; what is about one object is a line of it.
fn judged<T>(answer: Result<T>) -> Result<std::result::Result<T, Failure>> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(failure) => match failure.problem().map(|problem| problem.status) {
            Some(400..=499) if failure.problem().is_some_and(|problem| !matches!(problem.status, 401 | 429)) => {
                Ok(Err(failure))
            }
            _ => Err(failure),
        },
    }
}

fn read_right(session: &mut Session, name: &str) -> Result<CheckItem> {
    let item = format!("read-right:{name}");
    let request = session.api.list(name, &[], "", 1, false);
    let page: Result<RecordPage> = session.call(request, Repeat::Harmless);
    Ok(match judged(page)? {
        Ok(_) => CheckItem::ok(item, format!("{name} may be read")),
        Err(failure) if failure.problem().is_some_and(|problem| problem.status == 403) => CheckItem::fail(
            item,
            format!("{name} may not be read"),
            format!("give the app the scope {}", scope(name, "read")),
        ),
        Err(failure) => CheckItem::fail(item, format!("{name} cannot be read: {failure}"), "check the object's name"),
    })
}

fn schema(session: &mut Session, name: &str) -> Result<CheckItem> {
    let item = format!("schema:{name}");
    session.types.remove(name);
    Ok(match judged(session.object_type(name))? {
        Ok(object) => {
            let unique = object
                .properties
                .iter()
                .any(|property| property.name != crate::schema::KEY && property.is_unique(name));
            match unique {
                true => CheckItem::ok(item, format!("{name} has {} properties", object.properties.len())),
                false => CheckItem::warn(
                    item,
                    format!("{name} has no unique property, so a create whose answer is lost may be made twice"),
                    "create a property that requires unique values, and map the other side's key to it",
                ),
            }
        }
        Err(failure) => CheckItem::fail(
            item,
            format!("the properties of {name} cannot be read: {failure}"),
            format!("give the app the scope crm.schemas.{name}.read"),
        ),
    })
}

/// An update of nothing is refused for what is wrong with it first: without the
/// right with 403, with it for being empty. Rests on vendor documentation alone.
fn write_right(session: &mut Session, name: &str) -> Result<CheckItem> {
    let item = format!("write-right:{name}");
    let request = session.api.batch(name, "update", Vec::new());
    let answer: Result<Value> = session.call(request, Repeat::Harmless);
    Ok(match judged(answer)? {
        Err(failure) if failure.problem().is_some_and(|problem| problem.status == 403) => CheckItem::warn(
            item,
            format!("{name} may not be written"),
            format!("give the app the scope {}", scope(name, "write")),
        ),
        _ => CheckItem::ok(item, format!("{name} may be written")),
    })
}

fn scope(name: &str, right: &str) -> String {
    match name {
        "contacts" | "companies" | "deals" => format!("crm.objects.{name}.{right}"),
        "tickets" => "tickets".into(),
        _ => format!("crm.objects.custom.{right}"),
    }
}

fn budget(session: &mut Session) -> Result<CheckItem> {
    const NAME: &str = "daily-budget";
    let request = session.api.daily_usage();
    let usage: Result<Value> = session.call(request, Repeat::Harmless);
    let Ok(usage) = usage else {
        return Ok(CheckItem::warn(
            NAME,
            "how much of the day's requests is left cannot be read",
            "nothing has to be done: the limits are also told with every answer",
        ));
    };
    let first = usage["results"].get(0).unwrap_or(&json!(null)).clone();
    let number = |name: &str| first[name].as_u64();
    let (Some(limit), Some(used)) = (number("usageLimit"), number("currentUsage")) else {
        return Ok(CheckItem::ok(NAME, "the account has no daily limit that could be read"));
    };
    let left = limit.saturating_sub(used);
    let message = format!("{left} of {limit} requests are left today");
    Ok(if left.saturating_mul(100) < limit.saturating_mul(BUDGET_WARN_PERCENT) {
        CheckItem::warn(NAME, message, "raise poll_interval_ms, use webhooks, or buy the API limit increase")
    } else {
        CheckItem::ok(NAME, message)
    })
}

fn clock(session: &Session) -> CheckItem {
    const NAME: &str = "clock";
    let ahead = session.clock_ahead_ms();
    if ahead.abs() <= CLOCK_WARN_MS {
        return CheckItem::ok(NAME, "this machine's clock agrees with HubSpot's");
    }
    let message = format!("HubSpot's clock is {ahead} ms ahead of this machine's");
    CheckItem::warn(NAME, message, "synchronise this machine's clock (NTP)")
}

fn app_id(session: &Session) -> CheckItem {
    const NAME: &str = "app-id";
    match &session.config.app_id {
        Some(id) => CheckItem::ok(NAME, format!("entries of app {id} count as ours")),
        None => CheckItem::warn(
            NAME,
            "without app_id our own entries in a property's history are told by their value alone",
            "set app_id to the id of the private app (it stands in the address of the app's page)",
        ),
    }
}

fn webhooks(session: &Session, names: &[String]) -> CheckItem {
    const NAME: &str = "webhooks";
    match &session.config.webhook_url {
        Some(url) => CheckItem::ok(
            NAME,
            format!(
                "expected at {url}; the app has to be subscribed to creation, deletion, merge, restore and \
                 propertyChange of {}, which HubSpot does not let a private app's token read",
                names.join(", ")
            ),
        ),
        None => CheckItem::ok(
            NAME,
            format!("not used: changes are looked for every {} ms", session.config.poll_interval_ms),
        ),
    }
}
