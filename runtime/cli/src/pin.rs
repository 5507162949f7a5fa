//! Writing into the configuration which component a connection is to load, once a
//! new one has proved itself. Comments and order of everything else are kept.

use std::{fs, path::Path};

use lockstep_engine::versions::UpgradeReport;
use toml_edit::{DocumentMut, Item, value};

use crate::{configuration, failure::Failure};

/// Writes connector and digest of a version that has taken over.
pub fn write(path: &Path, connection: &str, from: &str, report: &UpgradeReport) -> Result<(), Failure> {
    let Some(about) = &report.to else { return Ok(()) };
    let failed = |why: String| {
        Failure::new(
            "LS-CLI-028",
            format!("the new version serves, and could not be written into {}: {why}", path.display()),
        )
        .remedy(format!("Write it yourself: digest = \"sha256:{}\" in [connections.{connection}].", about.digest))
    };
    let text = configuration::read(path)?;
    let named = relative(path, from);
    let pinned = pinned(&text, connection, &named, &about.digest).map_err(failed)?;
    configuration::parse(path, &pinned)?;
    let partial = path.with_extension("toml.partial");
    fs::write(&partial, &pinned).and_then(|()| fs::rename(&partial, path)).map_err(|error| failed(error.to_string()))
}

fn pinned(text: &str, connection: &str, from: &str, digest: &str) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let table = document
        .get_mut("connections")
        .and_then(|connections| connections.get_mut(connection))
        .and_then(Item::as_table_like_mut)
        .ok_or("the connection is not a table of its own")?;
    put(table, "connector", from);
    put(table, "digest", &format!("sha256:{digest}"));
    Ok(document.to_string())
}

/// With the decoration of what stood there.
fn put(table: &mut dyn toml_edit::TableLike, key: &str, text: &str) {
    let mut new = value(text);
    if let (Some(old), Some(new)) = (table.get(key).and_then(Item::as_value), new.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    table.insert(key, new);
}

/// As the file would name it: paths inside its folder are relative to that.
fn relative(config: &Path, from: &str) -> String {
    let folder = std::path::absolute(config).ok().and_then(|path| Some(path.parent()?.to_owned()));
    let inside = folder.and_then(|folder| Some(Path::new(from).strip_prefix(folder).ok()?.display().to_string()));
    match inside {
        Some(inside) if inside.contains('/') => inside,
        Some(inside) => format!("./{inside}"),
        None => from.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_changes_two_lines_and_nothing_else() {
        let text = "# ours\n[connections.db]\nconnector = \"postgres\" # main\nconfig = { url = \"x\" }\n";
        let pinned = pinned(text, "db", "new.wasm", "aa").unwrap();
        assert_eq!(
            pinned,
            "# ours\n[connections.db]\nconnector = \"new.wasm\" # main\nconfig = { url = \"x\" }\ndigest = \"sha256:aa\"\n"
        );
    }

    #[test]
    fn a_path_in_the_files_folder_is_written_relative_to_it() {
        assert_eq!(relative(Path::new("/etc/lockstep/lockstep.toml"), "/etc/lockstep/c/a.wasm"), "c/a.wasm");
        assert_eq!(relative(Path::new("/etc/lockstep/lockstep.toml"), "/etc/lockstep/a.wasm"), "./a.wasm");
        assert_eq!(relative(Path::new("/etc/lockstep/lockstep.toml"), "/srv/a.wasm"), "/srv/a.wasm");
        assert_eq!(relative(Path::new("/etc/lockstep/lockstep.toml"), "postgres"), "postgres");
    }
}
