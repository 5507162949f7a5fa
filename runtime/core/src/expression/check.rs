//! The types of an expression, from its leaves to its root.

use std::collections::BTreeMap;

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};

use super::{Problem, Variable, typing::Type};
use crate::{
    config::{closest, listed},
    record::FieldId,
};

/// Functions and methods that there are, for suggestions.
const FUNCTIONS: [&str; 30] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "lowerAscii",
    "upperAscii",
    "trim",
    "replace",
    "split",
    "join",
    "substring",
    "indexOf",
    "string",
    "int",
    "double",
    "decimal",
    "bool",
    "timestamp",
    "duration",
    "getFullYear",
    "getMonth",
    "getDayOfMonth",
    "getDayOfWeek",
    "getHours",
    "coalesce",
    "exists",
    "all",
    "map",
    "filter",
];

pub(super) struct Checker<'a> {
    variables: &'a [Variable<'a>],
    used: BTreeMap<FieldId, (String, Type)>,
    /// Names that comprehensions bind, innermost last.
    bound: Vec<(String, Type)>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(variables: &'a [Variable<'a>]) -> Self {
        Checker { variables, used: BTreeMap::new(), bound: Vec::new() }
    }

    pub(super) fn reads(self) -> Vec<(FieldId, String, Type)> {
        self.used.into_iter().map(|(id, (name, kind))| (id, name, kind)).collect()
    }

    pub(super) fn expression(&mut self, expression: &IdedExpr) -> Result<Type, Problem> {
        match &expression.expr {
            Expr::Literal(literal) => Ok(match literal {
                LiteralValue::Boolean(_) => Type::Bool,
                LiteralValue::Bytes(_) => Type::Bytes,
                LiteralValue::Double(_) => Type::Double,
                LiteralValue::Int(_) => Type::Int,
                LiteralValue::Null => Type::Null,
                LiteralValue::String(_) => Type::Text,
                LiteralValue::UInt(_) => return Problem::new("unsigned numbers are not part of it: write 1, not 1u"),
            }),
            Expr::Ident(name) => self.name(name),
            Expr::List(list) => {
                let mut element = Type::Unknown;
                for item in &list.elements {
                    let kind = self.expression(item)?;
                    element = match element.clone().either(kind.clone()) {
                        Some(both) => both,
                        None => return Problem::new(format!("a list holds {element} and {kind}: keep to one type")),
                    };
                }
                Ok(Type::List(Box::new(element)))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Call(call) => {
                let mut operands = Vec::with_capacity(call.args.len() + 1);
                for operand in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                    operands.push(self.expression(operand)?);
                }
                if call.func_name == "matches" && !call.args.last().is_some_and(is_text) {
                    return Problem::new("the pattern of `matches` has to be written out");
                }
                call_type(&call.func_name, call.target.is_some(), &operands)
            }
            Expr::Select(select) => Problem::new(format!(
                "`.{}` is no function: fields are named alone, and whether one has a value is asked by `name != null`",
                select.field
            )),
            Expr::Map(_) | Expr::Struct(_) => Problem::new("maps and messages are not part of it"),
            Expr::Unspecified => Problem::new("it is empty"),
        }
    }

    fn name(&mut self, name: &str) -> Result<Type, Problem> {
        if let Some((_, kind)) = self.bound.iter().rev().find(|(known, _)| known == name) {
            return Ok(kind.clone());
        }
        let Some(variable) = self.variables.iter().find(|variable| variable.name == name) else {
            let known = || self.variables.iter().map(|variable| variable.name);
            let hint = match closest(name, known()) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("there are: {}", listed(known())),
            };
            return Problem::new(format!("there is no field `{name}`; {hint}"));
        };
        let kind = Type::of(variable.column_type);
        self.used.insert(variable.id, (name.to_owned(), kind.clone()));
        Ok(kind)
    }

    /// `all`, `exists`, `map`, `filter`, written out by the parser.
    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Result<Type, Problem> {
        let element = match self.expression(&comprehension.iter_range)? {
            Type::List(element) => *element,
            other => return Problem::new(format!("only lists have elements to go through, not {other}")),
        };
        let begin = self.expression(&comprehension.accu_init)?;
        self.bound.push((comprehension.iter_var.clone(), element));
        self.bound.push((comprehension.accu_var.clone(), begin.clone()));
        let step = self.expression(&comprehension.loop_step)?;
        let Some(sum) = begin.either(step) else {
            self.bound.truncate(self.bound.len() - 2);
            return Problem::new("the elements are of several types");
        };
        if let Some((_, kind)) = self.bound.last_mut() {
            *kind = sum;
        }
        self.expression(&comprehension.loop_cond)?;
        let result = self.expression(&comprehension.result)?;
        self.bound.truncate(self.bound.len() - 2);
        Ok(result)
    }
}

fn is_text(expression: &IdedExpr) -> bool {
    matches!(expression.expr, Expr::Literal(LiteralValue::String(_)))
}

fn call_type(name: &str, method: bool, operands: &[Type]) -> Result<Type, Problem> {
    if let Some(kind) = operator(name, operands)? {
        return Ok(kind);
    }
    let found = if method { method_type(name, operands) } else { function_type(name, operands) };
    if let Some(kind) = found {
        return Ok(kind);
    }
    let given: Vec<String> = operands.iter().map(ToString::to_string).collect();
    if FUNCTIONS.contains(&name) {
        return Problem::new(format!("`{name}` is not for {}", given.join(" and ")));
    }
    let hint = match closest(name, FUNCTIONS.iter().copied()) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("there are: {}", listed(FUNCTIONS.iter().copied())),
    };
    Problem::new(format!("there is no function `{name}`; {hint}"))
}

/// `None`: it is no operator.
fn operator(name: &str, operands: &[Type]) -> Result<Option<Type>, Problem> {
    use operators::*;
    let two = |kind: fn(&Type, &Type) -> Option<Type>, sign: &str| match operands {
        [a, b] => match kind(a, b) {
            Some(kind) => Ok(Some(kind)),
            None => Problem::new(unfit(sign, a, b)),
        },
        _ => Problem::new(format!("`{sign}` stands between two values")),
    };
    match name {
        LOGICAL_AND | LOGICAL_OR | LOGICAL_NOT | NOT_STRICTLY_FALSE => {
            match operands.iter().all(|kind| *kind == Type::Bool) {
                true => Ok(Some(Type::Bool)),
                false => Problem::new("`&&`, `||` and `!` stand between conditions"),
            }
        }
        CONDITIONAL => match operands {
            [Type::Bool, a, b] => match a.clone().either(b.clone()) {
                Some(kind) => Ok(Some(kind)),
                None => Problem::new(format!("`? :` gives {a} or {b}: convert one of them")),
            },
            _ => Problem::new("before `?` stands a condition"),
        },
        EQUALS | NOT_EQUALS => two(|a, b| a.compares_to(b).then_some(Type::Bool), "=="),
        LESS | LESS_EQUALS | GREATER | GREATER_EQUALS => {
            two(|a, b| (a.is_ordered() && b.is_ordered() && a.compares_to(b)).then_some(Type::Bool), "<")
        }
        ADD => two(sum, "+"),
        SUBSTRACT => two(difference, "-"),
        MULTIPLY => two(product, "*"),
        DIVIDE => two(|a, b| (a == b && matches!(a, Type::Int | Type::Double)).then(|| a.clone()), "/"),
        MODULO => two(|a, b| (*a == Type::Int && *b == Type::Int).then_some(Type::Int), "%"),
        NEGATE => match operands {
            [kind @ (Type::Int | Type::Double | Type::Decimal)] => Ok(Some(kind.clone())),
            _ => Problem::new("`-` stands before a number"),
        },
        IN => two(
            |a, b| match b {
                Type::List(element) => a.compares_to(element).then_some(Type::Bool),
                _ => None,
            },
            "in",
        ),
        INDEX => two(
            |a, b| match (a, b) {
                (Type::List(element), Type::Int) => Some((**element).clone()),
                _ => None,
            },
            "[ ]",
        ),
        _ => Ok(None),
    }
}

fn unfit(sign: &str, a: &Type, b: &Type) -> String {
    let hint = match (a, b) {
        (Type::Int | Type::Double, Type::Decimal) => ": write the decimal first",
        (Type::Decimal, _) if sign == "/" => ": decimals do not divide exactly; use double(…) on both",
        (Type::Int, Type::Double) | (Type::Double, Type::Int) => ": convert one with int(…) or double(…)",
        (Type::Text, _) | (_, Type::Text) if sign == "+" => ": write numbers and times as text with string(…)",
        _ => "",
    };
    format!("`{sign}` is not for {a} and {b}{hint}")
}

fn sum(a: &Type, b: &Type) -> Option<Type> {
    match (a, b) {
        (Type::Decimal, Type::Int | Type::Double | Type::Decimal) => Some(Type::Decimal),
        (Type::Int, Type::Int)
        | (Type::Double, Type::Double)
        | (Type::Text, Type::Text)
        | (Type::Bytes, Type::Bytes) => Some(a.clone()),
        (Type::Moment, Type::Span) | (Type::Span, Type::Moment) => Some(Type::Moment),
        (Type::Span, Type::Span) => Some(Type::Span),
        (Type::List(_), Type::List(_)) => a.clone().either(b.clone()),
        _ => None,
    }
}

fn difference(a: &Type, b: &Type) -> Option<Type> {
    match (a, b) {
        (Type::Decimal, Type::Int | Type::Double | Type::Decimal) => Some(Type::Decimal),
        (Type::Int, Type::Int) | (Type::Double, Type::Double) => Some(a.clone()),
        (Type::Moment, Type::Span) => Some(Type::Moment),
        (Type::Moment, Type::Moment) | (Type::Span, Type::Span) => Some(Type::Span),
        _ => None,
    }
}

fn product(a: &Type, b: &Type) -> Option<Type> {
    match (a, b) {
        (Type::Decimal, Type::Int | Type::Double | Type::Decimal) => Some(Type::Decimal),
        (Type::Int, Type::Int) | (Type::Double, Type::Double) => Some(a.clone()),
        _ => None,
    }
}

fn function_type(name: &str, operands: &[Type]) -> Option<Type> {
    match (name, operands) {
        ("size", [Type::Text | Type::Bytes | Type::List(_)]) => Some(Type::Int),
        (
            "string",
            [Type::Text | Type::Bool | Type::Int | Type::Double | Type::Decimal | Type::Moment | Type::Span],
        ) => Some(Type::Text),
        ("int", [Type::Text | Type::Int | Type::Double | Type::Moment]) => Some(Type::Int),
        ("double", [Type::Text | Type::Int | Type::Double | Type::Decimal]) => Some(Type::Double),
        ("decimal", [Type::Text | Type::Int | Type::Double | Type::Decimal]) => Some(Type::Decimal),
        ("bool", [Type::Text | Type::Bool]) => Some(Type::Bool),
        ("timestamp", [Type::Text | Type::Moment]) => Some(Type::Moment),
        ("duration", [Type::Text | Type::Span]) => Some(Type::Span),
        ("matches", [Type::Text, Type::Text]) => Some(Type::Bool),
        _ => None,
    }
}

fn method_type(name: &str, operands: &[Type]) -> Option<Type> {
    use Type::{Int, Moment, Text};
    match (name, operands) {
        ("size", [Text | Type::Bytes | Type::List(_)]) => Some(Int),
        ("contains" | "startsWith" | "endsWith" | "matches", [Text, Text]) => Some(Type::Bool),
        ("lowerAscii" | "upperAscii" | "trim", [Text]) => Some(Text),
        ("replace", [Text, Text, Text]) | ("substring", [Text, Int] | [Text, Int, Int]) => Some(Text),
        ("split", [Text, Text]) => Some(Type::List(Box::new(Text))),
        ("indexOf", [Text, Text]) => Some(Int),
        ("join", [Type::List(element), Text]) if matches!(**element, Text | Type::Unknown) => Some(Text),
        (
            "getFullYear" | "getMonth" | "getDayOfMonth" | "getDate" | "getDayOfWeek" | "getDayOfYear" | "getHours"
            | "getMinutes" | "getSeconds" | "getMilliseconds",
            [Moment] | [Moment, Text],
        ) => Some(Int),
        ("getHours" | "getMinutes" | "getSeconds" | "getMilliseconds", [Type::Span]) => Some(Int),
        _ => None,
    }
}
