//! Compiled components on disk. What is read back becomes machine code that
//! runs outside the sandbox, so a file counts only when its seal, made with a key of this
//! cache, covers it together with the component and the engine it belongs to. Whatever does not fit
//! is compiled again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::credentials::hex;

const KEY_FILE: &str = "seal.key";
const SEAL_BYTES: usize = 32;

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
        Ok(Cache { folder: folder.to_owned(), key })
    }

    /// The compiled code of a component for an engine, if an untouched one is there.
    pub(crate) fn get(&self, digest: &str, engine: &str, bytes_max: u64) -> Option<Vec<u8>> {
        let path = self.path(digest, engine);
        if fs::metadata(&path).ok()?.len() > bytes_max.saturating_add(SEAL_BYTES as u64) {
            return None;
        }
        let mut bytes = fs::read(&path).ok()?;
        if bytes.len() < SEAL_BYTES {
            return None;
        }
        let code = bytes.split_off(SEAL_BYTES);
        let sealed = self.seal(digest, engine, &code).verify_slice(&bytes).is_ok();
        if !sealed {
            tracing::warn!(file = %path.display(), "the seal of a cached component does not fit; compiling anew");
        }
        sealed.then_some(code)
    }

    /// Keep compiled code. Appears whole or not at all.
    pub(crate) fn put(&self, digest: &str, engine: &str, code: &[u8]) -> io::Result<()> {
        let mut bytes = self.seal(digest, engine, code).finalize().into_bytes().to_vec();
        bytes.extend_from_slice(code);
        let partial = self.folder.join(format!("{digest}.{}.partial", std::process::id()));
        fs::write(&partial, &bytes)?;
        fs::rename(&partial, self.path(digest, engine))
    }

    fn path(&self, digest: &str, engine: &str) -> PathBuf {
        self.folder.join(format!("{digest}-{engine}.aot"))
    }

    fn seal(&self, digest: &str, engine: &str, code: &[u8]) -> Hmac<Sha256> {
        let mac = match Hmac::<Sha256>::new_from_slice(&self.key) {
            Ok(mac) => mac,
            Err(_) => unreachable!("HMAC takes keys of any length"),
        };
        mac.chain_update(digest).chain_update([0]).chain_update(engine).chain_update([0]).chain_update(code)
    }
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
        fs::copy(folder.path().join("aa-e1.aot"), folder.path().join("bb-e1.aot")).expect("copy");
        assert_eq!(cache.get("bb", "e1", 1000), None);
        fs::copy(folder.path().join("aa-e1.aot"), folder.path().join("aa-e2.aot")).expect("copy");
        assert_eq!(cache.get("aa", "e2", 1000), None);
    }

    #[test]
    fn a_changed_or_forged_file_is_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(folder.path()).expect("a cache");
        cache.put("aa", "e1", b"code").expect("put");
        let path = folder.path().join("aa-e1.aot");
        let mut bytes = fs::read(&path).expect("read");
        *bytes.last_mut().expect("a byte") ^= 1;
        fs::write(&path, &bytes).expect("write");
        assert_eq!(cache.get("aa", "e1", 1000), None);
        fs::write(&path, b"short").expect("write");
        assert_eq!(cache.get("aa", "e1", 1000), None);
        let elsewhere = tempfile::tempdir().expect("a folder");
        let other = Cache::open(elsewhere.path()).expect("a cache");
        other.put("aa", "e1", b"evil").expect("put");
        fs::copy(elsewhere.path().join("aa-e1.aot"), &path).expect("copy");
        assert_eq!(cache.get("aa", "e1", 1000), None);
    }
}
