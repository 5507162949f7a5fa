//! Embeds the pages of docs/errors and the built-in connectors
//! (`cargo xtask guests` puts them into target/guests; LOCKSTEP_GUESTS_DIR
//! names another folder). Without built connectors the binary still builds,
//! and says how to get them when one is asked for.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let pages = root.join("docs/errors");
    println!("cargo:rerun-if-changed={}", pages.display());
    let pages = table("PAGES", "&str", "include_str!", &files(&pages, "md"))?;
    fs::write(out.join("pages.rs"), pages)?;

    println!("cargo:rerun-if-env-changed=LOCKSTEP_GUESTS_DIR");
    println!("cargo:rerun-if-env-changed=CARGO_TARGET_DIR");
    let folder = guests_folder(&root);
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut guests = files(&folder, "wasm");
    guests.retain(|guest| is_plugin(&root, guest));
    let guests = table("GUESTS", "&[u8]", "include_bytes!", &guests)?;
    fs::write(out.join("guests.rs"), guests)?;
    fs::write(out.join("projects.rs"), projects(&root.join("sdk"), &root.join("wit"))?)?;
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}

fn guests_folder(root: &Path) -> PathBuf {
    if let Ok(folder) = env::var("LOCKSTEP_GUESTS_DIR") {
        return PathBuf::from(folder);
    }
    env::var("CARGO_TARGET_DIR").map_or_else(|_| root.join("target"), |target| root.join(target)).join("guests")
}

/// Guests that tests use are no part of the product.
fn is_plugin(root: &Path, guest: &Path) -> bool {
    guest.file_stem().is_some_and(|name| root.join("plugins").join(name).is_dir())
}

/// The files of a folder with this extension, sorted. None if there is no folder.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

/// A file of a project: where it goes, and what is in it.
type Files = Vec<(String, String)>;

/// Languages other than Rust that have a starter: the name that `--lang` takes,
/// and the folder below `sdk`.
const LANGUAGES: &[(&str, &str)] = &[("ts", "typescript"), ("python", "python"), ("c", "c")];
/// Worlds of code that have a starter, in Rust and in TypeScript: the world, and how its component is
/// named in a configuration.
const CODE: [(&str, &str); 2] = [
    (
        "transform",
        "iban = { erp = \"iban\", crm = { column = \"IBAN\", as = { transform = \"rules/{{crate}}.wasm\" } } }",
    ),
    ("policy", "note = { erp = \"note\", crm = \"Note\", conflict = { custom = \"rules/{{crate}}.wasm\" } }"),
];
/// What building leaves in a starter's folder; no part of a project.
const BUILT: [&str; 6] = ["node_modules", "dist", "target", "build", ".venv", "__pycache__"];

/// What `connector new` writes, for each language: the starter as a project of its
/// own, with the SDK and the contract beside it, since neither is published.
fn projects(sdk: &Path, wit: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut projects = vec![("rust".to_owned(), rust_project(&sdk.join("rust"), wit)?)];
    for (world, written) in CODE {
        projects.push((format!("rust-{world}"), rust_code(&sdk.join("rust"), wit, (world, written))?));
        projects.push((format!("ts-{world}"), typescript_code(&sdk.join("typescript"), wit, (world, written))?));
    }
    for (language, folder) in LANGUAGES {
        projects.push(((*language).to_owned(), project(&sdk.join(folder), wit)?));
    }
    let mut source = "pub const PROJECTS: &[(&str, &[(&str, &str)])] = &[\n".to_owned();
    for (language, files) in projects {
        source.push_str(&format!("    ({language:?}, &[\n"));
        for (place, content) in files {
            source.push_str(&format!("        ({place:?}, {content:?}),\n"));
        }
        source.push_str("    ]),\n");
    }
    source.push_str("];\n");
    Ok(source)
}

/// A language whose `starter` is the project as it stands, and whose `src` is the SDK.
fn project(sdk: &Path, wit: &Path) -> std::io::Result<Files> {
    let mut files: Files =
        tree(&sdk.join("starter"), "")?.into_iter().map(|(place, content)| (place, own_name(content))).collect();
    files.extend(tree(&sdk.join("src"), "sdk/")?);
    files.extend(tree(&wit.join("v0.1.0"), "wit/v0.1.0/")?);
    Ok(files)
}

fn own_name(content: String) -> String {
    content.replace("\"starter\"", "\"{{name}}\"")
}

fn rust_project(sdk: &Path, wit: &Path) -> Result<Files, Box<dyn std::error::Error>> {
    let mut files = Files::new();
    for name in ["Cargo.toml", "lockstep.toml", "dev.toml", "README.md"] {
        files.push((name.to_owned(), read(&sdk.join("project").join(format!("{name}.txt")))?));
    }
    let starter = sdk.join("starter");
    files.push(("connector.json".to_owned(), own_name(read(&starter.join("connector.json"))?)));
    for (place, content) in tree(&starter.join("src"), "src/")? {
        files.push((place, own_name(content)));
    }
    files.extend(rust_sdk(sdk, wit)?);
    Ok(files)
}

fn rust_code(sdk: &Path, wit: &Path, (world, written): (&str, &str)) -> Result<Files, Box<dyn std::error::Error>> {
    let mut files = Files::new();
    for name in ["Cargo.toml", "README.md"] {
        let content = read(&sdk.join("project/code").join(format!("{name}.txt")))?;
        files.push((name.to_owned(), content.replace("{{world}}", world).replace("{{use}}", written)));
    }
    files.extend(tree(&sdk.join("code").join(world).join("src"), "src/")?);
    files.extend(rust_sdk(sdk, wit)?);
    Ok(files)
}

/// The tools are those of a connector's project.
fn typescript_code(sdk: &Path, wit: &Path, (world, written): (&str, &str)) -> std::io::Result<Files> {
    let mut files = Files::new();
    for name in ["package.json", "package-lock.json", "tsconfig.json", ".gitignore"] {
        files.push((name.to_owned(), own_name(read(&sdk.join("starter").join(name))?)));
    }
    for name in ["build.mjs", "README.md"] {
        let content = read(&sdk.join("code").join(name))?;
        files.push((name.to_owned(), content.replace("{{world}}", world).replace("{{use}}", written)));
    }
    files.extend(tree(&sdk.join("code").join(world).join("src"), "src/")?);
    files.extend(tree(&sdk.join("src"), "sdk/")?);
    files.extend(tree(&wit.join("v0.1.0"), "wit/v0.1.0/")?);
    Ok(files)
}

/// The SDK and the contract, as they lie in a project.
fn rust_sdk(sdk: &Path, wit: &Path) -> Result<Files, Box<dyn std::error::Error>> {
    let mut files = Files::new();
    files.push((".gitignore".to_owned(), "/target\n".to_owned()));
    let manifest = read(&sdk.join("Cargo.toml"))?;
    let dependencies = manifest.split("[dependencies]\n").nth(1).ok_or("the SDK has no dependencies")?;
    let sdk_manifest = read(&sdk.join("project/sdk.toml.txt"))?.replace("{{dependencies}}\n", dependencies);
    files.push(("sdk/Cargo.toml".to_owned(), sdk_manifest));
    for (place, content) in tree(&sdk.join("src"), "sdk/src/")? {
        files.push((place, content.replace("\"../../wit/", "\"../wit/")));
    }
    for version in ["v0.1.0", "v0.2.0"] {
        files.extend(tree(&wit.join(version), &format!("wit/{version}/"))?);
    }
    Ok(files)
}

/// Every file below a folder but what building leaves; `place` goes before their names.
fn tree(folder: &Path, place: &str) -> std::io::Result<Files> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    let mut found = Files::new();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if BUILT.contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            found.extend(tree(&path, &format!("{place}{name}/"))?);
        } else {
            found.push((format!("{place}{name}"), read(&path)?));
        }
    }
    println!("cargo:rerun-if-changed={}", folder.display());
    Ok(found)
}

fn read(path: &Path) -> std::io::Result<String> {
    println!("cargo:rerun-if-changed={}", path.display());
    fs::read_to_string(path)
}

/// Source of a constant: file stems with their content.
fn table(name: &str, kind: &str, include: &str, files: &[PathBuf]) -> std::io::Result<String> {
    let mut source = format!("pub const {name}: &[(&str, {kind})] = &[\n");
    for file in files {
        let path = file.canonicalize()?;
        println!("cargo:rerun-if-changed={}", path.display());
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        source.push_str(&format!("    ({stem:?}, {include}({:?})),\n", path.display().to_string()));
    }
    source.push_str("];\n");
    Ok(source)
}
