//! `lockstep connector pull, push`: components from a registry and into one.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use lockstep_core::config::ConnectorSettings;
use lockstep_host::{Artifact, HostError, Limits, Reference, digest_of, examine};
use serde_json::json;

use crate::{
    configuration,
    connectors::{Loader, Source, component_file},
    context::Context,
    failure::{Exit, Failure},
    kept, table,
};

/// Of the OCI image specification, for what a component says of itself.
const TITLE: &str = "org.opencontainers.image.title";
const VERSION: &str = "org.opencontainers.image.version";
/// When something was made, for builds that come out the same each time.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

#[derive(Debug, clap::Args)]
pub struct PullArgs {
    /// oci://HOST/REPOSITORY:TAG, or with @sha256:… what must be there
    reference: String,
}

#[derive(Debug, clap::Args)]
pub struct PushArgs {
    /// The component, a .wasm file
    component: PathBuf,
    /// oci://HOST/REPOSITORY:TAG
    reference: String,
    /// Something to say about it, such as org.opencontainers.image.source=https://…
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<String>,
}

pub async fn pull(args: &PullArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let reference = Reference::parse(&args.reference).map_err(HostError::from)?;
    let loader = loader(context)?;
    let bar = screen.progress("fetching", None);
    let found = loader.fetch(&reference, &Limits::default().load).await;
    bar.finish_and_clear();
    let found = found?;
    let anatomy = examine(&found.bytes)?;
    let own = digest_of(&found.bytes);
    let signature = loader.admits(&Source::Registry(reference.clone()), &own, &found.bytes, &found.evidence)?;
    loader.put_aside(&found)?;
    let manifest = found.evidence.artifact.as_ref().map(Artifact::digest).unwrap_or_default();
    let line = format!("connector = \"{}\"", reference.at(&manifest));
    if screen.json {
        screen.out_json(&json!({
            "reference": reference.at(&manifest).to_string(), "manifest": format!("sha256:{manifest}"),
            "digest": format!("sha256:{own}"), "bytes": found.bytes.len(), "signature": signature.to_string(),
        }));
        return Ok(Exit::Done);
    }
    let name = anatomy.manifest.map_or("the component".to_owned(), |one| format!("{} {}", one.name, one.version));
    screen.out(format!("{} is put aside; {signature}", table::clean(name.trim())));
    screen.out(format!("  manifest   sha256:{manifest}"));
    screen.out(format!("  component  sha256:{own}"));
    screen.out(format!("\n{line}\n"));
    screen.next(format!(
        "`lockstep connector inspect {}` tells what it asks for; the line above names exactly this one",
        reference.at(&manifest)
    ));
    Ok(Exit::Done)
}

pub async fn push(args: &PushArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let reference = Reference::parse(&args.reference).map_err(HostError::from)?;
    let bytes = component_file(&args.component)?;
    // What no connector may be is not published as one.
    let anatomy = examine(&bytes)?;
    let manifest = anatomy.manifest.unwrap_or_default();
    let own = [(TITLE, manifest.name), (VERSION, manifest.version)].map(|(key, value)| (key.to_owned(), value));
    let mut annotations: BTreeMap<String, String> = own.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    for written in &args.annotations {
        let (key, value) = written.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
            Failure::usage("LS-CLI-032", format!("`{written}` is no annotation"))
                .remedy("Write KEY=VALUE, such as org.opencontainers.image.revision=3f2c1e.")
        })?;
        annotations.insert(key.to_owned(), value.to_owned());
    }
    let digest = digest_of(&bytes);
    let registry = loader(context)?.registry(&reference).await.map_err(HostError::from)?;
    let bar = screen.progress("publishing", None);
    let published = registry.push(bytes, &created().to_string(), &annotations).await;
    bar.finish_and_clear();
    let published = reference.at(&published?);
    if screen.json {
        screen.out_json(&json!({ "reference": published.to_string(), "digest": format!("sha256:{digest}") }));
        return Ok(Exit::Done);
    }
    screen.out(format!("{} is published", args.component.display()));
    screen.out(format!("  component  sha256:{digest}"));
    screen.out(format!("\nconnector = \"{published}\"\n"));
    let place = published.to_string();
    screen.next(format!("`cosign sign --key KEY {}` answers for it", place.trim_start_matches("oci://")));
    Ok(Exit::Done)
}

/// Now, or as the build says.
fn created() -> Timestamp {
    let said = std::env::var(EPOCH).ok().and_then(|seconds| Timestamp::from_second(seconds.parse().ok()?).ok());
    said.unwrap_or_else(|| Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default())
}

/// By the configuration where there is one; what is fetched goes beside its state.
fn loader(context: &Context<'_>) -> Result<Loader, Failure> {
    let has_config = context.config_path().exists();
    let settings = match has_config {
        true => configuration::load(context.config_path())?.connectors,
        false => ConnectorSettings::default(),
    };
    let kept = has_config.then(|| kept::beside(&context.state_path()));
    Ok(Loader::keeping(kept, &settings, &context.config_path().with_file_name("")))
}
