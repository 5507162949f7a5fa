//! A policy for tests of the host: the longer text wins, of two equally long ones the
//! later in the alphabet. `merge` among them merges both, sorted, with `+` between;
//! `hold` asks a person; `no` fails.

use lockstep_sdk::{
    Cell,
    code::{Dispute, Policy, PolicyAbout, Verdict},
};

struct Judge;

impl Policy for Judge {
    fn describe() -> PolicyAbout {
        PolicyAbout { name: "judge".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    fn decide(dispute: Dispute) -> Result<Verdict, String> {
        let contested = dispute.fields.first().ok_or("there is no field")?;
        let text = |cell: &Cell| cell.as_str().unwrap_or_default().to_owned();
        let (was, comes) = (text(&contested.incumbent), text(&contested.incoming));
        let says = |word: &str| was.contains(word) || comes.contains(word);
        if says("no!") {
            return Err("it was told not to".to_owned());
        }
        if says("hold!") {
            return Ok(Verdict::Hold(format!("{} and {} disagree", dispute.incumbent.side, dispute.incoming.side)));
        }
        if says("merge!") {
            let mut both = [was, comes];
            both.sort();
            return Ok(Verdict::Merged(both.join("+").into()));
        }
        let rank = |text: &str| (text.chars().count(), text.to_owned());
        Ok(if rank(&comes) > rank(&was) { Verdict::Incoming } else { Verdict::Incumbent })
    }
}

lockstep_sdk::export_policy!(Judge);
