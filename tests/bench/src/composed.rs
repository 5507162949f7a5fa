//! A component of a size that is asked for, of real code: a small one, with the core modules of
//! real connectors beside its own. They are compiled and loaded like its own, and never run.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use wasmparser::{Parser, Payload};

const BASE: &str = "echo";
const DONORS: [&str; 3] = ["postgres", "hubspot", "salesforce"];
/// A core module's, in a component.
const MODULE_SECTION: u8 = 1;

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
        component.push(MODULE_SECTION);
        leb128(module.len(), &mut component);
        component.extend_from_slice(module);
    }
    Ok(Some(component))
}

/// The modules of a component itself, the largest alone counting for most of it.
fn core_modules(component: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut modules = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::ModuleSection { unchecked_range, .. } = payload? {
            modules.push(component.get(unchecked_range).context("a module within its component")?.to_vec());
        }
    }
    Ok(modules)
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
