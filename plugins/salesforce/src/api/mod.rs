//! The REST API: where requests go, what they carry, and what answers mean.

mod answer;
mod client;

pub use answer::{Record, RowResult, Subanswer, parse_errors, parse_limit_info};
pub use client::{Answer, Api, QueryPage};
