//! An operator's day against a real PostgreSQL: plans that are saved, what a
//! value typed by hand becomes, and a sync taken out again.

mod typed;

use lockstep_harness::{Cluster, ClusterOptions};
use tempfile::TempDir;
use typed::{folder, typed};

const TABLE: &str = "CREATE TABLE people (id int PRIMARY KEY, email text NOT NULL, name text, score int)";

/// Two databases of one server, and the folder of a configuration for them.
struct World {
    cluster: Cluster,
    folder: TempDir,
}

impl World {
    fn new() -> World {
        let cluster = Cluster::start(ClusterOptions::default().without_fsync()).expect("a server");
        for database in ["crm", "shop"] {
            cluster.create_database(database).expect("a database");
            cluster.psql(database, TABLE).expect("a table");
        }
        let folder = folder(&configuration(cluster.port(), "people"));
        let world = World { cluster, folder };
        world.sql("crm", "INSERT INTO people SELECT n, 'p' || n, 'ann', n FROM generate_series(1, 20) n");
        world
    }

    fn sql(&self, database: &str, sql: &str) -> String {
        self.cluster.psql(database, sql).expect("SQL").trim().to_owned()
    }

    fn said(&self, arguments: &[&str]) -> String {
        typed(self.folder.path(), arguments, &[("SECRET", self.cluster.password())])
    }

    /// Runs a verb whose answer has all these parts.
    #[track_caller]
    fn says(&self, arguments: &[&str], parts: &[&str]) {
        let said = self.said(arguments);
        for part in parts {
            assert!(said.contains(part), "`{part}` is missing in:\n{said}");
        }
    }
}

fn configuration(port: u16, sync: &str) -> String {
    let connection = |name: &str| {
        format!(
            "[connections.{name}]\nconnector = \"postgres\"\n\
             config = {{ url = \"postgres://postgres@127.0.0.1:{port}/{name}\" }}\n\
             secrets = {{ password = \"env:SECRET\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n"
        )
    };
    format!(
        "{}{}[syncs.{sync}]\nsides = {{ crm = \"public.people\", shop = \"public.people\" }}\n\
         match = [\"email\"]\nconflict = \"hold\"\ninitial = {{ prefer = \"crm\" }}\nfields = \"same-name\"\n",
        connection("crm"),
        connection("shop")
    )
}

#[test]
fn a_saved_plan_is_done_exactly_or_what_changed_is_said() {
    let world = World::new();
    world.says(&["plan", "--save", "plan.json"], &["exit: 0", "lockstep apply plan.json"]);
    world.sql("crm", "UPDATE people SET name = 'bea' WHERE id = 7");
    world.says(&["apply", "plan.json"], &["exit: 3", "LS-CLI-024", "of other rows or values"]);
    assert_eq!(world.sql("shop", "SELECT count(*) FROM people"), "0");
    world.sql("crm", "DELETE FROM people WHERE id = 20");
    world.says(&["apply", "plan.json"], &["exit: 3", "to create at shop: 20 then, 19 now"]);
    world.says(&["plan", "--save", "plan.json"], &["exit: 0"]);
    world.says(&["apply", "plan.json"], &["exit: 0", "in step"]);
    assert_eq!(world.sql("shop", "SELECT count(*), min(name) FILTER (WHERE id = 7) FROM people"), "19|bea");
    world.says(&["plan", "--save", "lockstep.toml"], &["exit: 2", "LS-CLI-025"]);
}

#[test]
fn a_plan_of_a_live_sync_shows_what_would_follow_from_what_is_known() {
    let world = World::new();
    world.says(&["apply", "--yes"], &["exit: 0"]);
    world.sql("crm", "UPDATE people SET name = 'left' WHERE id = 1; UPDATE people SET name = 'new' WHERE id = 2");
    world.sql("shop", "UPDATE people SET name = 'right' WHERE id = 1; DELETE FROM people WHERE id = 3");
    let plan = world.said(&["plan", "--json"]);
    assert!(plan.contains("\"held\": 1"), "{plan}");
    assert_eq!(plan.matches("\"updates\": 1").count(), 1, "{plan}");
    assert_eq!(plan.matches("\"deletes\": 1").count(), 1, "{plan}");
    assert_eq!(plan.matches("\"creates\": 0").count(), 2, "{plan}");
    assert_eq!(world.sql("crm", "SELECT name FROM people WHERE id = 1"), "left");
    world.says(&["apply", "--yes"], &["exit: 0", "1 held", "otherwise in step"]);
}

#[test]
fn a_typed_value_is_read_as_the_fields_type_and_refused_where_it_is_none() {
    let world = World::new();
    world.says(&["apply", "--yes"], &["exit: 0"]);
    world.sql("crm", "UPDATE people SET score = 50, name = 'left' WHERE id = 4");
    world.sql("shop", "UPDATE people SET score = 60, name = 'right' WHERE id = 4");
    world.says(&["apply", "--yes"], &["2 held"]);
    let resolve = |field: &str, value: &str| {
        world.said(&["conflicts", "--config", "lockstep.toml", "resolve", "--field", field, "--value", value, "--yes"])
    };
    let refused = resolve("score", "many");
    assert!(refused.contains("exit: 3") && refused.contains("not a whole number"), "{refused}");
    assert!(resolve("score", "55").contains("exit: 0"));
    assert!(resolve("name", "0049").contains("exit: 0"));
    world.says(&["apply", "--yes"], &["exit: 0", "  in step"]);
    for database in ["crm", "shop"] {
        assert_eq!(world.sql(database, "SELECT score, name FROM people WHERE id = 4"), "55|0049");
    }
}

#[test]
fn a_removed_sync_leaves_nothing_at_the_sources_nor_in_the_state() {
    let world = World::new();
    world.says(&["apply", "--yes"], &["exit: 0"]);
    assert_eq!(world.sql("crm", "SELECT count(*) FROM pg_replication_slots"), "2");
    world.says(&["sync", "remove", "people"], &["exit: 2", "--yes"]);
    let other = configuration(world.cluster.port(), "others");
    std::fs::write(world.folder.path().join("lockstep.toml"), &other).unwrap();
    world.says(&["sync", "remove", "nobody", "--yes"], &["exit: 1", "LS-ENG-201"]);
    std::fs::write(world.folder.path().join("lockstep.toml"), configuration(world.cluster.port(), "people")).unwrap();
    world.says(&["sync", "remove", "people", "--yes"], &["exit: 0", "people is forgotten", "out of the configuration"]);
    assert_eq!(world.sql("crm", "SELECT count(*) FROM pg_replication_slots"), "0");
    for database in ["crm", "shop"] {
        assert_eq!(world.sql(database, "SELECT count(*) FROM pg_publication"), "0");
        assert_eq!(world.sql(database, "SELECT count(*) FROM people"), "20");
    }
    world.says(&["sql", "SELECT count(*) AS n FROM syncs"], &["n\n0\n"]);
    world.says(&["apply", "--yes"], &["exit: 0", "20 records", "in step"]);
}

#[test]
fn a_state_that_another_command_has_open_for_a_moment_is_waited_for() {
    let world = World::new();
    let lock = std::fs::File::create(world.folder.path().join("lockstep.db.lock")).expect("the lock's file");
    lock.lock().expect("the lock");
    let other = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(1_000));
        drop(lock);
    });
    world.says(&["status"], &["exit: 0", "people"]);
    other.join().expect("the other command");
}
