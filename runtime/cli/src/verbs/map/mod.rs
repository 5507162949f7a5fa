//! `lockstep map`: proposes which columns hold the same thing, with a
//! confidence and reasons; takes what is sure, asks about the rest, and writes
//! every decision into the file with who made it.

mod choose;
mod draft;
mod file;
mod look;
mod objects;
mod show;

use std::{collections::BTreeMap, fs};

use jiff::Timestamp;
use lockstep_core::{
    config::{Config, Sync},
    mapping,
    propose::{ACCEPT_ABOVE, Decided, Described, Proposals, propose},
    record::{FieldId, SideId},
};

use self::{
    choose::{Candidate, note},
    draft::Draft,
    file::{Accepted, Decisions, Reviewed, with_decisions},
    look::Seen,
};
use crate::{
    configuration,
    context::Context,
    failure::{Exit, Failure},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sync
    #[arg(required_unless_present = "objects")]
    pub sync: Option<String>,
    /// Propose which objects of these connections go together
    #[arg(long, value_name = "CONNECTIONS", value_delimiter = ',', conflicts_with = "sync")]
    pub objects: Vec<String>,
    /// Take what is sure without asking, and leave the rest
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Only show what is proposed
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// From this confidence on, 0 to 1, a proposal is sure
    #[arg(long, value_name = "CONFIDENCE", default_value_t = ACCEPT_ABOVE)]
    pub accept_above: f64,
    /// Go by names and types alone, without looking at any values
    #[arg(long)]
    pub no_samples: bool,
    /// A word on these decisions, for the file
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let Some(name) = args.sync.as_deref() else {
        return objects::run(args, context).await;
    };
    let draft = draft::load(context.config_path(), name)?;
    let sync = draft.config.sync(name).ok_or_else(|| unknown(&draft.config, name))?;
    let client = look::client(&draft.config, context.config_path())?;
    let seen = look::at_sides(&client, sync, !args.no_samples, context).await?;
    let found = proposals(&draft, sync, &seen);
    let candidates = candidates(&draft.config, sync, &found);
    let sure: Vec<&Candidate> = candidates.iter().filter(|one| one.is_sure(args.accept_above)).collect();
    let unsure: Vec<&Candidate> =
        candidates.iter().filter(|one| !one.is_sure(args.accept_above) && one.reference.is_ok()).collect();
    if screen.json {
        show::json(screen, &candidates, &found, args.accept_above);
    } else {
        show::tables(screen, sync, &seen, &candidates, &found, args.accept_above);
    }
    if candidates.is_empty() || args.dry_run || (screen.json && !args.yes) {
        return Ok(Exit::Done);
    }
    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();
    let by = |said: String| Reviewed { by: context.by(), at: today.clone(), note: args.note.clone().unwrap_or(said) };
    let mut decisions = Decisions::default();
    if args.yes {
        decisions.accepted.extend(sure.iter().map(|one| one.accepted(by(note(one)))));
    } else if screen.can_ask() {
        if !sure.is_empty() && screen.confirm(&format!("take the {} sure ones?", sure.len())) {
            decisions.accepted.extend(sure.iter().map(|one| one.accepted(by(note(one)))));
        }
        choose::ask_each(screen, &unsure, &seen, &by, &mut decisions);
    } else {
        return Err(Failure::usage("LS-CLI-012", "`map` writes into the file and nobody is there to ask")
            .remedy("Add `--yes` to take what is sure, `--dry-run` to only look."));
    }
    if decisions.is_empty() {
        screen.note("nothing was changed");
        return Ok(Exit::Done);
    }
    if !draft.has_match {
        decisions.match_on = match_field(sync, &seen, &decisions.accepted).map(|field| vec![field]);
    }
    let refused = write(context, &draft, name, &seen, decisions)?;
    for (field, why) in &refused {
        screen.note(format!("left out {field}: {why}"));
    }
    screen.next("look at the file's difference, set rules where the default does not fit, then `lockstep plan`");
    Ok(Exit::Done)
}

fn unknown(config: &Config, name: &str) -> Failure {
    let names: Vec<&str> = config.syncs.iter().map(|sync| sync.name.as_str()).collect();
    Failure::usage("LS-ENG-201", format!("there is no sync `{name}`")).remedy(if names.is_empty() {
        "Describe one first: [syncs.NAME] with its sides.".to_owned()
    } else {
        format!("There are: {}.", names.join(", "))
    })
}

/// What goes together, beside what the file says already.
fn proposals(draft: &Draft, sync: &Sync, seen: &[Seen]) -> Proposals {
    let sides: Vec<Described<'_>> =
        seen.iter().map(|seen| Described { side: &seen.side, object: &seen.object, samples: &seen.samples }).collect();
    let mut decided = Decided::default();
    for field in &sync.fields {
        let columns = field.columns.iter().map(|(side, column)| (side.clone(), column.column.clone())).collect();
        decided.mapped.push((field.name.clone(), columns));
    }
    if draft.same_name {
        for found in mapping::same_name(seen.iter().map(|seen| (seen.side.as_str(), &seen.object))) {
            let known = found.columns.iter().any(|column| decided.mapped.iter().any(|(_, all)| all.contains(column)));
            if !known {
                decided.mapped.push((found.field, found.columns));
            }
        }
    }
    decided.declined = sync.declined.iter().map(|declined| declined.columns.clone()).collect();
    propose(&sides, &decided)
}

fn candidates(config: &Config, sync: &Sync, found: &Proposals) -> Vec<Candidate> {
    let candidate = |proposal: &lockstep_core::propose::Proposal| {
        // A key means nothing at another side: a reference needs the sync of what it refers to.
        let refers = proposal.targets.len() == proposal.columns.len();
        let parent = look::parent(config, sync, &proposal.targets).map(str::to_owned);
        let reference = match (refers, parent) {
            (true, Some(parent)) => Ok(Some(parent)),
            (true, None) => Err(()),
            (false, _) => Ok(None),
        };
        Candidate { proposal: proposal.clone(), reference }
    };
    found.proposals.iter().map(candidate).collect()
}

/// The field by which records find each other: one that is unique at a side at
/// least, and of those one that holds e-mail addresses first.
fn match_field(sync: &Sync, seen: &[Seen], accepted: &[Accepted]) -> Option<String> {
    let unique = |accepted: &&Accepted| {
        accepted.columns.len() == sync.sides.len()
            && accepted.columns.iter().any(|(side, name)| {
                let seen = seen.iter().find(|seen| seen.side == *side);
                seen.and_then(|seen| seen.object.column(name)).is_some_and(|column| column.unique)
            })
    };
    let fields: Vec<&Accepted> = accepted.iter().filter(unique).collect();
    let email = fields.iter().find(|field| field.field.contains("email"));
    email.or(fields.first()).map(|field| field.field.clone())
}

/// Writes the decisions that hold; the others come back with what is wrong with them.
fn write(
    context: &Context<'_>,
    draft: &Draft,
    sync: &str,
    seen: &[Seen],
    mut decisions: Decisions,
) -> Result<Vec<(String, String)>, Failure> {
    let path = context.config_path();
    let failed =
        |error: &dyn std::fmt::Display| Failure::new("LS-CLI-005", format!("cannot write {}: {error}", path.display()));
    let mut refused = Vec::new();
    for accepted in std::mem::take(&mut decisions.accepted) {
        let alone = Decisions { accepted: vec![accepted.clone()], ..Decisions::default() };
        let text = with_decisions(&draft.text, sync, &alone).map_err(|error| failed(&error))?;
        match objection(&text, sync, &accepted.field, seen) {
            None => decisions.accepted.push(accepted),
            Some(why) => refused.push((accepted.field, why)),
        }
    }
    let changed = with_decisions(&draft.text, sync, &decisions).map_err(|error| failed(&error))?;
    if draft.has_match || decisions.match_on.is_some() {
        configuration::parse(path, &changed)?;
    }
    let beside = path.with_extension("toml.new");
    fs::write(&beside, changed).and_then(|()| fs::rename(&beside, path)).map_err(|error| failed(&error))?;
    if !draft.has_match && decisions.match_on.is_none() {
        context
            .screen
            .note("no field is unique at a side: say in `match` how records that exist already find each other");
    }
    Ok(refused)
}

/// What would be wrong with a field, in words.
fn objection(text: &str, sync: &str, field: &str, seen: &[Seen]) -> Option<String> {
    let filled = draft::filled(text, sync);
    let config = match Config::parse(&filled) {
        Ok(config) => config,
        Err(errors) => return errors.first().map(|error| error.message.clone()),
    };
    let sync = config.sync(sync)?;
    let objects: mapping::Objects = seen.iter().map(|seen| (seen.side.clone(), seen.object.clone())).collect();
    let names = mapping::names(sync, &objects);
    let number = |names: Vec<String>| names.into_iter().zip(0u16..).collect::<Vec<_>>();
    let ids = mapping::Ids {
        sides: number(names.sides)
            .into_iter()
            .map(|(name, id)| (name, SideId(u8::try_from(id).unwrap_or(u8::MAX))))
            .collect::<BTreeMap<_, _>>(),
        fields: number(names.fields).into_iter().map(|(name, id)| (name, FieldId(id))).collect(),
    };
    let errors = mapping::compile(sync, &objects, &ids, 1).err()?;
    errors.into_iter().find(|error| error.field.as_deref() == Some(field)).map(|error| error.message)
}
