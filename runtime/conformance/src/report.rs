//! What a run found out: a line a rule, with what was expected and what was
//! seen where one does not hold.

use lockstep_host::HostError;
use serde_json::{Value, json};

use crate::rule::Rule;

/// What was expected and not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub expected: String,
    pub seen: String,
}

/// What became of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed(Finding),
    /// It does not apply, or could not be tried; with the reason.
    Skipped(String),
}

/// One rule's line.
#[derive(Clone, Debug)]
pub struct Line {
    pub rule: Rule,
    pub verdict: Verdict,
    pub took_ms: u64,
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The connector's name and version; empty if it could not be asked.
    pub connector: String,
    /// What was written to.
    pub object: String,
    pub lines: Vec<Line>,
    /// What the kit left behind, for people.
    pub left: Vec<String>,
}

/// Why a rule did not come to its end.
pub(crate) enum Stop {
    Failed(Finding),
    Skipped(String),
}

pub(crate) type Checked<T = ()> = Result<T, Stop>;

impl Stop {
    pub(crate) fn failed(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Stop::Failed(Finding { expected: expected.into(), seen: seen.into() })
    }

    pub(crate) fn skip(reason: impl Into<String>) -> Self {
        Stop::Skipped(reason.into())
    }
}

/// A call that had to succeed and did not.
impl From<HostError> for Stop {
    fn from(error: HostError) -> Self {
        Stop::failed("the call to succeed", told(&error))
    }
}

/// An error with its code and remedy.
pub(crate) fn told(error: &HostError) -> String {
    let remedy = error.remedy();
    let more = if remedy.is_empty() { String::new() } else { format!(" ({remedy})") };
    match error {
        HostError::Guest(guest) => format!("`{}`: {}{more}", guest.code, guest.message),
        other => format!("{}: {other}{more}", other.code()),
    }
}

/// Fails with these words unless it holds.
pub(crate) fn expect(holds: bool, expected: impl Into<String>, seen: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Stop::failed(expected, seen())) }
}

impl From<Checked> for Verdict {
    fn from(checked: Checked) -> Self {
        match checked {
            Ok(()) => Verdict::Passed,
            Err(Stop::Failed(finding)) => Verdict::Failed(finding),
            Err(Stop::Skipped(reason)) => Verdict::Skipped(reason),
        }
    }
}

impl Verdict {
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed(_) => "failed",
            Verdict::Skipped(_) => "skipped",
        }
    }
}

impl Report {
    /// Whether every rule that applies holds, and at least one was tried.
    pub fn conforms(&self) -> bool {
        self.count("failed") == 0 && self.count("passed") > 0
    }

    /// How many rules came to `passed`, `failed` or `skipped`.
    pub fn count(&self, name: &str) -> usize {
        self.lines.iter().filter(|line| line.verdict.name() == name).count()
    }

    /// The rules that do not hold.
    pub fn failed(&self) -> Vec<Rule> {
        let failed = self.lines.iter().filter(|line| matches!(line.verdict, Verdict::Failed(_)));
        failed.map(|line| line.rule).collect()
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let lines: Vec<Value> = self.lines.iter().map(line_json).collect();
        json!({
            "connector": self.connector,
            "object": self.object,
            "conforms": self.conforms(),
            "passed": self.count("passed"),
            "failed": self.count("failed"),
            "skipped": self.count("skipped"),
            "rules": lines,
            "left": self.left,
        })
    }

    /// As JUnit XML, which build servers show.
    pub fn junit(&self) -> String {
        crate::junit::render(self)
    }
}

fn line_json(line: &Line) -> Value {
    let mut shown = json!({
        "code": line.rule.code(),
        "name": line.rule.name(),
        "demand": line.rule.demand(),
        "verdict": line.verdict.name(),
        "took_ms": line.took_ms,
    });
    match &line.verdict {
        Verdict::Passed => {}
        Verdict::Failed(finding) => {
            shown["expected"] = json!(finding.expected);
            shown["seen"] = json!(finding.seen);
            shown["remedy"] = json!(line.rule.remedy());
        }
        Verdict::Skipped(reason) => shown["reason"] = json!(reason),
    }
    shown
}
