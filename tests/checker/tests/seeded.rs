//! Good histories pass; each kind of loss, planted into a good one, is found.

use std::collections::BTreeMap;

use anyhow::Result;
use lockstep_checker::{Deed, Edit, History, Kept, KeptState, Row, Shown, Unmet, Verdict, ViolationKind, check};

type Values = BTreeMap<String, Option<String>>;

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(field, value)| ((*field).to_owned(), Some((*value).to_owned()))).collect()
}

/// Two sides, one record `r` born at a with name n0 and phone p0.
struct Story(History);

impl Story {
    fn new() -> Self {
        let history = History {
            sides: ["a", "b"].map(str::to_owned).into(),
            fields: ["name", "phone"].map(str::to_owned).into(),
            ..History::default()
        };
        Story(history).edit("a", Deed::Insert { values: values(&[("name", "n0"), ("phone", "p0")]) })
    }

    fn edit(mut self, side: &str, deed: Deed) -> Self {
        self.0.edits.push(Edit {
            side: side.to_owned(),
            record: "r".to_owned(),
            at_micros: self.0.edits.len() as i64,
            deed,
        });
        self
    }

    fn update(self, side: &str, field: &str, seen: &str, value: &str) -> Self {
        let deed = Deed::Update { values: values(&[(field, value)]), seen: values(&[(field, seen)]) };
        self.edit(side, deed)
    }

    fn delete(self, side: &str, name: &str, phone: &str) -> Self {
        self.edit(side, Deed::Delete { seen: values(&[("name", name), ("phone", phone)]) })
    }

    fn kept(mut self, field: Option<&str>, state: KeptState, met: &[&str]) -> Self {
        self.0.kept.push(Kept {
            record: field.is_none().then(|| "r".to_owned()),
            field: field.map(str::to_owned),
            state,
            values: met.iter().map(|v| Some((*v).to_owned())).collect(),
            result: None,
        });
        self
    }

    /// Rows at the end: side, name, phone.
    fn ends(mut self, rows: &[(&str, &str, &str)]) -> Result<Verdict> {
        for side in &self.0.sides {
            self.0.tables.insert(side.clone(), Vec::new());
        }
        for (side, name, phone) in rows {
            self.0
                .tables
                .entry((*side).to_owned())
                .or_default()
                .push(Row { record: "r".to_owned(), values: values(&[("name", name), ("phone", phone)]) });
        }
        check(&self.0)
    }

    fn ends_with(self, name: &str, phone: &str) -> Result<Verdict> {
        self.ends(&[("a", name, phone), ("b", name, phone)])
    }
}

fn kinds(verdict: &Verdict) -> Vec<ViolationKind> {
    verdict.violations.iter().map(|violation| violation.kind).collect()
}

#[test]
fn edits_of_different_columns_that_both_arrive_are_clean() {
    let verdict =
        Story::new().update("a", "name", "n0", "n1").update("b", "phone", "p0", "p1").ends_with("n1", "p1").unwrap();
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!((verdict.agreed, verdict.superseded, verdict.kept), (2, 2, 0));
}

#[test]
fn an_edit_overwritten_by_somebody_who_had_seen_it_is_not_lost() {
    let verdict =
        Story::new().update("a", "name", "n0", "n1").update("b", "name", "n1", "n2").ends_with("n2", "p0").unwrap();
    assert!(verdict.is_clean(), "{verdict}");
}

#[test]
fn a_displaced_edit_that_is_in_no_journal_is_lost() {
    let verdict =
        Story::new().update("a", "name", "n0", "n1").update("b", "name", "n0", "n2").ends_with("n2", "p0").unwrap();
    assert_eq!(kinds(&verdict), [ViolationKind::LostEdit], "{verdict}");
}

#[test]
fn a_displaced_edit_in_the_journal_is_kept() {
    let verdict = Story::new()
        .update("a", "name", "n0", "n1")
        .update("b", "name", "n0", "n2")
        .kept(Some("name"), KeptState::Decided, &["n1", "n2"])
        .ends_with("n2", "p0")
        .unwrap();
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!(verdict.kept, 1);
}

#[test]
fn a_journal_that_kept_another_value_does_not_excuse_the_loss() {
    let verdict = Story::new()
        .update("a", "name", "n0", "n1")
        .update("b", "name", "n0", "n2")
        .kept(Some("name"), KeptState::Decided, &["n", "n2"])
        .ends_with("n2", "p0")
        .unwrap();
    assert_eq!(kinds(&verdict), [ViolationKind::LostEdit], "{verdict}");
}

#[test]
fn an_edit_undone_by_an_older_value_is_lost() {
    let verdict = Story::new().update("a", "name", "n0", "n1").ends_with("n0", "p0").unwrap();
    assert_eq!(kinds(&verdict), [ViolationKind::LostEdit], "{verdict}");
}

#[test]
fn sides_that_disagree_are_found_unless_the_field_is_held() {
    let story = || Story::new().update("a", "name", "n0", "n1").update("b", "name", "n0", "n2");
    let ends = [("a", "n1", "p0"), ("b", "n2", "p0")];
    let held = story().kept(Some("name"), KeptState::Held, &["n1", "n2"]).ends(&ends).unwrap();
    assert!(held.is_clean(), "{held}");
    let decided = story().kept(Some("name"), KeptState::Decided, &["n1", "n2"]).ends(&ends).unwrap();
    assert_eq!(kinds(&decided), [ViolationKind::Diverged], "{decided}");
    let silent = story().ends(&ends).unwrap();
    assert_eq!(silent.count(ViolationKind::Diverged), 1, "{silent}");
    assert_eq!(silent.count(ViolationKind::LostEdit), 2, "{silent}");
}

#[test]
fn a_record_twice_at_one_side_is_a_duplicate() {
    let verdict = Story::new().ends(&[("a", "n0", "p0"), ("b", "n0", "p0"), ("b", "n0", "p0")]).unwrap();
    assert_eq!(kinds(&verdict), [ViolationKind::Duplicate], "{verdict}");
}

#[test]
fn a_record_that_reached_one_side_only_is_missing() {
    let verdict = Story::new().ends(&[("a", "n0", "p0")]).unwrap();
    assert_eq!(verdict.count(ViolationKind::Missing), 1, "{verdict}");
    assert_eq!(verdict.count(ViolationKind::LostEdit), 2, "{verdict}");
}

#[test]
fn a_record_gone_without_a_delete_is_missing() {
    let verdict = Story::new().ends(&[]).unwrap();
    assert_eq!(verdict.count(ViolationKind::Missing), 1, "{verdict}");
}

#[test]
fn a_delete_takes_what_the_deleter_had_seen_with_it() {
    let verdict = Story::new().delete("b", "n0", "p0").ends(&[]).unwrap();
    assert!(verdict.is_clean(), "{verdict}");
}

#[test]
fn a_delete_that_took_an_edit_it_had_not_seen_lost_it() {
    let verdict = Story::new().update("a", "name", "n0", "n1").delete("b", "n0", "p0").ends(&[]).unwrap();
    assert_eq!(kinds(&verdict), [ViolationKind::LostEdit], "{verdict}");
}

#[test]
fn a_deleted_record_that_came_back_by_itself_is_resurrected() {
    let verdict = Story::new().delete("b", "n0", "p0").ends_with("n0", "p0").unwrap();
    assert_eq!(kinds(&verdict), [ViolationKind::Resurrected], "{verdict}");
}

#[test]
fn a_delete_overruled_by_an_update_must_be_in_the_journal() {
    let story = || Story::new().update("a", "name", "n0", "n1").delete("b", "n0", "p0");
    let silent = story().ends_with("n1", "p0").unwrap();
    assert_eq!(kinds(&silent), [ViolationKind::LostDelete], "{silent}");
    let told = story().kept(None, KeptState::Decided, &[]).ends_with("n1", "p0").unwrap();
    assert!(told.is_clean(), "{told}");
}

#[test]
fn an_overruled_delete_does_not_excuse_the_loss_of_what_it_had_seen() {
    let verdict = Story::new()
        .update("a", "name", "n0", "n1")
        .delete("b", "n1", "p0")
        .update("a", "phone", "p0", "p1")
        .kept(None, KeptState::Decided, &[])
        .ends_with("n0", "p1")
        .unwrap();
    assert_eq!(kinds(&verdict), [ViolationKind::LostEdit], "{verdict}");
}

#[test]
fn a_record_made_again_after_its_delete_is_not_resurrected() {
    let again = Deed::Insert { values: values(&[("name", "n9"), ("phone", "p9")]) };
    let verdict = Story::new().delete("b", "n0", "p0").edit("b", again).ends_with("n9", "p9").unwrap();
    assert!(verdict.is_clean(), "{verdict}");
}

#[test]
fn a_value_nobody_wrote_is_invented() {
    let verdict = Story::new().update("a", "name", "n0", "n1").ends_with("n1", "p7").unwrap();
    assert_eq!(verdict.count(ViolationKind::Invented), 2, "{verdict}");
}

#[test]
fn a_conflict_between_edits_that_knew_each_other_is_false() {
    let verdict = Story::new()
        .update("a", "name", "n0", "n1")
        .update("b", "name", "n1", "n2")
        .update("a", "name", "n2", "n3")
        .kept(Some("name"), KeptState::Decided, &["n1", "n3"])
        .ends_with("n3", "p0")
        .unwrap();
    assert_eq!(kinds(&verdict), [ViolationKind::FalseConflict], "{verdict}");
}

#[test]
fn more_writes_than_edits_need_is_an_echo() {
    let mut story = Story::new().update("a", "name", "n0", "n1");
    story.0.effective_writes = Some(3);
    let verdict = story.ends_with("n1", "p0").unwrap();
    assert_eq!(kinds(&verdict), [ViolationKind::Echo], "{verdict}");
}

#[test]
fn a_record_waiting_as_a_whole_may_differ_while_its_values_stand() {
    let story = || Story::new().update("a", "name", "n0", "n1").delete("b", "n0", "p0");
    let held = story().kept(None, KeptState::Held, &[]).ends(&[("a", "n1", "p0")]).unwrap();
    assert!(held.is_clean(), "{held}");
    let lost = story().kept(None, KeptState::Held, &[]).ends(&[("a", "n0", "p0")]).unwrap();
    assert_eq!(lost.count(ViolationKind::LostEdit), 1, "{lost}");
}

#[test]
fn a_history_with_an_unknown_side_or_without_a_table_is_refused() {
    assert!(Story::new().update("c", "name", "n0", "n1").ends(&[]).is_err());
    assert!(check(&Story::new().0).is_err());
}

#[test]
fn a_third_side_may_hold_what_a_decision_displaced_only_while_the_field_waits() {
    let story = |held: bool| {
        let mut story = Story::new().update("a", "name", "n0", "n1").kept(Some("name"), KeptState::Decided, &["n1"]);
        story.0.sides.insert("c".to_owned());
        let story = story.update("a", "name", "n0", "n2").update("b", "name", "n0", "n3");
        let state = if held { KeptState::Held } else { KeptState::Decided };
        let story = story.kept(Some("name"), state, &["n2", "n3"]);
        kinds(&story.ends(&[("a", "n2", "p0"), ("b", "n3", "p0"), ("c", "n1", "p0")]).unwrap())
    };
    assert_eq!(story(true), []);
    assert_eq!(story(false), [ViolationKind::Diverged]);
}

#[test]
fn a_delete_of_a_row_that_no_answer_ever_showed_is_nobodys_loss_at_a_blind_side_only() {
    let story = |blind: bool| {
        let mut story = Story::new().delete("b", "n0", "p0").update("a", "name", "n0", "n1");
        let unmet = Unmet { side: "b".to_owned(), record: "r".to_owned(), at_micros: 1 };
        story.0.unmet.insert(unmet);
        if blind {
            story.0.blind.insert("b".to_owned());
        }
        kinds(&story.ends_with("n1", "p0").unwrap())
    };
    assert_eq!(story(true), []);
    assert!(story(false).contains(&ViolationKind::LostDelete));
}

#[test]
fn an_edit_that_a_write_overwrote_unheard_is_nobodys_loss_at_its_side_only() {
    let unheard = |side: &str| {
        let mut story = Story::new().update("b", "name", "n0", "n1");
        story.0.unheard = [Shown { side: side.into(), field: "name".into(), value: "n1".into() }].into();
        story.ends(&[("a", "n0", "p0"), ("b", "n0", "p0")]).unwrap()
    };
    assert!(unheard("b").is_clean());
    assert_eq!(kinds(&unheard("a")), [ViolationKind::LostEdit]);
}

#[test]
fn an_edit_that_stands_in_every_row_left_is_kept_while_a_delete_is_held() {
    let story = |state: KeptState, name: &str| {
        let story = Story::new().update("a", "name", "n0", "n1").delete("a", "n1", "p0");
        kinds(&story.kept(None, state, &[]).ends(&[("b", name, "p0")]).unwrap())
    };
    assert_eq!(story(KeptState::Held, "n1"), []);
    assert!(story(KeptState::Held, "n2").contains(&ViolationKind::LostEdit));
    assert!(story(KeptState::Decided, "n1").contains(&ViolationKind::Missing));
}
