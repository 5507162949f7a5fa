//! Syncs: each an actor that solely owns its state. Knows how to absorb, plan,
//! commit and deliver; not how connectors work or how configuration is written.

mod actor;
mod cache;
mod compare;
mod core;
mod deliver;
mod displaced;
mod doubt;
mod echo;
mod fetched;
mod follow;
mod guard;
mod hint;
mod made;
mod outcome;
mod phase;
mod queue;
mod reading;
mod regained;
mod requests;
mod side;
mod status;
#[cfg(test)]
mod tests;
mod told;
mod turn;
mod twins;
mod uncertain;
mod waiting;
mod watermark;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
};

use lockstep_core::{
    config::DeleteStorm,
    key::Key,
    record::{RecordId, SideId},
    schema::ConnectorSpec,
};
use tokio::sync::{mpsc, watch};

pub(crate) use self::{
    actor::{Actor, Ended},
    compare::Comparison,
    core::{Besides, Core},
    phase::COMPARE,
    requests::{PAUSE_REASON, Request, Worked},
    status::{ChildDoor, Children, Followers, SharedStatus},
};
use self::{
    actor::{Channels, Staged},
    guard::Guard,
    side::SideRun,
    waiting::Waiting,
};
use crate::{Connector, connection::ConnectionHandle, writer::Writer};

/// Messages from streams, of all sides together, that wait to be looked at.
const STREAM_MAX: usize = 4;
/// People's requests that wait.
const REQUESTS_MAX: usize = 64;
/// Parents' news that wait; beyond it, everything that waits is looked at anew.
const LINKED_MAX: usize = 10_000;

/// A record got a row at a side.
#[derive(Clone, Debug)]
pub(crate) struct Linked {
    pub(crate) sync: Arc<str>,
    pub(crate) side: Arc<str>,
    pub(crate) key: Key,
    pub(crate) record: RecordId,
}

/// A side's way to its system.
pub(crate) struct Route {
    pub(crate) connection: ConnectionHandle,
    pub(crate) connector: Arc<dyn Connector>,
    /// What its connector can do.
    pub(crate) spec: ConnectorSpec,
}

/// What an actor is made of.
pub(crate) struct Parts {
    pub(crate) core: Core,
    pub(crate) routes: BTreeMap<SideId, Route>,
    pub(crate) storm: Option<DeleteStorm>,
    pub(crate) status: SharedStatus,
    pub(crate) followers: Followers,
    pub(crate) stop: watch::Receiver<bool>,
}

/// Ways into a running actor.
pub(crate) struct Doors {
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) child: ChildDoor,
}

impl Actor {
    pub(crate) fn new(parts: Parts) -> (Self, Doors) {
        let (streams_in, streams) = mpsc::channel(STREAM_MAX);
        let (requests_in, requests) = mpsc::channel(REQUESTS_MAX);
        let (linked_in, linked) = mpsc::channel(LINKED_MAX);
        let missed = Arc::new(AtomicBool::new(false));
        let jobs = parts.routes.len().max(1) * (crate::writer::JOBS_MAX + 1);
        let (answers_in, answers) = mpsc::channel(jobs);
        // Bounded by the commits under way.
        let (commits_in, commits) = mpsc::unbounded_channel();
        let core = parts.core;
        let name = core.spec.name.clone();
        let suspect_below = core.next_record();
        let mut sides = BTreeMap::new();
        for side in core.spec.sides() {
            let Some(route) = parts.routes.get(&side.id) else {
                continue;
            };
            let writer = Writer::spawn(side.id, route.connector.clone(), answers_in.clone());
            let mut run =
                SideRun::new(side, &name, route.connection.clone(), route.connector.clone(), writer, suspect_below);
            run.heed(&route.spec);
            sides.insert(side.id, run);
        }
        let actor = Actor {
            name,
            core,
            sides,
            channels: Channels {
                streams,
                streams_in,
                answers,
                requests,
                requests_in: requests_in.clone(),
                linked,
                missed: missed.clone(),
                stop: parts.stop,
            },
            commits,
            commits_in,
            staged: Staged::default(),
            flights: Default::default(),
            awaiting_commit: Vec::new(),
            awaiting_disk: Vec::new(),
            waiting: Waiting::default(),
            guard: Guard::new(parts.storm),
            paused: false,
            draining: false,
            next_group: 1,
            sweep_behind: 0,
            regaining: None,
            status: parts.status,
            followers: parts.followers,
            ticks: 0,
            ended: None,
        };
        let child = ChildDoor { linked: linked_in, missed };
        let doors = Doors { requests: requests_in, child };
        (actor, doors)
    }
}
