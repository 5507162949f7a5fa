//! Loading what mappings name of code: a component's file beside the configuration,
//! read anew when it changed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use lockstep_core::code::{Judge, Transform};
use lockstep_engine::{CodeSource, EngineError};
use lockstep_host::{Host, HostError, LoadLimits};
use tokio::sync::Mutex;

use crate::connectors::{Loader, Source};

/// Loads code by its path, relative to the configuration.
pub struct Files {
    folder: PathBuf,
    loader: Arc<Loader>,
    transforms: Mutex<Known<dyn Transform>>,
    judges: Mutex<Known<dyn Judge>>,
}

/// What came of each file, by path, and what the file looked like then.
type Known<C> = BTreeMap<PathBuf, (Look, Loaded<C>)>;

enum Loaded<C: ?Sized> {
    Code(Arc<C>),
    /// It is not compiled again before this.
    Refused(HostError, Instant),
}

/// The same file may have failed for what is over by then, such as a busy machine.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// Another one is another file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Files {
    pub fn new(folder: &Path, loader: Arc<Loader>) -> Self {
        Files { folder: folder.to_owned(), loader, transforms: Mutex::default(), judges: Mutex::default() }
    }

    async fn load<C: ?Sized>(
        &self,
        name: &str,
        known: &Mutex<Known<C>>,
        make: impl AsyncFnOnce(&Host, Vec<u8>, &LoadLimits) -> Result<Arc<C>, HostError>,
    ) -> Result<Arc<C>, EngineError> {
        let refused = |error: HostError| EngineError::Code {
            code: error.code(),
            message: format!("{name}: {error}"),
            remedy: match &error {
                HostError::ContractVersion { .. } | HostError::ForeignImport { .. } => {
                    "Build it for the world that this place wants: see docs/code.md.".to_owned()
                }
                HostError::Unreadable { .. } => {
                    "Build it, or correct its path, which is relative to the configuration file.".to_owned()
                }
                other => other.remedy(),
            },
        };
        let path = self.folder.join(name);
        let look = look(&path).map_err(refused)?;
        let mut known = known.lock().await;
        match known.get(&path).filter(|(seen, _)| *seen == look) {
            Some((_, Loaded::Code(code))) => return Ok(Arc::clone(code)),
            Some((_, Loaded::Refused(error, until))) if Instant::now() < *until => return Err(refused(error.clone())),
            Some(_) | None => {}
        }
        let limits = LoadLimits::default();
        let loaded = async {
            let (host, bytes) = self.loader.admitted(&Source::File(path.clone()), &limits).await?;
            make(host, bytes, &limits).await
        };
        match loaded.await {
            Ok(code) => {
                tracing::info!(file = %path.display(), "code loaded");
                known.insert(path, (look, Loaded::Code(Arc::clone(&code))));
                Ok(code)
            }
            Err(error) => {
                known.insert(path, (look, Loaded::Refused(error.clone(), Instant::now() + REFUSED_FOR)));
                Err(refused(error))
            }
        }
    }
}

fn look(path: &Path) -> Result<Look, HostError> {
    let unreadable = |reason: String| HostError::Unreadable { what: "the component".to_owned(), reason };
    let about = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    match about.is_file() {
        true => Ok(Look { bytes: about.len(), modified: about.modified().ok() }),
        false => Err(unreadable("it is no file".to_owned())),
    }
}

#[async_trait]
impl CodeSource for Files {
    async fn transform(&self, name: &str) -> Result<Arc<dyn Transform>, EngineError> {
        self.load(name, &self.transforms, async |host, bytes, limits| host.transform(bytes, limits).await).await
    }

    async fn judge(&self, name: &str) -> Result<Arc<dyn Judge>, EngineError> {
        self.load(name, &self.judges, async |host, bytes, limits| host.policy(bytes, limits).await).await
    }
}
