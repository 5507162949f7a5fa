//! What a person sees of a round: one screen with what changed, the build, the rules that
//! do not hold with where to look, and what serves. For machines a line of JSON each.

use std::path::PathBuf;

use lockstep_conformance::{Line, Verdict};
use serde_json::{Value as Json, json};

use super::{Round, build::Built, project::Project, takeover::Taken, trial::Tried};
use crate::{
    failure::Failure,
    moment,
    screen::{Screen, Tone},
    table,
    verbs::{conformance, versions::short},
};

/// Lines of a build's words that fit a screen with the rest; `-v` shows all.
const WORDS_LINES_MAX: usize = 60;
/// Files named as changed.
const CHANGED_MAX: usize = 3;
/// Where what is told of a step begins.
const STEP: usize = 9;

/// Says it.
pub struct Teller<'a> {
    screen: &'a Screen,
}

impl<'a> Teller<'a> {
    pub fn new(screen: &'a Screen) -> Self {
        Teller { screen }
    }

    fn step(&self, name: &str, tone: Tone, word: &str, more: impl AsRef<str>) {
        if !self.screen.json {
            let name = self.screen.mark(Tone::Dim, &format!("{name:<STEP$}"));
            self.screen.out(format!("{name}{} {}", self.screen.mark(tone, word), more.as_ref()));
        }
    }

    /// A round begins.
    pub fn begins(&self, project: &Project, number: u32, changed: &[PathBuf]) {
        if self.screen.json {
            return;
        }
        self.screen.clear();
        let mut names: Vec<String> = changed.iter().take(CHANGED_MAX).map(|path| project.shown(path)).collect();
        if changed.len() > CHANGED_MAX {
            names.push(format!("{} more", changed.len() - CHANGED_MAX));
        }
        let what = if number == 1 { "as it is".to_owned() } else { format!("{} changed", names.join(", ")) };
        let name = project.folder.file_name().unwrap_or_default().to_string_lossy();
        let title = self.screen.mark(Tone::Strong, &name);
        self.screen.out(format!("{title} {}  {what}", self.screen.mark(Tone::Dim, &moment::now())));
    }

    pub fn building(&self, project: &Project) -> indicatif::ProgressBar {
        self.screen.progress(&format!("building: {}", project.build.join(" ")), None)
    }

    pub fn built(&self, built: &Built) {
        let seconds = format!("{:.1} s", built.took.as_secs_f64());
        if built.done {
            return self.step("build", Tone::Good, "ok", seconds);
        }
        self.step("build", Tone::Bad, "FAILED", format!("after {seconds}, {}; the version before stays", built.ended));
        if self.screen.json {
            return;
        }
        let lines: Vec<&str> = built.words.lines().collect();
        let shown = if self.screen.verbose > 0 { lines.len() } else { WORDS_LINES_MAX };
        lines.iter().take(shown).for_each(|line| self.screen.out(format!("  {line}")));
        if lines.len() > shown {
            self.screen
                .out(self.screen.mark(Tone::Dim, &format!("  … and {} lines; -v shows all", lines.len() - shown)));
        }
    }

    /// A rule was tried. Those that hold are only counted, unless more is wanted.
    pub fn rule(&self, line: &Line) {
        let is_told = matches!(line.verdict, Verdict::Failed(_)) || self.screen.verbose > 0;
        if is_told && !self.screen.json {
            conformance::show(self.screen, line, None);
        }
    }

    pub fn tried(&self, tried: &Tried) {
        let count = |name: &str| tried.report.count(name);
        let untried = count("skipped") + tried.untried;
        let counts = format!("{} rules hold, {} do not, {untried} were not tried", count("passed"), count("failed"));
        match tried.holds() {
            true => self.step("kit", Tone::Good, "ok", counts),
            false => self.step("kit", Tone::Bad, "FAILED", format!("{counts}; the version before stays")),
        }
        if tried.untried > 0 {
            self.step("", Tone::Dim, "", "those that write are tried once those that only ask hold");
        }
        if !self.screen.json {
            tried.report.left.iter().for_each(|left| self.step("", Tone::Warn, "left behind:", table::clean(left)));
        }
    }

    pub fn taken(&self, connection: &str, taken: &Taken) {
        match taken {
            Taken::Serves(report) => {
                let about = report.to.clone().unwrap_or_default();
                let version = format!("{} {} sha256:{}", about.name, about.version, short(&about.digest));
                self.step("in use", Tone::Good, "ok", format!("{connection} is served by {version}"));
            }
            Taken::ServedAlready => {
                self.step("in use", Tone::Good, "ok", format!("{connection} is served by it already"))
            }
            Taken::Stays(report) => {
                let why = format!("{connection} stays as it was: {} {}", report.code, table::clean(&report.message));
                self.step("in use", Tone::Bad, "NO", why);
                self.step("", Tone::Name, "", table::clean(&report.remedy));
            }
        }
    }

    /// A step that could not be done.
    pub fn failed(&self, step: &str, failure: &Failure) {
        if self.screen.json {
            return;
        }
        self.step(step, Tone::Bad, "FAILED", "");
        self.screen.out(failure.render(self.screen.colours_out(), self.screen.width()).trim_end());
    }

    pub fn waits(&self, project: &Project) {
        if !self.screen.json {
            let watched: Vec<String> = project.watch.iter().map(|path| project.shown(path)).collect();
            self.screen.out(self.screen.mark(Tone::Dim, &format!("watching {}; Ctrl-C ends", watched.join(", "))));
        }
    }

    /// The whole round, for machines.
    pub fn round(&self, project: &Project, round: &Round) {
        if self.screen.json {
            self.screen.out_json_line(&json(project, round));
        }
    }
}

fn json(project: &Project, round: &Round) -> Json {
    let build = round.built.as_ref().map(|built| {
        let took_ms = u64::try_from(built.took.as_millis()).unwrap_or(u64::MAX);
        json!({ "ok": built.done, "ended": built.ended, "took_ms": took_ms, "words": built.words })
    });
    let kit = round.tried.as_ref().map(|tried| {
        let mut report = tried.report.json();
        report["untried"] = json!(tried.untried);
        report
    });
    let taken = round.taken.as_ref().map(|taken| match taken {
        Taken::Serves(report) | Taken::Stays(report) => json!(report),
        Taken::ServedAlready => json!({ "came": "served-already" }),
    });
    json!({
        "round": round.number,
        "changed": round.changed.iter().map(|path| project.shown(path)).collect::<Vec<_>>(),
        "ok": round.is_well(),
        "build": build,
        "digest": round.digest.as_ref().map(|digest| format!("sha256:{digest}")),
        "kit": kit,
        "upgrade": taken,
        "failure": round.failure.as_ref().map(Failure::problem),
    })
}
