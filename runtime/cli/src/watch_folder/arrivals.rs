//! Which components lie whole in a folder. One that is still being written is not looked at:
//! a file has to be the same at two looks, and to be a component as far as its bytes tell.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use lockstep_host::{Limits, digest_of, survey};

/// Components in the folder that are looked at; those whose names come first.
const FILES_MAX: usize = 200;
/// Whoever else may write there could have any code run with what a connection may reach.
const OTHERS_WRITE: u32 = 0o002;

/// A component that lies in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub path: PathBuf,
    /// The connector's, as its manifest says; the file's where it carries none.
    pub name: String,
    /// SHA-256.
    pub digest: String,
}

/// A folder, and what was seen in it.
pub struct Arrivals {
    folder: PathBuf,
    seen: BTreeMap<PathBuf, Seen>,
    /// Why the folder could not be looked at, said once.
    trouble: Option<String>,
}

/// A file as it was at the last look.
struct Seen {
    look: Look,
    came: Option<Arrival>,
    /// It was read as it is.
    read: bool,
}

/// Another one is another file, or the same in the middle of being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    file: (u64, u64),
}

impl Look {
    fn of(about: &Metadata) -> Self {
        Look {
            bytes: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
            file: (about.dev(), about.ino()),
        }
    }
}

impl Arrivals {
    pub fn new(folder: &Path) -> Self {
        Arrivals { folder: folder.to_owned(), seen: BTreeMap::new(), trouble: None }
    }

    /// The components that lie there whole.
    pub fn look(&mut self) -> Vec<Arrival> {
        let files = match components(&self.folder) {
            Ok(files) => files,
            Err(why) => {
                if self.trouble.as_ref() != Some(&why) {
                    tracing::warn!(folder = %self.folder.display(), code = "LS-CLI-067", "no version is taken from the folder: {why}");
                }
                self.trouble = Some(why);
                return Vec::new();
            }
        };
        self.trouble = None;
        self.seen.retain(|path, _| files.contains_key(path));
        for (path, look) in files {
            match self.seen.get_mut(&path) {
                Some(seen) if seen.look == look => seen.settle(&path),
                _ => drop(self.seen.insert(path, Seen { look, came: None, read: false })),
            }
        }
        self.seen.values().filter_map(|seen| seen.came.clone()).collect()
    }
}

impl Seen {
    /// It is what it was at the last look: reads it, once.
    fn settle(&mut self, path: &Path) {
        if self.read {
            return;
        }
        self.read = true;
        match arrival(path, self.look) {
            Ok(Some(arrival)) => self.came = Some(arrival),
            // It is being written: the next look sees another file.
            Ok(None) => self.read = false,
            Err(why) => tracing::warn!(component = %path.display(), code = "LS-CLI-068", "it is not taken: {why}"),
        }
    }
}

/// `None`: it became another file while it was read.
fn arrival(path: &Path, look: Look) -> Result<Option<Arrival>, String> {
    let bytes_max = Limits::default().load.component_bytes_max;
    if look.bytes > bytes_max {
        return Err(format!("it has {} bytes, and {bytes_max} are the most", look.bytes));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let after = fs::metadata(path).map_err(|error| error.to_string())?;
    if Look::of(&after) != look || bytes.len() as u64 != look.bytes {
        return Ok(None);
    }
    let surveyed = survey(&bytes).map_err(|error| error.to_string())?;
    if let Some(kind) = surveyed.code {
        return Err(format!("it is a {kind}: those lie where the configuration names them"));
    }
    let of_file = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = surveyed.anatomy.manifest.map_or_else(of_file, |manifest| manifest.name);
    Ok(Some(Arrival { path: path.to_owned(), name, digest: digest_of(&bytes) }))
}

/// The files of the folder that may be components, or why nothing in it counts.
fn components(folder: &Path) -> Result<BTreeMap<PathBuf, Look>, String> {
    let words = |error: io::Error| error.to_string();
    let about = fs::metadata(folder).map_err(words)?;
    if !about.is_dir() {
        return Err("it is no folder".to_owned());
    }
    if about.permissions().mode() & OTHERS_WRITE != 0 {
        return Err("everybody on this machine may write there".to_owned());
    }
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(words)?.flatten() {
        let path = entry.path();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if is_hidden || path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        // What goes meanwhile is not there.
        if let Ok(about) = fs::metadata(&path)
            && about.is_file()
            && about.permissions().mode() & OTHERS_WRITE == 0
        {
            found.insert(path, Look::of(&about));
        }
    }
    while found.len() > FILES_MAX {
        found.pop_last();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    #[test]
    fn a_file_that_changes_between_two_looks_is_not_read() {
        let folder = folder();
        let path = folder.path().join("notes.wasm");
        let mut arrivals = Arrivals::new(folder.path());
        for length in 1..4 {
            fs::write(&path, vec![0; length]).unwrap();
            assert!(arrivals.look().is_empty());
            assert!(!arrivals.seen[&path].read, "it is still being written");
        }
        assert!(arrivals.look().is_empty() && arrivals.seen[&path].read, "it is whole, and no component");
        fs::remove_file(&path).unwrap();
        assert!(arrivals.look().is_empty() && arrivals.seen.is_empty());
    }

    #[test]
    fn what_is_hidden_or_called_otherwise_is_none_and_folders_open_to_all_are_not_looked_into() {
        let folder = folder();
        for name in [".notes.wasm", "notes.wasm.partial", "notes.txt", "notes.wasm"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let found = components(folder.path()).unwrap();
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [folder.path().join("notes.wasm")]);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(components(folder.path()).unwrap_err().contains("everybody"));
        assert!(components(&folder.path().join("none")).is_err());
    }
}
