//! Makes a failing run smaller while it goes on failing in the same way: fewer
//! events, records and sides, plainer systems. What is left is read by a person.

use super::{
    run::{Outcome, play},
    scenario::Scenario,
};

/// The smallest scenario found within so many runs, and what came of it. `None`:
/// this one does not fail.
pub fn shrink(scenario: Scenario, runs_max: u32) -> Option<(Scenario, Outcome)> {
    let outcome = play(scenario.clone(), false);
    let kind = failure(&outcome)?;
    let mut best = Best { scenario, outcome, kind, runs_left: runs_max };
    loop {
        let before = best.size();
        best.drop_events();
        best.drop_side();
        best.plainer();
        if best.size() >= before || best.runs_left == 0 {
            return Some((best.scenario, best.outcome));
        }
    }
}

/// In what way a run failed, if it did.
fn failure(outcome: &Outcome) -> Option<String> {
    match &outcome.verdict {
        Ok(verdict) => verdict.violations.first().map(|violation| format!("{:?}", violation.kind)),
        Err(error) => Some(error.split(':').next().unwrap_or_default().to_owned()),
    }
}

struct Best {
    scenario: Scenario,
    outcome: Outcome,
    kind: String,
    runs_left: u32,
}

impl Best {
    fn size(&self) -> usize {
        let plain = |habits: &super::Habits| {
            usize::from(habits.normalises)
                + usize::from(habits.rewrites)
                + usize::from(habits.unique)
                + usize::from(habits.skew_us != 0)
        };
        let habits: usize = self.scenario.habits.iter().map(plain).sum();
        self.scenario.agenda.len() + self.scenario.records + 10 * self.scenario.habits.len() + habits
    }

    /// Takes the candidate if it fails in the same way.
    fn attempt(&mut self, candidate: Scenario) -> bool {
        if self.runs_left == 0 {
            return false;
        }
        self.runs_left -= 1;
        let outcome = play(candidate.clone(), false);
        let fails = failure(&outcome).as_ref() == Some(&self.kind);
        if fails {
            self.scenario = candidate;
            self.outcome = outcome;
        }
        fails
    }

    /// Leaves out runs of events, long ones first (delta debugging, Zeller 2002).
    fn drop_events(&mut self) {
        let mut length = self.scenario.agenda.len().div_ceil(2);
        while length > 0 {
            let mut from = 0;
            while from < self.scenario.agenda.len() {
                let mut candidate = self.scenario.clone();
                let until = (from + length).min(candidate.agenda.len());
                candidate.agenda.drain(from..until);
                if !self.attempt(candidate) {
                    from += length;
                }
            }
            length /= 2;
        }
    }

    /// The last side, if nothing left is about it.
    fn drop_side(&mut self) {
        let last = self.scenario.habits.len() - 1;
        let mut candidate = self.scenario.clone();
        if last < 2 {
            return;
        }
        candidate.agenda.retain(|(_, event)| event.sides().all(|side| side != last));
        candidate.habits.pop();
        self.attempt(candidate);
    }

    fn plainer(&mut self) {
        while self.scenario.records > 1 {
            let mut candidate = self.scenario.clone();
            candidate.records -= 1;
            if !self.attempt(candidate) {
                break;
            }
        }
        let simpler: [fn(&mut super::Habits); 4] = [
            |habits| habits.normalises = false,
            |habits| habits.rewrites = false,
            |habits| habits.unique = false,
            |habits| habits.skew_us = 0,
        ];
        for side in 0..self.scenario.habits.len() {
            for simplify in simpler {
                let mut candidate = self.scenario.clone();
                if let Some(habits) = candidate.habits.get_mut(side) {
                    simplify(habits);
                }
                if candidate.habits != self.scenario.habits {
                    self.attempt(candidate);
                }
            }
        }
    }
}
