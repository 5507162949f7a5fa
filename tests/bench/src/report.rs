//! What was seen: every number of every round, medians with their spread, and
//! a table for people.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{measures::Figure, peers::Name};

/// One number of one round of one peer.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    pub metric: String,
    pub unit: &'static str,
    pub peer: Name,
    pub round: u32,
    pub value: f64,
}

/// A measurement that did not come to an end.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    pub peer: Name,
    pub round: u32,
    pub what: String,
    pub error: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub machine: String,
    pub server: String,
    /// Processes that wanted to run when it began: 0 on a quiet machine.
    pub load_at_start: f64,
    pub scale: BTreeMap<&'static str, u64>,
    pub samples: Vec<Sample>,
    pub failures: Vec<Failure>,
    /// Peers left out, and why.
    pub missing: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Summary {
    pub metric: String,
    pub unit: &'static str,
    pub peer: Name,
    pub rounds: usize,
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

impl Report {
    pub fn add(&mut self, peer: Name, round: u32, figures: Vec<Figure>) {
        self.samples.extend(figures.into_iter().map(|figure| Sample {
            metric: figure.metric,
            unit: figure.unit,
            peer,
            round,
            value: figure.value,
        }));
    }

    /// In the order in which metrics were first seen.
    pub fn summaries(&self) -> Vec<Summary> {
        let mut groups: Vec<((&str, Name), &'static str, Vec<f64>)> = Vec::new();
        for sample in &self.samples {
            let key = (sample.metric.as_str(), sample.peer);
            match groups.iter_mut().find(|(known, _, _)| *known == key) {
                Some((_, _, values)) => values.push(sample.value),
                None => groups.push((key, sample.unit, vec![sample.value])),
            }
        }
        groups
            .into_iter()
            .map(|((metric, peer), unit, mut values)| {
                values.sort_by(f64::total_cmp);
                Summary {
                    metric: metric.to_owned(),
                    unit,
                    peer,
                    rounds: values.len(),
                    median: median(&values),
                    lowest: values.first().copied().unwrap_or_default(),
                    highest: values.last().copied().unwrap_or_default(),
                }
            })
            .collect()
    }

    /// A markdown table: metrics down, peers across, `median (lowest–highest)`.
    pub fn table(&self) -> String {
        let summaries = self.summaries();
        let mut peers: Vec<Name> = summaries.iter().map(|summary| summary.peer).collect();
        peers.sort();
        peers.dedup();
        let mut metrics: Vec<(&str, &str)> = Vec::new();
        for summary in &summaries {
            let metric = (summary.metric.as_str(), summary.unit);
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        let mut text = String::from("| measurement | unit |");
        for peer in &peers {
            let _ = write!(text, " {} |", peer.title());
        }
        let _ = write!(text, "\n|---|---|{}", "---|".repeat(peers.len()));
        for (metric, unit) in metrics {
            let _ = write!(text, "\n| {metric} | {unit} |");
            for peer in &peers {
                let cell = summaries.iter().find(|s| s.peer == *peer && s.metric == metric);
                let _ = match cell {
                    None => write!(text, " – |"),
                    Some(s) if s.rounds == 1 => write!(text, " {} |", short(s.median)),
                    Some(s) => {
                        write!(text, " {} ({}–{}) |", short(s.median), short(s.lowest), short(s.highest))
                    }
                };
            }
        }
        text.push('\n');
        for (peer, why) in &self.missing {
            let _ = writeln!(text, "\n{peer} was not measured: {why}");
        }
        for failure in &self.failures {
            let Failure { peer, round, what, error } = failure;
            let _ = writeln!(text, "\nround {round}, {}, {what}: {error}", peer.title());
        }
        text
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let body = serde_json::json!({ "run": self, "summaries": self.summaries() });
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).context("making the results' folder")?;
        }
        fs::write(path, serde_json::to_vec_pretty(&body)?).with_context(|| format!("writing {}", path.display()))
    }
}

/// `sorted` in rising order; 0 for none.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or_default();
    if sorted.len().is_multiple_of(2) {
        let lower = middle.checked_sub(1).and_then(|at| sorted.get(at)).copied().unwrap_or(upper);
        f64::midpoint(lower, upper)
    } else {
        upper
    }
}

/// Three significant digits are more than the noise allows.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 10_000.0 => format!("{:.1}k", value / 1_000.0),
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_median_and_both_ends_of_all_rounds() {
        let mut report = Report::default();
        for (round, value) in [5.0, 1.0, 2.0].into_iter().enumerate() {
            let figure = Figure { metric: "m".into(), unit: "ms", value };
            report.add(Name::Native, round as u32, vec![figure]);
        }
        let summary = report.summaries().remove(0);
        assert_eq!((summary.rounds, summary.median, summary.lowest, summary.highest), (3, 2.0, 1.0, 5.0));
        assert!(report.table().contains("| m | ms | 2 (1–5) |"));
    }

    #[test]
    fn a_measurement_one_peer_lacks_is_a_dash() {
        let mut report = Report::default();
        report.add(Name::Native, 0, vec![Figure { metric: "m".into(), unit: "ms", value: 1.0 }]);
        report.add(Name::Pglogical, 0, vec![Figure { metric: "n".into(), unit: "ms", value: 1.0 }]);
        assert!(report.table().contains("| m | ms | 1 | – |"));
    }
}
