//! The generated face of `wit/v0.1.0`. Everything else in this crate is made
//! for authors; this module is what the contract says, word for word.
#![allow(missing_docs, unsafe_code, clippy::all)]

wit_bindgen::generate!({
    path: "../../wit/v0.1.0",
    world: "connector-world",
    pub_export_macro: true,
    export_macro_name: "export_world",
    default_bindings_module: "lockstep_sdk::bindings",
    generate_all,
    additional_derives: [PartialEq],
    additional_derives_ignore: ["stream-error"],
});
