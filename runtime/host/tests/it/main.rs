//! The host with real components.

mod guests;
mod hostile;
mod http;
mod http_hostile;
mod http_tls;
mod loading;
mod network;
mod sessions;
mod tls;
mod web;
