//! The Salesforce simulator against the vendor's public behaviour: what it
//! answers, what it remembers, what it tells, and what recorded traffic and the
//! vendor's ordinary client library make of it.

mod access;
mod caller;
mod control;
mod history;
mod library;
mod many;
mod queries;
mod recordings;
mod rows;
mod stream;
