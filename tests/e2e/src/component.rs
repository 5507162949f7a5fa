//! Versions of the PostgreSQL connector made from the bytes of one component:
//! what each does otherwise is written behind its mark.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use lockstep_harness::lockstep_binary;

const MARK: &[u8] = b"LOCKSTEP-VARIANT:";
const WORDS_MAX: usize = 79;

/// Writes a version of the connector into a folder. `words`: see the guest `variant`.
pub fn variant(folder: &Path, words: &str) -> Result<PathBuf> {
    ensure!(words.len() <= WORDS_MAX, "{words:?} does not fit behind the mark");
    let binary = lockstep_binary()?;
    let guests = binary.ancestors().skip(1).map(|folder| folder.join("guests").join("variant.wasm"));
    let mut guests = guests.filter(|path| path.is_file());
    let built = guests.next().context("no variant.wasm beside the binary: run `cargo xtask guests`")?;
    let mut bytes = fs::read(&built).with_context(|| built.display().to_string())?;
    let at = bytes.windows(MARK.len()).position(|window| window == MARK).context("the component has no mark")?;
    let words_at = at + MARK.len();
    let place = bytes.get_mut(words_at..words_at + WORDS_MAX).context("the mark is cut off")?;
    place.fill(b' ');
    for (place, byte) in place.iter_mut().zip(words.bytes()) {
        *place = byte;
    }
    let name: String = words.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let path = folder.join(format!("variant-{name}.wasm"));
    fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    Ok(path)
}
