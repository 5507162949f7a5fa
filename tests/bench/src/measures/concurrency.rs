//! Edits that had not seen each other, and edits that had.

use std::time::Duration;

use anyhow::Result;

use super::{Figure, Stage};
use crate::{pair::Backend, watch};

/// How long both tables must stay as they are to count as at rest.
const CALM: Duration = Duration::from_secs(3);

/// With delivery stopped, each row gets its phone edited at A and its company
/// at B; then delivery resumes. An edit that is not at both sides at the end was lost.
pub async fn pairs(stage: &mut Stage<'_>) -> Result<Vec<Figure>> {
    let a = Backend::open(&stage.pair.a).await?;
    let b = Backend::open(&stage.pair.b).await?;
    let (round, last) = (stage.round, stage.scale.pairs + 1);
    stage.peer.pause(stage.pair).await?;
    for (side, column) in [(&a, "phone"), (&b, "company")] {
        let sql = format!(
            "UPDATE contacts SET {column} = 'pair {round} ' || n
             FROM generate_series(2, {last}) n WHERE id = contact(n)"
        );
        side.client.batch_execute(&sql).await?;
    }
    stage.peer.resume(stage.pair).await?;
    // What came first has been delivered when these have, in each direction.
    for (from, to, name) in [(&a, &b, "there"), (&b, &a, "back")] {
        let token = format!("after pairs {round} {name} ");
        from.client.batch_execute(&format!("CALL edit_singly(1, 1, '{token}')")).await?;
        watch::until_arrived(to, &token, 1).await?;
    }
    watch::until_still(&a, &b, CALM).await?;
    let mut lost = 0;
    for (column, other) in [("phone", &b), ("company", &a)] {
        let own = if column == "phone" { &a } else { &b };
        let kept = format!("SELECT count(*) FROM contacts WHERE {column} LIKE 'pair {round} %'");
        let everywhere = other.number(&kept).await?.min(own.number(&kept).await?);
        lost += stage.scale.pairs.saturating_sub(everywhere);
    }
    Ok(vec![Figure::new("concurrent pairs, edits lost", "edits", lost as f64)])
}

/// One row, edited at A and at B in turn, each time after the last edit arrived.
pub async fn alternating(stage: &mut Stage<'_>) -> Result<Vec<Figure>> {
    let a = Backend::open(&stage.pair.a).await?;
    let b = Backend::open(&stage.pair.b).await?;
    let before = stage.peer.conflicts(stage.pair).await?;
    for turn in 0..stage.scale.alternations {
        let (from, to) = if turn % 2 == 0 { (&a, &b) } else { (&b, &a) };
        let token = format!("turn {} {turn} ", stage.round);
        from.client.batch_execute(&format!("CALL edit_singly(1, 1, '{token}')")).await?;
        watch::until_arrived(to, &token, 1).await?;
    }
    let after = stage.peer.conflicts(stage.pair).await?;
    let figures = after.zip(before).map(|(after, before)| {
        Figure::new("alternating edits, false conflicts", "conflicts", after.saturating_sub(before) as f64)
    });
    Ok(figures.into_iter().collect())
}
