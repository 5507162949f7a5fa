//! `lockstep run`: everything kept in step, in the foreground, until stopped.

use std::{io, path::Path, sync::Arc};

use lockstep_core::config::Config;
use lockstep_engine::{Engine, failpoint};
use lockstep_server::{listener, socket};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    configuration,
    context::Context,
    failure::{Exit, Failure},
    logging::{self, Format},
    screen::Tone,
    watch_folder::{self, WatchFolder},
    wiring::{self, State},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How the log on stderr is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub log_format: Format,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    logging::start(args.log_format, context.screen);
    arm_failpoints()?;
    let state = context.state_path();
    wiring::check_secrets(context.config_path())?;
    let engine = open(context, &state).await?;
    let control = socket::bind(&state).await.map_err(|error| {
        Failure::new(
            "LS-CLI-017",
            format!("cannot open the control socket {}: {error}", socket::path_of(&state).display()),
        )
        .remedy("Is another `lockstep run` at work on this state file?")
    })?;
    let config = configuration::load(context.config_path())?;
    let public = listen(&config).await?;
    let (stop, stopping) = watch::channel(false);
    let stop = Arc::new(stop);
    let signals = tokio::spawn(wait_for_signal(stop.clone()));
    let serving =
        tokio::spawn(socket::serve(control, lockstep_server::router(engine.operations()), stopped(stopping.clone())));
    let listening = public.map(|listener| {
        let router = listener::router(engine.clone(), &config);
        tokio::spawn(listener::serve(listener, router, stopping.clone()))
    });
    let taking = config.connectors.watch_folder.as_deref().map(|written| {
        let folder = watch_folder::place(context.config_path(), written);
        tokio::spawn(WatchFolder::new(folder, engine.operations()).watch())
    });
    say_ready(context, &engine, &state).await;
    let outcome = engine.run(stopped(stopping)).await;
    stop.send_replace(true);
    signals.abort();
    if let Some(taking) = taking {
        taking.abort();
    }
    if let Ok(Err(error)) = serving.await {
        tracing::warn!(%error, "the control socket ended with an error");
    }
    if let Some(listening) = listening
        && let Ok(Err(error)) = listening.await
    {
        tracing::warn!(%error, "the listener ended with an error");
    }
    outcome.map_err(|error| Failure::from(lockstep_server::router::problem(&error)))?;
    tracing::info!("stopped; everything is saved");
    Ok(Exit::Done)
}

/// The engine, once a command that looked into the state just now is done with it.
async fn open(context: &Context<'_>, state: &Path) -> Result<Engine, Failure> {
    let another = async || socket::is_alive(state).await;
    let opened = wiring::engine_when_free(context.config_path(), State::Kept(state.to_owned()), another).await?;
    opened.ok_or_else(|| {
        Failure::new("LS-CLI-017", format!("another Lockstep answers at {}", socket::path_of(state).display()))
            .remedy("It keeps the same state in step; stop it first, or name another state file.")
    })
}

/// The public listener, where the configuration wants one.
async fn listen(config: &Config) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = config.server.listen else {
        return Ok(None);
    };
    let bound = TcpListener::bind(address).await.map_err(|error| {
        Failure::new("LS-CLI-026", format!("cannot listen on {address}: {error}"))
            .remedy("Choose a free address and port in `[server] listen`; ports below 1024 need a right of their own.")
    })?;
    Ok(Some(bound))
}

async fn say_ready(context: &Context<'_>, engine: &Engine, state: &Path) {
    let syncs = match engine.operations().status().await {
        Ok(status) => status.syncs.iter().map(|sync| sync.name.clone()).collect::<Vec<_>>().join(", "),
        Err(_) => String::new(),
    };
    context.screen.note(format!(
        "{} syncs {}; control socket {}; Ctrl-C stops",
        context.screen.mark_err(Tone::Good, "ready:"),
        if syncs.is_empty() { "(none)" } else { &syncs },
        socket::path_of(state).display()
    ));
}

/// The first signal drains, the second ends at once.
async fn wait_for_signal(stop: Arc<watch::Sender<bool>>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    for first in [true, false] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if first {
            tracing::info!("stopping: writes in flight are finished; once more ends at once");
            stop.send_replace(true);
        }
    }
    std::process::exit(1)
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Places where a test kills this process; nothing unless asked for.
fn arm_failpoints() -> Result<(), Failure> {
    match std::env::var("LOCKSTEP_FAILPOINTS") {
        Ok(setting) if !setting.is_empty() => {
            failpoint::arm(&setting).map_err(|error| Failure::usage("LS-CLI-018", error.to_string()))
        }
        _ => Ok(()),
    }
}
