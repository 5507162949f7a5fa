//! `lockstep connector inspect`: what a component is and wants, from its bytes alone. Nothing
//! of it is compiled or run.

use std::{collections::BTreeMap, path::Path};

use lockstep_core::config::{Config, Connection};
use lockstep_engine::versions::{ConnectorView, beyond};
use lockstep_host::{Anatomy, Artifact, Bound, Limits, Manifest, Right, Standing, digest_of, examine, rights, survey};
use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    asks, bridge, configuration,
    connectors::{self, Found, Loader, Source},
    context::Context,
    failure::{Exit, Failure},
    kept,
    screen::{Screen, Tone},
    table::{Table, text},
    verbs::inspect_code,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A built-in's name, a path to a .wasm file, or oci://…
    pub connector: String,
    /// The connection whose grants and present version it is held against [default: those that use it]
    #[arg(long, value_name = "CONNECTION")]
    pub against: Option<String>,
}

/// Everything that is told.
#[derive(Debug, Serialize)]
struct Report {
    from: String,
    digest: String,
    bytes: usize,
    /// What it came in, where that was a registry.
    artifact: Option<Origin>,
    contract_version: String,
    /// Who answers for it.
    signature: String,
    /// Why it is not let in, where its signature is the reason; empty where it is not.
    refused: String,
    imports: Vec<String>,
    /// None: it does not say what it asks for.
    manifest: Option<Manifest>,
    connections: Vec<Standings>,
    /// It would get less than it asks for, or asks for more than the version in use does.
    wider: bool,
}

/// Where in a registry it is from, in the words of who published it.
#[derive(Debug, Serialize)]
struct Origin {
    /// With the manifest's digest.
    reference: String,
    manifest: String,
    annotations: BTreeMap<String, String>,
    /// Signatures over the manifest, whosever they are.
    signatures: usize,
}

impl Origin {
    fn of(artifact: &Artifact) -> Self {
        Origin {
            reference: artifact.reference.clone(),
            manifest: format!("sha256:{}", artifact.digest()),
            annotations: artifact.annotations().into_iter().collect(),
            signatures: artifact.statements.len(),
        }
    }
}

/// How it stands with one connection.
#[derive(Debug, Serialize)]
struct Standings {
    connection: String,
    rights: Vec<Told>,
    limits: Vec<WantedLimit>,
    in_use: Option<Difference>,
}

#[derive(Debug, Serialize)]
struct Told {
    ask: String,
    line: String,
    /// `granted`, `configured` or `missing`.
    standing: &'static str,
}

#[derive(Debug, Serialize)]
struct WantedLimit {
    key: String,
    wanted: String,
    granted: String,
    fits: bool,
}

/// What differs from the version in use.
#[derive(Debug, Serialize)]
struct Difference {
    digest: String,
    bytes: usize,
    version: String,
    added: Vec<String>,
    removed: Vec<String>,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let source = connectors::source(&args.connector, Path::new(""))?;
    let look = Look::new(context).await?;
    let found = look.found(&source).await?;
    let surveyed = survey(&found.bytes)?;
    let own = digest_of(&found.bytes);
    let signature = look.loader.signature(&source, &own, &found).to_string();
    let refusal = look.loader.admits(&source, &own, &found.bytes, &found.evidence).err();
    let refused = refusal.as_ref().map(|error| format!("{}: {error}", error.code())).unwrap_or_default();
    let from = source.to_string();
    if let Some(kind) = surveyed.code {
        inspect_code::refuse_against(args.against.as_deref(), kind)?;
        let component = inspect_code::Component { from, digest: own, bytes: found.bytes.len(), signature, refused };
        return Ok(inspect_code::run(&component, &surveyed, kind, context.screen));
    }
    let anatomy = surveyed.anatomy;
    let mut connections = Vec::new();
    for connection in look.concerned(args, &source, &anatomy).await? {
        connections.push(look.standings(connection, &own, &anatomy).await?);
    }
    let wider = connections.iter().any(Standings::is_wider);
    let report = Report {
        signature,
        refused,
        from,
        digest: format!("sha256:{own}"),
        bytes: found.bytes.len(),
        artifact: found.evidence.artifact.as_ref().map(Origin::of),
        contract_version: anatomy.contract.to_string(),
        imports: anatomy.imports,
        manifest: anatomy.manifest,
        connections,
        wider,
    };
    let needs_someone = report.wider || report.manifest.is_none();
    if context.screen.json {
        context.screen.out_json(&report);
    } else {
        show(&report, context.screen);
    }
    Ok(match (refusal, needs_someone) {
        (Some(_), _) => Exit::Failed,
        (None, true) => Exit::Attention,
        (None, false) => Exit::Done,
    })
}

/// What a component is held against.
struct Look<'a> {
    context: &'a Context<'a>,
    config: Option<Config>,
    loader: Loader,
    /// SHA-256 of the version that serves a connection, where one has.
    serving: BTreeMap<String, String>,
}

impl<'a> Look<'a> {
    async fn new(context: &'a Context<'a>) -> Result<Self, Failure> {
        let has_config = context.config_path().exists();
        let config = if has_config { Some(configuration::load(context.config_path())?) } else { None };
        let state = context.state_path();
        let views: Vec<ConnectorView> = match has_config && state.exists() {
            true => context.looking_client().await?.post("/v1/connectors", &Json::Null).await?,
            false => Vec::new(),
        };
        let serving = views.into_iter().filter_map(|view| Some((view.connection, view.in_use?.about.digest)));
        let settings = config.as_ref().map(|config| config.connectors.clone()).unwrap_or_default();
        // Where nothing is kept yet, a look begins nothing.
        let kept = (has_config || state.exists()).then(|| kept::beside(&state));
        let loader = Loader::keeping(kept, &settings, &context.config_path().with_file_name(""));
        Ok(Look { context, config, loader, serving: serving.collect() })
    }

    /// What is to be looked at; what a tag leads to now, where that is all that is said.
    async fn found(&self, source: &Source) -> Result<Found, Failure> {
        let limits = &Limits::default().load;
        Ok(match source {
            Source::Registry(reference) if reference.digest.is_none() => self.loader.fetch(reference, limits).await?,
            source => self.loader.found(source, limits).await?,
        })
    }

    /// What others use, as far as it is on this machine.
    async fn bytes(&self, source: &Source) -> Option<Vec<u8>> {
        let found = self.loader.at_hand(source, &Limits::default().load).await.ok()??;
        Some(found.bytes)
    }

    fn source(&self, connection: &Connection) -> Result<Source, Failure> {
        connectors::source(&connection.connector, &self.context.config_path().with_file_name(""))
    }

    /// The component that serves a connection; before any has, the one it is to begin with.
    async fn in_use(&self, connection: &Connection) -> Option<Vec<u8>> {
        if let Some(digest) = self.serving.get(&connection.name)
            && let Some(bytes) = self.bytes(&Source::Kept(digest.clone())).await
        {
            return Some(bytes);
        }
        self.bytes(&self.source(connection).ok()?).await
    }

    /// The connections it would be used by: the one that is named, else those whose connector is this
    /// one or has its name.
    async fn concerned(&self, args: &Args, source: &Source, anatomy: &Anatomy) -> Result<Vec<&Connection>, Failure> {
        let all = self.config.as_ref().map(|config| config.connections.as_slice()).unwrap_or_default();
        if let Some(name) = &args.against {
            let found = all.iter().find(|connection| connection.name == *name);
            let missing = || {
                Failure::usage("LS-CLI-040", format!("there is no connection `{name}`"))
                    .remedy("Name one of the configuration file's connections.")
            };
            return Ok(vec![found.ok_or_else(missing)?]);
        }
        let name = anatomy.manifest.as_ref().map(|manifest| manifest.name.as_str());
        let mut found = Vec::new();
        for connection in all {
            let theirs = self.source(connection).ok();
            let is_it = theirs.as_ref() == Some(source)
                || name.is_some() && self.name_of(theirs.as_ref()).await.as_deref() == name;
            if is_it {
                found.push(connection);
            }
        }
        Ok(found)
    }

    async fn name_of(&self, source: Option<&Source>) -> Option<String> {
        Some(examine(&self.bytes(source?).await?).ok()?.manifest?.name)
    }

    async fn standings(&self, connection: &Connection, own: &str, anatomy: &Anatomy) -> Result<Standings, Failure> {
        let manifest = anatomy.manifest.clone().unwrap_or_default();
        let rights = rights(&manifest.permissions, &connection.grants, &connection.config)
            .map_err(|bad| Failure::new("LS-H009", bad.0).detail(format!("connection {}", connection.name)))?;
        let granted = bridge::limits(&connection.limits).unwrap_or_default();
        let in_use = self.in_use(connection).await;
        Ok(Standings {
            connection: connection.name.clone(),
            rights: rights.into_iter().map(told).collect(),
            limits: manifest.limits.iter().filter_map(|(key, wanted)| wanted_limit(key, *wanted, &granted)).collect(),
            in_use: in_use.and_then(|bytes| difference(&bytes, own, anatomy)),
        })
    }
}

fn told(right: Right) -> Told {
    let standing = match right.standing {
        Standing::Granted => "granted",
        Standing::Configured => "configured",
        Standing::Missing => "missing",
    };
    Told { ask: right.ask, line: right.line, standing }
}

fn wanted_limit(key: &str, wanted: u64, granted: &Limits) -> Option<WantedLimit> {
    let bound = Bound::named(key)?;
    let has = bound.of(granted);
    Some(WantedLimit {
        key: key.to_owned(),
        wanted: bound.unit.show(wanted),
        granted: bound.unit.show(has),
        fits: wanted <= has,
    })
}

/// Against a component in use; `None` where that is the same.
fn difference(bytes: &[u8], own: &str, anatomy: &Anatomy) -> Option<Difference> {
    let theirs = digest_of(bytes);
    if theirs == own {
        return None;
    }
    let before = examine(bytes).ok()?;
    let (old, new) = (asks::of(&before, None), asks::of(anatomy, None));
    Some(Difference {
        digest: format!("sha256:{theirs}"),
        bytes: bytes.len(),
        version: before.manifest.map_or("one without a manifest".to_owned(), |manifest| manifest.version),
        added: beyond(&old, &new),
        removed: beyond(&new, &old),
    })
}

impl Standings {
    fn is_wider(&self) -> bool {
        self.rights.iter().any(|right| right.standing == "missing")
            || self.limits.iter().any(|limit| !limit.fits)
            || self.in_use.as_ref().is_some_and(|difference| !difference.added.is_empty())
    }
}

fn show(report: &Report, screen: &Screen) {
    let mut facts = Table::new(&[]);
    let mut fact = |name: &str, value: String| facts.row(vec![text(format!("  {name}")).tone(Tone::Dim), text(value)]);
    fact("from", report.from.clone());
    fact("size", format!("{} KiB", report.bytes.div_ceil(1024)));
    fact("made for", format!("lockstep:connector {}", report.contract_version));
    fact("signature", report.signature.clone());
    match &report.manifest {
        Some(manifest) => {
            screen.out(format!("{} {}", screen.mark(Tone::Strong, &manifest.name), manifest.version));
            manifest.permissions.iter().for_each(|ask| fact("asks to reach", ask.clone()));
            manifest.credentials.iter().for_each(|ask| fact("asks to use", ask.clone()));
            for (key, amount) in &manifest.limits {
                fact("asks for more", format!("{key} = {}", asks::amount_of(key, *amount)));
            }
        }
        None => fact("asks for", "it does not say: it carries no manifest".to_owned()),
    }
    for import in &report.imports {
        fact("imports", format!("{import}{}", if asks::leads_nowhere(import) { " (leads to nothing)" } else { "" }));
    }
    for one in &report.connections {
        show_connection(one, &mut fact);
    }
    screen.out(facts.render(screen));
    if let Some(origin) = &report.artifact {
        show_origin(origin, screen);
    }
    screen.out(format!("  digest = \"{}\"", report.digest));
    if !report.refused.is_empty() {
        screen.out(format!("  {} {}", screen.mark(Tone::Bad, "NOT let in:"), report.refused));
    }
    screen.next(if !report.refused.is_empty() {
        "have it signed by a key of [connectors] trusted_keys, or list who signed it"
    } else if report.wider {
        "it asks for more than it would get: grant what you agree to, line by line"
    } else {
        "put the digest into the connection to pin exactly this component"
    });
}

/// Whole: cells of a table are cut.
fn show_origin(origin: &Origin, screen: &Screen) {
    screen.out(format!("  artifact {}, signatures: {}; it says of itself", origin.manifest, origin.signatures));
    for (key, value) in &origin.annotations {
        screen.out(format!("    {key} = {value}"));
    }
    screen.out(format!("  connector = \"{}\"", origin.reference));
}

fn show_connection(one: &Standings, fact: &mut impl FnMut(&str, String)) {
    let name = &one.connection;
    for right in &one.rights {
        let words = match right.standing {
            "missing" => format!("NOT granted: {}, add grant = [\"{}\"]", right.ask, right.line),
            standing => format!("{standing}: {}, which is {}", right.ask, right.line),
        };
        fact(name, words);
    }
    for limit in &one.limits {
        let verdict = if limit.fits { "granted" } else { "NOT granted" };
        fact(name, format!("{} = {}: {verdict}, it would have {}", limit.key, limit.wanted, limit.granted));
    }
    match &one.in_use {
        None => fact(name, "this very component is in use, or none".to_owned()),
        Some(difference) => {
            fact(name, format!("in use: {} {}, {} bytes", difference.version, difference.digest, difference.bytes));
            difference.added.iter().for_each(|what| fact(name, format!("MORE than in use: {what}")));
            difference.removed.iter().for_each(|what| fact(name, format!("less than in use: {what}")));
        }
    }
}
