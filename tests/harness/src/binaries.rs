//! Where PostgreSQL's programs are, and getting them where they are missing.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, anyhow, bail, ensure};

const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";

/// PostgreSQL's programs of one version.
#[derive(Clone, Debug)]
pub struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// The newest version under `/usr/lib/postgresql`, else the one on `PATH`,
    /// else Debian's package is installed when this process is root.
    pub fn find() -> Result<Self> {
        static FOUND: OnceLock<Result<Binaries, String>> = OnceLock::new();
        FOUND
            .get_or_init(|| Self::find_or_install().map_err(|error| format!("{error:#}")))
            .clone()
            .map_err(|message| anyhow!(message))
    }

    fn find_or_install() -> Result<Self> {
        if let Some(found) = Self::look()? {
            return Ok(found);
        }
        ensure!(
            rustix::process::geteuid().is_root(),
            "no PostgreSQL server found: run `apt-get install postgresql`, or put `initdb` and `postgres` on PATH"
        );
        install("postgresql")?;
        Self::look()?.context("the postgresql package was installed, but no server was found in it")
    }

    fn look() -> Result<Option<Self>> {
        let mut folders: Vec<(u32, PathBuf)> = Vec::new();
        if let Ok(entries) = fs::read_dir(DEBIAN_FOLDER) {
            for entry in entries.flatten() {
                let major = entry.file_name().to_string_lossy().parse::<u32>();
                let folder = entry.path().join("bin");
                if let Ok(major) = major
                    && holds_server(&folder)
                {
                    folders.push((major, folder));
                }
            }
        }
        if let Some((major, folder)) = folders.into_iter().max() {
            return Ok(Some(Binaries { folder, major }));
        }
        let path = env::var_os("PATH").unwrap_or_default();
        match env::split_paths(&path).find(|folder| holds_server(folder)) {
            None => Ok(None),
            Some(folder) => {
                let major = ask_major(&folder)?;
                Ok(Some(Binaries { folder, major }))
            }
        }
    }

    /// The full path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn major(&self) -> u32 {
        self.major
    }

    /// Whether this server knows a setting; one it does not know stops it from starting.
    pub fn knows_setting(&self, name: &str) -> Result<bool> {
        let output = Command::new(self.program("postgres"))
            .arg("--describe-config")
            .output()
            .context("asking postgres for its settings")?;
        let known = String::from_utf8_lossy(&output.stdout);
        Ok(known.lines().any(|line| line.split('\t').next() == Some(name)))
    }
}

fn holds_server(folder: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file())
}

fn ask_major(folder: &Path) -> Result<u32> {
    let output =
        Command::new(folder.join("postgres")).arg("--version").output().context("asking postgres for its version")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .nth(2)
        .and_then(|version| version.split(|c: char| !c.is_ascii_digit()).next())
        .and_then(|major| major.parse().ok())
        .with_context(|| format!("not a version: {text:?}"))
}

fn install(package: &str) -> Result<()> {
    let status = Command::new("apt-get")
        .args(["install", "-y", "-q", "--no-install-recommends", package])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            bail!("`apt-get install {package}` failed ({status}): run `apt-get update && apt-get install {package}`")
        }
        Err(error) => {
            bail!("no PostgreSQL server found and apt-get does not run here ({error}): install PostgreSQL 12 or newer")
        }
    }
}
