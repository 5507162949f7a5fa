//! What code for one field or one rule costs: taking its component up, and one call, in an
//! instance of its own each. The same two starters, in each language they are in.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use lockstep_core::{
    code::{Claimant, Contested, Dispute, Judge, Transform},
    value::{Timestamp, Value},
};
use lockstep_host::{Host, HostOptions, LoadLimits};

use crate::{
    components::guests,
    measures::{Figure, percentile},
};

/// Calls before any is counted.
const WARM: u64 = 100;

/// Where the starters' components are, once they were built, from the folder of guests.
const LANGUAGES: [(&str, &str, &str, &str); 2] = [
    ("Rust", "starter-transform.wasm", "starter-policy.wasm", "cargo xtask guests"),
    (
        "TypeScript",
        "../starter/ts/my-transform/dist/my_transform.wasm",
        "../starter/ts/my-policy/dist/my_policy.wasm",
        "cargo xtask starter --lang ts",
    ),
];

/// `calls`: how many of each kind are counted.
pub async fn measure(calls: u64) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (language, transform, policy, how) in LANGUAGES {
        let (transform, policy) = (guests().join(transform), guests().join(policy));
        if !transform.is_file() || !policy.is_file() {
            eprintln!("code in {language}: left out, `{how}` builds it");
            continue;
        }
        figures.extend(of_transform(language, &transform, calls).await?);
        figures.extend(of_policy(language, &policy, calls).await?);
    }
    if figures.is_empty() {
        bail!("no component of code was built");
    }
    Ok(figures)
}

async fn of_transform(language: &str, path: &Path, calls: u64) -> Result<Vec<Figure>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let what = format!("transform in {language}");
    let (transform, mut figures) =
        taken_up(&what, &bytes, async |host, bytes, limits| Ok(host.transform(bytes, &limits).await?)).await?;
    figures.extend(timed(&format!("{what}: read"), calls, |number| {
        let asked = Value::text(account(number));
        let begun = Instant::now();
        let answer = transform.read(&[&asked]);
        let took = begun.elapsed();
        ensure!(answer.is_ok(), "{what}: {answer:?}");
        Ok(took)
    })?);
    let asked = Value::text(account(0));
    figures.push(again(&what, calls, &transform, &asked)?);
    Ok(figures)
}

/// What was asked lately is remembered.
fn again(what: &str, calls: u64, transform: &Arc<dyn Transform>, asked: &Value) -> Result<Figure> {
    ensure!(transform.read(&[asked]).is_ok(), "{what} does not answer");
    let begun = Instant::now();
    for _ in 0..calls {
        std::hint::black_box(transform.read(&[asked])).map_err(anyhow::Error::msg)?;
    }
    let each = begun.elapsed().as_secs_f64() * 1e6 / calls as f64;
    Ok(Figure::new(format!("{what}: the same asked again"), "µs", each))
}

async fn of_policy(language: &str, path: &Path, calls: u64) -> Result<Vec<Figure>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let what = format!("policy in {language}");
    let (policy, mut figures): (Arc<dyn Judge>, _) =
        taken_up(&what, &bytes, async |host, bytes, limits| Ok(host.policy(bytes, &limits).await?)).await?;
    figures.extend(timed(&format!("{what}: decide"), calls, |number| {
        let (incumbent, incoming) =
            (Value::text(format!("short {number}")), Value::text(format!("much longer {number}")));
        let dispute = Dispute {
            sync: "people",
            incumbent: Claimant { side: "a", at: Timestamp(1) },
            incoming: Claimant { side: "b", at: Timestamp(2) },
            fields: vec![Contested { field: "note", base: None, incumbent: &incumbent, incoming: &incoming }],
            record: vec![("note", &incumbent), ("city", &Value::Null)],
        };
        let begun = Instant::now();
        let ruling = policy.decide(&dispute);
        let took = begun.elapsed();
        ensure!(ruling.is_ok(), "{what}: {ruling:?}");
        Ok(took)
    })?);
    Ok(figures)
}

/// Loaded twice: compiled, and from the cache.
async fn taken_up<C>(
    what: &str,
    bytes: &[u8],
    load: impl AsyncFn(Host, Vec<u8>, LoadLimits) -> Result<C>,
) -> Result<(C, Vec<Figure>)> {
    let cache = tempfile::tempdir().context("a folder for what is compiled")?;
    let mut figures = vec![Figure::new(format!("{what}: size"), "MB", bytes.len() as f64 / 1e6)];
    let mut code = None;
    for how in ["compiled", "from the cache"] {
        let host = Host::new(HostOptions { cache_dir: Some(cache.path().to_owned()), ..HostOptions::default() })?;
        let begun = Instant::now();
        code = Some(load(host, bytes.to_vec(), LoadLimits::default()).await?);
        figures.push(Figure::new(format!("{what}: taken up, {how}"), "ms", begun.elapsed().as_secs_f64() * 1e3));
    }
    Ok((code.context("it was loaded")?, figures))
}

fn timed(what: &str, calls: u64, mut call: impl FnMut(u64) -> Result<Duration>) -> Result<Vec<Figure>> {
    for number in 0..WARM {
        call(number)?;
    }
    let mut nanos = Vec::new();
    for number in WARM..WARM + calls {
        nanos.push(u64::try_from(call(number)?.as_nanos())?);
    }
    nanos.sort_unstable();
    Ok([50, 99]
        .map(|percent| Figure::new(format!("{what} p{percent}"), "µs", percentile(&nanos, percent) / 1e3))
        .into())
}

/// A bank account number with right check digits (ISO 13616), another for each number.
fn account(number: u64) -> String {
    let bank = format!("{:018}", 370_400_440_000_000_000 + number);
    let remainder =
        format!("{bank}131400").bytes().fold(0, |so_far, digit| (so_far * 10 + u32::from(digit - b'0')) % 97);
    format!("DE{:02}{bank}", 98 - remainder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_numbers_have_right_check_digits() {
        assert_eq!(account(532_013_000), "DE89370400440532013000");
        assert_ne!(account(1), account(2));
    }
}
