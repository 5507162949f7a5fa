//! Calls a component's exports again as they were called when it was recorded,
//! and says whether it did the same.

use std::time::Duration;

use serde_json::Value;

use super::{
    Player, Tape,
    event::{Event, Outcome},
    file::{Part, Recording},
    plain::first_difference,
    player::{Difference, Halt},
    random::Seed,
};
use crate::{
    component::Component,
    error::HostError,
    limits::Limits,
    session::{Instance, NotMade, bare, stopped},
    v0_1::{self, Ask},
    v0_2,
};

/// What came of replaying a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    pub comparison: Comparison,
    pub sessions: usize,
    /// Calls of exports that ended as recorded.
    pub calls: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Everything it did.
    Same,
    /// As far as was recorded: from this line on there was no more room, or what it
    /// was told is not there in full.
    Cut { line: usize },
    /// The first thing that it did otherwise, in which session and in which call.
    Differs { session: u64, role: String, call: String, difference: Difference },
}

impl Component {
    /// Call this component's exports as in a recording, with its answers in place of any system.
    /// Nothing is connected to.
    ///
    /// # Errors
    /// When the recording says what no component of the contract can be asked.
    pub async fn replay(&self, recording: &Recording) -> Result<Replay, HostError> {
        let mut calls = 0;
        let mut cut: Option<usize> = None;
        let mut first: Option<(Difference, &Part, String)> = None;
        for part in &recording.parts {
            let mut playing = Playing { component: self, player: Player::new(part.events.clone()).into(), calls: 0 };
            let halted = playing.run().await?;
            calls += playing.calls;
            match halted {
                None | Some((Halt::CutOff, _)) => {}
                Some((Halt::Cut { line }, _)) => cut = Some(cut.map_or(line, |known| known.min(line))),
                Some((Halt::Differs(difference), call)) => {
                    if first.as_ref().is_none_or(|(known, ..)| difference.line < known.line) {
                        first = Some((difference, part, call));
                    }
                }
            }
        }
        let comparison = match (first, cut) {
            (Some((difference, part, call)), _) => {
                Comparison::Differs { session: part.number, role: part.role.clone(), call, difference }
            }
            (None, Some(line)) => Comparison::Cut { line },
            (None, None) => Comparison::Same,
        };
        Ok(Replay { comparison, sessions: recording.parts.len(), calls })
    }
}

struct Playing<'c> {
    component: &'c Component,
    player: std::sync::Arc<Player>,
    calls: usize,
}

/// How a call ended now.
enum Ended {
    Answered(Value),
    Refused(Value),
    Stopped(HostError),
}

impl Playing<'_> {
    /// Play to the end, or to where it is halted, and in which call.
    async fn run(&mut self) -> Result<Option<(Halt, String)>, HostError> {
        let limits = self.component.host().0.limits.clone();
        let mut instance = None;
        let mut seed = None;
        while let Some((line, event)) = self.player.step() {
            let (call, asked) = match event {
                Event::Instance { seed: text } => {
                    let read = Seed::read(&text).ok_or_else(|| unusable(line, "the seed of an instance is broken"))?;
                    (seed, instance) = (Some(read), None);
                    continue;
                }
                Event::Call { call, asked } => (call, asked),
                Event::Cut => return Ok(Some((Halt::Cut { line }, String::new()))),
                other => return Err(unusable(line, &format!("{} is in no call", other.describe()))),
            };
            let asked = super::unpack(&asked).map_err(|reason| unusable(line, &reason))?;
            let halted = if call == "open" {
                let made = self.open(&asked, seed, &limits, line).await?;
                instance = made.0;
                made.1
            } else {
                let ask = match call.as_str() {
                    "close" => None,
                    call => Some(Ask::unpack(call, asked).map_err(|reason| unusable(line, &reason))?),
                };
                let Some(running) = &mut instance else { return Err(unusable(line, "no instance was opened")) };
                let ended = again(running, ask, &limits).await;
                self.judge(&ended)
            };
            match halted {
                None => self.calls += 1,
                // Cut off here then and now: the instance is gone, and what comes next is another.
                Some(Halt::CutOff) => {
                    instance = None;
                    let Some(next) = self.after_cut() else { return Ok(None) };
                    self.player = next;
                    self.calls += 1;
                }
                Some(halt) => return Ok(Some((halt, call))),
            }
        }
        Ok(None)
    }

    /// A new instance, opened.
    async fn open(
        &self,
        asked: &Value,
        seed: Option<Seed>,
        limits: &Limits,
        line: usize,
    ) -> Result<(Option<Instance>, Option<Halt>), HostError> {
        let text = |name: &str| asked.get(name).and_then(Value::as_str);
        let (Some(role), Some(config)) = (text("role"), text("config")) else {
            return Err(unusable(line, "`open` has a role and a configuration"));
        };
        let tape = Tape::Playing(std::sync::Arc::clone(&self.player));
        let mut made = None;
        let ended = within(limits, "open", async {
            let mut instance = match bare(self.component, tape, seed).await {
                Ok(instance) => instance,
                Err(NotMade::Crowded) => {
                    return Ended::Stopped(HostError::Crowded { instances_max: limits.instances_max });
                }
                Err(NotMade::Stopped(error, refused)) => {
                    return Ended::Stopped(stopped("open", &error, refused, limits));
                }
            };
            match v0_1::open(&mut instance.store, &instance.bindings.base, role, config).await {
                Ok(Ok(())) => {
                    made = Some(instance);
                    Ended::Answered(Value::Null)
                }
                Ok(Err(error)) => Ended::Refused(error.packed()),
                Err(error) => Ended::Stopped(stopped("open", &error, instance.store.data().limiter.refused, limits)),
            }
        });
        let ended = ended.await;
        let halted = self.judge(&ended);
        Ok((made, halted))
    }

    /// What is after a call that was cut off.
    fn after_cut(&self) -> Option<std::sync::Arc<Player>> {
        self.player.after_cut().map(Into::into)
    }

    /// Hold the end of a call against the recorded one.
    fn judge(&self, ended: &Ended) -> Option<Halt> {
        if let Some(halt) = self.player.halted() {
            return Some(halt);
        }
        let found = match ended {
            Ended::Answered(_) => "the call answers".to_owned(),
            Ended::Refused(error) => format!("the call fails: {}", super::plain::shown(Some(error))),
            Ended::Stopped(error) => format!("{}: {error}", error.code()),
        };
        let Ok((line, recorded)) = self.player.outcome(|| found.clone()) else { return self.player.halted() };
        let differs = |expected: String, found: String| Some(Halt::Differs(Difference { line, expected, found }));
        let at = |place: &str| if place.is_empty() { String::new() } else { format!(", at {place}") };
        match (&recorded, ended) {
            // It was stopped from outside: what it would have come to is not known.
            (Outcome::CutOff { .. }, _) => None,
            (Outcome::Answered(expected), Ended::Answered(found)) => {
                let (place, expected, found) = first_difference(expected, found)?;
                differs(format!("the answer{}: {expected}", at(&place)), format!("the answer{}: {found}", at(&place)))
            }
            (Outcome::Refused(expected), Ended::Refused(found)) => {
                let (place, expected, found) = first_difference(expected, found)?;
                differs(format!("its error{}: {expected}", at(&place)), format!("its error{}: {found}", at(&place)))
            }
            (Outcome::Stopped { code, words }, Ended::Stopped(error)) => match (code.as_str(), words) {
                (code, words) if code == error.code() && *words == error.to_string() => None,
                (code, words) => differs(format!("{code}: {words}"), found),
            },
            (Outcome::Answered(_), _) => differs("the call to answer".into(), found),
            (Outcome::Refused(error), _) => {
                differs(format!("the call to fail: {}", super::plain::shown(Some(error))), found)
            }
            (Outcome::Stopped { code, words }, _) => differs(format!("{code}: {words}"), found),
        }
    }
}

/// Call an export; `None`: `close`.
async fn again(running: &mut Instance, ask: Option<Ask>, limits: &Limits) -> Ended {
    running.arm(limits);
    let call = ask.as_ref().map_or("close", Ask::name);
    within(limits, call, async {
        let answered = match ask {
            Some(ask) => v0_1::perform(&mut running.store, &running.bindings.base, ask)
                .await
                .map(|answer| answer.map(|answer| answer.packed())),
            None => v0_2::close(&mut running.store, &running.bindings).await.map(|()| Ok(Value::Null)),
        };
        match answered {
            Ok(Ok(answer)) => Ended::Answered(answer),
            Ok(Err(error)) => Ended::Refused(error.packed()),
            Err(error) => {
                let refused = running.store.data().limiter.refused;
                Ended::Stopped(stopped(call, &error, refused, limits))
            }
        }
    })
    .await
}

/// No call of a component that is played to takes longer than any may.
async fn within(limits: &Limits, call: &'static str, ended: impl Future<Output = Ended>) -> Ended {
    let limit_ms = limits.call_ms_max;
    match tokio::time::timeout(Duration::from_millis(limit_ms), ended).await {
        Ok(ended) => ended,
        Err(_) => Ended::Stopped(HostError::Timeout { call, limit_ms, bound: "call_timeout" }),
    }
}

fn unusable(line: usize, reason: &str) -> HostError {
    HostError::Recording { line, reason: crate::lines::printable(reason, 300) }
}
