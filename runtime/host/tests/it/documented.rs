//! docs/sandbox.md lists every bound with its default, and names tests that there are.

use std::{fs, path::PathBuf};

use lockstep_host::{BOUNDS, Limits};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("../../docs/sandbox.md")).expect("the page")
}

/// The cells of the rows of tables under a heading.
fn rows<'p>(page: &'p str, heading: &str) -> Vec<Vec<&'p str>> {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().unwrap_or(section);
    let lines = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| limit |"));
    let cells = |line: &'p str| line.trim_matches('|').split(" | ").map(str::trim).collect();
    lines.filter(|line| !line.starts_with("| hostile |")).map(cells).collect()
}

/// All source that tests may be in.
fn sources(folder: &std::path::Path, all: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&fs::read_to_string(&path).expect("a file"));
        }
    }
}

#[test]
fn every_bound_is_listed_with_its_default() {
    let page = page();
    let listed: Vec<(String, String)> =
        rows(&page, "Limits").into_iter().map(|row| (row[0].trim_matches('`').to_owned(), row[1].to_owned())).collect();
    let limits = Limits::default();
    let known: Vec<(String, String)> =
        BOUNDS.iter().map(|bound| (bound.key.to_owned(), bound.unit.show(bound.of(&limits)))).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_test_that_is_named_is_there() {
    let mut all = String::new();
    sources(&root().join("src"), &mut all);
    sources(&root().join("tests"), &mut all);
    sources(&root().join("../../tests/simulation/tests"), &mut all);
    let page = page();
    let mut named = 0;
    for row in rows(&page, "Limits").into_iter().chain(rows(&page, "What nobody would let in")) {
        let last = row.last().copied().unwrap_or_default();
        for test in last.split(", ") {
            let test = test.trim_matches('`');
            assert!(all.contains(&format!("fn {test}(")), "there is no test {test}");
            named += 1;
        }
    }
    assert!(named > 60, "{named} tests are named");
}
