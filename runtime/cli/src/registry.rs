//! Who asks a registry, and how: what the configuration says of it, else what `docker login` left
//! in docker's own file or with one of its helpers. Nothing here shows a secret.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lockstep_core::config::{ConnectorSettings, RegistrySettings};
use lockstep_host::{Access, Login, RegistryError};
use serde::{Deserialize, Deserializer};
use tokio::{io::AsyncWriteExt, process::Command};
use zeroize::Zeroizing;

use crate::secrets;

/// Larger files are not docker's.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// How long a helper may take: some ask a service.
const HELPER_MAX: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Under which name docker knows its own registry.
const HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");
/// What helpers say as user where the secret is a refresh token.
const TOKEN_USER: &str = "<token>";

/// What is known of registries.
#[derive(Clone, Default)]
pub struct Registries {
    settings: Vec<RegistrySettings>,
    /// What relative paths of secrets start from.
    folder: PathBuf,
}

impl Registries {
    pub fn of(settings: &ConnectorSettings, folder: &Path) -> Self {
        Registries { settings: settings.registries.clone(), folder: folder.to_owned() }
    }

    /// How a registry is asked.
    ///
    /// # Errors
    /// When the credentials for it are said to be somewhere and cannot be had from there.
    pub async fn access(&self, registry: &str) -> Result<Access, RegistryError> {
        let failed = |why: String| RegistryError::Credentials { registry: registry.to_owned(), why };
        let settings = self.settings.iter().find(|one| one.place == registry);
        let plain_http = settings.and_then(|one| one.plain_http);
        let login = match settings.and_then(|one| one.login.as_ref()) {
            Some((username, reference)) => {
                let password = secrets::read(reference, &self.folder).map_err(failed)?;
                Some(Login::Password { username: username.clone(), password })
            }
            None => match Docker::read(docker_file()).map_err(failed)? {
                Some(docker) => docker.login(registry).await.map_err(failed)?,
                None => None,
            },
        };
        let time = |of: fn(&RegistrySettings) -> Option<u64>| settings.and_then(of).map(Duration::from_millis);
        Ok(Access { login, plain_http, timeout: time(|one| one.timeout_ms), silence: time(|one| one.silence_ms) })
    }
}

/// Where docker keeps its configuration.
fn docker_file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("DOCKER_CONFIG").or_else(|| set("HOME").map(|home| home.join(".docker")));
    folder.map(|folder| folder.join("config.json"))
}

/// Docker's configuration, as far as it is about credentials.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Docker {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    #[serde(deserialize_with = "secret")]
    auth: Zeroizing<String>,
    #[serde(deserialize_with = "secret")]
    identitytoken: Zeroizing<String>,
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    #[serde(deserialize_with = "secret")]
    secret: Zeroizing<String>,
}

fn secret<'de, D: Deserializer<'de>>(text: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(text).map(Zeroizing::new)
}

impl Docker {
    fn read(path: Option<PathBuf>) -> Result<Option<Self>, String> {
        let Some(path) = path else { return Ok(None) };
        let failed = |why: String| format!("{}: {why}", path.display());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        let mut text = Zeroizing::new(String::new());
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
        // Its own words would repeat what it could not read.
        let read = serde_json::from_str(&text);
        read.map(Some).map_err(|error| failed(format!("line {} is not docker's", error.line())))
    }

    /// `None`: nobody has signed in there.
    async fn login(&self, registry: &str) -> Result<Option<Login>, String> {
        let name = if registry == HUB.0 { HUB.1 } else { registry };
        if let Some(helper) = self.cred_helpers.get(name) {
            return helped(helper, name).await;
        }
        let written =
            [name.to_owned(), format!("https://{name}"), format!("https://{name}/v1/"), format!("https://{name}/v2/")];
        let known = written.iter().find_map(|name| self.auths.get(name));
        if let Some(auth) = known.filter(|auth| !auth.identitytoken.is_empty()) {
            return Ok(Some(Login::RefreshToken(auth.identitytoken.clone())));
        }
        if let Some(auth) = known.filter(|auth| !auth.auth.is_empty()) {
            return password(&auth.auth)
                .map(Some)
                .ok_or_else(|| format!("docker's entry for {name} is not as docker writes it"));
        }
        match self.creds_store.as_str() {
            "" => Ok(None),
            store => helped(store, name).await,
        }
    }
}

/// Name and password, in base64.
fn password(coded: &str) -> Option<Login> {
    let pair = Zeroizing::new(STANDARD.decode(coded.trim()).ok()?);
    let (username, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some(Login::Password { username: username.to_owned(), password: Zeroizing::new(password.to_owned()) })
}

/// Asks one of docker's credential helpers.
async fn helped(helper: &str, registry: &str) -> Result<Option<Login>, String> {
    let program = format!("docker-credential-{helper}");
    if !helper.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        return Err(format!("`{program}` names no helper"));
    }
    let failed = |why: String| format!("{program}: {why}");
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let asked = async {
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(registry.as_bytes()).await?;
        }
        let mut answer = Zeroizing::new(Vec::new());
        if let Some(stdout) = child.stdout.take() {
            tokio::io::AsyncReadExt::read_to_end(
                &mut tokio::io::AsyncReadExt::take(stdout, ANSWER_BYTES_MAX),
                &mut answer,
            )
            .await?;
        }
        Ok::<_, io::Error>((child.wait().await?, answer))
    };
    let (status, answer) = match tokio::time::timeout(HELPER_MAX, asked).await {
        Ok(Ok(asked)) => asked,
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => return Err(failed(format!("no answer within {} s", HELPER_MAX.as_secs()))),
    };
    if !status.success() {
        // The helpers' own words for a registry that nobody has signed in to.
        let is_none = String::from_utf8_lossy(&answer).contains("credentials not found");
        return if is_none { Ok(None) } else { Err(failed(format!("it ended with {status}"))) };
    }
    let Helped { username, secret } =
        serde_json::from_slice(&answer).map_err(|_| failed("its answer cannot be read".to_owned()))?;
    Ok(Some(match username.as_str() {
        TOKEN_USER => Login::RefreshToken(secret),
        _ => Login::Password { username, password: secret },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docker(text: &str) -> Docker {
        serde_json::from_str(text).unwrap()
    }

    fn shown(login: Result<Option<Login>, String>) -> String {
        match login {
            Ok(Some(Login::Password { username, password })) => format!("{username}:{}", *password),
            Ok(Some(Login::RefreshToken(token))) => format!("token {}", *token),
            Ok(None) => "nobody".to_owned(),
            Err(why) => why,
        }
    }

    #[tokio::test]
    async fn what_docker_login_left_is_found() {
        let file = docker(
            r#"{ "auths": { "registry.example.com:5000": { "auth": "Y2k6aHVudGVyMg==" },
                            "https://index.docker.io/v1/": { "auth": "bW86eA==" },
                            "tokens.example.com": { "auth": "MDA6", "identitytoken": "t" },
                            "broken.example.com": { "auth": "?" }, "empty.example.com": {} },
                 "HttpHeaders": {} }"#,
        );
        for (registry, wanted) in [
            ("registry.example.com:5000", "ci:hunter2"),
            ("docker.io", "mo:x"),
            ("tokens.example.com", "token t"),
            ("empty.example.com", "nobody"),
            ("other.example.com", "nobody"),
            ("broken.example.com", "docker's entry for broken.example.com is not as docker writes it"),
        ] {
            assert_eq!(shown(file.login(registry).await), wanted, "{registry}");
        }
    }

    #[tokio::test]
    async fn a_helper_that_is_not_there_is_told_and_one_that_is_none_never_started() {
        let file = docker(r#"{ "credHelpers": { "a.example.com": "no-such", "b.example.com": "../../bin/sh" } }"#);
        assert!(shown(file.login("a.example.com").await).starts_with("docker-credential-no-such: "));
        assert!(shown(file.login("b.example.com").await).ends_with("names no helper"));
    }

    #[test]
    fn a_file_that_is_not_dockers_is_told_without_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        assert!(Docker::read(Some(path.clone())).unwrap().is_none());
        std::fs::write(&path, r#"{ "auths": "hunter2" }"#).unwrap();
        let why = Docker::read(Some(path)).err().unwrap();
        assert!(why.ends_with("line 1 is not docker's") && !why.contains("hunter2"), "{why}");
    }
}
