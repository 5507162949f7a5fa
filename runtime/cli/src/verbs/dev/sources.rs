//! What a project is made of, and waiting until it is made of something else. Notices of the
//! file system only say when to look; what was read decides.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use inotify::{Inotify, WatchMask, Watches};
use lockstep_host::digest_of;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, timeout, timeout_at},
};

use super::project::Project;
use crate::failure::Failure;

/// Whoever saves several files at once is given so long between two of them.
const QUIET: Duration = Duration::from_millis(150);
/// A project in which something is written all the time is looked at after so long anyway.
const RESTLESS: Duration = Duration::from_secs(2);
/// Looked at without any notice: some file systems give none.
const LOOK_ANYWAY: Duration = Duration::from_secs(20);
/// More files are no sources.
const FILES_MAX: usize = 20_000;
/// Folders that are watched; what lies in more is seen when it is looked at anyway.
const FOLDERS_MAX: usize = 2_000;
/// What is in larger files is not read: their size and time have to do.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// What tools leave beside sources.
const LEFT: [&str; 5] = ["node_modules", "target", "dist", "__pycache__", "build"];

/// What a project is made of at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<PathBuf, Look>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    Digest(String),
    Large(u64, Option<SystemTime>),
}

impl Sources {
    pub fn of(project: &Project) -> Self {
        let mut found = Sources::default();
        for path in &project.watch {
            // What goes while it is looked at shows at the next look.
            let _ = found.add(path);
        }
        found
    }

    fn add(&mut self, path: &Path) -> io::Result<()> {
        let about = fs::metadata(path)?;
        if about.is_dir() {
            for entry in fs::read_dir(path)?.flatten() {
                if !is_left(&entry.file_name().to_string_lossy()) {
                    let _ = self.add(&entry.path());
                }
            }
        } else if about.is_file() && self.0.len() < FILES_MAX {
            let look = match about.len() > FILE_BYTES_MAX {
                true => Look::Large(about.len(), about.modified().ok()),
                false => Look::Digest(digest_of(&fs::read(path)?)),
            };
            self.0.insert(path.to_owned(), look);
        }
        Ok(())
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.0.len()
    }

    /// The files that are new, gone or otherwise than before.
    pub fn changed_since(&self, before: &Sources) -> Vec<PathBuf> {
        let differs = |path: &&PathBuf| self.0.get(*path) != before.0.get(*path);
        let mut changed: Vec<PathBuf> = self.0.keys().filter(differs).cloned().collect();
        changed.extend(before.0.keys().filter(|path| !self.0.contains_key(*path)).cloned());
        changed
    }
}

/// Hears when something is written.
pub struct Watch {
    watches: Watches,
    notices: mpsc::Receiver<()>,
}

impl Watch {
    pub fn new(project: &Project) -> Result<Self, Failure> {
        let inotify = Inotify::init().map_err(|error| unwatched(project, &error))?;
        let mut watch = Watch { watches: inotify.watches(), notices: heard(inotify) };
        watch.place(project).map_err(|error| unwatched(project, &error))?;
        Ok(watch)
    }

    /// Watches what is there now: a folder that was made anew is another one.
    fn place(&mut self, project: &Project) -> io::Result<()> {
        let mut folders = BTreeSet::from([project.folder.clone()]);
        for path in &project.watch {
            // Editors put another file in the place of one that is saved: its folder tells.
            folders.extend(path.parent().map(Path::to_owned));
            within(path, &mut folders);
        }
        for folder in folders {
            match self.watches.add(&folder, written()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Waits until the project is made of something else than this.
    pub async fn other_than(&mut self, project: &Project, known: &Sources) -> Sources {
        loop {
            let now = Sources::of(project);
            if now != *known {
                return now;
            }
            if timeout(LOOK_ANYWAY, self.notices.recv()).await.is_ok() {
                self.quiet().await;
            }
            // What cannot be watched any more is looked at anyway, only later.
            let _ = self.place(project);
        }
    }

    async fn quiet(&mut self) {
        let restless = Instant::now() + RESTLESS;
        while timeout_at(restless.min(Instant::now() + QUIET), self.notices.recv()).await.is_ok() {}
    }
}

/// What is told: everything but looking at files, which is done here.
fn written() -> WatchMask {
    WatchMask::CREATE
        | WatchMask::MODIFY
        | WatchMask::CLOSE_WRITE
        | WatchMask::MOVED_FROM
        | WatchMask::MOVED_TO
        | WatchMask::DELETE
        | WatchMask::DELETE_SELF
}

/// The system is asked in a thread of its own, which ends with the process.
fn heard(mut inotify: Inotify) -> mpsc::Receiver<()> {
    let (hear, notices) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(_events) = inotify.read_events_blocking(&mut buffer) {
            // A notice that waits to be heard says the same.
            if let Err(TrySendError::Closed(())) = hear.try_send(()) {
                return;
            }
        }
    });
    notices
}

/// A folder and those in it.
fn within(path: &Path, folders: &mut BTreeSet<PathBuf>) {
    if !path.is_dir() || folders.len() >= FOLDERS_MAX {
        return;
    }
    folders.insert(path.to_owned());
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !is_left(&entry.file_name().to_string_lossy()) {
            within(&entry.path(), folders);
        }
    }
}

fn is_left(name: &str) -> bool {
    LEFT.contains(&name) || name.starts_with('.') || name.ends_with('~')
}

fn unwatched(project: &Project, error: &io::Error) -> Failure {
    Failure::new("LS-CLI-062", format!("changes in {} cannot be watched: {error}", project.folder.display()))
        .remedy("Raise the limit of the system that it names (`sysctl fs.inotify.max_user_watches`), or use `--once` after each change.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(folder: &Path) -> Project {
        Project {
            folder: folder.to_owned(),
            build: vec!["true".to_owned()],
            component: folder.join("out.wasm"),
            watch: vec![folder.join("src"), folder.join("made.toml")],
        }
    }

    #[tokio::test]
    async fn a_change_is_seen_and_what_tools_leave_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (project, src) = (project(folder.path()), folder.path().join("src"));
        fs::create_dir_all(src.join("__pycache__")).unwrap();
        fs::write(src.join("a.rs"), "a").unwrap();
        let mut watch = Watch::new(&project).unwrap();
        let first = watch.other_than(&project, &Sources::default()).await;
        assert_eq!(first.count(), 1);
        fs::write(src.join("__pycache__/a.pyc"), "left").unwrap();
        fs::write(folder.path().join("out.wasm"), "made").unwrap();
        fs::write(src.join("a.rs"), "a").unwrap();
        assert_eq!(Sources::of(&project), first, "nothing is another source");
        fs::write(folder.path().join("new"), "b").unwrap();
        fs::rename(folder.path().join("new"), folder.path().join("made.toml")).unwrap();
        let second = watch.other_than(&project, &first).await;
        assert_eq!(second.changed_since(&first), [folder.path().join("made.toml")]);
        fs::remove_file(src.join("a.rs")).unwrap();
        let third = watch.other_than(&project, &second).await;
        assert_eq!(third.changed_since(&second), [src.join("a.rs")]);
    }

    #[tokio::test]
    async fn a_folder_that_is_made_anew_is_watched_again() {
        let folder = tempfile::tempdir().unwrap();
        let (project, src) = (project(folder.path()), folder.path().join("src"));
        fs::create_dir(&src).unwrap();
        fs::write(src.join("a"), "1").unwrap();
        let mut watch = Watch::new(&project).unwrap();
        let first = Sources::of(&project);
        fs::remove_dir_all(&src).unwrap();
        let second = watch.other_than(&project, &first).await;
        fs::create_dir(&src).unwrap();
        fs::write(src.join("a"), "2").unwrap();
        let third = watch.other_than(&project, &second).await;
        assert_eq!(third.count(), 1);
        fs::write(src.join("b"), "3").unwrap();
        assert_eq!(watch.other_than(&project, &third).await.count(), 2);
    }
}
