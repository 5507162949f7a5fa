//! The commands of the C project's README: an environment with the compiler, and the build.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::python;
use crate::guests::python::missing;

pub fn build(project: &Path, name: &str) -> Result<PathBuf> {
    if let Some(missing) = missing() {
        bail!("the compiler comes by way of Python: {missing}");
    }
    python::make_environment(project)?;
    python::run(project, ".venv/bin/python", &["build.py"])?;
    Ok(project.join("build").join(format!("{}.wasm", name.replace('-', "_"))))
}
