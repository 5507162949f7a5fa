//! `lockstep connector keygen, sign`: answering for components, so that those who trust the
//! key can let them in by it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use lockstep_core::config::{NAME_BYTES_MAX, is_name};
use lockstep_host::{SigningKey, digest_of, sign, survey};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    connectors::component_file,
    context::Context,
    failure::{Exit, Failure},
};

#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    /// What those who trust the key call it, such as a team's name
    name: String,
    /// Where the private key is written [default: NAME.pem]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct SignArgs {
    /// The component, a .wasm file
    component: PathBuf,
    /// The private key: ed25519, in PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where the signed component is written [default: in place of the one that is signed]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn keygen(args: &KeyArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    if !is_name(&args.name) {
        return Err(Failure::usage("LS-CLI-043", format!("`{}` cannot name a key", args.name))
            .remedy(format!("Begin with a letter, then letters, digits, `_` and `-`, {NAME_BYTES_MAX} at most.")));
    }
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.pem", args.name)));
    let key = SigningKey::generate()
        .ok_or_else(|| Failure::new("LS-CLI-042", "the operating system gave no randomness for a key"))?;
    write_new(&path, key.to_pem().as_bytes()).map_err(|error| {
        unwritten(&path, &error).remedy("Name a file that does not exist, in a folder that you may write to.")
    })?;
    let (screen, line) = (context.screen, trusted(&args.name, &key));
    if screen.json {
        screen.out_json(&json!({ "name": args.name, "private_key": path, "public_key": key.listed() }));
        return Ok(Exit::Done);
    }
    screen.out(format!("the private key is in {}: whoever has it signs as {}", path.display(), args.name));
    screen.out("those who trust it write into their configuration:");
    screen.out(format!("\n[connectors]\n{line}\n"));
    screen.next(format!("`lockstep connector sign FILE --key {}` signs a component", path.display()));
    Ok(Exit::Done)
}

pub fn sign_component(args: &SignArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let key = read_key(&args.key)?;
    let bytes = component_file(&args.component)?;
    // What could not be loaded is not signed.
    let anatomy = survey(&bytes)?.anatomy;
    let signed = sign(&bytes, &key)?;
    let out = args.out.as_ref().unwrap_or(&args.component);
    replace(out, &signed).map_err(|error| unwritten(out, &error).remedy("Name a file that you may write to."))?;
    let (screen, digest) = (context.screen, digest_of(&signed));
    if screen.json {
        let told = json!({ "file": out, "digest": format!("sha256:{digest}"), "public_key": key.listed() });
        screen.out_json(&told);
        return Ok(Exit::Done);
    }
    let name = anatomy.manifest.map_or("the component".to_owned(), |manifest| {
        format!("{} {}", manifest.name, manifest.version).trim().to_owned()
    });
    screen.out(format!("{name} is signed: {}", out.display()));
    screen.out(format!("  by      {}", key.listed()));
    screen.out(format!("  digest  sha256:{digest}"));
    screen.next("a signature changes the digest: whoever pinned the unsigned component pins this one anew");
    Ok(Exit::Done)
}

fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let failed = |why: String| {
        Failure::new("LS-CLI-041", format!("{}: {why}", path.display())).remedy(
            "`lockstep connector keygen NAME` makes a key; `openssl genpkey -algorithm ed25519 -out FILE` does, too.",
        )
    };
    let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| failed(error.to_string()))?;
    SigningKey::from_pem(&text).ok_or_else(|| failed("this is no private ed25519 key in PEM".to_owned()))
}

/// The line of a configuration that trusts a key.
fn trusted(name: &str, key: &SigningKey) -> String {
    format!("trusted_keys = {{ {name} = \"{}\" }}", key.listed())
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::new("LS-CLI-042", format!("cannot write {}: {error}", path.display()))
}

/// Readable by its owner only, and never in place of another key.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Whole, or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("wasm.partial");
    fs::write(&partial, bytes)?;
    fs::rename(&partial, path)
}
