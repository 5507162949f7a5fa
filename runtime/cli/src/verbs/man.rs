//! `lockstep man`: the manual, from the same source as `--help`.

use std::{fs, path::PathBuf};

use clap::CommandFactory;

use crate::{
    args::Cli,
    failure::{Exit, Failure},
    screen::Screen,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write one page a command into this folder, instead of the first one to stdout
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

pub fn run(args: &Args, screen: &Screen) -> Result<Exit, Failure> {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(|error| cannot_write("the page", &error))?;
        screen.out(String::from_utf8_lossy(&page).trim_end());
        return Ok(Exit::Done);
    };
    let shown = folder.display().to_string();
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| cannot_write(&shown, &error))?;
    screen.next(format!("man -l {}", folder.join("lockstep.1").display()));
    Ok(Exit::Done)
}

fn cannot_write(what: &str, error: &std::io::Error) -> Failure {
    Failure::new("LS-CLI-005", format!("cannot write {what}: {error}"))
}
