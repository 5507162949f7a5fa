//! Who answers for a component: signatures inside its bytes, in the format of the WebAssembly
//! tool conventions (`Signatures.md`), made with ed25519; and those that came beside it, as cosign
//! makes them. Which keys count is the operator's word. Knows nothing of files and registries;
//! nothing of a component runs here.

mod beside;
mod keys;
mod section;

pub use beside::{Artifact, Evidence, Statement};
pub use keys::{SigningKey, TrustedKey};

use crate::error::HostError;
use section::Signed;

/// What a component's signature is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Made by these of the operator's keys, over exactly these bytes.
    By(Vec<String>),
    /// It carries signatures, none of them by a key that is listed.
    Unlisted,
    Absent,
    /// It carries one that cannot be right: of other bytes, or unreadable.
    Wrong(String),
    /// It is part of this program, whose maker answers for it.
    BuiltIn,
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Signature::By(names) => write!(f, "signed by {}", names.join(", ")),
            Signature::Unlisted => write!(f, "signed by no key that is listed"),
            Signature::Absent => write!(f, "not signed"),
            Signature::Wrong(reason) => write!(f, "wrongly signed: {reason}"),
            Signature::BuiltIn => write!(f, "built in"),
        }
    }
}

/// Whose components may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    pub keys: Vec<TrustedKey>,
    /// Only what one of the keys signed may be used.
    pub required: bool,
}

impl Trust {
    /// What a component's signatures are worth: its own, and those that came with it.
    pub fn judge(&self, bytes: &[u8], beside: &Evidence) -> Signature {
        let mut found = Found::default();
        match Signed::of(bytes) {
            Ok(Some(signed)) => {
                found.any = true;
                self.keys.iter().for_each(|key| found.note(key, signed.by(key), "other bytes"));
            }
            Ok(None) => {}
            Err(reason) => return Signature::Wrong(reason.to_owned()),
        }
        beside.judge(&self.keys, bytes, &mut found);
        match found {
            Found { names, .. } if !names.is_empty() => Signature::By(names),
            Found { wrong: Some(reason), .. } => Signature::Wrong(reason),
            Found { any: true, .. } => Signature::Unlisted,
            Found { .. } => Signature::Absent,
        }
    }

    /// [`Trust::judge`], for a component that is to be used.
    ///
    /// # Errors
    /// When a signature is wrong, or is missing where one is required.
    pub fn admit(&self, bytes: &[u8], beside: &Evidence) -> Result<Signature, HostError> {
        let signature = self.judge(bytes, beside);
        match &signature {
            Signature::By(_) | Signature::BuiltIn => Ok(signature),
            Signature::Wrong(_) => Err(HostError::WrongSignature { found: signature.to_string() }),
            Signature::Absent | Signature::Unlisted if self.required => {
                Err(HostError::NotSigned { found: signature.to_string() })
            }
            Signature::Absent | Signature::Unlisted => Ok(signature),
        }
    }
}

/// What came of looking at signatures.
#[derive(Default)]
struct Found {
    /// There is a signature at all.
    any: bool,
    /// The keys that signed these bytes.
    names: Vec<String>,
    /// A listed key signed, but something else.
    wrong: Option<String>,
}

impl Found {
    /// `signed`: whether the key signed this component; `Some(false)`: `what` instead; `None`: nothing.
    fn note(&mut self, key: &TrustedKey, signed: Option<bool>, what: &str) {
        match signed {
            Some(true) if !self.names.contains(&key.name) => self.names.push(key.name.clone()),
            Some(false) => self.wrong = Some(format!("what {} signed are {what}", key.name)),
            Some(true) | None => {}
        }
    }
}

/// The component with this key's signature, instead of any that it had.
///
/// # Errors
/// When it is no WebAssembly.
pub fn sign(bytes: &[u8], key: &SigningKey) -> Result<Vec<u8>, HostError> {
    section::sign(bytes, key).map_err(|reason| HostError::NotAComponent { reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use lockstep_core::config::PublicKey;

    use super::*;

    fn component() -> Vec<u8> {
        wat::parse_str("(component (core module (func)))").expect("a component")
    }

    fn key() -> SigningKey {
        SigningKey::generate().expect("randomness")
    }

    fn trust(keys: &[(&str, &SigningKey)], required: bool) -> Trust {
        let listed = keys.iter().map(|(name, key)| TrustedKey::new(*name, PublicKey::Ed25519(key.public())));
        Trust { keys: listed.collect(), required }
    }

    #[test]
    fn what_a_listed_key_signed_is_told_by_its_name() {
        let (acme, other) = (key(), key());
        let signed = sign(&component(), &acme).expect("signed");
        let trust = trust(&[("other", &other), ("acme", &acme)], true);
        assert_eq!(trust.admit(&signed, &Evidence::default()), Ok(Signature::By(vec!["acme".into()])));
        wasmparser::Validator::new().validate_all(&signed).expect("it still is a component");
    }

    #[test]
    fn unsigned_and_unlisted_components_are_refused_only_where_a_signature_is_required() {
        let (acme, other) = (key(), key());
        let signed = sign(&component(), &other).expect("signed");
        for (bytes, found) in [(component(), Signature::Absent), (signed, Signature::Unlisted)] {
            assert_eq!(trust(&[("acme", &acme)], false).admit(&bytes, &Evidence::default()), Ok(found));
            let refused = trust(&[("acme", &acme)], true).admit(&bytes, &Evidence::default()).expect_err("refused");
            assert_eq!(refused.code(), "LS-H023");
        }
    }

    #[test]
    fn every_changed_byte_behind_a_signature_is_seen_whether_one_is_required_or_not() {
        let acme = key();
        let trust = trust(&[("acme", &acme)], false);
        let signed = sign(&component(), &acme).expect("signed");
        let body = signed.len() - (component().len() - 8);
        for at in body..signed.len() {
            let mut changed = signed.clone();
            changed[at] ^= 1;
            assert_eq!(
                trust.admit(&changed, &Evidence::default()).expect_err("refused").code(),
                "LS-H024",
                "byte {at}"
            );
        }
        let mut longer = signed.clone();
        longer.extend_from_slice(&[0, 2, 1, b'x']);
        assert_eq!(trust.admit(&longer, &Evidence::default()).expect_err("refused").code(), "LS-H024");
        assert_eq!(
            trust.admit(&signed[..signed.len() - 1], &Evidence::default()).expect_err("refused").code(),
            "LS-H024"
        );
    }

    #[test]
    fn no_changed_byte_of_a_signature_makes_it_count() {
        let acme = key();
        let trust = trust(&[("acme", &acme)], true);
        let signed = sign(&component(), &acme).expect("signed");
        let whole = Signature::By(vec!["acme".into()]);
        for at in 8..signed.len() - (component().len() - 8) {
            for bit in 0..8 {
                let mut changed = signed.clone();
                changed[at] ^= 1 << bit;
                assert_ne!(trust.judge(&changed, &Evidence::default()), whole, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn signing_again_replaces_the_signature() {
        let (acme, other) = (key(), key());
        let twice = sign(&sign(&component(), &acme).expect("signed"), &other).expect("signed");
        assert_eq!(twice, sign(&component(), &other).expect("signed"));
    }

    #[test]
    fn signatures_are_those_that_other_tools_make_and_read() {
        let theirs = wasmsign2::KeyPair::generate();
        let own = SigningKey::from_pem(&theirs.sk.to_pem()).expect("their key");
        assert_eq!(theirs.pk.to_bytes()[1..], own.public());
        let module = wasmsign2::Module::deserialize(&mut component().as_slice()).expect("a component");
        let mut signed = Vec::new();
        let id = theirs.pk.clone().attach_default_key_id();
        let module = theirs.sk.sign(module, id.key_id()).expect("signed");
        module.serialize(&mut signed).expect("written");
        let trust = trust(&[("acme", &own)], true);
        assert_eq!(trust.admit(&signed, &Evidence::default()), Ok(Signature::By(vec!["acme".into()])));
        let ours = sign(&component(), &own).expect("signed");
        theirs.pk.verify(&mut ours.as_slice(), None).expect("they believe it");
        let fresh = key();
        let read = wasmsign2::SecretKey::from_pem(&fresh.to_pem()).expect("they read our keys");
        assert_eq!(read.sk.public_key().as_ref(), fresh.public());
    }
}
