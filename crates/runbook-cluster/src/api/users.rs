//! Who asks: tokens, and acting as somebody else.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hyper::HeaderMap;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::shared::lock;

/// The group of those who may do anything.
pub(crate) const MASTERS: &str = "system:masters";

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

impl User {
    pub(crate) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }

    /// As reviews tell it.
    pub(crate) fn info(&self) -> Value {
        json!({"username": self.name, "groups": self.groups})
    }
}

#[derive(Debug)]
struct Token {
    user: User,
    expired: bool,
}

/// The tokens that the cluster has given out.
#[derive(Debug, Default)]
pub(crate) struct Users(Mutex<BTreeMap<String, Token>>);

impl Users {
    /// Gives a token to a user.
    pub(crate) fn add(&self, token: String, name: &str, groups: &[&str]) {
        let mut all: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
        if let Some((namespace, _)) = name
            .strip_prefix("system:serviceaccount:")
            .and_then(|rest| rest.split_once(':'))
        {
            all.push("system:serviceaccounts".to_owned());
            all.push(format!("system:serviceaccounts:{namespace}"));
        }
        all.push("system:authenticated".to_owned());
        let user = User {
            name: name.to_owned(),
            groups: all,
        };
        lock(&self.0).insert(token, Token { user, expired: false });
    }

    /// The token that a user has, if it has one.
    pub(crate) fn token(&self, name: &str) -> Option<String> {
        let tokens = lock(&self.0);
        let mut found = tokens
            .iter()
            .filter(|(_, token)| token.user.name == name && !token.expired);
        found.next().map(|(token, _)| token.clone())
    }

    /// Lets all tokens of a user expire.
    pub(crate) fn expire(&self, name: &str) {
        for token in lock(&self.0).values_mut().filter(|token| token.user.name == name) {
            token.expired = true;
        }
    }

    /// Who sends these headers, before it acts as somebody else.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<User, Failure> {
        let Some(header) = headers.get("authorization") else {
            return Ok(User {
                name: "system:anonymous".to_owned(),
                groups: vec!["system:unauthenticated".to_owned()],
            });
        };
        let token = header
            .to_str()
            .ok()
            .and_then(|header| header.strip_prefix("Bearer "));
        let tokens = lock(&self.0);
        token
            .and_then(|token| tokens.get(token.trim()))
            .filter(|token| !token.expired)
            .map(|token| token.user.clone())
            .ok_or_else(Failure::unauthorized)
    }
}

/// The user as whom the headers ask to act.
pub(crate) fn impersonated(headers: &HeaderMap) -> Result<Option<User>, Failure> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let groups: Vec<String> = headers
        .get_all("impersonate-group")
        .iter()
        .filter_map(|value| value.to_str().ok().map(str::to_owned))
        .collect();
    let Some(name) = text("impersonate-user") else {
        if groups.is_empty() {
            return Ok(None);
        }
        return Err(Failure::internal(
            "requested []v1.ObjectReference without impersonating a user",
        ));
    };
    let mut all = groups;
    if name != "system:anonymous" && !all.iter().any(|group| group == "system:authenticated") {
        all.push("system:authenticated".to_owned());
    }
    Ok(Some(User { name, groups: all }))
}

/// The fields of a failure that says who may not do what.
pub(crate) fn denied_path(user: &User, verb: &str, path: &str) -> Failure {
    let mut failure = Failure::new(
        403,
        "Forbidden",
        format!("forbidden: User {:?} cannot {verb} path {path:?}", user.name),
    );
    failure.details = Map::new();
    failure
}
