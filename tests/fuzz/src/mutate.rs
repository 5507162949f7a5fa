//! Mutants of kept inputs: the same ones for the same seed, on every machine.

use crate::INPUT_BYTES_MAX;

/// Numbers from a seed (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// From 0 to `below`, which is not in it; 0 if that is 0.
    pub fn below(&mut self, below: usize) -> usize {
        usize::try_from(self.roll() % (below as u64).max(1)).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(from.len());
        from.get(at)
    }
}

/// Bytes at which lengths, signs and encodings turn over.
const EDGES: &[u8] = &[0, 1, 0x7f, 0x80, 0xc3, 0xe2, 0xf0, 0xfe, 0xff, b'"', b'\\', b'\n', b'-', b'9', b'{', b'['];

/// A mutant of one of the seeds.
pub fn mutant(dice: &mut Dice, seeds: &[(String, Vec<u8>)], words: &[&str]) -> Vec<u8> {
    let mut bytes = dice.pick(seeds).map(|(_, bytes)| bytes.clone()).unwrap_or_default();
    // Most are changed a little: what is changed a lot is refused at its first byte.
    let changes = 1 + dice.below(4) * dice.below(4);
    for _ in 0..changes {
        change(dice, &mut bytes, seeds, words);
    }
    bytes.truncate(INPUT_BYTES_MAX);
    bytes
}

fn change(dice: &mut Dice, bytes: &mut Vec<u8>, seeds: &[(String, Vec<u8>)], words: &[&str]) {
    let at = dice.below(bytes.len() + 1);
    let end = (at + 1 + dice.below(16)).min(bytes.len());
    let from = at.min(end);
    match dice.below(10) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        1 | 2 => {
            let edge = dice.pick(EDGES).copied().unwrap_or_default();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = edge;
            }
        }
        3 => bytes.insert(at, dice.pick(EDGES).copied().unwrap_or_default()),
        4 => drop(bytes.drain(from..end)),
        5 => bytes.truncate(at),
        6 => {
            let again = bytes.get(from..end).unwrap_or_default().repeat(1 + dice.below(8));
            bytes.splice(at..at, again);
        }
        7 => {
            let other = dice.pick(seeds).map(|(_, other)| other.as_slice()).unwrap_or_default();
            let cut = dice.below(other.len() + 1);
            let part = other.get(cut..(cut + 64).min(other.len())).unwrap_or_default();
            bytes.splice(at..at, part.iter().copied());
        }
        8 => {
            let word = dice.pick(words).copied().unwrap_or_default();
            bytes.splice(at..at, word.bytes());
        }
        _ => {
            let word = dice.pick(words).copied().unwrap_or_default();
            bytes.splice(from..end, word.bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_mutants() {
        let seeds = vec![("one".to_owned(), b"SELECT 1".to_vec()), ("two".to_owned(), vec![0; 30])];
        let some = |seed| {
            let mut dice = Dice::new(seed);
            (0..100).map(|_| mutant(&mut dice, &seeds, &["null", "-1"])).collect::<Vec<_>>()
        };
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
    }
}
