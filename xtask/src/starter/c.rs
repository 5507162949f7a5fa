//! The commands of the C project's README besides the build: an environment with the compiler.

use std::path::Path;

use anyhow::{Result, bail};

use super::python;
use crate::guests::python::missing;

pub fn prepare(project: &Path) -> Result<()> {
    if let Some(missing) = missing() {
        bail!("the compiler comes by way of Python: {missing}");
    }
    python::make_environment(project)
}
