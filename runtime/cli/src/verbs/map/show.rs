//! Proposals as people and machines see them.

use lockstep_core::{config::Sync, propose::Proposals};
use serde_json::json;

use super::{choose::Candidate, look::Seen};
use crate::{
    screen::{Screen, Tone},
    table::{Table, dash, text},
};

/// What becomes of a proposal, in a word.
fn standing(candidate: &Candidate, accept_above: f64) -> &'static str {
    match (&candidate.reference, candidate.is_sure(accept_above)) {
        (Err(()), _) => "needs-parent",
        (Ok(_), true) => "sure",
        (Ok(_), false) => "review",
    }
}

pub fn json(screen: &Screen, candidates: &[Candidate], found: &Proposals, accept_above: f64) {
    let list: Vec<_> = candidates
        .iter()
        .map(|one| {
            json!({
                "field": one.proposal.field,
                "extends": one.proposal.extends,
                "columns": one.proposal.columns,
                "confidence": (one.proposal.confidence * 1000.0).round() / 1000.0,
                "reasons": one.proposal.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "loss": one.proposal.loss,
                "values": one.proposal.words.iter().map(|(side, words)| {
                    let words: serde_json::Map<String, serde_json::Value> =
                        words.iter().map(|(value, word)| (value.clone(), word.as_str().into())).collect();
                    (side.clone(), words.into())
                }).collect::<serde_json::Map<String, serde_json::Value>>(),
                "ref": one.reference.clone().ok().flatten(),
                "standing": standing(one, accept_above),
            })
        })
        .collect();
    screen.out_json(&json!({ "proposals": list, "unmapped": found.unmapped }));
}

pub fn tables(
    screen: &Screen,
    sync: &Sync,
    seen: &[Seen],
    candidates: &[Candidate],
    found: &Proposals,
    accept_above: f64,
) {
    if candidates.is_empty() {
        screen.out(format!("{}: there is nothing new to map", sync.name));
    } else {
        screen.out(proposals(screen, seen, candidates, accept_above));
    }
    for candidate in candidates.iter().filter(|one| one.reference.is_err()) {
        let targets: Vec<String> =
            candidate.proposal.targets.iter().map(|(side, object)| format!("{side} {object}")).collect();
        screen.note(format!(
            "{} refers to {}: it can be mapped once a sync holds these",
            candidate.proposal.field,
            targets.join(", ")
        ));
    }
    for seen in seen {
        let left = found.unmapped.iter().filter(|(side, _)| *side == seen.side);
        let left: Vec<&str> = left.map(|(_, column)| column.as_str()).collect();
        if !left.is_empty() {
            let head = screen.mark(Tone::Dim, &format!("not mapped at {}:", seen.side));
            screen.out(format!("{head} {}", left.join(", ")));
        }
    }
}

fn proposals(screen: &Screen, seen: &[Seen], candidates: &[Candidate], accept_above: f64) -> String {
    let mut heads = vec!["field"];
    heads.extend(seen.iter().map(|seen| seen.side.as_str()));
    heads.extend(["sure", "", "why"]);
    let mut table = Table::new(&heads);
    for candidate in candidates {
        let proposal = &candidate.proposal;
        let mut row = vec![text(&proposal.field).tone(Tone::Name)];
        for seen in seen {
            let column = proposal.columns.iter().find(|(side, _)| *side == seen.side).map(|(_, column)| column);
            row.push(match column.and_then(|name| seen.object.column(name)) {
                Some(column) => text(format!("{} {}", column.name, column.column_type.native)),
                None => dash(),
            });
        }
        row.push(text(format!("{:.0}%", proposal.confidence * 100.0)));
        row.push(match (&candidate.reference, candidate.is_sure(accept_above)) {
            (Err(()), _) => text("needs a parent").tone(Tone::Warn),
            (Ok(_), true) => text("✓ sure").tone(Tone::Good),
            (Ok(_), false) => text("? review").tone(Tone::Warn),
        });
        let loss = proposal.loss.as_ref().map(|loss| format!("; would lose {loss}")).unwrap_or_default();
        row.push(text(format!("{}{loss}", candidate.why())).tone(Tone::Dim));
        table.row(row);
    }
    table.render(screen)
}
