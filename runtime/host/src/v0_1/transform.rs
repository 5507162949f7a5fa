//! Calls of the `transform` world, between its types and the core's.

use lockstep_core::{
    code::{Parameter, TransformAbout},
    schema::Kind,
    value::Value,
};
use wasmtime::{
    Store,
    component::{Component, Linker},
};

use super::{answer, cells};
use crate::lines::printable;

mod bindings {
    #![allow(missing_docs, clippy::all)]
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1.0",
        world: "transform-world",
        exports: { default: async },
        with: { "lockstep:connector/model": crate::v0_1::bindings::lockstep::connector::model },
    });
}

/// The interface that such a component exports.
pub(crate) const INTERFACE: &str = "lockstep:connector/transform";

/// Values that one takes, at most.
const TAKES_MAX: usize = 100;

pub(crate) struct Prepared<T: 'static>(bindings::TransformWorldPre<T>);

impl<T: Send + 'static> Prepared<T> {
    pub(crate) fn new(linker: &Linker<T>, component: &Component) -> wasmtime::Result<Self> {
        Ok(Prepared(bindings::TransformWorldPre::new(linker.instantiate_pre(component)?)?))
    }

    /// What it says of itself, or why that makes no sense.
    pub(crate) async fn describe(&self, store: &mut Store<T>) -> wasmtime::Result<Result<TransformAbout, String>> {
        let world = self.0.instantiate_async(&mut *store).await?;
        Ok(about(world.lockstep_connector_transform().call_describe(store).await?))
    }

    pub(crate) async fn read(
        &self,
        store: &mut Store<T>,
        values: &[&Value],
    ) -> wasmtime::Result<Result<Value, String>> {
        let values: Option<Vec<_>> = values.iter().map(|value| cells::to_guest(Some(value))).collect();
        let Some(values) = values else { return Ok(Err(NO_CELL.to_owned())) };
        let world = self.0.instantiate_async(&mut *store).await?;
        let answer = world.lockstep_connector_transform().call_read(store, &values).await?;
        Ok(answer.map(|cell| cells::from_guest(cell).unwrap_or(Value::Null)))
    }

    pub(crate) async fn write(&self, store: &mut Store<T>, value: &Value) -> wasmtime::Result<Result<Value, String>> {
        let Some(cell) = cells::to_guest(Some(value)) else { return Ok(Err(NO_CELL.to_owned())) };
        let world = self.0.instantiate_async(&mut *store).await?;
        let answer = world.lockstep_connector_transform().call_write(store, &cell).await?;
        Ok(answer.map(|cell| cells::from_guest(cell).unwrap_or(Value::Null)))
    }
}

/// What a component is called, for people.
fn label(text: &str) -> String {
    printable(text, 100)
}

const NO_CELL: &str = "a value of this kind cannot be given to it";

fn about(told: bindings::exports::lockstep::connector::transform::About) -> Result<TransformAbout, String> {
    if told.takes.is_empty() || told.takes.len() > TAKES_MAX {
        return Err(format!("it takes {} values, and 1 to {TAKES_MAX} is what one can", told.takes.len()));
    }
    if told.writes && told.takes.len() != 1 {
        return Err("it writes, and takes more than one value".to_owned());
    }
    let kind = |name: String| Kind::named(&name).ok_or(format!("there is no kind `{name}`"));
    let takes = told.takes.into_iter().map(|one| {
        let kinds = one.kinds.into_iter().map(kind).collect::<Result<_, _>>()?;
        Ok(Parameter { name: label(&one.name), kinds })
    });
    Ok(TransformAbout {
        name: label(&told.name),
        version: label(&told.version),
        takes: takes.collect::<Result<_, String>>()?,
        gives: answer::column_type(told.gives),
        writes: told.writes,
    })
}
