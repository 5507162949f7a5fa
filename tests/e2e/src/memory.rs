//! The linear memories of the components in a running process, read from outside.
//! A component's memory is the accessible beginning of a reservation of gigabytes
//! that nothing else in the process has the like of.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

use anyhow::{Context, Result};

/// A reservation this large behind accessible memory is a component's.
const RESERVED_MIN: u64 = 2 << 30;
const CHUNK: usize = 1 << 20;

struct Mapping {
    from: u64,
    to: u64,
    writable: bool,
    reserved: bool,
}

/// What is in memory: of the components, and of the whole process.
pub struct Scan {
    pub guests: Vec<Vec<u8>>,
    pub process: Vec<Vec<u8>>,
}

impl Scan {
    /// Of the process with this id. It goes on running: what is moved meanwhile may be missed.
    pub fn of(pid: u32) -> Result<Self> {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).context("reading the mappings")?;
        let mappings: Vec<Mapping> = maps.lines().filter_map(mapping).collect();
        let memory = File::open(format!("/proc/{pid}/mem")).context("opening the memory")?;
        let mut scan = Scan { guests: Vec::new(), process: Vec::new() };
        for (at, mapping) in mappings.iter().enumerate().filter(|(_, mapping)| mapping.writable) {
            let behind = mappings.get(at + 1).filter(|next| next.from == mapping.to && next.reserved);
            let bytes = read(&memory, mapping);
            match behind.is_some_and(|next| next.to - next.from >= RESERVED_MIN) {
                true => scan.guests.push(bytes),
                false => scan.process.push(bytes),
            }
        }
        Ok(scan)
    }

    pub fn guests_hold(&self, text: &str) -> bool {
        holds(&self.guests, text)
    }

    pub fn process_holds(&self, text: &str) -> bool {
        holds(&self.process, text)
    }
}

fn holds(regions: &[Vec<u8>], text: &str) -> bool {
    let needle = text.as_bytes();
    let Some(first) = needle.first() else { return false };
    regions.iter().any(|region| {
        let mut from = 0;
        while let Some(at) = region.get(from..).and_then(|rest| rest.iter().position(|byte| byte == first)) {
            from += at;
            if region.get(from..from + needle.len()) == Some(needle) {
                return true;
            }
            from += 1;
        }
        false
    })
}

/// `7f00-7f10 rw-p 00000000 00:00 0    name`
fn mapping(line: &str) -> Option<Mapping> {
    let mut parts = line.split_whitespace();
    let (range, rights) = (parts.next()?, parts.next()?);
    let (from, to) = range.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    let is_file = parts.nth(2).is_some_and(|inode| inode != "0");
    Some(Mapping {
        from: number(from)?,
        to: number(to)?,
        writable: rights.starts_with("rw") && !is_file,
        reserved: rights.starts_with("---"),
    })
}

/// What can be read of it; pages given back meanwhile are left out.
fn read(memory: &File, mapping: &Mapping) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = mapping.from;
    while at < mapping.to {
        let length = CHUNK.min(usize::try_from(mapping.to - at).unwrap_or(CHUNK));
        let mut chunk = vec![0; length];
        let read = memory.read_at(&mut chunk, at).unwrap_or_default();
        bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
        at += length as u64;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_map_tell_rights_and_what_is_a_file() {
        let anonymous = mapping("7f0000000000-7f0000100000 rw-p 00000000 00:00 0 ").unwrap();
        assert!(anonymous.writable && !anonymous.reserved);
        assert!(mapping("7f0000100000-7f0100000000 ---p 00000000 00:00 0").unwrap().reserved);
        assert!(!mapping("5000-6000 rw-p 00002000 08:01 1234 /usr/bin/x").unwrap().writable);
        assert!(holds(&[b"xxabcab".to_vec()], "cab") && !holds(&[b"xxabcab".to_vec()], "cabs"));
    }
}
