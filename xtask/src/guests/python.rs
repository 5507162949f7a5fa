//! Connectors written in Python: every folder of `plugins` with a `src/app.py`,
//! built by the starter's own `build.py`, in a virtual environment with the
//! versions that the starter pins. On a machine without Python they are left out,
//! and a note beside the guests says why.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::host_target;

/// The oldest Python that the SDK runs on natively, and so its tests.
const PYTHON_MIN: (u32, u32) = (3, 11);
const STARTER: &str = "sdk/python/starter";
const SDK: &str = "sdk/python/src";
const WIT: &str = "wit/v0.1.0";

/// Why connectors in Python cannot be built on this machine, and what to do about it.
pub fn missing() -> Option<String> {
    let (major, minor) = PYTHON_MIN;
    let how = format!(
        "Python {major}.{minor} or later with venv builds connectors in Python: `apt-get install python3 python3-venv`"
    );
    let asked = format!("import ensurepip, sys, venv; sys.exit(sys.version_info < ({major}, {minor}))");
    (!runs(Command::new("python3").args(["-c", &asked]))).then_some(how)
}

/// Names of the connectors in `plugins` that are written in Python.
pub fn names(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("plugins")).context("plugins")? {
        let path = entry?.path();
        if let (true, Some(name)) = (path.join("src/app.py").is_file(), path.file_name()) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Builds those of `wanted`, or all, into `out`. Where that is not possible, `NAME.missing` says why.
pub fn build(root: &Path, out: &Path, wanted: &[String]) -> Result<()> {
    let mut names = names(root)?;
    names.retain(|name| wanted.is_empty() || wanted.contains(name));
    if names.is_empty() {
        return Ok(());
    }
    let python = match missing() {
        Some(why) => return leave_out(out, &names, &why),
        // Such as without a network: whoever needs the other connectors only is not held up.
        None => match environment(root) {
            Ok(python) => python,
            Err(error) => return leave_out(out, &names, &format!("{error:#}")),
        },
    };
    for name in &names {
        let mut build = Command::new(&python);
        build.arg(root.join(STARTER).join("build.py"));
        build.arg("--project").arg(root.join("plugins").join(name));
        build.arg("--sdk").arg(root.join(SDK)).arg("--wit").arg(root.join(WIT)).arg("--out").arg(out);
        succeed(&mut build)?;
        // There is none on most machines.
        drop(fs::remove_file(note(out, name)));
    }
    Ok(())
}

fn note(out: &Path, name: &str) -> PathBuf {
    out.join(format!("{name}.missing"))
}

fn leave_out(out: &Path, names: &[String], why: &str) -> Result<()> {
    for name in names {
        let note = note(out, name);
        fs::write(&note, why).with_context(|| format!("write {}", note.display()))?;
        println!("  {name} is left out: {why}");
    }
    Ok(())
}

/// Whether all of them are in `out`, or cannot be.
pub fn are_built(root: &Path, out: &Path) -> Result<bool> {
    let names = names(root)?;
    let is_there = |name: &String| out.join(format!("{name}.wasm")).is_file() && !note(out, name).exists();
    let is_left_out = |name: &String| note(out, name).exists();
    Ok(names.iter().all(is_there) || (names.iter().all(is_left_out) && missing().is_some()))
}

/// The unit tests of the SDK, the starter and the connectors, outside the sandbox.
pub fn test_all(root: &Path) -> Result<()> {
    let python = environment(root)?;
    let bindings = host_target(root).join("python-bindings");
    if bindings.exists() {
        fs::remove_dir_all(&bindings)?;
    }
    let mut generate = Command::new(python.with_file_name("componentize-py"));
    generate.args(["--quiet", "-d", WIT, "-w", "connector-world", "bindings"]).arg(&bindings).current_dir(root);
    succeed(&mut generate)?;
    test(root, &python, Path::new("sdk/python"), &[bindings])?;
    test(root, &python, Path::new(STARTER), &[])?;
    for name in names(root)? {
        test(root, &python, &Path::new("plugins").join(name), &[])?;
    }
    Ok(())
}

fn test(root: &Path, python: &Path, project: &Path, more: &[PathBuf]) -> Result<()> {
    println!("{}", project.display());
    let folder = root.join(project);
    let mut paths = vec![folder.join("src"), root.join(SDK)];
    paths.extend_from_slice(more);
    let mut tests = Command::new(python);
    tests.args(["-m", "unittest", "discover", "tests"]).current_dir(&folder);
    tests.env("PYTHONPATH", std::env::join_paths(paths)?).env("PYTHONDONTWRITEBYTECODE", "1");
    succeed(&mut tests)
}

/// The interpreter of a virtual environment that has what the starter asks for.
fn environment(root: &Path) -> Result<PathBuf> {
    let folder = host_target(root).join("python");
    let python = folder.join("bin/python");
    let requirements = root.join(STARTER).join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("read {}", requirements.display()))?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|known| known == wanted) && python.is_file() {
        return Ok(python);
    }
    succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "-r"]);
    install.arg(&requirements);
    succeed(&mut install)?;
    fs::write(&installed, wanted)?;
    Ok(python)
}

fn runs(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connectors_in_python_are_found_and_no_others() {
        let names = names(&crate::root()).expect("plugins");
        assert!(names.contains(&"jsonl".to_owned()) && !names.contains(&"postgres".to_owned()), "{names:?}");
    }
}
