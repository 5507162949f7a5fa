//! `lockstep connector record`: what a connection's connector does in the running
//! Lockstep, in a file that plays again without any system.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use lockstep_core::config::duration_ms;
use lockstep_engine::{port::RecordBounds, versions::RecordOrder};
use lockstep_host::RecordLimits;
use lockstep_server::Client;
use serde_json::json;

use crate::{
    context::Context,
    failure::{Exit, Failure},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The connection whose connector is to be recorded
    connection: String,
    /// How long, such as `30s`; up to 10 minutes
    #[arg(long = "for", value_name = "TIME", default_value = "30s")]
    during: String,
    /// The file, which must not be there yet; CONNECTION-TIME.jsonl in this folder unless said
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Bytes that are kept of one body, at most
    #[arg(long, value_name = "BYTES", default_value_t = RecordLimits::default().body_bytes_max)]
    body_bytes: usize,
    /// Bytes that are kept in all, at most
    #[arg(long, value_name = "BYTES", default_value_t = RecordLimits::default().bytes_max)]
    bytes: usize,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let for_ms = duration_ms(&args.during).ok_or_else(|| {
        Failure::usage("LS-CLI-029", format!("`{}` is no duration", args.during))
            .remedy("Write a number and a unit, such as `30s` or `5m`.")
    })?;
    let client = context.client().await?;
    if matches!(client, Client::Local(_)) {
        return Err(Failure::new("LS-CLI-014", "no Lockstep is running, so there is nothing to record")
            .remedy("Start `lockstep run`; `lockstep connector test --record FOLDER` records without it."));
    }
    let path = args.to.clone().unwrap_or_else(|| {
        PathBuf::from(format!("{}-{}.jsonl", args.connection, Timestamp::now().strftime("%Y%m%dT%H%M%SZ")))
    });
    // Known before anything is recorded, not after.
    let file = new_file(&path)?;
    let order = RecordOrder {
        connection: args.connection.clone(),
        for_ms,
        bounds: RecordBounds { body_bytes: args.body_bytes, bytes: args.bytes },
        by: context.by(),
    };
    let bar = screen.progress("recording", None);
    bar.enable_steady_tick(Duration::from_millis(200));
    let recorded = tokio::select! {
        recorded = client.content("/v1/connector/record", &order) => recorded.map_err(Failure::from),
        // The running Lockstep notices that nobody waits any more.
        _ = tokio::signal::ctrl_c() => Ok(Vec::new()),
    };
    bar.finish_and_clear();
    let written = recorded.and_then(|content| match content.is_empty() {
        true => Ok(0),
        false => write(file, &path, &content).map(|()| content.len()),
    });
    if !matches!(&written, Ok(bytes) if *bytes > 0) {
        let _ = fs::remove_file(&path);
    }
    let bytes = written?;
    if screen.json {
        let recording = (bytes > 0).then(|| path.display().to_string());
        screen.out_json(&json!({ "connection": args.connection, "recording": recording, "bytes": bytes }));
    } else if bytes == 0 {
        screen.out(format!("{}'s connector did nothing meanwhile; nothing is written", args.connection));
    } else {
        screen.out(format!("{} ({bytes} bytes)", path.display()));
        screen.next(format!("`lockstep connector replay {}` plays it again; there is data in it", path.display()));
    }
    Ok(if bytes == 0 { Exit::Attention } else { Exit::Done })
}

/// For its owner only: there is data of the system in it.
fn new_file(path: &Path) -> Result<fs::File, Failure> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| refused(path, &error))
}

fn write(mut file: fs::File, path: &Path, content: &[u8]) -> Result<(), Failure> {
    file.write_all(content).map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new("LS-KIT-006", format!("cannot write the recording {}: {error}", path.display()))
        .remedy("Say `--to FILE` with a file that is not there yet, in a folder that you may write to.")
}
