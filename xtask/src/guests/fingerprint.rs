//! Whether a guest's sources changed: one hash over the contents of every file
//! that can make a difference.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// What guests in Rust and in Python are made of.
pub const SOURCES: &[&str] = &["wit", "sdk/rust", "sdk/python", "plugins", "tests/guests"];

/// Folders that building leaves.
const BUILT: [&str; 4] = ["target", "node_modules", "dist", "__pycache__"];

/// A hexadecimal SHA-256 of names and contents, independent of file times.
pub fn of_sources(root: &Path, folders: &[&str]) -> Result<String> {
    let mut files = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for path in files {
        let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let name = path.strip_prefix(root).unwrap_or(&path);
        hash.update(name.to_string_lossy().as_bytes());
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(&content);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if !BUILT.iter().any(|built| name == *built) {
                collect(&entry.path(), files)?;
            }
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
