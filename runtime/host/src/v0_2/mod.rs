//! Contract version 0.2: all of 0.1, and that a session is told when it is over. A
//! component for 0.1 is one that exports nothing of this.

mod bindings;

use wasmtime::{
    Store,
    component::{Component, InstancePre, Linker},
};

use self::bindings::{Added, AddedIndices};
use crate::{examine::Version, store::StoreData, v0_1};

/// A component linked to its imports, ready to be instantiated.
pub(crate) struct Instantiable {
    linked: InstancePre<StoreData>,
    base: v0_1::Indices,
    added: Option<AddedIndices>,
}

/// An instance's exports.
pub(crate) struct Bindings {
    pub(crate) base: v0_1::Bindings,
    added: Option<Added>,
}

impl Instantiable {
    pub(crate) async fn instantiate(&self, mut store: &mut Store<StoreData>) -> wasmtime::Result<Bindings> {
        let instance = self.linked.instantiate_async(&mut store).await?;
        let base = self.base.load(&mut store, &instance)?;
        let added = self.added.as_ref().map(|added| added.load(&mut store, &instance)).transpose()?;
        Ok(Bindings { base, added })
    }
}

/// Link a component that is built for `version` to what the host offers.
pub(crate) fn prepare(
    linker: &Linker<StoreData>,
    component: &Component,
    version: Version,
) -> wasmtime::Result<Instantiable> {
    let linked = linker.instantiate_pre(component)?;
    let base = v0_1::Indices::new(&linked)?;
    let added = (version >= Version(0, 2, 0)).then(|| AddedIndices::new(&linked)).transpose()?;
    Ok(Instantiable { linked, base, added })
}

impl Bindings {
    /// Whether the session wants to be told that it is over.
    pub(crate) fn says_goodbye(&self) -> bool {
        self.added.is_some()
    }
}

/// Call `close`, where there is one.
pub(crate) async fn close(store: &mut Store<StoreData>, bindings: &Bindings) -> wasmtime::Result<()> {
    match &bindings.added {
        Some(added) => added.lockstep_connector0_2_0_session().call_close(store).await,
        None => Ok(()),
    }
}
