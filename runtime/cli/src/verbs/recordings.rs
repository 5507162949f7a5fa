//! Recordings of what a connector does: written for rules of the kit that do not
//! hold, and played to a component again without any system.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use lockstep_conformance::{Finding, Line, Verdict};
use lockstep_core::config::ConnectorSettings;
use lockstep_host::{About, Comparison, LoadLimits, RecordLimits, Recorder, Recording, Replay};
use serde_json::{Value, json};

use crate::{
    connectors::{self, Loader, Source},
    context::Context,
    failure::{Exit, Failure},
    screen::{Screen, Tone},
    table,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A recording that `connector test` or `connector record` wrote
    pub recording: PathBuf,
    /// The component to play it to: a path to a .wasm file or a built-in's name; the recorded one unless said
    #[arg(long, value_name = "CONNECTOR")]
    pub component: Option<String>,
}

/// Where and how much `connector test` records.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// Write recordings of rules that do not hold into this folder, not into a new one among the temporary files
    #[arg(long, value_name = "FOLDER")]
    pub record: Option<PathBuf>,
    /// Bytes that a recording keeps of one body, at most
    #[arg(long, value_name = "BYTES", default_value_t = RecordLimits::default().body_bytes_max)]
    pub record_body_bytes: usize,
    /// Bytes that recordings keep in all, at most
    #[arg(long, value_name = "BYTES", default_value_t = RecordLimits::default().bytes_max)]
    pub record_bytes: usize,
}

/// Writes a file for each rule that does not hold.
pub struct Recordings {
    pub recorder: Recorder,
    folder: Option<PathBuf>,
    about: About,
    /// Codes of rules, and where their recordings are.
    pub written: Vec<(&'static str, PathBuf)>,
    /// Why one could not be written.
    pub failed: Option<Failure>,
}

impl Recordings {
    pub fn new(args: &RecordArgs, source: &Source, digest: &str) -> Self {
        let limits = RecordLimits { body_bytes_max: args.record_body_bytes, bytes_max: args.record_bytes };
        Recordings {
            recorder: Recorder::new(limits),
            folder: args.record.clone(),
            about: About { source: source.recorded(), digest: digest.to_owned(), ..About::default() },
            written: Vec::new(),
            failed: None,
        }
    }

    /// A rule has been tried: write what was done for it, where it does not hold. Answers the file.
    pub fn tried(&mut self, connector: &str, line: &Line) -> Option<PathBuf> {
        let written = match &line.verdict {
            Verdict::Failed(finding) => {
                self.content(connector, line, finding).map(|content| self.write(line, &content))
            }
            Verdict::Passed | Verdict::Skipped(_) => None,
        };
        self.recorder.turn();
        match written? {
            Ok(path) => {
                self.written.push((line.rule.code(), path.clone()));
                Some(path)
            }
            Err(failure) => {
                self.failed.get_or_insert(failure);
                None
            }
        }
    }

    fn content(&self, connector: &str, line: &Line, finding: &Finding) -> Option<Vec<u8>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.recorder.write(About {
            connector: connector.to_owned(),
            rule: format!("{} {}", line.rule.code(), line.rule.name()),
            expected: finding.expected.clone(),
            seen: finding.seen.clone(),
            at_us: u64::try_from(now.as_micros()).unwrap_or(0),
            ..self.about.clone()
        })
    }

    /// For its owner only: there is data of the system in it.
    fn write(&mut self, line: &Line, content: &[u8]) -> Result<PathBuf, Failure> {
        let refused = |path: &Path, error: std::io::Error| {
            Failure::new("LS-KIT-006", format!("cannot write the recording {}: {error}", path.display()))
                .remedy("Say `--record FOLDER` with a folder that you may write to.")
        };
        let folder = match &self.folder {
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| refused(folder, error))?;
                folder.clone()
            }
            None => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let folder = std::env::temp_dir().join(format!("lockstep-recordings-{now}-{}", std::process::id()));
                DirBuilder::new().mode(0o700).create(&folder).map_err(|error| refused(&folder, error))?;
                self.folder.insert(folder).clone()
            }
        };
        let path = folder.join(format!("{}-{}.jsonl", line.rule.code(), line.rule.name()));
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(content)).map_err(|error| refused(&path, error))?;
        Ok(path)
    }

    /// The report for machines, with the recordings.
    pub fn add_to(&self, report: &mut Value) {
        for rule in report.get_mut("rules").and_then(Value::as_array_mut).into_iter().flatten() {
            let code = rule.get("code").and_then(Value::as_str).unwrap_or_default();
            if let Some((_, path)) = self.written.iter().find(|(known, _)| *known == code) {
                rule["recording"] = json!(path.display().to_string());
            }
        }
    }
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let limits = LoadLimits::default();
    let recording = Recording::read(&content(&args.recording)?)?;
    let named = args.component.as_deref().unwrap_or(&recording.about().source);
    let source = connectors::source(named, Path::new("")).map_err(|failure| match args.component {
        Some(_) => failure,
        None => failure.remedy("The recorded component is not where it was: say `--component FILE`."),
    })?;
    let loader = Loader::keeping(None, &ConnectorSettings::default(), Path::new(""));
    // Nothing is fetched because a file that somebody sent says so.
    if args.component.is_none() && loader.at_hand(&source, &limits).await?.is_none() {
        return Err(Failure::new("LS-H001", format!("the recorded component {source} is not on this machine"))
            .remedy("Say `--component FILE`, or the reference itself: `--component oci://…`."));
    }
    let bar = screen.progress("replaying", None);
    let replayed = async {
        let component = loader.load(&source, None, &limits).await?.component;
        let replay = component.replay(&recording).await?;
        Ok::<_, Failure>((component.digest().to_owned(), replay))
    };
    let replayed = replayed.await;
    bar.finish_and_clear();
    let (digest, replay) = replayed?;
    if screen.json {
        screen.out_json(&told(args, &recording, &digest, &replay));
    } else {
        show(screen, args, &recording, &digest, &replay);
    }
    Ok(match replay.comparison {
        Comparison::Same => Exit::Done,
        Comparison::Differs { .. } => Exit::Failed,
        Comparison::Cut { .. } => Exit::Attention,
    })
}

/// What is in a recording's file; no more than one may have, and a byte that makes it refused.
fn content(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new("LS-H001", format!("cannot read {}: {error}", path.display()))
            .remedy("Name a file that `lockstep connector test` or `lockstep connector record` wrote.")
    };
    let mut content = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(Recording::FILE_BYTES_MAX + 1).read_to_end(&mut content).map_err(unreadable)?;
    Ok(content)
}

fn told(args: &Args, recording: &Recording, digest: &str, replay: &Replay) -> Value {
    let about = recording.about();
    let mut told = json!({
        "recording": args.recording.display().to_string(),
        "connector": about.connector,
        "rule": about.rule,
        "digest": digest,
        "recorded_digest": about.digest,
        "sessions": replay.sessions,
        "calls": replay.calls,
    });
    match &replay.comparison {
        Comparison::Same => told["result"] = json!("same"),
        Comparison::Cut { line } => {
            told["result"] = json!("cut");
            told["line"] = json!(line);
        }
        Comparison::Differs { session, role, call, difference } => {
            told["result"] = json!("differs");
            told["line"] = json!(difference.line);
            told["session"] = json!(session);
            told["role"] = json!(role);
            told["call"] = json!(call);
            told["expected"] = json!(difference.expected);
            told["found"] = json!(difference.found);
        }
    }
    told
}

fn show(screen: &Screen, args: &Args, recording: &Recording, digest: &str, replay: &Replay) {
    let about = recording.about();
    if about.digest != digest {
        screen.note("this is another build than the one recorded");
    }
    let more = |what: &str, text: &str, tone| {
        screen.out(format!("     {} {}", screen.mark(Tone::Dim, what), screen.mark(tone, &table::clean(text))));
    };
    let (sessions, calls) = (replay.sessions, replay.calls);
    match &replay.comparison {
        Comparison::Same => {
            let same = screen.mark(Tone::Good, "the same");
            screen.out(format!("{same}: {calls} calls in {sessions} sessions did as recorded"));
            if !about.rule.is_empty() {
                screen.out(format!("so {} does not hold, as recorded", table::clean(&about.rule)));
                more("expected:", &about.expected, Tone::Plain);
                more("seen:    ", &about.seen, Tone::Bad);
            }
        }
        Comparison::Cut { line } => {
            let same = screen.mark(Tone::Name, "the same as far as recorded");
            screen.out(format!("{same}: {calls} calls; from line {line} on there is not all in the recording"));
            screen.next("record it again with more room: `--record-bytes` and `--record-body-bytes`");
        }
        Comparison::Differs { session, role, call, difference } => {
            let differs = screen.mark(Tone::Bad, "it differs");
            let call = if call.is_empty() { "between two calls".to_owned() } else { format!("in `{call}`") };
            screen.out(format!(
                "{differs} {call} of session {session} ({}), after {calls} calls that did as recorded",
                table::clean(role)
            ));
            more("expected:", &difference.expected, Tone::Plain);
            more("found:   ", &difference.found, Tone::Bad);
            more("look at: ", &format!("line {} of {}", difference.line, args.recording.display()), Tone::Name);
        }
    }
}
