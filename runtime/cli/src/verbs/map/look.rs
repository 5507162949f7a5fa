//! What there is to map: each side's object, and values of a few of its rows.

use std::{collections::BTreeMap, path::Path};

use lockstep_core::{config::Config, config::Sync, schema::Object, value::Value};
use lockstep_server::{Client, requests};

use crate::{
    context::Context,
    failure::Failure,
    wiring::{self, State},
};

/// One side as it was found.
pub struct Seen {
    pub side: String,
    pub object: Object,
    /// By column, in the object's order, a value a row. Empty: none were read.
    pub samples: Vec<Vec<Value>>,
}

/// Whom to ask: this process, on the configuration as drafted, without any state.
pub fn client(config: &Config, path: &Path) -> Result<Client, Failure> {
    let folder = path.with_file_name("");
    wiring::check_secrets_of(config, &folder)?;
    let engine = wiring::engine_of(config.clone(), &folder, State::Throwaway)?;
    Ok(Client::Local(lockstep_server::router(engine.operations())))
}

/// All sides, in their order.
pub async fn at_sides(
    client: &Client,
    sync: &Sync,
    with_samples: bool,
    context: &Context<'_>,
) -> Result<Vec<Seen>, Failure> {
    let mut all = Vec::new();
    for side in &sync.sides {
        let bar = context.screen.progress(&format!("reading {}", side.name), None);
        let seen = at_side(client, &side.connection, &side.object, with_samples, context).await;
        bar.finish_and_clear();
        let (object, samples) = seen?;
        all.push(Seen { side: side.name.clone(), object, samples });
    }
    Ok(all)
}

async fn at_side(
    client: &Client,
    connection: &str,
    name: &str,
    with_samples: bool,
    context: &Context<'_>,
) -> Result<(Object, Vec<Vec<Value>>), Failure> {
    let asked = requests::Discover { connection: connection.to_owned(), objects: vec![name.to_owned()] };
    let found: Vec<Object> = client.post("/v1/discover", &asked).await?;
    let object = found.into_iter().find(|object| object.name == name).ok_or_else(|| {
        Failure::new("LS-ENG-105", format!("{connection} has no `{name}`"))
            .remedy(format!("`lockstep discover {connection}` lists what there is."))
    })?;
    if !with_samples {
        return Ok((object, Vec::new()));
    }
    let columns: Vec<String> = object.columns.iter().map(|column| column.name.clone()).collect();
    let asked = requests::Sample { connection: connection.to_owned(), object: name.to_owned(), columns };
    let samples: Result<Vec<Vec<Value>>, _> = client.post("/v1/sample", &asked).await;
    // Names and types are enough to go on; values only make it surer.
    let samples = samples.unwrap_or_else(|problem| {
        context.screen.note(format!("no values of {connection} {name} could be looked at: {}", problem.title));
        Vec::new()
    });
    Ok((object, samples))
}

/// The sync whose sides hold the objects that a field refers to.
pub fn parent<'c>(config: &'c Config, sync: &Sync, targets: &[(String, String)]) -> Option<&'c str> {
    let connections: BTreeMap<&str, &str> =
        sync.sides.iter().map(|side| (side.name.as_str(), side.connection.as_str())).collect();
    let holds = |parent: &Sync| {
        targets.iter().all(|(side, object)| {
            let connection = connections.get(side.as_str()).copied();
            parent
                .side(side)
                .is_some_and(|there| there.object == *object && Some(there.connection.as_str()) == connection)
        })
    };
    config.syncs.iter().find(|parent| holds(parent)).map(|parent| parent.name.as_str())
}
