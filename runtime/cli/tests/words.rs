//! What people read: the help of every command, and the errors they meet
//! first. Snapshots in `snapshots`, so that a change of words is seen.

mod typed;

use insta::assert_snapshot;
use typed::{folder, typed};

const SOUND: &str = include_str!("../src/verbs/first.toml");

#[test]
fn every_command_has_help() {
    let folder = tempfile::tempdir().unwrap();
    let overview = typed(folder.path(), &["help"], &[]);
    let mut all = overview.clone();
    let commands = overview
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.strip_prefix("  "))
        .filter_map(|line| line.split_whitespace().next());
    for command in commands {
        let help = typed(folder.path(), &["help", command], &[]);
        assert!(help.starts_with("exit: 0"), "{help}");
        all.push_str(&format!("\n=== {command}\n{}", help.split("\nEverywhere:").next().unwrap_or_default()));
    }
    assert_snapshot!("help", all);
}

#[test]
fn a_misspelt_command_and_option_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    assert_snapshot!("misspelt-command", typed(folder.path(), &["statsu"], &[]));
    assert_snapshot!("misspelt-option", typed(folder.path(), &["status", "--jsno"], &[]));
    assert_snapshot!("misspelt-code", typed(folder.path(), &["help", "LS-CLI-0077"], &[]));
}

#[test]
fn a_missing_file_names_what_writes_one() {
    let folder = tempfile::tempdir().unwrap();
    assert_snapshot!("no-file", typed(folder.path(), &["status"], &[]));
    assert_snapshot!("no-file-json", typed(folder.path(), &["status", "--json"], &[]));
}

#[test]
fn a_misspelt_key_is_shown_in_its_line_with_a_suggestion_and_all_errors_at_once() {
    let text = SOUND.replace("match = ", "mach = ").replace("conflict = { prefer", "conflcit = { prefer");
    assert_snapshot!("misspelt-keys", typed(folder(&text).path(), &["config", "check"], &[]));
}

#[test]
fn broken_toml_is_shown_where_it_breaks() {
    let text = SOUND.replace("[syncs.contacts.fields]", "[syncs.contacts.fields");
    assert_snapshot!("broken-toml", typed(folder(&text).path(), &["config", "check"], &[]));
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let text = SOUND.replace("env:CRM_PASSWORD", "correct-horse-battery");
    let shown = typed(folder(&text).path(), &["config", "check"], &[]);
    assert!(!shown.contains("correct-horse"), "{shown}");
    assert_snapshot!("secret-in-file", shown);
}

#[test]
fn a_missing_secret_says_which_and_how_to_give_it() {
    assert_snapshot!("missing-secret", typed(folder(SOUND).path(), &["check"], &[]));
}

#[test]
fn settings_say_where_they_came_from_and_secrets_stay_unseen() {
    let shown = typed(folder(SOUND).path(), &["config", "explain"], &[("CRM_PASSWORD", "correct-horse-battery")]);
    assert!(!shown.contains("correct-horse"), "{shown}");
    assert_snapshot!("config-explain", shown);
}

#[test]
fn a_first_file_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    assert_snapshot!("init", typed(folder.path(), &["init"], &[]));
    assert_snapshot!("init-again", typed(folder.path(), &["init"], &[]));
    assert_eq!(std::fs::read_to_string(folder.path().join("lockstep.toml")).unwrap(), SOUND);
}

#[test]
fn an_unknown_connector_lists_the_known_ones() {
    let text = SOUND.replacen("connector = \"postgres\"", "connector = \"./nowhere.wasm\"", 1);
    let secrets = [("CRM_PASSWORD", "x"), ("SHOP_PASSWORD", "y")];
    assert_snapshot!("no-component", typed(folder(&text).path(), &["check"], &secrets));
}

#[test]
fn a_setting_that_a_connector_does_not_have_is_told_before_anything_is_opened() {
    let text = SOUND.replacen("config = {", "config = { sslmod = \"require\", port = \"5432\",", 1);
    let secrets = [("CRM_PASSWORD", "x"), ("SHOP_PASSWORD", "y")];
    assert_snapshot!("misspelt-setting", typed(folder(&text).path(), &["check", "crm"], &secrets));
    assert_snapshot!("misspelt-setting-plan", typed(folder(&text).path(), &["plan"], &secrets));
}

#[test]
fn a_sync_without_fields_says_what_proposes_them() {
    let before = SOUND.split("[syncs.contacts.fields]").next().unwrap();
    assert_snapshot!("no-fields", typed(folder(before).path(), &["config", "check"], &[]));
}

#[test]
fn a_revert_of_everything_is_refused() {
    assert_snapshot!("revert-everything", typed(folder(SOUND).path(), &["revert", "--yes"], &[]));
}

#[test]
fn sql_without_a_state_says_what_makes_one() {
    assert_snapshot!("no-state", typed(folder(SOUND).path(), &["sql", "SELECT 1"], &[]));
}

#[test]
fn completions_and_man_pages_come_out() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(typed(folder.path(), &["completions", shell], &[]).contains("lockstep"));
    }
    assert!(typed(folder.path(), &["man"], &[]).contains(".TH lockstep 1"));
}

#[test]
fn a_reader_that_goes_away_is_no_trouble() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}
