//! The commands of the Python project's README: an environment, the build, the tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use super::succeed;
use crate::guests::python;

pub fn build(project: &Path, name: &str) -> Result<PathBuf> {
    if let Some(missing) = python::missing() {
        bail!(missing);
    }
    let run = |program: &str, arguments: &[&str]| {
        succeed(Command::new(program).args(arguments).current_dir(project).env("PYTHONPATH", "src:sdk"))
    };
    run("python3", &["-m", "venv", ".venv"])?;
    run(".venv/bin/pip", &["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"])?;
    run(".venv/bin/python", &["build.py"])?;
    run("python3", &["-m", "unittest", "discover", "tests"])?;
    Ok(project.join("build").join(format!("{}.wasm", name.replace('-', "_"))))
}
