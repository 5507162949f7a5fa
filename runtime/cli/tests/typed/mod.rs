//! Types a command as a person would, in an empty folder, without a terminal.

use std::{path::Path, process::Command};

/// Runs `lockstep` in a folder. Shown: the exit code, then stdout and stderr,
/// with the folder's own path left out.
pub fn typed(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.current_dir(folder).args(arguments).env("COLUMNS", "100");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LOCKSTEP_") {
            command.env_remove(name);
        }
    }
    let output = command.envs(environment.iter().copied()).output().expect("starting lockstep");
    let shown = format!(
        "exit: {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().map_or("signal".to_owned(), |code| code.to_string()),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    shown.replace(&folder.display().to_string(), "FOLDER")
}

/// A folder with a configuration file.
pub fn folder(configuration: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("lockstep.toml"), configuration).expect("writing the file");
    folder
}
