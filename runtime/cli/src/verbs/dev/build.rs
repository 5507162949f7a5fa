//! Building a project by its own command: what the tools say is kept, and nothing they
//! started is left of a build that is given up.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    sync::mpsc,
};

use super::project::Project;
use crate::failure::Failure;

/// Words of a build that are kept; the first ones are those about the first mistake.
const WORDS_BYTES_MAX: usize = 256 * 1024;
/// How long tools are given to end when they are asked to.
const ENDING: Duration = Duration::from_secs(1);
const ENDING_LOOK: Duration = Duration::from_millis(10);

/// How a build went.
#[derive(Debug)]
pub struct Built {
    /// It ended well.
    pub done: bool,
    /// How it ended, where it did not end well.
    pub ended: String,
    /// What the tools said, in the order it came.
    pub words: String,
    pub took: Duration,
}

pub async fn build(project: &Project, colours: bool) -> Result<Built, Failure> {
    let (program, arguments) = project.build.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
    // One that lies in the project is named from there.
    let lies_there = program.contains('/') && Path::new(program).is_relative();
    let mut command = match lies_there {
        true => Command::new(project.folder.join(program)),
        false => Command::new(program),
    };
    command.args(arguments).current_dir(&project.folder).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if colours {
        command.env("CARGO_TERM_COLOR", "always").env("FORCE_COLOR", "1").env("CLICOLOR_FORCE", "1");
    }
    let began = Instant::now();
    let child = command.spawn().map_err(|error| {
        Failure::new("LS-CLI-063", format!("the build `{}` cannot be started: {error}", project.build.join(" ")))
            .remedy("Install what the project's README.md names, or correct `build` in its dev.toml.")
    })?;
    let mut running = Running(child);
    let (say, mut said) = mpsc::channel(16);
    let readers = [
        running.0.stdout.take().map(|output| tokio::spawn(read(output, say.clone()))),
        running.0.stderr.take().map(|output| tokio::spawn(read(output, say.clone()))),
    ];
    drop(say);
    let mut words = Vec::new();
    // A tool that goes on behind the build may keep its output open: its end is the build's.
    let status = loop {
        tokio::select! {
            biased;
            Some(bytes) = said.recv() => keep(&mut words, &bytes),
            status = running.0.wait() => break status,
        }
    };
    let until = tokio::time::Instant::now() + ENDING;
    while let Ok(Some(bytes)) = tokio::time::timeout_at(until, said.recv()).await {
        keep(&mut words, &bytes);
    }
    readers.into_iter().flatten().for_each(|reader| reader.abort());
    let status = status.map_err(|error| {
        Failure::new("LS-CLI-063", format!("the build's end is not known: {error}")).remedy("Save again.")
    })?;
    let words = String::from_utf8_lossy(&words).trim_end().to_owned();
    Ok(Built { done: status.success(), ended: status.to_string(), words, took: began.elapsed() })
}

fn keep(words: &mut Vec<u8>, bytes: &[u8]) {
    let room = WORDS_BYTES_MAX.saturating_sub(words.len()).min(bytes.len());
    words.extend_from_slice(bytes.get(..room).unwrap_or_default());
}

async fn read(mut from: impl AsyncRead + Unpin, to: mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if to.send(bytes).await.is_err() {
            return;
        }
    }
}

/// A build under way, with every process it started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let Some(group) = self.0.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) else { return };
        // One that has ended meanwhile is what is wanted.
        let _ = kill_process_group(group, Signal::TERM);
        let until = Instant::now() + ENDING;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(ENDING_LOOK);
        }
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    fn project(folder: &Path, script: &str) -> Project {
        Project {
            folder: folder.to_owned(),
            build: ["sh", "-c", script].map(str::to_owned).into(),
            component: PathBuf::new(),
            watch: Vec::new(),
        }
    }

    #[tokio::test]
    async fn what_the_tools_said_is_kept_and_how_they_ended() {
        let folder = tempfile::tempdir().unwrap();
        let built = build(&project(folder.path(), "pwd; echo wrong >&2; exit 3"), false).await.unwrap();
        assert!(!built.done && built.ended.contains('3'), "{built:?}");
        assert!(built.words.contains("wrong") && built.words.contains(folder.path().to_str().unwrap()), "{built:?}");
        assert!(build(&project(folder.path(), "true"), false).await.unwrap().done);
        let none = Project { build: vec!["./not-there".to_owned()], ..project(folder.path(), "") };
        assert_eq!(&*build(&none, false).await.unwrap_err().code, "LS-CLI-063");
    }

    #[tokio::test]
    async fn a_build_that_is_given_up_leaves_no_process() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; sleep 600 & echo $! > started.partial; mv started.partial started; wait";
        let project = project(folder.path(), script);
        let started = folder.path().join("started");
        let until_started = async {
            while !started.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            built = build(&project, false) => panic!("it ended: {built:?}"),
            () = until_started => {}
        }
        let process = fs::read_to_string(&started).unwrap();
        let about = PathBuf::from(format!("/proc/{}/stat", process.trim()));
        let is_gone = || fs::read_to_string(&about).map_or(true, |stat| stat.contains(") Z "));
        let until = Instant::now() + Duration::from_secs(30);
        while !is_gone() {
            assert!(Instant::now() < until, "the tool still runs");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
