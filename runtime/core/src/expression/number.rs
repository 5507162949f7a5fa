//! Exact decimals in expressions, which the language itself does not have.

use std::{any::Any, cmp::Ordering};

use cel::{
    ExecutionError,
    common::{
        traits::{Adder, Comparer, Multiplier, Negator, Subtractor},
        types::{CelDouble, CelInt, Type},
        value::{CowVal, StaticVal, Val},
    },
};

use crate::value::decimal::Decimal;

/// A decimal as an operand: what stands beside it may be a whole number or a
/// fraction, taken as it is written.
#[derive(Clone, Debug)]
pub(super) struct Number(pub(super) Decimal);

static TYPE: Type = Type::new_unspecified_type("decimal");

impl Number {
    pub(super) const TYPE: Type = Type::new_unspecified_type("decimal");

    /// The exact amount of a number of any kind.
    pub(super) fn of(value: &dyn Val) -> Option<Decimal> {
        if let Some(number) = value.downcast_ref::<Number>() {
            return Some(number.0.clone());
        }
        if let Some(number) = value.downcast_ref::<CelInt>() {
            return Some(Decimal::from_int(*number.inner()));
        }
        Decimal::from_float(*value.downcast_ref::<CelDouble>()?.inner())
    }

    fn operand(value: &dyn Val, sign: &str) -> Result<Decimal, ExecutionError> {
        Number::of(value).ok_or_else(|| {
            ExecutionError::no_such_overload(sign, vec!["decimal".to_owned(), value.get_type().name().to_owned()])
        })
    }
}

impl Val for Number {
    fn get_type(&self) -> &Type {
        &TYPE
    }

    fn cel_type() -> &'static Type {
        &TYPE
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_subtractor<'b, 'v>(&'b self) -> Option<&'b (dyn Subtractor + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_multiplier<'b, 'v>(&'b self) -> Option<&'b (dyn Multiplier + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_negator<'b, 'v>(&'b self) -> Option<&'b (dyn Negator + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        Number::of(other).is_some_and(|other| self.0 == other)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Number {}

impl Adder for Number {
    fn add<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(CowVal::owned(Number(self.0.add(&Number::operand(other, "_+_")?))))
    }
}

impl Subtractor for Number {
    fn sub<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(CowVal::owned(Number(self.0.add(&Number::operand(other, "_-_")?.negated()))))
    }
}

impl Multiplier for Number {
    fn mul<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let product = self.0.times(&Number::operand(other, "_*_")?);
        let product = product.ok_or_else(|| ExecutionError::function_error("_*_", "too many digits"))?;
        Ok(CowVal::owned(Number(product)))
    }
}

impl Negator for Number {
    fn negate<'v>(&self) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(Box::new(Number(self.0.negated())))
    }
}

impl Comparer for Number {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        Ok(self.0.cmp(&Number::operand(other, "_<_")?))
    }
}
