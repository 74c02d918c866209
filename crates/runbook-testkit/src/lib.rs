//! What tests share: throw-away servers, a host that records, the contract that every action keeps, and the
//! engine in a box: a clock that jumps, a journal in memory, actions that follow a script. Dev-only.

pub mod authority;
pub mod brief;
pub mod clock;
pub mod contract;
pub mod crash;
pub mod docker;
pub mod example;
pub mod host;
pub mod https;
pub mod mariadb;
pub mod memory;
mod people;
pub mod play;
pub mod postgres;
pub mod prometheus;
pub mod ran;
pub mod scenario;
pub mod scripted;
pub mod sshd;
pub mod stage;
pub mod tape;
pub mod world;
