//! A simulated vendor on its own, to try a connector or a client by hand:
//! `cargo run -p lockstep-simulators -- salesforce --port 8080`.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Args, Parser};
use lockstep_simulators::{Listen, hubspot, salesforce};

#[derive(Debug, Parser)]
#[command(name = "lockstep-simulator", max_term_width = 100)]
enum Vendor {
    /// A Salesforce organisation
    Salesforce {
        #[command(flatten)]
        place: Place,
        /// A JSON file with "settings", "objects" and "fields" of its own
        #[arg(long)]
        declare: Option<PathBuf>,
    },
    /// A HubSpot account
    Hubspot(Place),
}

#[derive(Debug, Args)]
struct Place {
    /// The port on loopback; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// HTTPS, with a certificate made for this run
    #[arg(long)]
    tls: bool,
}

impl Place {
    fn listen(&self) -> Listen {
        Listen { port: self.port, tls: self.tls }
    }
}

fn main() -> ExitCode {
    match run(&Vendor::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockstep-simulator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(vendor: &Vendor) -> Result<()> {
    match vendor {
        Vendor::Salesforce { place, declare } => {
            let mut options = match declare {
                Some(path) => salesforce::Options::declared(&fs::read_to_string(path)?)?,
                None => salesforce::Options::default(),
            };
            options.listen = place.listen();
            let client = (options.settings.client_id.clone(), options.settings.client_secret.clone());
            let org = salesforce::Org::start(options)?;
            println!("a Salesforce organisation listens on {}, its client is {} {}", org.url(), client.0, client.1);
            if let Some(certificate) = org.certificate_pem() {
                println!("{certificate}");
            }
            wait()
        }
        Vendor::Hubspot(place) => {
            let account = hubspot::Account::start(hubspot::Options { listen: place.listen(), ..Default::default() })?;
            println!("a HubSpot account listens on {}, its key is {}", account.url(), account.token());
            if let Some(certificate) = account.server().certificate_pem() {
                println!("{certificate}");
            }
            wait()
        }
    }
}

/// Until the process is ended.
fn wait() -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(tokio::signal::ctrl_c())?;
    Ok(())
}
