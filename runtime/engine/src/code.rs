//! The code that mappings name: whoever loads it, and how a sync is fitted out with
//! it. Knows nothing of components or files.

use std::sync::Arc;

use async_trait::async_trait;
use lockstep_core::{
    code::{Judge, Transform},
    config::Sync,
};

use crate::EngineError;

/// Loads code by the name that a configuration gives it.
#[async_trait]
pub trait CodeSource: Send + std::marker::Sync {
    /// # Errors
    /// [`EngineError::Code`].
    async fn transform(&self, name: &str) -> Result<Arc<dyn Transform>, EngineError>;

    /// # Errors
    /// [`EngineError::Code`].
    async fn judge(&self, name: &str) -> Result<Arc<dyn Judge>, EngineError>;
}

/// Where nothing loads code.
#[derive(Clone, Copy, Debug)]
pub struct NoCode;

impl NoCode {
    fn refusal(name: &str) -> EngineError {
        EngineError::Code {
            code: "LS-ENG-303",
            message: format!("{name} cannot be used: nothing here runs components"),
            remedy: "use an expression or one of the built-in rules".to_owned(),
        }
    }
}

#[async_trait]
impl CodeSource for NoCode {
    async fn transform(&self, name: &str) -> Result<Arc<dyn Transform>, EngineError> {
        Err(NoCode::refusal(name))
    }

    async fn judge(&self, name: &str) -> Result<Arc<dyn Judge>, EngineError> {
        Err(NoCode::refusal(name))
    }
}

/// The sync with the code that it names, as that is now.
///
/// # Errors
/// When any of it cannot be loaded.
pub(crate) async fn equipped(source: &dyn CodeSource, sync: &Sync) -> Result<Sync, EngineError> {
    let mut sync = sync.clone();
    let (transforms, judges) = sync.code();
    for slot in transforms {
        slot.code = Some(source.transform(&slot.path).await?);
    }
    for slot in judges {
        slot.code = Some(source.judge(&slot.path).await?);
    }
    Ok(sync)
}
