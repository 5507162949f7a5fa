//! `lockstep init`: a first file, with words in it.

use std::{fs::OpenOptions, io::Write};

use crate::{
    context::Context,
    failure::{Exit, Failure},
};

/// What a newcomer starts from. A test keeps it a valid configuration.
pub const FIRST_FILE: &str = include_str!("first.toml");

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let path = context.config_path();
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(FIRST_FILE.as_bytes()));
    if let Err(error) = written {
        return Err(if error.kind() == std::io::ErrorKind::AlreadyExists {
            Failure::usage("LS-CLI-006", format!("{shown} is there already"))
                .remedy("Edit it, or replace it with `lockstep init --force`.")
        } else {
            Failure::new("LS-CLI-005", format!("cannot write {shown}: {error}"))
        });
    }
    if context.screen.json {
        context.screen.out_json(&serde_json::json!({ "written": shown.to_string() }));
    } else {
        context.screen.out(format!("wrote {shown}"));
        context.screen.next("set the two addresses in it, then `lockstep check`");
    }
    Ok(Exit::Done)
}
