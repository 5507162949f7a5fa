//! Whole-engine runs against systems that live in memory. Holds the systems and
//! their connector; knows the engine only through its port.

pub mod bench;
pub mod people;
pub mod seeded;
pub mod session;
pub mod system;
pub mod vendor;
