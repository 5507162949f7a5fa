//! A person acting at an exact moment: just before, or just after, the handling
//! of a program's request, which makes every race between the two repeatable.

use serde::{Deserialize, Serialize};

use super::{record::Source, store::Store, write::Values};

/// Who acts when nobody in particular is meant.
pub const SOMEONE: u64 = 1_071;

/// On which side of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    Before,
    /// After its effects, before its answer.
    After,
}

/// What the person does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Edit { object: String, id: u64, values: Values },
    Create { object: String, values: Values },
    Archive { object: String, id: u64 },
    Merge { object: String, winner: u64, loser: u64 },
}

/// "When such a request comes, do this." Used once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interjection {
    pub method: String,
    /// A part of the path.
    pub path: String,
    pub when: When,
    /// Let this many such requests pass first.
    #[serde(default)]
    pub skip: u32,
    pub act: Act,
}

impl Interjection {
    pub fn meets(&self, method: &str, path: &str, when: When) -> bool {
        self.when == when && self.method.eq_ignore_ascii_case(method) && path.contains(&self.path)
    }
}

impl Act {
    /// What cannot be done (the record is gone) is left: people misclick too.
    pub fn perform(&self, store: &mut Store, now_ms: i64) {
        let person = Source::user(SOMEONE);
        let type_id = |store: &Store, object: &str| store.schema.find(object).map(|one| one.object_type_id.clone());
        match self {
            Self::Edit { object, id, values } => {
                if let Some(type_id) = type_id(store, object) {
                    let _ = store.update(now_ms, &type_id, *id, values, &person);
                }
            }
            Self::Create { object, values } => {
                if let Some(type_id) = type_id(store, object) {
                    let _ = store.create(now_ms, &type_id, values, &person);
                }
            }
            Self::Archive { object, id } => {
                if let Some(type_id) = type_id(store, object) {
                    store.archive(now_ms, &type_id, *id, &person);
                }
            }
            Self::Merge { object, winner, loser } => {
                if let Some(type_id) = type_id(store, object) {
                    let _ = store.merge(now_ms, &type_id, *winner, *loser, &person);
                }
            }
        }
    }
}
