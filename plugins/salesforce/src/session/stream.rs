//! The streaming connection: handshake, subscriptions and a connect that is kept
//! pending across calls, so that an event is here the moment it comes. Whatever
//! breaks is set up again behind the last event taken in.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use lockstep_sdk::http::{Pending, Response};

use crate::api::Api;
use crate::bayeux::{self, ChangeEvent, Message, Reconnect, Refusal};
use crate::config::Config;
use crate::cursor::ChannelAt;
use crate::failure::{Failure, Result};
use crate::platform::Platform;
use crate::value::parse_http_date_s;

/// What is new from now on, and everything that is kept.
const NEW_ONLY: i64 = -1;
const ALL_KEPT: i64 = -2;
/// A connect is held about 110 s (documented).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(125);
/// Events taken in and not given yet; above it no more are asked for.
const QUEUE_EVENTS_MAX: usize = 20_000;
/// Handshakes in a row without a connect that succeeds.
const HANDSHAKES_MAX: u32 = 3;
/// Events are kept for 72 h (documented); a little less is relied on, and a
/// little more reaches behind all of them.
const KEPT_S: i64 = 70 * 3600;
const BEHIND_ALL_S: i64 = 80 * 3600;
/// How long before its commit an event's time may lie: events seen carry the
/// second in which the row was saved, and a transaction may run on for minutes.
const COMMIT_MARGIN_S: i64 = 30 * 60;
/// How long an event may take from its commit to us. Only a quiet channel's
/// position is measured by it, so it is generous.
const DELAY_MAX_S: i64 = 12 * 3600;
/// A first connect that is held this long has nothing waiting behind it.
const SETTLE_MS: u64 = 3_000;

/// An endpoint's session.
struct Link {
    client_id: String,
    /// Advice: how long to wait before a connect.
    interval_ms: u64,
    connect: Option<Connect>,
}

struct Connect {
    pending: Box<dyn Pending>,
    /// The server's clock when it was sent, as far as it is known.
    sent_s: i64,
}

pub struct Stream {
    platform: Rc<dyn Platform>,
    api: Api,
    path: String,
    link: Option<Link>,
    cookies: BTreeMap<String, String>,
    /// Where each channel is, of what was taken in.
    read: BTreeMap<String, ChannelAt>,
    /// Channels whose replay id was no longer kept: everything kept is read
    /// again, and what was taken before is left out by its time.
    rewound: HashSet<String>,
    /// Channels of which events were missed, not told yet.
    gaps: Vec<String>,
    queue: VecDeque<ChangeEvent>,
    /// Everything committed before this second (server's clock) is in the queue
    /// or was given.
    complete_s: i64,
    /// A connect came back since the subscriptions were made, or is held so long
    /// that it shows the same.
    settled: bool,
    settled_at_ms: u64,
    handshakes: u32,
}

impl Stream {
    pub fn new(platform: Rc<dyn Platform>, api: Api, config: &Config) -> Self {
        Stream {
            platform,
            api,
            path: format!("/cometd/{}", config.api_version),
            link: None,
            cookies: BTreeMap::new(),
            read: BTreeMap::new(),
            rewound: HashSet::new(),
            gaps: Vec::new(),
            queue: VecDeque::new(),
            complete_s: 0,
            settled: false,
            settled_at_ms: 0,
            handshakes: 0,
        }
    }

    /// Whether all that was waiting at the server is taken in.
    pub fn is_settled(&self) -> bool {
        self.settled || self.platform.monotonic_ms() >= self.settled_at_ms
    }

    /// The server's clock, by what its answers said.
    fn now_s(&self) -> i64 {
        self.api.now_s()
    }

    pub fn complete_s(&self) -> i64 {
        self.complete_s
    }

    pub fn has_channel(&self, channel: &str) -> bool {
        self.read.contains_key(channel)
    }

    /// Channels of which events were missed, and since when they are told again.
    pub fn take_gaps(&mut self) -> Vec<(String, i64)> {
        let since_s = |channel: &String| self.read.get(channel).map_or(0, |at| at.since_s);
        std::mem::take(&mut self.gaps).into_iter().map(|channel| (channel.clone(), since_s(&channel))).collect()
    }

    pub fn next_event(&mut self) -> Option<ChangeEvent> {
        self.queue.pop_front()
    }

    pub fn put_back(&mut self, event: ChangeEvent) {
        self.queue.push_front(event);
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Subscribe to what is new on channels. The refused ones, and why.
    pub fn begin(&mut self, channels: &[String], since_s: i64) -> Result<Vec<(String, Message)>> {
        self.handshake()?;
        let wanted = channels.iter().map(|channel| (channel.clone(), NEW_ONLY)).collect();
        let refused = self.subscribe(&wanted)?;
        for channel in channels {
            if !refused.iter().any(|(known, _)| known == channel) {
                self.read.insert(channel.clone(), ChannelAt::since(since_s));
            }
        }
        self.complete_s = since_s;
        Ok(refused)
    }

    /// Go on from where these channels were.
    pub fn resume(&mut self, channels: &BTreeMap<String, ChannelAt>) {
        self.read.extend(channels.iter().map(|(channel, at)| (channel.clone(), *at)));
        self.complete_s = channels.values().map(|at| at.since_s).min().unwrap_or_default();
        self.link = None;
        self.settled = false;
        self.settled_at_ms = self.platform.monotonic_ms() + SETTLE_MS;
    }

    /// Take in what has come, waiting for it; true: something did.
    pub fn step(&mut self, wait_ms: u64) -> Result<bool> {
        if self.read.is_empty() {
            return Ok(false);
        }
        if self.link.is_none() {
            self.connect_anew()?;
        }
        let queue_full = self.queue.len() >= QUEUE_EVENTS_MAX;
        let Some(link) = &mut self.link else { return Ok(false) };
        if link.connect.is_none() {
            if queue_full {
                return Ok(false);
            }
            self.send_connect();
        }
        let Some(connect) = self.link.as_mut().and_then(|link| link.connect.as_mut()) else {
            return Ok(false);
        };
        let Some(answer) = connect.pending.wait(Duration::from_millis(wait_ms)) else {
            return Ok(false);
        };
        let sent_s = connect.sent_s;
        if let Some(link) = &mut self.link {
            link.connect = None;
        }
        match answer {
            Ok(response) => self.take_connect(&response, sent_s),
            Err(failure) => {
                // The poll broke; nothing of it was taken in.
                self.platform.log("info", &format!("streaming connection: {failure}"));
                self.link = None;
                Ok(false)
            }
        }
    }

    fn send_connect(&mut self) {
        let sent_s = self.now_s();
        let Some(link) = &self.link else { return };
        if link.interval_ms > 0 {
            self.platform.sleep_ms(link.interval_ms.min(1_000));
        }
        let body = bayeux::connect(&link.client_id);
        let mut request = self.with_cookies(self.api.request("POST", &self.path)).json(body);
        request.timeout = CONNECT_TIMEOUT;
        let pending = self.platform.client().start(request);
        if let Some(link) = &mut self.link {
            link.connect = Some(Connect { pending, sent_s });
        }
    }

    fn with_cookies(&self, request: lockstep_sdk::http::Request) -> lockstep_sdk::http::Request {
        if self.cookies.is_empty() {
            return request;
        }
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.header("cookie", pairs.join("; "))
    }

    /// One exchange with the endpoint.
    fn exchange(&mut self, body: Vec<u8>) -> Result<Vec<Message>> {
        let request = self.with_cookies(self.api.request("POST", &self.path)).json(body);
        let answer = self.api.send(request)?;
        if !answer.is_success() {
            return Err(Failure::Api(Box::new(answer.error())));
        }
        bayeux::cookies(answer.header_values("set-cookie"), &mut self.cookies);
        bayeux::parse(&answer.body)
    }

    fn handshake(&mut self) -> Result<()> {
        self.link = None;
        self.settled = false;
        self.settled_at_ms = self.platform.monotonic_ms() + SETTLE_MS;
        self.handshakes += 1;
        if self.handshakes > HANDSHAKES_MAX {
            self.handshakes = 0;
            return Err(Failure::Broken("the streaming endpoint forgets every handshake".into()));
        }
        let mut answer = self.greet()?;
        if answer.is_refused() && answer.refusal() == Refusal::Auth {
            // A token that ran out is told here inside an answer of status 200.
            self.platform.sign_in_anew().map_err(Failure::SignIn)?;
            answer = self.greet()?;
        }
        match (answer.is_refused(), answer.client_id.clone()) {
            (false, Some(client_id)) => {
                self.link = Some(Link { client_id, interval_ms: 0, connect: None });
                Ok(())
            }
            _ => Err(refused(&answer, "the handshake")),
        }
    }

    fn greet(&mut self) -> Result<Message> {
        let messages = self.exchange(bayeux::handshake())?;
        let answer = messages.into_iter().find(|message| message.channel == "/meta/handshake");
        answer.ok_or_else(|| Failure::Protocol("a handshake without an answer".into()))
    }

    /// The refused channels, each with its answer. Events may come along.
    fn subscribe(&mut self, channels: &BTreeMap<String, i64>) -> Result<Vec<(String, Message)>> {
        let Some(client_id) = self.link.as_ref().map(|link| link.client_id.clone()) else {
            return Err(Failure::Broken("no streaming session".into()));
        };
        if channels.is_empty() {
            return Ok(Vec::new());
        }
        let messages = self.exchange(bayeux::subscribe(&client_id, channels))?;
        let mut refusals = Vec::new();
        for message in messages {
            if message.channel != "/meta/subscribe" {
                self.take_event(&message);
            } else if message.is_refused() {
                match message.refusal() {
                    Refusal::ReplayGone | Refusal::NoChannel => {
                        let channel = message.subscription.clone().unwrap_or_else(|| only(channels));
                        refusals.push((channel, message));
                    }
                    Refusal::Unknown | Refusal::Auth | Refusal::Limit | Refusal::Other => {
                        return Err(refused(&message, "a subscription"));
                    }
                }
            }
        }
        Ok(refusals)
    }

    /// Handshake and subscribe behind what was taken in.
    fn connect_anew(&mut self) -> Result<()> {
        self.handshake()?;
        self.rewound.clear();
        let now_s = self.now_s();
        let all: Vec<(String, ChannelAt)> = self.read.iter().map(|(channel, at)| (channel.clone(), *at)).collect();
        let mut wanted = BTreeMap::new();
        for (channel, at) in all {
            if at.replay.is_none() && now_s - at.since_s > KEPT_S {
                self.miss(&channel, now_s);
            }
            wanted.insert(channel, at.replay.unwrap_or(ALL_KEPT));
        }
        let refusals = self.subscribe(&wanted)?;
        let mut again = BTreeMap::new();
        for (channel, message) in refusals {
            let Refusal::ReplayGone = message.refusal() else {
                return Err(refused(&message, &channel));
            };
            // Of a quiet channel the last event was long ago, and yet nothing need have
            // been missed. An event that should be kept and is not has others lost behind
            // it, such as in a move of the organisation: all that is kept is told again,
            // behind a gap.
            let was_quiet = |at: &ChannelAt| {
                now_s - at.since_s <= KEPT_S && at.taken_s.is_some_and(|taken_s| now_s - taken_s > KEPT_S)
            };
            if !self.read.get(&channel).is_some_and(was_quiet) {
                self.miss(&channel, now_s);
            }
            self.rewound.insert(channel.clone());
            again.insert(channel, ALL_KEPT);
        }
        match self.subscribe(&again)?.first() {
            None => Ok(()),
            Some((channel, message)) => Err(refused(message, channel)),
        }
    }

    /// Events of this channel are no longer kept.
    fn miss(&mut self, channel: &str, now_s: i64) {
        if let Some(at) = self.read.get_mut(channel) {
            at.since_s = now_s - BEHIND_ALL_S;
        }
        if !self.gaps.iter().any(|known| known == channel) {
            self.gaps.push(channel.to_owned());
        }
    }

    fn take_connect(&mut self, response: &Response, sent_s: i64) -> Result<bool> {
        if !(200..300).contains(&response.status) {
            let error =
                crate::api::parse_errors(response.status, &response.body).into_iter().next().unwrap_or_default();
            self.link = None;
            return match response.status {
                401 | 403 => Ok(false),
                _ => Err(Failure::Api(Box::new(error))),
            };
        }
        let set = response.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str());
        bayeux::cookies(set, &mut self.cookies);
        if let Some(date_s) = response.header("date").and_then(parse_http_date_s) {
            self.api.observe_clock(date_s);
        }
        let mut events: Vec<ChangeEvent> = Vec::new();
        let mut connected = false;
        for message in bayeux::parse(&response.body)? {
            if message.channel != "/meta/connect" {
                events.extend(self.admit(&message));
                continue;
            }
            connected = !message.is_refused();
            if !connected {
                self.link = None;
                if message.refusal() == Refusal::Limit {
                    return Err(refused(&message, "the stream"));
                }
            } else if let (Some(advice), Some(link)) = (&message.advice, &mut self.link) {
                link.interval_ms = advice.interval;
                if advice.reconnect != Reconnect::Retry {
                    self.link = None;
                }
            }
        }
        if connected {
            self.settled = true;
            self.handshakes = 0;
            self.complete_s = self.complete_s.max(sent_s - DELAY_MAX_S);
            for at in self.read.values_mut() {
                at.since_s = at.since_s.max(self.complete_s);
            }
        }
        let came = !events.is_empty();
        self.queue.extend(in_commit_order(events));
        // The next poll is out before anything is done with what this one brought.
        if self.link.is_some() && self.queue.len() < QUEUE_EVENTS_MAX {
            self.send_connect();
        }
        Ok(came || connected)
    }

    fn take_event(&mut self, message: &Message) {
        let event = self.admit(message);
        self.queue.extend(event);
    }

    /// An event that was not taken in before.
    fn admit(&mut self, message: &Message) -> Option<ChangeEvent> {
        let event = ChangeEvent::parse(&message.channel, message.data.as_ref()?)?;
        let at = self.read.get_mut(&event.channel)?;
        let old = event.committed_s() < at.since_s - COMMIT_MARGIN_S;
        match at.replay {
            // A position that began without an event: what was before it was read.
            None if old => return None,
            Some(_) if old && self.rewound.contains(&event.channel) => return None,
            Some(taken) if event.replay_id <= taken && !self.rewound.contains(&event.channel) => return None,
            _ => {}
        }
        at.take(event.replay_id, event.committed_s());
        Some(event)
    }
}

/// Events of one answer in the order of their commits, as far as that keeps the
/// order within each channel: what one transaction did to several objects comes
/// over several channels.
fn in_commit_order(events: Vec<ChangeEvent>) -> Vec<ChangeEvent> {
    let mut channels: Vec<VecDeque<ChangeEvent>> = Vec::new();
    for event in events {
        match channels.iter_mut().find(|queue| queue.front().is_some_and(|first| first.channel == event.channel)) {
            Some(queue) => queue.push_back(event),
            None => channels.push(VecDeque::from([event])),
        }
    }
    let mut ordered = Vec::new();
    loop {
        let place = |event: &ChangeEvent| (event.header.commit_number, event.header.sequence_number);
        let first = channels
            .iter()
            .enumerate()
            .filter_map(|(at, queue)| Some((place(queue.front()?), at)))
            .min()
            .and_then(|(_, at)| channels.get_mut(at)?.pop_front());
        match first {
            Some(event) => ordered.push(event),
            None => return ordered,
        }
    }
}

fn only(channels: &BTreeMap<String, i64>) -> String {
    channels.keys().next().cloned().unwrap_or_default()
}

/// Why the endpoint refused, as our error.
pub fn refused(message: &Message, what: &str) -> Failure {
    let error = message.error.clone().unwrap_or_default();
    match message.refusal() {
        Refusal::Limit => Failure::EventLimit(format!("{what} was refused: {error}")),
        Refusal::ReplayGone => Failure::CursorInvalid(format!("{what}: {error}")),
        Refusal::Unknown | Refusal::Other => Failure::Broken(format!("{what} was refused: {error}")),
        Refusal::Auth | Refusal::NoChannel => Failure::Streaming {
            message: format!("{what} was refused: {error}"),
            remedy: "select the object under Setup › Change Data Capture, and give the integration user `View All` \
                     on it; or poll it: `changes = \"poll\"`"
                .into(),
        },
    }
}
