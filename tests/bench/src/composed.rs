//! A component of a size that is asked for, of real code: a small one, with the core modules of
//! real connectors beside its own. They are compiled and loaded like its own, and never run.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use wasmparser::{Parser, Payload};

const BASE: &str = "echo";
const DONORS: [&str; 3] = ["postgres", "hubspot", "salesforce"];
/// A core module's, in a component.
const MODULE_SECTION: u8 = 1;
const CUSTOM_SECTION: u8 = 0;
/// Of a module: its magic number and version.
const HEADER_BYTES: usize = 8;

/// `None`: the components it is made of are not built here.
pub fn of_at_least(bytes: usize, guests: &Path) -> Result<Option<Vec<u8>>> {
    let path = |name: &str| guests.join(format!("{name}.wasm"));
    if !std::iter::once(BASE).chain(DONORS).all(|name| path(name).is_file()) {
        return Ok(None);
    }
    let mut component = fs::read(path(BASE))?;
    let mut modules = Vec::new();
    for name in DONORS {
        let donor = fs::read(path(name))?;
        modules.extend(core_modules(&donor).with_context(|| format!("{name}'s modules"))?);
    }
    for module in modules.iter().cycle() {
        if component.len() >= bytes {
            break;
        }
        section(MODULE_SECTION, module, &mut component);
    }
    Ok(Some(component))
}

/// The core modules of a component, without what they say of themselves: a component has one manifest.
fn core_modules(component: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut modules = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::ModuleSection { unchecked_range, .. } = payload? {
            modules.push(plain(component.get(unchecked_range).context("a module within its component")?)?);
        }
    }
    Ok(modules)
}

/// A core module without its custom sections.
fn plain(module: &[u8]) -> Result<Vec<u8>> {
    let mut plain = module.get(..HEADER_BYTES).context("a module's header")?.to_vec();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Some((id, range)) = payload.as_section().filter(|(id, _)| *id != CUSTOM_SECTION) {
            section(id, module.get(range).context("a section within its module")?, &mut plain);
        }
    }
    Ok(plain)
}

fn section(id: u8, content: &[u8], to: &mut Vec<u8>) {
    to.push(id);
    leb128(content.len(), to);
    to.extend_from_slice(content);
}

/// Unsigned, as sections' lengths are written.
fn leb128(mut value: usize, to: &mut Vec<u8>) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            to.push(low);
            return;
        }
        to.push(low | 0x80);
    }
}
