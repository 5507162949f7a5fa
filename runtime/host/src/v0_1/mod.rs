//! Contract version 0.1: generated bindings, the host's side of the imports, and
//! the conversions between its types and the core's. Generated types stay in here.

pub(crate) mod answer;
pub(crate) mod ask;
mod bindings;
mod cells;
mod imports;
pub(crate) mod inert;
pub(crate) mod policy;
pub(crate) mod transform;

use wasmtime::{
    Engine, Store,
    component::{HasSelf, Linker},
};
use wasmtime_wasi::{
    p2::bindings::sockets,
    sockets::{WasiSockets, WasiSocketsView},
};
use wasmtime_wasi_http::{
    WasiHttp, WasiHttpView,
    p2::bindings::{LinkOptions, http},
};

use self::bindings::{
    ConnectorWorld, ConnectorWorldIndices,
    lockstep::connector::{credentials, host, model, tls},
    wasi::sockets as own_sockets,
};
use crate::{error::GuestError, record::pack, store::StoreData};

/// An instance's exports.
pub(crate) type Bindings = ConnectorWorld;

/// Where a component's exports are found.
pub(crate) type Indices = ConnectorWorldIndices;

/// Everything a connector may import. Sockets, name lookup and the HTTP client are the host's own;
/// files, environment and arguments are there and empty.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<StoreData>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    inert::add_to_linker(l)?;
    sockets::instance_network::add_to_linker::<StoreData, WasiSockets>(l, StoreData::sockets)?;
    sockets::network::add_to_linker::<StoreData, WasiSockets>(
        l,
        &sockets::network::LinkOptions::default(),
        StoreData::sockets,
    )?;
    sockets::udp::add_to_linker::<StoreData, WasiSockets>(l, StoreData::sockets)?;
    sockets::udp_create_socket::add_to_linker::<StoreData, WasiSockets>(l, StoreData::sockets)?;
    own_sockets::tcp::add_to_linker::<StoreData, HasSelf<StoreData>>(l, |data| data)?;
    own_sockets::tcp_create_socket::add_to_linker::<StoreData, HasSelf<StoreData>>(l, |data| data)?;
    own_sockets::ip_name_lookup::add_to_linker::<StoreData, HasSelf<StoreData>>(l, |data| data)?;
    http::types::add_to_linker::<StoreData, WasiHttp>(l, &(&LinkOptions::default()).into(), StoreData::http)?;
    imports::outgoing::add_to_linker(l)?;
    imports::poll::add_to_linker(l)?;
    host::add_to_linker::<StoreData, HasSelf<StoreData>>(l, |data| data)?;
    credentials::add_to_linker::<StoreData, HasSelf<StoreData>>(l, |data| data)?;
    tls::add_to_linker::<StoreData, HasSelf<StoreData>>(l, |data| data)?;
    Ok(linker)
}

/// This version, as recordings name it.
pub(crate) const CONTRACT: &str = "0.1";

/// A call in this version's types.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(tag = "call", content = "asked", rename_all = "kebab-case")]
pub(crate) enum Ask {
    Check(Vec<String>),
    Discover(Vec<String>),
    Start(Vec<model::Selection>),
    Release,
    Read(model::PageRequest),
    Changes(model::ChangesRequest),
    Fetch(model::FetchRequest),
    Write(model::WriteRequest),
    Ensure(model::EnsureRequest),
    Ingest(model::Webhook),
}

impl Ask {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Ask::Check(_) => "check",
            Ask::Discover(_) => "discover",
            Ask::Start(_) => "start",
            Ask::Release => "release",
            Ask::Read(_) => "read",
            Ask::Changes(_) => "changes",
            Ask::Fetch(_) => "fetch",
            Ask::Write(_) => "write",
            Ask::Ensure(_) => "ensure",
            Ask::Ingest(_) => "ingest",
        }
    }
}

impl Ask {
    /// The arguments for a recording.
    pub(crate) fn packed(&self) -> serde_json::Value {
        let mut told = serde_json::to_value(self).unwrap_or_default();
        pack(told.get_mut("asked").map(serde_json::Value::take).unwrap_or_default())
    }

    /// As [`Ask::packed`] and unpacked.
    ///
    /// # Errors
    /// Words about what is no call of this version.
    pub(crate) fn unpack(call: &str, asked: serde_json::Value) -> Result<Self, String> {
        let told = serde_json::json!({ "call": call, "asked": asked });
        serde_json::from_value(told).map_err(|error| format!("`{call}` cannot be asked so: {error}"))
    }
}

/// What a guest gave back, not yet judged.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Check(Vec<model::CheckItem>),
    Objects(Vec<model::Object>),
    Position(model::Position),
    Statements(Vec<String>),
    Page(model::Page),
    Changes(model::ChangesAnswer),
    Found(Vec<model::Found>),
    Outcomes(Vec<model::Outcome>),
    Ingested(model::WebhookAnswer),
}

impl Answer {
    /// For a recording.
    pub(crate) fn packed(&self) -> serde_json::Value {
        pack(serde_json::to_value(self).unwrap_or_default())
    }
}

/// Ask the guest. The outer error says that it did not come to an answer.
pub(crate) async fn perform(
    store: &mut Store<StoreData>,
    bindings: &Bindings,
    ask: Ask,
) -> wasmtime::Result<Result<Answer, GuestError>> {
    let guest = bindings.lockstep_connector_connector();
    let answer = match ask {
        Ask::Check(objects) => guest.call_check(store, &objects).await?.map(Answer::Check),
        Ask::Discover(objects) => guest.call_discover(store, &objects).await?.map(Answer::Objects),
        Ask::Start(selections) => guest.call_start(store, &selections).await?.map(Answer::Position),
        Ask::Release => guest.call_release(store).await?.map(Answer::Statements),
        Ask::Read(request) => guest.call_read(store, &request).await?.map(Answer::Page),
        Ask::Changes(request) => guest.call_changes(store, &request).await?.map(Answer::Changes),
        Ask::Fetch(request) => guest.call_fetch(store, &request).await?.map(Answer::Found),
        Ask::Write(request) => guest.call_write(store, &request).await?.map(Answer::Outcomes),
        Ask::Ensure(request) => guest.call_ensure(store, &request).await?.map(Answer::Statements),
        Ask::Ingest(request) => guest.call_ingest(store, &request).await?.map(Answer::Ingested),
    };
    Ok(answer.map_err(answer::error))
}

/// Call `open`.
pub(crate) async fn open(
    store: &mut Store<StoreData>,
    bindings: &Bindings,
    role: &str,
    config: &str,
) -> wasmtime::Result<Result<(), GuestError>> {
    let opened = bindings.lockstep_connector_connector().call_open(store, role, config).await?;
    Ok(opened.map_err(answer::error))
}

/// Call `spec`.
pub(crate) async fn spec(store: &mut Store<StoreData>, bindings: &Bindings) -> wasmtime::Result<model::ConnectorSpec> {
    bindings.lockstep_connector_connector().call_spec(store).await
}
