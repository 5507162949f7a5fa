//! The HubSpot account over HTTP: what it remembers, refuses, counts and tells,
//! in shapes held against recorded traffic, driven by hand and by the vendor's
//! own client library.

mod access;
mod associations;
mod batches;
mod client;
mod history;
mod invariants;
mod journal;
mod objects;
mod properties;
mod races;
mod searching;
mod shapes;
mod vendor_client;
mod webhooks;
