//! `get` and `list`.

use runbook_action::{Failure, Output};
use serde_json::Value;

use super::Asked;
use crate::asked::{self, About, Several};
use crate::cluster::{Ask, Cluster};
use crate::trouble::Trouble;
use crate::{answer, object};

/// How many objects are asked for at once.
const PAGE: i64 = 500;

impl Several {
    /// The objects as they are, at most so many.
    pub(crate) async fn read(&self, cluster: &Cluster, limit: Option<i64>) -> Result<Vec<Value>, Trouble> {
        let namespace = self.namespace.as_deref();
        let mut found: Vec<Value> = Vec::new();
        let mut next = String::new();
        loop {
            let left = limit.map(|limit| limit - i64::try_from(found.len()).unwrap_or(i64::MAX));
            let page = left.map_or(PAGE, |left| left.min(PAGE));
            let mut ask = Ask::get(self.kind.path(namespace))
                .with_all(&self.query)
                .with("limit", page.to_string())
                .needs("list", &self.kind, None, namespace);
            if !next.is_empty() {
                ask = ask.with("continue", next.clone());
            }
            let list = match cluster.ask(&ask).await {
                Ok(list) => list,
                // What was begun is forgotten: all of it is read anew.
                Err(trouble) if trouble.is_gone() && !next.is_empty() => {
                    found.clear();
                    next.clear();
                    continue;
                }
                Err(trouble) => return Err(trouble),
            };
            found.extend(object::items(&list, &self.kind));
            next = object::text(&list, "/metadata/continue");
            let is_enough =
                limit.is_some_and(|limit| found.len() >= usize::try_from(limit).unwrap_or(usize::MAX));
            if next.is_empty() || is_enough {
                return Ok(found);
            }
        }
    }
}

pub(crate) async fn get(asked: Asked<'_>) -> Result<Output, Failure> {
    match asked::about(asked.cluster, asked.chosen).await? {
        About::One(target) => match target.read(asked.cluster).await {
            Ok(object) => Ok(answer::one(object::typed(object, &target.kind))),
            Err(trouble) if trouble.is_missing() && asked.chosen.is_on("missing_ok") => Ok(answer::empty()),
            Err(trouble) => Err(asked.failed(trouble)),
        },
        About::Some(several) => {
            let limit = asked::integer(asked.chosen, "limit")?;
            let items = several.read(asked.cluster, limit).await;
            Ok(answer::objects(items.map_err(|trouble| asked.failed(trouble))?))
        }
    }
}
