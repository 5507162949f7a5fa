//! `lockstep connector dev`: watches a connector's sources, builds them, puts what was built
//! through the conformance kit, and has a running Lockstep go on with what passed. What
//! fails on the way changes nothing of what runs.

mod build;
mod project;
mod sources;
mod takeover;
mod told;
mod trial;

use std::{path::PathBuf, sync::Arc};

use lockstep_core::config::ConnectorSettings;
use lockstep_host::{CodeKind, digest_of, survey};
use tokio::signal::unix::{SignalKind, signal};

use self::{
    build::Built,
    project::Project,
    sources::{Sources, Watch},
    takeover::{Taken, Takeover},
    told::Teller,
    trial::{Trial, Tried},
};
use super::{conformance, log, versions};
use crate::{
    configuration,
    connectors::Loader,
    context::Context,
    failure::{Exit, Failure},
    logging,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's folder, which has a dev.toml and a lockstep.toml
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// A connection of the running Lockstep that each version which passes comes into use at
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// The connection of the project's lockstep.toml that the kit writes to
    #[arg(long, value_name = "NAME")]
    kit: Option<String>,
    /// Only this rule of the kit, by code or name; may be repeated
    #[arg(long, value_name = "RULE")]
    only: Vec<String>,
    /// Let a version take over although it tells otherwise what the version in use told
    #[arg(long, requires = "connection")]
    accept_differences: bool,
    /// How long a version is watched before the next one may take over
    #[arg(long, value_name = "TIME", default_value = "0s", requires = "connection")]
    probation: String,
    /// Build, test and upgrade once, and end with how that went
    #[arg(long)]
    once: bool,
}

/// One time through everything, as far as it came.
struct Round {
    number: u32,
    changed: Vec<PathBuf>,
    built: Option<Built>,
    /// SHA-256 of what was built.
    digest: Option<String>,
    tried: Option<Tried>,
    /// `None` too where no connection is named.
    taken: Option<Taken>,
    /// What a step could not be done for.
    failure: Option<Failure>,
}

impl Round {
    fn new(number: u32, changed: Vec<PathBuf>) -> Self {
        Round { number, changed, built: None, digest: None, tried: None, taken: None, failure: None }
    }

    fn is_well(&self) -> bool {
        self.failure.is_none()
            && self.built.as_ref().is_some_and(|built| built.done)
            && self.tried.as_ref().is_some_and(Tried::holds)
            && !matches!(self.taken, Some(Taken::Stays(_)))
    }
}

/// What every round is done with.
struct Bench<'a> {
    context: &'a Context<'a>,
    teller: Teller<'a>,
    project: Project,
    trial: Trial,
    takeover: Option<Takeover>,
    loader: Arc<Loader>,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let bench = Bench::new(args, context)?;
    logging::start_for_connectors(context.screen);
    let ended = |error| Failure::new("LS-CLI-002", format!("signals cannot be waited for: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ended)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ended)?;
    let beside = async {
        match &args.connection {
            Some(connection) => log::beside(connection, context).await,
            None => std::future::pending().await,
        }
    };
    let stopped = tokio::select! {
        done = bench.work(args.once) => return done,
        () = beside => false,
        _ = interrupt.recv() => true,
        _ = terminate.recv() => true,
    };
    if stopped && !context.screen.json {
        context.screen.note("ended; whatever serves goes on");
    }
    // One round was asked for, and did not come to its end.
    Ok(if args.once { Exit::Failed } else { Exit::Done })
}

impl<'a> Bench<'a> {
    fn new(args: &Args, context: &'a Context<'a>) -> Result<Self, Failure> {
        let project = Project::read(&args.dir)?;
        let only = args.only.iter().map(|text| conformance::rule(text)).collect::<Result<_, _>>()?;
        let probation_ms = versions::probation(&args.probation)?;
        let takeover = args.connection.clone().map(|connection| Takeover {
            connection,
            accept_differences: args.accept_differences,
            probation_ms,
        });
        let config = project.folder.join("lockstep.toml");
        let settings = match config.exists() {
            true => configuration::load(&config)?.connectors,
            false => ConnectorSettings::default(),
        };
        let loader = Arc::new(Loader::keeping(None, &settings, &project.folder));
        Ok(Bench {
            context,
            teller: Teller::new(context.screen),
            project,
            trial: Trial { connection: args.kit.clone(), only },
            takeover,
            loader,
        })
    }

    /// Until stopped, or once.
    async fn work(&self, once: bool) -> Result<Exit, Failure> {
        let mut watch = if once { None } else { Some(Watch::new(&self.project)?) };
        let mut known = Sources::default();
        for number in 1.. {
            let now = match &mut watch {
                Some(watch) if number > 1 => watch.other_than(&self.project, &known).await,
                Some(_) | None => Sources::of(&self.project),
            };
            let changed = if number == 1 { Vec::new() } else { now.changed_since(&known) };
            known = now;
            let round = self.round(Round::new(number, changed)).await;
            self.teller.round(&self.project, &round);
            if once {
                return Ok(if round.is_well() { Exit::Done } else { Exit::Failed });
            }
            self.teller.waits(&self.project);
        }
        Ok(Exit::Done)
    }

    async fn round(&self, mut round: Round) -> Round {
        self.teller.begins(&self.project, round.number, &round.changed);
        let mut step = "build";
        if let Err(failure) = self.steps(&mut round, &mut step).await {
            self.teller.failed(step, &failure);
            round.failure = Some(failure);
        }
        round
    }

    async fn steps(&self, round: &mut Round, step: &mut &'static str) -> Result<(), Failure> {
        let bar = self.teller.building(&self.project);
        let built = build::build(&self.project, self.context.screen.colours_out()).await;
        bar.finish_and_clear();
        let built = round.built.insert(built?);
        self.teller.built(built);
        if !built.done {
            return Ok(());
        }
        let digest = &*round.digest.insert(self.made()?);
        *step = "kit";
        let bar = self.context.screen.progress("compiling it and trying the rules", None);
        let tried = self.trial.run(&self.project, digest, &self.loader, &self.teller).await;
        bar.finish_and_clear();
        let tried = round.tried.insert(tried?);
        self.teller.tried(tried);
        let Some(takeover) = self.takeover.as_ref().filter(|_| tried.holds()) else { return Ok(()) };
        *step = "in use";
        let bar = self.context.screen.progress("comparing with the version in use", None);
        let taken = takeover.run(&self.project, digest, self.context).await;
        bar.finish_and_clear();
        self.teller.taken(&takeover.connection, round.taken.insert(taken?));
        Ok(())
    }

    /// The digest of the component that the build made.
    fn made(&self) -> Result<String, Failure> {
        let path = &self.project.component;
        let bytes = std::fs::read(path).map_err(|error| {
            let shown = self.project.shown(path);
            Failure::new("LS-CLI-065", format!("the build ended well, and {shown} cannot be read: {error}"))
                .remedy("Let `component` in the project's dev.toml name what the build makes.")
        })?;
        let kind = survey(&bytes)?.code;
        match kind {
            None => Ok(digest_of(&bytes)),
            Some(kind @ (CodeKind::Transform | CodeKind::Policy)) => {
                Err(Failure::new("LS-CLI-066", format!("what was built is a {kind}, and the kit is for connectors"))
                    .remedy("Build it by its own command; a running Lockstep takes the file up within seconds."))
            }
        }
    }
}
