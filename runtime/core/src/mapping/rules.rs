//! The rules of a sync against its fields: policies that fit the types, groups
//! that decide as one, fields to match by.

use super::{
    Ids,
    columns::FieldPlan,
    error::{About, Code, Report},
    expressions::Expressions,
};
use crate::{
    config::{self, Sync, closest, listed},
    record::FieldId,
    schema::Kind,
    spec::{FieldSpec, Group, Policy},
};

pub(super) struct Rules<'a> {
    pub(super) sync: &'a Sync,
    pub(super) ids: &'a Ids,
    pub(super) columns: &'a [FieldPlan],
    pub(super) written: &'a Expressions<'a>,
}

impl Rules<'_> {
    pub(super) fn conflict(&self) -> Policy {
        self.policy(&self.sync.conflict)
    }

    /// What decides where linked records differ and nothing was ever agreed on.
    pub(super) fn initial(&self) -> Policy {
        match &self.sync.initial {
            Some(policy) => self.policy(policy),
            None => self.without_base(&self.sync.conflict),
        }
    }

    /// Rules that need a base cannot decide without one.
    fn without_base(&self, policy: &config::Policy) -> Policy {
        match policy {
            config::Policy::SumDeltas | config::Policy::Append => Policy::Hold,
            other => self.policy(other),
        }
    }

    fn policy(&self, policy: &config::Policy) -> Policy {
        match policy {
            config::Policy::Prefer(names) => {
                Policy::Prefer(names.iter().filter_map(|name| self.ids.sides.get(name)).copied().collect())
            }
            config::Policy::Latest { otherwise } => Policy::Latest { otherwise: Box::new(self.policy(otherwise)) },
            config::Policy::Hold => Policy::Hold,
            config::Policy::Union => Policy::Union,
            config::Policy::Max => Policy::Max,
            config::Policy::Min => Policy::Min,
            config::Policy::SumDeltas => Policy::SumDeltas,
            config::Policy::Append => Policy::Append,
            config::Policy::Custom(slot) => Policy::Custom(slot.clone()),
        }
    }

    /// The fields by their numbers, with gaps where a number is no longer used.
    pub(super) fn fields(&self, report: &mut Report) -> Vec<Option<FieldSpec>> {
        let mut fields: Vec<Option<FieldSpec>> = Vec::new();
        for plan in self.columns {
            let field = &plan.field;
            for policy in [&field.conflict, &field.initial].into_iter().flatten() {
                self.check_fits(plan, policy, report);
            }
            if field.conflict.is_none() {
                self.check_fits(plan, &self.sync.conflict, report);
            }
            if let (None, Some(initial)) = (&field.initial, &self.sync.initial) {
                self.check_fits(plan, initial, report);
            }
            let initial = match (&field.initial, &field.conflict, &self.sync.initial) {
                (Some(initial), _, _) => Some(self.policy(initial)),
                (None, Some(conflict), None) => Some(self.without_base(conflict)),
                (None, _, _) => None,
            };
            let group = self.sync.groups.iter().position(|group| group.fields.contains(&field.name));
            let at = usize::from(plan.id.0);
            if fields.len() <= at {
                fields.resize_with(at + 1, || None);
            }
            if let Some(slot) = fields.get_mut(at) {
                *slot = Some(FieldSpec {
                    id: plan.id,
                    name: field.name.as_str().into(),
                    conflict: field.conflict.as_ref().map(|policy| self.policy(policy)),
                    initial,
                    reference: field.reference.as_deref().map(Into::into),
                    group,
                    sensitive: field.sensitive,
                    from: self.written.computed(plan, report),
                    default: self.written.default(plan, report),
                });
            }
        }
        fields
    }

    fn check_fits(&self, plan: &FieldPlan, policy: &config::Policy, report: &mut Report) {
        let field = &plan.field;
        let kind = plan.canonical.as_ref().map(|canonical| canonical.kind);
        // Types that do not go together were reported already.
        if kind.is_none() && field.reference.is_none() {
            return;
        }
        let Some(wanted) = misfit(policy, kind) else {
            return;
        };
        report.error(
            Code::BadPolicy,
            About { at: field.at.clone(), side: None, field: Some(&field.name) },
            format!("`{}` cannot decide field `{}`: it works on {wanted}", policy_name(policy), field.name),
            format!("give field `{}` a `conflict` (or `initial`) of its own, such as \"hold\"", field.name),
        );
    }

    pub(super) fn groups(&self, report: &mut Report) -> Vec<Group> {
        let mut groups = Vec::new();
        for group in &self.sync.groups {
            let plans: Vec<&FieldPlan> =
                group.fields.iter().filter_map(|name| self.find(name, &group.at, report)).collect();
            self.check_group(group, &plans, report);
            groups.push(Group { name: group.name.as_str().into(), fields: plans.iter().map(|plan| plan.id).collect() });
        }
        groups
    }

    /// A group is one value: one rule decides it, by choosing a side.
    fn check_group(&self, group: &config::Group, plans: &[&FieldPlan], report: &mut Report) {
        let about = || About { at: group.at.clone(), ..About::default() };
        let rule = |plan: &FieldPlan| plan.field.conflict.clone().unwrap_or_else(|| self.sync.conflict.clone());
        let initial = |plan: &FieldPlan| plan.field.initial.clone();
        let Some(first) = plans.first() else {
            return;
        };
        if plans.iter().any(|plan| rule(plan) != rule(first) || initial(plan) != initial(first)) {
            report.error(
                Code::GroupDisagrees,
                about(),
                format!("the fields of group `{}` have different conflict rules", group.name),
                "a group is decided as one value: give all of its fields the same rules",
            );
        } else if !chooses(&rule(first)) || initial(first).is_some_and(|policy| !chooses(&policy)) {
            report.error(
                Code::GroupDisagrees,
                about(),
                format!("`{}` makes a new value out of both, which a group cannot be", policy_name(&rule(first))),
                format!("decide group `{}` with \"hold\", \"latest\" or {{ prefer = \"SIDE\" }}", group.name),
            );
        }
    }

    pub(super) fn match_on(&self, report: &mut Report) -> Vec<Vec<FieldId>> {
        let mut sets = Vec::new();
        for names in &self.sync.match_on {
            let at = &self.sync.match_at;
            let plans: Vec<&FieldPlan> = names.iter().filter_map(|name| self.find(name, at, report)).collect();
            for plan in &plans {
                self.check_match(plan, report);
            }
            sets.push(plans.iter().map(|plan| plan.id).collect());
        }
        sets
    }

    fn check_match(&self, plan: &FieldPlan, report: &mut Report) {
        let readers = plan.places.iter().filter(|place| place.reads).count();
        let kind = plan.canonical.as_ref().map(|canonical| canonical.kind);
        let why = match kind {
            Some(Kind::Json | Kind::Bytes | Kind::List) => "holds no single plain value",
            // A column that is missing was reported already.
            _ if plan.places.len() < plan.field.columns.len() => return,
            _ if readers < 2 => "is read from one side only, so that nothing there could match it",
            _ => return,
        };
        report.error(
            Code::BadMatch,
            About { at: self.sync.match_at.clone(), side: None, field: Some(&plan.field.name) },
            format!("records cannot find each other by field `{}`: it {why}", plan.field.name),
            "match by a field that names the record at two sides or more",
        );
    }

    fn find(&self, name: &str, at: &config::Span, report: &mut Report) -> Option<&FieldPlan> {
        let found = self.columns.iter().find(|plan| plan.field.name == name);
        if found.is_none() {
            let known = || self.columns.iter().map(|plan| plan.field.name.as_str());
            let help = match closest(name, known()) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("there are: {}", listed(known())),
            };
            report.error(
                Code::NoField,
                About { at: at.clone(), side: None, field: Some(name) },
                format!("there is no field `{name}`"),
                help,
            );
        }
        found
    }
}

/// Whether the rule takes one side's value as it is.
fn chooses(policy: &config::Policy) -> bool {
    match policy {
        config::Policy::Prefer(_) | config::Policy::Hold | config::Policy::Custom(_) => true,
        config::Policy::Latest { otherwise } => chooses(otherwise),
        config::Policy::Union
        | config::Policy::Max
        | config::Policy::Min
        | config::Policy::SumDeltas
        | config::Policy::Append => false,
    }
}

/// What the policy works on, where this is something else. `None` as kind: a reference.
fn misfit(policy: &config::Policy, kind: Option<Kind>) -> Option<&'static str> {
    use Kind::*;
    let (fits, wanted) = match policy {
        config::Policy::Prefer(_) | config::Policy::Hold | config::Policy::Custom(_) => return None,
        config::Policy::Latest { otherwise } => return misfit(otherwise, kind),
        config::Policy::Union => (matches!(kind, Some(List | Text)), "lists and `;`-delimited text"),
        config::Policy::Max | config::Policy::Min => {
            let ordered =
                matches!(kind, Some(Bool | Int | Decimal | Float | Text | Date | Time | Timestamp | LocalTimestamp));
            (ordered, "numbers, text, dates and times")
        }
        config::Policy::SumDeltas => (matches!(kind, Some(Int | Decimal | Float)), "numbers"),
        config::Policy::Append => (matches!(kind, Some(Text)), "text"),
    };
    (!fits).then_some(wanted)
}

fn policy_name(policy: &config::Policy) -> &'static str {
    match policy {
        config::Policy::Prefer(_) => "prefer",
        config::Policy::Latest { otherwise } if chooses(otherwise) => "latest",
        config::Policy::Latest { otherwise } => policy_name(otherwise),
        config::Policy::Hold => "hold",
        config::Policy::Union => "union",
        config::Policy::Max => "max",
        config::Policy::Min => "min",
        config::Policy::SumDeltas => "sum-deltas",
        config::Policy::Append => "append",
        config::Policy::Custom(_) => "custom",
    }
}
