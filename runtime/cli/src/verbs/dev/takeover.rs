//! A component that passed comes into use at a connection of the running Lockstep, by the
//! same way as `connector upgrade`.

use lockstep_engine::{
    port::ComponentName,
    versions::{Came, Order, UpgradeReport},
};
use lockstep_server::{Client, socket};

use super::project::Project;
use crate::{context::Context, failure::Failure, verbs::versions};

/// The code for a version that serves already.
const IN_USE: &str = "LS-ENG-302";

/// Where versions are to come into use, and how.
pub struct Takeover {
    pub connection: String,
    pub accept_differences: bool,
    pub probation_ms: u64,
}

/// What became of it.
pub enum Taken {
    Serves(UpgradeReport),
    /// That very component serves already.
    ServedAlready,
    /// The version before goes on.
    Stays(UpgradeReport),
}

impl Takeover {
    /// `digest`: of the component that passed; another one is not taken.
    pub async fn run(&self, project: &Project, digest: &str, context: &Context<'_>) -> Result<Taken, Failure> {
        let state = context.state_path();
        if !socket::is_alive(&state).await {
            let missing = format!("no Lockstep runs on the state {}", state.display());
            return Err(Failure::new("LS-CLI-064", missing)
                .remedy("Start `lockstep run`, or name its files with `--config` and `--state`; then save again."));
        }
        let client = Client::Socket(socket::path_of(&state));
        let order = Order {
            connection: self.connection.clone(),
            to: ComponentName { from: project.component.display().to_string(), digest: Some(digest.to_owned()) },
            by: context.by(),
            accept_differences: self.accept_differences,
            pin: false,
            probation_ms: Some(self.probation_ms),
        };
        let report: UpgradeReport = client.post("/v1/connector/upgrade", &order).await?;
        if report.code == IN_USE {
            return Ok(Taken::ServedAlready);
        }
        if report.came != Came::Switched {
            return Ok(Taken::Stays(report));
        }
        if report.probation_ms > 0 {
            versions::proved(&client, &report, context).await?;
        }
        Ok(Taken::Serves(report))
    }
}
