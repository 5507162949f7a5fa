//! What a component says of itself before anything of it runs, and what it asks for.

use lockstep_host::{Anatomy, digest_of, examine, rights};

use crate::INPUT_BYTES_MAX;

pub const WORDS: &[&str] = &[
    "\0asm\x0d\0\x01\0",
    "\0asm\x01\0\0\0",
    "lockstep-manifest",
    "lockstep:connector/connector@0.1.0",
    "{\"name\":",
    "\"limits\":{\"memory\":1}",
    "https:config.",
    "tcp:",
    "{config.url}",
    "private-network",
    "*.",
    "10.0.0.0/8",
    "[::1]",
    ":65536",
    "@",
];

/// Whatever is let through can be shown to a person.
pub fn component(bytes: &[u8]) {
    assert_eq!(digest_of(bytes).len(), 64);
    let Ok(Anatomy { imports, manifest, .. }) = examine(bytes) else { return };
    assert!(imports.iter().all(|name| name.len() <= INPUT_BYTES_MAX));
    if let Some(manifest) = manifest {
        let words = [&manifest.name, &manifest.version].into_iter().chain(&manifest.permissions);
        for word in words.chain(&manifest.credentials) {
            assert!(!word.chars().any(char::is_control), "{word:?} would write over the screen");
        }
    }
}

/// Asks, grants and settings: three parts, divided by lines of `--`.
pub fn permissions(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split("\n--\n");
    let mut lines = || parts.next().unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let (asks, grants) = (lines(), lines());
    let settings = serde_json::from_str(parts.next().unwrap_or_default()).unwrap_or_default();
    let Ok(rights) = rights(&asks, &grants, &settings) else { return };
    for right in &rights {
        assert!(asks.contains(&right.ask), "{} was never asked for", right.ask);
    }
}
