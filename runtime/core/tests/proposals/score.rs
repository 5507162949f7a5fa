//! What is counted: right and wrong among what is taken without asking, found
//! and missed with review, and how much a person is asked.

use std::{collections::BTreeSet, fmt};

use lockstep_core::propose::{ACCEPT_ABOVE, Decided, Described, propose};

use crate::schemas::{Pair as Schemas, object, samples};

#[derive(Default)]
pub struct Score {
    pub name: String,
    /// Taken without asking.
    accepted: usize,
    accepted_right: usize,
    /// Put to a person.
    asked: usize,
    asked_right: usize,
    truth: usize,
    /// Columns of the smaller side.
    fields: usize,
    pub remarks: Vec<String>,
}

impl Score {
    pub const HEAD: &str = "  precision  recall  asked  accepted  truth  pair";

    pub fn add(&mut self, other: &Score) {
        self.accepted += other.accepted;
        self.accepted_right += other.accepted_right;
        self.asked += other.asked;
        self.asked_right += other.asked_right;
        self.truth += other.truth;
        self.fields += other.fields;
    }

    /// Of what is taken without asking, how much is right.
    pub fn precision(&self) -> f64 {
        share(self.accepted_right, self.accepted)
    }

    /// Of what belongs together, how much is taken or asked about.
    pub fn recall(&self) -> f64 {
        share(self.accepted_right + self.asked_right, self.truth)
    }

    /// Questions a field.
    pub fn questions(&self) -> f64 {
        share(self.asked, self.fields)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (precision, recall, asked) = (self.precision(), self.recall(), self.questions());
        write!(
            f,
            "  {precision:>9.3}  {recall:>6.3}  {asked:>5.3}  {:>8}  {:>5}  {}",
            self.accepted, self.truth, self.name
        )
    }
}

type Pair = (String, String);

fn truth(text: &str) -> (BTreeSet<Pair>, BTreeSet<Pair>) {
    let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (set, line) = match line.strip_prefix('~') {
            Some(rest) => (&mut may, rest),
            None => (&mut must, line),
        };
        let (a, b) = line.split_once('=').expect("A = B");
        set.insert((a.trim().to_owned(), b.trim().to_owned()));
    }
    (must, may)
}

/// Proposes for two schemas and compares with the truth. Pairs marked `~` are a
/// matter of taste: neither right nor wrong, but a question is a question.
/// `with_rows`: with the sampled rows that lie beside the schemas, where they do.
pub fn judge(schemas: &Schemas, with_rows: bool) -> Score {
    let (a, b) = (object(schemas.texts.0), object(schemas.texts.1));
    let rows = |name, object| if with_rows { samples(name, object).unwrap_or_default() } else { Vec::new() };
    let (rows_a, rows_b) = (rows(schemas.names.0, &a), rows(schemas.names.1, &b));
    let (must, may) = truth(schemas.truth);
    for (left, right) in must.iter().chain(&may) {
        assert!(a.column(left).is_some(), "{} has no {left}", a.name);
        assert!(b.column(right).is_some(), "{} has no {right}", b.name);
    }
    let sides =
        [Described { side: "a", object: &a, samples: &rows_a }, Described { side: "b", object: &b, samples: &rows_b }];
    let found = propose(&sides, &Decided::default());
    let mut score = Score {
        name: format!("{} ~ {}", a.name, b.name),
        truth: must.len(),
        fields: a.columns.len().min(b.columns.len()),
        ..Score::default()
    };
    let mut missed = must.clone();
    for proposal in &found.proposals {
        let column = |at: usize| proposal.columns.get(at).map(|(_, column)| column.clone()).unwrap_or_default();
        let pair = (column(0), column(1));
        let reasons: Vec<String> = proposal.reasons.iter().map(ToString::to_string).collect();
        let said = format!("{} = {} {:.2} ({})", pair.0, pair.1, proposal.confidence, reasons.join("; "));
        let sure = proposal.confidence >= ACCEPT_ABOVE && proposal.loss.is_none();
        missed.remove(&pair);
        let right = must.contains(&pair);
        if sure && !may.contains(&pair) {
            score.accepted += 1;
            score.accepted_right += usize::from(right);
            if !right {
                score.remarks.push(format!("WRONG   {said}"));
            }
        } else if !sure {
            score.asked += 1;
            score.asked_right += usize::from(right);
            score.remarks.push(format!("{} {said}", if right { "asked  " } else { "asked -" }));
        }
    }
    for (a, b) in missed {
        score.remarks.push(format!("missed  {a} = {b}"));
    }
    score
}
