//! The folder that new versions of connectors are put into (`[connectors] watch_folder`). A
//! component that lies there whole is taken as `connector upgrade` would take it, by every
//! connection whose connector has its name: with the same checks, and nothing skipped.

mod arrivals;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use lockstep_engine::{
    EngineError, Operations,
    port::ComponentName,
    versions::{Came, ConnectorView, Order},
};

use self::arrivals::{Arrival, Arrivals};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What is done with the folder until the process ends.
pub struct WatchFolder {
    folder: PathBuf,
    arrivals: Arrivals,
    operations: Operations,
    /// Connections and digests that are done with.
    done: BTreeSet<(String, String)>,
    /// Those that have to wait, which is said once.
    postponed: BTreeSet<(String, String)>,
}

/// What a component in the folder is to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Its next version.
    New,
    /// A connector of another name, or none has run yet.
    Foreign,
    /// It serves, served before, was refused or waits: what becomes of it is the operator's to say.
    Known,
}

impl WatchFolder {
    pub fn new(folder: PathBuf, operations: Operations) -> Self {
        let arrivals = Arrivals::new(&folder);
        WatchFolder { folder, arrivals, operations, done: BTreeSet::new(), postponed: BTreeSet::new() }
    }

    pub async fn watch(mut self) {
        tracing::info!(folder = %self.folder.display(), "new versions of connectors are taken from here");
        loop {
            let arrivals = self.arrivals.look();
            // What is no longer there may be put there again, and is looked at anew.
            let is_there = |(_, digest): &(String, String)| arrivals.iter().any(|one| one.digest == *digest);
            self.done.retain(is_there);
            self.postponed.retain(is_there);
            for arrival in &arrivals {
                self.take(arrival).await;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn take(&mut self, arrival: &Arrival) {
        let views = match self.operations.connectors() {
            Ok(views) => views,
            Err(error) => return tracing::warn!(code = error.code(), "which connectors serve is not known: {error}"),
        };
        for view in views {
            let which = (view.connection.clone(), arrival.digest.clone());
            if standing(&view, arrival) != Standing::New || self.done.contains(&which) {
                continue;
            }
            if self.upgrade(&view.connection, arrival).await {
                self.done.insert(which);
            }
        }
    }

    /// Whether it is done with, however it came out.
    async fn upgrade(&mut self, connection: &str, arrival: &Arrival) -> bool {
        let path = arrival.path.display();
        let order = Order {
            connection: connection.to_owned(),
            to: ComponentName { from: path.to_string(), digest: Some(arrival.digest.clone()) },
            by: format!("the folder {}", self.folder.display()),
            accept_differences: false,
            pin: false,
            probation_ms: None,
        };
        match self.operations.upgrade(&order).await {
            Ok(report) => {
                match report.came {
                    Came::Switched => {
                        tracing::info!(%connection, component = %path, "it was put into the folder, and serves")
                    }
                    Came::Waits => {
                        tracing::warn!(%connection, component = %path, code = report.code, "it waits for approval: {}", report.message)
                    }
                    // The engine has said why.
                    Came::Refused => {}
                }
                true
            }
            // A first copy, a probation or another change is under way: it is looked at again.
            Err(EngineError::Refused { message, .. }) => {
                if self.postponed.insert((connection.to_owned(), arrival.digest.clone())) {
                    tracing::info!(%connection, component = %path, "it is taken later: {message}");
                }
                false
            }
            Err(error) => {
                tracing::warn!(%connection, component = %path, code = error.code(), "it is not taken: {error}");
                true
            }
        }
    }
}

fn standing(view: &ConnectorView, arrival: &Arrival) -> Standing {
    let Some(in_use) = view.in_use.as_ref().filter(|one| one.about.name == arrival.name) else {
        return Standing::Foreign;
    };
    let waiting = view.waiting.iter().map(|one| &one.about);
    let refused = view.refused.iter().map(|one| &one.about);
    let before = view.before.iter().map(|one| &one.about);
    let mut known = std::iter::once(&in_use.about).chain(waiting).chain(refused).chain(before);
    match known.any(|about| about.digest == arrival.digest) {
        true => Standing::Known,
        false => Standing::New,
    }
}

/// Where the folder is; relative paths start at the configuration file.
pub fn place(config: &Path, written: &str) -> PathBuf {
    let folder = config.with_file_name("").join(written);
    std::path::absolute(&folder).unwrap_or(folder)
}

#[cfg(test)]
mod tests {
    use lockstep_engine::{
        port::About,
        versions::{Refused, Use},
    };

    use super::*;

    fn about(digest: &str) -> About {
        About { name: "notes".to_owned(), digest: digest.to_owned(), ..About::default() }
    }

    fn arrival(name: &str, digest: &str) -> Arrival {
        Arrival { path: PathBuf::from("notes.wasm"), name: name.to_owned(), digest: digest.to_owned() }
    }

    #[test]
    fn only_what_nobody_decided_about_is_taken() {
        let mut view = ConnectorView { connection: "a".to_owned(), ..ConnectorView::default() };
        assert_eq!(standing(&view, &arrival("notes", "new")), Standing::Foreign, "nothing has run yet");
        view.in_use = Some(Use { about: about("served"), ..Use::default() });
        view.before = vec![Use { about: about("before"), ..Use::default() }];
        view.refused = vec![Refused { about: about("refused"), ..Refused::default() }];
        assert_eq!(standing(&view, &arrival("notes", "new")), Standing::New);
        assert_eq!(standing(&view, &arrival("others", "new")), Standing::Foreign);
        for known in ["served", "before", "refused"] {
            assert_eq!(standing(&view, &arrival("notes", known)), Standing::Known, "{known}");
        }
    }
}
