//! Workflows that rewrite properties after a write, at once or later, under a
//! source of their own: what makes a value read back differ from the one sent.

use serde::{Deserialize, Serialize};

use super::{record::Source, store::Store};

/// Rewrites that wait at the same time, at most.
const DUE_MAX: usize = 10_000;
/// Rewrites done in one go, at most: workflows can set each other off.
const RUNS_MAX: usize = 1_000;

/// What the new value is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rewrite {
    Value(String),
    /// The property's own value in capitals.
    Uppercase,
    /// The property's own value, its digits and a leading `+`.
    DigitsOnly,
    /// Another property's value.
    CopyOf(String),
    /// The property's own value with this behind it, every time.
    Append(String),
}

/// "When `when` changes, set `property`."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    pub object: String,
    pub when: String,
    pub property: String,
    pub rewrite: Rewrite,
    /// 0: right behind the write that set it off, whose answer does not show it.
    #[serde(default)]
    pub delay_ms: i64,
}

/// A rewrite that waits for its time.
#[derive(Debug, Clone)]
pub struct Due {
    at_ms: i64,
    type_id: String,
    id: u64,
    workflow: usize,
}

impl Store {
    /// Notes the workflows that a changed property sets off.
    pub fn trigger(&mut self, now_ms: i64, type_id: &str, id: u64, property: &str) {
        let Some(object) = self.schema.find(type_id) else { return };
        let set_off = self
            .workflows
            .iter()
            .enumerate()
            .filter(|(_, workflow)| workflow.when == property && object.answers_to(&workflow.object));
        let due: Vec<Due> = set_off
            .map(|(index, workflow)| Due {
                at_ms: now_ms + workflow.delay_ms,
                type_id: type_id.to_owned(),
                id,
                workflow: index,
            })
            .collect();
        let room = DUE_MAX.saturating_sub(self.due.len());
        self.due.extend(due.into_iter().take(room));
    }

    /// Does the rewrites whose time has come, those they set off included.
    pub fn run_due(&mut self, now_ms: i64) {
        for _ in 0..RUNS_MAX {
            let Some(index) = self.due.iter().position(|due| due.at_ms <= now_ms) else { return };
            let Some(due) = self.due.remove(index) else { return };
            self.rewrite(now_ms, &due);
        }
    }

    fn rewrite(&mut self, now_ms: i64, due: &Due) {
        let Some(workflow) = self.workflows.get(due.workflow).cloned() else { return };
        let Some(object) = self.schema.find(&due.type_id).cloned() else { return };
        let Some(record) = self.record(&due.type_id, due.id).filter(|record| record.archived_ms.is_none()) else {
            return;
        };
        let own = record.current(&workflow.property).unwrap_or_default();
        let value = match &workflow.rewrite {
            Rewrite::Value(value) => value.clone(),
            Rewrite::Uppercase => own.to_uppercase(),
            Rewrite::DigitsOnly => own
                .char_indices()
                .filter(|(at, character)| character.is_ascii_digit() || (*at == 0 && *character == '+'))
                .map(|(_, character)| character)
                .collect(),
            Rewrite::CopyOf(property) => record.current(property).unwrap_or_default().to_owned(),
            Rewrite::Append(more) => format!("{own}{more}"),
        };
        let id = record.id;
        let source = Source::system("AUTOMATION_PLATFORM", &format!("enrollmentId:{id};actionExecutionIndex:0"));
        if self.assign_one(now_ms, &object, id, &workflow.property, &value, &source) {
            self.reindex(now_ms, &due.type_id, id);
        }
    }
}
