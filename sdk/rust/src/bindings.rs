//! The generated face of `wit/v0.1.0` and of what `wit/v0.2.0` adds. Everything else
//! in this crate is made for authors; this module is what the contract says, word for word.
#![allow(missing_docs, unsafe_code, clippy::all)]

wit_bindgen::generate!({
    path: ["../../wit/v0.1.0", "../../wit/v0.2.0"],
    world: "lockstep:connector/connector-world@0.2.0",
    pub_export_macro: true,
    export_macro_name: "export_world",
    default_bindings_module: "lockstep_sdk::bindings",
    generate_all,
    additional_derives: [PartialEq],
    additional_derives_ignore: ["stream-error"],
});
