//! The stream when there is nothing to tell, and when it is asked wrongly.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lockstep_core::{
    change::{Cursor, Selection},
    key::Key,
};
use lockstep_host::{ChangesRequest, Role};

use super::refused;
use crate::{
    bench::{
        Bench,
        stream::{RECORDS, Told, name_of},
    },
    report::{Checked, Stop, expect},
    subject::Opening,
};

/// What a call may take beyond its wait: a busy machine, a slow system.
const SLACK: Duration = Duration::from_secs(5);
/// Calls in which a settled stream has nothing more to tell.
const QUIET_CALLS: usize = 5;

pub(crate) async fn idle(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let made = bench.create(1).await?;
    let keys: Vec<Key> = made.iter().map(|made| made.key.clone()).collect();
    let before = bench.cursor();
    let until = bench.deadline();
    for _ in 0..3 {
        let step = bench.step(0, 0, until).await?;
        let rows: usize = step.changes.batches.iter().map(|batch| batch.rows.len()).sum();
        expect(rows == 0, "no changes where none are wanted", || format!("{rows}"))?;
        expect(step.changes.cursor == before, "the cursor that was asked after", || "another one".into())?;
    }
    let (_, missing) = bench.collect_rows(RECORDS, &keys, &[]).await?;
    if let Some(missing) = missing {
        return Err(Stop::failed("the change to be told once it is wanted", missing));
    }
    let began = Instant::now();
    bench.step(RECORDS, 300, until).await?;
    let took = began.elapsed();
    expect(took < SLACK, "an answer soon after 300 ms", || format!("after {} ms", took.as_millis()))
}

pub(crate) async fn bad_cursor(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let selections: Arc<[Selection]> = Arc::from([bench.scratch().await?.selection()]);
    let durable = bench.durable();
    bench.leave().await;
    let mut longer = durable.0.to_vec();
    longer.extend_from_slice(b"\xff\x00kit");
    let codes = ["cursor-invalid"];
    for (what, bytes) in
        [("a cursor of random bytes", b"\xffkit\x00nonsense".to_vec()), ("a cursor with more behind it", longer)]
    {
        let session = bench.subject.open(Role::Tail, Opening::AsConfigured).await?;
        let request = ChangesRequest {
            selections: Arc::clone(&selections),
            after: Cursor(Arc::from(bytes)),
            durable: durable.clone(),
            records_max: RECORDS,
            bytes_max: 1 << 20,
            wait_ms: 100,
        };
        refused(what, session.changes(&request).await, &codes)?;
    }
    Ok(())
}

/// Nobody asked for the second column.
pub(crate) async fn selected(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let scratch = bench.scratch().await?;
    let (cursor, durable) = bench.leave().await.ok_or_else(|| Stop::skip("no stream"))?;
    let name = scratch.columns.get(scratch.edited).cloned().unwrap_or_default();
    let selections: Arc<[Selection]> =
        Arc::from([Selection { object: scratch.object.name.clone(), columns: vec![name.clone()] }]);
    let made = bench.create(2).await?;
    let session = bench.subject.open(Role::Tail, Opening::AsConfigured).await?;
    let until = bench.deadline();
    let mut request = ChangesRequest {
        selections,
        after: cursor,
        durable: durable.clone(),
        records_max: RECORDS,
        bytes_max: 1 << 20,
        wait_ms: 300,
    };
    let mut seen = 0;
    while seen < made.len() && Instant::now() < until {
        let changes = match session.changes(&request).await {
            Ok(changes) => changes,
            Err(lockstep_host::HostError::Guest(error))
                if ["retry", "unavailable", "throttled"].contains(&error.code.as_str()) =>
            {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for batch in &changes.batches {
            let object = &*batch.object;
            expect(object == scratch.object.name, "changes of the object asked for", || format!("of {object}"))?;
            if let Some(other) = batch.columns.iter().find(|column| **column != name) {
                return Err(Stop::failed(format!("only `{name}`"), format!("`{other}` too")));
            }
            seen += batch.rows.iter().filter(|row| made.iter().any(|made| made.key == row.key)).count();
        }
        request.after = changes.cursor;
    }
    drop(session);
    bench.resume_at(request.after, durable).await?;
    expect(seen >= made.len(), "the new rows to be told", || format!("{seen} of {}", made.len()))
}

pub(crate) async fn quiet(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let made = bench.create(3).await?;
    let keys: Vec<Key> = made.iter().map(|made| made.key.clone()).collect();
    let (_, missing) = bench.collect_rows(RECORDS, &keys, &[]).await?;
    if let Some(missing) = missing {
        return Err(Stop::failed("the rows to be told", missing));
    }
    // A source may tell once more what it told just before; not again and again.
    let until = bench.deadline();
    let mut settled = 0;
    for _ in 0..QUIET_CALLS * 3 {
        let mut told = Told::default();
        let step = bench.step(RECORDS, 150, until).await?;
        bench.take(&mut told, step).await?;
        let again = told.events.iter().find(|event| keys.contains(&event.key));
        settled = if again.is_some() { 0 } else { settled + 1 };
        if settled == QUIET_CALLS {
            return Ok(());
        }
    }
    let keys: Vec<String> = keys.iter().map(name_of).collect();
    Err(Stop::failed("a stream that becomes quiet", format!("it tells {} again and again", keys.join(", "))))
}
