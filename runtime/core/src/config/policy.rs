//! Conflict policies as written: a word, or a small table.

use super::{
    error::{Code, Problems},
    node::{Data, Node},
    section::{Section, bad_value, text, texts, unknown_name, wrong_type},
};
use crate::code::JudgeSlot;

/// How a conflict is decided; sides by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    Prefer(Vec<String>),
    Latest {
        otherwise: Box<Policy>,
    },
    Hold,
    Union,
    Max,
    Min,
    SumDeltas,
    Append,
    /// A component decides.
    Custom(JudgeSlot),
}

impl Policy {
    /// The component that decides, where one does, also as what is left to `latest`.
    pub fn custom(&mut self) -> Option<&mut JudgeSlot> {
        match self {
            Policy::Custom(slot) => Some(slot),
            Policy::Latest { otherwise } => otherwise.custom(),
            _ => None,
        }
    }
}

const WORDS: &str = "\"hold\", \"latest\", \"union\", \"max\", \"min\", \"sum-deltas\", \"append\", { prefer = \"SIDE\" }, { latest = true, else = \"hold\" } or { custom = \"rules/mine.wasm\" }";

/// Policies nested in each other, at most.
const DEPTH_MAX: usize = 4;

pub(super) fn read(path: &str, node: &Node, sides: &[&str], problems: &mut Problems<'_>) -> Option<Policy> {
    nested(path, node, sides, DEPTH_MAX, problems)
}

fn nested(path: &str, node: &Node, sides: &[&str], depth: usize, problems: &mut Problems<'_>) -> Option<Policy> {
    match &node.data {
        Data::Text(word) => {
            let policy = from_word(word);
            if policy.is_none() {
                bad_value(path, node, &format!("`{word}`"), WORDS, problems);
            }
            policy
        }
        Data::Table(_) if depth == 0 => {
            bad_value(path, node, "nested this deep", WORDS, problems);
            None
        }
        Data::Table(_) => from_table(path, node, sides, depth, problems),
        _ => {
            wrong_type(path, node, WORDS, problems);
            None
        }
    }
}

fn from_word(word: &str) -> Option<Policy> {
    Some(match word {
        "hold" => Policy::Hold,
        "latest" => Policy::Latest { otherwise: Box::new(Policy::Hold) },
        "union" => Policy::Union,
        "max" => Policy::Max,
        "min" => Policy::Min,
        "sum-deltas" => Policy::SumDeltas,
        "append" => Policy::Append,
        _ => return None,
    })
}

fn from_table(path: &str, node: &Node, sides: &[&str], depth: usize, problems: &mut Problems<'_>) -> Option<Policy> {
    let mut section = Section::of(path.to_owned(), node, problems)?;
    let prefer = section.get("prefer");
    let latest = section.flag("latest", problems);
    let custom = section.component("custom", problems);
    let otherwise = section.get("else");
    let policy = match (prefer, latest) {
        _ if custom.is_some() => {
            if prefer.is_some() || latest.is_some() || otherwise.is_some() {
                problems.add(
                    Code::Contradiction,
                    node.span.clone(),
                    format!("`{path}` says `custom` and something else"),
                    "keep one; `custom` may stand in the `else` of `latest`",
                );
            }
            custom.map(|path| Policy::Custom(JudgeSlot::named(path)))
        }
        (Some(list), None) => {
            if let Some(extra) = otherwise {
                problems.add(
                    Code::Contradiction,
                    extra.span.clone(),
                    format!("`{path}.else` belongs to `latest`, not to `prefer`"),
                    "list further sides in `prefer` instead",
                );
            }
            Some(Policy::Prefer(preferred(path, list, sides, problems)))
        }
        (None, Some(true)) => {
            let fallback = match otherwise {
                Some(node) => {
                    let path = section.join("else");
                    nested(&path, node, sides, depth - 1, problems)?
                }
                None => Policy::Hold,
            };
            if matches!(fallback, Policy::Latest { .. }) {
                problems.add(
                    Code::Contradiction,
                    otherwise.map_or(node.span.clone(), |node| node.span.clone()),
                    format!("`{path}.else` cannot be `latest` again"),
                    "write what decides when the times are too close, such as \"hold\"",
                );
            }
            Some(Policy::Latest { otherwise: Box::new(fallback) })
        }
        (Some(_), Some(_)) => {
            problems.add(
                Code::Contradiction,
                node.span.clone(),
                format!("`{path}` says both `prefer` and `latest`"),
                "keep one, or write { latest = true, else = { prefer = \"SIDE\" } }",
            );
            None
        }
        (None, _) => {
            bad_value(path, node, "a table without `prefer`, `latest = true` or `custom`", WORDS, problems);
            None
        }
    };
    section.finish(problems);
    policy
}

fn preferred(path: &str, node: &Node, sides: &[&str], problems: &mut Problems<'_>) -> Vec<String> {
    let path = format!("{path}.prefer");
    let names = match &node.data {
        Data::Text(_) => text(&path, node, problems).map(|name| (name, node.span.clone())).into_iter().collect(),
        _ => texts(&path, node, problems),
    };
    if names.is_empty() && matches!(&node.data, Data::List(items) if items.is_empty()) {
        bad_value(&path, node, "empty", "at least one side", problems);
    }
    let mut chosen: Vec<String> = Vec::new();
    for (name, span) in names {
        if !sides.contains(&name) {
            unknown_name("side", name, span, sides.iter().copied(), problems);
        } else if chosen.iter().any(|known| known == name) {
            problems.add(Code::Contradiction, span, format!("`{path}` names `{name}` twice"), "name each side once");
        } else {
            chosen.push(name.to_owned());
        }
    }
    chosen
}
