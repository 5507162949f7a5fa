//! A report as JUnit XML. No schema for it is official: these are the elements
//! and attributes that build servers agree on.

use std::fmt::Write as _;

use crate::report::{Report, Verdict};

pub(crate) fn render(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    let total: u64 = report.lines.iter().map(|line| line.took_ms).sum();
    let _ = writeln!(
        out,
        "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{}\">",
        escape(&format!("conformance of {}", report.connector)),
        report.lines.len(),
        report.count("failed"),
        report.count("skipped"),
        seconds(total),
    );
    for line in &report.lines {
        let _ = write!(
            out,
            "  <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
            line.rule.code(),
            line.rule.name(),
            seconds(line.took_ms),
        );
        match &line.verdict {
            Verdict::Passed => out.push_str("/>\n"),
            Verdict::Skipped(reason) => {
                let _ = writeln!(out, "><skipped message=\"{}\"/></testcase>", escape(reason));
            }
            Verdict::Failed(finding) => {
                let text = format!("expected: {}\nseen: {}\n{}", finding.expected, finding.seen, line.rule.remedy());
                let _ = writeln!(
                    out,
                    "><failure message=\"{}\">{}</failure></testcase>",
                    escape(line.rule.demand()),
                    escape(&text),
                );
            }
        }
    }
    out.push_str("</testsuite>\n");
    out
}

/// Text for an attribute or element; what XML cannot carry becomes `?`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            control if control.is_control() => out.push('?'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        report::{Finding, Line},
        rule::Rule,
    };

    #[test]
    fn what_was_seen_cannot_break_the_document() {
        let finding = Finding { expected: "a < b".into(), seen: "\"x\"\u{1b} & y".into() };
        let line = Line { rule: Rule::ReadWhole, verdict: Verdict::Failed(finding), took_ms: 1_234 };
        let report = Report { connector: "x".into(), object: "t".into(), lines: vec![line], left: Vec::new() };
        let text = render(&report);
        assert!(text.contains("expected: a &lt; b&#10;seen: &quot;x&quot;? &amp; y&#10;"), "{text}");
        assert!(text.contains("failures=\"1\" skipped=\"0\" time=\"1.234\""), "{text}");
    }
}
