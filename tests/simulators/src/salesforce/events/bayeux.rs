//! What streaming clients say and hear: the Bayeux protocol over long polling,
//! with the vendor's replay extension, errors and cookies.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use axum::http::HeaderMap;
use serde_json::{Value, json};
use tokio::time::{sleep_until, timeout_at};

use super::Event;
use crate::{
    Faults,
    salesforce::{
        http::Shared,
        rest::{Answer, bearer},
        state::State,
    },
};

/// The cookie that ties a client to where its session lives.
const COOKIE: &str = "BAYEUX_BROWSER";
/// Streaming clients at the same time (vendor: 2,000).
const CLIENTS_MAX: usize = 2_000;
/// All changes of all captured objects.
const EVERYTHING: &str = "/data/ChangeEvents";

/// One streaming client.
#[derive(Debug)]
struct Client {
    cookie: String,
    /// Channel to the replay id of the last event sent.
    subscriptions: BTreeMap<String, u64>,
    seen: Instant,
    /// Counts its connects: a new one ends the one that waits.
    connects: u64,
    waiting: bool,
}

/// Everyone connected.
#[derive(Debug, Default)]
pub struct Clients {
    clients: BTreeMap<String, Client>,
    made: u64,
    /// The next so many handshakes are denied, for this reason.
    pub deny: (u32, String),
}

impl Clients {
    pub fn count(&self) -> usize {
        self.clients.len()
    }

    /// Who is connected is no longer known: they have to shake hands again.
    pub fn forget_all(&mut self) {
        self.clients.clear();
    }

    /// The channels anyone is subscribed to.
    pub fn channels(&self) -> Vec<String> {
        self.clients.values().flat_map(|client| client.subscriptions.keys().cloned()).collect()
    }
}

/// Answers one request: a list of messages, or one.
pub async fn cometd(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Answer {
    let messages = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(messages)) => messages,
        Ok(message @ Value::Object(_)) => vec![message],
        _ => return Answer::json(400, json!([{"successful": false, "error": "400::Malformed request"}])),
    };
    let mut replies = Vec::new();
    let mut set_cookie = None;
    for message in messages {
        let channel = message["channel"].as_str().unwrap_or_default().to_owned();
        match channel.as_str() {
            "/meta/handshake" => {
                let (reply, cookie) = shared.with(|state| handshake(state, headers, &message));
                replies.push(reply);
                set_cookie = cookie.or(set_cookie);
            }
            "/meta/connect" => replies.extend(connect(shared, headers, &message).await),
            _ => replies.push(shared.with(|state| other(state, headers, &message, &channel))),
        }
    }
    let answer = Answer::json(200, replies.into());
    match set_cookie {
        Some(cookie) => answer.header("set-cookie", format!("{COOKIE}={cookie}; Path=/; HttpOnly")),
        None => answer,
    }
}

/// Nothing where the session is open, what to say otherwise.
fn unauthorised(state: &State, headers: &HeaderMap) -> Option<&'static str> {
    let token = headers.get("authorization").and_then(|own| own.to_str().ok()).and_then(bearer);
    match token {
        None => Some("401::Request requires authentication"),
        Some(token) if state.sessions.is_open(token, state.clock.now()) => None,
        Some(_) => Some("401::Authentication invalid"),
    }
}

/// The reply to a message, before it says how it went.
fn reply_to(message: &Value) -> Value {
    let mut reply = json!({"channel": message["channel"], "successful": false});
    for name in ["clientId", "id"] {
        if !message[name].is_null() {
            reply[name] = message[name].clone();
        }
    }
    reply
}

fn refused(message: &Value, error: &str, reconnect: &str) -> Value {
    let mut reply = reply_to(message);
    reply["error"] = error.into();
    reply["advice"] = json!({"reconnect": reconnect, "interval": 0});
    reply
}

fn handshake(state: &mut State, headers: &HeaderMap, message: &Value) -> (Value, Option<String>) {
    let denied = |reason: &str| {
        let mut reply = refused(message, "403::Handshake denied", "none");
        reply["ext"] = json!({"sfdc": {"failureReason": reason}, "replay": true, "payload.format": true});
        (reply, None)
    };
    if let Some(reason) = unauthorised(state, headers) {
        return denied(reason);
    }
    if state.events.clients.deny.0 > 0 {
        state.events.clients.deny.0 -= 1;
        let reason = state.events.clients.deny.1.clone();
        return denied(&reason);
    }
    if state.events.clients.count() >= CLIENTS_MAX {
        return denied("403::Organization concurrent user limit exceeded");
    }
    let polls = message["supportedConnectionTypes"].as_array().is_some_and(|own| own.contains(&"long-polling".into()));
    if !polls {
        return (refused(message, "400::Invalid connection type", "none"), None);
    }
    let clients = &mut state.events.clients;
    clients.made += 1;
    let id = format!("{:x}sm{:08x}", clients.made.wrapping_mul(0x9e37_79b9_7f4a_7c15), clients.made);
    let cookie = format!("b{:016x}", clients.made.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    let client = Client {
        cookie: cookie.clone(),
        subscriptions: BTreeMap::new(),
        seen: Instant::now(),
        connects: 0,
        waiting: false,
    };
    clients.clients.insert(id.clone(), client);
    let mut reply = reply_to(message);
    reply["successful"] = true.into();
    reply["clientId"] = id.into();
    reply["ext"] = json!({"replay": true, "payload.format": true});
    reply["version"] = "1.0".into();
    reply["minimumVersion"] = "1.0".into();
    reply["supportedConnectionTypes"] = json!(["long-polling"]);
    (reply, Some(cookie))
}

/// The client that speaks, where it may.
fn client<'a>(state: &'a mut State, headers: &HeaderMap, message: &Value) -> Result<&'a mut Client, Value> {
    if let Some(reason) = unauthorised(state, headers) {
        return Err(refused(message, reason, "none"));
    }
    let idle = Duration::from_millis(state.settings.client_idle_ms);
    let requires_cookies = state.settings.requires_cookies;
    let id = message["clientId"].as_str().unwrap_or_default();
    let clients = &mut state.events.clients.clients;
    if clients.get(id).is_some_and(|client| !client.waiting && client.seen.elapsed() > idle) {
        clients.remove(id);
    }
    let Some(client) = clients.get_mut(id) else {
        return Err(refused(message, "403::Unknown client", "handshake"));
    };
    let sent = headers.get_all("cookie").iter().filter_map(|own| own.to_str().ok()).flat_map(|own| own.split(';'));
    let mut sent = sent.filter_map(|own| own.trim().split_once('='));
    if requires_cookies && !sent.any(|(name, value)| name == COOKIE && value == client.cookie) {
        let error = format!("400::Client {id} has established a session, but no {COOKIE} cookie present");
        return Err(refused(message, &error, "handshake"));
    }
    client.seen = Instant::now();
    Ok(client)
}

/// Waits for events, as long as it is told to, and hands them out.
async fn connect(shared: &Shared, headers: &HeaderMap, message: &Value) -> Vec<Value> {
    let mut wake = shared.wake.subscribe();
    let begun = shared.with(|state| {
        let hold = Duration::from_millis(state.settings.connect_hold_ms);
        client(state, headers, message).map(|client| {
            client.connects += 1;
            let another_waits = std::mem::replace(&mut client.waiting, true);
            (client.connects, another_waits, hold)
        })
    });
    let (own, another_waits, hold) = match begun {
        Ok(begun) => begun,
        Err(reply) => return vec![reply],
    };
    if another_waits {
        shared.wake_all();
    }
    let asked = message["advice"]["timeout"].as_u64().map(Duration::from_millis);
    let deadline = tokio::time::Instant::now() + asked.unwrap_or(hold).min(hold);
    // Forgets that it waits, should the caller hang up.
    let waiting = Waiting { shared, id: message["clientId"].as_str().unwrap_or_default().to_owned(), own };
    loop {
        let delay = shared.faults.delivery_delay();
        let step = shared.with(|state| step(state, headers, message, own, &shared.faults, delay));
        let due = match step {
            Step::Answer(replies) => {
                drop(waiting);
                return replies;
            }
            Step::Wait(due) => due,
        };
        let now = tokio::time::Instant::now();
        if now >= deadline {
            drop(waiting);
            return vec![connected(message, hold)];
        }
        match due {
            Some(due) => sleep_until(deadline.min(now + due)).await,
            // Woken, or timed out: the next step tells.
            None => drop(timeout_at(deadline, wake.changed()).await),
        }
    }
}

struct Waiting<'a> {
    shared: &'a Shared,
    id: String,
    own: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.with(|state| {
            let client = state.events.clients.clients.get_mut(&self.id);
            if let Some(client) = client.filter(|client| client.connects == self.own) {
                client.waiting = false;
                client.seen = Instant::now();
            }
        });
    }
}

enum Step {
    Answer(Vec<Value>),
    /// Until woken, or until a delayed event is due.
    Wait(Option<Duration>),
}

fn connected(message: &Value, hold: Duration) -> Value {
    let mut reply = reply_to(message);
    reply["successful"] = true.into();
    let hold = u64::try_from(hold.as_millis()).unwrap_or(u64::MAX);
    reply["advice"] = json!({"reconnect": "retry", "interval": 0, "timeout": hold});
    reply
}

fn step(state: &mut State, headers: &HeaderMap, message: &Value, own: u64, faults: &Faults, delay: Duration) -> Step {
    let hold = Duration::from_millis(state.settings.connect_hold_ms);
    if state.usage.events_delivered >= state.settings.events_max {
        return Step::Answer(vec![refused(message, "403::Organization total events daily limit exceeded", "none")]);
    }
    let client = match client(state, headers, message) {
        Ok(client) => client,
        Err(reply) => return Step::Answer(vec![reply]),
    };
    if client.connects != own || own == 1 {
        return Step::Answer(vec![connected(message, hold)]);
    }
    let subscriptions = client.subscriptions.clone();
    let (ready, due) = gather(state, &subscriptions, delay);
    if ready.is_empty() {
        return Step::Wait(due);
    }
    let id = message["clientId"].as_str().unwrap_or_default();
    if let Some(client) = state.events.clients.clients.get_mut(id) {
        for (channel, replay_id, _) in &ready {
            client.subscriptions.insert(channel.clone(), *replay_id);
        }
    }
    let messages = ready.into_iter().map(|(channel, _, data)| json!({"data": data, "channel": channel})).collect();
    let mut replies = faults.distort(messages);
    if replies.is_empty() {
        return Step::Wait(Some(Duration::ZERO));
    }
    state.usage.events_delivered += replies.len() as u64;
    replies.push(connected(message, hold));
    Step::Answer(replies)
}

type Ready = Vec<(String, u64, Value)>;

/// What the subscriptions have not seen, in order; and when more is due.
fn gather(state: &State, subscriptions: &BTreeMap<String, u64>, delay: Duration) -> (Ready, Option<Duration>) {
    let mut ready = Vec::new();
    let Some(from) = subscriptions.values().min().copied() else { return (ready, None) };
    for event in state.events.after(from) {
        let wanted: Vec<&String> = subscriptions
            .iter()
            .filter(|(channel, seen)| event.replay_id > **seen && carries(state, channel, &event.name))
            .map(|(channel, _)| channel)
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let age = event.published.elapsed();
        if age < delay {
            return (ready, Some(delay - age));
        }
        for channel in wanted {
            ready.push((channel.clone(), event.replay_id, event.message.clone()));
        }
        if ready.len() >= state.settings.events_per_answer {
            break;
        }
    }
    (ready, None)
}

fn carries(state: &State, channel: &str, event: &str) -> bool {
    if channel == EVERYTHING {
        return true;
    }
    let name = channel.strip_prefix("/data/").unwrap_or_default();
    name == event || state.events.channels.get(name).is_some_and(|events| events.iter().any(|own| own == event))
}

fn exists(state: &State, channel: &str) -> bool {
    let Some(name) = channel.strip_prefix("/data/") else { return false };
    channel == EVERYTHING
        || state.events.channels.contains_key(name)
        || state.schema.objects().any(|object| object.capturable && object.change_event() == name)
}

/// Everything but handshake and connect.
fn other(state: &mut State, headers: &HeaderMap, message: &Value, channel: &str) -> Value {
    if let Err(reply) = client(state, headers, message) {
        return reply;
    }
    let id = message["clientId"].as_str().unwrap_or_default().to_owned();
    let mut reply = reply_to(message);
    reply["subscription"] = message["subscription"].clone();
    let wanted: Vec<String> = match &message["subscription"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let outcome = match channel {
        "/meta/subscribe" => subscribe(state, &id, message, &wanted),
        "/meta/unsubscribe" => {
            if let Some(client) = state.events.clients.clients.get_mut(&id) {
                client.subscriptions.retain(|channel, _| !wanted.contains(channel));
            }
            Ok(())
        }
        "/meta/disconnect" => {
            state.events.clients.clients.remove(&id);
            Ok(())
        }
        _ => Err("403::Publishing is not allowed on this channel".to_owned()),
    };
    match outcome {
        Ok(()) => reply["successful"] = true.into(),
        Err(error) => reply["error"] = error.into(),
    }
    if channel == "/meta/disconnect" {
        reply.as_object_mut().map(|reply| reply.remove("subscription"));
    }
    reply
}

fn subscribe(state: &mut State, id: &str, message: &Value, wanted: &[String]) -> Result<(), String> {
    if wanted.is_empty() {
        return Err("400::Channel name not specified".into());
    }
    state.events.expire(state.clock.now());
    let mut from = Vec::new();
    for channel in wanted {
        if !channel.starts_with('/') {
            return Err("400::Channel subscriptions must start with a leading '/'".into());
        }
        if !exists(state, channel) {
            return Err(format!("400::The channel you requested to subscribe to does not exist {{{channel}}}"));
        }
        let replay = message["ext"]["replay"][channel.as_str()].as_i64().unwrap_or(-1);
        from.push((channel.clone(), start(state, replay)?));
    }
    if let Some(client) = state.events.clients.clients.get_mut(id) {
        client.subscriptions.extend(from);
    }
    Ok(())
}

/// The replay id after which a subscription begins.
fn start(state: &State, replay: i64) -> Result<u64, String> {
    let store = &state.events;
    match (replay, u64::try_from(replay)) {
        (-1, _) => Ok(store.latest()),
        (-2, _) => Ok(store.oldest_known()),
        (_, Ok(replay)) if store.holds(replay) => Ok(replay),
        _ => Err(format!(
            "400::The replayId {{{replay}}} you provided was invalid.  Please provide a valid ID, -2 to replay all \
             events, or -1 to replay only new events."
        )),
    }
}

impl super::Store {
    /// The events behind a replay id, in order.
    fn after(&self, replay_id: u64) -> impl Iterator<Item = &Event> {
        let from = self.log.partition_point(|event| event.replay_id <= replay_id);
        self.log.range(from..)
    }

    fn holds(&self, replay_id: u64) -> bool {
        self.log.binary_search_by_key(&replay_id, |event| event.replay_id).is_ok()
    }
}
