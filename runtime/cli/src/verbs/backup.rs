//! `lockstep backup`: a copy of the state file and of the folder `….kept`
//! beside it, also while Lockstep runs.

use std::path::PathBuf;

use lockstep_state::{Options, Store};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    kept,
    table::thousands,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the copy goes; a file of that name is replaced when the copy is complete
    pub to: PathBuf,
}

pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let store = Store::open_read_only(&context.state_path(), &Options::default())?;
    let bar = screen.progress("copying", None);
    let bytes = store.backup(&args.to);
    bar.finish_and_clear();
    let bytes = bytes?;
    kept::copy(&context.state_path(), &args.to).map_err(|error| {
        let folder = kept::beside(&args.to);
        Failure::new("LS-CLI-027", format!("the state is saved, but not what is kept beside it: {error}"))
            .remedy(format!("Without {} the copy cannot sign in where tokens have changed.", folder.display()))
    })?;
    let shown = args.to.display();
    if screen.json {
        screen.out_json(&serde_json::json!({ "backup": shown.to_string(), "bytes": bytes }));
    } else {
        screen.out(format!("{shown}: {} KiB, as of now", thousands(bytes / 1024)));
        screen.next(format!("`lockstep restore {shown}` puts it back, however old it is by then"));
    }
    Ok(Exit::Done)
}
