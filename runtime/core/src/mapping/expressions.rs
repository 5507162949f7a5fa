//! A sync's expressions against its fields: do they make sense, and do their
//! values fit where they go.

use super::{
    Ids,
    columns::{FieldPlan, about},
    error::{About, Code, Report},
};
use crate::{
    cast::Cast,
    code::TransformSlot,
    config::{self, Sync, listed},
    expression::{Expression, Variable},
    schema::ColumnType,
    spec::{Computed, Filter, Leaving, Maker},
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
        match plan.field.from.as_ref()? {
            config::Source::Expression(written) => self.of(plan, written, "from", report),
            config::Source::Transform { slot, of, at } => self.by_code(plan, slot, of, at, report),
        }
    }

    pub(super) fn default(&self, plan: &FieldPlan, report: &mut Report) -> Option<Computed> {
        self.of(plan, plan.field.default.as_ref()?, "default", report)
    }

    /// A component that makes the field of others.
    fn by_code(
        &self,
        plan: &FieldPlan,
        slot: &TransformSlot,
        of: &[String],
        at: &config::Span,
        report: &mut Report,
    ) -> Option<Computed> {
        let field = &plan.field;
        let canonical = plan.canonical.as_ref()?;
        let mut refuse = |message: String, help: &str| {
            let place = About { at: at.clone(), side: None, field: Some(&field.name) };
            report.error(Code::BadTransform, place, message, help);
        };
        let Some(code) = &slot.code else {
            refuse(format!("{} of field `{}` is not loaded", slot.path, field.name), "build it, or correct its path");
            return None;
        };
        let about = code.about();
        if about.takes.len() != of.len() {
            let takes: Vec<&str> = about.takes.iter().map(|one| one.name.as_str()).collect();
            let message =
                format!("{} takes {} values ({}), not {}", slot.path, takes.len(), takes.join(", "), of.len());
            refuse(message, "name a field for each of them in `of`, in its order");
            return None;
        }
        let mut read = Vec::new();
        for (name, takes) in of.iter().zip(&about.takes) {
            let Some(variable) = self.variables.iter().find(|variable| variable.name == name) else {
                let known = listed(self.variables.iter().map(|variable| variable.name));
                refuse(
                    format!("`{name}` is no field that {} can be given", slot.path),
                    &format!("fields with values of their own: {known}"),
                );
                return None;
            };
            if !takes.fits(variable.column_type.kind) {
                let kinds: Vec<&str> = takes.kinds.iter().map(|kind| kind.name()).collect();
                let is = variable.column_type.kind.name();
                refuse(
                    format!(
                        "{} takes {} as `{}`, and field `{name}` is {is}",
                        slot.path,
                        kinds.join(" or "),
                        takes.name
                    ),
                    "name another field there",
                );
                return None;
            }
            read.push(variable.id);
        }
        let cast = self.cast(plan, &slot.path, Some(about.gives.clone()), canonical, report)?;
        Some(Computed { by: Maker::Transform { slot: slot.clone(), of: read }, cast })
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
        let cast = self.cast(plan, "the expression", expression.column_type(), canonical, report)?;
        Some(Computed { by: Maker::Expression(expression), cast })
    }

    /// The values made in the field's canonical form, without loss unless the field
    /// allows it. `made`: their type; `None`: there never is one.
    fn cast(
        &self,
        plan: &FieldPlan,
        maker: &str,
        made: Option<ColumnType>,
        canonical: &ColumnType,
        report: &mut Report,
    ) -> Option<Cast> {
        let field = &plan.field;
        let Some(made) = made else {
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
                "{maker} of field `{}` would lose {}",
                field.name,
                way.loss.unwrap_or_else(|| "its value".to_owned())
            ),
            "convert it there, or allow the loss with `lossy = true` on the field",
        );
        None
    }
}
