//! The commands of the Python project's README besides the build: an environment, and the tests.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use super::succeed;
use crate::guests::python::missing;

pub fn prepare(project: &Path) -> Result<()> {
    if let Some(missing) = missing() {
        bail!(missing);
    }
    make_environment(project)
}

pub fn test(project: &Path) -> Result<()> {
    let tests = ["-m", "unittest", "discover", "tests"];
    succeed(Command::new("python3").args(tests).current_dir(project).env("PYTHONPATH", "src:sdk"))
}

/// A virtual environment with what the project asks for.
pub fn make_environment(project: &Path) -> Result<()> {
    succeed(Command::new("python3").args(["-m", "venv", ".venv"]).current_dir(project))?;
    let install = ["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
    succeed(Command::new(".venv/bin/pip").args(install).current_dir(project))
}
