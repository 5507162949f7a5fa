//! Refusals in words, alike ones together.

use std::collections::BTreeMap;

use lockstep_core::delta::Quarantined;

use super::Names;
use crate::operations::FailureGroup;

/// Records named in one group; the count tells how many there are.
const RECORDS_SHOWN_MAX: usize = 20;

/// Groups refusals by signature, most numerous first.
pub fn failure_groups(names: &Names<'_>, refused: &[Quarantined]) -> Vec<FailureGroup> {
    let mut groups: BTreeMap<&str, FailureGroup> = BTreeMap::new();
    for one in refused {
        let group = groups.entry(&one.signature).or_insert_with(|| FailureGroup {
            sync: names.spec.name.to_string(),
            side: names.side(one.side),
            signature: one.signature.clone(),
            class: one.rejection.class.clone(),
            code: one.rejection.code.clone(),
            message: one.rejection.message.clone(),
            count: 0,
            first_at_micros: one.at.0,
            last_at_micros: one.at.0,
            records: vec![],
        });
        group.count += 1;
        group.first_at_micros = group.first_at_micros.min(one.at.0);
        group.last_at_micros = group.last_at_micros.max(one.at.0);
        if group.records.len() < RECORDS_SHOWN_MAX {
            group.records.push(one.record.0);
        }
    }
    let mut groups: Vec<FailureGroup> = groups.into_values().collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.signature.cmp(&b.signature)));
    groups
}
