//! Randomness that can be had again: SHA-256 over a seed and a counter. Not to
//! be told from any other by the component, and told to nobody before the recording is.

use std::convert::Infallible;

use rand_core::TryRng;
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

use crate::credentials::hex;

/// From which all randomness of an instance comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed([u8; 32]);

impl Seed {
    /// One that nobody can guess.
    pub(crate) fn fresh() -> Self {
        let mut seed = [0; 32];
        if SystemRandom::new().fill(&mut seed).is_err() {
            tracing::warn!("the operating system gives no randomness: the recorded connector's is to be foreseen");
        }
        Seed(seed)
    }

    pub(crate) fn text(self) -> String {
        hex(&self.0)
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut seed = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (at, byte) in seed.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
        }
        Some(Seed(seed))
    }

    /// For one use of several.
    pub(crate) fn source(self, domain: &'static str) -> Source {
        Source { seed: self, domain, counter: 0, left: Vec::new() }
    }
}

pub(crate) struct Source {
    seed: Seed,
    domain: &'static str,
    counter: u64,
    left: Vec<u8>,
}

impl Source {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    pub(crate) fn number(&mut self) -> u128 {
        u128::from_be_bytes(self.take())
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.left.is_empty() {
                let hash = Sha256::new()
                    .chain_update(self.seed.0)
                    .chain_update(self.domain)
                    .chain_update(self.counter.to_be_bytes())
                    .finalize();
                self.left = hash.iter().rev().copied().collect();
                self.counter += 1;
            }
            *byte = self.left.pop().unwrap_or_default();
        }
    }
}

impl TryRng for Source {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.take()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(self.take()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_and_uses_do_not_share() {
        let seed = Seed::fresh();
        let again = Seed::read(&seed.text()).expect("a seed");
        let (mut one, mut other) = (seed.source("a"), again.source("a"));
        assert_eq!((one.number(), one.number()), (other.number(), other.number()));
        assert_ne!(seed.source("a").number(), seed.source("b").number());
        assert_ne!(Seed::fresh(), seed);
        assert_eq!(Seed::read("é"), None);
        // The documented format: anybody can make the same.
        let first = Sha256::new().chain_update(seed.0).chain_update("a").chain_update(0_u64.to_be_bytes()).finalize();
        assert_eq!(seed.source("a").take::<32>(), first[..]);
    }
}
