//! Signatures that a registry holds about an artifact, where cosign puts them: under a tag
//! made of the digest, or among the artifact's referrers. They are only gathered; what
//! they are worth is [`crate::signature`]'s.

use http::StatusCode;

use super::{
    Registry, RegistryError,
    manifest::{ArtifactManifest, Descriptor, INDEX_TYPE, PAYLOAD_TYPE, SIGNATURE},
    wire::Ask,
};
use crate::signature::Statement;

/// More are not looked at: anybody who may write to the repository can add some.
const STATEMENTS_MAX: usize = 32;
const REFERRERS_MAX: usize = 16;
const PAYLOAD_BYTES_MAX: u64 = 64 * 1024;
const INDEX_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Of referrers that are cosign's signatures.
const SIGNATURE_TYPE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

impl Registry {
    /// All that is signed about the artifact with this manifest.
    pub(super) async fn statements(&self, digest: &str) -> Result<Vec<Statement>, RegistryError> {
        let mut statements = Vec::new();
        if let Some(bytes) = self.manifest(&format!("sha256-{digest}.sig")).await? {
            self.gather(&bytes, &mut statements).await?;
        }
        for name in self.referrers(digest).await? {
            if let Some(bytes) = self.manifest(&name).await? {
                self.gather(&bytes, &mut statements).await?;
            }
        }
        Ok(statements)
    }

    /// The digests of signatures that refer to an artifact.
    async fn referrers(&self, digest: &str) -> Result<Vec<String>, RegistryError> {
        let ask = Ask::get(self.path("referrers", &format!("sha256:{digest}")), "the referrers", INDEX_BYTES_MAX);
        let answer = self.wire.ask(&ask.accepting(INDEX_TYPE)).await?;
        let index = match answer.status {
            StatusCode::OK => Some(answer.body),
            // Registries older than that part of the specification; their referrers are under a tag.
            StatusCode::NOT_FOUND
            | StatusCode::BAD_REQUEST
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED => self.manifest(&format!("sha256-{digest}")).await?,
            _ => return Err(self.wire.refused(&answer)),
        };
        let index = index.and_then(|bytes| ArtifactManifest::read(&bytes).ok()).unwrap_or_default();
        let of_cosign = |one: &Descriptor| one.artifact_type.as_deref() == Some(SIGNATURE_TYPE);
        let found = index.manifests.into_iter().filter(|one| of_cosign(one) && one.sha256().is_some());
        Ok(found.map(|one| one.digest).take(REFERRERS_MAX).collect())
    }

    /// The payloads of a signatures' manifest, as far as they can be read.
    async fn gather(&self, manifest: &[u8], statements: &mut Vec<Statement>) -> Result<(), RegistryError> {
        let Ok(manifest) = ArtifactManifest::read(manifest) else { return Ok(()) };
        for layer in manifest.layers.iter().filter(|layer| layer.media_type == PAYLOAD_TYPE) {
            let Some(signature) = layer.annotations.get(SIGNATURE) else { continue };
            if statements.len() >= STATEMENTS_MAX {
                break;
            }
            let payload = self.blob(layer, "signed payload", PAYLOAD_BYTES_MAX).await?;
            if let Ok(payload) = String::from_utf8(payload) {
                statements.push(Statement { payload, signature: signature.clone() });
            }
        }
        Ok(())
    }
}
