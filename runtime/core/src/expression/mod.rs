//! Expressions over a record's fields, in the Common Expression Language:
//! filters, computed fields, defaults.
//!
//! Checked before anything runs: every name and function is known, every operand
//! is of the right type, and what it may cost at most is worked out from its
//! shape and [`INPUT_BYTES_MAX`]. Knows no sides and no records; there is no
//! clock and no randomness in it.

mod bounds;
mod check;
mod environment;
mod number;
mod typing;
mod values;

use std::sync::Arc;

use cel::{Context, ExecutionError, Program};

use crate::{record::FieldId, schema::ColumnType, value::Value};

pub use self::bounds::{INPUT_BYTES_MAX, LIST_ITEMS_MAX};
use self::typing::Type;

/// Longer expressions are refused: beyond that, a component is the better place.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Brackets within brackets.
const DEPTH_MAX: usize = 24;
/// Steps from the whole to its innermost operand: each takes stack when it is worked out.
const LEVELS_MAX: usize = 32;
/// The parser takes some tens of kilobytes a level, and a text of
/// [`TEXT_BYTES_MAX`] may have a level every two bytes. Only what is used is real.
const PARSER_STACK_BYTES: usize = 256 << 20;

/// A field that an expression may name.
#[derive(Clone, Debug)]
pub struct Variable<'a> {
    pub name: &'a str,
    pub id: FieldId,
    pub column_type: &'a ColumnType,
}

/// A checked expression.
#[derive(Clone)]
pub struct Expression(Arc<Inner>);

struct Inner {
    text: String,
    program: Program,
    /// What it reads.
    reads: Vec<(FieldId, String, Type)>,
    result: Type,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.0.text).finish()
    }
}

/// What an expression says of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Value(Value),
    /// An operand has no value where one is needed.
    Missing,
}

/// What is wrong with an expression, or what it cannot do with a record's values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    pub message: String,
}

impl Problem {
    fn new<T>(message: impl Into<String>) -> Result<T, Problem> {
        Err(Problem { message: message.into() })
    }
}

impl Expression {
    /// Parses and checks an expression over these fields.
    pub fn compile(text: &str, variables: &[Variable<'_>]) -> Result<Expression, Problem> {
        let program = parse(text)?;
        let mut checker = check::Checker::new(variables);
        let result = checker.expression(program.expression())?;
        bounds::check(program.expression(), variables)?;
        let reads = checker.reads();
        Ok(Expression(Arc::new(Inner { text: text.to_owned(), program, reads, result })))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The fields it reads.
    pub fn reads(&self) -> impl Iterator<Item = FieldId> + '_ {
        self.0.reads.iter().map(|(id, _, _)| *id)
    }

    /// Whether it says true or false.
    pub fn is_condition(&self) -> bool {
        self.0.result == Type::Bool
    }

    /// The type of its values. `None`: it has none but null.
    pub fn column_type(&self) -> Option<ColumnType> {
        self.0.result.column_type()
    }

    /// What it says of a record, given the fields' values.
    ///
    /// # Errors
    /// A value has no form in expressions, or a function cannot do with the values
    /// what it is for, such as a division by zero. Never carries the values.
    pub fn evaluate<'v>(&self, value: impl Fn(FieldId) -> Option<&'v Value>) -> Result<Outcome, Problem> {
        let mut context = Context::with_env(environment::standard()?);
        let mut empty = false;
        let mut bytes = 0;
        for (id, name, kind) in &self.0.reads {
            let value = value(*id).unwrap_or(&Value::Null);
            empty |= value.is_null();
            bytes += value.size_bytes();
            if bytes > INPUT_BYTES_MAX {
                return Problem::new("the values are larger than expressions take");
            }
            context.add_variable_as_val(name.as_str(), values::into_cel(value, kind)?);
        }
        match cel::Value::resolve_val(self.0.program.expression(), &context) {
            Ok(result) => values::from_cel(result.as_ref()).map(Outcome::Value),
            // Types were checked: what does not fit now is an operand without a value.
            Err(error) if empty && is_misfit(&error) => Ok(Outcome::Missing),
            Err(error) => Problem::new(spoken(&error)),
        }
    }

    /// As a filter: whether a record belongs. What cannot be decided because a value
    /// is missing does not.
    pub fn holds<'v>(&self, value: impl Fn(FieldId) -> Option<&'v Value>) -> Result<bool, Problem> {
        match self.evaluate(value)? {
            Outcome::Value(Value::Bool(holds)) => Ok(holds),
            Outcome::Value(_) | Outcome::Missing => Ok(false),
        }
    }
}

/// The names that an expression mentions, whether or not it holds. Empty: it
/// cannot be read.
pub fn names(text: &str) -> Vec<String> {
    parse(text)
        .map(|program| program.references().variables().into_iter().map(str::to_owned).collect())
        .unwrap_or_default()
}

/// On a stack of its own, so that no text is too deep for it. What it gives is
/// shallow enough for any.
fn parse(text: &str) -> Result<Program, Problem> {
    if text.len() > TEXT_BYTES_MAX {
        return Problem::new(format!("it is longer than {TEXT_BYTES_MAX} bytes"));
    }
    if depth(text) > DEPTH_MAX {
        return Problem::new(format!("its brackets are nested deeper than {DEPTH_MAX}"));
    }
    let failed = || Problem { message: "it cannot be read".to_owned() };
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().name("expression".into()).stack_size(PARSER_STACK_BYTES);
        let parser = parser.spawn_scoped(scope, || {
            let program = environment::standard()?.compile(text).map_err(|errors| {
                let first = errors.errors.first().map(|error| error.msg.clone()).unwrap_or_default();
                Problem { message: format!("it cannot be read: {}", first.lines().next().unwrap_or_default()) }
            })?;
            if bounds::levels(program.expression()) > LEVELS_MAX {
                return Problem::new(format!(
                    "it is more than {LEVELS_MAX} steps deep: put long sums into brackets, half by half"
                ));
            }
            Ok(program)
        });
        parser.map_err(|_| failed())?.join().unwrap_or_else(|_| Err(failed()))
    })
}

/// The deepest nesting of brackets, strings aside.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quote) = (0usize, 0, None);
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match (quote, sign) {
            (Some(_), '\\') => {
                signs.next();
            }
            (Some(open), sign) if sign == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(sign),
            (None, '(' | '[' | '{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    deepest
}

fn is_misfit(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::NoSuchOverload(_)
            | ExecutionError::UnsupportedBinaryOperator(..)
            | ExecutionError::UnexpectedType { .. }
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::NotSupportedAsMethod { .. }
            | ExecutionError::UnsupportedTargetType { .. }
            | ExecutionError::UnsupportedIndex(..)
    )
}

/// The trouble in words, without the values that the library puts into some.
fn spoken(error: &ExecutionError) -> String {
    match error {
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "a division by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number beyond 64 bits".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "a list that has no such element".to_owned(),
        ExecutionError::FunctionError { function, .. } => {
            format!("a value that `{function}` makes nothing of")
        }
        _ => "values that it makes nothing of".to_owned(),
    }
}
