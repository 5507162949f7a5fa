//! `wasi:http/outgoing-handler`: WASI's own, but that a request's options are
//! forgotten with it. There they stay in the instance's table for good, and a session
//! would end after as many requests as it may hold handles.

use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};
use wasmtime_wasi_http::{
    RequestOptions, WasiHttpView,
    p2::{
        bindings::http::{outgoing_handler::Host, types::ErrorCode},
        types::{HostFutureIncomingResponse, HostOutgoingRequest},
    },
};

use crate::store::StoreData;

type Asked = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);
type Answered = (Result<Resource<HostFutureIncomingResponse>, ErrorCode>,);

/// Offer the interface.
pub(crate) fn add_to_linker(linker: &mut Linker<StoreData>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("wasi:http/outgoing-handler@0.2.12")?;
    interface.func_wrap("handle", |mut store: StoreContextMut<'_, StoreData>, (request, options): Asked| {
        handle(store.data_mut(), request, options)
    })
}

fn handle(
    data: &mut StoreData,
    request: Resource<HostOutgoingRequest>,
    options: Option<Resource<RequestOptions>>,
) -> wasmtime::Result<Answered> {
    let given_away = options.as_ref().map(|options| Resource::<RequestOptions>::new_own(options.rep()));
    let answer = data.http().handle(request, options);
    if let Some(options) = given_away {
        data.table.delete(options)?;
    }
    Ok((match answer {
        Ok(future) => Ok(future),
        Err(error) => Err(error.downcast()?),
    },))
}
