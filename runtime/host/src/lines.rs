//! What a guest says, on its way to the log: bounded in lines and bytes, and
//! stripped of whatever a terminal would obey.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi_io::{
    poll::Pollable,
    streams::{OutputStream, StreamResult},
};

use crate::{
    ledger::Ledger,
    metrics::{Counters, add},
    record::{Track, event::Event},
};

/// Of a level's name in a recording.
const LEVEL_BYTES_MAX: usize = 20;

/// One session's lines.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Inner>);

struct Inner {
    connection: String,
    role: &'static str,
    line_bytes_max: usize,
    burst: u32,
    budget: Mutex<Budget>,
    counters: Arc<Counters>,
    ledger: Arc<Ledger>,
    track: Option<Arc<Track>>,
}

struct Budget {
    left: f64,
    at: Instant,
    dropped: u64,
}

impl Lines {
    pub(crate) fn new(
        connection: &str,
        role: &'static str,
        limits: &crate::limits::Limits,
        counters: Arc<Counters>,
        ledger: Arc<Ledger>,
        track: Option<Arc<Track>>,
    ) -> Self {
        let budget = Budget { left: f64::from(limits.log_lines_burst), at: Instant::now(), dropped: 0 };
        Lines(Arc::new(Inner {
            connection: connection.to_owned(),
            role,
            line_bytes_max: limits.log_line_bytes_max,
            burst: limits.log_lines_burst,
            budget: Mutex::new(budget),
            counters,
            ledger,
            track,
        }))
    }

    /// Say a line, unless too many were said.
    pub(crate) fn say(&self, level: &str, message: &str) {
        let Some(dropped) = self.take_one() else {
            add(&self.0.counters.log_lines_dropped, 1);
            self.0.counters.reached("log_lines");
            return;
        };
        add(&self.0.counters.log_lines, 1);
        let message = printable(message, self.0.line_bytes_max);
        if let Some(track) = &self.0.track {
            track.note(Event::Said { level: printable(level, LEVEL_BYTES_MAX), line: message.clone() });
        }
        let (connection, role) = (&self.0.connection, self.0.role);
        let level = known(level);
        self.0.ledger.sayings.tell(role, level, &message);
        if dropped > 0 {
            tracing::warn!(target: "connector", %connection, role, dropped, "the connector said more than it may");
        }
        match level {
            "error" => tracing::error!(target: "connector", %connection, role, "{message}"),
            "warn" => tracing::warn!(target: "connector", %connection, role, "{message}"),
            "debug" => tracing::debug!(target: "connector", %connection, role, "{message}"),
            "trace" => tracing::trace!(target: "connector", %connection, role, "{message}"),
            _ => tracing::info!(target: "connector", %connection, role, "{message}"),
        }
    }

    /// Spend one line; answers how many were dropped before it.
    fn take_one(&self) -> Option<u64> {
        let mut budget = self.0.budget.lock();
        let burst = f64::from(self.0.burst);
        let refill = budget.at.elapsed().as_secs_f64() * burst / 60.0;
        budget.left = (budget.left + refill).min(burst);
        budget.at = Instant::now();
        if budget.left < 1.0 {
            budget.dropped += 1;
            return None;
        }
        budget.left -= 1.0;
        Some(std::mem::take(&mut budget.dropped))
    }
}

/// A level by one of the names there are; `info` for any other.
fn known(level: &str) -> &'static str {
    ["error", "warn", "debug", "trace"].into_iter().find(|name| *name == level).unwrap_or("info")
}

/// Cut to `bytes_max`, and without control or direction characters.
pub(crate) fn printable(text: &str, bytes_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    for c in text.chars() {
        let shown = match c {
            '\t' | '\n' | '\r' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => continue,
            c if c.is_control() => continue,
            c => c,
        };
        if out.len() + shown.len_utf8() > bytes_max {
            out.push('…');
            break;
        }
        out.push(shown);
    }
    out
}

/// A guest's stdout or stderr, as lines.
pub(crate) struct Spoken {
    pub(crate) lines: Lines,
    pub(crate) level: &'static str,
}

impl IsTerminal for Spoken {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Spoken {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(SpokenStream { lines: self.lines.clone(), level: self.level, begun: Vec::new() })
    }
}

struct SpokenStream {
    lines: Lines,
    level: &'static str,
    begun: Vec<u8>,
}

impl SpokenStream {
    fn say(&mut self) {
        if !self.begun.is_empty() {
            self.lines.say(self.level, &String::from_utf8_lossy(&self.begun));
            self.begun.clear();
        }
    }
}

impl OutputStream for SpokenStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = (self.lines.0.line_bytes_max + 4).saturating_sub(self.begun.len());
            self.begun.extend_from_slice(part.get(..room).unwrap_or(part));
            if part.ends_with(b"\n") {
                self.say();
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

impl Drop for SpokenStream {
    fn drop(&mut self) {
        self.say();
    }
}

#[async_trait::async_trait]
impl Pollable for SpokenStream {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_left_out() {
        assert_eq!(printable("a\u{1b}[31mred\u{7}\u{9b}\u{202e}b\nc", 100), "a[31mredb c");
    }

    #[test]
    fn long_lines_are_cut_at_a_character() {
        assert_eq!(printable("aéé", 3), "aé…");
    }
}
