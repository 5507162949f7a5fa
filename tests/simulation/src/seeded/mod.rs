//! Seeded runs of the whole engine in simulated time: the real core, state and
//! scheduling, simulated systems of every kind the contract knows, and a plan of
//! faults. One seed is one run, replayed exactly.

mod audit;
mod dice;
mod explained;
mod habits;
mod people;
mod place;
mod run;
mod scenario;
mod session;
mod shrink;
mod stream;
mod table;
mod verdict;
mod world;
mod write;

pub use habits::{Condition, Habits, Stream};
pub use run::{Outcome, play, run};
pub use scenario::{DEEDS, Event, Scenario, TROUBLES};
pub use shrink::shrink;
