//! The way of an operation to a sync's records: through the actor that is at
//! work, or, when none is, on the state file alone.

use std::sync::Arc;

use lockstep_core::{
    delta::Delta,
    record::{FieldId, SideId},
    spec::SyncSpec,
};
use lockstep_state::{StateError, SyncId};
use tokio::sync::oneshot;

use crate::{
    EngineError,
    engine::Shared,
    sync::{Core, Request, Worked},
};

impl Shared {
    /// Runs `work` where the sync's records may be changed, and commits what it
    /// planned before answering.
    pub(crate) async fn with_core<R: Send + 'static>(
        &self,
        sync: &str,
        work: impl FnOnce(&mut Core) -> Result<(R, Delta), EngineError> + Send + 'static,
    ) -> Result<R, EngineError> {
        self.sync(sync)?;
        let Some(door) = self.door(sync) else {
            let mut core = self.core(sync).await?;
            let (answer, delta) = work(&mut core)?;
            core.commit_now(delta)?;
            return Ok(answer);
        };
        let (tell, told) = oneshot::channel();
        let request = Request::Work(Box::new(move |core| {
            let (delta, answer) = match work(core) {
                Ok((answer, delta)) => (delta, Ok(answer)),
                Err(error) => (Delta::default(), Err(error)),
            };
            Worked {
                delta,
                answer: Box::new(move || {
                    let _ = tell.send(answer);
                }),
            }
        }));
        door.send(request).await.map_err(|_| EngineError::Stopped)?;
        told.await.map_err(|_| EngineError::Stopped)?
    }

    /// The sync's number and mapping.
    pub(crate) async fn known(&self, sync: &str) -> Result<(SyncId, Arc<SyncSpec>), EngineError> {
        self.sync(sync)?;
        let spec = self.spec(sync).await?;
        let id = self
            .store
            .sync_id(sync)?
            .ok_or_else(|| EngineError::from(StateError::Unknown { what: "sync", name: sync.to_owned() }))?;
        Ok((id, spec))
    }

    /// The syncs asked about: the one named, or all.
    pub(crate) fn asked(&self, sync: Option<&str>) -> Result<Vec<String>, EngineError> {
        match sync {
            Some(name) => self.sync(name).map(|sync| vec![sync.name.clone()]),
            None => Ok(self.config.syncs.iter().map(|sync| sync.name.clone()).collect()),
        }
    }
}

/// A side by its name.
pub(super) fn side_id(spec: &SyncSpec, name: &str) -> Result<SideId, EngineError> {
    spec.sides()
        .find(|side| *side.name == *name)
        .map(|side| side.id)
        .ok_or_else(|| EngineError::UnknownSide { sync: spec.name.to_string(), side: name.to_owned() })
}

/// A field by its name.
pub(super) fn field_id(spec: &SyncSpec, name: &str) -> Result<FieldId, EngineError> {
    spec.fields()
        .find(|field| *field.name == *name)
        .map(|field| field.id)
        .ok_or_else(|| EngineError::UnknownField { sync: spec.name.to_string(), field: name.to_owned() })
}
