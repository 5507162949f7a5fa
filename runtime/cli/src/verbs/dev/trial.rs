//! A built component through the conformance kit: what only asks comes first, and what
//! writes and waits only when that holds.

use std::sync::Arc;

use lockstep_conformance::{Report, Rule};

use super::{project::Project, told::Teller};
use crate::{
    bridge::limits,
    configuration,
    connectors::{Loader, Source},
    failure::Failure,
    secrets,
    verbs::conformance,
};

/// Which rules are tried, and with what.
pub struct Trial {
    /// The connection of the project's configuration; the only one unless said.
    pub connection: Option<String>,
    /// All unless said.
    pub only: Vec<Rule>,
}

/// A component that was tried.
pub struct Tried {
    pub report: Report,
    /// The rules that nobody came to, since those before them do not hold.
    pub untried: usize,
}

impl Tried {
    pub fn holds(&self) -> bool {
        self.report.conforms() && self.untried == 0
    }
}

impl Trial {
    /// `digest`: of the component that was built.
    pub async fn run(
        &self,
        project: &Project,
        digest: &str,
        loader: &Arc<Loader>,
        teller: &Teller<'_>,
    ) -> Result<Tried, Failure> {
        let path = project.folder.join("lockstep.toml");
        let config = configuration::load(&path)?;
        let connection = conformance::chosen(&config, self.connection.as_deref(), "--kit")?;
        secrets::resolve(connection, &project.folder)?;
        let source = Source::File(project.component.clone());
        let limits = limits(&connection.limits).unwrap_or_default();
        let loaded = loader.load(&source, Some(digest), &limits.load).await?;
        let ready = (loaded.component, &source);
        let subject = conformance::subject(&config, connection, &project.folder, ready, loader)?;
        let asked = |rule: &&Rule| self.only.is_empty() || self.only.contains(rule);
        let (quick, slow): (Vec<Rule>, Vec<Rule>) =
            Rule::ALL.iter().filter(asked).copied().partition(|rule| rule.only_asks());
        let mut report =
            Report { connector: String::new(), object: String::new(), lines: Vec::new(), left: Vec::new() };
        let mut parts = [quick, slow].into_iter().filter(|rules| !rules.is_empty());
        for rules in parts.by_ref() {
            let settings = conformance::settings(connection, rules);
            let part = lockstep_conformance::run(&subject, &settings, |line| teller.rule(line)).await;
            let goes_on = part.count("failed") == 0;
            report = together(report, part);
            if !goes_on {
                break;
            }
        }
        let untried = parts.map(|rules| rules.len()).sum();
        Ok(Tried { report, untried })
    }
}

fn together(before: Report, after: Report) -> Report {
    Report {
        connector: after.connector,
        object: after.object,
        lines: before.lines.into_iter().chain(after.lines).collect(),
        left: before.left.into_iter().chain(after.left).collect(),
    }
}
