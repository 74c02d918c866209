//! Who one is to a registry, as the client of Docker knows it: its `config.json`, and the helper programs that this names.
//!
//! An engine knows nobody's credentials: whoever asks it to pull sends them along. They are looked up for each pull, are
//! sent in a header, and stand in no message.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bollard::Docker;
use runbook_action::{Command, End, ErrorKind, Failure};
use serde_json::{Map, Value, json};

use crate::settings::Environment;
use crate::trouble::one_line;

/// The registry of images whose names name none, and what the client calls it in its settings.
const USUAL: [&str; 2] = ["docker.io", "https://index.docker.io/v1/"];

/// How much of what a helper prints is read.
const MOST: usize = 64 * 1024;

/// The name that helpers give a token in place of a user's.
const TOKEN: &str = "<token>";

/// Who one is to a registry.
pub(crate) struct Credentials {
    /// What the engine is sent.
    header: String,
    /// What is shown nowhere.
    secrets: Vec<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Those for the registry of this image, if the client has any.
    pub(crate) async fn of_image(image: &str, around: &Environment) -> Result<Option<Self>, Failure> {
        let Some(file) = around.client().map(|client| client.join("config.json")) else {
            return Ok(None);
        };
        let Ok(config) = std::fs::read(&file) else {
            return Ok(None);
        };
        let config: Value = serde_json::from_slice(&config).map_err(|_| {
            Failure::new(ErrorKind::Other, format!("`{}` is not JSON", file.display()))
                .help("`docker login` writes it")
        })?;
        let registry = registry(image);
        let text = |path: &[&str]| {
            let found = path.iter().try_fold(&config, |value, key| value.get(key))?;
            found.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let helper = text(&["credHelpers", registry]).or_else(|| text(&["credHelpers", host(registry)]));
        if let Some(helper) = helper.or_else(|| text(&["credsStore"])) {
            return by_helper(&helper, registry, around).await;
        }
        let Some(entry) = entry(&config, registry) else {
            return Ok(None);
        };
        let own = |key: &str| {
            entry
                .get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        if let Some(token) = own("identitytoken") {
            return Ok(Some(Self::token("identitytoken", token, registry)));
        }
        if let Some(token) = own("registrytoken") {
            return Ok(Some(Self::token("registrytoken", token, registry)));
        }
        if let (Some(user), Some(password)) = (own("username"), own("password")) {
            return Ok(Some(Self::login(user, password, registry)));
        }
        let Some(auth) = own("auth") else {
            return Ok(None);
        };
        let decoded = STANDARD.decode(auth.trim_end_matches('\0')).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((user, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) else {
            let message = format!(
                "what `{}` has for `{}` is no user and password",
                file.display(),
                host(registry)
            );
            return Err(Failure::new(ErrorKind::Auth, message).help("`docker login` writes it anew"));
        };
        Ok(Some(Self::login(user, password.trim_end_matches('\0'), registry)))
    }

    fn login(user: &str, password: &str, registry: &str) -> Self {
        let sent = json!({"username": user, "password": password, "serveraddress": registry});
        Self::sent(&sent, password)
    }

    fn token(kind: &str, token: &str, registry: &str) -> Self {
        let mut sent = Map::new();
        sent.insert(kind.to_owned(), json!(token));
        sent.insert("serveraddress".to_owned(), json!(registry));
        Self::sent(&Value::Object(sent), token)
    }

    fn sent(sent: &Value, secret: &str) -> Self {
        let header = URL_SAFE.encode(sent.to_string());
        Self {
            secrets: vec![secret.to_owned(), header.clone()],
            header,
        }
    }

    /// A client whose requests send them along.
    pub(crate) fn given_to(&self, docker: &Docker) -> Docker {
        let header = self.header.clone();
        // The client has a form for credentials, too, but writes them in the alphabet that engines do not read.
        docker.clone().with_request_modifier(move |mut request| {
            if let Ok(value) = header.parse() {
                let _before = request.headers_mut().insert("x-registry-auth", value);
            }
            request
        })
    }

    /// What an engine or a registry says, without what is shown nowhere.
    pub(crate) fn mask(&self, said: &str) -> String {
        let mut said = said.to_owned();
        for secret in self.secrets.iter().filter(|secret| !secret.is_empty()) {
            said = said.replace(secret, "‹secret of the registry›");
        }
        said
    }
}

/// The registry of an image, as the client's settings name it.
fn registry(image: &str) -> &str {
    let [usual, known_as] = USUAL;
    let named = image.split_once('/').map(|(first, _)| first);
    match named.filter(|first| first.contains(['.', ':']) || *first == "localhost") {
        Some(first) if first != usual && first != "index.docker.io" => first,
        Some(_) | None => known_as,
    }
}

/// A registry without the way to it.
fn host(registry: &str) -> &str {
    let bare = registry
        .strip_prefix("https://")
        .or_else(|| registry.strip_prefix("http://"))
        .unwrap_or(registry);
    bare.split('/').next().unwrap_or(bare)
}

/// What the client keeps for a registry, which may stand there with the way to it.
fn entry<'c>(config: &'c Value, registry: &str) -> Option<&'c Value> {
    let auths = config.get("auths")?.as_object()?;
    auths.get(registry).or_else(|| {
        let mut others = auths.iter().filter(|(known, _)| host(known) == host(registry));
        others.next().map(|(_, entry)| entry)
    })
}

/// Asks the helper, which answers in JSON. That it knows nobody is an answer too.
async fn by_helper(
    helper: &str,
    registry: &str,
    around: &Environment,
) -> Result<Option<Credentials>, Failure> {
    let program = format!("docker-credential-{helper}");
    if helper.contains(['/', '\\']) {
        let message = format!("`{helper}` of the client's settings is the name of no helper");
        return Err(Failure::new(ErrorKind::Other, message));
    }
    let mut command = Command::new([program.as_str(), "get"]).reads(registry);
    if let Some(client) = around.var("DOCKER_CONFIG") {
        command.env.insert("DOCKER_CONFIG".to_owned(), client);
    }
    let asked = around.places.here(&program)?.output(&command, MOST).await;
    let ended = asked.map_err(|failure| Failure {
        param: None,
        ..failure
    })?;
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    if ended.end != End::Code(0) {
        if said.contains("credentials not found") {
            return Ok(None);
        }
        // What it prints on success is secret; what it says when it fails is why.
        let why = [said, String::from_utf8_lossy(&ended.stderr).into_owned()];
        let why = why
            .iter()
            .map(|text| one_line(text))
            .find(|text| !text.is_empty());
        let why = why.unwrap_or_else(|| ended.end.to_string());
        return Err(Failure::new(
            ErrorKind::Auth,
            format!("`{program}` tells no credentials: {why}"),
        ));
    }
    let answer: Option<Value> = serde_json::from_str(&said).ok();
    let text = |key: &str| answer.as_ref().and_then(|answer| answer.get(key)?.as_str());
    match (text("Username"), text("Secret")) {
        (Some(TOKEN), Some(token)) => Ok(Some(Credentials::token("identitytoken", token, registry))),
        (Some(user), Some(password)) => Ok(Some(Credentials::login(user, password, registry))),
        (Some(_) | None, Some(_) | None) => Err(Failure::new(
            ErrorKind::Protocol,
            format!("`{program}` gave an answer that is not understood"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_of_a_registry() {
        for (image, expected) in [
            ("busybox", USUAL[1]),
            ("library/busybox:1", USUAL[1]),
            ("docker.io/library/busybox", USUAL[1]),
            ("localhost/busybox", "localhost"),
            ("127.0.0.1:5000/busybox:1", "127.0.0.1:5000"),
            ("ghcr.io/x/hub@sha256:00", "ghcr.io"),
        ] {
            assert_eq!(registry(image), expected, "{image}");
        }
    }

    /// The client as it is with these settings.
    async fn known(config: &Value, image: &str) -> Result<Option<Value>, Failure> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.json"), config.to_string()).unwrap();
        let around = Environment {
            vars: vec![("DOCKER_CONFIG".into(), home.path().into())],
            ..Environment::default()
        };
        let found = Credentials::of_image(image, &around).await?;
        Ok(found.map(|found| {
            let sent = URL_SAFE.decode(&found.header).unwrap();
            serde_json::from_slice(&sent).unwrap()
        }))
    }

    #[tokio::test]
    async fn what_the_client_keeps_is_found_however_it_stands_there() {
        let login = json!({"auth": STANDARD.encode("ops:a:b~?>")});
        let expected =
            |server: &str| json!({"username": "ops", "password": "a:b~?>", "serveraddress": server});
        for (config, image, found) in [
            (json!({}), "ghcr.io/x", None),
            (json!({"auths": {"quay.io": login}}), "ghcr.io/x", None),
            (json!({"auths": {"ghcr.io": {}}}), "ghcr.io/x", None),
            (
                json!({"auths": {"ghcr.io": login}}),
                "ghcr.io/x",
                Some(expected("ghcr.io")),
            ),
            (
                json!({"auths": {"https://ghcr.io/v1/": login}}),
                "ghcr.io/x",
                Some(expected("ghcr.io")),
            ),
            (
                json!({"auths": {USUAL[1]: login}}),
                "busybox",
                Some(expected(USUAL[1])),
            ),
            (
                json!({"auths": {"ghcr.io": {"auth": "x", "identitytoken": "t0ken"}}}),
                "ghcr.io/x",
                Some(json!({"identitytoken": "t0ken", "serveraddress": "ghcr.io"})),
            ),
        ] {
            assert_eq!(known(&config, image).await, Ok(found), "{config}");
        }
        let broken = json!({"auths": {"ghcr.io": {"auth": "bm9ib2R5"}}});
        let failure = known(&broken, "ghcr.io/x").await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Auth);
        assert!(
            failure
                .message
                .ends_with("has for `ghcr.io` is no user and password"),
            "{failure}"
        );
    }

    #[test]
    fn they_are_shown_nowhere() {
        let known = Credentials::login("ops", "hunter2-hunter2", "ghcr.io");
        assert_eq!(format!("{known:?}"), "Credentials { .. }");
        let said = format!("no hunter2-hunter2, no {}", known.header);
        assert_eq!(
            known.mask(&said),
            "no ‹secret of the registry›, no ‹secret of the registry›"
        );
    }
}
