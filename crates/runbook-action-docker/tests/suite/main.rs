//! What uses of `docker` and `compose` are known to do, without an engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod effect;
mod refused;
mod value;
