//! What a component says about itself before anything of it is compiled or run:
//! its imports, its contract version and its manifest, read from its bytes.

use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload};

use crate::{credentials::hex, error::HostError, manifest::Manifest};

const EXPORT: &str = "lockstep:connector/connector";
const OWN: &str = "lockstep:connector/";
/// Contract versions this host serves.
pub(crate) const SERVED: &[&str] = &["0.1.0"];

/// The packages of WASI 0.2 a connector may import from.
const WASI: &[&str] = &["cli", "clocks", "filesystem", "http", "io", "random", "sockets"];

/// Those that code for a field or a rule may import from.
const INERT: &[&str] = &["cli", "clocks", "filesystem", "io", "random"];

/// What a component imports and which contract version it is built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anatomy {
    /// Full names, such as `wasi:io/streams@0.2.12`, in the component's order.
    pub imports: Vec<String>,
    /// Such as `0.1.0`.
    pub contract_version: String,
    /// What it asks for, where it says so.
    pub manifest: Option<Manifest>,
}

/// The SHA-256 of a component, in hexadecimal.
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Read a component's imports and exports.
///
/// # Errors
/// That it is no component, imports what no connector may, or is built for a
/// contract version that is not served.
pub fn examine(bytes: &[u8]) -> Result<Anatomy, HostError> {
    let face = Face::read(bytes)?;
    face.imports.iter().try_for_each(|import| check_import(import, WASI, |_| true))?;
    let contract_version = face.served(EXPORT)?;
    Ok(Anatomy { imports: face.imports, contract_version, manifest: face.manifest })
}

/// Which of these interfaces a component of code exports, by its place.
///
/// # Errors
/// As with [`examine`]. Code may import data types and what of WASI reaches nothing.
pub(crate) fn examine_code(bytes: &[u8], interface: &str) -> Result<(), HostError> {
    let face = Face::read(bytes)?;
    face.imports.iter().try_for_each(|import| check_import(import, INERT, |own| own.starts_with("model@")))?;
    face.served(interface).map(drop)
}

/// What a component shows without being compiled.
struct Face {
    imports: Vec<String>,
    exports: Vec<String>,
    manifest: Option<Manifest>,
}

impl Face {
    fn read(bytes: &[u8]) -> Result<Self, HostError> {
        let no_component = |reason: String| HostError::NotAComponent { reason };
        if !bytes.starts_with(b"\0asm") {
            return Err(no_component("it does not begin as WebAssembly does".into()));
        }
        let mut face = Face { imports: Vec::new(), exports: Vec::new(), manifest: None };
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(|error| no_component(error.message().to_owned()))? {
                Payload::Version { encoding, .. } if depth == 0 && encoding != Encoding::Component => {
                    return Err(no_component("it is a core module".into()));
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import.map_err(|error| no_component(error.message().to_owned()))?;
                        face.imports.push(import.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export.map_err(|error| no_component(error.message().to_owned()))?;
                        face.exports.push(export.name.name.to_owned());
                    }
                }
                // Compilers put it into the core module, tools behind the component.
                Payload::CustomSection(section) if section.name() == Manifest::SECTION => {
                    let found = Manifest::read(section.data()).map_err(no_component)?;
                    if face.manifest.replace(found).is_some() {
                        return Err(no_component("it carries two manifests".into()));
                    }
                }
                _ => {}
            }
        }
        Ok(face)
    }

    /// The version in which it exports an interface, if that is served.
    fn served(&self, interface: &str) -> Result<String, HostError> {
        let served = SERVED.join(", ");
        let found = self.exports.iter().rev().find_map(|export| export.strip_prefix(interface)?.strip_prefix('@'));
        match found {
            Some(found) if SERVED.contains(&found) => Ok(found.to_owned()),
            Some(found) => Err(HostError::ContractVersion { found: format!("{interface}@{found}"), served }),
            None => Err(HostError::ContractVersion { found: format!("something without {interface}"), served }),
        }
    }
}

/// `wasi`: whose packages may be imported. `own`: which of the contract's interfaces.
fn check_import(name: &str, wasi: &[&str], own: impl Fn(&str) -> bool) -> Result<(), HostError> {
    let foreign = || HostError::ForeignImport { import: name.to_owned() };
    if let Some(interface) = name.strip_prefix(OWN) {
        return if own(interface) { Ok(()) } else { Err(foreign()) };
    }
    let rest = name.strip_prefix("wasi:").ok_or_else(foreign)?;
    let (path, version) = rest.split_once('@').ok_or_else(foreign)?;
    let package = path.split('/').next().unwrap_or_default();
    if wasi.contains(&package) && version.starts_with("0.2.") { Ok(()) } else { Err(foreign()) }
}
