//! The commands of the Python project's README: an environment, the build, the tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use super::succeed;
use crate::guests::python::missing;

pub fn build(project: &Path, name: &str) -> Result<PathBuf> {
    if let Some(missing) = missing() {
        bail!(missing);
    }
    make_environment(project)?;
    run(project, ".venv/bin/python", &["build.py"])?;
    run(project, "python3", &["-m", "unittest", "discover", "tests"])?;
    Ok(project.join("build").join(format!("{}.wasm", name.replace('-', "_"))))
}

/// A virtual environment with what the project asks for.
pub fn make_environment(project: &Path) -> Result<()> {
    run(project, "python3", &["-m", "venv", ".venv"])?;
    run(project, ".venv/bin/pip", &["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"])
}

pub fn run(project: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    succeed(Command::new(program).args(arguments).current_dir(project).env("PYTHONPATH", "src:sdk"))
}
