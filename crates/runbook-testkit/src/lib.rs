//! What tests need of the real world: throw-away servers. Dev-only.

pub mod postgres;
