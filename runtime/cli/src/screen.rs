//! The two ways out: results on stdout, everything about the work on stderr.
//! Colours and progress only where a person looks at a terminal.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::{args::Globals, failure::Failure};

/// What a word on screen means; the colour follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Warn,
    Bad,
    Dim,
    Strong,
    Name,
}

/// Where this run's words go, and how they look.
#[derive(Clone, Debug)]
pub struct Screen {
    pub json: bool,
    pub verbose: u8,
    colours_out: bool,
    colours_err: bool,
    terminal_out: bool,
    terminal_err: bool,
    width: usize,
}

impl Screen {
    pub fn new(globals: &Globals) -> Self {
        let plain = globals.no_color
            || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100);
        Screen {
            json: globals.json,
            verbose: globals.verbose,
            colours_out: !plain && io::stdout().is_terminal(),
            colours_err: !plain && io::stderr().is_terminal(),
            terminal_out: io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|value| value != "dumb"),
            terminal_err: io::stderr().is_terminal(),
            width,
        }
    }

    /// One line (or several) of result.
    pub fn out(&self, text: impl AsRef<str>) {
        write_or_leave(&mut io::stdout().lock(), text.as_ref());
    }

    /// A result for machines: one JSON document.
    pub fn out_json(&self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.out(text),
            Err(error) => self.note(format!("cannot show the result: {error}")),
        }
    }

    /// A result for machines: one JSON document a line.
    pub fn out_json_line(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.out(text),
            Err(error) => self.note(format!("cannot show the result: {error}")),
        }
    }

    /// About the work; not part of the result.
    pub fn note(&self, text: impl AsRef<str>) {
        write_or_leave(&mut io::stderr().lock(), text.as_ref());
    }

    /// What to do next. Not for machines.
    pub fn next(&self, text: impl AsRef<str>) {
        if !self.json {
            self.note(format!("{} {}", self.mark_err(Tone::Dim, "next:"), text.as_ref()));
        }
    }

    pub fn fail(&self, failure: &Failure) {
        if self.json {
            let text = serde_json::to_string(&failure.problem()).unwrap_or_default();
            self.note(text);
        } else {
            self.note(failure.render(self.colours_err, self.width).trim_end());
        }
    }

    /// A new screen, where a person looks at one.
    pub fn clear(&self) {
        if self.terminal_out && !self.json {
            let mut out = io::stdout().lock();
            // A terminal that is gone is noticed with the next line.
            let _ = write!(out, "\x1b[2J\x1b[H").and_then(|()| out.flush());
        }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn colours_out(&self) -> bool {
        self.colours_out
    }

    pub fn colours_err(&self) -> bool {
        self.colours_err
    }

    /// Coloured for stdout.
    pub fn mark(&self, tone: Tone, text: &str) -> String {
        paint(self.colours_out, tone, text)
    }

    /// Coloured for stderr.
    pub fn mark_err(&self, tone: Tone, text: &str) -> String {
        paint(self.colours_err, tone, text)
    }

    /// A bar with rate and ETA where the total is known, a spinner otherwise;
    /// hidden when nobody watches.
    pub fn progress(&self, what: &str, total: Option<u64>) -> ProgressBar {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        let shown = self.terminal_err && !self.json;
        bar.set_draw_target(if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() });
        let template = if total.is_some() {
            "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta} left"
        } else {
            "{spinner} {msg} {human_pos} {per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        if shown {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        bar
    }

    /// Whether a question can be asked.
    pub fn can_ask(&self) -> bool {
        self.terminal_err && io::stdin().is_terminal() && !self.json
    }

    /// Asks on the terminal; no answer is no.
    pub fn confirm(&self, question: &str) -> bool {
        let answer = self.ask(&format!("{question} [y/N]"));
        matches!(answer.as_deref(), Some("y" | "Y" | "yes"))
    }

    /// One line typed on the terminal; `None`: the terminal was closed.
    pub fn ask(&self, question: &str) -> Option<String> {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{question} ");
        let _ = stderr.flush();
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer).ok().filter(|bytes| *bytes > 0);
        read.map(|_| answer.trim().to_owned())
    }
}

fn paint(colours: bool, tone: Tone, text: &str) -> String {
    let style = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => Style::new().fg_color(Some(AnsiColor::Green.into())),
        Tone::Warn => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
        Tone::Bad => Style::new().fg_color(Some(AnsiColor::Red.into())).bold(),
        Tone::Dim => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
        Tone::Name => Style::new().fg_color(Some(AnsiColor::Cyan.into())),
    };
    if colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// A reader that closed its end (`| head`) is no error; nothing is left to say.
fn write_or_leave(to: &mut impl Write, text: &str) {
    let done = writeln!(to, "{text}").and_then(|()| to.flush());
    if let Err(error) = done
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        std::process::exit(0);
    }
}
