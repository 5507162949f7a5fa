//! Components in use and those before them, put aside by digest beside the state
//! file: a rollback finds them whatever became of the file or registry they came from. With
//! each is what is signed about it, and with an artifact's manifest which component it carries.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use lockstep_host::{Artifact, Evidence};

/// Components kept; those that were used longest ago go first.
const COMPONENTS_MAX: usize = 40;
/// Of what belongs to a component or an artifact; each kind is kept as long.
const KINDS: [&str; 2] = ["wasm", "artifact"];
/// A manifest, and what is signed about it.
const NOTE_BYTES_MAX: u64 = 16 << 20;

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

    /// What is signed about a component; nothing where that cannot be read. It is verified by whoever loads it.
    pub fn evidence(&self, digest: &str) -> Evidence {
        read(&self.path(digest).with_extension("signed")).unwrap_or_default()
    }

    /// The component that an artifact carries, by the manifest's digest, and what is signed about it.
    pub fn artifact(&self, manifest: &str) -> Option<(String, Evidence)> {
        let artifact: Artifact = read(&self.path(manifest).with_extension("artifact"))?;
        let component = artifact.component().filter(|_| artifact.digest() == manifest)?;
        Some((component, Evidence { artifact: Some(artifact), ..Evidence::default() }))
    }

    /// Adds what is signed about a component to what is known of that.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn add(&self, digest: &str, evidence: &Evidence) -> io::Result<()> {
        let known = self.evidence(digest);
        let all = known.clone().and(evidence.clone());
        if all != known {
            self.write(&self.path(digest).with_extension("signed"), &serde_json::to_vec(&all)?)?;
        }
        if let Some(artifact) = &evidence.artifact {
            let note = self.path(&artifact.digest()).with_extension("artifact");
            self.write(&note, &serde_json::to_vec(artifact)?)?;
        }
        Ok(())
    }

    /// What is read from here is checked against its digest by whoever loads it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn put(&self, digest: &str, bytes: &[u8], evidence: &Evidence) -> io::Result<()> {
        self.create()?;
        self.add(digest, evidence)?;
        self.write(&self.path(digest), bytes)?;
        File::open(&self.0)?.sync_all()?;
        self.tidy()
    }

    /// Whole, or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // Two connections may put the same component aside at the same moment.
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let partial = path.with_extension(format!("{}.{number}.partial", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
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
                to.put(&digest, &fs::read(&path)?, &self.evidence(&digest))?;
                copied += 1;
            }
        }
        Ok(copied)
    }

    fn tidy(&self) -> io::Result<()> {
        KINDS.iter().try_for_each(|kind| self.tidy_kind(kind))
    }

    fn tidy_kind(&self, kind: &str) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.0)?.flatten() {
            let path = entry.path();
            let modified = entry.metadata().and_then(|meta| meta.modified());
            if let (Ok(modified), true) = (modified, path.extension().is_some_and(|own| own == kind)) {
                found.push((modified, path));
            }
        }
        found.sort();
        let surplus = found.len().saturating_sub(COMPONENTS_MAX);
        for (_, path) in found.into_iter().take(surplus) {
            for file in [path.with_extension("built-in"), path.with_extension("signed"), path] {
                match fs::remove_file(file) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.display())
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let is_ours = fs::metadata(path).ok()?.len() <= NOTE_BYTES_MAX;
    serde_json::from_slice(&fs::read(path).ok().filter(|_| is_ours)?).ok()
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
        shelf.put("aa", b"component", &Evidence::default()).unwrap();
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
            shelf.put(&format!("{number:03}"), b"component", &Evidence::default()).unwrap();
        }
        assert!(shelf.has("042"));
        shelf.touch("003").unwrap();
        shelf.put("new", b"component", &Evidence::default()).unwrap();
        assert!(shelf.has("003") && !shelf.has("004"), "what is in use stays");
        assert_eq!(fs::read(shelf.path("042")).unwrap(), b"component");
        assert_eq!(fs::read_dir(kept.path().join("connectors")).unwrap().count(), 2 * COMPONENTS_MAX - 1);
    }
}
