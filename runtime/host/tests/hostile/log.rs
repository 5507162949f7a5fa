//! Guests that talk too much, or to the terminal behind the log.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

use anyhow::{Result, ensure};

use crate::{
    Run,
    place::{Place, read},
    runs,
};

pub const RUNS: &[Run] = runs![a_flood_of_log_lines 64, terminal_escapes_and_forged_lines 64];

/// What was logged, as a terminal would get it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

static KEPT: OnceLock<Kept> = OnceLock::new();

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_| io::Error::other("poisoned"))?.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keep the log of this process.
pub fn begin() {
    let kept = KEPT.get_or_init(Kept::default).clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || kept.clone()).init();
}

fn logged() -> String {
    let bytes = KEPT.get().and_then(|kept| kept.0.lock().ok().map(|mut bytes| std::mem::take(&mut *bytes)));
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

async fn a_flood_of_log_lines(place: &Place) -> Result<()> {
    logged();
    let session = place
        .session("log", |connection| {
            if let Some(limits) = &mut connection.limits {
                limits.compute_ms_max = 20_000;
            }
        })
        .await?;
    read(&session).await?;
    let (lines, metrics) = (logged().lines().count(), session.metrics());
    ensure!(lines < 1_000, "{lines} lines were logged");
    ensure!(metrics.log_lines_dropped > 190_000, "{metrics:?}");
    ensure!(session.meter().bounds().contains_key("log_lines"));
    Ok(())
}

async fn terminal_escapes_and_forged_lines(place: &Place) -> Result<()> {
    logged();
    let session = place.session("terminal", |_| {}).await?;
    read(&session).await?;
    let said = logged();
    ensure!(said.contains("all is well"), "nothing was logged: {said}");
    let obeyed = ['\u{1b}', '\u{7}', '\u{202e}'].into_iter().find(|c| said.contains(*c));
    ensure!(obeyed.is_none(), "{said:?}");
    ensure!(!said.lines().any(|line| line.starts_with("2026 INFO forged")), "a line was forged: {said}");
    Ok(())
}
