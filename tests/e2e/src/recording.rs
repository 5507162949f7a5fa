//! What happened, as the databases' own triggers and the runtime's exports tell it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use lockstep_checker::{Deed, Edit, History, Kept, KeptState, Row, kept_from_conflicts};
use lockstep_harness::Runtime;
use serde_json::Value;
use tokio_postgres::Client;

/// The mapped fields besides the key.
pub(crate) const FIELDS: [&str; 5] = ["email", "name", "phone", "city", "note"];

/// The role the runtime works under; everybody else is a person.
pub(crate) const RUNTIME_ROLE: &str = "lockstep";

/// The table, and a log of everything done to it, by whom, with the row before.
pub(crate) const TABLES: &str = "
CREATE TABLE people (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL,
    name text, phone text, city text, note text);
CREATE TABLE happened (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    who text NOT NULL, at timestamptz NOT NULL, before jsonb, after jsonb);
CREATE FUNCTION record_deed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO happened (who, at, before, after) VALUES (session_user, clock_timestamp(),
        CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
        CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    RETURN NULL;
END $$;
CREATE TRIGGER record_deed AFTER INSERT OR UPDATE OR DELETE ON people
    FOR EACH ROW EXECUTE FUNCTION record_deed();
ALTER TABLE people ENABLE ALWAYS TRIGGER record_deed;
ALTER TABLE people OWNER TO app;";

/// Collects the history of a quiet sync. `identity`: the column that makes a
/// record the same one on both sides.
pub(crate) async fn collect(sides: &[(&str, Client)], identity: &str, kept: Vec<Kept>) -> Result<History> {
    let mut history = History {
        sides: sides.iter().map(|(name, _)| (*name).to_owned()).collect(),
        fields: FIELDS.iter().map(|field| (*field).to_owned()).collect(),
        effective_writes: Some(0),
        ..History::default()
    };
    for (name, client) in sides {
        let deeds = client
            .query(
                "SELECT who, (extract(epoch FROM at) * 1000000)::bigint, before, after FROM happened ORDER BY seq",
                &[],
            )
            .await?;
        for deed in deeds {
            let who: String = deed.try_get(0)?;
            let deed = read_deed(name, identity, deed.try_get(1)?, deed.try_get(2)?, deed.try_get(3)?)?;
            match deed {
                None => {}
                Some(_) if who == RUNTIME_ROLE => {
                    history.effective_writes = history.effective_writes.map(|writes| writes + 1);
                }
                Some(edit) => history.edits.push(edit),
            }
        }
        let rows = client.query("SELECT to_jsonb(p) FROM people p ORDER BY id", &[]).await?;
        let rows: Result<Vec<Row>> = rows
            .iter()
            .map(|row| {
                let row: Value = row.try_get(0)?;
                Ok(Row { record: text(&row, identity).context("a row without identity")?, values: fields(&row) })
            })
            .collect();
        history.tables.insert((*name).to_owned(), rows?);
    }
    history.edits.sort_by_key(|edit| edit.at_micros);
    history.kept = kept;
    Ok(history)
}

/// `None`: nothing changed.
fn read_deed(
    side: &str,
    identity: &str,
    at_micros: i64,
    before: Option<Value>,
    after: Option<Value>,
) -> Result<Option<Edit>> {
    let row = after.as_ref().or(before.as_ref()).context("a deed without a row")?;
    let record = text(row, identity).context("a deed without identity")?;
    let deed = match (before, after) {
        (None, None) => return Ok(None),
        (None, Some(after)) => Deed::Insert { values: fields(&after) },
        (Some(before), None) => Deed::Delete { seen: fields(&before) },
        (Some(before), Some(after)) => {
            let (mut seen, mut values) = (fields(&before), fields(&after));
            seen.retain(|field, value| values.get(field) != Some(value));
            values.retain(|field, _| seen.contains_key(field));
            if values.is_empty() {
                return Ok(None);
            }
            Deed::Update { values, seen }
        }
    };
    Ok(Some(Edit { side: side.to_owned(), record, at_micros, deed }))
}

fn fields(row: &Value) -> BTreeMap<String, Option<String>> {
    FIELDS.iter().map(|field| ((*field).to_owned(), text(row, field))).collect()
}

fn text(row: &Value, field: &str) -> Option<String> {
    row.get(field).and_then(Value::as_str).map(str::to_owned)
}

/// What the runtime says it displaced, holds or could not write.
pub(crate) fn kept(runtime: &Runtime, identity: &str) -> Result<Vec<Kept>> {
    let conflicts = runtime.call_json("conflicts", &["--all", "--limit", "1000000"])?;
    // Not `failures`, which names a few records of each group.
    let failures = runtime.call_json("sql", &["SELECT DISTINCT record FROM quarantine"])?;
    let mut names = BTreeMap::new();
    let whole = conflicts.as_array().into_iter().flatten().filter(|row| row.get("field").is_none_or(Value::is_null));
    let refused = failures.get("rows").and_then(Value::as_array).context("rows of the quarantine")?;
    let refused: Vec<u64> = refused.iter().filter_map(|row| row.get(0)?.as_u64()).collect();
    let records = whole.filter_map(|row| row.get("record").and_then(Value::as_u64)).chain(refused.iter().copied());
    for record in records {
        if let std::collections::btree_map::Entry::Vacant(entry) = names.entry(record)
            && let Some(name) = name_of(runtime, record, identity)?
        {
            entry.insert(name);
        }
    }
    let mut kept = kept_from_conflicts(&conflicts, &names)?;
    kept.extend(refused.iter().map(|record| Kept {
        record: names.get(record).cloned(),
        field: None,
        state: KeptState::Quarantined,
        values: Vec::new(),
        result: None,
    }));
    kept.extend(kept_beside(runtime)?);
    Ok(kept)
}

/// Kinds of journal entries that keep a value beside conflicts.
const KEEPING: [&str; 4] = ["reverted", "operator", "overwrote", "deleted"];

/// Values that journal entries keep which are no conflicts.
fn kept_beside(runtime: &Runtime) -> Result<Vec<Kept>> {
    let told = runtime.call("tail", &["--no-follow", "--limit", "1000000", "--json"])?;
    let mut kept = Vec::new();
    for line in told.lines().filter(|line| !line.is_empty()) {
        let entry: Value = serde_json::from_str(line)?;
        if !entry.get("kind").and_then(Value::as_str).is_some_and(|kind| KEEPING.contains(&kind)) {
            continue;
        }
        for field in entry.get("fields").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| field.get(name).and_then(Value::as_str).map(str::to_owned);
            kept.push(Kept {
                record: None,
                field: text("field"),
                state: KeptState::Decided,
                values: vec![text("before"), text("after")],
                result: text("after"),
            });
        }
    }
    Ok(kept)
}

/// The record's identity, from what the runtime knows of it.
fn name_of(runtime: &Runtime, record: u64, identity: &str) -> Result<Option<String>> {
    let explained = runtime.call_json("explain", &[&record.to_string()])?;
    let of = |list: &str, name: &str, value: &str| -> Option<String> {
        let one = explained
            .get(list)?
            .as_array()?
            .iter()
            .find(|one| name.is_empty() || one.get("field").and_then(Value::as_str) == Some(name))?;
        Some(one.get(value)?.as_str()?.to_owned())
    };
    Ok(if identity == "id" { of("links", "", "key") } else { of("fields", identity, "value") })
}

#[cfg(test)]
mod tests {
    use lockstep_checker::{ViolationKind, check};
    use lockstep_harness::{Cluster, ClusterOptions};

    use super::*;

    const COPY: &str =
        "INSERT INTO people (id, email, name) VALUES ('00000000-0000-0000-0000-000000000001', 'e', 'n0')";

    async fn database(cluster: &Cluster, name: &str) -> Result<()> {
        cluster.create_database(name)?;
        cluster.psql(name, TABLES).map(drop)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn peoples_deeds_are_told_from_the_runtimes_and_a_silent_overwrite_is_found() -> Result<()> {
        let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
        cluster.create_role("app", "")?;
        cluster.create_role(RUNTIME_ROLE, "IN ROLE app")?;
        for name in ["a", "b"] {
            database(&cluster, name).await?;
        }
        let person = [("a", cluster.connect("a").await?), ("b", cluster.connect("b").await?)];
        let runtime = [cluster.connect_as(RUNTIME_ROLE, "a").await?, cluster.connect_as(RUNTIME_ROLE, "b").await?];
        person[0].1.batch_execute(COPY).await?;
        runtime[1].batch_execute(COPY).await?;
        person[0].1.batch_execute("UPDATE people SET name = 'n1'; UPDATE people SET name = 'n1'").await?;
        runtime[1].batch_execute("UPDATE people SET name = 'n1'").await?;

        let history = collect(&person, "id", Vec::new()).await?;
        assert_eq!(history.edits.len(), 2, "an update that changes nothing is no edit");
        assert_eq!(history.effective_writes, Some(2));
        let verdict = check(&history)?;
        assert!(verdict.is_clean(), "{verdict}");

        // What a last-write-wins tool does: b's edit vanishes under a's.
        person[1].1.batch_execute("UPDATE people SET name = 'n2'").await?;
        runtime[1].batch_execute("UPDATE people SET name = 'n1'").await?;
        let verdict = check(&collect(&person, "id", Vec::new()).await?)?;
        assert_eq!(verdict.count(ViolationKind::LostEdit), 1, "{verdict}");
        Ok(())
    }
}
