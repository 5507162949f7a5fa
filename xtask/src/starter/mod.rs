//! `cargo xtask starter`: the way of somebody who writes a connector, from an
//! empty folder to the conformance kit, by the commands that the guide names.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use self::practice::Practice;
use crate::{guests::host_target, root};

mod c;
mod code;
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
    let practice = Practice::start(&lockstep)?;
    let config = project.join("lockstep.toml");
    let text = fs::read_to_string(&config)?.replace(PORT, &practice.port);
    fs::write(&config, text)?;
    let connector = |arguments: &[&str]| {
        let mut command = Command::new(&lockstep);
        command.arg("connector").args(arguments).env("PRACTICE_TOKEN", &practice.token).current_dir(&project);
        command
    };
    // The build that the project's dev.toml names, and the kit.
    let develop = || succeed(&mut connector(&["dev", "--once"]));
    match args.lang {
        Language::Rust => {
            let component = rust::build(&project, NAME)?;
            succeed(connector(&["test"]).arg(&component))?;
            code::try_out(
                &lockstep,
                &folder,
                &component,
                |name| rust::build(&folder.join(name), name),
                args.lang.name(),
            )
        }
        Language::Ts => {
            typescript::prepare(&project)?;
            develop()?;
            typescript::test(&project)?;
            let build = |name: &str| typescript::build_code(&folder.join(name), &project, name);
            code::try_out(&lockstep, &folder, &project.join("dist/connector.wasm"), build, args.lang.name())
        }
        Language::Python => {
            python::prepare(&project)?;
            develop()?;
            python::test(&project)
        }
        Language::C => {
            c::prepare(&project)?;
            develop()
        }
    }
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
