//! Components that are an attack already while they are let in: on the compiler, on the
//! cache of compiled code, on what the operator read of them.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use lockstep_host::{Host, HostError, HostOptions, LoadLimits, Role};

use crate::{
    Run,
    guests::{connection, path},
    place::{Place, compiler, expect},
    runs, text,
};

pub const RUNS: &[Run] = runs![
    a_component_that_takes_long_to_compile 64,
    a_component_that_takes_much_memory_to_compile 64,
    a_component_that_becomes_much_machine_code 64,
    a_component_that_is_too_large 64,
    a_cache_file_that_was_forged_or_swapped 64,
    a_manifest_that_says_less_than_what_is_asked 64,
    two_manifests 64,
    a_file_that_is_swapped_while_it_is_used 64,
];

fn error_of<T>(result: Result<T, HostError>) -> Result<HostError> {
    match result {
        Ok(_) => bail!("it was let in"),
        Err(error) => Ok(error),
    }
}

async fn a_component_that_takes_long_to_compile(place: &Place) -> Result<()> {
    let bomb = text::carrying(&text::laborious(40, 40_000))?;
    let limits = LoadLimits { compile_ms_max: 700, ..LoadLimits::default() };
    let error = error_of(place.host.load_within(bomb, None, &limits).await)?;
    expect(&error, "LS-H019", "compile_timeout")
}

async fn a_component_that_takes_much_memory_to_compile(place: &Place) -> Result<()> {
    let bomb = text::carrying(&text::laborious(4, 120_000))?;
    let limits = LoadLimits { compile_memory_bytes_max: 160 << 20, ..LoadLimits::default() };
    let error = error_of(place.host.load_within(bomb, None, &limits).await)?;
    expect(&error, "LS-H019", "compile_memory")
}

async fn a_component_that_becomes_much_machine_code(place: &Place) -> Result<()> {
    let grows = text::component("nested_lists")?;
    let limits = LoadLimits { compiled_bytes_max: 1_000, ..LoadLimits::default() };
    let error = error_of(place.host.load_within(grows, None, &limits).await)?;
    expect(&error, "LS-H019", "compiled_bytes")
}

async fn a_component_that_is_too_large(place: &Place) -> Result<()> {
    let limits = LoadLimits { component_bytes_max: 1_000, ..LoadLimits::default() };
    let error = error_of(place.host.read_file(&path("echo"), &limits).await)?;
    expect(&error, "LS-H006", "component_bytes")
}

fn cached(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let files = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    Ok(files
        .into_iter()
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|it| it == "native"))
        .collect())
}

async fn a_cache_file_that_was_forged_or_swapped(_: &Place) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let options = HostOptions {
        cache_dir: Some(folder.path().to_owned()),
        compiler: Some(compiler()?),
        ..HostOptions::default()
    };
    let host = Host::new(options.clone())?;
    host.load_file(&path("echo"), None).await?;
    let [echo] = cached(folder.path())?.try_into().map_err(|all| anyhow::anyhow!("{all:?}"))?;
    host.load_file(&path("courier"), None).await?;
    let courier = cached(folder.path())?.into_iter().find(|path| *path != echo).context("a second file")?;
    // Another component's code, sealed by this very host, under the name of this one.
    let own = fs::read(&echo)?;
    fs::copy(&courier, &echo)?;
    let component = Host::new(options.clone())?.load_file(&path("echo"), None).await?;
    ensure!(component.spec().await?.name == "echo", "the other's code ran");
    ensure!(fs::read(&echo)? == own, "the file was not made anew");
    // One bit of the code.
    let mut forged = own.clone();
    let middle = forged.len() / 2;
    forged[middle] ^= 1;
    fs::write(&echo, forged)?;
    let component = Host::new(options)?.load_file(&path("echo"), None).await?;
    ensure!(component.spec().await?.name == "echo" && fs::read(&echo)? == own);
    Ok(())
}

async fn a_manifest_that_says_less_than_what_is_asked(place: &Place) -> Result<()> {
    let mut bytes = fs::read(path("courier"))?;
    // The text of the manifest, not that of the code: it comes with quotes around it.
    let (said, other) = (b"\"https:config.other_url\"", b"\"https:config.other_one\"");
    let at = bytes.windows(said.len()).position(|part| part == said).context("no manifest in the component")?;
    bytes[at..at + said.len()].copy_from_slice(other);
    let component = place.host.load(bytes, None).await?;
    let manifest = component.anatomy().manifest.clone().context("no manifest")?;
    ensure!(manifest.permissions.contains(&"https:config.other_one".to_owned()), "{manifest:?}");
    let error = error_of(component.open(Role::Read, connection("{}")).await)?;
    expect(&error, "LS-H021", "")?;
    ensure!(error.to_string().contains("https:config.other_url"), "{error}");
    Ok(())
}

async fn two_manifests(place: &Place) -> Result<()> {
    let harmless = br#"{"permissions":[]}"#;
    let bytes = text::with_section(fs::read(path("courier"))?, "lockstep-manifest", harmless);
    let error = error_of(place.host.load(bytes, None).await)?;
    expect(&error, "LS-H003", "")
}

async fn a_file_that_is_swapped_while_it_is_used(place: &Place) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("connector.wasm");
    fs::copy(path("echo"), &file)?;
    let component = place.host.load_file(&file, None).await?;
    let pinned = component.digest().to_owned();
    let session = component.open(Role::Read, connection(r#"{"rows": 3}"#)).await?;
    session.discover(&[]).await?;
    fs::copy(path("hostile"), &file)?;
    // What runs goes on; what is loaded anew is not what was reviewed.
    ensure!(session.discover(&[]).await?.iter().any(|object| object.name == "items"));
    let error = error_of(place.host.load_file(&file, Some(&pinned)).await)?;
    expect(&error, "LS-H002", "")
}
