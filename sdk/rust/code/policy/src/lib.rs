//! Decides conflicts: the longer text wins, since somebody wrote more. What is no
//! text, or equally long, is for a person.

use lockstep_sdk::{
    Cell,
    code::{Dispute, Policy, PolicyAbout, Verdict},
};

struct Longest;

impl Policy for Longest {
    fn describe() -> PolicyAbout {
        PolicyAbout { name: "longest".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    fn decide(dispute: Dispute) -> Result<Verdict, String> {
        // One field, or all fields of a group: a group is decided as one.
        let mut ahead = 0_i64;
        for field in &dispute.fields {
            let (was, comes) = (length(&field.incumbent)?, length(&field.incoming)?);
            ahead += comes - was;
        }
        Ok(match ahead {
            0 => Verdict::Hold("both are equally long".to_owned()),
            1.. => Verdict::Incoming,
            _ => Verdict::Incumbent,
        })
    }
}

/// In characters; nothing counts as none.
fn length(cell: &Cell) -> Result<i64, String> {
    match cell {
        Cell::Text(text) => Ok(text.chars().count() as i64),
        Cell::Null | Cell::Absent => Ok(0),
        // No value in it: these words are logged.
        _ => Err("it compares texts, and this is none".to_owned()),
    }
}

lockstep_sdk::export_policy!(Longest);

#[cfg(test)]
mod tests {
    use lockstep_sdk::code::{Claim, Contested};

    use super::*;

    fn decide(incumbent: &str, incoming: &str) -> Result<Verdict, String> {
        let claim = |side: &str| Claim { side: side.to_owned(), at: 0 };
        let field = Contested {
            field: "note".to_owned(),
            base: Cell::Null,
            incumbent: incumbent.into(),
            incoming: incoming.into(),
        };
        Longest::decide(Dispute {
            sync: "people".to_owned(),
            incumbent: claim("crm"),
            incoming: claim("db"),
            fields: vec![field],
            record: Vec::new(),
        })
    }

    #[test]
    fn the_longer_one_wins_whichever_came_first() {
        assert_eq!(decide("short", "much longer"), Ok(Verdict::Incoming));
        assert_eq!(decide("much longer", "short"), Ok(Verdict::Incumbent));
        assert!(matches!(decide("one", "two"), Ok(Verdict::Hold(_))));
    }
}
