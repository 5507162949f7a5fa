//! A sync's expressions against its fields: do they make sense, and do their
//! values fit where they go.

use super::{
    Ids,
    columns::{FieldPlan, about},
    error::{About, Code, Report},
};
use crate::{
    cast::Cast,
    config::{self, Sync},
    expression::{Expression, Variable},
    schema::ColumnType,
    spec::{Computed, Filter, Leaving},
};

pub(super) struct Expressions<'a> {
    sync: &'a Sync,
    ids: &'a Ids,
    variables: Vec<Variable<'a>>,
}

impl<'a> Expressions<'a> {
    /// References and computed fields are no operands: the former are other records'
    /// keys, the latter would have to be worked out in some order.
    pub(super) fn new(sync: &'a Sync, ids: &'a Ids, columns: &'a [FieldPlan]) -> Self {
        let plain = columns.iter().filter(|plan| plan.field.from.is_none());
        let variables = plain.filter_map(|plan| {
            Some(Variable { name: &plan.field.name, id: plan.id, column_type: plan.canonical.as_ref()? })
        });
        Expressions { sync, ids, variables: variables.collect() }
    }

    pub(super) fn filter(&self, waits: bool, report: &mut Report) -> Option<Filter> {
        let written = self.sync.filter.as_ref()?;
        let leaving = match &self.sync.leaving {
            config::Leaving::Keep => Leaving::Keep,
            config::Leaving::Unlink => Leaving::Unlink,
            config::Leaving::Delete(sides) => {
                Leaving::Delete(sides.iter().filter_map(|side| self.ids.sides.get(side)).copied().collect())
            }
        };
        if waits {
            return Some(Filter { expression: None, leaving });
        }
        let place = || About { at: written.at.clone(), ..About::default() };
        let expression = match Expression::compile(&written.text, &self.variables) {
            Ok(expression) if expression.is_condition() => expression,
            Ok(_) => {
                report.error(
                    Code::BadFilter,
                    place(),
                    format!("the filter of `{}` is no condition", self.sync.name),
                    "write what is true of the records that take part, such as \"country == 'DE'\"",
                );
                return None;
            }
            Err(problem) => {
                report.error(
                    Code::BadFilter,
                    place(),
                    format!("the filter of `{}` does not hold: {problem}", self.sync.name),
                    "correct it; `lockstep help LS-MAP-019` shows what it may say",
                );
                return None;
            }
        };
        Some(Filter { expression: Some(expression), leaving })
    }

    pub(super) fn computed(&self, plan: &FieldPlan, report: &mut Report) -> Option<Computed> {
        self.of(plan, plan.field.from.as_ref()?, "from", report)
    }

    pub(super) fn default(&self, plan: &FieldPlan, report: &mut Report) -> Option<Computed> {
        self.of(plan, plan.field.default.as_ref()?, "default", report)
    }

    fn of(&self, plan: &FieldPlan, written: &config::Expression, key: &str, report: &mut Report) -> Option<Computed> {
        let field = &plan.field;
        let place = || About { at: written.at.clone(), side: None, field: Some(&field.name) };
        // Types that do not go together were reported already.
        let canonical = match (&plan.canonical, &field.reference) {
            (Some(canonical), _) => canonical,
            (None, None) => return None,
            (None, Some(_)) => {
                report.error(
                    Code::BadExpression,
                    place(),
                    format!("field `{}` is a reference, which no expression gives", field.name),
                    format!("remove `{key}`"),
                );
                return None;
            }
        };
        let expression = match Expression::compile(&written.text, &self.variables) {
            Ok(expression) => expression,
            Err(problem) => {
                report.error(
                    Code::BadExpression,
                    place(),
                    format!("`{key}` of field `{}` does not hold: {problem}", field.name),
                    "correct it; `lockstep help LS-MAP-018` shows what it may say",
                );
                return None;
            }
        };
        let cast = self.cast(plan, &expression, canonical, report)?;
        Some(Computed { expression, cast })
    }

    /// The expression's values in the field's canonical form, without loss unless
    /// the field allows it.
    fn cast(
        &self,
        plan: &FieldPlan,
        expression: &Expression,
        canonical: &ColumnType,
        report: &mut Report,
    ) -> Option<Cast> {
        let field = &plan.field;
        let Some(made) = expression.column_type() else {
            report.error(
                Code::BadExpression,
                about(field, None),
                format!("the expression of field `{}` never has a value", field.name),
                "write one whose value is text, a number, a time, true or false, or a list",
            );
            return None;
        };
        let way = Cast::between(&made, canonical);
        if way.can_lift() || (field.lossy && !way.impossible) {
            return Some(if field.lossy { way.lossy() } else { way.cast });
        }
        report.error(
            Code::BadExpression,
            about(field, None),
            format!(
                "the expression of field `{}` would lose {}",
                field.name,
                way.loss.unwrap_or_else(|| "its value".to_owned())
            ),
            "convert it in the expression, or allow the loss with `lossy = true` on the field",
        );
        None
    }
}
