//! `npm ci`, `npm run build` and `npm test` of the TypeScript project.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use super::succeed;

/// What the project's package.json asks for.
const NODE_MAJOR_MIN: u32 = 20;

/// What the project asks for.
pub fn prepare(project: &Path) -> Result<()> {
    if let Some(missing) = missing() {
        bail!(missing);
    }
    npm(project, &["ci", "--no-audit", "--no-fund"])
}

pub fn test(project: &Path) -> Result<()> {
    npm(project, &["test"])
}

/// Code for one field or one rule, with what a project beside it was given: both ask for the same.
pub fn build_code(project: &Path, prepared: &Path, name: &str) -> Result<PathBuf> {
    symlink(prepared.join("node_modules"), project.join("node_modules"))?;
    npm(project, &["run", "build"])?;
    test(project)?;
    Ok(project.join("dist").join(format!("{}.wasm", name.replace('-', "_"))))
}

fn npm(project: &Path, arguments: &[&str]) -> Result<()> {
    succeed(Command::new("npm").args(arguments).current_dir(project))
}

/// Why connectors in TypeScript cannot be built on this machine, and what to do about it.
pub fn missing() -> Option<String> {
    let how = format!(
        "node {NODE_MAJOR_MIN} or later with npm builds connectors in TypeScript: \
         `apt-get install nodejs npm`, or an installer of nodejs.org"
    );
    let said = |program: &str| {
        let output = Command::new(program).arg("--version").stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let (Some(node), Some(_)) = (said("node"), said("npm")) else { return Some(how) };
    let major = node.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= NODE_MAJOR_MIN => None,
        _ => Some(format!("node is {node}; {how}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_asked_for_is_the_one_that_the_project_names() {
        let package = include_str!("../../../sdk/typescript/starter/package.json");
        assert!(package.contains(&format!("\"node\": \">={NODE_MAJOR_MIN}\"")));
    }
}
