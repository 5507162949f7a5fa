//! Decides conflicts: the longer text wins, since somebody wrote more. What is no text, or equally long, is for a person.

import { Refusal, exposePolicy, type Cell, type Dispute, type Verdict } from "lockstep-sdk/code";

export const policy = exposePolicy({
  name: "longest",
  version: "0.1.0",

  decide(dispute: Dispute): Verdict {
    // One field, or all fields of a group: a group is decided as one.
    let ahead = 0;
    for (const field of dispute.fields) ahead += length(field.incoming) - length(field.incumbent);
    if (ahead === 0) return { tag: "hold", val: "both are equally long" };
    return { tag: ahead > 0 ? "incoming" : "incumbent" };
  },
});

/** In characters; nothing counts as none. */
function length(cell: Cell): number {
  if (cell.tag === "null" || cell.tag === "absent") return 0;
  // No value in it: these words are logged.
  if (cell.tag !== "text") throw new Refusal("it compares texts, and this is none");
  return [...cell.val].length;
}
