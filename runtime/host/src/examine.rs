//! What a component says about itself before anything of it is compiled or run:
//! its imports, its contract version and its manifest, read from its bytes.

use std::fmt;

use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload};

use crate::{
    code::CodeKind,
    credentials::hex,
    error::HostError,
    manifest::Manifest,
    v0_1::{policy, transform},
};

const EXPORT: &str = "lockstep:connector/connector";
/// What code for one field or one rule exports, and what it then is.
const CODE: [(&str, CodeKind); 2] =
    [(transform::INTERFACE, CodeKind::Transform), (policy::INTERFACE, CodeKind::Policy)];
const OWN: &str = "lockstep:connector/";
/// Contract versions this host serves, oldest first. Each holds all of those before it.
pub(crate) const SERVED: &[Version] = &[Version(0, 1, 0), Version(0, 2, 0)];

/// The packages of WASI 0.2 a connector may import from.
const WASI: &[&str] = &["cli", "clocks", "filesystem", "http", "io", "random", "sockets"];

/// Those that code for a field or a rule may import from.
const INERT: &[&str] = &["cli", "clocks", "filesystem", "io", "random"];

/// A version of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        let version = Version(numbers.next()??, numbers.next()??, numbers.next()??);
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What a component imports and which contract version it is built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anatomy {
    /// Full names, such as `wasi:io/streams@0.2.12`, in the component's order.
    pub imports: Vec<String>,
    pub contract: Version,
    /// What it asks for, where it says so.
    pub manifest: Option<Manifest>,
}

/// A component of any world, as its bytes show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// `None`: a connector.
    pub code: Option<CodeKind>,
    pub anatomy: Anatomy,
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
    let contract = face.served(EXPORT)?;
    Ok(Anatomy { imports: face.imports, contract, manifest: face.manifest })
}

/// The names of what a component imports and exports, whatever it is made for.
///
/// # Errors
/// That it is no component.
pub(crate) fn interfaces(bytes: &[u8]) -> Result<(Vec<String>, Vec<String>), HostError> {
    let face = Face::read(bytes)?;
    Ok((face.imports, face.exports))
}

/// What a component is, and what it imports: a connector unless it exports what code does.
///
/// # Errors
/// As with [`examine`], and for code as with the loading of it.
pub fn survey(bytes: &[u8]) -> Result<Survey, HostError> {
    let face = Face::read(bytes)?;
    match CODE.into_iter().find(|(interface, _)| face.exports(interface)) {
        Some((interface, kind)) => Ok(Survey { code: Some(kind), anatomy: face.code(interface)? }),
        None => Ok(Survey { code: None, anatomy: examine(bytes)? }),
    }
}

/// That a component of code exports this interface.
///
/// # Errors
/// As with [`examine`]. Code may import data types and what of WASI reaches nothing.
pub(crate) fn examine_code(bytes: &[u8], interface: &str) -> Result<(), HostError> {
    Face::read(bytes)?.code(interface).map(drop)
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

    fn code(self, interface: &str) -> Result<Anatomy, HostError> {
        self.imports.iter().try_for_each(|import| check_import(import, INERT, |own| own.starts_with("model@")))?;
        let contract = self.served(interface)?;
        Ok(Anatomy { imports: self.imports, contract, manifest: self.manifest })
    }

    /// Whether it exports an interface, of whatever version.
    fn exports(&self, interface: &str) -> bool {
        self.exports.iter().any(|export| export.split('@').next() == Some(interface))
    }

    /// The newest version of what it exports, if all of it is served and this interface is among it.
    fn served(&self, interface: &str) -> Result<Version, HostError> {
        let refused = |found: String| {
            let served: Vec<String> = SERVED.iter().map(Version::to_string).collect();
            HostError::ContractVersion { found, served: served.join(", ") }
        };
        let mut newest = None;
        let mut is_there = false;
        for export in self.exports.iter().filter(|export| export.starts_with(OWN)) {
            let (name, version) = export.split_once('@').unwrap_or((export, ""));
            let version = Version::parse(version).filter(|version| SERVED.contains(version));
            newest = newest.max(Some(version.ok_or_else(|| refused(export.clone()))?));
            is_there |= name == interface;
        }
        newest.filter(|_| is_there).ok_or_else(|| refused(format!("something without {interface}")))
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
