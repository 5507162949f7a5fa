//! Dates and times written by a pattern, meant in a zone, or counted in seconds.

use std::sync::Arc;

use jiff::{
    Timestamp as Instant, civil,
    fmt::strtime::BrokenDownTime,
    tz::{TimeZone, TimeZoneDatabase},
};

use super::super::{CastError, between::Way};
use crate::{
    schema::{ColumnType, Kind},
    value::{Timestamp, Value, calendar::DAY_MICROS, decimal::Decimal},
};

/// A time zone by its name in the IANA database, which is built in.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: Arc<str>,
    rules: TimeZone,
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Zone {
    /// `None`: there is no such zone.
    pub fn named(name: &str) -> Option<Zone> {
        let rules = TimeZoneDatabase::bundled().get(name).ok()?;
        Some(Zone { name: name.into(), rules })
    }

    /// The instant at which the zone's clocks show this, if there is exactly one.
    fn instant(&self, local: i64) -> Result<i64, CastError> {
        let shown = civil_of(local).ok_or_else(|| self.never())?;
        let found = self.rules.to_ambiguous_timestamp(shown);
        if found.is_ambiguous() {
            return Err(CastError::Clock { zone: self.name.to_string() });
        }
        found.unambiguous().map(Instant::as_microsecond).map_err(|_| self.never())
    }

    fn never(&self) -> CastError {
        CastError::OutOfRange { form: format!("times in {}", self.name) }
    }

    /// What the zone's clocks show, if they show it once.
    fn local(&self, at: i64) -> Result<i64, CastError> {
        let instant = Instant::from_microsecond(at).map_err(|_| self.never())?;
        let shown = self.rules.to_datetime(instant);
        let local = micros_of(shown).ok_or_else(|| self.never())?;
        if self.instant(local)? == at { Ok(local) } else { Err(CastError::Clock { zone: self.name.to_string() }) }
    }

    pub(super) fn read(&self, native: &Value) -> Result<Value, CastError> {
        match native {
            Value::LocalTimestamp(i64::MIN | i64::MAX) => Err(self.never()),
            Value::LocalTimestamp(local) => self.instant(*local).map(|at| Value::Timestamp(Timestamp(at))),
            _ => Err(CastError::NotA { what: "the value", wanted: "a time without a zone" }),
        }
    }

    pub(super) fn write(&self, plain: &Value) -> Result<Value, CastError> {
        match plain {
            Value::Timestamp(at) => self.local(at.0).map(Value::LocalTimestamp),
            _ => Err(CastError::NotA { what: "the value", wanted: "an instant" }),
        }
    }
}

fn civil_of(local: i64) -> Option<civil::DateTime> {
    Instant::from_microsecond(local).ok().map(|at| TimeZone::UTC.to_datetime(at))
}

/// `None`: finer than a microsecond, or out of range.
fn micros_of(shown: civil::DateTime) -> Option<i64> {
    if shown.subsec_nanosecond() % 1_000 != 0 {
        return None;
    }
    TimeZone::UTC.to_ambiguous_timestamp(shown).unambiguous().ok().map(Instant::as_microsecond)
}

/// A pattern of dates or times, in `strftime` notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pattern: Arc<str>,
    kind: Kind,
    zone: Option<Zone>,
}

/// 2021-11-23T14:45:56.789012, which no field of a pattern hides.
const PROBE: i64 = 1_637_678_756_789_012;
/// Longer patterns are refused.
const PATTERN_BYTES_MAX: usize = 64;

impl Moment {
    /// `kind` is what the text holds: a date, a time of day, or a timestamp,
    /// which is an instant where the pattern has an offset or a zone is given.
    /// `Err`: what is wrong with the pattern.
    pub fn new(kind: Kind, pattern: &str, zone: Option<Zone>) -> Result<Moment, String> {
        let has_offset = ["%z", "%:z", "%Q", "%:Q", "%s"].iter().any(|directive| pattern.contains(directive));
        let kind = match kind {
            Kind::Timestamp | Kind::LocalTimestamp if has_offset || zone.is_some() => Kind::Timestamp,
            Kind::Timestamp => Kind::LocalTimestamp,
            other => other,
        };
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(format!("it is longer than {PATTERN_BYTES_MAX} bytes"));
        }
        if has_offset && zone.is_some() {
            return Err("it has an offset of its own beside the zone".to_owned());
        }
        let moment = Moment { pattern: pattern.into(), kind, zone };
        let probe = moment.probe();
        let written = moment.write(&probe).map_err(|error| error.to_string())?;
        let Value::Text(text) = &written else { return Err("it writes no text".to_owned()) };
        let back = moment.read(text).map_err(|_| format!("`{text}`, which it writes, cannot be read by it"))?;
        match (&probe, &back) {
            (Value::Date(a), Value::Date(b)) if a != b => Err("it does not say the whole date".to_owned()),
            // Seconds may be left out, and are a loss then; hours may not.
            (Value::Time(a), Value::Time(b)) | (Value::LocalTimestamp(a), Value::LocalTimestamp(b))
                if a.abs_diff(*b) >= 60_000_000 =>
            {
                Err("it does not say the whole time".to_owned())
            }
            (Value::Timestamp(a), Value::Timestamp(b)) if a.0.abs_diff(b.0) >= 60_000_000 => {
                Err("it does not say the whole time".to_owned())
            }
            _ => Ok(moment),
        }
    }

    fn probe(&self) -> Value {
        match self.kind {
            Kind::Date => Value::Date(i32::try_from(PROBE.div_euclid(DAY_MICROS)).unwrap_or(0)),
            Kind::Time => Value::Time(PROBE.rem_euclid(DAY_MICROS)),
            Kind::Timestamp => Value::Timestamp(Timestamp(PROBE)),
            _ => Value::LocalTimestamp(PROBE),
        }
    }

    /// Microseconds that the pattern leaves out of the probe.
    fn lost(&self) -> u64 {
        let probe = self.probe();
        let back = match self.write(&probe) {
            Ok(Value::Text(text)) => self.read(&text),
            _ => return u64::MAX,
        };
        match (probe, back) {
            (Value::Time(a), Ok(Value::Time(b))) | (Value::LocalTimestamp(a), Ok(Value::LocalTimestamp(b))) => {
                a.abs_diff(b)
            }
            (Value::Timestamp(a), Ok(Value::Timestamp(b))) => a.0.abs_diff(b.0),
            (Value::Date(a), Ok(Value::Date(b))) if a == b => 0,
            _ => u64::MAX,
        }
    }

    pub(super) fn plain(&self) -> ColumnType {
        let scale = match (self.kind, self.lost()) {
            (Kind::Date, _) | (_, 0) => None,
            (_, ..1_000) => Some(3),
            _ => Some(0),
        };
        ColumnType { scale, ..ColumnType::of(self.kind) }
    }

    /// What is lost in writing beyond fractions of a second, which the type says.
    pub(super) fn written(&self) -> Way {
        match self.lost() {
            ..1_000_000 => Way::Narrows("years beyond 9999 do not fit into the pattern".to_owned()),
            _ => Way::Loses("the seconds, in the pattern".to_owned()),
        }
    }

    pub(super) fn read(&self, text: &str) -> Result<Value, CastError> {
        let refused = || CastError::NotA { what: "the text", wanted: "of the column's pattern" };
        let parts = BrokenDownTime::parse(&*self.pattern, text.trim()).map_err(|_| refused())?;
        let local = || parts.to_datetime().ok().and_then(micros_of).ok_or_else(refused);
        match (self.kind, &self.zone) {
            (Kind::Date, _) => {
                let date = parts.to_date().map_err(|_| refused())?;
                let micros = micros_of(date.at(0, 0, 0, 0)).ok_or_else(refused)?;
                i32::try_from(micros.div_euclid(DAY_MICROS)).map(Value::Date).map_err(|_| refused())
            }
            (Kind::Time, _) => {
                let time = parts.to_time().map_err(|_| refused())?;
                let micros = micros_of(civil::date(1970, 1, 1).to_datetime(time)).ok_or_else(refused)?;
                Ok(Value::Time(micros))
            }
            (Kind::Timestamp, Some(zone)) => zone.instant(local()?).map(|at| Value::Timestamp(Timestamp(at))),
            (Kind::Timestamp, None) => {
                let at = parts.to_timestamp().map_err(|_| refused())?;
                if at.subsec_nanosecond() % 1_000 != 0 {
                    return Err(refused());
                }
                Ok(Value::Timestamp(Timestamp(at.as_microsecond())))
            }
            _ => local().map(Value::LocalTimestamp),
        }
    }

    pub(super) fn write(&self, plain: &Value) -> Result<Value, CastError> {
        let beyond = || CastError::OutOfRange { form: "the column's pattern".to_owned() };
        let parts = match (plain, &self.zone) {
            (Value::Date(days), _) => {
                let midnight = civil_of(i64::from(*days) * DAY_MICROS).ok_or_else(beyond)?;
                BrokenDownTime::from(midnight.date())
            }
            (Value::Time(micros), _) if *micros < DAY_MICROS => {
                BrokenDownTime::from(civil_of(*micros).ok_or_else(beyond)?.time())
            }
            (Value::Timestamp(at), Some(zone)) => BrokenDownTime::from(civil_of(zone.local(at.0)?).ok_or_else(beyond)?),
            (Value::Timestamp(at), None) => {
                let instant = Instant::from_microsecond(at.0).map_err(|_| beyond())?;
                BrokenDownTime::from(&instant.to_zoned(TimeZone::UTC))
            }
            (Value::LocalTimestamp(local), _) => BrokenDownTime::from(civil_of(*local).ok_or_else(beyond)?),
            _ => return Err(beyond()),
        };
        parts.to_string(&*self.pattern).map(Value::text).map_err(|_| beyond())
    }
}

/// Microseconds in what the number counts.
fn unit(millis: bool) -> i32 {
    if millis { 3 } else { 6 }
}

pub(super) fn read_epoch(native: &Value, millis: bool) -> Result<Value, CastError> {
    let number = match native {
        Value::Text(text) => Decimal::parse(text.trim()),
        other => other.number(),
    };
    let number = number.ok_or(CastError::NotA { what: "the value", wanted: "a number of seconds since 1970" })?;
    let micros = number.shifted(unit(millis));
    match micros.to_int() {
        Some(i64::MIN | i64::MAX) | None if micros.scale_needed() > 0 => {
            Err(CastError::WouldLose { what: "a fraction of the second", form: "microseconds".to_owned() })
        }
        Some(i64::MIN | i64::MAX) | None => Err(CastError::OutOfRange { form: "instants".to_owned() }),
        Some(micros) => Ok(Value::Timestamp(Timestamp(micros))),
    }
}

pub(super) fn write_epoch(plain: &Value, millis: bool) -> Result<Value, CastError> {
    match plain {
        Value::Timestamp(Timestamp(micros)) if !matches!(*micros, i64::MIN | i64::MAX) => {
            let number = Decimal::from_int(*micros).shifted(-unit(millis)).trimmed();
            Ok(Value::Decimal(Arc::from(number.to_string())))
        }
        Value::Timestamp(_) => Err(CastError::OutOfRange { form: "a number of seconds".to_owned() }),
        _ => Err(CastError::NotA { what: "the value", wanted: "an instant" }),
    }
}
