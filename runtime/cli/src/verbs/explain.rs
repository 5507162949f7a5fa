//! `lockstep explain`: one record, field by field: who set it, when, from where,
//! under which rule, and what it displaced.

use lockstep_engine::operations::{Explanation, FieldView, RecordName};
use lockstep_server::requests;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    moment,
    screen::Tone,
    table::{self, Table, text},
    verbs::selection::{show_entries, value},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A record's number, or SIDE:KEY
    pub record: String,
    /// Only this field
    pub field: Option<String>,
    /// Of this sync, when there are several
    #[arg(long)]
    pub sync: Option<String>,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let record = RecordName::parse(&args.record).ok_or_else(|| {
        Failure::usage("LS-CLI-015", format!("`{}` names no record", args.record))
            .remedy("Write a record's number as listings show it, or SIDE:KEY such as `crm:42`.")
    })?;
    let client = context.client().await?;
    let asked = requests::Explain {
        sync: context.sync(&client, args.sync.as_deref()).await?,
        record,
        field: args.field.clone(),
    };
    let told: Explanation = client.post("/v1/explain", &asked).await?;
    if context.screen.json {
        context.screen.out_json(&told);
    } else {
        show(context, &told);
    }
    Ok(Exit::Done)
}

fn show(context: &Context<'_>, told: &Explanation) {
    let screen = context.screen;
    let tone = if told.life == "live" { Tone::Good } else { Tone::Warn };
    screen.out(format!(
        "{} record {}  {}",
        screen.mark(Tone::Strong, &told.sync),
        screen.mark(Tone::Strong, &told.record.to_string()),
        screen.mark(tone, &told.life)
    ));
    let mut links = Table::new(&[]);
    for link in &told.links {
        let mut notes = Vec::new();
        if let Some(pending) = &link.pending {
            notes.push(format!("{pending} waits"));
        }
        if link.quarantined {
            notes.push("refused, see `lockstep failures`".to_owned());
        }
        links.row(vec![
            text(format!("  {}", link.side)).tone(Tone::Name),
            value(link.key.as_deref()),
            text(&link.presence),
            text(notes.join(", ")).tone(Tone::Warn),
        ]);
    }
    screen.out(links.render(screen));
    screen.out("");
    let mut fields = Table::new(&["  field", "value", "set by", "at (UTC)", "entry", "sides"]);
    for field in &told.fields {
        fields.row(field_row(field));
    }
    screen.out(fields.render(screen));
    for field in &told.fields {
        show_hold(context, field);
    }
    if !told.history.is_empty() {
        screen.out("");
        screen.out(screen.mark(Tone::Dim, "history, oldest first"));
        show_entries(context, &told.history);
    }
}

fn field_row(field: &FieldView) -> Vec<table::Cell> {
    let first_copy = field.entry == 0;
    vec![
        text(format!("  {}", field.field)).tone(Tone::Name),
        value(field.value.as_deref()),
        text(field.set_by.as_deref().unwrap_or("lockstep")),
        text(moment::show(field.set_at_micros)).tone(Tone::Dim),
        text(if first_copy { "first copy".to_owned() } else { field.entry.to_string() }).tone(Tone::Dim),
        sides(field),
    ]
}

/// Which sides differ from the agreed value; most often none.
fn sides(field: &FieldView) -> table::Cell {
    let differing: Vec<String> = field
        .sides
        .iter()
        .filter(|side| side.value != field.value)
        .map(|side| format!("{}: {}", side.side, side.value.as_deref().unwrap_or("–")))
        .collect();
    if differing.is_empty() { text("in step").tone(Tone::Good) } else { text(differing.join(", ")).tone(Tone::Warn) }
}

fn show_hold(context: &Context<'_>, field: &FieldView) {
    let Some(hold) = &field.hold else { return };
    let screen = context.screen;
    screen.out(format!(
        "  {} {} is held ({}) since {}",
        screen.mark(Tone::Warn, "!"),
        screen.mark(Tone::Strong, &field.field),
        hold.reason,
        moment::show(hold.since_micros)
    ));
    if !hold.detail.is_empty() {
        screen.out(format!("    {}", table::clean(&hold.detail)));
    }
    let mut values = Table::new(&[]);
    values.row(vec![text("    before"), value(hold.base.as_deref())]);
    for contender in &hold.contenders {
        values.row(vec![text(format!("    {}", contender.side)).tone(Tone::Name), value(contender.value.as_deref())]);
    }
    screen.out(values.render(screen));
}
