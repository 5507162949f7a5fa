//! Embeds the pages of docs/errors and the built-in connectors
//! (`cargo xtask guests` puts them into target/guests; LOCKSTEP_GUESTS_DIR
//! names another folder). Without built connectors the binary still builds,
//! and says how to get them when one is asked for.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let pages = root.join("docs/errors");
    println!("cargo:rerun-if-changed={}", pages.display());
    let pages = table("PAGES", "&str", "include_str!", &files(&pages, "md"))?;
    fs::write(out.join("pages.rs"), pages)?;

    println!("cargo:rerun-if-env-changed=LOCKSTEP_GUESTS_DIR");
    println!("cargo:rerun-if-env-changed=CARGO_TARGET_DIR");
    let folder = guests_folder(&root);
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut guests = files(&folder, "wasm");
    guests.retain(|guest| is_plugin(&root, guest));
    let guests = table("GUESTS", "&[u8]", "include_bytes!", &guests)?;
    fs::write(out.join("guests.rs"), guests)?;
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}

fn guests_folder(root: &Path) -> PathBuf {
    if let Ok(folder) = env::var("LOCKSTEP_GUESTS_DIR") {
        return PathBuf::from(folder);
    }
    env::var("CARGO_TARGET_DIR").map_or_else(|_| root.join("target"), |target| root.join(target)).join("guests")
}

/// Guests that tests use are no part of the product.
fn is_plugin(root: &Path, guest: &Path) -> bool {
    guest.file_stem().is_some_and(|name| root.join("plugins").join(name).is_dir())
}

/// The files of a folder with this extension, sorted. None if there is no folder.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

/// Source of a constant: file stems with their content.
fn table(name: &str, kind: &str, include: &str, files: &[PathBuf]) -> std::io::Result<String> {
    let mut source = format!("pub const {name}: &[(&str, {kind})] = &[\n");
    for file in files {
        let path = file.canonicalize()?;
        println!("cargo:rerun-if-changed={}", path.display());
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        source.push_str(&format!("    ({stem:?}, {include}({:?})),\n", path.display().to_string()));
    }
    source.push_str("];\n");
    Ok(source)
}
