//! What a registry of components answers, and references to it: a stranger's words.

use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
use lockstep_host::{Reference, component_in, sign_in_at};

pub const WORDS: &[&str] = &[
    "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",",
    "\"layers\":[",
    "{\"mediaType\":\"application/wasm\",\"digest\":\"sha256:",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "\"size\":18446744073709551615",
    "\"manifests\":[]",
    "\"annotations\":{}",
    "Bearer realm=\"https://",
    "service=\"",
    "scope=",
    "Basic ",
    "oci://",
    "@sha256:",
    "localhost:5000/",
    "[::1]:5000/",
    "..",
    "\\ud800",
];

/// A manifest that is let through names a component by a digest that can be compared.
pub fn answers(bytes: &[u8]) {
    if let Ok((digest, _)) = component_in(bytes) {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        assert!(hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest:?}");
    }
    // Each line a header.
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(64) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(WWW_AUTHENTICATE, value);
        }
    }
    if let Some(realm) = sign_in_at(&headers) {
        assert!(realm.len() <= bytes.len());
    }
}

/// A reference that is read is written as it is read again.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = Reference::parse(text) {
        let written = read.to_string();
        let again = Reference::parse(&written).map(|again| again.to_string());
        assert_eq!(again.as_deref().ok(), Some(written.as_str()));
    }
}
