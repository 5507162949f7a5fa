//! `lockstep help`: a code's page, or a command's help.

use clap::CommandFactory;

use crate::{
    args::Cli,
    failure::{Exit, Failure},
    pages,
    screen::Screen,
    table::{self, Table},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// An error code such as LS-CFG-001, `codes` for a list, or a command
    #[arg(value_name = "CODE|COMMAND")]
    pub topic: Vec<String>,
}

pub fn run(args: &Args, screen: &Screen) -> Result<Exit, Failure> {
    let Some(first) = args.topic.first() else {
        screen.out(Cli::command().render_help().to_string().trim_end());
        return Ok(Exit::Done);
    };
    if first.eq_ignore_ascii_case("codes") {
        return Ok(list(screen));
    }
    if let Some(page) = pages::page(first) {
        screen.out(page.trim_end());
        return Ok(Exit::Done);
    }
    if first.to_ascii_uppercase().starts_with("LS-") {
        let failure = Failure::usage("LS-CLI-003", format!("there is no error code `{first}`"));
        return Err(failure.remedy(match pages::nearest(first) {
            Some(near) => format!("Did you mean `lockstep help {near}`?"),
            None => "`lockstep help codes` lists them all.".to_owned(),
        }));
    }
    command_help(&args.topic, screen)
}

fn list(screen: &Screen) -> Exit {
    if screen.json {
        let codes: Vec<_> =
            pages::all().map(|(code, title)| serde_json::json!({ "code": code, "title": title })).collect();
        screen.out_json(&codes);
        return Exit::Done;
    }
    let mut table = Table::new(&["code", "what it says"]);
    for (code, title) in pages::all() {
        table.row(vec![table::text(code), table::text(title)]);
    }
    screen.out(table.render(screen));
    Exit::Done
}

fn command_help(topic: &[String], screen: &Screen) -> Result<Exit, Failure> {
    let mut root = Cli::command();
    root.build();
    let mut command = &mut root;
    for word in topic {
        command = match command.find_subcommand_mut(word) {
            Some(found) => found,
            None => {
                return Err(Failure::usage("LS-CLI-004", format!("there is no command and no error code `{word}`"))
                    .remedy("`lockstep help` lists the commands, `lockstep help codes` the codes."));
            }
        };
    }
    screen.out(command.render_help().to_string().trim_end());
    Ok(Exit::Done)
}
