//! What a component says in its own bytes that it asks for, so that whoever lets it in
//! can read it before anything of it runs. The host holds it to that: a connector that asks
//! for more when it runs is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{bounds::Bound, lines::printable};

/// A custom section's content, as JSON. Keys that are not known are left for later versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    /// Hosts, such as `https:config.base_url`.
    pub permissions: Vec<String>,
    /// Uses of secrets, such as `hmac-sha256:client_secret`.
    pub credentials: Vec<String>,
    /// Limits above the default that it needs: bytes, milliseconds or a number, by the names of
    /// a connection's `limits`.
    pub limits: BTreeMap<String, u64>,
}

const BYTES_MAX: usize = 64 * 1024;
const ENTRIES_MAX: usize = 1_000;
const WORDS_BYTES_MAX: usize = 1_000;

impl Manifest {
    /// The custom section's name.
    pub const SECTION: &str = "lockstep-manifest";

    /// # Errors
    /// Words about what cannot be read.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > BYTES_MAX {
            return Err(format!("its manifest has {} bytes; {BYTES_MAX} are the most allowed", bytes.len()));
        }
        let manifest: Manifest =
            serde_json::from_slice(bytes).map_err(|error| format!("its manifest cannot be read: {error}"))?;
        let lists = [manifest.permissions.len(), manifest.credentials.len(), manifest.limits.len()];
        if lists.into_iter().any(|count| count > ENTRIES_MAX) {
            return Err(format!("its manifest lists more than {ENTRIES_MAX} things"));
        }
        if let Some(unknown) = manifest.limits.keys().find(|key| Bound::named(key).is_none()) {
            return Err(format!("its manifest asks for a limit that there is not: {}", printable(unknown, 100)));
        }
        let words = |list: Vec<String>| list.iter().map(|text| printable(text, WORDS_BYTES_MAX)).collect();
        Ok(Manifest {
            name: printable(&manifest.name, WORDS_BYTES_MAX),
            version: printable(&manifest.version, WORDS_BYTES_MAX),
            permissions: words(manifest.permissions),
            credentials: words(manifest.credentials),
            limits: manifest.limits,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_and_what_a_terminal_would_obey_left_out() {
        let text = r#"{"name":"x\u001b[2J","permissions":["https:a.example.com"],"limits":{"memory":1},"later":[]}"#;
        let read = Manifest::read(text.as_bytes()).expect("a manifest");
        assert_eq!(read.name, "x[2J");
        assert_eq!(read.permissions, ["https:a.example.com"]);
        assert_eq!(read.limits["memory"], 1);
    }

    #[test]
    fn what_cannot_be_held_to_is_refused() {
        for text in [r#"{"limits":{"memery":1}}"#, r#"{"permissions":"all"}"#, "", r#"{"limits":{"memory":-1}}"#] {
            assert!(Manifest::read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Manifest::read(" ".repeat(70_000).as_bytes()).is_err());
    }
}
