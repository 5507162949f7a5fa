//! Which compiler builds guests: the toolchain at hand when it has the target,
//! else Debian's packages when they are there, else whatever can be installed:
//! the target by rustup, the packages by apt-get (as root only).

use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::TARGET;

const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "wasi-libc"];
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

/// A way to build for the guests' target.
pub enum Toolchain {
    /// The host's own cargo and rustc, with the target's std installed.
    Installed,
    /// Debian's compiler, which builds std itself; the linkers come from the
    /// host toolchain (`linkers`).
    Debian { linkers: PathBuf },
}

impl fmt::Display for Toolchain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Toolchain::Installed => write!(out, "the installed {TARGET} target"),
            Toolchain::Debian { .. } => write!(out, "Debian's rustc-web (std from source)"),
        }
    }
}

impl Toolchain {
    /// Find one, or install one.
    pub fn choose() -> Result<Self> {
        if target_is_installed() {
            return Ok(Toolchain::Installed);
        }
        if debian_is_installed() {
            return debian();
        }
        println!("the {TARGET} target is missing: rustup target add {TARGET}");
        if succeeds("rustup", &["target", "add", TARGET]) && target_is_installed() {
            return Ok(Toolchain::Installed);
        }
        let install = format!("apt-get install -y {}", PACKAGES.join(" "));
        if is_root() && Path::new("/usr/bin/apt-get").exists() {
            println!("rustup could not; {install}");
            let mut arguments = vec!["install", "-y", "--no-install-recommends"];
            arguments.extend(PACKAGES);
            if succeeds("apt-get", &arguments) && debian_is_installed() {
                return debian();
            }
        }
        bail!(
            "no compiler for {TARGET} here. Run `rustup target add {TARGET}`, or on Debian \
             `{install}` as root, then run this again"
        )
    }

    /// Its cargo, ready for arguments.
    pub fn cargo(&self) -> Command {
        match self {
            Toolchain::Installed => Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
            Toolchain::Debian { linkers } => {
                let mut path = OsString::from(linkers);
                if let Some(rest) = env::var_os("PATH") {
                    path.push(":");
                    path.push(rest);
                }
                let mut command = Command::new("/usr/bin/cargo");
                command
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("PATH", path)
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", format!("-L {WASI_LIBC}"))
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env_remove("CARGO");
                command
            }
        }
    }

    /// What its `cargo build` needs besides.
    pub fn add_build_arguments(&self, command: &mut Command) {
        match self {
            Toolchain::Installed => {}
            Toolchain::Debian { .. } => {
                command.arg("-Zbuild-std=std,panic_abort");
            }
        }
    }
}

fn target_is_installed() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|out| out.status.success() && Path::new(String::from_utf8_lossy(&out.stdout).trim()).is_dir())
}

fn debian_is_installed() -> bool {
    Path::new("/usr/bin/rustc").exists()
        && Path::new("/usr/bin/cargo").exists()
        && Path::new(WASI_LIBC).is_dir()
        && debian_sysroot().is_ok_and(|root| root.join("lib/rustlib/src/rust/library").is_dir())
}

fn debian() -> Result<Toolchain> {
    let output =
        Command::new("rustc").args(["--print", "sysroot"]).output().context("run rustc of the host toolchain")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let linkers = sysroot.join("lib/rustlib/x86_64-unknown-linux-gnu/bin");
    if !linkers.join("wasm-component-ld").is_file() {
        bail!("{} has no wasm-component-ld; a rustup toolchain has one", linkers.display());
    }
    Ok(Toolchain::Debian { linkers })
}

fn debian_sysroot() -> Result<PathBuf> {
    let output = Command::new("/usr/bin/rustc").args(["--print", "sysroot"]).output()?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| String::from_utf8_lossy(&out.stdout).trim() == "0")
}
