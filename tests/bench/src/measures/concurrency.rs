//! Edits that had not seen each other, and edits that had.

use std::time::Duration;

use anyhow::Result;

use super::{Figure, Stage};
use crate::{pair::Backend, watch};

/// How long both tables must stay as they are to count as at rest.
const CALM: Duration = Duration::from_secs(3);

/// With delivery stopped, each row gets its phone edited at A and its company
/// at B, and its city at both; then delivery resumes. An edit of phone or
/// company that is not at both sides at the end was lost; so was an edit of the
/// city that is neither at both sides nor kept where it can be restored.
pub async fn pairs(stage: &mut Stage<'_>) -> Result<Vec<Figure>> {
    let a = Backend::open(&stage.pair.a).await?;
    let b = Backend::open(&stage.pair.b).await?;
    let pairs = stage.scale.pairs;
    let different = format!("pair {} ", stage.round);
    stage.peer.pause(stage.pair).await?;
    edit(&a, "phone", &different, pairs).await?;
    edit(&b, "company", &different, pairs).await?;
    deliver(stage, &a, &b, "different").await?;
    let mut lost = 0;
    for column in ["phone", "company"] {
        lost += pairs.saturating_sub(everywhere(&a, &b, column, &different).await?);
    }
    let same = format!("same {} ", stage.round);
    stage.peer.pause(stage.pair).await?;
    edit(&a, "city", &format!("{same}a "), pairs).await?;
    edit(&b, "city", &format!("{same}b "), pairs).await?;
    deliver(stage, &a, &b, "same").await?;
    let agreed = everywhere(&a, &b, "city", &same).await?;
    let found = stage.peer.kept(&same).await?.max(agreed);
    Ok(vec![
        Figure::new("concurrent edits, different columns, lost", "edits", lost as f64),
        Figure::new("concurrent edits, same column, lost", "edits", (2 * pairs).saturating_sub(found) as f64),
    ])
}

/// Rows 2 and up, in one transaction.
async fn edit(side: &Backend, column: &str, token: &str, rows: u64) -> Result<()> {
    let last = rows + 1;
    let sql = format!(
        "UPDATE contacts SET {column} = '{token}' || n FROM generate_series(2, {last}) n WHERE id = contact(n)"
    );
    Ok(side.client.batch_execute(&sql).await?)
}

/// What came before has been delivered when a later edit has, in each direction.
async fn deliver(stage: &mut Stage<'_>, a: &Backend, b: &Backend, name: &str) -> Result<()> {
    stage.peer.resume(stage.pair).await?;
    for (from, to, way) in [(a, b, "there"), (b, a, "back")] {
        let token = format!("after {name} {} {way} ", stage.round);
        from.client.batch_execute(&format!("CALL edit_singly(1, 1, '{token}')")).await?;
        watch::until_arrived(to, &token, 1).await?;
    }
    watch::until_still(a, b, CALM).await
}

/// Rows whose edit of this column is the same at both sides.
async fn everywhere(a: &Backend, b: &Backend, column: &str, token: &str) -> Result<u64> {
    let sql = format!(
        "SELECT coalesce(string_agg({column}, ',' ORDER BY id), '') FROM contacts WHERE {column} LIKE '{token}%'"
    );
    let mut values = Vec::new();
    for side in [a, b] {
        let text: String = side.client.query_one(&sql, &[]).await?.try_get(0)?;
        values.push(text);
    }
    let of = |at: usize| -> std::collections::BTreeSet<String> {
        values
            .get(at)
            .map(|text| text.split(',').filter(|v| !v.is_empty()).map(str::to_owned).collect())
            .unwrap_or_default()
    };
    Ok(of(0).intersection(&of(1)).count() as u64)
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
