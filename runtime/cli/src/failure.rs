//! What went wrong, in words a person can act on: a stable code, the thing at
//! fault, the place in a file, and the remedy. Rendered for people by miette,
//! for machines as an RFC 9457 problem.

use std::{fmt, process::ExitCode, sync::Arc};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use serde_json::{Value as Json, json};

/// How the process ends. Documented in `lockstep --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    Failed,
    Usage,
    /// It ran, and something needs a person.
    Attention,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Attention => 3,
        })
    }
}

/// Part of a file that is at fault.
#[derive(Clone, Debug)]
pub struct Place {
    pub file: String,
    pub text: Arc<str>,
    /// Bytes.
    pub start: usize,
    pub len: usize,
    pub label: String,
}

/// A failed verb.
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: Box<str>,
    pub summary: Box<str>,
    /// Further lines: what the other system said, what was tried.
    pub details: Vec<String>,
    pub place: Option<Box<Place>>,
    /// What to do. Empty if nothing but to read the page of the code.
    pub remedy: Box<str>,
    pub exit: Exit,
    /// Further ones found at the same time.
    pub others: Vec<Failure>,
}

impl Failure {
    pub fn new(code: impl Into<Box<str>>, summary: impl Into<Box<str>>) -> Self {
        Failure {
            code: code.into(),
            summary: summary.into(),
            details: Vec::new(),
            place: None,
            remedy: Box::default(),
            exit: Exit::Failed,
            others: Vec::new(),
        }
    }

    pub fn usage(code: impl Into<Box<str>>, summary: impl Into<Box<str>>) -> Self {
        Failure { exit: Exit::Usage, ..Failure::new(code, summary) }
    }

    pub fn remedy(mut self, remedy: impl Into<Box<str>>) -> Self {
        self.remedy = remedy.into();
        self
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(Box::new(place));
        self
    }

    /// The same, for machines.
    pub fn problem(&self) -> Json {
        let mut problem = json!({
            "type": format!("urn:lockstep:error:{}", self.code),
            "code": self.code,
            "title": self.summary,
        });
        if !self.details.is_empty() {
            problem["detail"] = json!(self.details.join("\n"));
        }
        if !self.remedy.is_empty() {
            problem["remedy"] = json!(self.remedy);
        }
        if let Some(place) = &self.place {
            let (line, column) = place.line_column();
            problem["place"] = json!({
                "file": place.file, "line": line, "column": column, "label": place.label,
            });
        }
        if !self.others.is_empty() {
            problem["others"] = self.others.iter().map(Failure::problem).collect();
        }
        problem
    }

    /// Several lines, coloured when asked.
    pub fn render(&self, colours: bool, width: usize) -> String {
        let theme = if colours { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() };
        let mut text = String::new();
        let handler =
            miette::GraphicalReportHandler::new_themed(theme).with_width(width.clamp(60, 120)).with_context_lines(2);
        if handler.render_report(&mut text, &Shown::new(self)).is_err() {
            text = format!("{}: {}\n", self.code, self.summary);
        }
        for other in &self.others {
            text.push('\n');
            text.push_str(&other.render(colours, width));
        }
        text
    }
}

impl Place {
    /// One-based, in characters.
    fn line_column(&self) -> (usize, usize) {
        let before = self.text.get(..self.start).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        (line, column)
    }
}

/// Gives a failure to miette.
struct Shown<'a> {
    failure: &'a Failure,
    source: Option<NamedSource<Arc<str>>>,
}

impl<'a> Shown<'a> {
    fn new(failure: &'a Failure) -> Self {
        let source = failure.place.as_ref().map(|place| NamedSource::new(&place.file, place.text.clone()));
        Shown { failure, source }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.failure.summary)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.failure.summary)?;
        for detail in &self.failure.details {
            write!(f, "\n{detail}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.failure.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let more = format!("`lockstep help {}` tells more", self.failure.code);
        Some(Box::new(if self.failure.remedy.is_empty() { more } else { format!("{}\n{more}", self.failure.remedy) }))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.failure.place.as_ref()?;
        let label = (!place.label.is_empty()).then(|| place.label.clone());
        let span = LabeledSpan::new(label, place.start, place.len);
        Some(Box::new(std::iter::once(span)))
    }
}
