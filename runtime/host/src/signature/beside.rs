//! Signatures that came beside a component, as cosign makes them: over its bytes
//! (`cosign sign-blob`, a `.sig` file), or over the artifact of a registry that carries it
//! (`cosign sign`, a "simple signing" payload that names the manifest's digest). All of it comes
//! from anybody: it counts only as far as a listed key verifies it, and then from the
//! signature down to the component's bytes. Pure.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{Found, TrustedKey};
use crate::{examine::digest_of, lines::printable, registry::ArtifactManifest};

/// What cosign says it signs.
const KIND: &str = "cosign container image signature";

/// Of what is shown of an artifact's annotations.
const ANNOTATIONS_MAX: usize = 50;
const WORDS_BYTES_MAX: usize = 500;
/// Over the bytes of one component.
const SIGNATURES_MAX: usize = 16;

/// Signatures beside a component. Kept with it, and judged anew at every load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Over the component's bytes, in base64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of_bytes: Vec<String>,
    /// The artifact that it came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
}

/// An artifact of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// How it was asked for.
    pub reference: String,
    /// Its manifest, byte for byte.
    pub manifest: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
}

/// One signature over an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// What is signed, byte for byte: JSON that names a manifest.
    pub payload: String,
    /// In base64.
    pub signature: String,
}

impl Artifact {
    /// The SHA-256 of its manifest.
    pub fn digest(&self) -> String {
        digest_of(self.manifest.as_bytes())
    }

    /// The SHA-256 of the component in it; `None`: its manifest names none.
    pub fn component(&self) -> Option<String> {
        let manifest = ArtifactManifest::read(self.manifest.as_bytes()).ok()?;
        Some(manifest.component().ok()?.sha256()?.to_owned())
    }

    /// What its maker wrote about it, by key, fit to be shown.
    pub fn annotations(&self) -> Vec<(String, String)> {
        let manifest = ArtifactManifest::read(self.manifest.as_bytes()).unwrap_or_default();
        let shown = |text: &String| printable(text, WORDS_BYTES_MAX);
        manifest.annotations.iter().take(ANNOTATIONS_MAX).map(|(key, value)| (shown(key), shown(value))).collect()
    }
}

impl Evidence {
    /// With what else is signed; the newer word about an artifact stands.
    pub fn and(mut self, newer: Evidence) -> Self {
        for signature in newer.of_bytes {
            if !self.of_bytes.contains(&signature) && self.of_bytes.len() < SIGNATURES_MAX {
                self.of_bytes.push(signature);
            }
        }
        Evidence { artifact: newer.artifact.or(self.artifact), ..self }
    }

    pub(super) fn judge(&self, keys: &[TrustedKey], bytes: &[u8], found: &mut Found) {
        for signature in &self.of_bytes {
            found.any = true;
            // Which bytes another signature is of cannot be told.
            let Some(signature) = decoded(signature) else { continue };
            keys.iter().filter(|key| key.made(&signature, bytes)).for_each(|key| found.note(key, Some(true), ""));
        }
        let Some(artifact) = self.artifact.as_ref().filter(|artifact| !artifact.statements.is_empty()) else { return };
        found.any = true;
        let is_carrier = artifact.component().is_some_and(|carried| carried == digest_of(bytes));
        let digest = artifact.digest();
        for statement in &artifact.statements {
            let Some(signature) = decoded(&statement.signature) else { continue };
            for key in keys.iter().filter(|key| key.made(&signature, statement.payload.as_bytes())) {
                let is_it = is_carrier && names(&statement.payload, &digest);
                found.note(key, Some(is_it), "other artifacts");
            }
        }
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.split_whitespace().collect::<String>()).ok()
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest", alias = "Docker-manifest-digest")]
    digest: String,
}

/// Whether a payload is about this manifest. Under which name it was published is not asked, as cosign
/// does not: a mirror has another.
fn names(payload: &str, digest: &str) -> bool {
    let Ok(Payload { critical }) = serde_json::from_str(payload) else { return false };
    critical.kind == KIND && critical.image.digest.strip_prefix("sha256:") == Some(digest)
}

#[cfg(test)]
mod tests {
    use lockstep_core::config::PublicKey;

    use super::{
        super::{Signature, Trust},
        *,
    };

    /// All of it made by openssl 3: the key, and the two signatures.
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERJJQmEa7x15rqiqWPjYPOarBcRA6
yfQnqq/bcLzYpX7abDi5PR/bV68cNCzH637+RZlrZOeNo3moN4hQASIs3A==
-----END PUBLIC KEY-----
";
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const OF_COMPONENT: &str =
        "MEUCIErXG+f7+UEz9fH3x+0Dx0cVqEfUqP0/Z+WVN8SDQYGgAiEAn+w0Vjg2qBTeKV3qFIexlVpbBJmsv7BVDrqdxOXyEM8=";
    const MANIFEST: &str = r#"{"layers":[{"mediaType":"application/wasm","digest":"sha256:24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29","size":8}]}"#;
    const PAYLOAD: &str = r#"{"critical":{"identity":{"docker-reference":"a.example.com/crm"},"image":{"docker-manifest-digest":"sha256:1b3a2a7a5c43952f8ea6962f3fa944ccc8d3e75c93178fdaf3497c9313a41976"},"type":"cosign container image signature"},"optional":null}"#;
    const OF_PAYLOAD: &str =
        "MEYCIQCMsMglZU8dGcrMirJ/SEHE6yDU3Ju4lfwibducpAX0OwIhAJsWySCeEoxD+iVHV4sRL0Zmsq5El/GZ6Cp8SoBIYYaF";

    fn trust(required: bool) -> Trust {
        let key = PublicKey::parse(PUBLIC).expect("a key");
        Trust { keys: vec![TrustedKey::new("acme", key)], required }
    }

    fn beside(signature: &str) -> Evidence {
        Evidence { of_bytes: vec![signature.to_owned()], artifact: None }
    }

    fn artifact(manifest: &str, payload: &str, signature: &str) -> Evidence {
        let statements = vec![Statement { payload: payload.to_owned(), signature: signature.to_owned() }];
        let reference = "oci://a.example.com/crm".to_owned();
        Evidence {
            of_bytes: Vec::new(),
            artifact: Some(Artifact { reference, manifest: manifest.to_owned(), statements }),
        }
    }

    #[test]
    fn signatures_of_another_tool_count_over_bytes_and_over_artifacts() {
        let acme = Signature::By(vec!["acme".to_owned()]);
        assert_eq!(trust(true).admit(COMPONENT, &beside(OF_COMPONENT)), Ok(acme.clone()));
        assert_eq!(trust(true).admit(COMPONENT, &artifact(MANIFEST, PAYLOAD, OF_PAYLOAD)), Ok(acme.clone()));
        let both = beside(OF_COMPONENT).and(artifact(MANIFEST, PAYLOAD, OF_PAYLOAD));
        assert_eq!(trust(true).admit(COMPONENT, &both), Ok(acme));
        let kept: Evidence = serde_json::from_str(&serde_json::to_string(&both).expect("JSON")).expect("evidence");
        assert_eq!(kept, both);
    }

    #[test]
    fn no_changed_bit_of_a_signature_or_of_what_is_signed_counts() {
        let signature = STANDARD.decode(OF_COMPONENT).expect("base64");
        for at in 0..signature.len() * 8 {
            let mut changed = signature.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(
                trust(false).judge(COMPONENT, &beside(&STANDARD.encode(changed))),
                Signature::Unlisted,
                "bit {at}"
            );
        }
        for at in 0..COMPONENT.len() * 8 {
            let mut changed = COMPONENT.to_vec();
            changed[at / 8] ^= 1 << (at % 8);
            let judged = trust(false).judge(&changed, &beside(OF_COMPONENT));
            assert!(!matches!(judged, Signature::By(_)), "bit {at}");
            // What is signed is the artifact, and the artifact names other bytes.
            let judged = trust(false).judge(&changed, &artifact(MANIFEST, PAYLOAD, OF_PAYLOAD));
            assert!(matches!(judged, Signature::Wrong(_)), "bit {at}");
        }
        for text in ["", "?", "MEUCIQ=="] {
            assert_eq!(trust(true).admit(COMPONENT, &beside(text)).map_err(|error| error.code()), Err("LS-H023"));
        }
    }

    #[test]
    fn what_a_listed_key_signed_counts_for_that_artifact_only() {
        let other = MANIFEST.replace("\"size\"", " \"size\"");
        let refused = trust(false).admit(COMPONENT, &artifact(&other, PAYLOAD, OF_PAYLOAD));
        assert_eq!(refused.map_err(|error| error.code()), Err("LS-H024"));
        let claimed = PAYLOAD.replace("crm", "erp");
        let judged = trust(true).judge(COMPONENT, &artifact(MANIFEST, &claimed, OF_PAYLOAD));
        assert_eq!(judged, Signature::Unlisted);
        assert!(!names(&PAYLOAD.replace("cosign container", "another"), &digest_of(MANIFEST.as_bytes())));
        assert_eq!(trust(true).judge(COMPONENT, &Evidence::default()), Signature::Absent);
    }

    #[test]
    fn more_signatures_than_are_looked_at_are_not_kept() {
        let many = (0..100).map(|number| beside(&number.to_string())).fold(Evidence::default(), Evidence::and);
        assert_eq!(many.of_bytes.len(), SIGNATURES_MAX);
    }
}
