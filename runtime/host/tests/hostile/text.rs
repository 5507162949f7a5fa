//! Components from WebAssembly text (`tests/guests/hostile/text`): the fields of a core module, to
//! which everything that the contract wants besides is added, answering nothing.

use std::{fmt::Write, path::PathBuf};

use anyhow::{Context, Result, anyhow};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{
    LiftLowerAbi, ManglingAndAbi, Resolve, WasmExport, WasmExportKind, WorldItem,
    abi::{AbiVariant, WasmType},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The component in that file.
pub fn component(name: &str) -> Result<Vec<u8>> {
    let path = root().join("tests/guests/hostile/text").join(format!("{name}.wat"));
    let fields = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    made_of(&fields)
}

fn made_of(fields: &str) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit/v0.1.0"))?;
    let world = resolve.select_world(&[package], Some("connector-world"))?;
    let text = format!("(module\n{fields}\n{})", rest(&resolve, world, fields)?);
    let mut module = wat::parse_str(&text)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.encode()
}

/// What the fields leave out. Answers point to memory that is all zeroes, which is an empty answer
/// in every one of the contract's types.
fn rest(resolve: &Resolve, world: wit_parser::WorldId, fields: &str) -> Result<String> {
    let mut text = String::new();
    if !fields.contains("(memory") {
        text.push_str("(memory (export \"memory\") 1)\n");
    }
    if !fields.contains("cabi_realloc") {
        text.push_str(
            "(global $free (mut i32) (i32.const 8192))
             (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
               (global.get $free)
               (global.set $free (i32.and (i32.const -8)
                 (i32.add (i32.const 7) (i32.add (global.get $free) (local.get 3))))))\n",
        );
    }
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    for (key, export) in &resolve.worlds[world].exports {
        let WorldItem::Interface { id, .. } = export else { continue };
        for (_, func) in &resolve.interfaces[*id].functions {
            let export = WasmExport::Func { interface: Some(key), func, kind: WasmExportKind::Normal };
            let name = resolve.wasm_export_name(mangling, export);
            if fields.contains(&format!("{name}\"")) {
                continue;
            }
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, func);
            let list = |types: &[WasmType]| types.iter().map(|kind| value_type(*kind)).collect::<Result<Vec<_>>>();
            let params = list(&signature.params)?.join(" ");
            let results = list(&signature.results)?.join(" ");
            writeln!(text, "(func (export {name:?}) (param {params}) (result {results}) (i32.const 16))")?;
        }
    }
    Ok(text)
}

fn value_type(kind: WasmType) -> Result<&'static str> {
    match kind {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => Ok("i32"),
        WasmType::I64 | WasmType::PointerOrI64 => Ok("i64"),
        WasmType::F32 | WasmType::F64 => Err(anyhow!("the contract has no floats there")),
    }
}

/// A component with this core module in it, of which only compiling is of interest.
pub fn carrying(module: &[u8]) -> Result<Vec<u8>> {
    let shell = r#"(component (instance $i) (export "lockstep:connector/connector@0.1.0" (instance $i)))"#;
    let mut bytes = wat::parse_str(shell)?;
    let mut section = vec![1];
    number(module.len(), &mut section);
    section.extend_from_slice(module);
    // Behind the eight bytes that every component begins with.
    bytes.splice(8..8, section);
    Ok(bytes)
}

/// The same component with a custom section behind it.
pub fn with_section(mut component: Vec<u8>, name: &str, content: &[u8]) -> Vec<u8> {
    let mut section = Vec::new();
    number(name.len(), &mut section);
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    component.push(0);
    number(section.len(), &mut component);
    component.extend_from_slice(&section);
    component
}

/// A core module of one function with so many operations, each on what the last one made, over
/// many variables: much work to compile, and little to write down.
pub fn laborious(functions: usize, operations: usize) -> Vec<u8> {
    const LOCALS: usize = 500;
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    let mut add = |id: u8, content: Vec<u8>| {
        module.push(id);
        number(content.len(), &mut module);
        module.extend_from_slice(&content);
    };
    // One type: (i64) -> i64.
    add(1, vec![1, 0x60, 1, 0x7e, 1, 0x7e]);
    let mut kinds = Vec::new();
    number(functions, &mut kinds);
    kinds.extend(std::iter::repeat_n(0, functions));
    add(3, kinds);
    let mut body = vec![1];
    number(LOCALS, &mut body);
    body.push(0x7e);
    for operation in 0..operations {
        // local.get a; local.get b; i64.mul; local.get 0; i64.add; local.set c
        for (code, local) in [(0x20, operation), (0x20, operation * 7 + 3)] {
            body.push(code);
            number(1 + local % LOCALS, &mut body);
        }
        body.extend_from_slice(&[0x7e, 0x20, 0, 0x7c, 0x21]);
        number(1 + (operation * 13 + 1) % LOCALS, &mut body);
    }
    body.extend_from_slice(&[0x20, 1, 0x0b]);
    let mut code = Vec::new();
    number(functions, &mut code);
    for _ in 0..functions {
        number(body.len(), &mut code);
        code.extend_from_slice(&body);
    }
    add(10, code);
    module
}

/// LEB128.
fn number(mut value: usize, bytes: &mut Vec<u8>) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}
