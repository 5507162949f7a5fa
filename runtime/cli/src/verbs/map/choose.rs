//! Deciding: what is sure is taken together, what is not is asked one by one.
//! What a person declines is remembered.

use lockstep_core::{cast::Cast, propose::Proposal, schema::Column, value::Value};

use super::{
    file::{Accepted, Decisions, Reviewed},
    look::Seen,
};
use crate::{
    screen::{Screen, Tone},
    table::one_line,
};

/// Sampled values shown beside a question.
const EXAMPLES_MAX: usize = 3;

/// A proposal with what is known about writing it down.
pub struct Candidate {
    pub proposal: Proposal,
    /// The sync it refers to; `Err`: none holds the objects that its columns refer to.
    pub reference: Result<Option<String>, ()>,
}

impl Candidate {
    /// Taken without a question.
    pub fn is_sure(&self, accept_above: f64) -> bool {
        self.proposal.confidence >= accept_above && self.proposal.loss.is_none() && self.reference.is_ok()
    }

    pub fn accepted(&self, by: Reviewed) -> Accepted {
        Accepted {
            field: self.proposal.field.clone(),
            columns: self.proposal.columns.clone(),
            reference: self.reference.clone().ok().flatten(),
            lossy: self.proposal.loss.is_some(),
            words: self.proposal.words.clone(),
            reviewed: by,
        }
    }

    pub fn why(&self) -> String {
        let reasons: Vec<String> = self.proposal.reasons.iter().map(ToString::to_string).collect();
        reasons.join("; ")
    }
}

/// Goes through what is not sure. `false`: the person left; what was decided so far stands.
pub fn ask_each(
    screen: &Screen,
    candidates: &[&Candidate],
    seen: &[Seen],
    by: &dyn Fn(String) -> Reviewed,
    decisions: &mut Decisions,
) -> bool {
    let count = candidates.len();
    for (at, candidate) in candidates.iter().enumerate() {
        show(screen, candidate, seen, &format!("{} of {count}", at + 1));
        loop {
            let question = "[a]ccept, [e]dit the name, [s]kip, [n]ever, [w]hy, [q]uit:";
            let Some(answer) = screen.ask(question) else { return false };
            match answer.as_str() {
                "a" | "y" | "accept" => {
                    decisions.accepted.push(candidate.accepted(by(note(candidate))));
                    break;
                }
                "e" | "edit" => {
                    let Some(name) = screen.ask("name of the field:") else { return false };
                    if !name.is_empty() {
                        let mut accepted = candidate.accepted(by(note(candidate)));
                        accepted.field = name;
                        decisions.accepted.push(accepted);
                        break;
                    }
                }
                "s" | "skip" | "" => break,
                "n" | "never" => {
                    let Some(note) = screen.ask("a word on why, for the file (may be empty):") else { return false };
                    decisions.declined.push((candidate.proposal.columns.clone(), by(note)));
                    break;
                }
                "w" | "why" => screen.note(format!("  {}", candidate.why())),
                "q" | "quit" => return false,
                other => screen.note(format!("`{other}` is none of them")),
            }
        }
    }
    true
}

/// What goes into the file beside an accepted proposal.
pub fn note(candidate: &Candidate) -> String {
    let mut note = format!("{:.2}: {}", candidate.proposal.confidence, candidate.why());
    if let Some(loss) = &candidate.proposal.loss {
        note.push_str(&format!("; may lose {loss}"));
    }
    if !candidate.proposal.words.is_empty() {
        note.push_str("; the same choices in other words");
    }
    note
}

fn show(screen: &Screen, candidate: &Candidate, seen: &[Seen], place: &str) {
    let proposal = &candidate.proposal;
    let head = format!("{} ({place}, {:.0}% sure)", proposal.field, proposal.confidence * 100.0);
    screen.note(format!("\n{}", screen.mark_err(Tone::Strong, &head)));
    let found: Vec<(&str, &Column, Vec<Value>)> = proposal
        .columns
        .iter()
        .filter_map(|(side, name)| {
            let seen = seen.iter().find(|seen| seen.side == *side)?;
            let place = seen.object.columns.iter().position(|column| column.name == *name)?;
            let values = seen.samples.get(place).into_iter().flatten().filter(|value| !value.is_null());
            Some((side.as_str(), seen.object.columns.get(place)?, values.take(EXAMPLES_MAX).cloned().collect()))
        })
        .collect();
    for (side, column, values) in &found {
        let values: Vec<String> = values.iter().map(|value| one_line(&value.show())).collect();
        let shown = if values.is_empty() { String::new() } else { format!("   {}", values.join(", ")) };
        screen.note(format!("  {side}.{} {}{shown}", column.name, column.column_type.native));
    }
    for line in casts(&found) {
        screen.note(format!("  {line}"));
    }
    if let Some(loss) = &proposal.loss {
        screen.note(format!("  {} would lose {loss}", screen.mark_err(Tone::Warn, "values")));
    }
}

/// A value before and after the cast, where the types differ.
fn casts(found: &[(&str, &Column, Vec<Value>)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (from_side, from, values) in found {
        for (to_side, to, _) in found.iter().filter(|(side, ..)| side != from_side) {
            let plan = Cast::between(&from.column_type, &to.column_type);
            let Some(value) = values.first().filter(|_| plan.cast != Cast::Identity) else { continue };
            let after = match plan.cast.lift(value) {
                Ok(after) => one_line(&after.show()),
                Err(error) => format!("refused: {error}"),
            };
            lines.push(format!("{from_side} {} → {to_side} {after}", one_line(&value.show())));
        }
    }
    lines
}
