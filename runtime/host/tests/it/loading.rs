//! Loading components: by digest, from files and from the cache.

use lockstep_host::{Host, HostError, HostOptions, Limits, LoadLimits};
use sha2::{Digest, Sha256};

use crate::guests;

fn plain() -> Host {
    Host::new(HostOptions::default()).expect("a host")
}

async fn refusal(text: &str) -> HostError {
    let bytes = wat::parse_str(text).expect("WebAssembly text");
    plain().load(bytes, None).await.err().expect("a refusal")
}

#[tokio::test]
async fn an_import_beyond_wasi_and_the_contract_is_refused_by_name() {
    for import in ["evil:host/thing@1.0.0", "wasi:nn/inference@0.2.0", "wasi:http/types@0.3.0", "env"] {
        let error = refusal(&format!(r#"(component (import "{import}" (instance)))"#)).await;
        assert_eq!(error, HostError::ForeignImport { import: import.into() });
    }
}

#[tokio::test]
async fn a_module_is_no_component_and_neither_is_noise() {
    assert!(matches!(refusal("(module)").await, HostError::NotAComponent { .. }));
    let noise = plain().load(b"hello".to_vec(), None).await;
    assert!(matches!(noise, Err(HostError::NotAComponent { .. })));
}

#[tokio::test]
async fn a_component_for_another_contract_is_refused_before_it_runs() {
    let nothing = refusal("(component)").await;
    assert!(matches!(nothing, HostError::ContractVersion { .. }));
    let newer = r#"(component (instance $i) (export "lockstep:connector/connector@0.9.0" (instance $i)))"#;
    let HostError::ContractVersion { found, served } = refusal(newer).await else { panic!("served") };
    assert_eq!((found.as_str(), served.as_str()), ("lockstep:connector/connector@0.9.0", "0.1.0, 0.2.0"));
}

#[tokio::test]
async fn only_the_pinned_component_is_loaded() {
    let path = guests::path("echo");
    let digest: String =
        Sha256::digest(std::fs::read(&path).expect("a file")).iter().map(|byte| format!("{byte:02x}")).collect();
    let host = guests::host();
    let pinned = host.load_file(&path, Some(&format!("sha256:{digest}"))).await.expect("a component");
    assert_eq!(pinned.digest(), digest);
    let other = "0".repeat(64);
    let error = host.load_file(&path, Some(&other)).await.err().expect("a refusal");
    assert_eq!(error, HostError::Digest { expected: other, found: digest });
}

#[tokio::test]
async fn a_component_that_is_too_large_is_not_read() {
    let load = LoadLimits { component_bytes_max: 1000, ..LoadLimits::default() };
    let host = Host::new(HostOptions { limits: Limits { load, ..Limits::default() }, ..HostOptions::default() })
        .expect("a host");
    let error = host.load_file(&guests::path("echo"), None).await.err().expect("a refusal");
    assert!(matches!(error, HostError::TooLarge { bytes_max: 1000, .. }));
}

#[tokio::test]
async fn compiled_code_is_kept_and_a_damaged_copy_compiled_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = HostOptions { cache_dir: Some(folder.path().to_owned()), ..HostOptions::default() };
    let host = Host::new(options.clone()).expect("a host");
    host.load_file(&guests::path("echo"), None).await.expect("a component");
    let kept = || {
        let files = std::fs::read_dir(folder.path()).expect("a folder").filter_map(Result::ok);
        files.map(|file| file.path()).find(|path| path.extension().is_some_and(|it| it == "native"))
    };
    let path = kept().expect("a compiled file");
    let mut bytes = std::fs::read(&path).expect("read");
    let intact = bytes.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&path, &bytes).expect("write");
    let host = Host::new(options).expect("a host");
    let component = host.load_file(&guests::path("echo"), None).await.expect("a component");
    assert_eq!(component.spec().await.expect("a spec").name, "echo");
    let seal_and_more = std::fs::read(&path).expect("read");
    assert_eq!(seal_and_more.len(), intact.len());
    assert_ne!(seal_and_more, bytes);
}
