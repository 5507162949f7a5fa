//! Compiled components on disk. What is read back becomes machine code that
//! runs outside the sandbox, so a file counts only when its seal, made with a key of this
//! cache, covers it together with the component and the engine it belongs to. Whatever does not fit
//! is compiled again.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use blake3::Hasher;

use crate::credentials::hex;

const KEY_FILE: &str = "seal.key";
const SEAL_BYTES: usize = blake3::OUT_LEN;
/// Of a file that holds machine code and then its seal.
const KEPT: &str = "native";
/// Of the files of earlier versions, which were sealed another way and are read no more.
const OUTDATED: &str = "aot";

/// Under what the code of a component is kept: another hash of its bytes than its digest,
/// since this one is taken in a fraction of the time, and all else waits for it.
pub fn kept_name(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; 32],
}

impl Cache {
    /// Open or begin a cache. The folder and its key are readable by their owner only.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        restrict(folder, 0o700)?;
        let path = folder.join(KEY_FILE);
        let key = match fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|_| io::Error::other("the cache's key is damaged; remove it"))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => new_key(folder, &path)?,
            Err(error) => return Err(error),
        };
        remove_outdated(folder)?;
        Ok(Cache { folder: folder.to_owned(), key })
    }

    /// The compiled code of a component for an engine, if an untouched one is there.
    pub(crate) fn get(&self, name: &str, engine: &str, bytes_max: u64) -> Option<Vec<u8>> {
        let path = self.path(name, engine);
        let mut bytes = read_within(&path, bytes_max.saturating_add(SEAL_BYTES as u64))?;
        let code_bytes = bytes.len().checked_sub(SEAL_BYTES)?;
        let (code, found) = bytes.split_at(code_bytes);
        let found: [u8; SEAL_BYTES] = found.try_into().ok()?;
        // Hashes are compared in constant time.
        if self.seal(name, engine, code) != found {
            tracing::warn!(file = %path.display(), "the seal of a cached component does not fit; compiling anew");
            return None;
        }
        bytes.truncate(code_bytes);
        Some(bytes)
    }

    /// Keep compiled code. Appears whole or not at all.
    pub(crate) fn put(&self, name: &str, engine: &str, code: &[u8]) -> io::Result<()> {
        let partial = self.folder.join(format!("{name}.{}.partial", std::process::id()));
        let mut file = fs::File::create(&partial)?;
        file.write_all(code)?;
        file.write_all(self.seal(name, engine, code).as_bytes())?;
        fs::rename(&partial, self.path(name, engine))
    }

    fn path(&self, name: &str, engine: &str) -> PathBuf {
        self.folder.join(format!("{name}-{engine}.{KEPT}"))
    }

    fn seal(&self, name: &str, engine: &str, code: &[u8]) -> blake3::Hash {
        let mut hasher = Hasher::new_keyed(&self.key);
        for part in [name.as_bytes(), &[0], engine.as_bytes(), &[0], code] {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

/// What a file holds, unless that is more than `bytes_max`.
fn read_within(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    let file = fs::File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    if size > bytes_max {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).ok()?);
    file.take(size).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn remove_outdated(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == OUTDATED)
            && let Err(error) = fs::remove_file(&path)
            // Another host may have opened the same folder.
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
    }
    Ok(())
}

/// A key nobody else has.
fn new_key(folder: &Path, path: &Path) -> io::Result<[u8; 32]> {
    let mut key = [0_u8; 32];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut key)
        .map_err(|_| io::Error::other("the operating system gave no randomness"))?;
    let partial = folder.join(format!("{KEY_FILE}.{}.partial", hex(&key[..4])));
    fs::write(&partial, key)?;
    restrict(&partial, 0o600)?;
    // Whoever links first wins; the other reads that one.
    let linked = fs::hard_link(&partial, path);
    fs::remove_file(&partial)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::read(path)?.try_into().map_err(|_| io::Error::other("the cache's key is damaged; remove it"))
        }
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_put_for_that_component_and_engine_is_given_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(folder.path()).expect("a cache");
        cache.put("aa", "e1", b"code").expect("put");
        assert_eq!(cache.get("aa", "e1", 1000).as_deref(), Some(&b"code"[..]));
        let again = Cache::open(folder.path()).expect("a cache");
        assert_eq!(again.get("aa", "e1", 1000).as_deref(), Some(&b"code"[..]));
        fs::copy(folder.path().join("aa-e1.native"), folder.path().join("bb-e1.native")).expect("copy");
        assert_eq!(cache.get("bb", "e1", 1000), None);
        fs::copy(folder.path().join("aa-e1.native"), folder.path().join("aa-e2.native")).expect("copy");
        assert_eq!(cache.get("aa", "e2", 1000), None);
    }

    #[test]
    fn what_is_more_than_allowed_or_of_an_earlier_version_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(folder.path()).expect("a cache");
        cache.put("aa", "e1", b"code").expect("put");
        assert_eq!(cache.get("aa", "e1", 4).as_deref(), Some(&b"code"[..]));
        assert_eq!(cache.get("aa", "e1", 3), None);
        let earlier = folder.path().join("aa-e1.aot");
        fs::write(&earlier, b"sealed another way").expect("write");
        Cache::open(folder.path()).expect("a cache");
        assert!(!earlier.exists());
        assert_eq!(cache.get("aa", "e1", 4).as_deref(), Some(&b"code"[..]));
    }

    #[test]
    fn a_changed_or_forged_file_is_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(folder.path()).expect("a cache");
        cache.put("aa", "e1", b"code").expect("put");
        let path = folder.path().join("aa-e1.native");
        let mut bytes = fs::read(&path).expect("read");
        *bytes.last_mut().expect("a byte") ^= 1;
        fs::write(&path, &bytes).expect("write");
        assert_eq!(cache.get("aa", "e1", 1000), None);
        fs::write(&path, b"short").expect("write");
        assert_eq!(cache.get("aa", "e1", 1000), None);
        let elsewhere = tempfile::tempdir().expect("a folder");
        let other = Cache::open(elsewhere.path()).expect("a cache");
        other.put("aa", "e1", b"evil").expect("put");
        fs::copy(elsewhere.path().join("aa-e1.native"), &path).expect("copy");
        assert_eq!(cache.get("aa", "e1", 1000), None);
    }
}
