//! `lockstep connector new`: a project that builds, with a service to practise
//! on; `lockstep connector practice` serves that.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lockstep_conformance::practice::{Practice, TOKEN};

use crate::{
    context::Context,
    failure::{Exit, Failure},
};

include!(concat!(env!("OUT_DIR"), "/projects.rs"));

/// Longer names make paths that some systems refuse.
const NAME_CHARACTERS_MAX: usize = 40;
/// Where the project's configuration expects the practice service.
const PORT: u16 = 8787;

/// What a project consists of: paths and contents.
type Files = &'static [(&'static str, &'static str)];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What the connector is called, such as `my-notes`
    pub name: String,
    /// The language it is written in: rust, ts, python or c; code for one field or one rule: rust or ts
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    pub lang: String,
    /// What it is: something that speaks a system's protocol, or code for one field or one rule
    #[arg(long, value_enum, default_value_t = World::Connector)]
    pub world: World,
    /// The folder to make [default: the name]
    #[arg(long, value_name = "FOLDER")]
    pub into: Option<PathBuf>,
}

/// A world of the contract that has projects to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum World {
    Connector,
    Transform,
    Policy,
}

impl World {
    /// What the names of its projects end with.
    fn ending(self) -> &'static str {
        match self {
            World::Connector => "",
            World::Transform => "-transform",
            World::Policy => "-policy",
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct PracticeArgs {
    /// The port on this machine; 0: a free one
    #[arg(long, default_value_t = PORT)]
    pub port: u16,
}

pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let name = &args.name;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(fits)
        && !name.ends_with('-')
        && name.len() <= NAME_CHARACTERS_MAX;
    if !is_name {
        return Err(Failure::usage("LS-CLI-050", format!("`{name}` is no name for a connector")).remedy(format!(
            "Use a-z, 0-9 and -, beginning with a letter, at most {NAME_CHARACTERS_MAX} characters, such as `my-notes`."
        )));
    }
    let project = project(&args.lang, args.world)?;
    let folder = args.into.clone().unwrap_or_else(|| PathBuf::from(name));
    let made = write(project, &folder, name).map_err(|error| {
        let shown = folder.display();
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            Failure::usage("LS-CLI-051", format!("{shown} is there already"))
                .remedy("Name another folder with `--into FOLDER`.")
        } else {
            Failure::new("LS-CLI-052", format!("cannot make {shown}: {error}"))
                .remedy("Make sure that the folder it lies in is there and may be written.")
        }
    })?;
    let screen = context.screen;
    if screen.json {
        screen.out_json(&serde_json::json!({ "folder": folder.display().to_string(), "files": made }));
    } else {
        screen.out(format!("made {} with {made} files", folder.display()));
        screen.next(format!("`cd {}`; its README.md has the commands that build and test it", folder.display()));
    }
    Ok(Exit::Done)
}

fn project(language: &str, world: World) -> Result<Files, Failure> {
    let wanted = format!("{language}{}", world.ending());
    PROJECTS.iter().find(|(known, _)| *known == wanted).map(|(_, files)| *files).ok_or_else(|| {
        let names = PROJECTS.iter().filter_map(|(known, _)| known.strip_suffix(world.ending()));
        let known: Vec<&str> = names.filter(|name| !name.contains('-')).collect();
        Failure::usage("LS-CLI-054", format!("there is no project to begin with in `{language}`"))
            .remedy(format!("Say `--lang` with one of: {}.", known.join(", ")))
    })
}

/// Makes the project; how many files it has.
fn write(project: Files, folder: &Path, name: &str) -> std::io::Result<usize> {
    // Only where nothing is: no file of somebody's is ever replaced.
    fs::create_dir(folder)?;
    for (path, content) in project {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, named(content, name))?;
    }
    Ok(project.len())
}

fn named(content: &str, name: &str) -> String {
    content
        .replace("{{name}}", name)
        .replace("{{crate}}", &name.replace('-', "_"))
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
}

pub async fn practice(args: &PracticeArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let taken = |error: std::io::Error| {
        Failure::new("LS-CLI-053", format!("the practice service cannot listen on port {}: {error}", args.port))
            .remedy("Choose another with `--port`, and name it in the project's lockstep.toml.")
    };
    let service = Practice::start(args.port).await.map_err(taken)?;
    let screen = context.screen;
    if screen.json {
        screen.out_json(&serde_json::json!({ "url": service.url(), "token": TOKEN }));
    } else {
        screen.out(format!("a notebook to practise on answers at {}; its token is {TOKEN}", service.url()));
        screen.out("It keeps everything in memory; Ctrl-C ends it.");
    }
    tokio::select! {
        ended = service.wait() => ended.map_err(taken)?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(language: &str, path: &str) -> Option<&'static str> {
        let (_, files) = PROJECTS.iter().find(|(known, _)| *known == language)?;
        files.iter().find(|(known, _)| *known == path).map(|(_, content)| *content)
    }

    #[test]
    fn every_project_has_the_contract_and_no_word_of_where_it_came_from() {
        for (language, files) in PROJECTS {
            for path in ["README.md", ".gitignore", "wit/v0.1.0/connector.wit"] {
                assert!(content(language, path).is_some(), "{language}: {path}");
            }
            let is_code = [World::Transform, World::Policy].iter().any(|world| language.ends_with(world.ending()));
            if !is_code {
                assert!(content(language, "lockstep.toml").is_some(), "{language}");
                let build = content(language, "dev.toml").map(|text| named(text, "my-notes")).unwrap_or_default();
                assert!(build.contains("\nbuild = [") && build.contains(".wasm\"\n"), "{language}: {build}");
                // People build by the same command.
                let command: Vec<&str> = build.lines().filter(|line| line.starts_with("build")).collect();
                let words = command.join("").replace(['[', ']', '"', ','], "").replacen("build = ", "", 1);
                let readme = content(language, "README.md").unwrap_or_default();
                assert!(readme.contains(&words), "{language}: {words}");
                let manifest = content(language, "connector.json");
                assert!(manifest.is_some_and(|text| text.contains("\"{{name}}\"")), "{language}");
            }
            for (path, content) in *files {
                let content = named(content, "my-notes");
                assert!(!content.contains("{{") || path.ends_with(".rs"), "{language}: {path}");
                assert!(!content.contains("workspace = ") && !content.contains("../../"), "{language}: {path}");
            }
        }
    }

    #[test]
    fn the_rust_project_builds_with_the_sdk_beside_it() {
        assert!(content("rust", "sdk/src/bindings.rs").is_some_and(|text| text.contains("\"../wit/v0.1.0\"")));
        assert!(content("rust", "src/lib.rs").is_some_and(|text| text.contains("name: \"{{name}}\"")));
    }

    #[test]
    fn the_python_project_has_its_build_and_the_sdk_beside_it() {
        for path in ["build.py", "requirements.txt", "src/app.py", "sdk/lockstep_sdk/guest.py", "tests/test_note.py"] {
            assert!(content("python", path).is_some(), "{path}");
        }
        assert!(content("python", "src/session.py").is_some_and(|text| text.contains("name=\"{{name}}\"")));
    }

    #[test]
    fn the_c_project_has_its_build_and_the_bindings_beside_it() {
        for path in ["build.py", "src/connector.c", "sdk/lockstep.h", "sdk/generated/component_type.c"] {
            assert!(content("c", path).is_some(), "{path}");
        }
        assert!(content("c", "src/connector.c").is_some_and(|text| text.contains("ls_string_of(\"{{name}}\")")));
    }

    #[test]
    fn the_help_names_every_language() {
        let help = <Args as clap::Args>::augment_args(clap::Command::new("new")).render_long_help().to_string();
        for (language, _) in PROJECTS.iter().filter(|(language, _)| !language.contains('-')) {
            assert!(help.contains(&format!(" {language}")), "{language}: {help}");
        }
    }

    #[test]
    fn a_language_without_a_project_is_answered_with_those_that_have_one() {
        for world in [World::Connector, World::Transform, World::Policy] {
            assert!(project("rust", world).is_ok() && project("ts", world).is_ok(), "{world:?}");
            let failure = format!("{:?}", project("cobol", world).expect_err("no such project"));
            assert!(failure.contains("one of: rust"), "{failure}");
        }
    }
}
