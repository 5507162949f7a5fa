//! `lockstep restore`: puts a copy of the state file in place. Any old one is
//! safe: what it does not know is found out again, and no edit is lost.

use std::path::{Path, PathBuf};

use lockstep_server::socket;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    kept,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The copy
    pub from: PathBuf,
    /// Do it without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let state = context.state_path();
    if socket::is_alive(&state).await {
        return Err(Failure::new("LS-CLI-019", format!("Lockstep is running on {}", state.display()))
            .remedy("Stop it first; a running one cannot have its state replaced."));
    }
    if state.exists() && !args.yes {
        if !screen.can_ask() {
            return Err(Failure::usage("LS-CLI-012", "`restore` replaces the state and nobody is there to ask")
                .remedy("Add `--yes` to do it."));
        }
        if !screen.confirm(&format!("replace {}? (it is kept beside)", state.display())) {
            screen.note("nothing was changed");
            return Ok(Exit::Done);
        }
    }
    let kept = lockstep_state::restore(&args.from, &state)?;
    sign_in_as_then(&args.from, &state)?;
    if screen.json {
        let kept = kept.map(|path| path.display().to_string());
        screen.out_json(&serde_json::json!({ "restored": state.display().to_string(), "kept": kept }));
        return Ok(Exit::Done);
    }
    screen.out(format!("{} is in place", state.display()));
    if let Some(kept) = kept {
        screen.out(format!("what was there is kept as {}", kept.display()));
    }
    screen.next("`lockstep run` goes on from it and finds out what it missed");
    Ok(Exit::Done)
}

/// Puts back what was kept beside the saved state, where nothing is: what is
/// there already is newer, and of tokens that change only the newest is good.
fn sign_in_as_then(backup: &Path, state: &Path) -> Result<(), Failure> {
    // Components are named by what they are: the state's own are never in the way.
    let copied = match kept::beside(state).exists() {
        true => kept::copy_components(backup, state),
        false => kept::copy(backup, state),
    };
    copied.map(|_| ()).map_err(|error| {
        let (from, to) = (kept::beside(backup), kept::beside(state));
        Failure::new("LS-CLI-027", format!("the state is in place, but not what was kept beside it: {error}"))
            .remedy(format!("Copy the folder {} to {}.", from.display(), to.display()))
    })
}
