//! What an expression may cost at the most: worked out from its shape before it
//! runs, so that nothing has to be stopped while it does.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};

use super::{Problem, Variable};
use crate::schema::Kind;

/// Of all the values that an expression reads, together.
pub const INPUT_BYTES_MAX: usize = 64 << 10;
/// Elements of one list that an expression reads.
pub const LIST_ITEMS_MAX: usize = 1_000;
/// Bytes looked at or moved in one evaluation: some tens of milliseconds.
const COST_MAX: u64 = 64 << 20;
/// Bytes of any value that is made on the way.
const SIZE_MAX: u64 = 4 << 20;

/// Steps from the whole to its innermost operand.
pub(super) fn levels(expression: &IdedExpr) -> usize {
    let below = match &expression.expr {
        Expr::Call(call) => call.target.iter().map(AsRef::as_ref).chain(&call.args).map(levels).max().unwrap_or(0),
        Expr::List(list) => list.elements.iter().map(levels).max().unwrap_or(0),
        Expr::Comprehension(comprehension) => [
            &comprehension.iter_range,
            &comprehension.accu_init,
            &comprehension.loop_cond,
            &comprehension.loop_step,
            &comprehension.result,
        ]
        .into_iter()
        .map(levels)
        .max()
        .unwrap_or(0),
        Expr::Select(select) => levels(&select.operand),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => 0,
    };
    below + 1
}

/// How large a value can be, and what making it costs.
#[derive(Clone, Copy, Debug, Default)]
struct Bound {
    bytes: u64,
    items: u64,
    cost: u64,
}

/// Refuses what could go beyond the bounds.
pub(super) fn check(expression: &IdedExpr, variables: &[Variable<'_>]) -> Result<(), Problem> {
    let mut estimate = Estimate { variables, bound: Vec::new() };
    let bound = estimate.of(expression)?;
    if bound.cost > COST_MAX {
        return Problem::new(
            "with large values it could take too long: go through lists once, not within each other, \
             and do not put a value together many times",
        );
    }
    Ok(())
}

struct Estimate<'a> {
    variables: &'a [Variable<'a>],
    bound: Vec<(String, Bound)>,
}

impl Estimate<'_> {
    fn of(&mut self, expression: &IdedExpr) -> Result<Bound, Problem> {
        let bound = match &expression.expr {
            Expr::Literal(LiteralValue::String(text)) => leaf(text.inner().len() as u64),
            Expr::Literal(LiteralValue::Bytes(bytes)) => leaf(bytes.inner().len() as u64),
            Expr::Literal(_) => leaf(16),
            Expr::Ident(name) => self.named(name),
            Expr::List(list) => {
                let mut sum = Bound { items: list.elements.len() as u64, ..leaf(16) };
                for item in &list.elements {
                    let item = self.of(item)?;
                    sum.bytes = sum.bytes.saturating_add(item.bytes);
                    sum.cost = sum.cost.saturating_add(item.cost);
                }
                sum
            }
            Expr::Call(call) => {
                let mut operands = Vec::new();
                for operand in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                    operands.push(self.of(operand)?);
                }
                called(&call.func_name, &operands)
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension)?,
            Expr::Select(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => leaf(16),
        };
        if bound.bytes > SIZE_MAX {
            return Problem::new("with large values it could make one that is too large");
        }
        Ok(bound)
    }

    /// Going through a list. What a turn does grows with its element at least as fast
    /// as a straight line, so all turns together do at most what each does without
    /// any bytes, and what one does with all of them.
    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Result<Bound, Problem> {
        let range = self.of(&comprehension.iter_range)?;
        let begin = self.of(&comprehension.accu_init)?;
        let mut turn = |bytes: u64, items: u64| {
            self.bound.push((comprehension.iter_var.clone(), Bound { bytes, items, cost: 1 }));
            self.bound.push((comprehension.accu_var.clone(), begin));
            let step = self.of(&comprehension.loop_step);
            let condition = self.of(&comprehension.loop_cond);
            self.bound.truncate(self.bound.len() - 2);
            let (step, condition) = (step?, condition?);
            Ok(Bound { cost: step.cost.saturating_add(condition.cost), ..step })
        };
        let (empty, whole) = (turn(0, 0)?, turn(range.bytes, range.items)?);
        let turns = range.items;
        let all = |one: u64, other: u64| turns.saturating_mul(one).saturating_add(other);
        let items = all(empty.items, whole.items);
        let cost = range.cost.saturating_add(all(empty.cost, whole.cost)).saturating_add(turns.saturating_mul(16));
        let sum = Bound { bytes: all(empty.bytes.max(16), whole.bytes), items, cost: 1 };
        self.bound.push((comprehension.accu_var.clone(), sum));
        let result = self.of(&comprehension.result);
        self.bound.pop();
        let result = result?;
        Ok(Bound { cost: cost.saturating_add(result.cost), ..result })
    }

    fn named(&self, name: &str) -> Bound {
        if let Some((_, bound)) = self.bound.iter().rev().find(|(known, _)| known == name) {
            return *bound;
        }
        let kind =
            self.variables.iter().find(|variable| variable.name == name).map(|variable| variable.column_type.kind);
        match kind {
            Some(Kind::Bool | Kind::Int | Kind::Float | Kind::Date | Kind::Timestamp | Kind::LocalTimestamp) => {
                leaf(16)
            }
            Some(Kind::Uuid | Kind::Time) => leaf(40),
            Some(Kind::List) => Bound { items: LIST_ITEMS_MAX as u64, ..leaf(INPUT_BYTES_MAX as u64) },
            _ => leaf(INPUT_BYTES_MAX as u64),
        }
    }
}

fn leaf(bytes: u64) -> Bound {
    Bound { bytes, items: 0, cost: 1 }
}

/// What a call makes of its operands.
fn called(name: &str, operands: &[Bound]) -> Bound {
    let bytes: u64 = operands.iter().fold(0, |sum, operand| sum.saturating_add(operand.bytes));
    let items: u64 = operands.iter().fold(0, |sum, operand| sum.saturating_add(operand.items));
    let cost: u64 = operands.iter().fold(1, |sum, operand| sum.saturating_add(operand.cost));
    let touching = cost.saturating_add(bytes);
    let first = operands.first().copied().unwrap_or_default();
    match name {
        operators::ADD | "join" => Bound { bytes, items, cost: touching },
        // Digits times digits.
        operators::MULTIPLY => Bound {
            bytes,
            items: 0,
            cost: operands
                .iter()
                .fold(1u64, |product, one| product.saturating_mul(one.bytes.max(1)))
                .saturating_add(cost),
        },
        operators::CONDITIONAL => Bound {
            bytes: operands.iter().skip(1).map(|one| one.bytes).max().unwrap_or(0),
            items: operands.iter().skip(1).map(|one| one.items).max().unwrap_or(0),
            cost,
        },
        operators::INDEX => Bound { bytes: first.bytes, items: 0, cost },
        "replace" => {
            // Every byte may become the replacement.
            let with = operands.get(2).map_or(0, |one| one.bytes).saturating_add(1);
            let made = first.bytes.saturating_add(1).saturating_mul(with);
            Bound { bytes: made, items: 0, cost: touching.saturating_add(made) }
        }
        "split" => Bound { bytes: first.bytes.saturating_mul(2), items: first.bytes.saturating_add(1), cost: touching },
        "trim" | "lowerAscii" | "upperAscii" | "substring" | "string" | "decimal" => {
            Bound { bytes: first.bytes.saturating_mul(2), items: 0, cost: touching }
        }
        // Building the pattern's automaton, then one pass.
        "matches" => Bound { bytes: 16, items: 0, cost: touching.saturating_add(1 << 20) },
        operators::IN | "contains" | "indexOf" => Bound { bytes: 16, items: 0, cost: touching.saturating_mul(2) },
        _ => Bound { bytes: 16, items: 0, cost: touching },
    }
}
