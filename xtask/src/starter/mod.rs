//! `cargo xtask starter`: the way of somebody who writes a connector, from an
//! empty folder to the conformance kit, by the commands that the guide names.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use self::practice::Practice;
use crate::{guests::host_target, root};

mod c;
mod practice;
mod python;
mod rust;
pub mod typescript;

const NAME: &str = "my-connector";
/// Where the project expects the practice service.
const PORT: &str = "8787";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The language that the connector is written in, as `connector new` calls it
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    Ts,
    Python,
    C,
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Ts => "ts",
            Language::Python => "python",
            Language::C => "c",
        }
    }
}

pub fn run(args: &Args) -> Result<()> {
    let root = root();
    let lockstep = host_target(&root).join("debug/lockstep");
    succeed(Command::new("cargo").args(["build", "--quiet", "--workspace", "--bins"]).current_dir(&root))?;
    let language = args.lang.name();
    let folder = host_target(&root).join("starter").join(language);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    succeed(Command::new(&lockstep).args(["connector", "new", NAME, "--lang", language]).current_dir(&folder))?;
    let project = folder.join(NAME);
    let component = match args.lang {
        Language::Rust => rust::build(&project, NAME)?,
        Language::Ts => typescript::build(&project)?,
        Language::Python => python::build(&project, NAME)?,
        Language::C => c::build(&project, NAME)?,
    };
    let practice = Practice::start(&lockstep)?;
    let config = project.join("lockstep.toml");
    let text = fs::read_to_string(&config)?.replace(PORT, &practice.port);
    fs::write(&config, text)?;
    let mut test = Command::new(&lockstep);
    test.args(["connector", "test"]).arg(&component).env("PRACTICE_TOKEN", &practice.token).current_dir(&project);
    succeed(&mut test)?;
    match args.lang {
        Language::Rust => code(&lockstep, &folder),
        Language::Ts | Language::Python | Language::C => Ok(()),
    }
}

/// The projects of code for one field or one rule.
fn code(lockstep: &Path, folder: &Path) -> Result<()> {
    for world in ["transform", "policy"] {
        let name = format!("my-{world}");
        succeed(Command::new(lockstep).args(["connector", "new", &name, "--world", world]).current_dir(folder))?;
        let component = rust::build(&folder.join(&name), &name)?;
        ensure!(component.is_file(), "{} was not built", component.display());
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
