//! Components in use and those before them, put aside by digest beside the state
//! file: a rollback finds them whatever became of the file they came from.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

/// Components kept; those that were used longest ago go first.
const COMPONENTS_MAX: usize = 40;

static WRITES: AtomicU64 = AtomicU64::new(0);

/// The folder of components.
pub struct Shelf(PathBuf);

impl Shelf {
    /// Inside the folder of what is kept beside a state file.
    pub fn beside(kept: &Path) -> Self {
        Shelf(kept.join("connectors"))
    }

    pub fn path(&self, digest: &str) -> PathBuf {
        self.0.join(format!("{digest}.wasm"))
    }

    pub fn has(&self, digest: &str) -> bool {
        self.path(digest).is_file()
    }

    /// Notes that a component came with the program: that is who answers for it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn note_built_in(&self, digest: &str) -> io::Result<()> {
        self.create()?;
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.note(digest)).map(drop)
    }

    pub fn is_built_in(&self, digest: &str) -> bool {
        self.note(digest).is_file()
    }

    fn note(&self, digest: &str) -> PathBuf {
        self.0.join(format!("{digest}.built-in"))
    }

    fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    /// Notes that it is in use: those that were not for longest go first.
    ///
    /// # Errors
    /// When the file cannot be touched.
    pub fn touch(&self, digest: &str) -> io::Result<()> {
        File::options().append(true).open(self.path(digest))?.set_modified(SystemTime::now())
    }

    /// What is read from here is checked against its digest by whoever loads it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn put(&self, digest: &str, bytes: &[u8]) -> io::Result<()> {
        self.create()?;
        let path = self.path(digest);
        // Two connections may put the same component aside at the same moment.
        let partial = self.0.join(format!("{digest}.{}.partial", WRITES.fetch_add(1, Ordering::Relaxed)));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, &path)?;
        File::open(&self.0)?.sync_all()?;
        self.tidy()
    }

    /// Puts everything that is here aside there, too; how many that were.
    ///
    /// # Errors
    /// When one cannot be read or written.
    pub fn copy(&self, to: &Shelf) -> io::Result<usize> {
        let mut copied = 0;
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            let digest = path.file_stem().and_then(|name| name.to_str()).map(str::to_owned);
            if let (Some(digest), Some("wasm")) = (digest, path.extension().and_then(|name| name.to_str())) {
                if self.is_built_in(&digest) {
                    to.note_built_in(&digest)?;
                }
                to.put(&digest, &fs::read(&path)?)?;
                copied += 1;
            }
        }
        Ok(copied)
    }

    fn tidy(&self) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.0)?.flatten() {
            let path = entry.path();
            let modified = entry.metadata().and_then(|meta| meta.modified());
            if let (Ok(modified), Some("wasm")) = (modified, path.extension().and_then(|name| name.to_str())) {
                found.push((modified, path));
            }
        }
        found.sort();
        let surplus = found.len().saturating_sub(COMPONENTS_MAX);
        for (_, path) in found.into_iter().take(surplus) {
            for file in [path.with_extension("built-in"), path] {
                match fs::remove_file(file) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_takes_the_components_along() {
        let folder = tempfile::tempdir().unwrap();
        let [state, copy] = ["a.db", "b.db"].map(|name| folder.path().join(name));
        let shelf = Shelf::beside(&crate::kept::beside(&state));
        shelf.note_built_in("aa").unwrap();
        shelf.put("aa", b"component").unwrap();
        assert_eq!(crate::kept::copy(&state, &copy).unwrap(), 1);
        let copied = Shelf::beside(&crate::kept::beside(&copy));
        assert!(copied.has("aa") && copied.is_built_in("aa") && !copied.is_built_in("bb"));
    }

    #[test]
    fn what_is_put_aside_is_there_and_not_without_end() {
        let kept = tempfile::tempdir().unwrap();
        let shelf = Shelf::beside(kept.path());
        assert!(!shelf.has("aa"));
        for number in 0..COMPONENTS_MAX + 3 {
            shelf.note_built_in(&format!("{number:03}")).unwrap();
            shelf.put(&format!("{number:03}"), b"component").unwrap();
        }
        assert!(shelf.has("042"));
        shelf.touch("003").unwrap();
        shelf.put("new", b"component").unwrap();
        assert!(shelf.has("003") && !shelf.has("004"), "what is in use stays");
        assert_eq!(fs::read(shelf.path("042")).unwrap(), b"component");
        assert_eq!(fs::read_dir(kept.path().join("connectors")).unwrap().count(), 2 * COMPONENTS_MAX - 1);
    }
}
