//! Components from a registry and into one, and who answers for them, as an operator would type
//! it. The registry is the tests' own, on loopback; signatures are made by openssl, as cosign
//! makes them.

mod typed;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lockstep_harness::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;
use typed::{folder, typed};

const REPOSITORY: &str = "acme/echo";
const PAYLOAD_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

fn component() -> Vec<u8> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests/echo.wasm");
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask guests` first", path.display()))
}

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is missing in:\n{said}");
    }
}

/// A registry, an installation that knows nobody there, and a component to publish.
struct Place {
    registry: Registry,
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = folder("");
        fs::write(folder.path().join("echo.wasm"), component()).expect("writing the component");
        Place { registry: Registry::start().expect("a registry"), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> String {
        let docker = self.path("docker").display().to_string();
        let environment = [
            ("LOCKSTEP_CACHE", env!("CARGO_TARGET_TMPDIR")),
            ("DOCKER_CONFIG", docker.as_str()),
            ("REGISTRY_TOKEN", "hunter2"),
        ];
        let said = typed(self.folder.path(), arguments, &environment);
        assert!(!said.contains("hunter2") && !said.contains("a-token-of-the-registry"), "{said}");
        said
    }

    fn connector(&self, verb: &str, what: &str) -> String {
        self.run(&["connector", verb, what])
    }

    fn configure(&self, text: &str) {
        fs::write(self.path("lockstep.toml"), text).expect("writing the file");
    }

    fn tag(&self, tag: &str) -> String {
        format!("oci://{}/{REPOSITORY}:{tag}", self.registry.place())
    }

    /// Publishes the component; the reference with its digest.
    fn push(&self, tag: &str) -> String {
        named(&self.run(&["connector", "push", "echo.wasm", &self.tag(tag)]))
    }

    fn manifest(&self, tag: &str) -> Value {
        self.registry.manifest(REPOSITORY, tag).expect("a manifest")
    }
}

/// The reference of a configuration's line that was printed.
fn named(said: &str) -> String {
    let line = said.lines().find_map(|line| line.trim().strip_prefix("connector = \""));
    line.unwrap_or_else(|| panic!("no line to copy in:\n{said}")).trim_end_matches('"').to_owned()
}

/// The digest at the end of a reference.
fn digest_of(reference: &str) -> &str {
    reference.rsplit_once('@').expect("a digest").1
}

#[test]
fn what_is_pushed_is_pulled_once_and_is_there_when_the_registry_is_not() {
    let place = Place::new();
    let source = "org.opencontainers.image.source=https://git.example.com/acme/echo";
    let said = place.run(&["connector", "push", "echo.wasm", &place.tag("1.2"), "--annotation", source]);
    assert_says(&said, &["exit: 0", "cosign sign --key KEY 127.0.0.1"]);
    let reference = named(&said);
    let layer = place.manifest("1.2")["layers"][0].clone();
    assert_eq!(layer["mediaType"], "application/wasm");
    let digest = layer["digest"].as_str().unwrap().to_owned();

    let said = place.connector("inspect", &place.tag("1.2"));
    assert_says(&said, &["not signed", &digest, digest_of(&reference), "git.example.com/acme/echo", "signatures: 0"]);
    let said = place.connector("pull", &place.tag("1.2"));
    assert_says(&said, &["exit: 0", "is put aside", &digest, &format!("connector = \"{reference}\"")]);

    place.registry.take_asked();
    assert_says(&place.connector("load", &reference), &["exit: 0", digest.trim_start_matches("sha256:")]);
    assert_eq!(place.registry.take_asked(), []);
    let again = place.push("1.3");
    assert!(place.registry.take_asked().iter().all(|asked| asked.method != "POST" || !asked.path.contains(&digest)));
    assert_ne!(reference, again);
    let Place { registry, folder } = place;
    drop(registry);
    let said =
        typed(folder.path(), &["connector", "load", &reference], &[("LOCKSTEP_CACHE", env!("CARGO_TARGET_TMPDIR"))]);
    assert_says(&said, &["exit: 0"]);
}

#[test]
fn what_a_tag_leads_to_is_looked_at_but_never_loaded() {
    let place = Place::new();
    place.push("1.2");
    let said = place.connector("load", &place.tag("1.2"));
    assert_says(&said, &["exit: 1", "LS-REG-002", "lockstep connector pull", "@sha256:…"]);
    for bad in ["oci://registry", "oci://127.0.0.1:1/../x", "oci://127.0.0.1:1/x@sha256:12"] {
        assert_says(&place.connector("pull", bad), &["exit: 1", "LS-REG-001"]);
    }
    assert_says(&place.connector("pull", &place.tag("9")), &["exit: 1", "LS-REG-005"]);
    assert_says(&place.connector("pull", "oci://127.0.0.1:1/x:1"), &["exit: 1", "LS-REG-003"]);
}

#[test]
fn what_the_digest_does_not_name_is_refused() {
    let place = Place::new();
    let reference = place.push("1.2");
    let layer = place.manifest("1.2")["layers"][0]["digest"].as_str().unwrap().to_owned();
    let mut changed = component();
    *changed.last_mut().unwrap() ^= 1;
    place.registry.forge_blob(&layer, &changed);
    assert_says(&place.connector("pull", &reference), &["exit: 1", "LS-REG-006", "component"]);
    assert_says(&place.connector("load", &reference), &["exit: 1", "LS-REG-006"]);
    // As long as the manifest says is all that is read.
    changed.push(0);
    place.registry.forge_blob(&layer, &changed);
    assert_says(&place.connector("pull", &reference), &["exit: 1", "LS-REG-008"]);
    place.registry.forge_blob(&layer, &component());

    let other = json!({ "schemaVersion": 2, "layers": [] });
    place.registry.put_manifest(REPOSITORY, digest_of(&reference), &other);
    assert_says(&place.connector("load", &reference), &["exit: 1", "LS-REG-006", "manifest"]);
}

#[test]
fn what_was_put_aside_and_changed_there_is_not_used() {
    let place = Place::new();
    let reference = place.push("1.2");
    assert_says(&place.connector("pull", &reference), &["exit: 0"]);
    let layer = place.manifest("1.2")["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let kept = place.path(&format!("lockstep.db.kept/connectors/{layer}.wasm"));
    fs::write(&kept, b"\0asm of somebody else").unwrap();
    assert_says(&place.connector("load", &reference), &["exit: 0", &layer]);
    assert_eq!(fs::read(&kept).unwrap(), component());
}

#[test]
fn what_is_no_artifact_of_one_component_or_too_large_is_refused() {
    let place = Place::new();
    let digest = place.registry.put_blob(&component());
    let layer = |kind: &str, bytes: u64| json!({ "mediaType": kind, "digest": digest, "size": bytes });
    for (tag, layers, parts) in [
        ("tar", json!([layer("application/vnd.oci.image.layer.v1.tar+gzip", 9)]), ["LS-REG-007", "tar+gzip"]),
        ("two", json!([layer("application/wasm", 9), layer("application/wasm", 9)]), ["LS-REG-007", "2 layers"]),
        ("huge", json!([layer("application/wasm", 65 << 20)]), ["LS-H006", "component_bytes"]),
    ] {
        place.registry.put_manifest(REPOSITORY, tag, &json!({ "schemaVersion": 2, "layers": layers }));
        assert_says(&place.connector("pull", &place.tag(tag)), &["exit: 1", parts[0], parts[1]]);
    }
    let index = json!({ "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [layer("x", 9)] });
    place.registry.put_manifest(REPOSITORY, "index", &index);
    assert_says(&place.connector("pull", &place.tag("index")), &["exit: 1", "LS-REG-007", "list of artifacts"]);
    let wordy = json!({ "schemaVersion": 2, "annotations": { "x": "y".repeat(5 << 20) } });
    place.registry.put_manifest(REPOSITORY, "wordy", &wordy);
    assert_says(&place.connector("pull", &place.tag("wordy")), &["exit: 1", "LS-REG-008", "manifest"]);
    let said = place.run(&["connector", "push", "lockstep.toml", &place.tag("no")]);
    assert_says(&said, &["exit: 1", "LS-H003"]);
    let said = place.run(&["connector", "push", "echo.wasm", &place.tag("no"), "--annotation", "words"]);
    assert_says(&said, &["exit: 2", "LS-CLI-032"]);
}

#[test]
fn a_registry_sends_nobody_elsewhere_on_this_machine() {
    let place = Place::new();
    let reference = place.push("1.2");
    let other = Registry::start().unwrap();
    for to in [
        format!("http://{}/v2/x/blobs/y", other.place()),
        format!("https://{}/v2/x/blobs/y", other.place()),
        "https://localhost/blob".to_owned(),
        "https://169.254.169.254/latest".to_owned(),
        "ftp://example.com/blob".to_owned(),
    ] {
        place.registry.redirect_blobs(Some(&to));
        assert_says(&place.connector("pull", &reference), &["exit: 1", "LS-REG-009"]);
    }
    assert_eq!(other.take_asked(), []);
    place.registry.redirect_blobs(None);
    assert_says(&place.connector("pull", &reference), &["exit: 0"]);
}

#[test]
fn a_registry_that_wants_to_know_who_asks_is_told_and_nobody_else() {
    let place = Place::new();
    place.registry.want_token(&format!("Basic {}", STANDARD.encode("ci:hunter2")));
    let said = place.run(&["connector", "push", "echo.wasm", &place.tag("1.2")]);
    assert_says(&said, &["exit: 1", "LS-REG-004", "UNAUTHORIZED", "docker login"]);

    let settings = |password: &str| {
        format!(
            "[connectors.registries]\n\"{}\" = {{ username = \"ci\", password = \"{password}\" }}\n",
            place.registry.place()
        )
    };
    place.configure(&settings("env:REGISTRY_TOKEN"));
    place.registry.take_asked();
    let reference = place.push("1.2");
    let asked = place.registry.take_asked();
    assert_eq!(asked.iter().filter(|asked| asked.path.starts_with("/token?")).count(), 1, "{asked:?}");
    place.configure(&settings("env:NO_SUCH_TOKEN"));
    assert_says(&place.connector("pull", &reference), &["exit: 1", "LS-REG-010", "NO_SUCH_TOKEN"]);

    place.configure("");
    let docker = |auth: &str| {
        fs::create_dir_all(place.path("docker")).unwrap();
        let auths = json!({ place.registry.place(): { "auth": STANDARD.encode(auth) } });
        fs::write(place.path("docker/config.json"), json!({ "auths": auths }).to_string()).unwrap();
    };
    docker("ci:wrong");
    assert_says(&place.connector("pull", &reference), &["exit: 1", "LS-REG-004"]);
    docker("ci:hunter2");
    assert_says(&place.connector("pull", &reference), &["exit: 0"]);
    fs::write(place.path("docker/config.json"), "{").unwrap();
    assert_says(&place.connector("pull", &reference), &["exit: 1", "LS-REG-010"]);
}

/// A key pair of openssl's making.
struct Key {
    private: PathBuf,
    /// PEM.
    public: String,
    kind: &'static str,
}

fn openssl(arguments: &[&str]) -> Vec<u8> {
    let ended = Command::new("openssl").args(arguments).output().expect("these tests need the program openssl");
    assert!(ended.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    ended.stdout
}

impl Key {
    fn new(folder: &Path, name: &str, kind: &'static str) -> Self {
        let private = folder.join(format!("{name}.key"));
        let path = private.display().to_string();
        match kind {
            "EC" => openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &path]),
            _ => openssl(&["genpkey", "-algorithm", kind, "-out", &path]),
        };
        let public = String::from_utf8(openssl(&["pkey", "-in", &path, "-pubout"])).expect("PEM");
        Key { private, public, kind }
    }

    /// In base64, as cosign writes signatures.
    fn sign(&self, message: &[u8]) -> String {
        let (file, key) = (self.private.with_extension("message"), self.private.display().to_string());
        fs::write(&file, message).expect("writing the message");
        let file = file.display().to_string();
        STANDARD.encode(match self.kind {
            "EC" => openssl(&["dgst", "-sha256", "-sign", &key, &file]),
            _ => openssl(&["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", &file]),
        })
    }

    fn trusted(&self, name: &str) -> String {
        format!("[connectors]\nrequire_signature = true\ntrusted_keys.{name} = \"\"\"\n{}\"\"\"\n", self.public)
    }
}

/// A manifest of signatures as `cosign sign` puts it beside an artifact. `about`: the digest that is signed.
fn signatures(registry: &Registry, key: &Key, about: &str) -> Value {
    let payload = json!({
        "critical": {
            "identity": { "docker-reference": "registry.example.com/acme/echo" },
            "image": { "docker-manifest-digest": about },
            "type": "cosign container image signature"
        },
        "optional": null
    })
    .to_string();
    let layer = json!({
        "mediaType": PAYLOAD_TYPE,
        "digest": registry.put_blob(payload.as_bytes()),
        "size": payload.len(),
        "annotations": { "dev.cosignproject.cosign/signature": key.sign(payload.as_bytes()) }
    });
    json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [layer] })
}

fn tag_of(digest: &str) -> String {
    format!("{}.sig", digest.replace(':', "-"))
}

#[test]
fn what_cosign_signed_in_the_registry_is_let_in_by_the_operators_key_and_nothing_else() {
    for kind in ["EC", "ED25519"] {
        let place = Place::new();
        let (acme, other) = (Key::new(place.folder.path(), "acme", kind), Key::new(place.folder.path(), "other", kind));
        let reference = place.push("1.2");
        let digest = digest_of(&reference);
        place.configure(&acme.trusted("acme"));
        for verb in ["pull", "load"] {
            assert_says(&place.connector(verb, &reference), &["exit: 1", "LS-H023", "not signed"]);
        }
        let sign = |key: &Key, about: &str| {
            let manifest = signatures(&place.registry, key, about);
            place.registry.put_manifest(REPOSITORY, &tag_of(digest), &manifest);
        };
        sign(&other, digest);
        assert_says(&place.connector("pull", &reference), &["exit: 1", "LS-H023", "signed by no key that is listed"]);
        // Signed, but something else: wrong whether a signature is required or not.
        sign(&acme, &format!("sha256:{}", "a".repeat(64)));
        place.configure(&acme.trusted("acme").replace("require_signature = true", "require_signature = false"));
        assert_says(&place.connector("pull", &reference), &["exit: 1", "LS-H024", "other artifacts"]);
        place.configure(&acme.trusted("acme"));

        sign(&acme, digest);
        let said = place.connector("inspect", &place.tag("1.2"));
        assert_says(&said, &["signed by acme", "signatures: 1"]);
        // What `load` found before is not asked for again; pulling is.
        assert_says(&place.connector("pull", &reference), &["exit: 0", "signed by acme"]);
        place.registry.take_asked();
        assert_says(&place.connector("load", &reference), &["exit: 0", "signed by acme"]);
        assert_eq!(place.registry.take_asked(), []);
        place.configure(&other.trusted("other"));
        assert_says(&place.connector("load", &reference), &["exit: 1", "LS-H023"]);
    }
}

#[test]
fn signatures_among_the_referrers_count_as_well() {
    let place = Place::new();
    let acme = Key::new(place.folder.path(), "acme", "EC");
    let reference = place.push("1.2");
    let digest = digest_of(&reference);
    place.configure(&acme.trusted("acme"));
    let manifest = signatures(&place.registry, &acme, digest);
    let named = place.registry.put_manifest(REPOSITORY, "any", &manifest);
    let kind = "application/vnd.dev.cosign.artifact.sig.v1+json";
    let descriptor = json!({ "mediaType": "x", "digest": named, "size": 1, "artifactType": kind });
    place.registry.refer(digest, descriptor);
    assert_says(&place.connector("pull", &reference), &["exit: 0", "signed by acme"]);
}

#[test]
fn a_signature_beside_a_file_counts_as_cosign_writes_it() {
    let place = Place::new();
    for kind in ["EC", "ED25519"] {
        let acme = Key::new(place.folder.path(), "acme", kind);
        place.configure(&acme.trusted("acme"));
        let _ = fs::remove_file(place.path("echo.wasm.sig"));
        assert_says(&place.connector("load", "./echo.wasm"), &["exit: 1", "LS-H023", "not signed"]);
        fs::write(place.path("echo.wasm.sig"), acme.sign(b"other bytes")).unwrap();
        assert_says(&place.connector("load", "./echo.wasm"), &["exit: 1", "LS-H023", "no key that is listed"]);
        fs::write(place.path("echo.wasm.sig"), format!("{}\n", acme.sign(&component()))).unwrap();
        assert_says(&place.connector("inspect", "./echo.wasm"), &["signed by acme"]);
        assert_says(&place.connector("load", "./echo.wasm"), &["exit: 0", "signed by acme"]);
    }
}

#[test]
fn a_registry_that_says_nothing_is_waited_for_as_long_as_the_operator_says() {
    let place = Place::new();
    // Takes connections, and never answers one.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = silent.local_addr().expect("its address");
    place.configure(&format!("[connectors.registries.\"{at}\"]\nsilence = \"300ms\"\n"));
    let begun = std::time::Instant::now();
    let said = place.connector("pull", &format!("oci://{at}/{REPOSITORY}:1"));
    assert_says(&said, &["exit: 1", "LS-REG-"]);
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "half as long as it waits unless told: {said}");
    place.configure(&format!("[connectors.registries.\"{at}\"]\nsilence = \"0s\"\n"));
    assert_says(&place.connector("pull", &format!("oci://{at}/{REPOSITORY}:1")), &["exit: 1", "LS-CFG-", "silence"]);
}
