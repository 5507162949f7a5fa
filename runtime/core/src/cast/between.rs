//! Which cast joins two column types, and what it costs.

use super::{
    Cast, Conversion, Notation, Noted,
    form::{Form, kind_name},
};
use crate::schema::{ColumnType, Kind};

/// A cast between a side's column and a field's canonical type.
#[derive(Clone, Debug, PartialEq)]
pub struct CastPlan {
    /// Strict: refuses what it would have to alter. See [`CastPlan::lossy`].
    pub cast: Cast,
    /// Whatever converts comes back as it was.
    pub lossless: bool,
    /// What a lossy cast would drop, or why the types do not go together at all.
    pub loss: Option<String>,
    /// Values that some end has no room for: they are held, never altered.
    pub narrows: Option<String>,
    /// No value of one converts to the other.
    pub impossible: bool,
    pub(crate) lift: Way,
    pub(crate) project: Way,
}

impl CastPlan {
    /// The cast that may round where [`CastPlan::loss`] says so.
    pub fn lossy(&self) -> Cast {
        match &self.cast {
            Cast::Convert(way) => Cast::Convert(Box::new(Conversion { lossy: true, ..(**way).clone() })),
            Cast::Noted(noted) => {
                let inner = CastPlan { cast: noted.inner.clone(), ..self.clone() }.lossy();
                Cast::Noted(Box::new(Noted { lossy: true, inner, ..(**noted).clone() }))
            }
            Cast::Identity | Cast::Reference => self.cast.clone(),
        }
    }

    /// Values of the native type would have to be altered on their way in.
    pub fn lift_loses(&self) -> bool {
        matches!(self.lift, Way::Loses(_))
    }

    /// Some values of the native type are refused on their way in.
    pub fn lift_narrows(&self) -> bool {
        matches!(self.lift, Way::Narrows(_))
    }

    /// Whatever the native type holds comes in as it is, or is refused.
    pub(crate) fn can_lift(&self) -> bool {
        matches!(self.lift, Way::Exact | Way::Narrows(_))
    }

    fn of(cast: Cast, lift: Way, project: Way, apart: impl Fn() -> String) -> CastPlan {
        let impossible = lift == Way::Impossible || project == Way::Impossible;
        let mut loss = None;
        let mut narrows = None;
        for way in [&lift, &project] {
            match way {
                Way::Exact => {}
                Way::Narrows(why) => {
                    narrows.get_or_insert(why.clone());
                }
                Way::Loses(what) => {
                    loss.get_or_insert(what.clone());
                }
                Way::Impossible => {
                    loss.get_or_insert(apart());
                }
            }
        }
        CastPlan { cast, lossless: loss.is_none(), loss, narrows, impossible, lift, project }
    }
}

impl Cast {
    /// The cast between a side's column type and the canonical one.
    pub fn between(native: &ColumnType, canonical: &ColumnType) -> CastPlan {
        let (native, canonical) = (Form::from(native), Form::from(canonical));
        if native == canonical {
            return CastPlan {
                cast: Cast::Identity,
                lossless: true,
                loss: None,
                narrows: None,
                impossible: false,
                lift: Way::Exact,
                project: Way::Exact,
            };
        }
        let (up, down) = (way(&native, &canonical), way(&canonical, &native));
        let apart = || {
            let (native, canonical) = (kind_name(native.kind), kind_name(canonical.kind));
            format!("{native} and {canonical} do not convert into each other")
        };
        let cast =
            Cast::Convert(Box::new(Conversion { native: native.clone(), canonical: canonical.clone(), lossy: false }));
        CastPlan::of(cast, up, down, apart)
    }

    /// The cast of a side that writes in a notation. `Err`: what kind of column
    /// the notation needs.
    pub fn noted(notation: &Notation, native: &ColumnType, canonical: &ColumnType) -> Result<CastPlan, &'static str> {
        let mut plain = notation.plain(native)?;
        if notation.is_elastic(native) && canonical.kind == plain.kind {
            plain = canonical.clone();
        }
        let inner = Cast::between(&plain, canonical);
        let (read, written) = notation.ways(native);
        let (lift, project) = (read.then(inner.lift), written.then(inner.project));
        let noted = Noted { notation: notation.clone(), native: Form::from(native), inner: inner.cast, lossy: false };
        let apart = inner.loss.unwrap_or_default();
        Ok(CastPlan::of(Cast::Noted(Box::new(noted)), lift, project, || apart.clone()))
    }
}

/// What becomes of values on one way of a cast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// All of them fit.
    Exact,
    /// Some are refused.
    Narrows(String),
    /// Some would have to be altered.
    Loses(String),
    Impossible,
}

impl Way {
    /// Two ways one after the other: the worse of them.
    fn then(self, other: Way) -> Way {
        let rank = |way: &Way| match way {
            Way::Exact => 0,
            Way::Narrows(_) => 1,
            Way::Loses(_) => 2,
            Way::Impossible => 3,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

fn way(from: &Form, to: &Form) -> Way {
    use Kind::*;
    match (from.kind, to.kind) {
        (Bool, Bool) | (Uuid, Uuid) | (Json, Json) | (Date, Date) => Way::Exact,
        (Bool, Int | Decimal | Float) => Way::Exact,
        (Int | Decimal | Float, Bool) => narrows("numbers other than 0 and 1", to),
        (Int, Int) => int_to_int(from, to),
        (Int, Decimal) => int_to_decimal(from, to),
        (Int, Float) => {
            let digits = if to.length == Some(32) { 24 } else { 53 };
            if from.length.unwrap_or(64) <= digits {
                Way::Exact
            } else {
                narrows("numbers with more digits than it holds", to)
            }
        }
        (Decimal, Int) if scale_of(from) != Some(0) => {
            Way::Loses(format!("digits after the point, in {}", to.describe()))
        }
        (Float, Int) => Way::Loses(format!("digits after the point, in {}", to.describe())),
        (Decimal, Int) => narrows("numbers beyond its range", to),
        (Decimal, Decimal) => decimal_to_decimal(from, to),
        (Decimal, Float) => match from.precision {
            Some(precision) if precision <= float_digits(to) => Way::Exact,
            _ => narrows("numbers with more digits than it holds", to),
        },
        (Float, Decimal) => match scale_of(to) {
            None => Way::Exact,
            Some(_) => Way::Loses(format!("digits of the number, in {}", to.describe())),
        },
        (Float, Float) if to.length == Some(32) && from.length != Some(32) => {
            Way::Loses(format!("digits of the number, in {}", to.describe()))
        }
        (Float, Float) => Way::Exact,
        (_, Text | Opaque) => to_text(from, to),
        (_, Enum) if from.is_text_like() => to_enum(from, to),
        (Bytes, Bytes) => longer(from, to),
        (Date, Timestamp | LocalTimestamp) => Way::Exact,
        (Timestamp | LocalTimestamp, Date) => Way::Loses(format!("the time of day, in {}", to.describe())),
        (Time, Time) | (Timestamp | LocalTimestamp, Timestamp | LocalTimestamp) => {
            if from.fraction_digits() > to.fraction_digits() {
                Way::Loses(format!("fractions of a second, in {}", to.describe()))
            } else {
                Way::Exact
            }
        }
        (List, List) => list_to_list(from, to),
        (Bool | Int | Decimal | Float | List, Json) => Way::Exact,
        (Json, Bool | Int | Decimal | Float | Bytes | Date | Time | Timestamp | LocalTimestamp | Uuid) => {
            narrows("JSON of another kind", to)
        }
        (Json, List) => narrows("JSON that is no array", to),
        (Bytes | Date | Time | Timestamp | LocalTimestamp | Uuid, Json) => Way::Exact,
        (Text | Enum | Opaque, Json) => narrows("text that is no JSON", to),
        (Text | Enum | Opaque, List) => list_from_text(to),
        (
            Text | Enum | Opaque,
            Bool | Int | Decimal | Float | Bytes | Date | Time | Timestamp | LocalTimestamp | Uuid,
        ) => narrows("text in another form", to),
        _ => Way::Impossible,
    }
}

fn narrows(what: &str, to: &Form) -> Way {
    Way::Narrows(format!("{what} do not fit into {}", to.describe()))
}

fn int_to_int(from: &Form, to: &Form) -> Way {
    if from.length.unwrap_or(64) <= to.length.unwrap_or(64) {
        Way::Exact
    } else {
        narrows("numbers beyond its range", to)
    }
}

fn int_to_decimal(from: &Form, to: &Form) -> Way {
    let digits = match from.length.unwrap_or(64) {
        ..=16 => 5,
        17..=32 => 10,
        _ => 19,
    };
    match (to.precision, scale_of(to)) {
        (_, Some(scale)) if scale < 0 => Way::Loses(format!("digits of the number, in {}", to.describe())),
        (Some(precision), scale) if i64::from(precision) - i64::from(scale.unwrap_or(0)) < digits => {
            narrows("numbers beyond its range", to)
        }
        _ => Way::Exact,
    }
}

/// Digits after the point that a decimal form keeps. `None`: any number.
pub(super) fn scale_of(form: &Form) -> Option<i32> {
    match (form.kind, form.precision, form.scale) {
        (Kind::Decimal, _, Some(scale)) => Some(scale),
        (Kind::Decimal, Some(_), None) => Some(0),
        _ => None,
    }
}

fn float_digits(form: &Form) -> u32 {
    if form.length == Some(32) { 6 } else { 15 }
}

fn decimal_to_decimal(from: &Form, to: &Form) -> Way {
    match (scale_of(from), scale_of(to)) {
        (_, None) => {}
        (Some(from), Some(to)) if from <= to => {}
        (_, Some(_)) => {
            return Way::Loses(format!("digits after the point, in {}", to.describe()));
        }
    }
    let whole = |form: &Form| form.precision.map(|p| i64::from(p) - i64::from(scale_of(form).unwrap_or(0)));
    match (whole(from), whole(to)) {
        (_, None) => Way::Exact,
        (Some(from), Some(to)) if from <= to => Way::Exact,
        _ => narrows("numbers beyond its range", to),
    }
}

fn longer(from: &Form, to: &Form) -> Way {
    match (from.length, to.length) {
        (_, None) => Way::Exact,
        (Some(from), Some(to)) if from <= to => Way::Exact,
        _ => narrows("longer values", to),
    }
}

fn to_text(from: &Form, to: &Form) -> Way {
    if from.kind == Kind::List {
        return narrows("lists with nulls or `;` in their elements", to);
    }
    let known = match from.kind {
        Kind::Enum if !from.values.is_empty() => {
            from.values.iter().map(|value| value.chars().count()).max().and_then(|length| u32::try_from(length).ok())
        }
        Kind::Text | Kind::Enum | Kind::Opaque => from.length,
        Kind::Bool => Some(5),
        Kind::Int => Some(20),
        Kind::Uuid => Some(36),
        Kind::Date | Kind::Time => Some(16),
        Kind::Timestamp | Kind::LocalTimestamp => Some(35),
        _ => None,
    };
    match (known, to.length) {
        (_, None) => Way::Exact,
        (Some(from), Some(to)) if from <= to => Way::Exact,
        _ => narrows("longer values", to),
    }
}

fn to_enum(from: &Form, to: &Form) -> Way {
    let listed =
        !from.values.is_empty() && from.kind == Kind::Enum && from.values.iter().all(|value| to.values.contains(value));
    if to.values.is_empty() || listed { Way::Exact } else { narrows("values that it does not list", to) }
}

/// Text splits into text elements; other elements have to parse.
fn list_from_text(to: &Form) -> Way {
    match to.element {
        None | Some(Kind::Text | Kind::Opaque) => Way::Exact,
        Some(_) => narrows("text elements in another form", to),
    }
}

fn list_to_list(from: &Form, to: &Form) -> Way {
    let element = |form: &Form| Form { kind: form.element.unwrap_or(Kind::Text), ..form.clone() };
    match (from.element, to.element) {
        (_, None) => Way::Exact,
        (from_kind, to_kind) if from_kind == to_kind => way(&element(from), &element(to)),
        (None, Some(_)) => narrows("elements of another kind", to),
        (Some(_), Some(_)) => way(&element(from), &element(to)),
    }
}
