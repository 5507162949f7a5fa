//! What works and what is missing, each with its remedy.

use lockstep_sdk::model::CheckItem;
use serde_json::Value;

use crate::api::Answer;
use crate::config::Changes;
use crate::failure::{Failure, Trouble};

use super::Session;
use super::start::{enabled, event_name, has, may_stream};

/// Below this share of the day's requests a warning is given.
const BUDGET_WARN_PERCENT: u64 = 10;
/// Clocks further apart than this make conflicts by time undecidable.
const SKEW_WARN_MS: i64 = 2_000;

pub fn check(session: &mut Session, objects: &[String]) -> Vec<CheckItem> {
    let answer = match session.api.get(&session.api.path("/limits")) {
        Ok(answer) => answer,
        Err(failure) => return vec![access(&failure)],
    };
    let mut items = vec![
        CheckItem::ok("reachable", format!("{} answers", session.api.base())),
        CheckItem::ok("auth", "the token is accepted".to_owned()),
    ];
    items.extend(budget(&answer));
    items.extend(clock(session, &answer));
    let names: Vec<String> = if objects.is_empty() { session.config.objects.clone() } else { objects.to_vec() };
    let selected = enabled(&session.api);
    for name in &names {
        items.extend(object(session, name));
        items.push(capture(session, name, selected.as_deref()));
    }
    items
}

fn access(failure: &Failure) -> CheckItem {
    let message = failure.to_string();
    match failure {
        Failure::Unreachable(_) | Failure::Broken(_) => CheckItem::fail(
            "reachable",
            message,
            "check `instance_url`, and that its host is granted: grant = [\"https:HOST\"]",
        ),
        Failure::Denied(_) => CheckItem::fail("reachable", message, "grant the host that the message names"),
        Failure::Api(error) => match error.trouble() {
            Trouble::Auth => CheckItem::fail(
                "auth",
                message,
                "check the connected app: its key and secret, its run-as user, and that the flow is enabled for it",
            ),
            Trouble::Limit { .. } => CheckItem::fail("api-budget", message, "wait, or buy more API requests a day"),
            Trouble::Missing => {
                CheckItem::fail("api-version", message, "set `api_version` to one the organisation has")
            }
            _ => CheckItem::fail("reachable", message, ""),
        },
        _ => CheckItem::fail("reachable", message, ""),
    }
}

fn budget(answer: &Answer) -> Vec<CheckItem> {
    let Ok(limits) = serde_json::from_slice::<Value>(&answer.body) else {
        return Vec::new();
    };
    let mut items = Vec::new();
    for (name, item, what) in [
        ("DailyApiRequests", "api-budget", "API requests"),
        ("DailyDeliveredPlatformEvents", "event-budget", "event deliveries"),
    ] {
        let number = |key: &str| limits.get(name)?.get(key)?.as_u64();
        let (Some(max), Some(left)) = (number("Max"), number("Remaining")) else {
            continue;
        };
        let message = format!("{left} of {max} {what} left today");
        items.push(if left.saturating_mul(100) >= max.saturating_mul(BUDGET_WARN_PERCENT) {
            CheckItem::ok(item, message)
        } else {
            CheckItem::warn(item, message, "sync less, poll less often, or buy more")
        });
    }
    items
}

fn clock(session: &Session, answer: &Answer) -> Option<CheckItem> {
    let server_ms = answer.date_s?.saturating_mul(1000) + 500;
    let ours_ms = session.platform.wall_us() / 1000;
    let apart_ms = (server_ms - ours_ms).abs();
    let message = format!("the clocks are about {apart_ms} ms apart (told in whole seconds)");
    Some(if apart_ms <= SKEW_WARN_MS {
        CheckItem::ok("clock", message)
    } else {
        CheckItem::warn("clock", message, "set this machine's clock by NTP, or raise the sync's `skew_tolerance`")
    })
}

fn object(session: &mut Session, name: &str) -> Vec<CheckItem> {
    let item = |what: &str| format!("{what}:{name}");
    let sobject = match session.sobject(name) {
        Ok(sobject) => sobject,
        Err(failure) => {
            let remedy = "check its API name; give the integration user's permission set `Read` and `View All` on it";
            return vec![CheckItem::fail(item("object"), failure.to_string(), remedy)];
        }
    };
    let mut lacking = Vec::new();
    for (right, held) in [("create", sobject.createable), ("edit", sobject.updateable), ("delete", sobject.deletable)] {
        if !held {
            lacking.push(right);
        }
    }
    let mut items = Vec::new();
    items.push(if !sobject.queryable {
        CheckItem::fail(item("rights"), format!("{name} may not be queried"), "give `Read` and `View All` on it")
    } else if lacking.is_empty() {
        CheckItem::ok(item("rights"), format!("{name} may be read and written"))
    } else {
        let message = format!("{name} may be read; missing: {}", lacking.join(", "));
        CheckItem::warn(item("rights"), message, "give the integration user's permission set these rights on it")
    });
    let writable = sobject.fields.iter().filter(|field| field.updateable).count();
    let message = format!("{} fields are visible, {writable} may be edited", sobject.fields.len());
    items.push(CheckItem::ok(item("fields"), message));
    if let Some(external) = session.config.external_ids.get(name) {
        items.push(external_id(name, external, sobject.field(external)));
    }
    items
}

fn external_id(object: &str, name: &str, field: Option<&crate::schema::Field>) -> CheckItem {
    let item = format!("external-id:{object}");
    match field {
        Some(field) if field.unique => {
            CheckItem::ok(item, format!("{name} is unique: a repeated create finds its row"))
        }
        Some(_) => CheckItem::warn(
            item,
            format!("{name} is not unique: two creates at the same moment could both succeed"),
            format!("tick `Unique` on {object}.{name}"),
        ),
        None => CheckItem::fail(item, format!("{object} has no field {name}"), "check `external_ids`"),
    }
}

fn capture(session: &Session, name: &str, selected: Option<&[String]>) -> CheckItem {
    let item = format!("change-data-capture:{name}");
    let remedy = format!("select {name} under Setup › Change Data Capture");
    if !may_stream(&session.config, name) {
        return CheckItem::ok(item, format!("{name} is polled every {} ms", session.config.poll_interval_ms));
    }
    match selected {
        Some(selected) if has(selected, name) => CheckItem::ok(item, format!("{} is selected", event_name(name))),
        Some(_) if session.config.changes == Changes::Stream => {
            CheckItem::fail(item, format!("{name} is not selected for Change Data Capture"), remedy)
        }
        Some(_) => {
            CheckItem::warn(item, format!("{name} is not selected for Change Data Capture and is polled"), remedy)
        }
        None => CheckItem::warn(
            item,
            format!("whether {name} is selected cannot be seen; a subscription will show it"),
            "give the integration user `View Setup and Configuration` to have it checked",
        ),
    }
}
