//! The session against a real PostgreSQL server.

mod native;

use lockstep_harness::{Cluster, ClusterOptions, SUPERUSER};
use lockstep_postgres::config::Config;
use lockstep_postgres::session::{Role, Session};
use lockstep_postgres::wire::{Connection, Kind};
use lockstep_sdk::model::{
    Cell, ChangeBatch, ChangesAnswer, ChangesRequest, EnsureRequest, FetchRequest, Intent, Object, Outcome, Page,
    PageRequest, Scalar, Selection, WantedColumn, WriteRequest,
};

const DATABASE: &str = "postgres";

fn cluster() -> Cluster {
    Cluster::start(ClusterOptions::default().without_fsync()).expect("a server")
}

fn open(cluster: &Cluster, role: Role) -> Session {
    native::session(cluster.port(), SUPERUSER, DATABASE, role)
}

/// A plain connection of somebody else's.
fn open_raw(cluster: &Cluster) -> Connection {
    let json = format!(r#"{{"host":"127.0.0.1","port":{},"user":"postgres"}}"#, cluster.port());
    Connection::open(native::platform(), &Config::parse(&json).expect("valid"), Kind::Sql).expect("a connection")
}

fn sql(cluster: &Cluster, text: &str) -> String {
    cluster.psql(DATABASE, text).expect("valid SQL")
}

fn selection(object: &str, columns: &[&str]) -> Selection {
    Selection { object: object.into(), columns: columns.iter().map(|name| (*name).to_owned()).collect() }
}

fn page(session: &mut Session, selection: &Selection, after: &[u8], max_rows: u32) -> Page {
    session
        .read(&PageRequest { selection: selection.clone(), after: after.to_vec(), max_rows, max_bytes: 1 << 20 })
        .expect("a page")
}

fn changes(session: &mut Session, selections: &[Selection], after: &[u8], max_records: u32) -> ChangesAnswer {
    session
        .changes(&ChangesRequest {
            selections: selections.to_vec(),
            after: after.to_vec(),
            durable: Vec::new(),
            max_records,
            max_bytes: 1 << 20,
            wait_ms: 5_000,
        })
        .expect("changes")
}

fn write(session: &mut Session, object: &str, columns: &[&str], intents: Vec<Intent>) -> Vec<Outcome> {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let request = WriteRequest { object: object.into(), returning: columns.clone(), columns, intents };
    session.write(&request).expect("outcomes")
}

fn text(value: &str) -> Cell {
    Cell::Text(value.into())
}

fn create(cells: Vec<Cell>) -> Intent {
    Intent { action: "create".into(), key: vec![], cells, expected: vec![] }
}

fn update(key: Cell, cells: Vec<Cell>, expected: Vec<Cell>) -> Intent {
    Intent { action: "update".into(), key: vec![key], cells, expected }
}

fn delete(key: Cell, expected: Vec<Cell>) -> Intent {
    Intent { action: "delete".into(), key: vec![key], cells: vec![], expected }
}

fn rows(batches: &[ChangeBatch]) -> usize {
    batches.iter().map(|batch| batch.rows.len()).sum()
}

#[test]
fn tables_are_described_with_their_types_keys_and_references() {
    let cluster = cluster();
    sql(
        &cluster,
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN mail AS varchar(50);
         CREATE TABLE parent (id int PRIMARY KEY, code text NOT NULL UNIQUE);
         CREATE TABLE child (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent int REFERENCES parent,
            m mood, e mail, amount numeric(12,2), tags text[], d date DEFAULT now(),
            twice numeric GENERATED ALWAYS AS (amount * 2) STORED, name varchar(20) NOT NULL);
         COMMENT ON COLUMN child.name IS 'what it is called';
         CREATE TABLE keyless (a int);",
    );
    let mut session = open(&cluster, Role::Read);
    let objects = session.discover(&[]).expect("objects");
    let names: Vec<&str> = objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["public.child", "public.keyless", "public.parent"]);
    let [child, keyless, parent] = objects.as_slice() else { panic!("three tables") };
    assert_eq!(child.key, ["id"]);
    assert!(keyless.obstacle.contains("primary key"), "{}", keyless.obstacle);
    assert_eq!(parent.unique_keys, [["code"]]);
    let column = |name: &str| child.columns.iter().find(|column| column.name == name).expect(name);
    assert!(!column("id").createable && column("id").has_default);
    assert!(column("twice").computed && !column("twice").updateable);
    assert_eq!(column("m").type_.values, ["sad", "ok"]);
    assert_eq!((column("e").type_.kind.as_str(), column("e").type_.length), ("text", Some(50)));
    assert_eq!((column("amount").type_.precision, column("amount").type_.scale), (Some(12), Some(2)));
    assert_eq!((column("tags").type_.kind.as_str(), column("tags").type_.element.as_deref()), ("list", Some("text")));
    assert_eq!(column("parent").references.as_ref().expect("a reference").object, "public.parent");
    assert_eq!(column("name").comment, "what it is called");
    assert!(!column("name").nullable);
}

#[test]
fn the_read_and_the_stream_meet_without_a_gap() {
    let cluster = cluster();
    sql(
        &cluster,
        "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 25) g",
    );
    let wanted = selection("public.t", &["id", "a"]);
    let mut reader = open(&cluster, Role::Read);
    let position = reader.start(std::slice::from_ref(&wanted)).expect("a start");
    sql(&cluster, "UPDATE t SET a = 'new' WHERE id = 3; DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (26, 'x')");
    let mut after = Vec::new();
    let mut seen = Vec::new();
    loop {
        let page = page(&mut reader, &wanted, &after, 10);
        seen.extend(page.rows);
        after = page.next;
        if after.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.iter().any(|row| row.cells == [Cell::Integer(3), text("v3")]), "the snapshot is from before");
    let mut tail = open(&cluster, Role::Tail);
    let mut answer = changes(&mut tail, std::slice::from_ref(&wanted), &position.cursor, 100);
    while rows(&answer.batches) < 3 {
        let next = changes(&mut tail, std::slice::from_ref(&wanted), &answer.cursor, 100);
        answer.batches.extend(next.batches);
        answer.cursor = next.cursor;
    }
    let kinds: Vec<&str> = answer.batches.iter().map(|batch| batch.kind.as_str()).collect();
    assert_eq!(kinds, ["upsert", "delete", "upsert"]);
    let first = &answer.batches[0].rows[0];
    assert_eq!(
        (first.key.as_slice(), first.cells.as_slice()),
        (&[Cell::Integer(3)][..], &[Cell::Integer(3), text("new")][..])
    );
    assert!(first.version > seen[0].version, "streamed is newer than read");
    assert!(first.at.is_some());
}

#[test]
fn a_transaction_cut_in_the_middle_resumes_in_any_session() {
    let cluster = cluster();
    sql(&cluster, "CREATE TABLE t (id int PRIMARY KEY, a text)");
    let wanted = [selection("public.t", &["a", "id"])];
    let position = open(&cluster, Role::Read).start(&wanted).expect("a start");
    sql(&cluster, "INSERT INTO t SELECT g, 'a' FROM generate_series(1, 10) g");
    let mut cursor = position.cursor;
    let mut ids = Vec::new();
    let mut versions = Vec::new();
    while ids.len() < 10 {
        // A fresh session each time: nothing is remembered but the cursor.
        let mut tail = open(&cluster, Role::Tail);
        let answer = changes(&mut tail, &wanted, &cursor, 3);
        for row in answer.batches.iter().flat_map(|batch| &batch.rows) {
            ids.push(row.key[0].clone());
            versions.push(row.version.clone());
        }
        cursor = answer.cursor;
    }
    assert_eq!(ids, (1..=10).map(Cell::Integer).collect::<Vec<_>>());
    assert!(versions.is_sorted() && versions.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn what_was_not_told_is_absent_and_a_changed_key_is_known_by_the_old_one() {
    let cluster = cluster();
    sql(
        &cluster,
        "CREATE TABLE t (id int PRIMARY KEY, a text, big text);
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL; INSERT INTO t VALUES (1, 'a', repeat('x', 10000))",
    );
    let wanted = [selection("public.t", &["id", "a", "big"])];
    let position = open(&cluster, Role::Read).start(&wanted).expect("a start");
    sql(&cluster, "UPDATE t SET a = 'b'");
    sql(&cluster, "UPDATE t SET id = 2, big = 'small'");
    sql(&cluster, "TRUNCATE t");
    let mut tail = open(&cluster, Role::Tail);
    let mut batches = Vec::new();
    let mut cursor = position.cursor;
    while !batches.iter().any(|batch: &ChangeBatch| batch.kind == "truncate") {
        let answer = changes(&mut tail, &wanted, &cursor, 100);
        batches.extend(answer.batches);
        cursor = answer.cursor;
    }
    let found: Vec<_> = batches.iter().flat_map(|batch| &batch.rows).collect();
    assert_eq!(found[0].cells, [Cell::Integer(1), text("b"), Cell::Absent]);
    assert_eq!(found[1].key, [Cell::Integer(1)]);
    assert_eq!(found[1].cells, [Cell::Integer(2), text("b"), text("small")]);
}

#[test]
fn a_new_column_is_announced_before_the_rows_that_have_it() {
    let cluster = cluster();
    sql(&cluster, "CREATE TABLE t (id int PRIMARY KEY, a text)");
    let wanted = [selection("public.t", &["id", "a"])];
    let position = open(&cluster, Role::Read).start(&wanted).expect("a start");
    sql(&cluster, "INSERT INTO t VALUES (1, 'a')");
    sql(&cluster, "ALTER TABLE t ADD b int");
    sql(&cluster, "INSERT INTO t VALUES (2, 'b', 5)");
    let mut tail = open(&cluster, Role::Tail);
    let mut kinds = Vec::new();
    let mut cursor = position.cursor;
    while kinds.len() < 3 {
        let answer = changes(&mut tail, &wanted, &cursor, 100);
        kinds.extend(answer.batches.into_iter().map(|batch| batch.kind));
        cursor = answer.cursor;
    }
    assert_eq!(kinds, ["upsert", "schema", "upsert"]);
}

#[test]
fn a_cursor_that_the_source_no_longer_reaches_is_refused() {
    let cluster = cluster();
    sql(&cluster, "CREATE TABLE t (id int PRIMARY KEY)");
    let wanted = [selection("public.t", &["id"])];
    let mut reader = open(&cluster, Role::Read);
    let position = reader.start(&wanted).expect("a start");
    let done = reader.release().expect("released");
    assert_eq!(done.len(), 2, "{done:?}");
    assert_eq!(sql(&cluster, "SELECT count(*) FROM pg_replication_slots"), "0");
    let mut tail = open(&cluster, Role::Tail);
    let refused = tail.changes(&ChangesRequest {
        selections: wanted.to_vec(),
        after: position.cursor,
        durable: vec![],
        max_records: 10,
        max_bytes: 1000,
        wait_ms: 0,
    });
    assert_eq!(refused.expect_err("refused").code, "cursor-invalid");
}

#[test]
fn writes_are_conditional_and_each_intent_gets_its_own_outcome() {
    let cluster = cluster();
    sql(
        &cluster,
        "CREATE TABLE t (id int PRIMARY KEY, a text, n numeric(6,2), u text UNIQUE);
         INSERT INTO t VALUES (1, 'one', 1.5, 'u1'), (2, 'two', 2, 'u2'), (3, 'three', 3, 'u3')",
    );
    let mut session = open(&cluster, Role::Write);
    let absent = || Cell::Absent;
    let outcomes = write(
        &mut session,
        "public.t",
        &["id", "a", "n", "u"],
        vec![
            update(
                Cell::Integer(1),
                vec![absent(), text("uno"), absent(), absent()],
                vec![absent(), text("one"), absent(), absent()],
            ),
            update(
                Cell::Integer(2),
                vec![absent(), text("dos"), absent(), absent()],
                vec![absent(), text("stale"), absent(), absent()],
            ),
            update(Cell::Integer(9), vec![absent(), text("x"), absent(), absent()], vec![]),
            create(vec![Cell::Integer(4), text("four"), Cell::Decimal("4.567".into()), text("u4")]),
            create(vec![Cell::Integer(1), text("again"), Cell::Null, text("u5")]),
            create(vec![Cell::Integer(6), text("clash"), Cell::Null, text("u2")]),
            delete(Cell::Integer(3), vec![absent(), text("three"), absent(), absent()]),
            update(Cell::Integer(1), vec![absent(), absent(), Cell::Decimal("12345678".into()), absent()], vec![]),
            update(Cell::Integer(2), vec![absent(), absent(), absent(), text("u1")], vec![]),
        ],
    );
    let told: Vec<String> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Applied(row) => format!("applied {:?}", row.cells),
            Outcome::Conflict(row) => format!("conflict {:?}", row.cells.get(1)),
            Outcome::Duplicate(row) => format!("duplicate {:?}", row.key),
            Outcome::Rejected(rejection) => format!("{} {:?}", rejection.class, rejection.columns),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(told[0], r#"applied [Cell::Integer(1), Cell::Text("uno"), Cell::Decimal("1.50"), Cell::Text("u1")]"#);
    assert_eq!(told[1], r#"conflict Some(Cell::Text("two"))"#);
    assert_eq!(told[2], "Outcome::Gone");
    assert_eq!(told[3], r#"applied [Cell::Integer(4), Cell::Text("four"), Cell::Decimal("4.57"), Cell::Text("u4")]"#);
    assert_eq!(told[4], "duplicate [Cell::Integer(1)]");
    assert_eq!(told[5], "duplicate [Cell::Integer(2)]");
    assert!(told[6].starts_with("applied"), "{}", told[6]);
    assert_eq!(told[7], "out-of-range []");
    assert_eq!(told[8], r#"unique ["u"]"#);
    assert_eq!(sql(&cluster, "SELECT string_agg(id || a, ',' ORDER BY id) FROM t"), "1uno,2two,4four");
}

#[test]
fn a_written_rows_version_lies_between_what_came_before_and_its_own_echo() {
    let cluster = cluster();
    sql(&cluster, "CREATE TABLE t (id int PRIMARY KEY, a text)");
    let wanted = [selection("public.t", &["id", "a"])];
    let position = open(&cluster, Role::Read).start(&wanted).expect("a start");
    sql(&cluster, "INSERT INTO t VALUES (1, 'theirs')");
    let mut writer = open(&cluster, Role::Write);
    let outcomes = write(
        &mut writer,
        "public.t",
        &["a"],
        vec![update(Cell::Integer(1), vec![text("ours")], vec![text("theirs")])],
    );
    let Outcome::Applied(row) = &outcomes[0] else { panic!("{outcomes:?}") };
    let mut tail = open(&cluster, Role::Tail);
    let mut seen = Vec::new();
    let mut cursor = position.cursor;
    while rows(&seen) < 2 {
        let answer = changes(&mut tail, &wanted, &cursor, 10);
        seen.extend(answer.batches);
        cursor = answer.cursor;
    }
    let versions: Vec<_> = seen.iter().flat_map(|batch| &batch.rows).map(|row| row.version.clone()).collect();
    assert!(versions[0] < row.version && row.version < versions[1]);
    assert_eq!(seen.last().expect("ours").origin, "self");
    let mut reader = open(&cluster, Role::Read);
    let found = reader
        .fetch(&FetchRequest {
            selection: wanted[0].clone(),
            by: vec!["a".into()],
            keys: vec![vec![text("nobody")], vec![text("ours")]],
        })
        .expect("found");
    assert_eq!((found.len(), found[0].index), (1, 1));
    assert!(found[0].row.version > versions[1]);
}

#[test]
fn one_bad_row_does_not_take_the_others_with_it() {
    let cluster = cluster();
    sql(
        &cluster,
        "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);
         CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p, a varchar(3) NOT NULL)",
    );
    let mut session = open(&cluster, Role::Write);
    let mut intents: Vec<Intent> =
        (0..50).map(|id| create(vec![Cell::Integer(id), Cell::Integer(1), text("ok")])).collect();
    intents[7].cells[1] = Cell::Integer(99);
    intents[20].cells[2] = text("long");
    intents[33].cells[2] = Cell::Null;
    let outcomes = write(&mut session, "public.t", &["id", "p", "a"], intents);
    let bad: Vec<(usize, &str, &[String])> = outcomes
        .iter()
        .enumerate()
        .filter_map(|(at, outcome)| match outcome {
            Outcome::Rejected(rejection) => Some((at, rejection.class.as_str(), rejection.columns.as_slice())),
            _ => None,
        })
        .collect();
    assert_eq!(
        bad,
        [(7, "foreign-key", &["p".to_owned()][..]), (20, "too-long", &[]), (33, "not-null", &["a".to_owned()])]
    );
    assert_eq!(sql(&cluster, "SELECT count(*) FROM t"), "47");
}

#[test]
fn every_type_comes_back_as_it_was_written() {
    let cluster = cluster();
    sql(
        &cluster,
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN short AS varchar(3);
         CREATE TABLE t (id int PRIMARY KEY, b bool, i2 int2, i8 int8, nu numeric, f4 float4, f8 float8, vc varchar(10),
           ch char(5), by bytea, d date, ti time, tz timetz, ts timestamp, tt timestamptz, u uuid, j json, jb jsonb,
           m mood, ia int[], ta text[], deep int[][], iv interval, mo money, ip inet, r int4range, po point, x xml,
           pr pair, bi bit(4), vb varbit, dom short, mat tsvector);
         INSERT INTO t VALUES (1, true, -5, 9223372036854775807, 'NaN', 0.1, 1e300, 'hé,\"', 'ab', '\\x00ff',
           '0044-03-15 BC', '23:59:59.5', '10:00:00+02', 'infinity', '2026-11-21 01:02:03.000004+02',
           '00112233-4455-6677-8899-aabbccddeeff', '{\"a\":  1}', '{\"b\": [1, 2.50]}', 'ok', '{1,NULL,3}',
           ARRAY['a,b', NULL, 'NULL', 'q\"'], '{{1,2},{3,4}}', '1 mon 2 days', 12.5, '10.0.0.1', '[1,5)', '(1,2)',
           '<a>x</a>', ROW(1, 'x y'), '1010', '110', 'abc', 'a:1 b:2');
         INSERT INTO t (id) VALUES (2)",
    );
    let mut session = open(&cluster, Role::Write);
    let columns: Vec<String> =
        sql(&cluster, "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 1 ORDER BY attnum")
            .lines()
            .map(str::to_owned)
            .collect();
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let wanted = selection("public.t", &names);
    let full = page(&mut session, &wanted, &[], 1).rows.remove(0);
    assert_eq!(full.cells[3], Cell::Decimal("NaN".into()));
    assert_eq!(full.cells[18], Cell::Many(vec![Scalar::Integer(1), Scalar::Null, Scalar::Integer(3)]));
    assert_eq!(full.cells[20], text("{{1,2},{3,4}}"));
    // The row's values go into the empty row; then the copy is conditional on all of them.
    let nulls = vec![Cell::Null; names.len()];
    let copied = write(&mut session, "public.t", &names, vec![update(Cell::Integer(2), full.cells.clone(), nulls)]);
    let Outcome::Applied(copy) = &copied[0] else { panic!("{copied:?}") };
    assert_eq!(copy.cells, full.cells);
    let mut change = vec![Cell::Absent; names.len()];
    change[0] = Cell::Boolean(false);
    let again = write(&mut session, "public.t", &names, vec![update(Cell::Integer(2), change, full.cells.clone())]);
    assert!(matches!(&again[0], Outcome::Applied(_)), "{again:?}");
    assert_eq!(sql(&cluster, "SELECT count(DISTINCT t::text) FROM (SELECT (t.*)::text FROM t WHERE id = 1) t"), "1");
}

#[test]
fn the_same_row_twice_in_one_request_is_written_in_order() {
    let cluster = cluster();
    sql(&cluster, "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'a')");
    let mut session = open(&cluster, Role::Write);
    let outcomes = write(
        &mut session,
        "public.t",
        &["a"],
        vec![
            update(Cell::Integer(1), vec![text("b")], vec![text("a")]),
            update(Cell::Integer(1), vec![text("c")], vec![text("b")]),
            delete(Cell::Integer(1), vec![text("c")]),
        ],
    );
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_))), "{outcomes:?}");
    assert_eq!(sql(&cluster, "SELECT count(*) FROM t"), "0");
}

#[test]
fn a_wrong_password_is_an_auth_error() {
    let cluster = cluster();
    sql(&cluster, "CREATE ROLE other LOGIN PASSWORD 'another'");
    let mut session = native::session(cluster.port(), "other", DATABASE, Role::Read);
    assert_eq!(session.discover(&[]).expect_err("refused").code, "auth");
}

#[test]
fn a_check_names_what_is_missing_and_the_statement_that_grants_it() {
    let cluster = cluster();
    cluster.create_role("plain", "").expect("a role");
    sql(&cluster, "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE k (a int); GRANT SELECT ON t TO plain");
    let mut session = native::session(cluster.port(), "plain", DATABASE, Role::Read);
    let items = session.check(&["public.t".into(), "public.k".into()]).expect("items");
    let find = |name: &str| items.iter().find(|item| item.name == name).expect(name);
    assert_eq!(find("wal-level").status, "ok");
    assert_eq!(find("replication-right").remedy, "ALTER ROLE \"plain\" REPLICATION");
    assert_eq!(find("rights:public.t").status, "warn");
    assert_eq!(find("rights:public.t").remedy, "GRANT INSERT, UPDATE, DELETE ON \"public\".\"t\" TO \"plain\"");
    assert_eq!(find("rights:public.k").status, "fail");
    assert_eq!(find("replica-identity:public.k").status, "fail");
    assert_eq!(find("publication").status, "fail");
    let origin = find("origin-right");
    assert_eq!(origin.status, "warn");
    sql(&cluster, &origin.remedy);
    native::session(cluster.port(), "plain", DATABASE, Role::Write).discover(&[]).expect("a marked session");
    assert_eq!(sql(&cluster, "SELECT count(*) FROM pg_replication_origin"), "1");
    let mut session = open(&cluster, Role::Read);
    let items = session.check(&["public.t".into()]).expect("items");
    assert!(items.iter().all(|item| item.status == "ok"), "{items:?}");
}

#[test]
fn a_generated_table_takes_what_it_was_generated_for() {
    let cluster = cluster();
    sql(&cluster, "CREATE TABLE source (id uuid PRIMARY KEY, n numeric(8,3), tags int[], at timestamptz NOT NULL)");
    let mut session = open(&cluster, Role::Write);
    let described = session.discover(&["public.source".into()]).expect("an object").remove(0);
    let columns = described.columns.iter().map(|column| WantedColumn {
        name: column.name.clone(),
        type_: column.type_.clone(),
        nullable: column.nullable,
        unique: column.unique,
        references: None,
        comment: String::new(),
    });
    let mut request = EnsureRequest {
        object: "made.copy".into(),
        columns: columns.collect(),
        key: described.key.clone(),
        dry_run: true,
    };
    let meant = session.ensure(&request).expect("statements");
    assert_eq!(sql(&cluster, "SELECT count(*) FROM pg_namespace WHERE nspname = 'made'"), "0");
    request.dry_run = false;
    assert_eq!(session.ensure(&request).expect("done"), meant);
    assert!(session.ensure(&request).expect("nothing").is_empty());
    let made = session.discover(&["made.copy".into()]).expect("an object").remove(0);
    let natives = |object: &Object| object.columns.iter().map(|column| column.type_.native.clone()).collect::<Vec<_>>();
    assert_eq!(made.key, described.key);
    assert_eq!(natives(&made)[..2], natives(&described)[..2]);
}

#[test]
fn a_row_held_by_somebody_else_does_not_keep_the_others_waiting() {
    let cluster = cluster();
    sql(
        &cluster,
        "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT g, 'a' FROM generate_series(1, 20) g",
    );
    let config = format!(
        r#"{{"host":"127.0.0.1","port":{},"user":"postgres","database":"postgres","lock_timeout_ms":50}}"#,
        cluster.port()
    );
    let mut holder = open_raw(&cluster);
    holder.simple("BEGIN; UPDATE t SET a = 'held' WHERE id = 7").expect("held");
    let mut session = native::session_with(&config, Role::Write);
    let intents = (1..=20).map(|id| update(Cell::Integer(id), vec![text("b")], vec![text("a")])).collect();
    let outcomes = write(&mut session, "public.t", &["a"], intents);
    let waiting: Vec<usize> = outcomes
        .iter()
        .enumerate()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Unavailable(_)))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(waiting, [6]);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Applied(_))).count(), 19);
    holder.simple("COMMIT").expect("let go");
    let again =
        write(&mut session, "public.t", &["a"], vec![update(Cell::Integer(7), vec![text("b")], vec![text("a")])]);
    assert!(matches!(&again[0], Outcome::Conflict(row) if row.cells == [text("held")]), "{again:?}");
}

#[test]
fn a_table_added_later_joins_the_stream_that_is_there() {
    let cluster = cluster();
    sql(&cluster, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)");
    let (first, second) = (selection("public.a", &["id"]), selection("public.b", &["id"]));
    let mut reader = open(&cluster, Role::Read);
    reader.start(std::slice::from_ref(&first)).expect("a start");
    let position = reader.start(std::slice::from_ref(&second)).expect("an extended start");
    sql(&cluster, "INSERT INTO b VALUES (2); INSERT INTO a VALUES (3)");
    let read = page(&mut reader, &second, &[], 10);
    assert_eq!(read.rows.len(), 2);
    assert!(read.rows[0].version.is_empty(), "outside a snapshot a read cannot be ordered");
    let mut tail = open(&cluster, Role::Tail);
    let both = [first, second];
    let mut objects = Vec::new();
    let mut cursor = position.cursor;
    while objects.len() < 2 {
        let answer = changes(&mut tail, &both, &cursor, 10);
        objects.extend(answer.batches.into_iter().map(|batch| batch.object));
        cursor = answer.cursor;
    }
    assert_eq!(objects, ["public.b", "public.a"]);
}

/// Batches from here on until one of this kind came, by a session of its own.
fn until(cluster: &Cluster, wanted: &Selection, cursor: &mut Vec<u8>, kind: &str) -> Vec<String> {
    let mut tail = open(cluster, Role::Tail);
    let mut kinds = Vec::new();
    while !kinds.iter().any(|told| told == kind) {
        let answer = changes(&mut tail, std::slice::from_ref(wanted), cursor, 100);
        kinds.extend(answer.batches.into_iter().map(|batch| batch.kind));
        *cursor = answer.cursor;
    }
    kinds
}

#[test]
fn a_table_made_anew_under_the_same_name_is_followed_again_and_told_as_a_gap() {
    let cluster = cluster();
    let make = "CREATE TABLE t (id int PRIMARY KEY, name text)";
    sql(&cluster, make);
    let wanted = selection("public.t", &["id", "name"]);
    let mut cursor = open(&cluster, Role::Read).start(std::slice::from_ref(&wanted)).expect("a start").cursor;
    sql(&cluster, "INSERT INTO t VALUES (1, 'old')");
    assert_eq!(until(&cluster, &wanted, &mut cursor, "upsert"), ["upsert"]);
    // While nobody looked.
    sql(&cluster, &format!("DROP TABLE t; {make}; INSERT INTO t VALUES (2, 'new')"));
    assert_eq!(until(&cluster, &wanted, &mut cursor, "gap"), ["gap"]);
    sql(&cluster, "INSERT INTO t VALUES (3, 'newer')");
    assert_eq!(until(&cluster, &wanted, &mut cursor, "upsert"), ["upsert"], "told once, and followed again");
    // And somebody published the new one before we looked.
    let publication = sql(&cluster, "SELECT pubname FROM pg_publication");
    sql(&cluster, &format!("DROP TABLE t; {make}; ALTER PUBLICATION {publication} ADD TABLE t"));
    assert_eq!(until(&cluster, &wanted, &mut cursor, "gap"), ["gap"]);
}

#[test]
fn what_was_written_to_a_new_table_before_it_was_followed_is_seen_by_the_compare() {
    let cluster = cluster();
    let make = "CREATE TABLE t (id int PRIMARY KEY)";
    sql(&cluster, make);
    let wanted = selection("public.t", &["id"]);
    let mut cursor = open(&cluster, Role::Read).start(std::slice::from_ref(&wanted)).expect("a start").cursor;
    sql(&cluster, "INSERT INTO t VALUES (1)");
    until(&cluster, &wanted, &mut cursor, "upsert");
    sql(&cluster, &format!("DROP TABLE t; {make}"));
    let mut other = open_raw(&cluster);
    other.simple("BEGIN; INSERT INTO t VALUES (2)").expect("written");
    let mut tail = open(&cluster, Role::Tail);
    let ask = |tail: &mut Session, after: &[u8]| {
        let selections = vec![wanted.clone()];
        let (after, durable) = (after.to_vec(), Vec::new());
        tail.changes(&ChangesRequest { selections, after, durable, max_records: 10, max_bytes: 1000, wait_ms: 0 })
            .expect("changes")
    };
    for _ in 0..3 {
        let answer = ask(&mut tail, &cursor);
        assert!(answer.batches.is_empty(), "the other transaction may be in no stream: {:?}", answer.batches);
        cursor = answer.cursor;
    }
    other.simple("COMMIT").expect("committed");
    let answer = ask(&mut tail, &cursor);
    assert!(answer.batches.iter().any(|batch| batch.kind == "gap"), "{:?}", answer.batches);
}

#[test]
fn the_source_may_forget_only_what_is_durable() {
    let cluster = cluster();
    sql(&cluster, "CREATE TABLE t (id int PRIMARY KEY)");
    let wanted = [selection("public.t", &["id"])];
    let position = open(&cluster, Role::Read).start(&wanted).expect("a start");
    sql(&cluster, "INSERT INTO t VALUES (1)");
    let mut tail = open(&cluster, Role::Tail);
    let first = changes(&mut tail, &wanted, &position.cursor, 10);
    assert_eq!(rows(&first.batches), 1);
    let confirmed = || sql(&cluster, "SELECT confirmed_flush_lsn FROM pg_replication_slots");
    let before = confirmed();
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        tail.changes(&ChangesRequest {
            selections: wanted.to_vec(),
            after: first.cursor.clone(),
            durable: first.cursor.clone(),
            max_records: 0,
            max_bytes: 0,
            wait_ms: 0,
        })
        .expect("an idle call");
        if confirmed() != before {
            drop(tail);
            // An older cursor than what was confirmed cannot be resumed any more.
            let mut late = open(&cluster, Role::Tail);
            let refused = late.changes(&ChangesRequest {
                selections: wanted.to_vec(),
                after: position.cursor.clone(),
                durable: vec![],
                max_records: 1,
                max_bytes: 1,
                wait_ms: 0,
            });
            assert_eq!(refused.expect_err("refused").code, "cursor-invalid");
            return;
        }
    }
    panic!("never confirmed");
}

#[test]
fn a_restarted_server_is_an_error_once_and_then_works_again() {
    let mut cluster = cluster();
    sql(&cluster, "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'a')");
    let mut session = open(&cluster, Role::Write);
    write(&mut session, "public.t", &["a"], vec![update(Cell::Integer(1), vec![text("b")], vec![])]);
    cluster.restart().expect("a restart");
    let intents = vec![update(Cell::Integer(1), vec![text("c")], vec![text("b")])];
    let broken = write(&mut session, "public.t", &["a"], intents.clone());
    assert!(matches!(&broken[0], Outcome::Unknown(_) | Outcome::Unavailable(_)), "{broken:?}");
    let healed = write(&mut session, "public.t", &["a"], intents);
    assert!(matches!(&healed[0], Outcome::Applied(_)), "{healed:?}");
}

#[test]
fn an_answered_write_is_on_the_disk_though_it_did_not_wait_to_be_seen() {
    let cluster = cluster();
    sql(&cluster, "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'a')");
    sql(&cluster, "ALTER SYSTEM SET wal_writer_delay = '10s'");
    sql(&cluster, "SELECT pg_reload_conf()");
    let unwritten = || -> i64 {
        sql(&cluster, "SELECT pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn()").parse().expect("bytes")
    };
    let mut session = open(&cluster, Role::Write);
    write(&mut session, "public.t", &["a"], vec![update(Cell::Integer(1), vec![text("b")], vec![])]);
    sql(&cluster, "SET synchronous_commit = off; INSERT INTO t VALUES (2, 'a')");
    assert!(unwritten() > 0, "a commit that does not wait and is not waited for");
    let intents = vec![update(Cell::Integer(1), vec![text("c")], vec![text("b")])];
    assert!(matches!(write(&mut session, "public.t", &["a"], intents)[0], Outcome::Applied(_)));
    assert_eq!(unwritten(), 0);
    sql(&cluster, "SET synchronous_commit = off; INSERT INTO t VALUES (3, 'a')");
    let creates = [4, 5].map(|id| create(vec![Cell::Integer(id), text("x")]));
    write(&mut session, "public.t", &["id", "a"], creates.into());
    assert_eq!(unwritten(), 0);
}

#[test]
fn competing_writers_never_overwrite_what_they_have_not_seen() {
    let cluster = cluster();
    sql(
        &cluster,
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL); INSERT INTO t SELECT g, 0 FROM generate_series(1, 20) g",
    );
    let port = cluster.port();
    const ROUNDS: i64 = 40;
    let count = |rounds: i64| {
        let mut session = native::session(port, SUPERUSER, DATABASE, Role::Write);
        let mut known = [0; 20];
        let mut applied = 0;
        for _ in 0..rounds {
            let intents = (1..=20)
                .map(|id| {
                    let value = known[id as usize - 1];
                    update(Cell::Integer(id), vec![Cell::Integer(value + 1)], vec![Cell::Integer(value)])
                })
                .collect();
            for (at, outcome) in write(&mut session, "public.t", &["n"], intents).into_iter().enumerate() {
                let row = match outcome {
                    Outcome::Applied(row) => {
                        applied += 1;
                        row
                    }
                    Outcome::Conflict(row) => row,
                    other => panic!("{other:?}"),
                };
                let Cell::Integer(value) = row.cells[0] else { panic!("a number") };
                known[at] = value;
            }
        }
        applied
    };
    let applied: i64 = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3).map(|_| scope.spawn(|| count(ROUNDS))).collect();
        writers.into_iter().map(|writer| writer.join().expect("a writer")).sum()
    });
    assert_eq!(sql(&cluster, "SELECT sum(n) FROM t"), applied.to_string());
    assert!(applied >= ROUNDS * 20);
}

#[test]
fn rows_are_told_by_whatever_identifies_them() {
    let cluster = cluster();
    sql(
        &cluster,
        "CREATE TABLE whole (id int PRIMARY KEY, a text); ALTER TABLE whole REPLICA IDENTITY FULL;
         CREATE TABLE indexed (id int PRIMARY KEY, code text NOT NULL UNIQUE);
         ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_code_key;
         CREATE TABLE parted (id int, day date, a text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
         CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
         INSERT INTO whole VALUES (1, 'x'); INSERT INTO indexed VALUES (1, 'c'); INSERT INTO parted VALUES (1, '2026-05-05', 'p')",
    );
    let wanted =
        [selection("public.whole", &["a"]), selection("public.indexed", &["id"]), selection("public.parted", &["a"])];
    let position = open(&cluster, Role::Read).start(&wanted).expect("a start");
    sql(&cluster, "UPDATE whole SET id = 2; UPDATE indexed SET id = 5; DELETE FROM parted");
    let mut tail = open(&cluster, Role::Tail);
    let mut batches = Vec::new();
    let mut cursor = position.cursor;
    while rows(&batches) < 3 {
        let answer = changes(&mut tail, &wanted, &cursor, 100);
        batches.extend(answer.batches);
        cursor = answer.cursor;
    }
    let told: Vec<(&str, &str, &[Cell])> = batches
        .iter()
        .flat_map(|batch| batch.rows.iter().map(|row| (batch.object.as_str(), batch.kind.as_str(), row.key.as_slice())))
        .collect();
    let day = Cell::Date(20_578);
    assert_eq!(
        told,
        [
            ("public.whole", "upsert", &[Cell::Integer(1)][..]),
            ("public.indexed", "upsert", &[text("c")]),
            ("public.parted", "delete", &[Cell::Integer(1), day]),
        ]
    );
}

#[test]
fn a_table_that_updates_would_fail_on_once_published_is_not_published() {
    let cluster = cluster();
    sql(&cluster, "CREATE TABLE keyless (a int); INSERT INTO keyless VALUES (1)");
    let refused = open(&cluster, Role::Read).start(&[selection("public.keyless", &["a"])]).expect_err("refused");
    assert_eq!(refused.code, "denied");
    assert!(refused.remedy.contains("ADD PRIMARY KEY"), "{}", refused.remedy);
    sql(&cluster, "UPDATE keyless SET a = 2");
    assert_eq!(sql(&cluster, "SELECT count(*) FROM pg_publication"), "0");
}
