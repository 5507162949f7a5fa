//! The generated host face of `wit/v0.1.0`.
#![allow(missing_docs, clippy::all)]

wasmtime::component::bindgen!({
    path: "../../wit/v0.1.0",
    world: "connector-world",
    imports: {
        "lockstep:connector/tls.upgrade": async | trappable,
        "lockstep:connector/credentials.sign-in": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    additional_derives: [serde::Serialize, serde::Deserialize],
    with: {
        "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:random": wasmtime_wasi::p2::bindings::random,
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "wasi:sockets/network": wasmtime_wasi::p2::bindings::sockets::network,
        "wasi:sockets/instance-network": wasmtime_wasi::p2::bindings::sockets::instance_network,
        "wasi:sockets/tcp.tcp-socket": crate::network::Socket,
        "wasi:sockets/ip-name-lookup.resolve-address-stream": crate::network::Lookup,
        "lockstep:connector/tls.connection": crate::network::Encrypted,
    },
    require_store_data_send: true,
});
