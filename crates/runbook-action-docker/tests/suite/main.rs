//! What `docker` and `compose` are known to do without an engine, and what they really do with one.

mod contract;
mod effect;
mod real;
mod refused;
mod value;
