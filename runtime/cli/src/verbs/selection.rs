//! Options that select records, journal entries or failures, the same for every
//! verb that works on many; and the way such a verb goes: show first, ask, do.

use lockstep_engine::operations::{BulkOutcome, EntryView, Filter};
use lockstep_server::Client;
use serde::Serialize;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    moment,
    screen::Tone,
    table::{self, Table, thousands},
};

/// Skipped ones shown before only their count is.
const SKIPPED_SHOWN_MAX: usize = 20;

/// What is selected. Everything given must hold.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Selection {
    /// Only this record's
    #[arg(long, value_name = "NUMBER")]
    pub record: Option<u64>,
    /// Only of this side
    #[arg(long)]
    pub side: Option<String>,
    /// Only of this field
    #[arg(long)]
    pub field: Option<String>,
    /// Only this failure group
    #[arg(long)]
    pub signature: Option<String>,
    /// Only failures of this class, such as `unique`
    #[arg(long)]
    pub class: Option<String>,
    /// Only this journal entry, or from one to another: 17 or 17..42
    #[arg(long, value_name = "ENTRY|FROM..TO", value_parser = entries)]
    pub entries: Option<(u64, u64)>,
    /// Only since then: 15m, 2h, 3d (ago) or 2026-11-21T03:40Z
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub since: Option<i64>,
    /// Only before then
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub until: Option<i64>,
    /// Only what was decided under this version of the rules
    #[arg(long, value_name = "VERSION")]
    pub rules: Option<u32>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    pub limit: u64,
}

impl Selection {
    pub fn filter(&self) -> Filter {
        Filter {
            record: self.record,
            side: self.side.clone(),
            field: self.field.clone(),
            signature: self.signature.clone(),
            class: self.class.clone(),
            entry_from: self.entries.map(|(from, _)| from),
            entry_to: self.entries.map(|(_, to)| to),
            since_micros: self.since,
            until_micros: self.until,
            rules: self.rules,
            limit: self.limit,
        }
    }

    /// Whether nothing narrows it.
    pub fn is_everything(&self) -> bool {
        Filter { limit: 0, ..self.filter() } == Filter::default()
    }
}

fn entries(text: &str) -> Result<(u64, u64), String> {
    let number = |part: &str| {
        part.trim().parse::<u64>().map_err(|_| format!("`{text}` is no entry number and no range: write 17 or 17..42"))
    };
    match text.split_once("..") {
        None => number(text).map(|entry| (entry, entry)),
        Some((from, to)) => {
            let from = number(from)?;
            let to = if to.is_empty() { u64::MAX } else { number(to)? };
            Ok((from, to))
        }
    }
}

/// Whether to ask before doing.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Consent {
    /// Only show what would be done
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Do it without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// Shows what an operation on many would do, asks, and does it.
pub async fn on_many<R: Serialize>(
    context: &Context<'_>,
    client: &Client,
    consent: Consent,
    verb: &str,
    path: &str,
    request: impl Fn(bool) -> R,
) -> Result<Exit, Failure> {
    let screen = context.screen;
    if !consent.yes {
        let preview: BulkOutcome = client.post(path, &request(true)).await?;
        if screen.json && consent.dry_run {
            screen.out_json(&preview);
            return Ok(Exit::Done);
        }
        if !screen.json {
            show(context, verb, &preview);
        }
        if preview.done == 0 {
            return Ok(Exit::Done);
        }
        if consent.dry_run {
            screen.next("the same without `--dry-run` does it");
            return Ok(Exit::Done);
        }
        if !screen.can_ask() {
            return Err(Failure::usage("LS-CLI-012", format!("`{verb}` changes records and nobody is there to ask"))
                .remedy("Add `--yes` to do it, `--dry-run` to only look."));
        }
        if !screen.confirm(&format!("{verb} {}?", thousands(preview.done))) {
            screen.note("nothing was changed");
            return Ok(Exit::Done);
        }
    }
    let bar = screen.progress(verb, None);
    let outcome: Result<BulkOutcome, _> = client.post(path, &request(false)).await;
    bar.finish_and_clear();
    let outcome = outcome?;
    if screen.json {
        screen.out_json(&outcome);
    } else {
        show(context, verb, &outcome);
    }
    Ok(if outcome.skipped.is_empty() { Exit::Done } else { Exit::Attention })
}

fn show(context: &Context<'_>, verb: &str, outcome: &BulkOutcome) {
    let screen = context.screen;
    show_entries(context, &outcome.examples);
    let shown = u64::try_from(outcome.examples.len()).unwrap_or(u64::MAX);
    if outcome.done > shown && shown > 0 {
        screen.out(format!("… and {} more", thousands(outcome.done - shown)));
    }
    let count = thousands(outcome.done);
    let would = if outcome.preview { "would " } else { "" };
    screen.out(match (outcome.done, outcome.preview) {
        (0, _) => format!("nothing to {verb}"),
        (_, true) => format!("{would}{verb} {}", screen.mark(Tone::Strong, &count)),
        (_, false) => format!("{verb}: {} done", screen.mark(Tone::Good, &count)),
    });
    for skipped in outcome.skipped.iter().take(SKIPPED_SHOWN_MAX) {
        let what = match (skipped.record, skipped.entry) {
            (Some(record), Some(entry)) => format!("record {record}, entry {entry}"),
            (Some(record), None) => format!("record {record}"),
            (None, Some(entry)) => format!("entry {entry}"),
            (None, None) => "one".to_owned(),
        };
        screen.out(format!("{} {what}: {}", screen.mark(Tone::Warn, "skipped"), skipped.reason));
    }
    let left = outcome.skipped.len().saturating_sub(SKIPPED_SHOWN_MAX);
    if left > 0 {
        screen.out(format!("… and {left} more skipped (`--json` lists all)"));
    }
}

/// Journal entries, one a line, their fields below.
pub fn show_entries(context: &Context<'_>, entries: &[EntryView]) {
    let screen = context.screen;
    for entry in entries {
        screen.out(entry_line(context, entry));
    }
}

/// One journal entry as a line (and one a field).
pub fn entry_line(context: &Context<'_>, entry: &EntryView) -> String {
    let screen = context.screen;
    let tone = match entry.kind.as_str() {
        "conflict" | "overwrote" | "held" | "delete-conflict" | "ambiguous" => Tone::Warn,
        "refused" | "uncastable" | "clash" => Tone::Bad,
        "written" => Tone::Dim,
        _ => Tone::Plain,
    };
    let mut line = format!(
        "{} {} {} {}",
        screen.mark(Tone::Dim, &format!("{:>6}", entry.seq)),
        screen.mark(Tone::Dim, &moment::clock(entry.at_micros)),
        screen.mark(Tone::Name, &entry.sync),
        screen.mark(tone, &table::clean(&entry.text)),
    );
    if !entry.fields.is_empty() {
        let mut fields = Table::new(&[]);
        for field in &entry.fields {
            fields.row(vec![
                table::text("         "),
                table::text(&field.field).tone(Tone::Name),
                value(field.before.as_deref()),
                table::text("→").tone(Tone::Dim),
                value(field.after.as_deref()),
            ]);
        }
        line.push('\n');
        line.push_str(&fields.render(screen));
    }
    line
}

/// A value in a listing. None: not known.
pub fn value(value: Option<&str>) -> table::Cell {
    value.map_or_else(table::dash, table::text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_one_or_a_range() {
        assert_eq!(entries("17"), Ok((17, 17)));
        assert_eq!(entries("17..42"), Ok((17, 42)));
        assert_eq!(entries("17.."), Ok((17, u64::MAX)));
        assert!(entries("a..b").is_err());
    }
}
