//! Answers given last: while a record is planned the same is asked several times
//! over, and a function of its arguments answers the same.

use std::hash::{Hash, Hasher};

use lockstep_core::{key::Key, value::Value};
use parking_lot::Mutex;
use rustc_hash::FxHasher;

use super::call::size_bytes;

const REMEMBERED: usize = 256;
/// Longer questions and answers are not kept.
const BYTES_MAX: usize = 1 << 10;

#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<Option<Answered>>>);

struct Answered {
    question: Vec<u8>,
    answer: Value,
}

impl Memory {
    /// What was answered to this, or what is answered now. Failures are not kept.
    pub(super) fn answer(
        &self,
        asked: &[&Value],
        ask: impl FnOnce() -> Result<Value, String>,
    ) -> Result<Value, String> {
        if asked.iter().map(|value| size_bytes(value)).sum::<usize>() > BYTES_MAX {
            return ask();
        }
        let question = Key::new(asked.iter().map(|value| (*value).clone()).collect()).encode();
        let place = place(&question);
        let known = self.0.lock().get(place).and_then(Option::as_ref).and_then(|known| known.to(&question));
        if let Some(answer) = known {
            return Ok(answer);
        }
        let answer = ask()?;
        if size_bytes(&answer) <= BYTES_MAX {
            let mut all = self.0.lock();
            if all.is_empty() {
                all.resize_with(REMEMBERED, || None);
            }
            if let Some(kept) = all.get_mut(place) {
                *kept = Some(Answered { question, answer: answer.clone() });
            }
        }
        Ok(answer)
    }
}

impl Answered {
    fn to(&self, question: &[u8]) -> Option<Value> {
        (self.question == question).then(|| self.answer.clone())
    }
}

fn place(question: &[u8]) -> usize {
    let mut hasher = FxHasher::default();
    question.hash(&mut hasher);
    usize::try_from(hasher.finish() >> 56).unwrap_or(0) % REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_is_asked_once_and_a_failure_every_time() {
        let memory = Memory::default();
        let [one, other] = [Value::Int(1), Value::text("1")];
        let mut asked = 0;
        let mut ask = |values: &[&Value], answer: Result<Value, String>| {
            memory.answer(values, || {
                asked += 1;
                answer
            })
        };
        for _ in 0..3 {
            assert_eq!(ask(&[&one], Ok(Value::Int(7))), Ok(Value::Int(7)));
            assert_eq!(ask(&[&other], Ok(Value::Int(8))), Ok(Value::Int(8)), "of another type it is another question");
            assert!(ask(&[&one, &one], Err("no".to_owned())).is_err());
        }
        assert_eq!(asked, 2 + 3);
    }

    #[test]
    fn what_is_long_is_asked_again() {
        let memory = Memory::default();
        let long = Value::text("x".repeat(BYTES_MAX + 1));
        let mut asked = 0;
        for _ in 0..2 {
            let answer = memory.answer(&[&long], || {
                asked += 1;
                Ok(Value::Null)
            });
            assert_eq!(answer, Ok(Value::Null));
        }
        assert_eq!(asked, 2);
    }
}
