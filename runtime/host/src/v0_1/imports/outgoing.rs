//! `wasi:http/outgoing-handler`: WASI's own, but that a request's options are
//! forgotten with it. There they stay in the instance's table for good, and a session
//! would end after as many requests as it may hold handles. And `future-incoming-response.get` of
//! `wasi:http/types`, which tells a recording whether the answer was there.

use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};
use wasmtime_wasi_http::{
    RequestOptions, WasiHttpView,
    p2::{
        bindings::http::{
            outgoing_handler::Host,
            types::{ErrorCode, HostFutureIncomingResponse as _},
        },
        types::{HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest},
    },
};

use wasmtime_wasi_io::poll::Pollable;

use crate::{record::event::Event, store::StoreData};

type Asked = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);
type Answered = (Result<Resource<HostFutureIncomingResponse>, ErrorCode>,);

/// Offer the interface.
pub(crate) fn add_to_linker(linker: &mut Linker<StoreData>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("wasi:http/outgoing-handler@0.2.12")?;
    interface.func_wrap("handle", |mut store: StoreContextMut<'_, StoreData>, (request, options): Asked| {
        handle(store.data_mut(), request, options)
    })?;
    linker.allow_shadowing(true);
    let added = linker.instance("wasi:http/types@0.2.12").and_then(|mut interface| {
        interface.func_wrap_async(
            "[method]future-incoming-response.get",
            |mut store: StoreContextMut<'_, StoreData>, (future,): (Resource<HostFutureIncomingResponse>,)| {
                Box::new(async move { get(store.data_mut(), future).await })
            },
        )
    });
    linker.allow_shadowing(false);
    added
}

type Got = (Option<Result<Result<Resource<HostIncomingResponse>, ErrorCode>, ()>>,);

async fn get(data: &mut StoreData, future: Resource<HostFutureIncomingResponse>) -> wasmtime::Result<Got> {
    if let Some(player) = data.tape.player() {
        let player = std::sync::Arc::clone(player);
        match player.got() {
            Some(false) => return Ok((None,)),
            // As it was there then, it is on its way now.
            Some(true) => data.table.get_mut(&future)?.ready().await,
            None => player.idle().await?,
        }
        player.check()?;
    }
    let got = data.http().get(future)?;
    data.tape.note(|| Event::Got { ready: got.is_some() });
    Ok((got,))
}

fn handle(
    data: &mut StoreData,
    request: Resource<HostOutgoingRequest>,
    options: Option<Resource<RequestOptions>>,
) -> wasmtime::Result<Answered> {
    let given_away = options.as_ref().map(|options| Resource::<RequestOptions>::new_own(options.rep()));
    let answer = data.http().handle(request, options);
    if let Some(player) = data.tape.player() {
        player.check()?;
    }
    if let Some(options) = given_away {
        data.table.delete(options)?;
    }
    Ok((match answer {
        Ok(future) => Ok(future),
        Err(error) => Err(error.downcast()?),
    },))
}
