//! The action `http`: a request and its answer.
//!
//! A [`Request`](request::Request) is what is to be asked, read from the parameters and the connection.
//! [`exchange`] sends it, follows redirects that stay on the same origin, and reads the answer within bounds;
//! [`answer`] judges it. [`target`] is the place that turns texts into URLs, so that no value becomes part of
//! a URL's structure; [`failure`] turns errors of the network into the kinds that a runbook can ask for.
//!
//! What a connection carries (its headers, which hold credentials) goes to the connection's own origin and to no
//! other.

mod action;
mod answer;
mod connection;
mod exchange;
mod failure;
mod header;
mod request;
mod shown;
mod spec;
mod target;

pub use action::Http;
