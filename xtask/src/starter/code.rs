//! The projects of code for one field or one rule: made, built, looked at, and used in a sync
//! between two practice services, by the connector that was built before.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{practice::Practice, succeed};

const TRANSFORM: &str = "my-transform";
const POLICY: &str = "my-policy";
/// A bank account number as the transform reads it, and as it writes it.
const PLAIN: &str = "DE89370400440532013000";
const GROUPED: &str = "DE89 3704 0044 0532 0130 00";

/// `build`: makes the component of the project with that name.
pub fn try_out(
    lockstep: &Path,
    folder: &Path,
    connector: &Path,
    build: impl Fn(&str) -> Result<PathBuf>,
    language: &str,
) -> Result<()> {
    let made = |name: &str, world: &str| {
        let mut new = Command::new(lockstep);
        new.args(["connector", "new", name, "--world", world, "--lang", language]).current_dir(folder);
        succeed(&mut new)?;
        let component = build(name)?;
        let inspected = Command::new(lockstep).args(["connector", "inspect", "--json"]).arg(&component).output()?;
        let told = String::from_utf8_lossy(&inspected.stdout);
        let is_it = told.contains(&format!("\"kind\": \"{world}\""));
        ensure!(inspected.status.success() && is_it, "{}: {told}", component.display());
        println!("{}", told.trim_end());
        Ok(component)
    };
    let (transform, policy) = (made(TRANSFORM, "transform")?, made(POLICY, "policy")?);
    used(lockstep, folder, connector, (&transform, &policy))
}

/// One note that is at both sides and differs, and one that is at one side only.
fn used(lockstep: &Path, folder: &Path, connector: &Path, (transform, policy): (&Path, &Path)) -> Result<()> {
    let (a, b) = (Practice::start(lockstep)?, Practice::start(lockstep)?);
    put(&a, "both", &format!("{{\"title\":\"{PLAIN}\",\"body\":\"short\"}}"))?;
    put(&b, "both", &format!("{{\"title\":\"{GROUPED}\",\"body\":\"much longer\"}}"))?;
    put(&a, "one", &format!("{{\"title\":\"{PLAIN}\",\"body\":\"new\"}}"))?;
    let side = |name: &str, service: &Practice| {
        format!(
            "[connections.{name}]\nconnector = \"{}\"\nconfig = {{ base_url = \"http://127.0.0.1:{port}\" }}\n\
             secrets = {{ token = \"env:PRACTICE_TOKEN\" }}\ngrant = [\"http:127.0.0.1:{port}\"]\n",
            connector.display(),
            port = service.port
        )
    };
    let sync = format!(
        "[syncs.notes]\nsides = {{ a = \"notes\", b = \"notes\" }}\nmatch = [\"id\"]\n\
         conflict = {{ custom = \"{}\" }}\n[syncs.notes.fields]\nid = {{ a = \"id\", b = \"id\" }}\n\
         title = {{ a = \"title\", b = {{ column = \"title\", as = {{ transform = \"{}\" }} }} }}\n\
         body = {{ a = \"body\", b = \"body\" }}\n",
        policy.display(),
        transform.display()
    );
    let config = folder.join("code.toml");
    fs::write(&config, format!("{}{}{sync}", side("a", &a), side("b", &b)))?;
    let mut apply = Command::new(lockstep);
    apply.args(["apply", "--yes", "--config"]).arg(&config).env("PRACTICE_TOKEN", &a.token);
    apply.arg("--state").arg(folder.join("code.db"));
    succeed(&mut apply)?;
    for (service, id, wanted) in
        [(&a, "both", "much longer"), (&b, "both", "much longer"), (&a, "both", PLAIN), (&b, "one", GROUPED)]
    {
        let note = ask(service, "GET", id, "")?;
        ensure!(note.contains(wanted), "`{wanted}` is not in {note}");
    }
    println!("the transform and the policy did their work in a sync");
    Ok(())
}

fn put(service: &Practice, id: &str, note: &str) -> Result<()> {
    let answer = ask(service, "PUT", id, note)?;
    ensure!(answer.starts_with("HTTP/1.1 2"), "{answer}");
    Ok(())
}

/// The whole answer, head and all.
fn ask(service: &Practice, method: &str, id: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", service.port)).context("the practice service")?;
    write!(
        stream,
        "{method} /notes/{id} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        service.token,
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
