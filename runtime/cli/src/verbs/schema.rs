//! `lockstep schema`: the JSON Schema of the configuration file, for editors.

use crate::{
    context::Context,
    failure::{Exit, Failure},
};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    context.screen.out_json(&lockstep_core::config::json_schema());
    Ok(Exit::Done)
}
