//! When the program itself is wrong: a coded apology and a file with what is
//! needed to report it, never a bare panic message.

use std::{backtrace::Backtrace, fs, io::Write, panic, path::PathBuf};

/// Replaces the default panic message. Safe to call once, first.
pub fn install() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let message = info
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| info.payload().downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let report = format!(
            "lockstep {}\n{message}\nat {place}\n\n{}\n",
            env!("CARGO_PKG_VERSION"),
            Backtrace::force_capture()
        );
        let path = report_path();
        let kept = fs::write(&path, report).is_ok();
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(
            stderr,
            "LS-CLI-001: Lockstep met a defect in itself and cannot finish this ({place}).\n\
             Sorry. No record is lost by it: what was committed stays, the rest is repeated on the next start."
        );
        let _ = if kept {
            writeln!(stderr, "Please report it with the file {}", path.display())
        } else {
            writeln!(stderr, "Please report it: {message}")
        };
    }));
}

fn report_path() -> PathBuf {
    std::env::temp_dir().join(format!("lockstep-defect-{}.txt", std::process::id()))
}
