//! The host with real components.

mod guests;
mod hostile;
mod loading;
mod network;
mod sessions;
mod tls;
