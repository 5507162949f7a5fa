//! The generated host face of what `wit/v0.2.0` adds.
#![allow(missing_docs, clippy::all)]

wasmtime::component::bindgen!({
    inline: "
        package lockstep:host;

        world added {
            export lockstep:connector/session@0.2.0;
        }
    ",
    path: ["../../wit/v0.1.0", "../../wit/v0.2.0"],
    world: "lockstep:host/added",
    exports: { default: async },
    require_store_data_send: true,
});
