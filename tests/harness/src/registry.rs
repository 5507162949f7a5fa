//! A registry on loopback, as far as the OCI distribution specification is needed to pull and
//! push: manifests, blobs, referrers, and tokens where it wants some. It can be made to lie.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, sync::oneshot};

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// What the token service gives.
const TOKEN: &str = "a-token-of-the-registry";

/// One request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    pub with_credentials: bool,
}

#[derive(Default)]
struct Held {
    blobs: BTreeMap<String, Bytes>,
    /// By `REPOSITORY@NAME`, where the name is a tag or a digest.
    manifests: BTreeMap<String, Bytes>,
    /// By the manifest's digest.
    referrers: BTreeMap<String, Vec<Value>>,
    /// Instead of blobs.
    redirect: Option<String>,
    /// The `authorization` header that the token service takes.
    login: Option<String>,
    asked: Vec<Asked>,
}

/// A registry that runs until it is dropped.
pub struct Registry {
    address: SocketAddr,
    held: Arc<Mutex<Held>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Registry {
    /// On a free port.
    pub fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).context("a port for the registry")?;
        let address = listener.local_addr()?;
        let held = Arc::new(Mutex::new(Held::default()));
        let (stop, stopped) = oneshot::channel();
        let served = held.clone();
        let thread = std::thread::Builder::new().name("registry".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, address, served) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Registry { address, held, stop: Some(stop), thread: Some(thread) })
    }

    /// Host and port, as references name it.
    pub fn place(&self) -> String {
        self.address.to_string()
    }

    /// From now on nothing is answered without a token, for which the service takes this `authorization`.
    pub fn want_token(&self, authorization: &str) {
        self.held.lock().login = Some(authorization.to_owned());
    }

    /// Blobs are said to be elsewhere from now on.
    pub fn redirect_blobs(&self, to: Option<&str>) {
        self.held.lock().redirect = to.map(str::to_owned);
    }

    /// Gives other bytes for a blob than its digest says.
    pub fn forge_blob(&self, digest: &str, bytes: &[u8]) {
        self.held.lock().blobs.insert(digest.to_owned(), Bytes::copy_from_slice(bytes));
    }

    /// Keeps a blob; its digest.
    pub fn put_blob(&self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        self.forge_blob(&digest, bytes);
        digest
    }

    /// Gives a manifest under a name, whatever that says of it; its digest.
    pub fn put_manifest(&self, repository: &str, name: &str, manifest: &Value) -> String {
        let bytes = Bytes::from(manifest.to_string());
        let digest = digest(&bytes);
        let mut held = self.held.lock();
        for name in [name, &digest] {
            held.manifests.insert(format!("{repository}@{name}"), bytes.clone());
        }
        digest
    }

    pub fn manifest(&self, repository: &str, name: &str) -> Option<Value> {
        let held = self.held.lock();
        serde_json::from_slice(held.manifests.get(&format!("{repository}@{name}"))?).ok()
    }

    /// Something that refers to a manifest.
    pub fn refer(&self, manifest: &str, descriptor: Value) {
        self.held.lock().referrers.entry(manifest.to_owned()).or_default().push(descriptor);
    }

    /// Every request since the last time.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.held.lock().asked)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

async fn serve(listener: TcpListener, address: SocketAddr, held: Arc<Mutex<Held>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let held = held.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let held = held.clone();
                async move { Ok::<_, Infallible>(answered(request, address, &held).await) }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

type Answer = Response<Full<Bytes>>;

async fn answered(request: Request<Incoming>, address: SocketAddr, held: &Mutex<Held>) -> Answer {
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut held = held.lock();
    held.asked.push(Asked {
        method: method.to_string(),
        path: uri.to_string(),
        with_credentials: authorization.is_some(),
    });
    if let Some(login) = &held.login {
        if uri.path() == "/token" {
            return match authorization.as_ref() == Some(login) {
                true => of(StatusCode::OK, json!({ "token": TOKEN }).to_string()),
                false => failed(StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            };
        }
        if authorization.as_deref() != Some(&format!("Bearer {TOKEN}")) {
            let wanted =
                format!("Bearer realm=\"http://{address}/token\",service=\"test\",scope=\"repository:x:pull\"");
            let mut answer = failed(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
            answer.headers_mut().extend(wanted.parse().ok().map(|wanted| (WWW_AUTHENTICATE, wanted)));
            return answer;
        }
    }
    held.answer(&method, uri.path(), uri.query().unwrap_or_default(), body)
}

impl Held {
    fn answer(&mut self, method: &Method, path: &str, query: &str, body: Bytes) -> Answer {
        let Some(path) = path.strip_prefix("/v2/") else { return failed(StatusCode::NOT_FOUND, "NOT_FOUND") };
        if let Some((repository, name)) = path.split_once("/manifests/") {
            return self.manifests(method, repository, name, body);
        }
        if let Some((_, upload)) = path.split_once("/blobs/uploads/") {
            return self.upload(method, path, upload, query, body);
        }
        if let Some((_, name)) = path.split_once("/blobs/") {
            return match (self.blobs.get(name), &self.redirect) {
                (Some(_), Some(to)) if method == Method::GET => located(StatusCode::TEMPORARY_REDIRECT, to),
                (Some(bytes), _) => of(StatusCode::OK, bytes.clone()),
                (None, _) => failed(StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            };
        }
        match path.split_once("/referrers/").and_then(|(_, name)| self.referrers.get(name)) {
            Some(found) => of(StatusCode::OK, json!({ "mediaType": INDEX_TYPE, "manifests": found }).to_string()),
            None => failed(StatusCode::NOT_FOUND, "NOT_FOUND"),
        }
    }

    fn manifests(&mut self, method: &Method, repository: &str, name: &str, body: Bytes) -> Answer {
        if method == Method::PUT {
            for name in [name, &digest(&body)] {
                self.manifests.insert(format!("{repository}@{name}"), body.clone());
            }
            return of(StatusCode::CREATED, "");
        }
        match self.manifests.get(&format!("{repository}@{name}")) {
            Some(bytes) => of(StatusCode::OK, bytes.clone()),
            None => failed(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
        }
    }

    /// Begun with POST, ended with PUT at the place that the first answer names.
    fn upload(&mut self, method: &Method, path: &str, upload: &str, query: &str, body: Bytes) -> Answer {
        static UPLOADS: AtomicU64 = AtomicU64::new(0);
        if method == Method::POST {
            let number = UPLOADS.fetch_add(1, Ordering::Relaxed);
            return located(StatusCode::ACCEPTED, &format!("/v2/{path}{number}?state=begun"));
        }
        let said = query.strip_prefix("state=begun&digest=").unwrap_or_default();
        if upload.is_empty() || said != digest(&body) {
            return failed(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
        }
        self.blobs.insert(said.to_owned(), body);
        of(StatusCode::CREATED, "")
    }
}

fn of(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().extend(MANIFEST_TYPE.parse().ok().map(|kind| (CONTENT_TYPE, kind)));
    answer
}

fn failed(status: StatusCode, code: &str) -> Answer {
    of(status, json!({ "errors": [{ "code": code, "message": "words of the registry" }] }).to_string())
}

fn located(status: StatusCode, to: &str) -> Answer {
    let mut answer = of(status, "");
    answer.headers_mut().extend(to.parse().ok().map(|to| (LOCATION, to)));
    answer
}
