//! References into registries: `oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]`. The digest is
//! the manifest's, and what is pinned by it; the tag beside it is for people. Pure.

use std::fmt;

use super::error::RegistryError;

pub const SCHEME: &str = "oci://";
const DIGEST: &str = "sha256:";
/// Of the distribution specification.
const TAG_BYTES_MAX: usize = 128;
const REPOSITORY_BYTES_MAX: usize = 255;
/// Docker Hub is asked elsewhere than it is named.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// An artifact's place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Host, and port where there is one.
    pub registry: String,
    pub repository: String,
    pub tag: Option<String>,
    /// The manifest's SHA-256, in hexadecimal.
    pub digest: Option<String>,
}

impl Reference {
    /// # Errors
    /// [`RegistryError::BadReference`].
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let bad = |why: &str| RegistryError::BadReference { reference: text.to_owned(), why: why.to_owned() };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| bad("it does not begin with oci://"))?;
        let (registry, path) = rest.split_once('/').ok_or_else(|| bad("it names no repository"))?;
        if !is_registry(registry) {
            return Err(bad("the registry is no host and port"));
        }
        let (path, digest) = match path.split_once('@') {
            Some((path, digest)) => {
                let hex = digest.strip_prefix(DIGEST).filter(|hex| is_sha256(hex));
                let hex = hex.ok_or_else(|| bad("the digest is not sha256: and 64 hex digits"))?;
                (path, Some(hex.to_ascii_lowercase()))
            }
            None => (path, None),
        };
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) if is_tag(tag) => (repository, Some(tag.to_owned())),
            Some(_) => return Err(bad("the tag has characters that no tag may have")),
            None => (path, None),
        };
        if !is_repository(repository) {
            return Err(bad("the repository has characters that no repository's name may have"));
        }
        Ok(Reference { registry: registry.to_owned(), repository: repository.to_owned(), tag, digest })
    }

    /// The manifest that is meant, whatever becomes of the tag.
    ///
    /// # Errors
    /// [`RegistryError::Unpinned`].
    pub fn pinned(&self) -> Result<&str, RegistryError> {
        self.digest.as_deref().ok_or_else(|| RegistryError::Unpinned { reference: self.to_string() })
    }

    /// The same, of that manifest.
    pub fn at(&self, digest: &str) -> Self {
        Reference { digest: Some(digest.to_owned()), ..self.clone() }
    }

    /// What a registry is asked for: the digest, else the tag.
    pub(super) fn wanted(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("{DIGEST}{digest}"),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// Where it is asked.
    pub(super) fn host(&self) -> &str {
        if self.registry == HUB.0 { HUB.1 } else { &self.registry }
    }

    /// Whether the registry is this machine, by its address or as `localhost`.
    pub(super) fn is_here(&self) -> bool {
        let host = match self.registry.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => self.registry.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{DIGEST}{digest}"),
            None => Ok(()),
        }
    }
}

fn is_registry(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']');
    // A first part without a dot or a port is no host to others who read references.
    !text.is_empty() && text.chars().all(fits) && (text == "localhost" || text.contains(['.', ':']))
}

fn is_repository(text: &str) -> bool {
    let alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.starts_with(alnum) && part.ends_with(alnum) && part.chars().all(|c| alnum(c) || "._-".contains(c))
    };
    text.len() <= REPOSITORY_BYTES_MAX && text.split('/').all(part) && !text.contains("..")
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= TAG_BYTES_MAX && text.starts_with(word) && text.chars().all(|c| word(c) || ".-".contains(c))
}

/// 64 hex digits.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "97fc222cee7991b5b061d4d4afdb5f3428fcb0c9054e1690313786befa1e4e36";

    #[test]
    fn references_are_written_as_they_are_read() {
        for (text, is_here) in [
            ("oci://registry.example.com/acme/crm:1.2".to_owned(), false),
            ("oci://registry.example.com/crm".to_owned(), false),
            (format!("oci://127.0.0.1:5000/a/b/c_d:v1.0-rc@sha256:{DIGEST}"), true),
            (format!("oci://[::1]:5000/crm@sha256:{DIGEST}"), true),
            ("oci://localhost/crm".to_owned(), true),
            ("oci://127.example.com/crm".to_owned(), false),
        ] {
            let reference = Reference::parse(&text).expect("a reference");
            assert_eq!((reference.to_string(), reference.is_here()), (text, is_here));
        }
    }

    #[test]
    fn what_leads_elsewhere_than_it_says_is_no_reference() {
        for text in [
            "registry.example.com/crm",
            "oci://registry.example.com",
            "oci://crm/x",
            "oci://user@registry.example.com/crm",
            "oci://registry.example.com/../v2/crm",
            "oci://registry.example.com/acme//crm",
            "oci://registry.example.com/acme/crm?x=y",
            "oci://registry.example.com/acme/CRM",
            "oci://registry.example.com/acme/crm:a/b",
            "oci://registry.example.com/acme/crm:",
            "oci://registry.example.com/acme/crm@sha256:12",
            "oci://registry.example.com/acme/crm@sha512:12",
        ] {
            assert_eq!(Reference::parse(text).map_err(|error| error.code()), Err("LS-REG-001"), "{text}");
        }
    }

    #[test]
    fn only_a_digest_pins() {
        let open = Reference::parse("oci://registry.example.com/crm:1").expect("a reference");
        assert_eq!(open.pinned().map_err(|error| error.code()), Err("LS-REG-002"));
        assert_eq!(open.at(DIGEST).pinned(), Ok(DIGEST));
        assert_eq!((open.wanted(), open.at(DIGEST).wanted()), ("1".to_owned(), format!("sha256:{DIGEST}")));
    }
}
