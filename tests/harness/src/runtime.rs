//! The real `lockstep` binary as a process: started, killed, asked.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::signal::{Signal, send};

const POLL: Duration = Duration::from_millis(20);
const LOG_TAIL_BYTES: usize = 6_000;

/// Where the binary is: `LOCKSTEP_BIN`, else beside the running test or tool
/// (the same target folder), else an error that says how to build it.
pub fn lockstep_binary() -> Result<PathBuf> {
    if let Some(path) = env::var_os("LOCKSTEP_BIN") {
        let path = PathBuf::from(path);
        ensure!(path.is_file(), "LOCKSTEP_BIN: no file {}", path.display());
        return Ok(path);
    }
    let own = env::current_exe().context("finding this program")?;
    own.ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join("lockstep"))
        .find(|path| path.is_file())
        .context("no `lockstep` binary: run `cargo build -p lockstep`, or set LOCKSTEP_BIN")
}

/// How `lockstep run` is started.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// Further environment, such as secrets.
    pub environment: BTreeMap<String, String>,
    /// Further arguments of `run`.
    pub arguments: Vec<String>,
}

impl Launch {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }
}

/// What one CLI call gave.
#[derive(Clone, Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// One installation: a folder with configuration and state, and at most one
/// running process. The process is killed when dropped.
#[derive(Debug)]
pub struct Runtime {
    binary: PathBuf,
    folder: TempDir,
    launch: Launch,
    child: Option<Child>,
}

impl Runtime {
    /// Writes the configuration; starts nothing.
    pub fn new(config: &str, launch: Launch) -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("lockstep-run-").tempdir().context("making the runtime's folder")?;
        let runtime = Runtime { binary: lockstep_binary()?, folder, launch, child: None };
        runtime.write_config(config)?;
        Ok(runtime)
    }

    /// Replaces the configuration file; takes effect at the next start.
    pub fn write_config(&self, config: &str) -> Result<()> {
        fs::write(self.config_path(), config).context("writing the configuration")
    }

    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("lockstep.toml")
    }

    pub fn state_path(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The environment and arguments of the next start.
    pub fn launch_mut(&mut self) -> &mut Launch {
        &mut self.launch
    }

    /// The environment of the next start.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.launch.environment
    }

    /// Starts `lockstep run`. Does not wait for anything.
    pub fn start(&mut self) -> Result<()> {
        ensure!(!self.is_running()?, "the runtime runs already");
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .context("opening the runtime's log")?;
        let child = self
            .command("run")
            .args(&self.launch.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.binary.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Calls `ready` until it says yes. A process that ends meanwhile is an error.
    pub fn wait_until(
        &mut self,
        what: &str,
        patience: Duration,
        mut ready: impl FnMut(&Runtime) -> Result<bool>,
    ) -> Result<()> {
        let until = Instant::now() + patience;
        loop {
            ensure!(self.is_running()?, "the runtime ended while waiting for {what}: {}", self.log_tail());
            if ready(self)? {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("{what}: not within {patience:?}; the runtime said: {}", self.log_tail());
            }
            thread::sleep(POLL);
        }
    }

    pub fn is_running(&mut self) -> Result<bool> {
        match &mut self.child {
            None => Ok(false),
            Some(child) => match child.try_wait()? {
                None => Ok(true),
                Some(_) => {
                    self.child = None;
                    Ok(false)
                }
            },
        }
    }

    /// SIGKILL: as a crash. Nothing is done first.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            child.wait().context("waiting for the killed runtime")?;
        }
        Ok(())
    }

    /// SIGTERM and a wait: drains and checkpoints.
    pub fn terminate(&mut self, patience: Duration) -> Result<ExitStatus> {
        let child = self.child.as_ref().context("the runtime does not run")?;
        send(child, Signal::Terminate)?;
        self.wait_exit(patience)
    }

    /// Waits until the process has ended by itself, as at a failpoint.
    pub fn wait_exit(&mut self, patience: Duration) -> Result<ExitStatus> {
        let until = Instant::now() + patience;
        let mut child = self.child.take().context("the runtime does not run")?;
        while Instant::now() < until {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.child = Some(child);
        bail!("the runtime did not end in {patience:?}: {}", self.log_tail())
    }

    /// Freezes or thaws the process.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        send(self.child.as_ref().context("the runtime does not run")?, signal)
    }

    /// Id of the running process.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Runs a verb to its end, whatever it answers.
    pub fn try_call(&self, verb: &str, arguments: &[&str]) -> Result<Finished> {
        let output = self
            .command(verb)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("running lockstep {verb}"))?;
        Ok(Finished {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Begins a verb that goes on, and says nothing.
    pub fn begin(&self, verb: &str, arguments: &[&str]) -> Result<Child> {
        let mut command = self.command(verb);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().with_context(|| format!("beginning lockstep {verb}"))
    }

    /// Runs a verb; a failure is an error with what it said.
    pub fn call(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        let finished = self.try_call(verb, arguments)?;
        ensure!(
            finished.status.success(),
            "lockstep {verb} {}: {}\n{}{}",
            arguments.join(" "),
            finished.status,
            finished.stdout,
            finished.stderr
        );
        Ok(finished.stdout)
    }

    /// Runs a verb with `--json` and parses what it prints.
    pub fn call_json(&self, verb: &str, arguments: &[&str]) -> Result<Value> {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let text = self.call(verb, &arguments)?;
        serde_json::from_str(&text).with_context(|| format!("lockstep {verb} --json printed no JSON: {text}"))
    }

    /// Copies the state file (with its log files) away. The process must not run.
    pub fn copy_state(&mut self, to: &Path) -> Result<()> {
        ensure!(!self.is_running()?, "stop the runtime before copying its state");
        fs::create_dir_all(to).context("making the copy's folder")?;
        for path in self.state_files() {
            if let Some(name) = path.file_name()
                && path.is_file()
            {
                fs::copy(&path, to.join(name)).context("copying the state")?;
            }
        }
        Ok(())
    }

    /// Puts a copy made by [`Self::copy_state`] in place of the state.
    pub fn restore_state(&mut self, from: &Path) -> Result<()> {
        ensure!(!self.is_running()?, "stop the runtime before replacing its state");
        for path in self.state_files() {
            if path.is_file() {
                fs::remove_file(&path).context("removing the state")?;
            }
            if let Some(name) = path.file_name()
                && from.join(name).is_file()
            {
                fs::copy(from.join(name), &path).context("restoring the state")?;
            }
        }
        Ok(())
    }

    /// The state file and SQLite's files beside it.
    pub fn state_files(&self) -> Vec<PathBuf> {
        let main = self.state_path();
        ["", "-wal", "-shm"].iter().map(|suffix| PathBuf::from(format!("{}{suffix}", main.display()))).collect()
    }

    /// The end of what the process printed.
    pub fn log_tail(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        let from = bytes.len().saturating_sub(LOG_TAIL_BYTES);
        String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
    }

    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("run.log")
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(self.folder.path())
            .envs(&self.launch.environment)
            .env("NO_COLOR", "1")
            .arg("--config")
            .arg(self.config_path())
            .arg("--state")
            .arg(self.state_path())
            .arg(verb);
        command
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
