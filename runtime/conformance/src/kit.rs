//! Runs the rules one after the other and keeps what each came to.

use std::time::{Duration, Instant};

use crate::{
    bench::Bench,
    report::{Checked, Finding, Line, Report, Stop, Verdict, told},
    rule::Rule,
    rules,
    settings::Settings,
    subject::Subject,
};

/// What one rule may take besides the time that changes may take to be told.
const RULE_MS: u64 = 120_000;
/// How often a rule waits for changes at most.
const WAITS: u64 = 8;

/// Puts a connector through the rules. `progress` sees each line as it is known.
pub async fn run(subject: &dyn Subject, settings: &Settings, mut progress: impl FnMut(&Line)) -> Report {
    let mut report = Report { connector: String::new(), object: String::new(), lines: Vec::new(), left: Vec::new() };
    let chosen = Rule::ALL.iter().copied().filter(|rule| settings.only.is_empty() || settings.only.contains(rule));
    let spec = match subject.spec().await {
        Ok(spec) => spec,
        Err(error) => {
            let finding = Finding { expected: "`spec` to answer".into(), seen: told(&error) };
            let line = Line { rule: Rule::SpecWellFormed, verdict: Verdict::Failed(finding), took_ms: 0 };
            progress(&line);
            report.lines.push(line);
            return report;
        }
    };
    report.connector = format!("{} {}", spec.name, spec.version);
    let mut bench = Bench::new(subject, settings, spec);
    let limit = Duration::from_millis(RULE_MS + WAITS * settings.wait_ms);
    for rule in chosen {
        let began = Instant::now();
        let judged = tokio::time::timeout(limit, judge(rule, &mut bench)).await;
        let judged = judged.unwrap_or_else(|_| {
            Err(Stop::failed(format!("an end within {} s", limit.as_secs()), "the rule is still being tried"))
        });
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = Line { rule, verdict: judged.into(), took_ms };
        progress(&line);
        report.lines.push(line);
    }
    report.object = bench.object_name();
    report.left = bench.clean().await;
    report
}

async fn judge(rule: Rule, bench: &mut Bench<'_>) -> Checked {
    match rule {
        Rule::SpecWellFormed => rules::spec::well_formed(bench),
        Rule::ConfigSchema => rules::spec::config_schema(bench),
        Rule::OpenRefuses => rules::spec::open_refuses(bench).await,
        Rule::CheckWorks => rules::check::works(bench).await,
        Rule::CheckMissingObject => rules::check::missing_object(bench).await,
        Rule::CheckWrongSecrets => rules::check::wrong_secrets(bench).await,
        Rule::DiscoverWellFormed => rules::discover::well_formed(bench).await,
        Rule::DiscoverStable => rules::discover::stable(bench).await,
        Rule::DiscoverUnknown => rules::discover::unknown(bench).await,
        Rule::ReadWhole => rules::read::whole(bench).await,
        Rule::ReadEnds => rules::read::ends(bench).await,
        Rule::ReadBounds => rules::read::bounds(bench).await,
        Rule::ReadResumes => rules::read::resumes(bench).await,
        Rule::FetchAnswers => rules::read::fetch_answers(bench).await,
        Rule::ReadUnknownColumn => rules::read::unknown_column(bench).await,
        Rule::StreamNoGap => rules::resume::no_gap(bench).await,
        Rule::StreamResumes => rules::resume::resumes(bench).await,
        Rule::StreamForward => rules::stream::forward(bench).await,
        Rule::StreamOrder => rules::stream::order(bench).await,
        Rule::StreamTombstone => rules::stream::tombstone(bench).await,
        Rule::StreamUnchanged => rules::stream::unchanged(bench).await,
        Rule::StreamBounds => rules::stream::bounds(bench).await,
        Rule::StreamIdle => rules::idle::idle(bench).await,
        Rule::StreamBadCursor => rules::idle::bad_cursor(bench).await,
        Rule::StreamSelected => rules::idle::selected(bench).await,
        Rule::StreamVersion => rules::stream::version(bench).await,
        Rule::StreamQuiet => rules::idle::quiet(bench).await,
        Rule::WriteCreate => rules::write::create(bench).await,
        Rule::WriteUpdate => rules::write::update(bench).await,
        Rule::WriteStale => rules::conflict::stale(bench).await,
        Rule::WriteRace => rules::conflict::race(bench).await,
        Rule::WriteNull => rules::write::null(bench).await,
        Rule::WriteDelete => rules::write::delete(bench).await,
        Rule::WriteDeleteStale => rules::conflict::delete_stale(bench).await,
        Rule::WriteGone => rules::write::gone(bench).await,
        Rule::WriteCreateTwice => rules::repeat::create_twice(bench).await,
        Rule::WriteAgain => rules::repeat::again(bench).await,
        Rule::WriteIsolated => rules::batch::isolated(bench).await,
        Rule::WriteOrder => rules::batch::order(bench).await,
        Rule::WriteRefused => rules::batch::refused(bench).await,
        Rule::WriteMeanwhile => rules::conflict::meanwhile(bench).await,
        Rule::EnsureDryRun => rules::ensure::dry_run(bench).await,
        Rule::EnsureAgain => rules::ensure::again(bench).await,
        Rule::CrashWrite => rules::crash::write(bench).await,
        Rule::WebhookForged => rules::webhook::forged(bench).await,
    }
}
