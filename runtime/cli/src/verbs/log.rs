//! `lockstep connector log`: what a connection's connector says in the running
//! Lockstep, as it says it.

use std::time::Duration;

use lockstep_engine::port::{LogLine, Logged};
use lockstep_server::{Client, Problem, client::Lines, requests, socket};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    logging, moment,
    screen::Tone,
};

/// How often a Lockstep that does not run, or has nothing to say yet, is looked for.
const LOOK: Duration = Duration::from_secs(1);
/// Least to most.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The connection
    connection: String,
    /// Nothing less important than this
    #[arg(long, value_name = "LEVEL", value_parser = LEVELS, default_value = "info")]
    level: String,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.client().await?;
    if matches!(client, Client::Local(_)) {
        return Err(Failure::new("LS-CLI-014", "no Lockstep is running, so no connector says anything")
            .remedy("Start `lockstep run`."));
    }
    let screen = context.screen;
    let mut lines = open(&client, &args.connection).await?;
    loop {
        let logged = tokio::select! {
            logged = lines.next::<Logged>() => logged?,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        };
        match logged {
            Some(Logged::Line(line)) if !is_asked(&line, &args.level) => {}
            Some(logged) if screen.json => screen.out_json_line(&logged),
            Some(Logged::Line(line)) => {
                let at = screen.mark(Tone::Dim, &moment::show(line.at_us));
                screen.out(format!("{at} {}", logging::connector_line(screen, &line.level, &line.role, &line.line)));
            }
            Some(Logged::Missed(missed)) => {
                screen.note(screen.mark_err(Tone::Warn, &format!("too fast to show: {missed} lines left out")));
            }
            None => {
                screen.note("the running Lockstep has stopped, or nothing of this connection ran yet");
                return Ok(Exit::Done);
            }
        }
    }
}

/// Beside `connector dev`: shows what the connection's connector says, whenever a Lockstep runs. Never ends.
pub async fn beside(connection: &str, context: &Context<'_>) {
    loop {
        // Whether it runs is told where something is asked of it.
        let _ = shown(connection, context).await;
        tokio::time::sleep(LOOK).await;
    }
}

async fn shown(connection: &str, context: &Context<'_>) -> Result<(), Problem> {
    let (screen, state) = (context.screen, context.state_path());
    if !socket::is_alive(&state).await {
        return Ok(());
    }
    let level = LEVELS[LEVELS.len().min(3 + usize::from(screen.verbose)) - 1];
    let mut lines = open(&Client::Socket(socket::path_of(&state)), connection).await?;
    while let Some(logged) = lines.next::<Logged>().await? {
        match logged {
            Logged::Line(line) if !is_asked(&line, level) => {}
            Logged::Line(LogLine { role, level, line, .. }) if screen.json => {
                screen.out_json_line(&serde_json::json!({
                    "log": line, "level": level, "role": role, "connection": connection,
                }));
            }
            Logged::Line(line) => {
                let said = logging::connector_line(screen, &line.level, &line.role, &line.line);
                screen.out(format!("{} {said}", screen.mark(Tone::Name, connection)));
            }
            Logged::Missed(missed) => screen.note(format!("{connection}: {missed} lines of the log left out")),
        }
    }
    Ok(())
}

async fn open(client: &Client, connection: &str) -> Result<Lines, Problem> {
    client.stream("/v1/connector/log", &requests::OfConnection { connection: connection.to_owned() }).await
}

fn is_asked(line: &LogLine, least: &str) -> bool {
    let rank = |level: &str| LEVELS.iter().position(|known| *known == level);
    rank(&line.level) <= rank(least)
}
