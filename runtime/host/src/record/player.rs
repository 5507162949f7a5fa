//! Plays a recorded session to a component: answers what it asks as it was
//! answered then, and notices the first thing that it does otherwise. Reaches nothing.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock};
use wasmtime_wasi_io::streams::{StreamError, StreamResult};

use super::{
    body::{Body, show},
    event::{Answered, Encrypting, Event, HttpAnswer, Outcome, Way, Wired},
    kinds,
};

/// How often a component may wait in a row for what the recording does not hold.
const IDLE_MAX: u32 = 2_000;
/// Of these, so many times it is given the thread back at once.
const IDLE_QUICK: u32 = 100;

/// What a component did otherwise than recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line in the file; 0 where there is none for it.
    pub line: usize,
    pub expected: String,
    pub found: String,
}

/// Why a component is not played on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    Differs(Difference),
    /// The recording holds no more of it, from this line on.
    Cut {
        line: usize,
    },
    /// It was cut off here when it was recorded, too.
    CutOff,
}

/// In a guest's way when it is halted.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the replay ended here")]
pub(crate) struct Halted;

pub(crate) struct Player {
    events: Vec<(usize, Event)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    at: usize,
    halt: Option<Halt>,
    idle: u32,
    wall: u64,
    monotonic: u64,
}

impl State {
    /// The first reason counts.
    fn halt(&mut self, why: Halt) -> Halted {
        self.halt.get_or_insert(why);
        Halted
    }
}

impl Player {
    pub(crate) fn new(events: Vec<(usize, Event)>) -> Self {
        Player { events, state: Mutex::default() }
    }

    pub(crate) fn halted(&self) -> Option<Halt> {
        self.state.lock().halt.clone()
    }

    pub(crate) fn check(&self) -> Result<(), Halted> {
        self.state.lock().halt.as_ref().map_or(Ok(()), |_| Err(Halted))
    }

    /// The next event that fits, before anything that has to be met; `None` leaves the place.
    fn find<T>(&self, fits: impl Fn(&Event) -> Option<T>) -> Option<T> {
        let mut state = self.state.lock();
        for (at, (_, event)) in self.events.iter().enumerate().skip(state.at) {
            if let Some(found) = fits(event) {
                (state.at, state.idle) = (at + 1, 0);
                return Some(found);
            }
            if !event.is_soft() {
                return None;
            }
        }
        None
    }

    /// The next event, which has to fit.
    fn take<T>(&self, found: impl FnOnce() -> String, fits: impl Fn(&Event) -> Option<T>) -> Result<T, Halted> {
        let mut state = self.state.lock();
        if state.halt.is_some() {
            return Err(Halted);
        }
        for (at, (line, event)) in self.events.iter().enumerate().skip(state.at) {
            if let Some(taken) = fits(event) {
                (state.at, state.idle) = (at + 1, 0);
                return Ok(taken);
            }
            match event {
                soft if soft.is_soft() => {}
                Event::Cut => return Err(state.halt(Halt::Cut { line: *line })),
                Event::Answer { outcome: Outcome::CutOff { .. } } => return Err(state.halt(Halt::CutOff)),
                other => {
                    let expected = other.describe();
                    return Err(state.halt(Halt::Differs(Difference { line: *line, expected, found: found() })));
                }
            }
        }
        // The recording was written in the middle of this call.
        Err(state.halt(Halt::CutOff))
    }

    fn differs(&self, line: usize, expected: String, found: String) -> Halted {
        self.state.lock().halt(Halt::Differs(Difference { line, expected, found }))
    }

    fn cut(&self, line: usize) -> Halted {
        self.state.lock().halt(Halt::Cut { line })
    }

    fn line(&self, at: usize) -> usize {
        self.events.get(at).map_or(0, |(line, _)| *line)
    }

    /// The event after what is told to the component, for whoever drives it; moves on past it.
    pub(crate) fn step(&self) -> Option<(usize, Event)> {
        let mut state = self.state.lock();
        while let Some((line, event)) = self.events.get(state.at) {
            state.at += 1;
            if !event.is_soft() {
                return Some((*line, event.clone()));
            }
        }
        None
    }

    /// What is after the call that was cut off where this was halted. `None`: nothing is.
    pub(crate) fn after_cut(&self) -> Option<Player> {
        let at = self.state.lock().at;
        let rest = self.events.get(at..)?;
        let end = rest.iter().position(|(_, event)| matches!(event, Event::Answer { .. }));
        let rest = rest.get(end.map_or(0, |end| end + 1)..)?;
        (!rest.is_empty()).then(|| Player::new(rest.to_vec()))
    }

    /// The end of a call as recorded. `found`: how it ended now.
    pub(crate) fn outcome(&self, found: impl FnOnce() -> String) -> Result<(usize, Outcome), Halted> {
        let at = self.state.lock().at;
        let outcome = self.take(found, |event| match event {
            Event::Answer { outcome } => Some(outcome.clone()),
            _ => None,
        })?;
        let answer = self.events.iter().skip(at).find(|(_, event)| matches!(event, Event::Answer { .. }));
        Ok((answer.map_or(0, |(line, _)| *line), outcome))
    }

    /// A request; answers which one it is.
    pub(crate) fn request(&self, method: &str, url: &str, headers: &[(String, String)]) -> Result<usize, Halted> {
        let found = || format!("the request {method} {url}");
        let recorded = self.take(found, |event| match event {
            Event::Http { method, url, headers, .. } => Some((method.clone(), url.clone(), headers.clone())),
            _ => None,
        })?;
        let at = self.state.lock().at - 1;
        let (was_method, was_url, was_headers) = recorded;
        if (was_method.as_str(), was_url.as_str()) != (method, url) {
            return Err(self.differs(self.line(at), format!("the request {was_method} {was_url}"), found()));
        }
        if was_headers != headers {
            let only = |these: &[(String, String)], those: &[(String, String)]| {
                let own: Vec<String> = these
                    .iter()
                    .filter(|pair| !those.contains(pair))
                    .map(|(name, value)| format!("{name}: {value}"))
                    .collect();
                let which = if own.is_empty() { "without those".to_owned() } else { own.join(", ") };
                format!("the request {method} {url} with the headers {which}")
            };
            let (expected, found) = (only(&was_headers, headers), only(headers, &was_headers));
            return Err(self.differs(self.line(at), expected, found));
        }
        Ok(at)
    }

    /// The answer to a request whose body is known. `None`: there was none when it was recorded.
    pub(crate) fn answer(&self, at: usize, sent: &[u8]) -> Result<Option<HttpAnswer>, Halted> {
        self.check()?;
        let line = self.line(at);
        let Some((_, Event::Http { body: Some(body), answer: Some(answer), .. })) = self.events.get(at) else {
            return Ok(None);
        };
        if !body.is_of(sent) {
            let (expected, found) = differing(body, sent);
            return Err(self.differs(
                line,
                format!("the request's body {expected}"),
                format!("the request's body {found}"),
            ));
        }
        match answer {
            HttpAnswer::Answered { body, .. } if body.cut.is_some() => Err(self.cut(line)),
            answer => Ok(Some(answer.clone())),
        }
    }

    pub(crate) fn sign_in(&self, wanted: bool) -> Result<Answered<Vec<(String, String)>>, Halted> {
        self.take(
            || Event::SignIn { anew: wanted, answer: Answered::Err(String::new()) }.describe(),
            |event| match event {
                Event::SignIn { anew, answer } if *anew == wanted => Some(answer.clone()),
                _ => None,
            },
        )
    }

    pub(crate) fn credential(
        &self,
        wanted: &str,
        name: &str,
        digest: &str,
    ) -> Result<Result<Vec<Vec<u8>>, String>, Halted> {
        let found = || format!("{wanted} with the secret `{name}`");
        let (answer, message) = self.take(found, |event| match event {
            Event::Credential { operation, secret, message, answer } if operation == wanted && secret == name => {
                Some((answer.clone(), message.clone()))
            }
            _ => None,
        })?;
        if message != digest {
            let at = self.state.lock().at - 1;
            return Err(self.differs(self.line(at), found(), format!("{wanted} with `{name}` over another message")));
        }
        Ok(answer.result().map(|values| values.into_iter().map(|value| value.held).collect()))
    }

    pub(crate) fn look_up(&self, wanted: &str) -> Result<Answered<()>, Halted> {
        self.take(
            || format!("looking {} up", show(wanted.as_bytes())),
            |event| match event {
                Event::LookUp { name, answer } if name == wanted => Some(answer.clone()),
                _ => None,
            },
        )
    }

    /// `None`: not yet.
    pub(crate) fn address(&self) -> Result<Option<Answered<Option<String>>>, Halted> {
        self.take(
            || "asking for the next address".into(),
            |event| match event {
                Event::NotYet => Some(None),
                Event::Address { answer } => Some(Some(answer.clone())),
                _ => None,
            },
        )
    }

    pub(crate) fn socket(&self, is_ipv6: bool) -> Result<Answered<()>, Halted> {
        self.take(
            || "a new socket".into(),
            |event| match event {
                Event::Socket { ipv6, answer } if *ipv6 == is_ipv6 => Some(answer.clone()),
                _ => None,
            },
        )
    }

    pub(crate) fn connect(&self, wanted: &str) -> Result<Answered<()>, Halted> {
        self.take(
            || format!("connecting to {wanted}"),
            |event| match event {
                Event::Connect { to, answer } if to == wanted => Some(answer.clone()),
                _ => None,
            },
        )
    }

    /// `None`: not yet.
    pub(crate) fn connected(&self) -> Result<Option<Answered<Wired>>, Halted> {
        self.take(
            || "the end of connecting".into(),
            |event| match event {
                Event::NotYet => Some(None),
                Event::Connected { answer } => Some(Some(answer.clone())),
                _ => None,
            },
        )
    }

    pub(crate) fn encrypt(&self, name: &str, how: &str) -> Result<Answered<Encrypting>, Halted> {
        self.take(
            || format!("encrypting the connection to {}", show(name.as_bytes())),
            |event| match event {
                Event::Encrypt { server_name, verify, answer } if server_name == name && verify == how => {
                    Some(answer.clone())
                }
                _ => None,
            },
        )
    }

    pub(crate) fn received(&self, number: u32, bytes_max: usize) -> StreamResult<Bytes> {
        enum Read {
            Bytes(Body),
            Nothing,
            Ended(StreamError),
        }
        let read = self.take(
            || format!("receiving on connection {number}"),
            |event| match event {
                Event::Received { wire, bytes } if *wire == number => Some(Read::Bytes(bytes.clone())),
                Event::Nothing { wire } if *wire == number => Some(Read::Nothing),
                Event::Ended { wire, way: Way::In, broken } if *wire == number => {
                    Some(Read::Ended(kinds::stream_error(broken.as_ref())))
                }
                _ => None,
            },
        );
        let line = || self.line(self.state.lock().at.saturating_sub(1));
        match read.map_err(trapped)? {
            Read::Bytes(body) if body.cut.is_some() => Err(trapped(self.cut(line()))),
            Read::Bytes(body) if body.held.len() > bytes_max => {
                let expected = format!("receiving {} bytes on connection {number}", body.held.len());
                Err(trapped(self.differs(line(), expected, format!("receiving at most {bytes_max}"))))
            }
            Read::Bytes(body) => Ok(body.held.into()),
            Read::Nothing => Ok(Bytes::new()),
            Read::Ended(error) => Err(error),
        }
    }

    pub(crate) fn sent(&self, number: u32, sent: &[u8]) -> StreamResult<()> {
        let (expected, end) = self
            .take(
                || format!("sending on connection {number}: {}", show(sent)),
                |event| match event {
                    Event::Sent { wire, bytes } if *wire == number => Some((Some(bytes.clone()), None)),
                    Event::Ended { wire, way: Way::Out, broken } if *wire == number => {
                        Some((None, Some(kinds::stream_error(broken.as_ref()))))
                    }
                    _ => None,
                },
            )
            .map_err(trapped)?;
        if let Some(end) = end {
            return Err(end);
        }
        match expected {
            Some(body) if !body.is_of(sent) => {
                let (expected, found) = differing(&body, sent);
                let line = self.line(self.state.lock().at.saturating_sub(1));
                let on = format!("sending on connection {number}:");
                Err(trapped(self.differs(line, format!("{on} {expected}"), format!("{on} {found}"))))
            }
            _ => Ok(()),
        }
    }

    /// How much may be sent.
    pub(crate) fn room(&self, number: u32, bytes_max: usize) -> StreamResult<usize> {
        let told = self.find(|event| match event {
            Event::Full { wire } if *wire == number => Some(Ok(0)),
            Event::Ended { wire, way: Way::Out, broken } if *wire == number => {
                Some(Err(kinds::stream_error(broken.as_ref())))
            }
            _ => None,
        });
        told.unwrap_or(Ok(bytes_max))
    }

    /// Which of `count` are ready. A component that waits for what the recording does not hold is
    /// told that all are, and halted if that does not help.
    pub(crate) async fn poll(&self, count: usize) -> Result<Vec<u32>, Halted> {
        let told = self.find(|event| match event {
            Event::Poll { ready } => Some(ready.clone()),
            _ => None,
        });
        let all = u32::try_from(count).unwrap_or(u32::MAX);
        match told {
            Some(ready) if ready.iter().all(|at| *at < all) => Ok(ready),
            _ => {
                self.idle().await?;
                Ok((0..all).collect())
            }
        }
    }

    pub(crate) async fn ready(&self) -> Result<bool, Halted> {
        let told = self.find(|event| match event {
            Event::Ready { ready } => Some(*ready),
            _ => None,
        });
        match told {
            Some(ready) => Ok(ready),
            None => self.idle().await.map(|()| true),
        }
    }

    /// Whether a request's answer was there; `None`: that was not recorded.
    pub(crate) fn got(&self) -> Option<bool> {
        self.find(|event| match event {
            Event::Got { ready } => Some(*ready),
            _ => None,
        })
    }

    /// It waits.
    pub(crate) async fn idle(&self) -> Result<(), Halted> {
        let idle = {
            let mut state = self.state.lock();
            state.idle += 1;
            state.idle
        };
        self.check()?;
        if idle > IDLE_MAX || self.is_cut_off_next() {
            return self.take(|| "waiting for what never came".into(), |_| None);
        }
        if idle > IDLE_QUICK {
            // It waits for its own body to be taken, or for ever.
            tokio::time::sleep(Duration::from_millis(1)).await;
        } else {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Nothing more was recorded of the present call than that it was given up.
    fn is_cut_off_next(&self) -> bool {
        let at = self.state.lock().at;
        let next = self.events.iter().skip(at).find(|(_, event)| !event.is_soft());
        matches!(next, None | Some((_, Event::Answer { outcome: Outcome::CutOff { .. } })))
    }

    fn wall(&self) -> u64 {
        self.told(
            |state| &mut state.wall,
            |event| match event {
                Event::Wall { ns } => Some(*ns),
                _ => None,
            },
        )
    }

    fn monotonic(&self) -> u64 {
        self.told(
            |state| &mut state.monotonic,
            |event| match event {
                Event::Monotonic { ns } => Some(*ns),
                _ => None,
            },
        )
    }

    /// A clock's next time; a little after its last where none is recorded here.
    fn told(&self, clock: impl Fn(&mut State) -> &mut u64, fits: impl Fn(&Event) -> Option<u64>) -> u64 {
        const STEP_NS: u64 = 1_000_000;
        let mut state = self.state.lock();
        // Looking at the clock is no progress: how long was waited is counted on.
        let mut next = None;
        for (at, (_, event)) in self.events.iter().enumerate().skip(state.at) {
            next = fits(event);
            if next.is_some() {
                state.at = at + 1;
            }
            if next.is_some() || !event.is_soft() {
                break;
            }
        }
        let clock = clock(&mut state);
        *clock = next.unwrap_or(clock.saturating_add(STEP_NS));
        *clock
    }
}

fn trapped(halted: Halted) -> StreamError {
    StreamError::Trap(halted.into())
}

/// Both from a little before where they first differ.
fn differing(body: &Body, sent: &[u8]) -> (String, String) {
    const BEFORE: usize = 40;
    let at = body.held.iter().zip(sent).position(|(a, b)| a != b).unwrap_or(body.held.len().min(sent.len()));
    let from = at.saturating_sub(BEFORE);
    let part = |bytes: &[u8]| {
        let dots = if from > 0 { "…" } else { "" };
        format!("{dots}{}", show(bytes.get(from..).unwrap_or_default()))
    };
    (part(&body.held), part(sent))
}

/// A recorded clock.
pub(crate) struct PlayedWall(pub(crate) Arc<Player>);

impl HostWallClock for PlayedWall {
    fn resolution(&self) -> Duration {
        super::RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.wall())
    }
}

/// A recorded clock.
pub(crate) struct PlayedMonotonic(pub(crate) Arc<Player>);

impl HostMonotonicClock for PlayedMonotonic {
    fn resolution(&self) -> u64 {
        super::track::nanoseconds(super::RESOLUTION)
    }

    fn now(&self) -> u64 {
        self.0.monotonic()
    }
}
