//! Public keys whose signatures count, as a configuration writes them: `ed25519:` and base64,
//! or the text of a PEM file, which is what cosign and openssl write. Only reads; nothing is
//! verified here.

use base64::{Engine as _, engine::general_purpose::STANDARD};

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// Everything before the key itself in RFC 8410's structure for ed25519 …
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
/// … and in RFC 5480's for ECDSA on P-256.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 3,
    0x42, 0,
];
/// A point on P-256 that is written out whole begins with this.
const UNCOMPRESSED: u8 = 4;

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKey {
    Ed25519([u8; 32]),
    /// ECDSA over SHA-256: an uncompressed point.
    P256([u8; 65]),
}

impl PublicKey {
    /// `None`: that is no such key.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(base64) = text.trim().strip_prefix("ed25519:") {
            return STANDARD.decode(base64).ok()?.try_into().ok().map(PublicKey::Ed25519);
        }
        let (before, rest) = text.split_once(BEGIN)?;
        let (inner, after) = rest.split_once(END)?;
        if !before.trim().is_empty() || !after.trim().is_empty() {
            return None;
        }
        let bytes = STANDARD.decode(inner.split_whitespace().collect::<String>()).ok()?;
        if let Some(key) = bytes.strip_prefix(&ED25519) {
            return key.try_into().ok().map(PublicKey::Ed25519);
        }
        let point: [u8; 65] = bytes.strip_prefix(&P256)?.try_into().ok()?;
        (point[0] == UNCOMPRESSED).then_some(PublicKey::P256(point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by `openssl pkey -pubout`.
    const OPENSSL_P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERJJQmEa7x15rqiqWPjYPOarBcRA6
yfQnqq/bcLzYpX7abDi5PR/bV68cNCzH637+RZlrZOeNo3moN4hQASIs3A==
-----END PUBLIC KEY-----
";
    /// The key of RFC 8410's example.
    const OPENSSL_ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

    #[test]
    fn keys_of_other_tools_are_read() {
        let listed = PublicKey::parse("ed25519:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
        assert!(listed.is_some() && PublicKey::parse(OPENSSL_ED25519) == listed);
        assert!(matches!(PublicKey::parse(OPENSSL_P256), Some(PublicKey::P256([4, ..]))));
    }

    #[test]
    fn what_is_no_public_key_of_these_kinds_is_none() {
        for text in [
            "",
            "ed25519:",
            "p256:AAAA",
            &OPENSSL_P256.replace("PUBLIC", "PRIVATE"),
            &OPENSSL_P256.replace("MFkw", "MFkx"),
            &OPENSSL_P256.replace("DQgAE", "DQgAD"),
            &OPENSSL_ED25519.replace("ZuE=", "Zg=="),
            &format!("{OPENSSL_ED25519}{OPENSSL_P256}"),
            &OPENSSL_P256[..60],
        ] {
            assert_eq!(PublicKey::parse(text), None, "{text}");
        }
    }
}
