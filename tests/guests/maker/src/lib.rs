//! A transform for tests of the host. At a column it holds text the other way round.
//! Some texts make it misbehave: `spin` computes without end, `grow` takes memory
//! without end, `trap` ends in the middle, `much` gives more than it may, what begins
//! with `time` gives what its clocks say, with `random` what it is given as randomness,
//! with `again` how often it was called before.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::atomic::{AtomicU32, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use lockstep_sdk::{
    Cell, ColumnType,
    code::{Parameter, Transform, TransformAbout},
};

static CALLS: AtomicU32 = AtomicU32::new(0);

struct Maker;

impl Transform for Maker {
    fn describe() -> TransformAbout {
        TransformAbout {
            name: "maker".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            takes: vec![Parameter { name: "text".to_owned(), kinds: vec!["text".to_owned()] }],
            gives: ColumnType { length: Some(100), ..ColumnType::new("text", "text") },
            writes: true,
        }
    }

    fn read(values: Vec<Cell>) -> Result<Cell, String> {
        let called = CALLS.fetch_add(1, Ordering::Relaxed);
        let text = values.first().and_then(Cell::as_str).ok_or("it wants a text")?;
        Ok(match text {
            "spin" => spin(),
            "grow" => grow(),
            "trap" => std::process::abort(),
            "much" => "x".repeat(2 << 20).into(),
            "no" => return Err("it does not want this one".to_owned()),
            text if text.starts_with("again") => called.to_string().into(),
            text if text.starts_with("random") => RandomState::new().build_hasher().finish().to_string().into(),
            text if text.starts_with("time") => time().into(),
            text => text.chars().rev().collect::<String>().into(),
        })
    }

    fn write(value: Cell) -> Result<Cell, String> {
        let text = value.as_str().ok_or("it wants a text")?;
        Ok(text.chars().rev().collect::<String>().into())
    }
}

fn spin() -> Cell {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
}

fn grow() -> Cell {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(std::hint::black_box(Vec::with_capacity(1 << 20)));
    }
}

/// Seconds since 1970, and nanoseconds since the call began.
fn time() -> String {
    let since = Instant::now();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    format!("{now} {}", since.elapsed().as_nanos())
}

lockstep_sdk::export_transform!(Maker);
