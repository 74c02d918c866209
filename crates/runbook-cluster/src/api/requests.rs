//! One request: who asks, for what, and who answers it.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};

use super::delete::{self, Options};
use super::query::{self, Query, Shown, Validation};
use super::route::{Route, Target};
use super::users::{self, User};
use super::write::{self, Done};
use super::{access, body, discovery, metrics, parts, read, table, watch};
use crate::failure::{Failure, answer, of_bytes};
use crate::object::Fields as _;
use crate::patch::Form;
use crate::rules::Wanted;
use crate::shared::Shared;
use crate::streams::{Asked, Body, Stream};

/// The connection is to end without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is cut")]
pub(crate) struct Cut;

/// Answers a request.
pub(crate) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    match answered(&shared, request).await {
        Ok(response) => Ok(response),
        Err(Refused::Failure(failure)) => Ok(failure.response()),
        Err(Refused::Cut) => Err(Cut),
    }
}

enum Refused {
    Failure(Failure),
    Cut,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

async fn answered(shared: &Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Refused> {
    let path = request.uri().path().to_owned();
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let user = shared.users.authenticate(request.headers())?;
    let user = match users::impersonated(request.headers())? {
        Some(other) => {
            shared.read(|store| access::check_impersonation(store, &user, &other))?;
            other
        }
        None => user,
    };
    match shared.read(|store| Route::of(&path, store)) {
        Route::Objects(target) => {
            let verb = verb(request.method(), &target, &query)?;
            shared.read(|store| access::check(store, &user, verb, &target))?;
            // Programs and ports are reached by GET where that is a WebSocket, and need the right to begin one as well.
            if verb == "get" && matches!(target.part.as_str(), "exec" | "attach" | "portforward") {
                shared.read(|store| access::check(store, &user, "create", &target))?;
            }
            meet(shared, verb, &resource(&target))?;
            let call = Call {
                target,
                verb,
                user,
                query,
            };
            Ok(objects(shared, call, request).await?)
        }
        route @ (Route::Legacy | Route::Groups | Route::Group(_) | Route::Resources(..) | Route::Other) => {
            shared.read(|store| access::check_path(store, &user, &path))?;
            meet(shared, "get", &path)?;
            Ok(document(shared, &route, &path, &request)?)
        }
    }
}

fn meet(shared: &Shared, verb: &str, resource: &str) -> Result<(), Refused> {
    match shared.faults.meet(verb, resource) {
        None => Ok(()),
        Some(fault) => Err(fault.failure().map_or(Refused::Cut, Refused::Failure)),
    }
}

/// The kind of things, with the part: `pods/eviction`.
fn resource(target: &Target) -> String {
    if target.part.is_empty() {
        target.kind.id()
    } else {
        format!("{}/{}", target.kind.id(), target.part)
    }
}

/// The verb that access is granted for.
fn verb(method: &Method, target: &Target, query: &Query) -> Result<&'static str, Failure> {
    let one = !target.name.is_empty();
    let verb = match method.as_str() {
        "GET" | "HEAD" if target.watch || (query.flag("watch") && target.part.is_empty()) => "watch",
        "GET" | "HEAD" if one => "get",
        "GET" | "HEAD" => "list",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if one => "delete",
        "DELETE" => "deletecollection",
        _ => return Err(Failure::method_not_allowed()),
    };
    let has = if target.part.is_empty() {
        let verbs = target.kind.verbs();
        let reaches = match verb {
            "create" => !one && (!target.kind.namespaced || !target.namespace.is_empty()),
            "update" | "patch" => one,
            "deletecollection" => target.kind.id() != "namespaces",
            _ => true,
        };
        verbs.contains(&verb) && reaches
    } else {
        let parts = target.kind.subresources();
        parts
            .iter()
            .any(|(name, _, verbs)| *name == target.part && verbs.contains(&verb))
    };
    if has {
        Ok(verb)
    } else {
        Err(Failure::method_not_allowed())
    }
}

/// What is not about objects.
fn document(
    shared: &Shared,
    route: &Route,
    path: &str,
    request: &Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(Failure::method_not_allowed());
    }
    let accept = request
        .headers()
        .get("accept")
        .and_then(|accept| accept.to_str().ok());
    let first = accept.unwrap_or_default().split(',').next().unwrap_or_default();
    let aggregated =
        first.contains("as=APIGroupDiscoveryList") && first.contains("v=v2") && !first.contains("v2beta1");
    let whole = |legacy: bool| {
        let body = shared.read(|store| discovery::aggregated(store, legacy));
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        of_bytes(
            200,
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            bytes,
        )
    };
    let found = match route {
        Route::Legacy | Route::Groups if aggregated => return Ok(whole(matches!(route, Route::Legacy))),
        Route::Legacy => Some(discovery::legacy("127.0.0.1")),
        Route::Groups => Some(shared.read(discovery::groups)),
        Route::Group(group) => shared.read(|store| discovery::group_document(store, group)),
        Route::Resources(group, version) => shared.read(|store| discovery::resources(store, group, version)),
        Route::Objects(_) | Route::Other => match path {
            "/version" => Some(discovery::version()),
            "/healthz" | "/livez" | "/readyz" => {
                return Ok(of_bytes(200, "text/plain; charset=utf-8", b"ok".to_vec()));
            }
            // No schemas, which is what a client without any falls back to: the server checks all that it is given.
            "/openapi/v2" => return Ok(of_bytes(200, "application/octet-stream", Vec::new())),
            _ => None,
        },
    };
    match found {
        Some(found) => Ok(answer(200, &found)),
        None if path.starts_with("/api/") || path.starts_with("/apis/") => {
            let text = b"404 page not found\n".to_vec();
            Ok(of_bytes(404, "text/plain; charset=utf-8", text))
        }
        None => Err(Failure::no_resource()),
    }
}

/// A request about objects.
struct Call {
    target: Target,
    verb: &'static str,
    user: User,
    query: Query,
}

async fn objects(
    shared: &Arc<Shared>,
    call: Call,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    let (target, query) = (&call.target, &call.query);
    let shown = Shown::of(request.headers());
    match (call.verb, target.part.as_str()) {
        (_, "log" | "exec" | "attach" | "portforward") => stream(shared, target, query, request).await,
        ("get" | "list", "") if target.kind.group == metrics::GROUP => {
            metrics::serve(shared, target, query).await
        }
        ("watch", "") => watch::watch(shared, target, query, shown?),
        ("list", "") => list(shared, target, query, shown?),
        ("get", "" | "status") => {
            let found = shared.read(|store| read::get(store, target))?;
            Ok(one(target, &found, 200, shown?, &[]))
        }
        ("get", "scale") => {
            let found = shared.read(|store| read::get(store, target))?;
            Ok(answer(200, &parts::scale(&target.kind, &found)?))
        }
        _ => {
            let shown = shown?;
            let wanted = wanted(&call, &request)?;
            change(shared, &call, wanted, request, shown).await
        }
    }
}

fn wanted(call: &Call, request: &Request<Incoming>) -> Result<Wanted, Failure> {
    let (target, query) = (&call.target, &call.query);
    Ok(Wanted {
        target: target.clone(),
        user: call.user.name.clone(),
        manager: query::manager(query, request.headers()),
        dry: query.dry_run()?,
        validation: Validation::of(query)?,
        force: query.flag("force"),
        apply: false,
    })
}

async fn change(
    shared: &Arc<Shared>,
    call: &Call,
    mut wanted: Wanted,
    request: Request<Incoming>,
    shown: Shown,
) -> Result<Response<Body>, Failure> {
    let (query, user) = (&call.query, &call.user);
    let (head, incoming) = request.into_parts();
    let bytes = body::read(incoming).await?;
    let target = wanted.target.clone();
    if !matches!(target.part.as_str(), "" | "status") {
        return part(shared, &wanted, query, &head.headers, &bytes).await;
    }
    if target.kind.review {
        let object = body::object(&head.headers, &bytes)?;
        let answered = shared.read(|store| access::review(store, user, &target.kind.kind, object));
        return Ok(answer(201, &answered));
    }
    let done = match call.verb {
        "create" => {
            let object = body::object(&head.headers, &bytes)?;
            write::make(shared, &wanted, |store| write::create(store, &wanted, &object)).await?
        }
        "update" => {
            let object = body::object(&head.headers, &bytes)?;
            write::make(shared, &wanted, |store| write::update(store, &wanted, &object)).await?
        }
        "patch" => {
            let form = Form::of(body::media(&head.headers), &target.kind)?;
            let object = body::patch(&head.headers, &bytes)?;
            check_apply(form, query)?;
            wanted.apply = form == Form::Apply;
            if wanted.apply {
                // Making an object by applying it needs the right to make it.
                shared.read(|store| match read::get(store, &target) {
                    Ok(_) => Ok(()),
                    Err(_) => access::check(store, user, "create", &target),
                })?;
            }
            write::make(shared, &wanted, |store| {
                write::patched(store, &wanted, form, &object)
            })
            .await?
        }
        _ => {
            let object = if bytes.is_empty() {
                Value::Null
            } else {
                body::object(&head.headers, &bytes)?
            };
            let options = Options::of(query, &object)?;
            wanted.dry = options.dry;
            if call.verb == "deletecollection" {
                return delete_all(shared, &wanted, query, &options).await;
            }
            let done = write::make(shared, &wanted, |store| delete::delete(store, &wanted, &options)).await?;
            return Ok(deleted(&target, &done, shown));
        }
    };
    let code = if done.created { 201 } else { 200 };
    Ok(one(&target, &done.object, code, shown, &done.warnings))
}

/// What is applied must say by whom, and only what is applied can be forced.
fn check_apply(form: Form, query: &Query) -> Result<(), Failure> {
    let why = match form {
        Form::Apply if query.get("fieldManager").is_none() => {
            "fieldManager: Required value: is required for apply patch"
        }
        Form::Json | Form::Merge | Form::Strategic if query.get("force").is_some() => {
            "force: Forbidden: may not be specified for non-apply patch"
        }
        Form::Apply | Form::Json | Form::Merge | Form::Strategic => return Ok(()),
    };
    Err(Failure::new(
        422,
        "Invalid",
        format!("PatchOptions.meta.k8s.io \"\" is invalid: {why}"),
    ))
}

/// A change of a part that is not like the object itself.
async fn part(
    shared: &Arc<Shared>,
    wanted: &Wanted,
    query: &Query,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Response<Body>, Failure> {
    let target = &wanted.target;
    let form = match body::media(headers) {
        media if media.contains("patch") => Some(Form::of(media, &target.kind)?),
        _ => None,
    };
    let object = match form {
        Some(_) => body::patch(headers, bytes)?,
        None => body::object(headers, bytes)?,
    };
    match target.part.as_str() {
        "scale" => {
            let done = write::make(shared, wanted, |store| {
                parts::rescale(store, wanted, form, &object)
            })
            .await?;
            Ok(answer(200, &parts::scale(&target.kind, &done.object)?))
        }
        "binding" => {
            write::make(shared, wanted, |store| parts::bind(store, wanted, &object)).await?;
            Ok(answer(201, &parts::success()))
        }
        "eviction" => {
            parts::evict(shared, wanted, query, &object)?;
            Ok(answer(201, &parts::success()))
        }
        "token" => Ok(answer(201, &parts::token(shared, wanted, &object)?)),
        _ => {
            let done = write::make(shared, wanted, |store| parts::finalize(store, wanted, &object)).await?;
            Ok(one(target, &done.object, 200, Shown::Objects, &[]))
        }
    }
}

/// Some kinds answer the deletion with the object, the others say that it is done.
fn deleted(target: &Target, done: &Done, shown: Shown) -> Response<Body> {
    let whole = matches!(
        target.kind.id().as_str(),
        "pods"
            | "services"
            | "persistentvolumeclaims"
            | "persistentvolumes"
            | "serviceaccounts"
            | "resourcequotas"
    );
    if !done.removed || whole {
        return one(target, &done.object, 200, shown, &[]);
    }
    let mut details =
        json!({"name": done.object.name(), "kind": target.kind.plural, "uid": done.object.uid()});
    if !target.kind.group.is_empty() {
        details.put("/group", json!(target.kind.group));
    }
    answer(
        200,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}),
    )
}

async fn delete_all(
    shared: &Arc<Shared>,
    wanted: &Wanted,
    query: &Query,
    options: &Options,
) -> Result<Response<Body>, Failure> {
    let listed = shared.read(|store| read::list(store, &wanted.target, query))?;
    let mut objects = Vec::new();
    for found in &listed.objects {
        let mut wanted = wanted.clone();
        found.namespace().clone_into(&mut wanted.target.namespace);
        found.name().clone_into(&mut wanted.target.name);
        match write::make(shared, &wanted, |store| delete::delete(store, &wanted, options)).await {
            Ok(done) => objects.push(done.object),
            Err(failure) if failure.code == 404 => {}
            Err(failure) => return Err(failure),
        }
    }
    let listed = read::Listed {
        metadata: listed.metadata,
        objects,
    };
    Ok(many(&wanted.target, &listed, Shown::Objects))
}

fn list(shared: &Shared, target: &Target, query: &Query, shown: Shown) -> Result<Response<Body>, Failure> {
    let listed = shared.read(|store| read::list(store, target, query))?;
    Ok(many(target, &listed, shown))
}

fn many(target: &Target, listed: &read::Listed, shown: Shown) -> Response<Body> {
    let kind = &target.kind;
    let body = match shown {
        Shown::Table => table::table(kind, &listed.metadata, &listed.objects, true),
        Shown::Objects => {
            let items: Vec<Value> = listed.objects.iter().map(|object| item(target, object)).collect();
            json!({
                "kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(),
                "metadata": listed.metadata, "items": items,
            })
        }
        Shown::Metadata => {
            let items: Vec<Value> = listed
                .objects
                .iter()
                .map(|object| table::metadata(object))
                .collect();
            json!({
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": listed.metadata, "items": items,
            })
        }
    };
    answer(200, &body)
}

/// The items of lists of built-in kinds do not repeat what they are.
fn item(target: &Target, object: &Value) -> Value {
    let mut object = read::in_version(&target.kind, object);
    if target.kind.custom.is_none() {
        object.take_out("/kind");
        object.take_out("/apiVersion");
    }
    object
}

fn one(target: &Target, object: &Arc<Value>, code: u16, shown: Shown, warnings: &[String]) -> Response<Body> {
    let object = Arc::new(read::in_version(&target.kind, object));
    let body = match shown {
        Shown::Objects => (*object).clone(),
        Shown::Metadata => table::metadata(&object),
        Shown::Table => {
            let version = object.text("/metadata/resourceVersion");
            table::table(
                &target.kind,
                &json!({"resourceVersion": version}),
                std::slice::from_ref(&object),
                true,
            )
        }
    };
    let mut response = answer(code, &body);
    for warning in warnings {
        if let Ok(value) = format!("299 - {warning:?}").parse() {
            response.headers_mut().append("warning", value);
        }
    }
    response
}

async fn stream(
    shared: &Arc<Shared>,
    target: &Target,
    query: &Query,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    let pod = shared.read(|store| read::get(store, target))?;
    let stream = match target.part.as_str() {
        "exec" => Stream::Exec,
        "attach" => Stream::Attach,
        "portforward" => Stream::PortForward,
        _ => Stream::Log,
    };
    if pod.text("/spec/nodeName").is_empty() {
        return Err(Failure::bad_request(format!(
            "pod {} does not have a host assigned",
            pod.name()
        )));
    }
    let Some(streams) = shared.streams() else {
        return Err(Failure::internal("no node runs the pods of this cluster"));
    };
    let asked = Asked {
        stream,
        pod: (*pod).clone(),
        query: query.0.clone(),
        request,
    };
    Ok(streams.serve(asked).await)
}
