//! The first mistakes of a new operator, against a real PostgreSQL: what they
//! read has to name the thing at fault and what to do.

mod typed;

use lockstep_harness::{Cluster, ClusterOptions};
use typed::{folder, typed};

const TABLES: &str = "
CREATE TABLE a (id int PRIMARY KEY, email text, name text);
CREATE TABLE b (id int PRIMARY KEY, email text, name text);
";

fn configuration(port: u16, user: &str, object: &str) -> String {
    format!(
        "[connections.left]\nconnector = \"postgres\"\n\
         config = {{ url = \"postgres://{user}@127.0.0.1:{port}/shop\" }}\n\
         secrets = {{ password = \"env:SECRET\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n\
         [connections.right]\nconnector = \"postgres\"\n\
         config = {{ url = \"postgres://{user}@127.0.0.1:{port}/shop\", name = \"right\" }}\n\
         secrets = {{ password = \"env:SECRET\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n\
         [syncs.people]\nsides = {{ left = \"public.a\", right = \"{object}\" }}\nmatch = [\"email\"]\n\
         conflict = \"hold\"\n\n\
         [syncs.people.fields]\nemail = {{ left = \"email\", right = \"email\" }}\n\
         name = {{ left = \"name\", right = \"name\" }}\n"
    )
}

fn cluster() -> Cluster {
    let cluster = Cluster::start(ClusterOptions::default().without_fsync()).expect("a server");
    cluster.create_database("shop").expect("a database");
    cluster.psql("shop", TABLES).expect("tables");
    cluster
}

/// Runs a verb; shown in the failure message of each assertion.
fn said(configuration: &str, arguments: &[&str], secret: &str) -> String {
    typed(folder(configuration).path(), arguments, &[("SECRET", secret)])
}

fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is missing in:\n{said}");
    }
    assert!(!said.contains("panicked") && !said.contains("LS-CLI-001"), "{said}");
}

#[test]
fn a_right_password_and_rights_are_well() {
    let cluster = cluster();
    let said = said(&configuration(cluster.port(), "postgres", "public.b"), &["check"], cluster.password());
    assert_says(&said, &["exit: 0", "left", "right"]);
}

#[test]
fn a_wrong_password_names_the_connection_and_the_secret_is_not_repeated() {
    let cluster = cluster();
    let said = said(&configuration(cluster.port(), "postgres", "public.b"), &["check"], "wrong-horse");
    assert_says(&said, &["left", "password"]);
    assert!(!said.starts_with("exit: 0"), "{said}");
    assert!(!said.contains("wrong-horse"), "{said}");
}

#[test]
fn an_unreachable_host_names_the_address() {
    let cluster = cluster();
    let port = cluster.port();
    drop(cluster);
    let said = said(&configuration(port, "postgres", "public.b"), &["check"], "x");
    assert_says(&said, &["left", &port.to_string()]);
    assert!(!said.starts_with("exit: 0"), "{said}");
}

#[test]
fn a_missing_grant_prints_the_line_to_add() {
    let cluster = cluster();
    let port = cluster.port();
    let text = configuration(port, "postgres", "public.b").replace(&format!("[\"tcp:127.0.0.1:{port}\"]"), "[]");
    let said = said(&text, &["check"], cluster.password());
    assert_says(&said, &["grant", &format!("tcp:127.0.0.1:{port}")]);
    assert!(!said.starts_with("exit: 0"), "{said}");
}

#[test]
fn a_missing_table_is_named() {
    let cluster = cluster();
    let said = said(&configuration(cluster.port(), "postgres", "public.missing"), &["plan"], cluster.password());
    assert_says(&said, &["exit: 1", "public.missing"]);
}

#[test]
fn a_missing_right_comes_with_the_statement_that_grants_it() {
    let cluster = cluster();
    cluster.create_role("clerk", "").unwrap();
    let said = said(&configuration(cluster.port(), "clerk", "public.b"), &["check"], cluster.password());
    assert_says(&said, &["exit: 3", "FAIL", "clerk", "REPLICATION"]);
}

#[test]
fn check_leaves_no_file_behind() {
    let cluster = cluster();
    let folder = folder(&configuration(cluster.port(), "postgres", "public.b"));
    typed(folder.path(), &["check"], &[("SECRET", cluster.password())]);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["lockstep.toml"]);
}
