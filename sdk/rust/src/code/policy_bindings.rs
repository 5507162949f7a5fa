//! The generated face of the contract's `policy` world, word for word.
#![allow(missing_docs, unsafe_code, clippy::all)]

wit_bindgen::generate!({
    path: "../../wit/v0.1.0",
    world: "policy-world",
    pub_export_macro: true,
    export_macro_name: "export_policy_world",
    default_bindings_module: "lockstep_sdk::code::policy_bindings",
    with: { "lockstep:connector/model@0.1.0": crate::bindings::lockstep::connector0_1_0::model },
    additional_derives: [PartialEq],
});
