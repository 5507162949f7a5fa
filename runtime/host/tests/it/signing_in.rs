//! Signing in on a component's behalf: tokens are had, renewed and put on the
//! wire by the host, go nowhere else, and are never seen by the component.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lockstep_host::{Component, ConnectionConfig, Host, HostError, HostOptions, Keeper, Role, Secrets, Session};
use parking_lot::Mutex;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use zeroize::Zeroizing;

use crate::{
    guests::{connection, load, path},
    http::{ask, tell},
    web::{Asked, Part, Server, answer},
};

/// Nobody's key, made for these tests.
const PRIVATE_KEY: &str = include_str!("key.pem");

fn secrets(pairs: &[(&str, &str)]) -> Arc<Secrets> {
    let mut secrets = Secrets::new();
    pairs.iter().for_each(|(name, value)| secrets.insert(*name, Zeroizing::new((*value).to_owned())));
    Arc::new(secrets)
}

fn config(server: &Server, auth: &str, pairs: &[(&str, &str)]) -> ConnectionConfig {
    let url = server.url();
    let mut connection = connection(&format!(
        r#"{{"base_url":"{url}","client_id":"me","user":"ada@example.com","audience":"https://login.example.com"}}"#
    ));
    connection.grants = vec![server.grant()];
    connection.auth = Some(auth.into());
    connection.secrets = secrets(pairs);
    connection
}

async fn session(server: &Server, auth: &str, pairs: &[(&str, &str)]) -> Session {
    load("courier").await.open(Role::Read, config(server, auth, pairs)).await.expect("a session")
}

/// A system whose tokens are counted up: `/token` gives the next, everything else wants the latest.
async fn counting() -> Server {
    let latest = Arc::new(AtomicU32::new(0));
    Server::start(move |asked| match asked.path.as_str() {
        "/token" => {
            let number = latest.fetch_add(1, Ordering::SeqCst) + 1;
            answer(200, "", format!(r#"{{"access_token":"token-number-{number}","expires_in":3600,"instance_url":"https://mine.example.com"}}"#))
        }
        "/expire" => {
            latest.fetch_add(1, Ordering::SeqCst);
            answer(200, "", "expired")
        }
        _ => {
            let wanted = format!("Bearer token-number-{}", latest.load(Ordering::SeqCst));
            match asked.header("authorization") == wanted {
                true => answer(200, "", "welcome"),
                false => answer(401, "", "who are you"),
            }
        }
    })
    .await
}

fn paths(server: &Server) -> Vec<String> {
    server.asked().into_iter().map(|asked| asked.path).collect()
}

#[tokio::test]
async fn one_token_serves_all_sessions_of_a_connection() {
    let server = counting().await;
    let component = load("courier").await;
    let config = config(&server, "client-credentials", &[("client_secret", "open sesame, please")]);
    let write = component.open(Role::Write, config.clone()).await.expect("a session");
    let tail = component.open(Role::Tail, config).await.expect("a session");
    for session in [&write, &tail, &write] {
        assert_eq!(ask(session, "GET /things").await, ("200".into(), "welcome".into()));
    }
    assert_eq!(paths(&server), ["/token", "/things", "/things", "/things"]);
    let asked = &server.asked()[0];
    assert_eq!(asked.body, "grant_type=client_credentials&client_id=me&client_secret=open+sesame%2C+please");
    let signed_in = tail.sent().into_iter().find(|sent| sent.role == "sign-in").expect("an audit entry");
    assert_eq!((signed_in.path.as_str(), signed_in.status), ("/token", 200));
}

#[tokio::test]
async fn after_a_401_a_token_is_had_once_and_the_request_made_again() {
    let server = counting().await;
    let session = session(&server, "client-credentials", &[("client_secret", "open sesame, please")]).await;
    assert_eq!(ask(&session, "GET /things").await.0, "200");
    // The system forgets the token by itself.
    let direct = directly(&server, "/expire").await;
    assert!(direct.contains("expired"));
    // `/token` answers with a higher number than the one expired to, so the new token is good.
    assert_eq!(ask(&session, "POST /things {}").await.0, "200");
    assert_eq!(paths(&server), ["/token", "/things", "/expire", "/things", "/token", "/things"]);
    assert_eq!(server.asked().last().map(|asked| asked.body.clone()).as_deref(), Some("{}"));
}

/// A request without Lockstep.
async fn directly(server: &Server, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.expect("a connection");
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await.expect("sent");
    let mut bytes = vec![0; 1024];
    let count = stream.read(&mut bytes).await.expect("an answer");
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[tokio::test]
async fn a_token_that_never_worked_is_not_exchanged_again_and_again() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/token" => answer(200, "", r#"{"access_token":"never-good-enough"}"#),
        _ => answer(401, "", "no"),
    })
    .await;
    let session = session(&server, "client-credentials", &[("client_secret", "open sesame, please")]).await;
    for _ in 0..3 {
        assert_eq!(ask(&session, "GET /things").await, ("401".into(), "no".into()));
    }
    assert_eq!(paths(&server).iter().filter(|path| *path == "/token").count(), 1);
}

#[tokio::test]
async fn a_refused_sign_in_is_told_as_a_401_and_not_tried_on_and_on() {
    let refusal = r#"{"error":"invalid_client","error_description":"bad secret: open sesame, please"}"#;
    let server = Server::start(move |_| answer(400, "", refusal)).await;
    let session = session(&server, "client-credentials", &[("client_secret", "open sesame, please")]).await;
    for _ in 0..2 {
        let item = tell(&session, &["GET /things"]).await.remove(0);
        assert_eq!(item.name, "401");
        assert!(item.remedy.contains("lockstep-answer: sign-in"), "{}", item.remedy);
        assert!(item.message.contains("invalid_client: bad secret: [scrubbed]"), "{}", item.message);
    }
    assert_eq!(paths(&server), ["/token"]);
    let Err(HostError::Guest(error)) = session.check(&["sign-in".into()]).await else { panic!("signed in") };
    assert_eq!(error.code, "auth");
}

#[tokio::test]
async fn an_assertion_is_signed_and_says_who_signs() {
    let server = counting().await;
    let session = session(&server, "jwt-bearer", &[("private_key", PRIVATE_KEY)]).await;
    assert_eq!(ask(&session, "GET /things").await.0, "200");
    let body = server.asked()[0].body.clone();
    let assertion = body
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .expect("an assertion");
    let (signed, signature) = assertion.rsplit_once('.').expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').expect("two parts").1).expect("base64");
    let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!((&claims["iss"], &claims["sub"]), (&"me".into(), &"ada@example.com".into()));
    assert_eq!(claims["aud"], "https://login.example.com");
    let key = PrivateKeyDer::from_pem_slice(PRIVATE_KEY.as_bytes()).expect("a key");
    let PrivateKeyDer::Pkcs8(key) = key else { panic!("another kind of key") };
    let pair = ring::signature::RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("a key");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref());
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    public.verify(signed.as_bytes(), &signature).expect("a good signature");
    let items = tell(&session, &["sign hello"]).await;
    assert_eq!(items[0].message, "256 bytes");
}

#[tokio::test]
async fn what_the_tokens_answer_says_is_told_where_it_was_asked_for_and_no_token_is() {
    let server = counting().await;
    let session = session(&server, "client-credentials", &[("client_secret", "open sesame, please")]).await;
    let (name, words) = ask(&session, "sign-in").await;
    assert_eq!((name.as_str(), words.as_str()), ("signed-in", "instance_url=https://mine.example.com"));
    assert_eq!(ask(&session, "GET /things").await.0, "200");
    assert_eq!(ask(&session, "sign-in anew").await.0, "signed-in");
    assert_eq!(paths(&server), ["/token", "/things", "/token"]);
}

#[tokio::test]
async fn credentials_go_to_the_schemes_hosts_only() {
    let (mine, other) = (counting().await, Server::start(|_| answer(200, "", "thanks")).await);
    let mut config = config(&mine, "bearer", &[("token", "a-long-lived-token")]);
    config.config["other_url"] = other.url().into();
    config.grants.push(other.grant());
    let session = load("courier").await.open(Role::Read, config).await.expect("a session");
    assert_eq!(ask(&session, &format!("GET {}/steal", other.url())).await.0, "200");
    assert_eq!(other.asked()[0].header("authorization"), "");
    assert_eq!(ask(&session, "GET /things").await.0, "401");
    assert_eq!(mine.asked()[0].header("authorization"), "Bearer a-long-lived-token");
}

#[tokio::test]
async fn a_redirect_is_handed_back_and_takes_no_credentials_along() {
    let other = Server::start(|_| answer(200, "", "thanks")).await;
    let to = other.url();
    let mine = Server::start(move |_| answer(302, &format!("location: {to}/steal\r\n"), "")).await;
    let session = session(&mine, "bearer", &[("token", "a-long-lived-token")]).await;
    assert_eq!(ask(&session, "GET /things").await.0, "302");
    // Where it leads is not granted, whoever says it.
    assert_eq!(ask(&session, &format!("GET {}/steal", other.url())).await.0, "denied");
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn keys_and_passwords_travel_as_their_kinds_say() {
    let server = Server::start(|asked| {
        answer(200, "", format!("{}|{}", asked.header("x-api-key"), asked.header("authorization").len()))
    })
    .await;
    let by_key = session(&server, "api-key", &[("key", "shortkey")]).await;
    assert_eq!(ask(&by_key, "GET /").await.1, "shortkey|0");
    let by_password = session(&server, "basic", &[("password", "pencil")]).await;
    ask(&by_password, "GET /").await;
    let asked = server.asked().pop().expect("a request");
    assert_eq!(asked.header("authorization"), "Basic YWRhQGV4YW1wbGUuY29tOnBlbmNpbA==");
}

#[tokio::test]
async fn an_answer_that_echoes_a_secret_is_scrubbed() {
    let echo = |asked: &Asked| -> Vec<Part> {
        let token = asked.header("authorization").to_owned();
        answer(200, &format!("x-echo: {token}\r\nlockstep-answer: budget\r\n"), format!(r#"{{"you":"{token}"}}"#))
    };
    let server = Server::start(echo).await;
    let session = session(&server, "bearer", &[("token", "a-long-lived-token")]).await;
    let item = tell(&session, &["GET /"]).await.remove(0);
    assert_eq!(item.message, r#"{"you":"Bearer [scrubbed]"}"#);
    assert!(item.remedy.contains("x-echo: Bearer [scrubbed]"), "{}", item.remedy);
    assert!(!item.remedy.contains("lockstep-answer"), "only the host says that it answered");
}

#[derive(Default)]
struct InMemory(Mutex<std::collections::BTreeMap<String, Vec<u8>>>);

impl Keeper for InMemory {
    fn load(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        Ok(self.0.lock().get(name).cloned().map(Zeroizing::new))
    }

    fn keep(&self, name: &str, content: &[u8]) -> Result<(), String> {
        self.0.lock().insert(name.to_owned(), content.to_vec());
        Ok(())
    }
}

/// The courier in a host with a memory.
async fn keeping(keeper: &Arc<InMemory>) -> Component {
    let options = HostOptions {
        cache_dir: Some(std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled")),
        keeper: Some(Arc::clone(keeper) as Arc<dyn Keeper>),
        ..HostOptions::default()
    };
    let host = Host::new(options).expect("a host");
    host.load_file(&path("courier"), None).await.expect("a component")
}

#[tokio::test]
async fn a_refresh_token_that_changes_is_used_again_after_a_restart() {
    let good = Arc::new(Mutex::new("the-configured-one".to_owned()));
    let server = Server::start(move |asked| {
        if asked.path != "/token" {
            return answer(200, "", "welcome");
        }
        let mut good = good.lock();
        let form = &asked.body;
        if !form.ends_with(&format!("refresh_token={good}")) {
            return answer(400, "", r#"{"error":"invalid_grant"}"#);
        }
        *good = format!("{good}-and-on");
        answer(200, "", format!(r#"{{"access_token":"a","refresh_token":"{good}"}}"#))
    })
    .await;
    let keeper = Arc::new(InMemory::default());
    for _ in 0..3 {
        let component = keeping(&keeper).await;
        let secrets = [("client_secret", "open sesame, please"), ("refresh_token", "the-configured-one")];
        let config = config(&server, "refresh-token", &secrets);
        let session = component.open(Role::Read, config).await.expect("a session");
        assert_eq!(ask(&session, "GET /things").await.0, "200");
    }
    let kept = keeper.0.lock();
    let kept = String::from_utf8_lossy(&kept["refresh-token/test"]).into_owned();
    assert!(kept.ends_with("\nthe-configured-one-and-on-and-on-and-on\n"), "{kept}");
}

#[tokio::test]
async fn a_component_that_is_stopped_while_signing_in_costs_no_refresh_token() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/token" => {
            let told = answer(200, "", r#"{"access_token":"a-token","refresh_token":"the-next-one"}"#);
            [vec![Part::Pause(Duration::from_millis(300))], told].into_iter().flatten().collect()
        }
        _ => answer(200, "", "welcome"),
    })
    .await;
    let keeper = Arc::new(InMemory::default());
    let component = keeping(&keeper).await;
    let secrets = [("client_secret", "open sesame, please"), ("refresh_token", "the-configured-one")];
    let session = component.open(Role::Read, config(&server, "refresh-token", &secrets)).await.expect("a session");
    session.check(&[]).await.expect("an instance");
    let stopped = tokio::time::timeout(Duration::from_millis(100), session.check(&["GET /things".into()])).await;
    assert!(stopped.is_err());
    tokio::time::sleep(Duration::from_millis(600)).await;
    let kept = String::from_utf8_lossy(&keeper.0.lock()["refresh-token/test"]).into_owned();
    assert!(kept.ends_with("\nthe-next-one\n"), "{kept}");
    assert_eq!(ask(&session, "GET /things").await.0, "200");
    assert_eq!(paths(&server), ["/token", "/things"]);
}

#[tokio::test]
async fn a_connection_that_cannot_sign_in_is_not_opened() {
    let server = counting().await;
    let open = async |auth: Option<&str>, pairs: &[(&str, &str)]| {
        let mut config = config(&server, "", pairs);
        config.auth = auth.map(str::to_owned);
        load("courier").await.open(Role::Read, config).await.err()
    };
    for (auth, pairs, words) in [
        (Some("unheard-of"), &[][..], "knows no authentication \"unheard-of\""),
        (Some("bearer"), &[], "needs the secret `token`"),
        (None, &[("token", "x"), ("key", "y")], "several ways"),
    ] {
        let error = open(auth, pairs).await.expect("a refusal");
        assert_eq!(error.code(), "LS-H018");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(open(None, &[]).await.is_none());
    assert!(open(Some("none"), &[]).await.is_none());
}
