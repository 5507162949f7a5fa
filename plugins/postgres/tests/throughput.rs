//! What the session costs a row, against a real server. Measures, asserts
//! nothing about time; run with `--release -- --ignored --nocapture`.

mod native;

use std::time::Instant;

use lockstep_harness::{Cluster, ClusterOptions, SUPERUSER};
use lockstep_postgres::session::Role;
use lockstep_sdk::model::{Cell, ChangesRequest, Intent, Outcome, PageRequest, Row, Selection, WriteRequest};

const ROWS: usize = 100_000;
const TABLE: &str = "CREATE TABLE contacts (id uuid PRIMARY KEY, email text, first_name text, last_name text, \
     phone text, company text, title text, city text, amount numeric(12,2), score int, updated_at timestamptz, notes text)";
const FILL: &str = "INSERT INTO contacts SELECT md5(g::text)::uuid, 'user' || g || '@example.com', 'First' || g, 'Last' || g, \
     '+49 30 ' || g, 'Company ' || g % 1000, 'Engineer', 'Berlin', g * 1.25, g % 100, now(), repeat('n', 80) \
     FROM generate_series(1, ROWS) g";

fn columns() -> Vec<String> {
    [
        "id",
        "email",
        "first_name",
        "last_name",
        "phone",
        "company",
        "title",
        "city",
        "amount",
        "score",
        "updated_at",
        "notes",
    ]
    .map(String::from)
    .into()
}

fn rate(what: &str, rows: usize, since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    println!("{what}: {rows} rows in {seconds:.2} s, {:.0} rows/s", rows as f64 / seconds);
}

#[test]
#[ignore = "measures"]
fn rows_per_second() {
    let cluster = Cluster::start(ClusterOptions::default().setting("synchronous_commit", "off")).expect("a server");
    let port = cluster.port();
    cluster
        .psql("postgres", &format!("{TABLE}; {}; ANALYZE contacts", FILL.replace("ROWS", &ROWS.to_string())))
        .expect("filled");
    let wanted = Selection { object: "public.contacts".into(), columns: columns() };
    let mut reader = native::session(port, SUPERUSER, "postgres", Role::Read);
    let position = reader.start(std::slice::from_ref(&wanted)).expect("a start");

    let begun = Instant::now();
    let mut rows: Vec<Row> = Vec::new();
    let mut after = Vec::new();
    loop {
        let request = PageRequest { selection: wanted.clone(), after, max_rows: 10_000, max_bytes: 8 << 20 };
        let page = reader.read(&request).expect("a page");
        rows.extend(page.rows);
        after = page.next;
        if after.is_empty() {
            break;
        }
    }
    assert_eq!(rows.len(), ROWS);
    rate("read", ROWS, begun);

    let mut writer = native::session(port, SUPERUSER, "postgres", Role::Write);
    for batch in [1_000, 100] {
        let begun = Instant::now();
        for (at, chunk) in rows.chunks_mut(batch).enumerate() {
            let mut intents = Vec::with_capacity(batch);
            for row in chunk.iter_mut() {
                let expected = row.cells.clone();
                row.cells[9] = Cell::Integer((at + batch) as i64);
                row.cells[11] = Cell::Text(format!("written in {batch}, {at}"));
                let only = |cells: &[Cell]| -> Vec<Cell> {
                    let keep =
                        |(at, cell): (usize, &Cell)| if matches!(at, 9 | 11) { cell.clone() } else { Cell::Absent };
                    cells.iter().enumerate().map(keep).collect()
                };
                intents.push(Intent {
                    action: "update".into(),
                    key: row.key.clone(),
                    cells: only(&row.cells),
                    expected: only(&expected),
                });
            }
            let request = WriteRequest {
                object: wanted.object.clone(),
                columns: wanted.columns.clone(),
                intents,
                returning: wanted.columns.clone(),
            };
            let outcomes = writer.write(&request).expect("outcomes");
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_))));
        }
        rate(&format!("conditional update, {batch} a request"), ROWS, begun);
    }

    cluster.psql("postgres", "CREATE TABLE copy (LIKE contacts INCLUDING ALL)").expect("a copy");
    let begun = Instant::now();
    for chunk in rows.chunks(1_000) {
        let intents = chunk
            .iter()
            .map(|row| Intent { action: "create".into(), key: vec![], cells: row.cells.clone(), expected: vec![] })
            .collect();
        let request = WriteRequest {
            object: "public.copy".into(),
            columns: wanted.columns.clone(),
            intents,
            returning: wanted.columns.clone(),
        };
        let outcomes = writer.write(&request).expect("outcomes");
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_))));
    }
    rate("create, 1000 a request", ROWS, begun);

    let mut tail = native::session(port, SUPERUSER, "postgres", Role::Tail);
    let begun = Instant::now();
    let mut cursor = position.cursor;
    let (mut seen, mut calls) = (0, 0);
    while seen < 2 * ROWS {
        let request = ChangesRequest {
            selections: vec![wanted.clone()],
            after: cursor.clone(),
            durable: cursor,
            max_records: 2_000,
            max_bytes: 4 << 20,
            wait_ms: 5_000,
        };
        let answer = tail.changes(&request).expect("changes");
        seen += answer.batches.iter().map(|batch| batch.rows.len()).sum::<usize>();
        cursor = answer.cursor;
        calls += 1;
    }
    rate(&format!("changes, {calls} calls"), seen, begun);
}
