//! Artifacts that carry a component: the wasm OCI artifact of the CNCF's working group, an
//! image manifest with a config of its own type and one layer, the component as it is. The
//! layer's digest therefore is the component's own. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reference::is_sha256;
use crate::examine::{digest_of, interfaces};

pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
pub(super) const COMPONENT_TYPE: &str = "application/wasm";
/// A layer that is a payload which cosign signed, and where its signature is.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
pub(super) const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// What another thing in a registry is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        let digest = format!("sha256:{}", digest_of(bytes));
        Descriptor { media_type: media_type.to_owned(), digest, size: bytes.len() as u64, ..Descriptor::default() }
    }

    /// In hexadecimal; `None`: it is another kind of digest.
    pub fn sha256(&self) -> Option<&str> {
        self.digest.strip_prefix("sha256:").filter(|hex| is_sha256(hex))
    }
}

/// An image manifest, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactManifest {
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// Of an index.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl ArtifactManifest {
    /// # Errors
    /// Why it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("its manifest cannot be read: {error}"))
    }

    /// The one layer that is a component.
    ///
    /// # Errors
    /// Why there is none.
    pub fn component(&self) -> Result<&Descriptor, String> {
        if self.media_type == INDEX_TYPE || !self.manifests.is_empty() {
            return Err("it is a list of artifacts; name one of them by its digest".into());
        }
        match self.layers.as_slice() {
            [layer] if layer.media_type != COMPONENT_TYPE => {
                Err(format!("its layer is of type {}, and components are of type {COMPONENT_TYPE}", layer.media_type))
            }
            [layer] if layer.sha256().is_none() => Err(format!("its layer's digest is no SHA-256: {}", layer.digest)),
            [layer] => Ok(layer),
            layers => Err(format!("it has {} layers, and a component is one", layers.len())),
        }
    }
}

/// An artifact that is to be published.
pub(super) struct Made {
    pub(super) manifest: Vec<u8>,
    pub(super) config: Vec<u8>,
}

/// `created`: the time in RFC 3339.
pub(super) fn make(
    component: &[u8],
    created: &str,
    annotations: &BTreeMap<String, String>,
) -> Result<Made, crate::HostError> {
    let (imports, exports) = interfaces(component)?;
    let layer = Descriptor::of(COMPONENT_TYPE, component);
    let config = written(&json!({
        "created": created,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [layer.digest],
        "component": { "exports": exports, "imports": imports },
    }));
    let manifest = written(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": Descriptor::of(CONFIG_TYPE, &config),
        "layers": [layer],
        "annotations": annotations,
    }));
    Ok(Made { manifest, config })
}

fn written(json: &Value) -> Vec<u8> {
    json.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(layers: Value) -> ArtifactManifest {
        ArtifactManifest::read(&written(&json!({ "schemaVersion": 2, "layers": layers }))).expect("a manifest")
    }

    #[test]
    fn what_is_made_carries_the_component_under_its_own_digest() {
        let wasm = wat::parse_str("(component (core module))").expect("a component");
        let annotations = BTreeMap::from([("org.opencontainers.image.version".to_owned(), "1.2".to_owned())]);
        let made = make(&wasm, "2026-01-01T00:00:00Z", &annotations).expect("an artifact");
        let read = ArtifactManifest::read(&made.manifest).expect("a manifest");
        let layer = read.component().expect("a layer");
        assert_eq!((layer.sha256(), layer.size), (Some(digest_of(&wasm).as_str()), wasm.len() as u64));
        assert_eq!(read.annotations, annotations);
        let config: Value = serde_json::from_slice(&made.config).expect("JSON");
        assert_eq!(config["layerDigests"], json!([layer.digest]));
        assert_eq!((&config["os"], &config["architecture"]), (&json!("wasip2"), &json!("wasm")));
    }

    #[test]
    fn what_is_no_artifact_of_one_component_says_why() {
        let layer =
            |kind: &str| json!({ "mediaType": kind, "digest": format!("sha256:{}", "a".repeat(64)), "size": 1 });
        assert!(manifest(json!([layer("application/wasm")])).component().is_ok());
        let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
        assert!(manifest(json!([layer(tar)])).component().expect_err("refused").contains(tar));
        assert!(manifest(json!([])).component().expect_err("refused").contains("0 layers"));
        let two = json!([layer("application/wasm"), layer("application/wasm")]);
        assert!(manifest(two).component().expect_err("refused").contains("2 layers"));
        let other = json!([{ "mediaType": "application/wasm", "digest": "sha512:00", "size": 1 }]);
        assert!(manifest(other).component().expect_err("refused").contains("sha512:00"));
        let index = json!({ "mediaType": INDEX_TYPE, "manifests": [] });
        let index = ArtifactManifest::read(&written(&index)).expect("an index");
        assert!(index.component().expect_err("refused").contains("list of artifacts"));
        assert!(ArtifactManifest::read(b"<html>").is_err());
    }
}
