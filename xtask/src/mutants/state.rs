//! Bugs for the state: fencing, one transaction, looking up.

use super::{Mutant, bug};

const APPLY: &str = "runtime/state/src/apply.rs";
const GATHER: &str = "runtime/state/src/gather.rs";
const WRITER: &str = "runtime/state/src/writer.rs";

pub const BUGS: &[Mutant] = &[
    bug(APPLY, "fn advance_head(", "epoch != commit.epoch", "false"),
    bug(APPLY, "fn advance_head(", "owner != commit.owner", "false"),
    bug(APPLY, "fn advance_head(", "seq != commit.expected_seq", "false"),
    bug(APPLY, "fn advance_head(", "entry.seq < next_entry", "false"),
    bug(APPLY, "let committed = advance_head", "apply.leftover_heads()?", "()"),
    bug(APPLY, "let committed = advance_head", "apply.index(&commit.index)?", "()"),
    bug(APPLY, "let committed = advance_head", "apply.marks(commit)?", "()"),
    bug(APPLY, "let committed = advance_head", "apply.quarantine(&commit.quarantine)?", "()"),
    bug(APPLY, "let committed = advance_head", "apply.streams(commit)?", "()"),
    bug(APPLY, "fn attention(", "self.drop_attention(row.id)?", "()"),
    bug(APPLY, "fn marks(", "update.execute((side, record, number))?", "0"),
    bug(
        GATHER,
        "fn by_key(&mut self",
        "(lives, record.id) > (*known, other.id)",
        "(lives, record.id) < (*known, other.id)",
    ),
    bug(GATHER, "fn by_key(&mut self", "link.key.as_ref() == Some(key)", "true"),
    bug(WRITER, "fn commit_group(", "log.broken()", "None"),
];
