//! Signals to processes this crate started.

use std::process::Child;

use anyhow::{Context, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Interrupt,
    Kill,
    Quit,
    Stop,
    Continue,
    Terminate,
}

/// Sends to exactly this child. A child that has ended already is an error.
pub fn send(child: &Child, signal: Signal) -> Result<()> {
    let pid = i32::try_from(child.id()).context("process id")?;
    let pid = rustix::process::Pid::from_raw(pid).context("process id 0")?;
    let signal = match signal {
        Signal::Interrupt => rustix::process::Signal::INT,
        Signal::Kill => rustix::process::Signal::KILL,
        Signal::Quit => rustix::process::Signal::QUIT,
        Signal::Stop => rustix::process::Signal::STOP,
        Signal::Continue => rustix::process::Signal::CONT,
        Signal::Terminate => rustix::process::Signal::TERM,
    };
    rustix::process::kill_process(pid, signal).with_context(|| format!("sending {signal:?} to process {}", child.id()))
}
