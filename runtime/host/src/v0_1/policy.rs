//! Calls of the `policy` world, between its types and the core's.

use lockstep_core::{
    code::{Claimant, Dispute, Ruling},
    value::Value,
};
use wasmtime::{
    Store,
    component::{Component, Linker},
};

use self::bindings::exports::lockstep::connector::policy as face;
use super::{bindings::lockstep::connector::model::Cell, cells};

mod bindings {
    #![allow(missing_docs, clippy::all)]
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1.0",
        world: "policy-world",
        exports: { default: async },
        with: { "lockstep:connector/model": crate::v0_1::bindings::lockstep::connector::model },
    });
}

/// The interface that such a component exports.
pub(crate) const INTERFACE: &str = "lockstep:connector/policy";

pub(crate) struct Prepared<T: 'static>(bindings::PolicyWorldPre<T>);

impl<T: Send + 'static> Prepared<T> {
    pub(crate) fn new(linker: &Linker<T>, component: &Component) -> wasmtime::Result<Self> {
        Ok(Prepared(bindings::PolicyWorldPre::new(linker.instantiate_pre(component)?)?))
    }

    /// Name and version.
    pub(crate) async fn describe(&self, store: &mut Store<T>) -> wasmtime::Result<(String, String)> {
        let world = self.0.instantiate_async(&mut *store).await?;
        let about = world.lockstep_connector_policy().call_describe(store).await?;
        Ok((about.name, about.version))
    }

    pub(crate) async fn decide(
        &self,
        store: &mut Store<T>,
        dispute: &Dispute<'_>,
    ) -> wasmtime::Result<Result<Ruling, String>> {
        let world = self.0.instantiate_async(&mut *store).await?;
        let verdict = world.lockstep_connector_policy().call_decide(store, &told(dispute)).await?;
        Ok(verdict.map(|verdict| match verdict {
            face::Verdict::Incumbent => Ruling::Incumbent,
            face::Verdict::Incoming => Ruling::Incoming,
            face::Verdict::Merged(cell) => Ruling::Merged(cells::from_guest(cell).unwrap_or(Value::Null)),
            face::Verdict::Hold(why) => Ruling::Hold(why),
        }))
    }
}

fn told(dispute: &Dispute<'_>) -> face::Dispute {
    let claim = |claimant: &Claimant<'_>| face::Claim { side: claimant.side.to_owned(), at: claimant.at.0 };
    let fields = dispute.fields.iter().map(|one| face::Contested {
        field: one.field.to_owned(),
        base: cell(one.base),
        incumbent: cell(Some(one.incumbent)),
        incoming: cell(Some(one.incoming)),
    });
    let record =
        dispute.record.iter().map(|(name, value)| face::Named { name: (*name).to_owned(), value: cell(Some(value)) });
    face::Dispute {
        sync: dispute.sync.to_owned(),
        incumbent: claim(&dispute.incumbent),
        incoming: claim(&dispute.incoming),
        fields: fields.collect(),
        record: record.collect(),
    }
}

/// References are not told: they are numbers that mean something here only.
fn cell(value: Option<&Value>) -> Cell {
    cells::to_guest(value).unwrap_or(Cell::Absent)
}
