//! How the demo talks: headings, the commands as they would be typed, what they
//! print, and what was measured.

use std::io::IsTerminal;

use anyhow::{Result, ensure};
use lockstep_harness::Runtime;
use serde_json::Value;

/// Lines shown of one command's output.
const LINES_MAX: usize = 60;

pub struct Teller {
    colours: bool,
    step: usize,
}

impl Teller {
    pub fn new() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Teller { colours: !plain && std::io::stdout().is_terminal(), step: 0 }
    }

    pub fn heading(&mut self, text: &str) {
        self.step += 1;
        println!("\n{}", self.paint("1", &format!("{}. {text}", self.step)));
    }

    pub fn say(&self, text: &str) {
        println!("   {text}");
    }

    pub fn good(&self, text: &str) {
        println!("   {} {text}", self.paint("32", "✓"));
    }

    /// A statement run at a system.
    pub fn sql(&self, system: &str, statement: &str) {
        println!("   {} {}", self.paint("36", &format!("{system}=#")), statement);
    }

    /// What somebody typed into a system's own pages.
    pub fn typed(&self, system: &str, what: &str) {
        println!("   {} {what}", self.paint("36", &format!("{system}:")));
    }

    /// Runs a `lockstep` command and shows it with its output.
    pub fn lockstep(&self, runtime: &Runtime, verb: &str, arguments: &[&str]) -> Result<()> {
        let typed = std::iter::once(verb).chain(arguments.iter().copied()).map(quoted).collect::<Vec<_>>().join(" ");
        println!("   {} lockstep {typed}", self.paint("36", "$"));
        let finished = runtime.try_call(verb, arguments)?;
        let lines: Vec<&str> = finished.stdout.lines().chain(finished.stderr.lines()).collect();
        for line in lines.iter().take(LINES_MAX) {
            println!("   {} {line}", self.paint("2", "│"));
        }
        if lines.len() > LINES_MAX {
            println!("   {} … {} more lines", self.paint("2", "│"), lines.len() - LINES_MAX);
        }
        // 3: it ran, and says that something needs a person.
        let code = finished.status.code();
        ensure!(code == Some(0) || code == Some(3), "`lockstep {typed}` failed ({})", finished.status);
        Ok(())
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Asks without showing.
pub fn ask(runtime: &Runtime, verb: &str, arguments: &[&str]) -> Result<Value> {
    runtime.call_json(verb, arguments)
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_:./=@,+".contains(letter);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}
