//! A connector's project as `connector dev` sees it: `dev.toml` says how it is built, what
//! building makes, and what it is made of.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::failure::{Failure, Place};

/// What says how the project is built. Every project of `connector new` has one.
const FILE: &str = "dev.toml";

/// A project that can be built.
#[derive(Debug, PartialEq, Eq)]
pub struct Project {
    pub folder: PathBuf,
    /// A program and its arguments.
    pub build: Vec<String>,
    /// What the build makes.
    pub component: PathBuf,
    /// The files and folders that the component is made of.
    pub watch: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    build: Vec<String>,
    component: PathBuf,
    watch: Vec<PathBuf>,
}

impl Project {
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let text = fs::read_to_string(&path).map_err(|error| {
            Failure::usage("LS-CLI-060", format!("cannot read {}: {error}", path.display())).remedy(
                "Name the folder of a project that `lockstep connector new` made, or write one: `lockstep help LS-CLI-060` has it.",
            )
        })?;
        Project::parse(&text, folder).map_err(|fault| fault.failure(&path, text))
    }

    fn parse(text: &str, folder: PathBuf) -> Result<Self, Fault> {
        let written: Written = toml_edit::de::from_str(text)
            .map_err(|error| Fault { words: error.message().to_owned(), at: error.span() })?;
        let missing = |key: &str| Fault { words: format!("`{key}` is empty"), at: None };
        if written.build.first().is_none_or(String::is_empty) {
            return Err(missing("build"));
        }
        if written.watch.is_empty() {
            return Err(missing("watch"));
        }
        Ok(Project {
            build: written.build,
            component: folder.join(written.component),
            watch: written.watch.into_iter().map(|path| folder.join(path)).collect(),
            folder,
        })
    }

    /// A path as people know it.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.folder).unwrap_or(path).display().to_string()
    }
}

/// What is wrong with the file.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    words: String,
    at: Option<std::ops::Range<usize>>,
}

impl Fault {
    fn failure(self, path: &Path, text: String) -> Failure {
        let file = path.display().to_string();
        let failure = Failure::usage("LS-CLI-061", format!("{file} does not say how the project is built"))
            .remedy("It has `build`, a list of a program and its arguments, `component` and `watch`; `lockstep help LS-CLI-061` shows one.");
        match self.at {
            Some(at) => {
                failure.at(Place { file, text: text.into(), start: at.start, len: at.len(), label: self.words })
            }
            None => failure.detail(self.words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Project, Fault> {
        Project::parse(text, PathBuf::from("/p"))
    }

    #[test]
    fn what_is_written_is_taken_from_the_projects_folder() {
        let project = parse("build = [\"make\", \"all\"]\ncomponent = \"out/x.wasm\"\nwatch = [\"src\"]").unwrap();
        assert_eq!(project.build, ["make", "all"]);
        assert_eq!(project.component, Path::new("/p/out/x.wasm"));
        assert_eq!(project.watch, [Path::new("/p/src")]);
        assert_eq!(project.shown(Path::new("/p/src/a.rs")), "src/a.rs");
    }

    #[test]
    fn a_file_that_says_too_little_or_something_else_is_refused() {
        assert!(parse("build = []\ncomponent = \"x\"\nwatch = [\"src\"]").is_err());
        assert!(parse("build = [\"make\"]\ncomponent = \"x\"\nwatch = []").is_err());
        let misspelt = parse("build = [\"make\"]\ncomponents = \"x\"\nwatch = [\"src\"]").unwrap_err();
        assert!(misspelt.words.contains("components"), "{misspelt:?}");
    }
}
