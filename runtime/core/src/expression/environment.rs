//! The functions that expressions have: the language's own, its text functions,
//! exact decimals and `coalesce`. No clock, nothing random.

use std::sync::{Arc, LazyLock};

use cel::{
    DeclarationError, Env, ExecutionError,
    common::{
        ast::{CallExpr, Expr, LiteralValue, operators},
        types::{CelDouble, CelInt, CelString, DOUBLE_TYPE, INT_TYPE, STRING_TYPE},
        value::{CowVal, Val},
    },
    extensions,
    parser::Macro,
};

use super::{Problem, number::Number};
use crate::value::decimal::Decimal;

static STANDARD: LazyLock<Result<Arc<Env>, DeclarationError>> = LazyLock::new(|| build().map(Arc::new));

pub(super) fn standard() -> Result<Arc<Env>, Problem> {
    STANDARD.clone().map_err(|error| Problem { message: format!("the language is not there: {error}") })
}

fn build() -> Result<Env, DeclarationError> {
    let mut env = Env::stdlib().with_optional_support(false);
    env.add_extension(extensions::strings)?;
    env.add_type(Number::TYPE.to_owned())?;
    env.add_overload("decimal", "int64_to_decimal", vec![INT_TYPE], |values| exactly(&values))?;
    env.add_overload("decimal", "double_to_decimal", vec![DOUBLE_TYPE], |values| exactly(&values))?;
    env.add_overload("decimal", "string_to_decimal", vec![STRING_TYPE], |values| exactly(&values))?;
    env.add_overload("decimal", "decimal_to_decimal", vec![Number::TYPE.to_owned()], |values| exactly(&values))?;
    env.add_overload("double", "decimal_to_double", vec![Number::TYPE.to_owned()], |values| {
        let number = exact(values.first(), "double")?;
        let float: f64 = number.to_string().parse().map_err(|error| ExecutionError::function_error("double", error))?;
        Ok(CowVal::owned(CelDouble::from(float)))
    })?;
    env.add_overload("string", "decimal_to_string", vec![Number::TYPE.to_owned()], |values| {
        Ok(CowVal::owned(CelString::from(exact(values.first(), "string")?.to_string())))
    })?;
    env.add_macro(coalesce())?;
    Ok(env)
}

/// `coalesce(a, b, c)`: the first that is not null.
fn coalesce() -> Macro {
    Macro::global_var_arg("coalesce", |helper, _target, args| {
        let Some(mut result) = args.pop() else {
            return Ok(None);
        };
        while let Some(first) = args.pop() {
            let null = helper.next_expr(Expr::Literal(LiteralValue::Null));
            let call = |name: &str, args| Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args });
            let asked = helper.next_expr(call(operators::NOT_EQUALS, vec![first.clone(), null]));
            result = helper.next_expr(call(operators::CONDITIONAL, vec![asked, first, result]));
        }
        Ok(Some(result))
    })
}

fn exactly<'b, 'v>(values: &[CowVal<'b, 'v>]) -> Result<CowVal<'b, 'v>, ExecutionError> {
    exact(values.first(), "decimal").map(|number| CowVal::owned(Number(number)))
}

fn exact(value: Option<&CowVal<'_, '_>>, function: &str) -> Result<Decimal, ExecutionError> {
    let refused = || ExecutionError::function_error(function, "not a number");
    let value: &dyn Val = value.ok_or_else(refused)?.as_ref();
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Decimal::parse(text.inner().trim()).ok_or_else(refused);
    }
    if let Some(number) = value.downcast_ref::<CelInt>() {
        return Ok(Decimal::from_int(*number.inner()));
    }
    Number::of(value).ok_or_else(refused)
}
