//! Keys that sign components, and those that are believed. Private keys are in PKCS #8 and PEM as
//! `openssl genpkey -algorithm ed25519` writes them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lockstep_core::config::PublicKey;
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1, ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use zeroize::Zeroizing;

/// Bytes of a public key, and of the seed of a private one.
const KEY_BYTES: usize = 32;
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// Everything of an ed25519 key in PKCS #8 (RFC 8410) but the seed at its end.
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A public key that the operator listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    pub name: String,
    pub(super) public: PublicKey,
}

impl TrustedKey {
    pub fn new(name: impl Into<String>, public: PublicKey) -> Self {
        TrustedKey { name: name.into(), public }
    }

    /// Whether it made this signature; of ECDSA in the encoding of RFC 3279, as cosign and openssl write it.
    pub(super) fn made(&self, signature: &[u8], message: &[u8]) -> bool {
        match &self.public {
            PublicKey::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            PublicKey::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature),
        }
        .is_ok()
    }
}

/// A private key.
pub struct SigningKey {
    seed: Zeroizing<[u8; KEY_BYTES]>,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// A new one; `None`: the operating system gives no randomness.
    pub fn generate() -> Option<Self> {
        let mut seed = Zeroizing::new([0; KEY_BYTES]);
        SystemRandom::new().fill(seed.as_mut()).ok()?;
        Self::of(seed)
    }

    /// From a file's text; `None`: that is no private ed25519 key.
    pub fn from_pem(text: &str) -> Option<Self> {
        let inner = text.split_once(BEGIN)?.1.split_once(END)?.0;
        let inner = Zeroizing::new(inner.split_whitespace().collect::<String>());
        let bytes = Zeroizing::new(STANDARD.decode(inner.as_bytes()).ok()?);
        let mut seed = Zeroizing::new([0; KEY_BYTES]);
        let given = bytes.strip_prefix(&PKCS8)?;
        (given.len() == KEY_BYTES).then(|| seed.copy_from_slice(given))?;
        Self::of(seed)
    }

    fn of(seed: Zeroizing<[u8; KEY_BYTES]>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).ok()?;
        Some(SigningKey { seed, pair })
    }

    /// A file's text.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([&PKCS8[..], self.seed.as_ref()].concat());
        let inner = Zeroizing::new(STANDARD.encode(&*bytes));
        Zeroizing::new(format!("{BEGIN}\n{}\n{END}\n", *inner))
    }

    /// The key that others know it by.
    pub fn public(&self) -> [u8; KEY_BYTES] {
        let mut public = [0; KEY_BYTES];
        public.copy_from_slice(self.pair.public_key().as_ref());
        public
    }

    /// The public key as a configuration lists it.
    pub fn listed(&self) -> String {
        format!("ed25519:{}", STANDARD.encode(self.public()))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8410, in the shape `openssl genpkey -algorithm ed25519` writes.
    const OPENSSL: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const OPENSSL_PUBLIC: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    #[test]
    fn keys_are_those_of_other_tools() {
        let key = SigningKey::from_pem(OPENSSL).expect("a key");
        assert_eq!(*key.to_pem(), OPENSSL);
        assert_eq!(key.listed(), format!("ed25519:{OPENSSL_PUBLIC}"));
    }

    #[test]
    fn what_is_no_private_key_is_none() {
        let key = SigningKey::generate().expect("randomness");
        let pem = key.to_pem();
        for text in ["", "secret", &pem.replace("PRIVATE", "PUBLIC"), &pem.replace("MC4", "MC5"), &pem[..60]] {
            assert!(SigningKey::from_pem(text).is_none(), "{text}");
        }
    }
}
