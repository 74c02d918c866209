//! The API server: requests of HTTP to answers.

mod access;
mod body;
mod delete;
mod discovery;
mod faults;
mod metrics;
mod objects;
mod parts;
mod query;
mod read;
mod requests;
mod route;
mod table;
mod users;
mod watch;
mod write;

pub(crate) use self::faults::Faults;
pub use self::faults::{Fault, Faulty};
pub use self::objects::{Changes, Objects};
pub(crate) use self::query::Validation;
pub(crate) use self::requests::handle;
pub(crate) use self::route::Target;
pub(crate) use self::users::{MASTERS, Users};
