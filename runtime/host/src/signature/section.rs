//! The section that carries signatures: the component's first, covering every byte after
//! it. Its bytes come from anybody: every length is held against what is there.

use lockstep_core::config::PublicKey;
use sha2::{Digest, Sha256};

use super::keys::{SigningKey, TrustedKey};

/// The magic number and version before the first section.
const HEADER_BYTES: usize = 8;
const NAME: &[u8] = b"signature";
/// What signatures in this format begin with, so that they are good for nothing else.
const DOMAIN: &[u8] = b"wasmsig";
/// The format's version, "a WebAssembly module or component", and SHA-256.
const KIND: [u8; 3] = [1, 1, 1];
const ED25519_ALGORITHM: u8 = 1;
const HASH_BYTES: usize = 32;
/// The bounds that the format's own tool keeps.
const SETS_MAX: u32 = 64;
const SIGNATURES_MAX: u32 = 256;

type Read<T> = Result<T, &'static str>;

/// A component's signatures, read but not yet believed.
pub(super) struct Signed<'a> {
    /// Of every byte after the section.
    hash: [u8; HASH_BYTES],
    sets: Vec<Set<'a>>,
}

/// Signatures over the same hashes.
struct Set<'a> {
    hashes: &'a [u8],
    signatures: Vec<&'a [u8]>,
}

impl<'a> Signed<'a> {
    /// `None`: there is no such section.
    pub(super) fn of(bytes: &'a [u8]) -> Read<Option<Self>> {
        let Some((section, body)) = split(bytes)? else { return Ok(None) };
        Ok(Some(Signed { hash: Sha256::digest(body).into(), sets: sets(section)? }))
    }

    /// Whether a key signed these bytes; `Some(false)`: it signed others; `None`: nothing.
    /// Signatures of parts, which the format knows too, are signatures of others.
    pub(super) fn by(&self, key: &TrustedKey) -> Option<bool> {
        // The format knows no other.
        if !matches!(key.public, PublicKey::Ed25519(_)) {
            return None;
        }
        let mut signed = None;
        for set in &self.sets {
            let message = message(set.hashes);
            if set.signatures.iter().any(|signature| key.made(signature, &message)) {
                signed = Some(signed == Some(true) || set.hashes == self.hash);
            }
        }
        signed
    }
}

/// What is signed.
fn message(hashes: &[u8]) -> Vec<u8> {
    [DOMAIN, &KIND, hashes].concat()
}

pub(super) fn sign(bytes: &[u8], key: &SigningKey) -> Read<Vec<u8>> {
    let header =
        bytes.get(..HEADER_BYTES).filter(|header| header.starts_with(b"\0asm")).ok_or("it is no WebAssembly")?;
    let body = match split(bytes)? {
        Some((_, body)) => body,
        None => &bytes[HEADER_BYTES..],
    };
    let hash: [u8; HASH_BYTES] = Sha256::digest(body).into();
    let signature = key.sign(&message(&hash));
    // No key id, the algorithm, the signature.
    let signature = [&[0, ED25519_ALGORITHM][..], &counted(&signature)].concat();
    let set = [&[1][..], &hash, &[1], &counted(&signature)].concat();
    let payload = [&KIND[..], &[1], &counted(&set)].concat();
    let section = [&counted(NAME)[..], &payload].concat();
    Ok([header, &[0], &counted(&section), body].concat())
}

/// The signatures' section without its name, and all bytes after it.
fn split(bytes: &[u8]) -> Read<Option<(&[u8], &[u8])>> {
    let mut reader = Reader(bytes.get(HEADER_BYTES..).unwrap_or_default());
    if reader.0.first() != Some(&0) {
        return Ok(None);
    }
    reader.byte()?;
    let mut section = Reader(reader.slice()?);
    let is_signature = section.slice()? == NAME;
    Ok(is_signature.then_some((section.0, reader.0)))
}

fn sets(section: &[u8]) -> Read<Vec<Set<'_>>> {
    let mut reader = Reader(section);
    if reader.take(KIND.len())? != KIND {
        return Err("its signatures are of a kind that is not known");
    }
    let sets = (0..reader.count(SETS_MAX)?).map(|_| set(reader.slice()?)).collect::<Read<Vec<_>>>()?;
    if reader.0.is_empty() { Ok(sets) } else { Err("something follows its signatures") }
}

fn set(bytes: &[u8]) -> Read<Set<'_>> {
    let mut reader = Reader(bytes);
    let hashes = reader.count(SETS_MAX)? as usize * HASH_BYTES;
    let hashes = reader.take(hashes)?;
    let mut signatures = Vec::new();
    for _ in 0..reader.count(SIGNATURES_MAX)? {
        let mut one = Reader(reader.slice()?);
        let _key_id = one.slice()?;
        // Another algorithm is somebody else's business.
        if one.byte()? == ED25519_ALGORITHM {
            signatures.push(one.slice()?);
        }
    }
    Ok(Set { hashes, signatures })
}

/// Bytes that are read from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("its signatures end too soon")?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Read<u8> {
        self.take(1).map(|byte| byte[0])
    }

    /// A number in LEB128, of 32 bits.
    fn number(&mut self) -> Read<u32> {
        let mut number = 0_u64;
        for at in 0..5 {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return u32::try_from(number).map_err(|_| "its signatures hold a number that is too large");
            }
        }
        Err("its signatures hold a number that is too long")
    }

    fn count(&mut self, most: u32) -> Read<u32> {
        let count = self.number()?;
        if count <= most { Ok(count) } else { Err("it carries too many signatures") }
    }

    fn slice(&mut self) -> Read<&'a [u8]> {
        let count = self.number()? as usize;
        self.take(count)
    }
}

/// Bytes with their number before them.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.len() + 5);
    let mut left = bytes.len();
    loop {
        let low = (left & 0x7f) as u8;
        left >>= 7;
        all.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    all.extend_from_slice(bytes);
    all
}
