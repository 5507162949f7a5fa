//! Where a change stream starts. Subscriptions are made, and the clock is read,
//! before anything is read: what changes during the first copy comes after it.

use lockstep_sdk::model::{Extra, Position, Selection};

use crate::api::Api;
use crate::config::{Changes, Config};
use crate::cursor::{ChannelAt, Cursor, PolledAt};
use crate::failure::{Failure, Result};

use super::Session;
use super::follow::Follow;
use super::stream::{Stream, refused};

pub fn start(session: &mut Session, selections: &[Selection]) -> Result<Position> {
    session.sobjects.clear();
    for selection in selections {
        session.sobject(&selection.object)?;
    }
    // Any answer tells the server's clock; a commit may be a moment behind it.
    session.api.get(&session.api.path("/limits"))?;
    let now_s = session.api.now_s();
    let enabled = enabled(&session.api);
    let mut cursor = Cursor::new();
    let mut wanted: Vec<(String, String)> = Vec::new();
    for selection in selections {
        let object = &selection.object;
        let streams = may_stream(&session.config, object) && enabled.as_ref().is_none_or(|known| has(known, object));
        if streams {
            wanted.push((object.clone(), channel_of(&session.config, object)));
        } else if session.config.changes == Changes::Stream && !session.config.poll.contains(object) {
            return Err(not_enabled(object));
        } else {
            cursor.polled.insert(object.clone(), PolledAt { covered_s: now_s, window: None });
        }
    }
    let mut follow = Follow::new(cursor);
    if !wanted.is_empty() {
        subscribe(session, &mut follow, &wanted, now_s)?;
    }
    let extras = follow
        .cursor
        .polled
        .keys()
        .map(|object| Extra { name: "polled".into(), value: object.clone() })
        .chain(follow.cursor.channels.keys().map(|channel| Extra { name: "streamed".into(), value: channel.clone() }))
        .collect();
    follow.begun = follow.cursor.channels.clone();
    let position = Position { cursor: follow.cursor.to_bytes(), extras };
    session.follow = Some(follow);
    Ok(position)
}

fn subscribe(session: &mut Session, follow: &mut Follow, wanted: &[(String, String)], now_s: i64) -> Result<()> {
    let mut stream = Stream::new(session.platform.clone(), session.api.clone(), &session.config);
    let mut channels: Vec<String> = wanted.iter().map(|(_, channel)| channel.clone()).collect();
    channels.sort();
    channels.dedup();
    let refusals = stream.begin(&channels, now_s)?;
    for (object, channel) in wanted {
        match refusals.iter().find(|(known, _)| known == channel) {
            None => {
                let at = ChannelAt::since(now_s);
                follow.cursor.channels.insert(channel.clone(), at);
            }
            Some((_, message)) if session.config.changes == Changes::Stream || session.config.channel.is_some() => {
                return Err(refused(message, channel));
            }
            Some((_, message)) => {
                let why = message.error.clone().unwrap_or_default();
                session.platform.log("warn", &format!("{object} is polled, for its events are refused: {why}"));
                follow.cursor.polled.insert(object.clone(), PolledAt { covered_s: now_s, window: None });
            }
        }
    }
    follow.stream = Some(stream);
    Ok(())
}

/// Whether the configuration lets events tell of this object's changes.
pub fn may_stream(config: &Config, object: &str) -> bool {
    config.changes != Changes::Poll && !config.poll.iter().any(|polled| polled == object)
}

/// The channel that carries an object's events.
pub fn channel_of(config: &Config, object: &str) -> String {
    config.channel.clone().unwrap_or_else(|| format!("/data/{}", event_name(object)))
}

/// `ContactChangeEvent`, `Invoice__ChangeEvent` (documented).
pub fn event_name(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(custom) => format!("{custom}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    }
}

/// Entities selected for Change Data Capture. `None`: the organisation does not
/// tell, then the subscription shows it.
pub fn enabled(api: &Api) -> Option<Vec<String>> {
    let query = crate::soql::url_encoded("SELECT SelectedEntity FROM PlatformEventChannelMember");
    let answer = api.get(&api.path(&format!("/tooling/query?q={query}"))).ok()?;
    let value: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let records = value.get("records")?.as_array()?;
    Some(records.iter().filter_map(|record| Some(record.get("SelectedEntity")?.as_str()?.to_owned())).collect())
}

/// Whether an object is among the selected entities.
pub fn has(enabled: &[String], object: &str) -> bool {
    let event = event_name(object);
    enabled.iter().any(|entity| *entity == event || entity == object)
}

pub fn not_enabled(object: &str) -> Failure {
    Failure::Streaming {
        message: format!("Change Data Capture is not switched on for {object}"),
        remedy: format!("select {object} under Setup › Change Data Capture, or poll it: `poll = [\"{object}\"]`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_named_after_their_object() {
        assert_eq!(event_name("Contact"), "ContactChangeEvent");
        assert_eq!(event_name("Invoice__c"), "Invoice__ChangeEvent");
        assert!(has(&["Invoice__ChangeEvent".into()], "Invoice__c"));
        assert!(!has(&["ContactChangeEvent".into()], "Lead"));
    }
}
