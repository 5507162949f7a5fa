//! Where the host's memory is: one file a thing, in a folder beside the state
//! file, readable by its owner only. What is in them may be secret.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use lockstep_host::Keeper;
use zeroize::Zeroizing;

use crate::shelf::Shelf;

/// Larger files are not ours.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The folder that belongs to a state file.
pub fn beside(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(".kept");
    state.with_file_name(name)
}

/// A folder of small files. Made when something is first kept.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(path: PathBuf) -> Self {
        Folder(path)
    }

    /// `refresh-token/crm` is the file `refresh-token.crm`.
    fn path(&self, name: &str) -> PathBuf {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        self.0.join(name.replace(|c| !fits(c), "."))
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let path = self.path(name);
        let partial = path.with_file_name(format!("{}.partial", name.replace('/', ".")));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&partial, &path)?;
        File::open(&self.0)?.sync_all()
    }
}

impl Keeper for Folder {
    fn load(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let path = self.path(name);
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut content = Zeroizing::new(Vec::new());
        file.take(FILE_BYTES_MAX).read_to_end(&mut content).map_err(failed)?;
        Ok(Some(content))
    }

    fn keep(&self, name: &str, content: &[u8]) -> Result<(), String> {
        self.write(name, content).map_err(|error| format!("{}: {error}", self.path(name).display()))
    }
}

/// Of [`copy`], only the components in use and those before them.
pub fn copy_components(from: &Path, to: &Path) -> io::Result<usize> {
    match Shelf::beside(&beside(from)).copy(&Shelf::beside(&beside(to))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        copied => copied,
    }
}

/// Copies what is kept beside one state file to where it is looked for beside
/// another, each file whole or not at all. How many files there were.
pub fn copy(from: &Path, to: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(beside(from)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let folder = Folder::new(beside(to));
    let mut copied = 0;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            // The components in use and those before them.
            copied += copy_components(from, to)?;
            continue;
        }
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.ends_with(".partial")) else { continue };
        let mut content = Zeroizing::new(Vec::new());
        File::open(entry.path())?.take(FILE_BYTES_MAX).read_to_end(&mut content)?;
        folder.write(name, &content)?;
        copied += 1;
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_nobody_elses_to_read() {
        let state = tempfile::tempdir().unwrap();
        let path = beside(&state.path().join("lockstep.db"));
        let folder = Folder::new(path.clone());
        assert!(folder.load("refresh-token/crm").unwrap().is_none());
        folder.keep("refresh-token/crm", b"first").unwrap();
        folder.keep("refresh-token/crm", b"second").unwrap();
        assert_eq!(folder.load("refresh-token/crm").unwrap().unwrap().as_slice(), b"second");
        assert_eq!(path.file_name().unwrap(), "lockstep.db.kept");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("refresh-token.crm"))), (0o700, 0o600));
    }

    #[test]
    fn a_copy_of_what_is_kept_is_found_beside_the_other_state() {
        let folder = tempfile::tempdir().unwrap();
        let (state, backup) = (folder.path().join("lockstep.db"), folder.path().join("saved"));
        assert_eq!(copy(&state, &backup).unwrap(), 0, "nothing was kept yet");
        assert!(!beside(&backup).exists());
        Folder::new(beside(&state)).keep("refresh-token/crm", b"of today").unwrap();
        assert_eq!(copy(&state, &backup).unwrap(), 1);
        let copied = Folder::new(beside(&backup)).load("refresh-token/crm").unwrap();
        assert_eq!(copied.unwrap().as_slice(), b"of today");
        let mode = fs::metadata(beside(&backup).join("refresh-token.crm")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
