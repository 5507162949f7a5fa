//! `lockstep connector test`: a connector through the conformance kit.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use lockstep_conformance::{Line, Report, Rule, Sandboxed, Settings, Verdict};
use lockstep_core::config::{Config, Connection};
use lockstep_host::Component;

use crate::{
    bridge::{Guest, limits},
    configuration,
    connectors::{self, Loader, Source},
    context::Context,
    failure::{Exit, Failure},
    screen::{Screen, Tone},
    secrets, table,
    verbs::recordings::{RecordArgs, Recordings},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A path to a .wasm file or a built-in's name; the connection's own connector unless said
    pub connector: Option<String>,
    /// The connection of the configuration it runs with
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Only this rule, by code or name; may be repeated
    #[arg(long, value_name = "RULE")]
    pub only: Vec<String>,
    /// Also write the result as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    #[command(flatten)]
    pub record: RecordArgs,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let only: Vec<Rule> = args.only.iter().map(|text| rule(text)).collect::<Result<_, _>>()?;
    let config = configuration::load(context.config_path())?;
    let folder = context.config_path().with_file_name("");
    let connection = chosen(&config, args.connection.as_deref(), "--connection")?;
    secrets::resolve(connection, &folder)?;
    let source = match &args.connector {
        Some(named) => connectors::source(named, Path::new(""))?,
        None => connectors::source(&connection.connector, &folder)?,
    };
    let loader = Arc::new(Loader::keeping(None, &config.connectors, &folder));
    let bar = screen.progress("loading", None);
    // A connection's own connector is the one it is pinned to.
    let digest = connection.digest.as_deref().filter(|_| args.connector.is_none());
    let limits = limits(&connection.limits).unwrap_or_default();
    let component = loader.load(&source, digest, &limits.load).await;
    bar.finish_and_clear();
    let component = component?.component;
    let mut recordings = Recordings::new(&args.record, &source, component.digest());
    let connector = component.spec().await.map(|spec| format!("{} {}", spec.name, spec.version)).unwrap_or_default();
    let subject = subject(&config, connection, &folder, (component, &source), &loader)?;
    let subject = subject.recorded(recordings.recorder.clone());
    let settings = settings(connection, only);
    let report = lockstep_conformance::run(&subject, &settings, |line| {
        let recording = recordings.tried(&connector, line);
        if !screen.json {
            show(screen, line, recording.as_deref());
        }
    })
    .await;
    if let Some(path) = &args.junit {
        std::fs::write(path, report.junit()).map_err(|error| {
            Failure::new("LS-KIT-002", format!("cannot write {}: {error}", path.display()))
                .remedy("Name a file in a folder that exists and that you may write to.")
        })?;
    }
    summary(screen, &report, &recordings);
    if let Some(failure) = recordings.failed {
        return Err(failure);
    }
    Ok(if report.conforms() { Exit::Done } else { Exit::Failed })
}

/// A component as the kit sees it: with what the connection gives it, and a competing writer where
/// there is a connection for one.
pub(super) fn subject(
    config: &Config,
    connection: &Connection,
    folder: &Path,
    (component, source): (Component, &Source),
    loader: &Arc<Loader>,
) -> Result<Sandboxed, Failure> {
    let ready = |connection: &Connection| {
        let guest = Guest::new(connection.clone(), folder.to_owned(), source.clone(), loader.clone());
        guest.config().map_err(|error| Failure::new("LS-KIT-001", error.message).remedy(error.remedy))
    };
    let subject = Sandboxed::new(component, ready(connection)?);
    Ok(match &connection.conformance.rival {
        Some(rival) => subject.with_rival(ready(named(&config.connections, rival)?)?),
        None => subject,
    })
}

pub(super) fn rule(text: &str) -> Result<Rule, Failure> {
    Rule::find(text).ok_or_else(|| {
        let names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        Failure::usage("LS-KIT-003", format!("there is no rule `{text}`"))
            .remedy(format!("There are: {}.", names.join(", ")))
    })
}

/// The connection named by that option, else the only one that fits; one that no sync uses.
pub(super) fn chosen<'a>(config: &'a Config, name: Option<&str>, option: &str) -> Result<&'a Connection, Failure> {
    let connections = config.connections.as_slice();
    let connection = match (name, connections) {
        (Some(name), _) => named(connections, name),
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::usage("LS-KIT-004", "it is not clear which connection is meant")
            .remedy(format!("Say `{option} NAME`, one of: {}.", names(connections)))),
    }?;
    refuse_in_use(config, connection)?;
    Ok(connection)
}

fn named<'a>(connections: &'a [Connection], name: &str) -> Result<&'a Connection, Failure> {
    connections.iter().find(|one| one.name == name).ok_or_else(|| {
        Failure::usage("LS-KIT-004", format!("there is no connection `{name}`"))
            .remedy(format!("The configuration has: {}.", names(connections)))
    })
}

/// The kit reads the stream to its end and writes rows: a sync that stands there would lose its place.
fn refuse_in_use(config: &Config, connection: &Connection) -> Result<(), Failure> {
    let uses = |sync: &&lockstep_core::config::Sync| sync.sides.iter().any(|side| side.connection == connection.name);
    let Some(sync) = config.syncs.iter().find(uses) else { return Ok(()) };
    let summary =
        format!("sync `{}` uses the connection `{}`: the kit would take over its stream", sync.name, connection.name);
    Err(Failure::usage("LS-KIT-005", summary)
        .remedy("Give the kit a connection of its own, to a test account or database; for PostgreSQL with a `name` of its own in `config`."))
}

fn names(connections: &[Connection]) -> String {
    connections.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")
}

pub(super) fn settings(connection: &Connection, only: Vec<Rule>) -> Settings {
    let told = &connection.conformance;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Settings {
        object: told.object.clone(),
        columns: told.columns.clone(),
        values: told.values.clone(),
        webhook_headers: told.webhook_headers.clone(),
        wait_ms: told.wait_ms,
        rows_max: usize::try_from(told.rows_max).unwrap_or(usize::MAX),
        only,
        seed: u64::try_from(now.as_millis()).unwrap_or(0),
    }
}

pub(super) fn show(screen: &Screen, line: &Line, recording: Option<&Path>) {
    let (word, tone) = match &line.verdict {
        Verdict::Passed => ("ok  ", Tone::Good),
        Verdict::Failed(_) => ("FAIL", Tone::Bad),
        Verdict::Skipped(_) => ("skip", Tone::Dim),
    };
    screen.out(format!(
        "{} {} {:<20} {}",
        screen.mark(tone, word),
        screen.mark(Tone::Dim, line.rule.code()),
        line.rule.name(),
        line.rule.demand(),
    ));
    let more = |what: &str, text: &str, tone| {
        screen.out(format!("     {} {}", screen.mark(Tone::Dim, what), screen.mark(tone, &table::clean(text))));
    };
    match &line.verdict {
        Verdict::Passed => {}
        Verdict::Failed(finding) => {
            more("expected:", &finding.expected, Tone::Plain);
            more("seen:    ", &finding.seen, Tone::Bad);
            more("look at: ", line.rule.remedy(), Tone::Name);
            if let Some(recording) = recording {
                more("recorded:", &recording.display().to_string(), Tone::Dim);
            }
        }
        Verdict::Skipped(reason) => more("because: ", reason, Tone::Dim),
    }
}

fn summary(screen: &Screen, report: &Report, recordings: &Recordings) {
    if screen.json {
        let mut told = report.json();
        recordings.add_to(&mut told);
        screen.out_json(&told);
        return;
    }
    let (passed, failed, skipped) = (report.count("passed"), report.count("failed"), report.count("skipped"));
    screen.out("");
    let verdict = match (report.conforms(), failed) {
        (true, _) => screen.mark(Tone::Good, &format!("{} conforms", report.connector)),
        (false, 0) => screen.mark(Tone::Bad, "no rule could be tried"),
        (false, _) => screen.mark(Tone::Bad, &format!("{} does not conform", report.connector)),
    };
    screen.out(format!("{verdict}: {passed} rules hold, {failed} do not, {skipped} were not tried"));
    for left in &report.left {
        screen.note(format!("left behind: {}", table::clean(left)));
    }
    if let Some(first) = report.failed().first() {
        let code = first.code();
        screen.next(format!("`lockstep help {code}` tells more; `--only {}` tries it alone", first.name()));
        if let Some((_, path)) = recordings.written.first() {
            screen.next(format!("`lockstep connector replay {}` does the same without the system", path.display()));
        }
    }
}
