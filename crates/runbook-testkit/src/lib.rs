//! What tests share.

pub mod contract;
pub mod host;
