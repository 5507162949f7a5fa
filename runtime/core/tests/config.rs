//! The configuration file: what it says, and what it says when it is wrong.

use lockstep_core::{
    config::{Config, DeleteStorm, Policy, PublicKey, SecretRef, json_schema},
    spec::DeletePolicy,
};

const EXAMPLE: &str = r#"
[connections.crm]
connector = "salesforce"
digest = "sha256:00000000000000000000000000000000000000000000000000000000000000AA"
config = { instance_url = "https://acme.my.salesforce.com", auth = "client-credentials", retries = 3 }
secrets = { client_id = "env:SF_ID", client_secret = "file:/run/secrets/sf", token = "credential:sf-token" }
grant = ["https:acme.my.salesforce.com"]

[connections.db]
connector = "postgres"
config = { host = "db.internal", port = 5432, tls = { verify = "full" } }
secrets = { password = "env:PGPASSWORD" }
grant = ["tcp:db.internal:5432", "private-network"]
limits = { memory = "256MiB", call_timeout = "30s", batch_rows = 500 }

[syncs.companies]
sides = { crm = "Account", db = "public.companies" }
match = ["name"]
fields.name = { crm = "Name", db = "name" }

[syncs.contacts]
sides = { crm = "Contact", db = "public.contacts", archive = { connection = "db", object = "public.archive", creates = true, updates = true, deletes = false, inserts = false } }
match = [["email"], ["first_name", "last_name"]]
conflict = { latest = true, else = { prefer = ["crm", "db"] } }
initial = { prefer = "crm" }
deletes = "update-wins"
groups = { name = ["first_name", "last_name"] }
delete_storm = { count = 50, share = "5%", window = "1h" }
skew_tolerance = "500ms"
bounces_max = 7

[syncs.contacts.fields]
email = { crm = "Email", db = "email", archive = "email" }
first_name = { crm = "FirstName", db = "first_name" }
last_name = { crm = "LastName", db = "last_name", conflict = "hold", initial = "union" }
score = { crm = "Score__c", db = { column = "score", write = false }, one_way = "db", lossy = true, conflict = "sum-deltas" }
ssn = { crm = "SSN__c", db = "ssn", sensitive = true, reviewed = { by = "mo", note = "agreed" } }
company = { crm = "AccountId", db = "company_id", ref = "companies" }

[syncs.notes]
sides = { db = "public.notes", crm = "Note" }
match = []
delete_storm = false

[syncs.notes.fields]
"*" = "same-name"
secret_note = false
body = { conflict = "append" }
title = "Title"

[connectors]
trusted_keys = { acme = "ed25519:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=" }
require_signature = true
watch_folder = "incoming"

[connectors.registries]
"registry.example.com:5000" = { username = "ci", password = "env:REGISTRY_TOKEN" }
"10.0.0.5" = { plain_http = true, timeout = "30m", silence = "5s" }

[state]
path = "lockstep.db"

[server]
listen = "127.0.0.1:7700"
public_url = "https://sync.example.org/"

[journal]
keep = "30d"
"#;

fn example() -> Config {
    Config::parse(EXAMPLE).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

#[test]
fn connections_are_read_with_their_secrets_as_references() {
    let config = example();
    let crm = config.connection("crm").unwrap();
    assert_eq!(crm.connector, "salesforce");
    assert!(crm.digest.as_ref().unwrap().ends_with("00aa"));
    assert_eq!(crm.config["retries"], 3);
    assert_eq!(
        crm.secrets,
        [
            ("client_id".to_owned(), SecretRef::Env("SF_ID".into())),
            ("client_secret".to_owned(), SecretRef::File("/run/secrets/sf".into())),
            ("token".to_owned(), SecretRef::Credential("sf-token".into())),
        ]
    );
    let db = config.connection("db").unwrap();
    assert_eq!(db.grants, ["tcp:db.internal:5432", "private-network"]);
    assert_eq!(db.config["tls"]["verify"], "full");
    assert_eq!(db.limits.get("memory"), Some(256 << 20));
    assert_eq!(db.limits.get("call_timeout"), Some(30_000));
    assert_eq!(db.limits.get("batch_rows"), Some(500));
    assert_eq!(db.limits.get("sockets"), None);
}

#[test]
fn a_sync_is_read_with_its_rules() {
    let config = example();
    let sync = config.sync("contacts").unwrap();
    let names: Vec<&str> = sync.sides.iter().map(|side| side.name.as_str()).collect();
    assert_eq!(names, ["crm", "db", "archive"]);
    let archive = sync.side("archive").unwrap();
    assert_eq!((archive.connection.as_str(), archive.object.as_str()), ("db", "public.archive"));
    assert!(archive.creates && archive.updates && !archive.deletes && !archive.inserts);
    assert_eq!(sync.match_on, [vec!["email"], vec!["first_name", "last_name"]]);
    assert_eq!(sync.conflict, Policy::Latest { otherwise: Box::new(Policy::Prefer(vec!["crm".into(), "db".into()])) });
    assert_eq!(sync.initial, Some(Policy::Prefer(vec!["crm".into()])));
    assert_eq!(sync.deletes, DeletePolicy::UpdateWins);
    assert_eq!(sync.groups[0].fields, ["first_name", "last_name"]);
    assert_eq!(sync.delete_storm, Some(DeleteStorm { count: 50, share_percent: 5, window_ms: 3_600_000 }));
    assert_eq!((sync.skew_tolerance_ms, sync.bounces_max), (500, 7));
}

#[test]
fn a_field_is_read_with_its_columns_and_rules() {
    let config = example();
    let sync = config.sync("contacts").unwrap();
    let score = sync.field("score").unwrap();
    assert_eq!(score.columns[1].1.column, "score");
    assert!(score.columns[1].1.read && !score.columns[1].1.write);
    assert_eq!(score.one_way, ["db"]);
    assert!(score.lossy && !score.sensitive);
    assert_eq!(score.conflict, Some(Policy::SumDeltas));
    let ssn = sync.field("ssn").unwrap();
    assert!(ssn.sensitive);
    assert_eq!(ssn.reviewed.as_ref().unwrap().by, "mo");
    assert_eq!(sync.field("company").unwrap().reference.as_deref(), Some("companies"));
    assert_eq!(sync.field("last_name").unwrap().initial, Some(Policy::Union));
    let line = EXAMPLE.lines().position(|line| line.starts_with("score =")).unwrap() + 1;
    assert_eq!((score.at.line, score.at.column), (line, 1));
}

#[test]
fn same_names_are_mapped_with_exceptions() {
    let config = example();
    let sync = config.sync("notes").unwrap();
    assert!(sync.same_name);
    assert_eq!(sync.skipped, ["secret_note"]);
    assert_eq!(sync.match_on, Vec::<Vec<String>>::new());
    assert_eq!(sync.delete_storm, None);
    assert_eq!(sync.field("body").unwrap().columns, []);
    assert_eq!(sync.field("title").unwrap().columns.len(), 2);
    let short = EXAMPLE.replace(
        "[syncs.companies]",
        "[syncs.short]\nsides = { crm = \"A\", db = \"b\" }\nmatch = []\nfields = \"same-name\"\n[syncs.companies]",
    );
    assert!(Config::parse(&short).unwrap().sync("short").unwrap().same_name);
}

#[test]
fn comments_and_blank_lines_do_not_change_the_rules() {
    let moved =
        format!("# a new comment\n\n{}", EXAMPLE.replace("[syncs.", "\n[syncs.").replace("email = {", "email   = {"));
    let (before, after) = (example(), Config::parse(&moved).unwrap());
    for (before, after) in before.syncs.iter().zip(&after.syncs) {
        assert_ne!(before, after);
        assert_eq!(before.without_places(), after.without_places());
    }
    let changed = Config::parse(&EXAMPLE.replace("bounces_max = 7", "bounces_max = 8")).unwrap();
    let of = |config: &Config| config.sync("contacts").unwrap().without_places();
    assert_ne!(of(&before), of(&changed));
}

#[test]
fn what_was_declined_is_read_and_does_not_change_the_rules() {
    let declined = "\n[[syncs.contacts.declined]]\ncrm = \"Fax\"\ndb = \"phone\"\n\
                    reviewed = { by = \"mo\", at = \"2026-11-27\", note = \"not the same\" }\n";
    let before = example();
    let after = Config::parse(&format!("{EXAMPLE}{declined}")).unwrap();
    let sync = after.sync("contacts").unwrap();
    assert_eq!(sync.declined[0].columns, [("crm".into(), "Fax".into()), ("db".into(), "phone".into())]);
    assert_eq!(sync.declined[0].reviewed.as_ref().unwrap().at, "2026-11-27");
    assert_eq!(before.sync("contacts").unwrap().without_places(), sync.without_places());
    let wrong = Config::parse(&format!("{EXAMPLE}{}", declined.replace("crm", "crn"))).unwrap_err();
    assert!(wrong[0].help.contains("crm"), "{wrong:?}");
}

#[test]
fn settings_are_read_and_have_defaults() {
    let config = example();
    assert_eq!(config.state.path.as_deref(), Some("lockstep.db"));
    assert_eq!(config.server.listen.unwrap().port(), 7700);
    assert_eq!(config.server.public_url.as_deref(), Some("https://sync.example.org"));
    assert_eq!(config.journal.keep_ms, 30 * 86_400_000);
    let (keys, connectors) = (&config.connectors.trusted_keys, &config.connectors);
    assert!(connectors.require_signature && keys.len() == 1 && keys[0].name == "acme");
    assert!(matches!(keys[0].public, PublicKey::Ed25519([0x19, ..])));
    let [with_login, plain] = connectors.registries.as_slice() else { panic!("{:?}", connectors.registries) };
    assert_eq!((with_login.place.as_str(), with_login.plain_http), ("registry.example.com:5000", None));
    assert_eq!(with_login.login, Some(("ci".to_owned(), SecretRef::Env("REGISTRY_TOKEN".to_owned()))));
    assert_eq!((plain.place.as_str(), plain.plain_http, &plain.login), ("10.0.0.5", Some(true), &None));
    assert_eq!((with_login.timeout_ms, with_login.silence_ms), (None, None));
    assert_eq!((plain.timeout_ms, plain.silence_ms), (Some(1_800_000), Some(5_000)));
    assert_eq!(connectors.watch_folder.as_deref(), Some("incoming"));
    let empty = Config::parse("").unwrap();
    assert!(empty.connectors.watch_folder.is_none());
    assert!(!empty.connectors.require_signature && empty.connectors.trusted_keys.is_empty());
    assert_eq!(empty.journal.keep_ms, 90 * 86_400_000);
    assert!(empty.syncs.is_empty() && empty.connections.is_empty());
}

/// Replaces one part of the example and lists what is wrong then.
fn errors_after(from: &str, to: &str) -> Vec<String> {
    assert!(EXAMPLE.contains(from), "{from}");
    let text = EXAMPLE.replacen(from, to, 1);
    match Config::parse(&text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .iter()
            .map(|error| {
                assert!(text.get(error.at.bytes.clone()).is_some());
                format!("{} {} → {}", error.code, error.message, error.help)
            })
            .collect(),
    }
}

#[test]
fn every_mistake_says_what_is_wrong_and_what_to_do() {
    for (from, to, wanted) in [
        ("[state]", "[stat]", "LS-CFG-002 the file knows no key `stat` → did you mean `state`?"),
        (
            "connector = \"postgres\"",
            "conector = \"postgres\"",
            "LS-CFG-003 `connections.db` has no `connector` → add `connector = \"postgres\"`",
        ),
        (
            "connector = \"postgres\"",
            "connector = 5",
            "LS-CFG-004 `connections.db.connector` is a whole number → write a string",
        ),
        (
            "\"env:PGPASSWORD\"",
            "\"hunter2\"",
            "LS-CFG-008 `connections.db.secrets.password` is not a reference to a secret → write `env:NAME`, `file:/path` or `credential:NAME`; if this was a real secret, replace it",
        ),
        (
            "\"private-network\"]",
            "\"privat-network\"]",
            "LS-CFG-005 `connections.db.grant` cannot be `privat-network` → write `tcp:host:port`, `https:host`, `https:host:port` or `private-network`",
        ),
        (
            "\"256MiB\"",
            "\"256MB\"",
            "LS-CFG-005 `connections.db.limits.memory` cannot be `256MB` → write a size, such as \"256MiB\"",
        ),
        (
            "batch_rows = 500",
            "batch_rows = 0",
            "LS-CFG-010 `connections.db.limits.batch_rows` cannot be 0 → choose between 1 and 100000",
        ),
        (
            "match = [\"name\"]",
            "",
            "LS-CFG-003 `syncs.companies` has no `match` → add `match = [\"email\"], or [] if records that exist already must never be linked`",
        ),
        ("match = [\"name\"]", "match = [\"nmae\"]", "LS-CFG-006 there is no field `nmae` → did you mean `name`?"),
        (
            "match = [\"name\"]",
            "match = [\"name\", [\"name\"]]",
            "LS-CFG-005 `syncs.companies.match` cannot be a mixture of fields and sets → write either fields that must all agree, [\"first\", \"last\"], or sets to try in order, [[\"email\"], [\"first\", \"last\"]]",
        ),
        (
            "sides = { crm = \"Account\", db",
            "sides = { crn = \"Account\", db",
            "LS-CFG-006 there is no connection `crn` → did you mean `crm`?",
        ),
        (
            "initial = { prefer = \"crm\" }",
            "initial = { prefer = \"cmr\" }",
            "LS-CFG-006 there is no side `cmr` → did you mean `crm`?",
        ),
        (
            "initial = { prefer = \"crm\" }",
            "initial = { prefer = \"crm\", latest = true }",
            "LS-CFG-007 `syncs.contacts.initial` says both `prefer` and `latest` → keep one, or write { latest = true, else = { prefer = \"SIDE\" } }",
        ),
        (
            "deletes = \"update-wins\"",
            "deletes = \"updates-win\"",
            "LS-CFG-005 `syncs.contacts.deletes` cannot be `updates-win` → write \"update-wins\", \"delete-wins\" or \"hold\"",
        ),
        (
            "skew_tolerance",
            "skew_tolerence",
            "LS-CFG-002 `syncs.contacts` knows no key `skew_tolerence` → did you mean `skew_tolerance`?",
        ),
        (
            "name = [\"first_name\", \"last_name\"]",
            "name = [\"first_name\"]",
            "LS-CFG-005 `syncs.contacts.groups.name` cannot be a group of fewer than two fields → write two fields or more",
        ),
        (
            "first_name = { crm = \"FirstName\", db = \"first_name\" }",
            "first_name = { crm = \"FirstName\" }",
            "LS-CFG-003 field `first_name` is at 1 side(s) only → name its column at two sides or more",
        ),
        (
            "sensitive = true",
            "sensitiv = true",
            "LS-CFG-006 there is no side or setting `sensitiv` → did you mean `sensitive`?",
        ),
        (
            "one_way = \"db\"",
            "one_way = \"archive\"",
            "LS-CFG-007 field `score` flows from `archive`, which it is not read from → name its column at `archive`, or choose another side",
        ),
        (
            "ref = \"companies\"",
            "ref = \"compnies\"",
            "LS-CFG-006 there is no sync `compnies` → did you mean `companies`?",
        ),
        (
            "object = \"public.archive\"",
            "object = \"public.contacts\"",
            "LS-CFG-007 `db` and `archive` are the same object → name another object: a side cannot be in step with itself",
        ),
        (
            "\"127.0.0.1:7700\"",
            "\"localhost\"",
            "LS-CFG-005 `server.listen` cannot be `localhost` → write an address and a port, such as \"127.0.0.1:7700\"",
        ),
        (
            "ed25519:Gb9E",
            "ed25519:Gb9",
            "LS-CFG-005 `connectors.trusted_keys.acme` cannot be `ed25519:Gb9CWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=` → write a public key, such as \"ed25519:…\" that `lockstep connector keygen` prints, or the text of a PEM file with an ed25519 or ECDSA P-256 key, such as cosign.pub",
        ),
        (
            "username = \"ci\", ",
            "",
            "LS-CFG-003 `connectors.registries.registry.example.com:5000` has a password without a user → add `username = \"…\"`",
        ),
        (
            "\"env:REGISTRY_TOKEN\"",
            "\"hunter2\"",
            "LS-CFG-008 `connectors.registries.registry.example.com:5000.password` is not a reference to a secret → write `env:NAME`, `file:/path` or `credential:NAME`; if this was a real secret, replace it",
        ),
        (
            "connector = \"salesforce\"",
            "connector = \"oci://registry.example.com/acme/crm:1.2\"",
            "LS-CFG-005 `connections.crm.connector` names no digest, and a tag may lead to another component tomorrow → write `connector = \"oci://registry.example.com/acme/crm:1.2@sha256:…\"`: `lockstep connector pull oci://registry.example.com/acme/crm:1.2` prints that line",
        ),
        (
            "\"10.0.0.5\" =",
            "\"http://10.0.0.5\" =",
            "LS-CFG-005 `connectors.registries.http://10.0.0.5` cannot be `http://10.0.0.5` → write a registry's host, with its port where it has one, such as \"registry.example.com:5000\"",
        ),
        (
            "[syncs.companies]",
            "[syncs.\"9 companies\"]",
            "LS-CFG-009 `9 companies` cannot name a sync → begin with a letter, then letters, digits, `_` and `-`, 63 at most",
        ),
    ] {
        let errors = errors_after(from, to);
        assert!(errors.iter().any(|error| error == wanted), "{from} → {to}\n{errors:#?}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_the_file() {
    let errors = Config::parse(
        "[conections.a]\n\n[syncs.s]\nsides = { a = \"x\" }\nconflict = \"newest\"\n\n[journal]\nkeep = 90\n",
    )
    .unwrap_err();
    let found: Vec<(usize, usize, &str)> =
        errors.iter().map(|error| (error.at.line, error.at.column, error.code)).collect();
    assert_eq!(
        found,
        [
            (1, 2, "LS-CFG-002"),
            (3, 8, "LS-CFG-003"),
            (3, 8, "LS-CFG-003"),
            (4, 9, "LS-CFG-010"),
            (4, 11, "LS-CFG-006"),
            (5, 12, "LS-CFG-005"),
            (8, 8, "LS-CFG-004"),
        ],
        "{errors:#?}"
    );
}

#[test]
fn notation_errors_name_their_place() {
    let errors = Config::parse("[connections.a]\nconnector = \n").unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].code, errors[0].at.line), ("LS-CFG-001", 2));
    assert!(errors[0].to_string().starts_with("2:"), "{}", errors[0]);
}

#[test]
fn a_secret_written_into_the_file_is_never_repeated() {
    for error in Config::parse(&EXAMPLE.replace("env:PGPASSWORD", "hunter2")).unwrap_err() {
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}

#[test]
fn a_secret_among_the_settings_is_refused_and_never_repeated() {
    for (setting, refused) in [
        ("url = \"postgres://me:hunter2@db/app\"", true),
        ("url = \"postgres://me@db:5432/app?mail=a:b@c\"", false),
        ("url = \"https://[::1]:80/a@b\"", false),
        ("client_secret = \"hunter2\"", true),
        ("deep = { list = [\"x://a:hunter2@b\"] }", true),
        ("Api-Key = \"hunter2\"", true),
        ("token_url = \"https://login.example.org\"", false),
        ("password = \"\"", false),
    ] {
        let text = format!("[connections.a]\nconnector = \"x\"\nconfig = {{ {setting} }}\n");
        let found = Config::parse(&text).err().unwrap_or_default();
        assert_eq!(found.iter().any(|error| error.code == "LS-CFG-008"), refused, "{setting}");
        assert!(!format!("{found:?}").contains("hunter2"));
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(at in 0..EXAMPLE.len(), cut in 0usize..40, put in "[\\[\\]{}\"'=.,#a-z0-9\n ü]{0,12}") {
        let lower = |at: usize| (0..=at.min(EXAMPLE.len())).rev().find(|at| EXAMPLE.is_char_boundary(*at)).unwrap_or(0);
        let text = format!("{}{put}{}", &EXAMPLE[..lower(at)], &EXAMPLE[lower(at + cut)..]);
        if let Err(errors) = Config::parse(&text) {
            proptest::prop_assert!(!errors.is_empty());
            for error in errors {
                proptest::prop_assert!(text.get(error.at.bytes.clone()).is_some() && error.at.line > 0, "{error:?}");
                proptest::prop_assert!(!error.help.is_empty() && !error.message.is_empty());
            }
        }
    }
}

/// Enough of a validator for the keywords that the schema uses.
fn fits(root: &serde_json::Value, schema: &serde_json::Value, value: &serde_json::Value) -> bool {
    use serde_json::Value;
    let refers = schema["$ref"].as_str().is_none_or(|path| {
        let name = path.strip_prefix("#/$defs/").expect("a local reference");
        fits(root, &root["$defs"][name], value)
    });
    let any = schema["anyOf"].as_array().is_none_or(|all| all.iter().any(|one| fits(root, one, value)));
    let constant = schema.get("const").is_none_or(|one| one == value);
    let listed = schema["enum"].as_array().is_none_or(|all| all.contains(value));
    let typed = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some(other) => panic!("{other}"),
    };
    let items = value
        .as_array()
        .is_none_or(|items| schema.get("items").is_none_or(|item| items.iter().all(|one| fits(root, item, one))));
    let required = schema["required"]
        .as_array()
        .is_none_or(|keys| keys.iter().all(|key| value.get(key.as_str().expect("a name")).is_some()));
    let members = value.as_object().is_none_or(|members| {
        members.iter().all(|(key, member)| match schema["properties"].get(key) {
            Some(known) => fits(root, known, member),
            None => match schema.get("additionalProperties") {
                None => true,
                Some(Value::Bool(open)) => *open,
                Some(other) => fits(root, other, member),
            },
        })
    });
    refers && any && constant && listed && typed && items && required && members
}

fn as_json(text: &str) -> serde_json::Value {
    fn value(item: &toml_edit::Value) -> serde_json::Value {
        match item {
            toml_edit::Value::String(v) => v.value().as_str().into(),
            toml_edit::Value::Integer(v) => (*v.value()).into(),
            toml_edit::Value::Boolean(v) => (*v.value()).into(),
            toml_edit::Value::Array(v) => v.iter().map(value).collect(),
            toml_edit::Value::InlineTable(v) => table(v),
            other => panic!("{other}"),
        }
    }
    fn table(table_like: &dyn toml_edit::TableLike) -> serde_json::Value {
        let members = table_like.iter().map(|(key, item)| {
            let member = match item {
                toml_edit::Item::Value(v) => value(v),
                toml_edit::Item::Table(v) => table(v),
                other => panic!("{other}"),
            };
            (key.to_owned(), member)
        });
        serde_json::Value::Object(members.collect())
    }
    table(text.parse::<toml_edit::DocumentMut>().expect("TOML").as_table())
}

#[test]
fn the_json_schema_takes_the_example_and_refuses_what_the_reader_refuses() {
    let schema = json_schema();
    assert!(fits(&schema, &schema, &as_json(EXAMPLE)));
    for (from, to) in [
        ("[state]", "[stat]"),
        ("connector = \"postgres\"", "conector = \"postgres\""),
        ("match = [\"name\"]", "match = \"name\""),
        ("deletes = \"update-wins\"", "deletes = \"updates-win\""),
        ("prefer = \"crm\"", "prefers = \"crm\""),
        ("sensitive = true", "sensitive = 1"),
        ("batch_rows = 500", "batch_rows = \"500\""),
    ] {
        let text = EXAMPLE.replacen(from, to, 1);
        assert!(Config::parse(&text).is_err(), "{to}");
        assert!(!fits(&schema, &schema, &as_json(&text)), "{to}");
    }
}

#[test]
fn the_documented_example_is_a_valid_file() {
    let page = include_str!("../../../docs/configuration.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let config = Config::parse(example).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(config.syncs.len(), 2);
    let schema = json_schema();
    assert!(fits(&schema, &schema, &as_json(example)));
}
