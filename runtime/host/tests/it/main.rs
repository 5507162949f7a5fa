//! The host with real components.

mod budgets;
mod code;
mod documented;
mod guests;
mod hostile;
mod http;
mod http_hostile;
mod http_tls;
mod loading;
mod network;
mod recording;
mod sessions;
mod signing_in;
mod tls;
mod versions;
mod web;
