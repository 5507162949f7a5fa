//! Answering for a component and letting it in by that, as its maker and an operator
//! would type it.

mod typed;

use std::{fs, path::Path};

use typed::{folder, typed};

/// A component of the tests, as it was built.
fn component() -> Vec<u8> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests/echo.wasm");
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask guests` first", path.display()))
}

/// The configuration's line for a key, as `keygen` printed it.
fn line(printed: &str) -> &str {
    printed.lines().find(|line| line.starts_with("trusted_keys")).expect("a line to copy")
}

fn configure(folder: &Path, keys: &str, required: bool) {
    let text = format!("[connectors]\n{keys}\nrequire_signature = {required}\n");
    fs::write(folder.join("lockstep.toml"), text).expect("writing the file");
}

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is missing in:\n{said}");
    }
}

#[test]
fn what_a_trusted_key_signed_is_let_in_and_nothing_else_where_that_is_required() {
    let folder = folder("");
    let path = folder.path();
    fs::write(path.join("echo.wasm"), component()).unwrap();
    let environment = [("LOCKSTEP_CACHE", env!("CARGO_TARGET_TMPDIR"))];
    let run = |arguments: &[&str]| typed(path, arguments, &environment);

    let made = run(&["connector", "keygen", "acme"]);
    assert_says(&made, &["exit: 0", "acme.pem", "trusted_keys = { acme = \"ed25519:", "connector sign"]);
    let other = run(&["connector", "keygen", "other"]);
    configure(path, line(&made), true);

    let said = run(&["connector", "inspect", "./echo.wasm"]);
    assert_says(&said, &["exit: 1", "not signed", "LS-H023", "trusted_keys"]);
    assert_says(&run(&["connector", "load", "./echo.wasm"]), &["exit: 1", "LS-H023", "require_signature"]);

    let said = run(&["connector", "sign", "echo.wasm", "--key", "other.pem", "--out", "others.wasm"]);
    assert_says(&said, &["exit: 0", "others.wasm", "digest  sha256:", "pins this one anew"]);
    assert_says(&run(&["connector", "inspect", "./others.wasm"]), &["exit: 1", "signed by no key that is listed"]);
    configure(path, line(&other), true);
    assert_says(&run(&["connector", "inspect", "./others.wasm"]), &["exit: 0", "signed by other"]);
    configure(path, line(&made), true);

    assert_says(&run(&["connector", "sign", "echo.wasm", "--key", "acme.pem"]), &["exit: 0", "is signed: echo.wasm"]);
    assert_says(
        &run(&["connector", "inspect", "./echo.wasm", "--json"]),
        &["exit: 0", r#""signature": "signed by acme""#],
    );
    assert_says(&run(&["connector", "load", "./echo.wasm"]), &["exit: 0", "signed by acme"]);
}

#[test]
fn what_was_changed_after_it_was_signed_is_refused_whether_signatures_are_required_or_not() {
    let folder = folder("");
    let path = folder.path();
    fs::write(path.join("echo.wasm"), component()).unwrap();
    let made = typed(path, &["connector", "keygen", "acme"], &[]);
    configure(path, line(&made), false);
    typed(path, &["connector", "sign", "echo.wasm", "--key", "acme.pem"], &[]);
    let mut bytes = fs::read(path.join("echo.wasm")).unwrap();
    // A section that nobody has to look at.
    bytes.extend_from_slice(&[0, 2, 1, b'x']);
    fs::write(path.join("echo.wasm"), bytes).unwrap();
    for verb in ["load", "inspect"] {
        assert_says(&typed(path, &["connector", verb, "./echo.wasm"], &[]), &["exit: 1", "LS-H024"]);
    }
}

#[test]
fn keys_are_secret_and_never_written_over() {
    let folder = folder("");
    let path = folder.path();
    assert_says(&typed(path, &["connector", "keygen", "9 lives"], &[]), &["exit: 2", "LS-CLI-043"]);
    assert_says(&typed(path, &["connector", "keygen", "acme"], &[]), &["exit: 0"]);
    let key = fs::read_to_string(path.join("acme.pem")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path.join("acme.pem")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_says(&typed(path, &["connector", "keygen", "acme"], &[]), &["exit: 1", "LS-CLI-042"]);
    assert_eq!(fs::read_to_string(path.join("acme.pem")).unwrap(), key);
    fs::write(path.join("no.pem"), "hunter2").unwrap();
    let said = typed(path, &["connector", "sign", "echo.wasm", "--key", "no.pem"], &[]);
    assert_says(&said, &["exit: 1", "LS-CLI-041"]);
    assert!(!said.contains("hunter2"), "{said}");
}
