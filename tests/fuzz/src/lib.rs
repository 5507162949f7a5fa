//! One target for each place that reads bytes from outside: what a server, a
//! vendor, a file or an operator may give. A target must neither panic nor take
//! long whatever it is given; where something can be written back, it says the
//! same afterwards. Two things drive them: `tests/foreign_bytes.rs` in every run of the
//! tests, and libFuzzer for hours (`cargo xtask fuzz`).

pub mod bits;
pub mod mutate;
mod targets;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Inputs longer than this teach nothing and cost time.
pub const INPUT_BYTES_MAX: usize = 4_096;

/// A reader of foreign bytes.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Words that its input is made of: mutants are sprinkled with them.
    pub words: &'static [&'static str],
    /// How many mutants every run of the tests tries.
    pub tries: u32,
}

pub use targets::ALL;

impl Target {
    pub fn named(name: &str) -> Option<&'static Target> {
        ALL.iter().find(|target| target.name == name)
    }

    /// The kept inputs: good ones to start from, and each that was ever a finding.
    pub fn corpus(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(self.name)
    }

    /// Name and bytes of each kept input, in the order of names.
    ///
    /// # Errors
    /// That its folder or a file in it cannot be read.
    pub fn seeds(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut seeds = Vec::new();
        for entry in fs::read_dir(self.corpus())? {
            let entry = entry?;
            seeds.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
        }
        seeds.sort();
        Ok(seeds)
    }
}
