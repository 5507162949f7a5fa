//! `lockstep completions`: a script for the shell.

use clap::CommandFactory;

use crate::{
    args::Cli,
    failure::{Exit, Failure},
    screen::Screen,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// For which shell
    pub shell: clap_complete::Shell,
}

pub fn run(args: &Args, screen: &Screen) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lockstep", &mut script);
    screen.out(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Done)
}
