//! A record as bytes. What a side shows is left out where it is the canonical
//! value, which is the usual case.

use std::sync::Arc;

use crate::{
    change::Version,
    key::Key,
    record::{
        Bounces, Contender, FieldId, FieldState, Hold, HoldReason, Life, Link, Presence, Provenance, Record, RecordId,
        SideId,
    },
    value::{Timestamp, Value},
};

use super::{
    CodecError, Reader, read_value,
    reader::{write_blob, write_count, write_number, write_signed},
    write_value,
};

/// The first byte of every record.
const VERSION: u8 = 1;
/// More fields or observed values than any sync can have.
const FIELDS_MAX: usize = u16::MAX as usize + 1;

/// Appends a record's bytes.
pub fn encode_record(record: &Record, out: &mut Vec<u8>) {
    out.push(VERSION);
    write_number(out, record.id.0);
    write_life(out, &record.life);
    // Most fields were set together: each says how its provenance differs from the last one's.
    let mut last = Provenance { side: None, at: Timestamp(0), entry: 0 };
    write_count(out, record.fields.len());
    for state in &record.fields {
        write_field(out, state.as_ref(), &mut last);
    }
    write_count(out, record.links.len());
    for link in &record.links {
        write_link(out, link, &record.fields);
    }
}

/// Reads what [`encode_record`] wrote.
///
/// # Errors
/// On any other bytes; never panics, and takes memory only in proportion to them.
pub fn decode_record(bytes: &[u8]) -> Result<Record, CodecError> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        VERSION => {}
        other => return Err(CodecError::Version(other)),
    }
    let id = RecordId(reader.number()?);
    let life = read_life(&mut reader)?;
    let mut last = Provenance { side: None, at: Timestamp(0), entry: 0 };
    let count = bounded(reader.count()?)?;
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        fields.push(read_field(&mut reader, &mut last)?);
    }
    let count = reader.count()?;
    let mut links = Vec::with_capacity(count.min(usize::from(u8::MAX)));
    for _ in 0..count {
        links.push(read_link(&mut reader, &fields)?);
    }
    reader.finish()?;
    Ok(Record { id, life, fields, links })
}

fn bounded(count: usize) -> Result<usize, CodecError> {
    match count <= FIELDS_MAX {
        true => Ok(count),
        false => Err(CodecError::Impossible("more fields than there can be")),
    }
}

fn write_life(out: &mut Vec<u8>, life: &Life) {
    match life {
        Life::Live => out.push(0),
        Life::Deleted { by, at } => {
            out.push(1);
            write_side(out, *by);
            write_signed(out, at.0);
        }
        Life::HeldDelete { by, at, entry } => {
            out.extend_from_slice(&[2, by.0]);
            write_signed(out, at.0);
            write_number(out, *entry);
        }
        Life::Ambiguous { candidates, entry } => {
            out.push(3);
            write_count(out, candidates.len());
            for candidate in candidates {
                write_number(out, candidate.0);
            }
            write_number(out, *entry);
        }
    }
}

fn read_life(reader: &mut Reader<'_>) -> Result<Life, CodecError> {
    Ok(match reader.byte()? {
        0 => Life::Live,
        1 => Life::Deleted { by: read_side(reader)?, at: Timestamp(reader.signed()?) },
        2 => Life::HeldDelete { by: SideId(reader.byte()?), at: Timestamp(reader.signed()?), entry: reader.number()? },
        3 => {
            let count = reader.count()?;
            let mut candidates = Vec::with_capacity(count);
            for _ in 0..count {
                candidates.push(RecordId(reader.number()?));
            }
            Life::Ambiguous { candidates, entry: reader.number()? }
        }
        _ => return Err(CodecError::Impossible("an unknown kind of life")),
    })
}

fn write_side(out: &mut Vec<u8>, side: Option<SideId>) {
    write_number(out, side.map_or(0, |side| u64::from(side.0) + 1));
}

fn read_side(reader: &mut Reader<'_>) -> Result<Option<SideId>, CodecError> {
    match reader.number()? {
        0 => Ok(None),
        side => u8::try_from(side - 1)
            .map(|side| Some(SideId(side)))
            .map_err(|_| CodecError::Impossible("a side outside its range")),
    }
}

const KNOWN: u8 = 1;
const OTHER_SIDE: u8 = 2;
const OTHER_TIME: u8 = 4;
const OTHER_ENTRY: u8 = 8;
const HELD: u8 = 16;
const BOUNCED: u8 = 32;
const TRAIL: u8 = 64;

fn write_field(out: &mut Vec<u8>, state: Option<&FieldState>, last: &mut Provenance) {
    let Some(state) = state else {
        out.push(0);
        return;
    };
    let now = &state.provenance;
    let mut flags = KNOWN;
    for (set, flag) in [
        (now.side != last.side, OTHER_SIDE),
        (now.at != last.at, OTHER_TIME),
        (now.entry != last.entry, OTHER_ENTRY),
        (state.hold.is_some(), HELD),
        (state.bounces != Bounces::default(), BOUNCED),
        (!state.trail.is_empty(), TRAIL),
    ] {
        if set {
            flags |= flag;
        }
    }
    out.push(flags);
    write_value(out, &state.value);
    if flags & OTHER_SIDE != 0 {
        write_side(out, now.side);
    }
    if flags & OTHER_TIME != 0 {
        write_signed(out, now.at.0.wrapping_sub(last.at.0));
    }
    if flags & OTHER_ENTRY != 0 {
        write_signed(out, now.entry.wrapping_sub(last.entry).cast_signed());
    }
    *last = now.clone();
    if let Some(hold) = &state.hold {
        write_hold(out, hold);
    }
    if flags & BOUNCED != 0 {
        write_number(out, u64::from(state.bounces.weight));
        for print in state.bounces.seen {
            write_number(out, u64::from(print));
        }
    }
    if flags & TRAIL != 0 {
        write_count(out, state.trail.len());
        for value in &state.trail {
            write_value(out, value);
        }
    }
}

fn read_short(reader: &mut Reader<'_>) -> Result<u16, CodecError> {
    u16::try_from(reader.number()?).map_err(|_| CodecError::Impossible("a number above 65535"))
}

fn read_field(reader: &mut Reader<'_>, last: &mut Provenance) -> Result<Option<FieldState>, CodecError> {
    let flags = reader.byte()?;
    if flags == 0 {
        return Ok(None);
    }
    if flags & KNOWN == 0 || flags & 0x80 != 0 {
        return Err(CodecError::Impossible("an unknown kind of field"));
    }
    let value = read_value(reader)?;
    if flags & OTHER_SIDE != 0 {
        last.side = read_side(reader)?;
    }
    if flags & OTHER_TIME != 0 {
        last.at = Timestamp(last.at.0.wrapping_add(reader.signed()?));
    }
    if flags & OTHER_ENTRY != 0 {
        last.entry = last.entry.wrapping_add(reader.signed()?.cast_unsigned());
    }
    let provenance = last.clone();
    let hold = match flags & HELD {
        0 => None,
        _ => Some(Box::new(read_hold(reader)?)),
    };
    let mut bounces = Bounces::default();
    if flags & BOUNCED != 0 {
        bounces.weight = read_short(reader)?;
        for print in &mut bounces.seen {
            *print = read_short(reader)?;
        }
    }
    let mut trail = Vec::new();
    if flags & TRAIL != 0 {
        let count = reader.count()?;
        for _ in 0..count {
            trail.push(read_value(reader)?);
        }
    }
    Ok(Some(FieldState { value, provenance, hold, bounces, trail }))
}

fn write_hold(out: &mut Vec<u8>, hold: &Hold) {
    match &hold.reason {
        HoldReason::Conflict => out.push(0),
        HoldReason::Uncastable { message } => {
            out.push(1);
            write_blob(out, message.as_bytes());
        }
        HoldReason::AwaitingParent { side, key } => {
            out.extend_from_slice(&[2, side.0]);
            write_key(out, key);
        }
        HoldReason::PingPong => out.push(3),
    }
    write_optional(out, hold.base.as_ref());
    write_count(out, hold.contenders.len());
    for contender in &hold.contenders {
        out.push(contender.side.0);
        write_value(out, &contender.value);
        write_signed(out, contender.at.0);
    }
    write_signed(out, hold.since.0);
    write_number(out, hold.entry);
}

fn read_hold(reader: &mut Reader<'_>) -> Result<Hold, CodecError> {
    let reason = match reader.byte()? {
        0 => HoldReason::Conflict,
        1 => HoldReason::Uncastable { message: reader.text()?.to_owned() },
        2 => HoldReason::AwaitingParent { side: SideId(reader.byte()?), key: read_key(reader)? },
        3 => HoldReason::PingPong,
        _ => return Err(CodecError::Impossible("an unknown reason to hold")),
    };
    let base = read_optional(reader)?;
    let count = reader.count()?;
    let mut contenders = Vec::new();
    for _ in 0..count {
        contenders.push(Contender {
            side: SideId(reader.byte()?),
            value: read_value(reader)?,
            at: Timestamp(reader.signed()?),
        });
    }
    Ok(Hold { reason, base, contenders, since: Timestamp(reader.signed()?), entry: reader.number()? })
}

fn write_optional(out: &mut Vec<u8>, value: Option<&Value>) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            write_value(out, value);
        }
    }
}

fn read_optional(reader: &mut Reader<'_>) -> Result<Option<Value>, CodecError> {
    match reader.flag()? {
        false => Ok(None),
        true => Ok(Some(read_value(reader)?)),
    }
}

fn write_key(out: &mut Vec<u8>, key: &Key) {
    write_count(out, key.0.len());
    for value in key.0.iter() {
        write_value(out, value);
    }
}

fn read_key(reader: &mut Reader<'_>) -> Result<Key, CodecError> {
    let count = reader.count()?;
    let mut values = Vec::new();
    for _ in 0..count {
        values.push(read_value(reader)?);
    }
    Ok(Key::new(values))
}

const HAS_KEY: u8 = 4;
const QUARANTINED: u8 = 8;
const HAS_WRITTEN: u8 = 16;
/// Two bits per field: what the side shows.
const UNSEEN: u8 = 0;
const CANONICAL: u8 = 1;
const OWN: u8 = 2;

fn write_link(out: &mut Vec<u8>, link: &Link, fields: &[Option<FieldState>]) {
    let presence = match link.presence {
        Presence::Live => 0,
        Presence::Deleted => 1,
        Presence::Barred => 2,
        Presence::Uncertain => 3,
    };
    let mut flags = presence;
    for (set, flag) in
        [(link.key.is_some(), HAS_KEY), (link.quarantined, QUARANTINED), (!link.written.is_empty(), HAS_WRITTEN)]
    {
        if set {
            flags |= flag;
        }
    }
    out.extend_from_slice(&[link.side.0, flags]);
    if let Some(key) = &link.key {
        write_key(out, key);
    }
    write_number(out, u64::from(link.version.generation));
    write_blob(out, &link.version.order);
    write_count(out, link.observed.len());
    let kind = |index: usize, observed: &Option<Value>| match observed {
        None => UNSEEN,
        Some(native) => {
            let state = fields.get(index).and_then(Option::as_ref);
            match state.is_some_and(|state| state.value == *native) {
                true => CANONICAL,
                false => OWN,
            }
        }
    };
    for (chunk, observed) in link.observed.chunks(4).enumerate() {
        let mut packed = 0;
        for (place, observed) in observed.iter().enumerate() {
            packed |= kind(chunk * 4 + place, observed) << (place * 2);
        }
        out.push(packed);
    }
    for (index, observed) in link.observed.iter().enumerate() {
        if let Some(native) = observed
            && kind(index, &Some(native.clone())) == OWN
        {
            write_value(out, native);
        }
    }
    if flags & HAS_WRITTEN != 0 {
        write_count(out, link.written.len());
        for (field, value) in &link.written {
            write_number(out, u64::from(field.0));
            write_value(out, value);
        }
    }
}

fn read_link(reader: &mut Reader<'_>, fields: &[Option<FieldState>]) -> Result<Link, CodecError> {
    let side = SideId(reader.byte()?);
    let flags = reader.byte()?;
    let presence = match flags & 3 {
        0 => Presence::Live,
        1 => Presence::Deleted,
        2 => Presence::Barred,
        _ => Presence::Uncertain,
    };
    if flags & !(3 | HAS_KEY | QUARANTINED | HAS_WRITTEN) != 0 {
        return Err(CodecError::Impossible("an unknown kind of link"));
    }
    let key = match flags & HAS_KEY {
        0 => None,
        _ => Some(read_key(reader)?),
    };
    let generation =
        u32::try_from(reader.number()?).map_err(|_| CodecError::Impossible("a generation outside its range"))?;
    let version = Version { generation, order: Arc::from(reader.blob()?) };
    let count = bounded(usize::try_from(reader.number()?).map_err(|_| CodecError::Short)?)?;
    let kinds = reader.bytes(count.div_ceil(4))?;
    let mut observed = Vec::with_capacity(count);
    for index in 0..count {
        let packed = kinds.get(index / 4).copied().unwrap_or(0);
        observed.push(match (packed >> ((index % 4) * 2)) & 3 {
            UNSEEN => None,
            CANONICAL => {
                let state = fields.get(index).and_then(Option::as_ref);
                let state = state.ok_or(CodecError::Impossible("a value of no field"))?;
                Some(state.value.clone())
            }
            OWN => Some(read_value(reader)?),
            _ => return Err(CodecError::Impossible("an unknown kind of observation")),
        });
    }
    let mut written = Vec::new();
    if flags & HAS_WRITTEN != 0 {
        let count = reader.count()?;
        for _ in 0..count {
            let field =
                u16::try_from(reader.number()?).map_err(|_| CodecError::Impossible("a field outside its range"))?;
            written.push((FieldId(field), read_value(reader)?));
        }
    }
    Ok(Link { side, key, presence, version, observed, written, quarantined: flags & QUARANTINED != 0 })
}
