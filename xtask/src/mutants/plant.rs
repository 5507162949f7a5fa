//! Puts the bugs into a copy of the sources, each behind its number.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};

use super::{Mutant, NUMBER, read};

/// What the copy needs to build: everything but what was built.
pub fn copy(root: &Path, tree: &Path) -> Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .context("starting git")?;
    ensure!(listed.status.success(), "git cannot list the files");
    for file in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|file| !file.is_empty()) {
        let (from, to) = (root.join(file), tree.join(file));
        let Ok(content) = fs::read(&from) else {
            continue;
        };
        // What has not changed keeps its time, and is not compiled again.
        if fs::read(&to).is_ok_and(|there| there == content) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&to, content).with_context(|| format!("writing {}", to.display()))?;
    }
    Ok(())
}

pub fn plant(tree: &Path, mutants: &[&Mutant]) -> Result<()> {
    let mut by_file: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
    for (at, mutant) in mutants.iter().enumerate() {
        by_file.entry(mutant.file).or_default().push((at + 1, mutant));
    }
    for (file, bugs) in by_file {
        let text = read(tree, file)?;
        let gate = if file.starts_with("runtime/core/") { "crate" } else { "lockstep_core" };
        let planted = in_text(&text, gate, &bugs).with_context(|| format!("in {file}"))?;
        fs::write(tree.join(file), planted)?;
    }
    let lib = "runtime/core/src/lib.rs";
    let text = read(tree, lib)?;
    fs::write(tree.join(lib), format!("{text}\n{}", gate()))?;
    Ok(())
}

/// Says which bug is in force. Only in the copy: the core reads no environment.
fn gate() -> String {
    format!(
        "#[allow(clippy::all)]\npub fn mutant(number: u32) -> bool {{\n    \
         static ACTIVE: std::sync::OnceLock<u32> = std::sync::OnceLock::new();\n    \
         *ACTIVE.get_or_init(|| std::env::var(\"{NUMBER}\").ok().and_then(|n| n.parse().ok()).unwrap_or(0)) == number\n}}\n"
    )
}

/// From the last place to the first, so that earlier ones stay where they are.
/// Bugs of one place are put around each other.
fn in_text(text: &str, gate: &str, bugs: &[(usize, &Mutant)]) -> Result<String> {
    let mut places: BTreeMap<(usize, usize), Vec<(usize, &Mutant)>> = BTreeMap::new();
    for (number, bug) in bugs {
        let after = text.find(bug.after).with_context(|| format!("bug {number}: no `{}`", bug.after))?;
        let found = text[after..].find(bug.find).with_context(|| format!("bug {number}: no `{}`", bug.find))?;
        let begin = after + found;
        places.entry((begin, begin + bug.find.len())).or_default().push((*number, bug));
    }
    let ordered: Vec<_> = places.keys().collect();
    for pair in ordered.windows(2) {
        if let [one, next] = pair
            && one.1 > next.0
        {
            bail!("two bugs overlap at `{}`", &text[next.0..next.1.min(next.0 + 40)]);
        }
    }
    let mut planted = text.to_owned();
    for ((begin, end), bugs) in places.iter().rev() {
        let sound = &text[*begin..*end];
        let expression = bugs.iter().fold(sound.to_owned(), |sound, (number, bug)| {
            format!("(if {gate}::mutant({number}) {{ {} }} else {{ {sound} }})", bug.plant)
        });
        planted.replace_range(*begin..*end, &expression);
    }
    Ok(planted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::bug;

    #[test]
    fn a_bug_stands_behind_its_number_and_two_at_one_place_around_each_other() {
        let text = "fn one() -> bool { a && b }\nfn two() -> bool { a && b }\n";
        let (first, second) = (bug("f", "fn two", "a && b", "false"), bug("f", "fn two", "a && b", "true"));
        let planted = in_text(text, "crate", &[(1, &first), (2, &second)]).unwrap();
        assert_eq!(
            planted,
            "fn one() -> bool { a && b }\nfn two() -> bool { (if crate::mutant(2) { true } else { \
             (if crate::mutant(1) { false } else { a && b }) }) }\n"
        );
    }

    #[test]
    fn a_bug_whose_place_is_gone_is_an_error() {
        assert!(in_text("fn one() {}", "crate", &[(1, &bug("f", "fn two", "x", "y"))]).is_err());
    }

    #[test]
    fn every_bug_of_the_list_has_its_place() {
        for mutant in crate::mutants::all() {
            let text = read(&crate::root(), mutant.file).unwrap();
            in_text(&text, "crate", &[(1, mutant)]).unwrap();
        }
    }
}
