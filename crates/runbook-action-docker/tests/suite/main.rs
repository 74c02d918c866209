//! What uses of `docker` and `compose` are known to do, without an engine.

mod contract;
mod effect;
mod refused;
mod value;
