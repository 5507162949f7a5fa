//! PostgreSQL refuses to run as root: as whom to run it then.

use std::{fs, os::unix::fs::chown, path::Path};

use anyhow::{Context, Result};

/// The account the server runs under, where it must differ from ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub uid: u32,
    pub gid: u32,
}

/// `None` when this process may run the server itself.
pub(crate) fn for_server() -> Result<Option<Account>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    let find = |name: &str| accounts.lines().find_map(|line| parse(line, name));
    find("postgres")
        .or_else(|| find("nobody"))
        .map(Some)
        .context("neither a `postgres` nor a `nobody` account exists to run the server as")
}

fn parse(line: &str, wanted: &str) -> Option<Account> {
    let mut parts = line.split(':');
    if parts.next()? != wanted {
        return None;
    }
    let uid = parts.nth(1)?.parse().ok()?;
    let gid = parts.next()?.parse().ok()?;
    Some(Account { uid, gid })
}

/// Hands a file or folder to the account.
pub(crate) fn give(path: &Path, account: Option<Account>) -> Result<()> {
    match account {
        None => Ok(()),
        Some(account) => chown(path, Some(account.uid), Some(account.gid))
            .with_context(|| format!("handing {} to the server's account", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_by_its_whole_name() {
        let account = parse("postgres:x:101:104:admin:/var:/bin/bash", "postgres").unwrap();
        assert_eq!((account.uid, account.gid), (101, 104));
        assert!(parse("postgres2:x:101:104::/:/bin/sh", "postgres").is_none());
    }
}
