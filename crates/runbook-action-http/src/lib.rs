//! The actions `http`, a request and its answer, and `promql`, a question to Prometheus.
//!
//! A [`Request`](request::Request) is what is to be asked, read from the parameters and the connection.
//! [`exchange`] sends it, follows redirects as far as [`redirect`] lets it, and reads the answer within bounds;
//! [`answer`] judges it. [`target`] is the place that turns texts into URLs, so that no value becomes part of
//! a URL's structure; [`failure`] turns errors of the network into the kinds that a runbook can ask for.
//!
//! Where `via` names another place that reaches the server, [`tunnel`] is the way to it.
//!
//! What a connection carries (its headers, who asks, its certificates) goes to the connection's own origin and to no
//! other, whatever a server redirects to.
//!
//! [`promql`] is asked in the same way: [`query`] finds the places in the text of a query where a label's value may
//! stand, [`prometheus`] asks it, and [`samples`] are what is made of the answer.

mod action;
mod answer;
mod auth;
mod body;
mod client;
mod connection;
mod exchange;
mod failure;
mod header;
mod prometheus;
mod promql;
mod proxy;
mod query;
mod redirect;
mod request;
mod retry;
mod samples;
mod shown;
mod spec;
mod target;
mod tls;
mod tunnel;

pub use action::Http;
pub use promql::Promql;
