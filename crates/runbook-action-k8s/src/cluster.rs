//! A cluster that answers: requests in JSON, with credentials that are renewed when they have expired.
//!
//! Objects stay JSON: which fields they have is the cluster's to say, and what this program does not know it must not
//! drop. A [`Cluster`] is cheap to clone, and all that is made from it, a place in a pod, a forwarded port, holds one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, header};
use jiff::Timestamp;
use kube::client::{Body, Client};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use runbook_action::{Connection, Endpoint, ErrorKind, Failure, Forward, Transport};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::access::Access;
use crate::kinds::{Kinds, Resource};
use crate::settings::Environment;
use crate::trouble::{Right, Trouble};
use crate::{clock, credential};

/// What stays as it is in the address of a request.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// How often something is asked again that the cluster was too busy for, and how long one waits unless it says so.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// The longest that is waited for a cluster that is busy, when it says how long it will be.
const LONGEST: Duration = Duration::from_mins(1);

/// So long before they expire credentials count as expired.
const AHEAD: Duration = Duration::from_secs(20);

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) content: &'static str,
    accept: &'static str,
    pub(crate) right: Right,
}

impl Ask {
    /// Reads what is there.
    pub(crate) fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            query: Vec::new(),
            body: None,
            content: "application/json",
            accept: "application/json",
            right: Right::default(),
        }
    }

    /// Of another method, with this body.
    pub(crate) fn sends(mut self, method: Method, content: &'static str, body: Value) -> Self {
        self.method = method;
        self.content = content;
        self.body = Some(body);
        self
    }

    /// With this in its address.
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    /// With all of this in its address.
    pub(crate) fn with_all(mut self, query: &[(&'static str, String)]) -> Self {
        self.query.extend_from_slice(query);
        self
    }

    pub(crate) const fn accepting(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    /// What a role must allow for it.
    pub(crate) fn needs(
        mut self,
        verb: &'static str,
        resource: &Resource,
        part: Option<&str>,
        namespace: Option<&str>,
    ) -> Self {
        let full = resource.full();
        let resource = match (part, full.split_once('.')) {
            (None, _) => full,
            (Some(part), Some((plural, group))) => format!("{plural}.{group}/{part}"),
            (Some(part), None) => format!("{full}/{part}"),
        };
        self.right = Right {
            verb,
            resource,
            namespace: namespace.map(str::to_owned),
        };
        self
    }

    fn uri(&self) -> String {
        let pairs: Vec<String> = self
            .query
            .iter()
            .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, PLAIN)))
            .collect();
        if pairs.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, pairs.join("&"))
        }
    }

    /// The request itself.
    fn request(&self) -> Result<Request<Vec<u8>>, Failure> {
        let body = self
            .body
            .as_ref()
            .map_or_else(Vec::new, |body| body.to_string().into_bytes());
        let mut request = Request::builder().method(self.method.clone()).uri(self.uri());
        request = request.header(header::ACCEPT, self.accept);
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, self.content);
        }
        request.body(body).map_err(|_odd| {
            Failure::new(
                ErrorKind::Other,
                "names something that has no address in a cluster",
            )
        })
    }
}

/// A cluster that answers.
#[derive(Clone)]
pub(crate) struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Connection,
    around: Environment,
    here: Arc<dyn Transport>,
    shown: String,
    namespace: String,
    session: Mutex<Session>,
    kinds: Mutex<Option<Arc<Kinds>>>,
    /// The way to it, which is open for as long as this lives.
    way: Option<Arc<dyn Forward>>,
}

/// A client with credentials.
struct Session {
    client: Client,
    until: Option<Timestamp>,
}

impl Cluster {
    /// The one of a connection; through a place, if it is reached from there. It asks nothing of the cluster yet.
    pub(crate) async fn open(
        connection: &Connection,
        place: Option<&dyn Transport>,
        here: &Arc<dyn Transport>,
        around: &Environment,
    ) -> Result<Self, Failure> {
        let access = Access::read(connection, around).await?;
        let way = match place {
            None => None,
            Some(place) => Some(through(&access, place).await?),
        };
        let mut shown = access.shown.clone();
        if let Some(place) = place {
            shown = format!("{shown}, by way of {},", place.place());
        }
        let namespace = access.config.default_namespace.clone();
        let session = Session::open(access, way.as_deref(), here.as_ref(), around).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                connection: connection.clone(),
                around: around.clone(),
                here: Arc::clone(here),
                shown,
                namespace,
                session: Mutex::new(session),
                kinds: Mutex::default(),
                way,
            }),
        })
    }

    /// How people know it.
    pub(crate) fn shown(&self) -> &str {
        &self.inner.shown
    }

    /// The namespace of what has none of its own.
    pub(crate) fn namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// A client whose credentials are good for a while.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        let mut session = self.inner.session.lock().await;
        let is_over = session.until.is_some_and(|until| {
            clock::now().duration_until(until) < jiff::SignedDuration::try_from(AHEAD).unwrap_or_default()
        });
        if is_over {
            *session = self.renewed().await?;
        }
        Ok(session.client.clone())
    }

    /// Reads the credentials again, since those that there are were refused.
    pub(crate) async fn renew(&self) -> Result<(), Failure> {
        let mut session = self.inner.session.lock().await;
        *session = self.renewed().await?;
        Ok(())
    }

    async fn renewed(&self) -> Result<Session, Failure> {
        let inner = &self.inner;
        let access = Access::read(&inner.connection, &inner.around).await?;
        Session::open(access, inner.way.as_deref(), inner.here.as_ref(), &inner.around).await
    }

    /// Asks, and gives the answer. What the cluster is too busy for, or what nothing was written for, is asked again.
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<Value, Trouble> {
        let bytes = self.ask_bytes(ask).await?;
        serde_json::from_slice(&bytes).map_err(|_other| {
            let message = format!("{} gave an answer that is not understood", self.shown());
            Trouble::from_failure(Failure::new(ErrorKind::Protocol, message))
        })
    }

    async fn ask_bytes(&self, ask: &Ask) -> Result<Vec<u8>, Trouble> {
        let mut tries = 0;
        let mut renewed = false;
        loop {
            tries += 1;
            let trouble = match self.ask_once(ask).await {
                Ok(bytes) => return Ok(bytes),
                Err(trouble) => trouble,
            };
            if trouble.code == 401 && !renewed {
                renewed = true;
                // What is wrong with the credentials says more than that they were refused.
                self.renew().await.map_err(Trouble::from_failure)?;
                continue;
            }
            let reads = ask.method == Method::GET;
            let busy = trouble.code == 429 || (reads && matches!(trouble.code, 502..=504));
            // An eviction is refused like this when a budget does not allow it yet, and whoever asks waits longer.
            // A connection that was kept may have ended since; what only reads is asked again through another one.
            if reads && trouble.is_lost() && tries == 1 {
                continue;
            }
            if !busy || tries >= TRIES || ask.path.ends_with("/eviction") {
                return Err(trouble);
            }
            sleep(trouble.retry_after.unwrap_or(PAUSE * tries).min(LONGEST)).await;
        }
    }

    async fn ask_once(&self, ask: &Ask) -> Result<Vec<u8>, Trouble> {
        let request = ask.request().map_err(Trouble::from_failure)?;
        let client = self.client().await.map_err(Trouble::from_failure)?;
        let lost = |error: &kube::Error| self.lost(error);
        let response = client
            .send(request.map(Body::from))
            .await
            .map_err(|error| lost(&error))?;
        let status = response.status();
        let wait = response.headers().get(header::RETRY_AFTER);
        let wait = wait
            .and_then(|wait| wait.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let bytes = response
            .into_body()
            .collect_bytes()
            .await
            .map_err(|error| lost(&error))?;
        if status.is_client_error() || status.is_server_error() {
            return Err(Trouble::answered(status.as_u16(), &bytes, wait, &ask.right));
        }
        Ok(bytes.to_vec())
    }

    /// What came of a request that was not answered. The way there knows best.
    pub(crate) fn lost(&self, error: &kube::Error) -> Trouble {
        self.lost_of(error, &Right::default())
    }

    /// The same of a request that needed a right.
    pub(crate) fn lost_of(&self, error: &kube::Error, right: &Right) -> Trouble {
        if let kube::Error::Api(status) = error {
            let body = serde_json::json!({
                "kind": "Status", "message": status.message, "reason": status.reason, "code": status.code,
                "details": status.details,
            });
            return Trouble::answered(status.code, body.to_string().as_bytes(), None, right);
        }
        match self.inner.way.as_ref().and_then(|way| way.failure()) {
            Some(failure) => Trouble::from_failure(failure),
            None => Trouble::unanswered(error, self.shown()),
        }
    }

    /// The request of a watch or of a log, which is answered piece by piece.
    pub(crate) fn streamed(ask: &Ask) -> Result<Request<Vec<u8>>, Failure> {
        ask.request()
    }

    /// The kinds that it knows, which are asked for once.
    async fn kinds(&self, anew: bool) -> Result<Arc<Kinds>, Failure> {
        let mut kinds = self.inner.kinds.lock().await;
        if let Some(kinds) = &*kinds
            && !anew
        {
            return Ok(Arc::clone(kinds));
        }
        let read = Arc::new(Kinds::read(self).await.map_err(Trouble::failure)?);
        *kinds = Some(Arc::clone(&read));
        Ok(read)
    }

    async fn kind(
        &self,
        find: impl Fn(&Kinds) -> Option<Arc<Resource>>,
        name: &str,
    ) -> Result<Arc<Resource>, Failure> {
        if let Some(found) = find(&*self.kinds(false).await?) {
            return Ok(found);
        }
        // A step before may just have added it.
        find(&*self.kinds(true).await?).ok_or_else(|| Kinds::unknown(name, self.shown()))
    }

    /// The kind that an author names.
    pub(crate) async fn kind_named(&self, name: &str) -> Result<Arc<Resource>, Failure> {
        self.kind(|kinds| kinds.named(name), name).await
    }

    /// The kind of a manifest.
    pub(crate) async fn kind_of(&self, api_version: &str, kind: &str) -> Result<Arc<Resource>, Failure> {
        self.kind(
            |kinds| kinds.of(api_version, kind),
            &format!("{kind}` of `{api_version}"),
        )
        .await
    }
}

impl Session {
    async fn open(
        access: Access,
        way: Option<&dyn Forward>,
        here: &dyn Transport,
        around: &Environment,
    ) -> Result<Self, Failure> {
        let Access {
            mut config,
            plugin,
            shown,
        } = access;
        let until = match &plugin {
            Some(plugin) => credential::fill(plugin, &mut config.auth_info, here, around).await?,
            None => None,
        };
        if let Some(way) = way {
            let host = config
                .cluster_url
                .host()
                .unwrap_or_default()
                .trim_matches(['[', ']'])
                .to_owned();
            let scheme = config.cluster_url.scheme_str().unwrap_or("https").to_owned();
            let path = config.cluster_url.path().to_owned();
            let near = format!("{scheme}://{}{path}", way.local());
            config.cluster_url = near.parse().map_err(|_odd| unusable(&shown))?;
            // Its certificate is for the name that it has over there.
            config.tls_server_name.get_or_insert(host);
        }
        let client =
            Client::try_from(config).map_err(|error| Trouble::unanswered(&error, &shown).failure())?;
        Ok(Self { client, until })
    }
}

/// The way to a cluster that another place reaches.
async fn through(access: &Access, place: &dyn Transport) -> Result<Arc<dyn Forward>, Failure> {
    let url = &access.config.cluster_url;
    let host = url
        .host()
        .ok_or_else(|| unusable(&access.shown))?
        .trim_matches(['[', ']'])
        .to_owned();
    let usual = if url.scheme_str() == Some("http") { 80 } else { 443 };
    let port = url.port_u16().unwrap_or(usual);
    Ok(place.forward(&Endpoint::Tcp { host, port }).await?.into())
}

fn unusable(shown: &str) -> Failure {
    Failure::new(
        ErrorKind::Other,
        format!("{shown} has an address that cannot be used"),
    )
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("shown", &self.inner.shown)
            .finish_non_exhaustive()
    }
}
