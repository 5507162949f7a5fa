//! Resolving the configuration's references to secrets. Values go straight to
//! the host, which uses them on a connector's behalf; nothing here shows one.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use lockstep_core::config::{Connection, SecretRef};
use lockstep_host::Secrets;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Bytes a secret may have.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// All secrets of a connection. `folder`: what relative paths start from.
pub fn resolve(connection: &Connection, folder: &Path) -> Result<Secrets, Failure> {
    let mut secrets = Secrets::new();
    for (name, reference) in &connection.secrets {
        let value = read(reference, folder).map_err(|reason| {
            Failure::new(
                "LS-CLI-023",
                format!("the secret `{name}` of connection `{}` is missing: {reason}", connection.name),
            )
            .remedy(remedy(reference))
        })?;
        secrets.insert(name, value);
    }
    Ok(secrets)
}

/// The value of one.
pub fn read(reference: &SecretRef, folder: &Path) -> Result<Zeroizing<String>, String> {
    match reference {
        SecretRef::Env(name) => match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(Zeroizing::new(value)),
            Ok(_) => Err(format!("the environment variable {name} is empty")),
            Err(std::env::VarError::NotPresent) => Err(format!("the environment variable {name} is not set")),
            Err(std::env::VarError::NotUnicode(_)) => Err(format!("the environment variable {name} is not UTF-8")),
        },
        SecretRef::File(path) => from_file(&folder.join(path)),
        SecretRef::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(credentials) => from_file(&PathBuf::from(credentials).join(name)),
            None => Err(format!("there are no systemd credentials, so no {name}")),
        },
    }
}

fn from_file(path: &Path) -> Result<Zeroizing<String>, String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(failed)?;
    let mut value = Zeroizing::new(String::new());
    let read = file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut value).map_err(failed)?;
    if read as u64 > SECRET_BYTES_MAX {
        return Err(format!("{} is larger than {SECRET_BYTES_MAX} bytes", path.display()));
    }
    let kept = value.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).unwrap_or(&value).len();
    value.truncate(kept);
    if value.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(value)
}

fn remedy(reference: &SecretRef) -> String {
    match reference {
        SecretRef::Env(name) => format!("Set it for the process that runs Lockstep: export {name}=…"),
        SecretRef::File(path) => format!("Write the secret into {path}, readable by this user only."),
        SecretRef::Credential(name) => format!("Add LoadCredential={name}:PATH to the systemd unit."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_secret_loses_its_last_line_break_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "two\nlines \r\n").unwrap();
        assert_eq!(from_file(&path).unwrap().as_str(), "two\nlines ");
        std::fs::write(&path, "\n").unwrap();
        assert!(from_file(&path).unwrap_err().ends_with("is empty"));
    }

    #[test]
    fn a_missing_secret_is_told_by_its_reference() {
        let told = read(&SecretRef::Env("LOCKSTEP_NO_SUCH".into()), Path::new(".")).unwrap_err();
        assert_eq!(told, "the environment variable LOCKSTEP_NO_SUCH is not set");
    }
}
