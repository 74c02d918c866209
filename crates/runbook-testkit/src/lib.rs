//! What tests share: throw-away servers, a host that records, the contract that every action keeps. Dev-only.

pub mod contract;
pub mod host;
pub mod postgres;
