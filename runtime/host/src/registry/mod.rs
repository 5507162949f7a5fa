//! Components in registries: pulled as the artifact that a digest names, and published as such.
//! Whatever a registry says is held against that digest; nothing here decides whose
//! components may be used, keeps anything, or reads credentials from anywhere.

mod challenge;
mod error;
mod manifest;
mod reference;
mod statements;
mod wire;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode, header::CONTENT_TYPE};
use zeroize::Zeroizing;

pub use error::RegistryError;
pub(crate) use manifest::ArtifactManifest;
pub use reference::{Reference, SCHEME};

use crate::{
    error::HostError,
    examine::digest_of,
    limits::LoadLimits,
    signature::{Artifact, Evidence},
};
use manifest::{Descriptor, MANIFEST_TYPE};
use wire::{Ask, WORDS_BYTES_MAX, Wire};

/// The distribution specification's own bound.
const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;
const EITHER_TYPE: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

/// The component's digest and size in an artifact's manifest, as [`Registry`] reads it.
///
/// # Errors
/// Why it is not one of a component.
pub fn component_in(manifest: &[u8]) -> Result<(String, u64), String> {
    let manifest = ArtifactManifest::read(manifest)?;
    let layer = manifest.component()?;
    Ok((layer.digest.clone(), layer.size))
}

/// Where a registry that answers with these headers wants a token to be asked for; empty where a name and a
/// password will do, `None` where it says no way that is known.
pub fn sign_in_at(headers: &http::HeaderMap) -> Option<String> {
    challenge::Challenge::of(headers).map(|challenge| match challenge {
        challenge::Challenge::Bearer { realm, .. } => realm,
        challenge::Challenge::Basic => String::new(),
    })
}

/// How a registry is asked.
#[derive(Default)]
pub struct Access {
    pub login: Option<Login>,
    /// Whether without encryption; unless said, where it is on this machine.
    pub plain_http: Option<bool>,
    /// For all of one visit; 10 minutes unless said.
    pub timeout: Option<Duration>,
    /// Until an answer begins, and between two parts of one; a minute unless said.
    pub silence: Option<Duration>,
}

/// Who asks.
pub enum Login {
    Password {
        username: String,
        password: Zeroizing<String>,
    },
    /// What `docker login` keeps where a registry gives no other.
    RefreshToken(Zeroizing<String>),
}

/// An artifact that came, and what is signed about it.
pub struct Pulled {
    pub component: Vec<u8>,
    /// With its [`Artifact`].
    pub evidence: Evidence,
}

/// One visit to a registry, for one reference.
pub struct Registry {
    reference: Reference,
    wire: Wire,
}

impl Registry {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// When the reference's registry is no host.
    pub fn visit(reference: &Reference, access: Access) -> Result<Self, RegistryError> {
        Ok(Registry { reference: reference.clone(), wire: Wire::new(reference, access)? })
    }

    /// The component: by the reference's digest, else by its tag as that is now.
    ///
    /// # Errors
    /// When it cannot be had, is not what the digest names, is no connector's artifact, or is too large.
    pub async fn pull(&self, limits: &LoadLimits) -> Result<Pulled, HostError> {
        let bytes = self.manifest(&self.reference.wanted()).await?.ok_or_else(|| self.missing("manifest"))?;
        let digest = digest_of(&bytes);
        if let Some(expected) = self.reference.digest.as_deref().filter(|expected| *expected != digest) {
            return Err(self.wrong("manifest", expected, digest).into());
        }
        let reference = self.reference.at(&digest);
        let no_connector = |reason: String| RegistryError::NotAConnector { reference: reference.to_string(), reason };
        let read = ArtifactManifest::read(&bytes).map_err(no_connector)?;
        let manifest = String::from_utf8(bytes).map_err(|_| no_connector("its manifest is no text".to_owned()))?;
        let layer = read.component().map_err(no_connector)?;
        let bytes_max = limits.component_bytes_max;
        if layer.size > bytes_max {
            return Err(HostError::TooLarge { bytes: layer.size, bytes_max });
        }
        let component = self.blob(layer, "component", layer.size).await?;
        let statements = self.statements(&digest).await?;
        let artifact = Artifact { reference: reference.to_string(), manifest, statements };
        Ok(Pulled { component, evidence: Evidence { of_bytes: Vec::new(), artifact: Some(artifact) } })
    }

    /// Publish a component under the reference's tag. The manifest's SHA-256. `created`: the time in RFC 3339.
    ///
    /// # Errors
    /// When it is no component, or the registry does not take it.
    pub async fn push(
        &self,
        component: Vec<u8>,
        created: &str,
        annotations: &BTreeMap<String, String>,
    ) -> Result<String, HostError> {
        if self.reference.digest.is_some() {
            let why = "a digest comes of what is published; name a tag only".to_owned();
            return Err(RegistryError::BadReference { reference: self.reference.to_string(), why }.into());
        }
        let made = manifest::make(&component, created, annotations)?;
        self.upload(component).await?;
        self.upload(made.config).await?;
        let digest = digest_of(&made.manifest);
        let put = Ask {
            method: Method::PUT,
            path: self.path("manifests", &self.reference.wanted()),
            headers: vec![(CONTENT_TYPE, MANIFEST_TYPE)],
            body: made.manifest.into(),
            bytes_max: WORDS_BYTES_MAX,
            what: "the answer",
        };
        let answer = self.wire.ask(&put).await?;
        match answer.status {
            StatusCode::CREATED => Ok(digest),
            _ => Err(self.wire.refused(&answer).into()),
        }
    }

    /// Of something in the repository.
    fn path(&self, kind: &str, name: &str) -> String {
        format!("/v2/{}/{kind}/{name}", self.reference.repository)
    }

    /// A manifest's bytes, by tag or digest.
    async fn manifest(&self, name: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        let ask = Ask::get(self.path("manifests", name), "the manifest", MANIFEST_BYTES_MAX);
        self.wire.found(&ask.accepting(EITHER_TYPE)).await
    }

    /// What a descriptor names, exactly.
    async fn blob(&self, of: &Descriptor, what: &'static str, bytes_max: u64) -> Result<Vec<u8>, RegistryError> {
        let ask = Ask::get(self.path("blobs", &of.digest), what, bytes_max);
        let bytes = self.wire.found(&ask).await?.ok_or_else(|| self.missing(what))?;
        let found = digest_of(&bytes);
        match of.sha256() {
            Some(expected) if expected == found => Ok(bytes),
            expected => Err(self.wrong(what, expected.unwrap_or(&of.digest), found)),
        }
    }

    /// Put bytes there, unless they are.
    async fn upload(&self, bytes: Vec<u8>) -> Result<(), RegistryError> {
        let digest = format!("sha256:{}", digest_of(&bytes));
        let ask = |method: Method, path: String, body: Bytes| Ask {
            method,
            path,
            headers: vec![(CONTENT_TYPE, "application/octet-stream")],
            body,
            bytes_max: WORDS_BYTES_MAX,
            what: "the answer",
        };
        let look = Ask { headers: Vec::new(), ..ask(Method::HEAD, self.path("blobs", &digest), Bytes::new()) };
        if self.wire.ask(&look).await?.status == StatusCode::OK {
            return Ok(());
        }
        let begun = self.wire.ask(&ask(Method::POST, self.path("blobs", "uploads/"), Bytes::new())).await?;
        if begun.status != StatusCode::ACCEPTED {
            return Err(self.wire.refused(&begun));
        }
        let path = match self.wire.onward(&begun) {
            Some((true, path)) => path,
            Some((false, _)) => return Err(self.wire.elsewhere("another host", "uploads go to the registry itself")),
            None => return Err(self.wire.elsewhere("nowhere", "it does not say where the upload goes")),
        };
        let mark = if path.contains('?') { '&' } else { '?' };
        let done = self.wire.ask(&ask(Method::PUT, format!("{path}{mark}digest={digest}"), bytes.into())).await?;
        match done.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.wire.refused(&done)),
        }
    }

    fn missing(&self, what: &'static str) -> RegistryError {
        RegistryError::Missing { reference: self.reference.to_string(), what }
    }

    fn wrong(&self, what: &'static str, expected: &str, found: String) -> RegistryError {
        RegistryError::WrongDigest { reference: self.reference.to_string(), what, expected: expected.to_owned(), found }
    }
}
