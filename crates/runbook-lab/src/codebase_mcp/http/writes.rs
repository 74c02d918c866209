//! Every changing request that arrived, in order: the proof of what was touched, and of what was not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::Value;

use super::Service;
use crate::clock;

#[derive(Default)]
pub(in crate::codebase_mcp) struct Writes(Mutex<Vec<Write>>);

#[derive(Serialize, Clone)]
struct Write {
    at: String,
    method: String,
    path: String,
    /// As JSON if it is JSON, as text if it is not, and null if there is none.
    body: Value,
}

#[derive(Serialize)]
pub(super) struct List {
    writes: Vec<Write>,
}

impl Writes {
    /// Writes the request down, whatever comes of it. A search is posted, but changes nothing.
    pub(super) fn notice(&self, head: &Parts, body: &[u8]) {
        if head.method.is_safe() || head.uri.path() == "/search" {
            return;
        }
        let text = || Value::String(String::from_utf8_lossy(body).into_owned());
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(body).unwrap_or_else(|_not_json| text())
        };
        let path = head.uri.path().to_owned();
        self.list().push(Write {
            at: clock::now(),
            method: head.method.to_string(),
            path,
            body,
        });
    }

    fn list(&self) -> MutexGuard<'_, Vec<Write>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn list(State(service): State<Arc<Service>>) -> Json<List> {
    Json(List {
        writes: service.writes.list().clone(),
    })
}
