//! How a cluster is reached, as a connection, a kubeconfig or the pod around this program tells it.

use std::path::Path;

use kube::Config;
use kube::config::{
    AuthInfo, Cluster, Context, ExecConfig, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster,
    NamedContext,
};
use runbook_action::{Args, Connection, ErrorKind, Failure, Param};

use crate::settings::Environment;

/// The name of everything in a kubeconfig that is made up here.
const INSIDE: &str = "in-cluster";

/// How a cluster is reached.
pub(crate) struct Access {
    /// All but what a credential plugin gives.
    pub(crate) config: Config,
    /// The plugin that gives the rest.
    pub(crate) plugin: Option<ExecConfig>,
    /// How people know the cluster.
    pub(crate) shown: String,
}

impl Access {
    /// What the connection says.
    pub(crate) async fn read(connection: &Connection, around: &Environment) -> Result<Self, Failure> {
        let args = connection.args();
        let of = args.require("k8s")?;
        let is_map = matches!(of.param(), Param::Map(_));
        let get = |key: &str| if is_map { of.get(key) } else { None };
        let text = |key: &str| match get(key) {
            Some(args) => args.text().map(|text| Some(text.reveal())),
            None => Ok(None),
        };
        let context = if is_map {
            text("context")?
        } else {
            Some(of.text()?.reveal())
        };
        let inside = get("in_cluster").is_some_and(|on| *on.param() == Param::Bool(true));
        let (kubeconfig, context) = if inside {
            if let Some(other) = get("context").or_else(|| get("kubeconfig")) {
                return Err(other.wrong("stands beside `in_cluster`, which reads no kubeconfig"));
            }
            (
                in_cluster(around, around.account()).map_err(|failure| about(failure, &of))?,
                None,
            )
        } else {
            let file = text("kubeconfig")?;
            let read = from_files(file.as_deref(), around);
            (
                read.map_err(|failure| about(failure, &get("kubeconfig").unwrap_or_else(|| of.clone())))?,
                context,
            )
        };
        let at = get("context").unwrap_or_else(|| of.clone());
        let context = known_context(&kubeconfig, context).map_err(|failure| about(failure, &at))?;
        let shown = if inside {
            "the cluster of this pod".to_owned()
        } else {
            format!("cluster `{context}`")
        };
        let options = KubeConfigOptions {
            context: Some(context),
            ..KubeConfigOptions::default()
        };
        let made = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = made.map_err(|error| about(unusable(&error, &shown), &at))?;
        // What is tried again is decided where it is known what was asked.
        config.default_retry = false;
        override_by(&mut config, &of)?;
        let plugin = config.auth_info.exec.take();
        supported(&config, &shown).map_err(|failure| about(failure, &at))?;
        Ok(Self {
            config,
            plugin,
            shown,
        })
    }
}

/// What the connection says that a kubeconfig says too.
fn override_by(config: &mut Config, of: &Args<'_>) -> Result<(), Failure> {
    if !matches!(of.param(), Param::Map(_)) {
        return Ok(());
    }
    if let Some(namespace) = of.get("namespace") {
        config.default_namespace = namespace.text()?.reveal();
    }
    if let Some(user) = of.get("as") {
        config.auth_info.impersonate = Some(user.text()?.reveal());
    }
    if let Some(groups) = of.get("as_groups") {
        if config.auth_info.impersonate.is_none() {
            return Err(groups.wrong("needs `as` beside it: groups alone are nobody"));
        }
        config.auth_info.impersonate_groups = Some(crate::asked::texts(&groups)?);
    }
    Ok(())
}

/// What this version cannot do is said before anything is tried.
fn supported(config: &Config, shown: &str) -> Result<(), Failure> {
    if config.auth_info.auth_provider.is_some() {
        let message = format!("the user of {shown} has an `auth-provider`, which Kubernetes has removed");
        return Err(Failure::new(ErrorKind::Auth, message).help("use the `exec` plugin of the provider"));
    }
    if config.proxy_url.is_some() {
        let message = format!("{shown} is behind a proxy, which this version cannot use");
        return Err(Failure::new(ErrorKind::Other, message).help("reach it with `via` another machine"));
    }
    Ok(())
}

/// The files that are named, or those that kubectl would read, in one.
fn from_files(named: Option<&str>, around: &Environment) -> Result<Kubeconfig, Failure> {
    let files = match named {
        Some(file) => vec![around.root.join(file)],
        None => around.kubeconfigs(),
    };
    let mut all: Option<Kubeconfig> = None;
    for file in &files {
        // The library quotes the text in its errors, and the text holds passwords.
        let read = Kubeconfig::read_from(file).map_err(|error| {
            let is_read = !matches!(error, kube::config::KubeconfigError::ReadConfig(..));
            let (kind, what) = if is_read {
                (ErrorKind::Protocol, "is not a kubeconfig")
            } else {
                (ErrorKind::NotFound, "cannot be read")
            };
            Failure::new(kind, format!("`{}` {what}", file.display()))
        })?;
        all = Some(match all {
            None => read,
            Some(before) => before.merge(read).map_err(|_mixed| {
                Failure::new(
                    ErrorKind::Protocol,
                    format!("`{}` is of another form than the ones before it", file.display()),
                )
            })?,
        });
    }
    all.ok_or_else(|| {
        Failure::new(ErrorKind::NotFound, "there is no kubeconfig here")
            .help("set `KUBECONFIG`, name a file as `kubeconfig`, or say `in_cluster: true` in a pod")
    })
}

/// The context that is meant, which must be there.
fn known_context(kubeconfig: &Kubeconfig, named: Option<String>) -> Result<String, Failure> {
    let Some(name) = named
        .or_else(|| kubeconfig.current_context.clone())
        .filter(|name| !name.is_empty())
    else {
        return Err(
            Failure::new(ErrorKind::NotFound, "the kubeconfig has no current context")
                .help("name one as `context`; `kubectl config get-contexts` lists them"),
        );
    };
    if kubeconfig.contexts.iter().any(|context| context.name == name) {
        return Ok(name);
    }
    let known: Vec<String> = kubeconfig
        .contexts
        .iter()
        .map(|context| format!("`{}`", context.name))
        .collect();
    let failure = Failure::new(
        ErrorKind::NotFound,
        format!("there is no context `{name}` in the kubeconfig"),
    );
    Err(failure.help(if known.is_empty() {
        "it has none at all".to_owned()
    } else {
        format!("it has {}", known.join(", "))
    }))
}

/// What a pod knows of its cluster, in the form of a kubeconfig.
fn in_cluster(around: &Environment, account: &Path) -> Result<Kubeconfig, Failure> {
    let outside = || {
        Failure::new(ErrorKind::NotFound, "this is no pod with a service account")
            .help("leave `in_cluster` out, and name a `context`")
    };
    let host = around.var("KUBERNETES_SERVICE_HOST").ok_or_else(outside)?;
    let port = around.var("KUBERNETES_SERVICE_PORT").ok_or_else(outside)?;
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let namespace = std::fs::read_to_string(account.join("namespace")).map_err(|_missing| outside())?;
    let path = |name: &str| Some(account.join(name).display().to_string());
    Ok(Kubeconfig {
        clusters: vec![NamedCluster {
            name: INSIDE.to_owned(),
            cluster: Some(Cluster {
                server: Some(format!("https://{host}:{port}")),
                certificate_authority: path("ca.crt"),
                ..Cluster::default()
            }),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: INSIDE.to_owned(),
            auth_info: Some(AuthInfo {
                // It is read again before it is too old: the kubelet writes a new one in time.
                token_file: path("token"),
                ..AuthInfo::default()
            }),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: INSIDE.to_owned(),
            context: Some(Context {
                cluster: INSIDE.to_owned(),
                user: Some(INSIDE.to_owned()),
                namespace: Some(namespace.trim().to_owned()),
                ..Context::default()
            }),
            ..NamedContext::default()
        }],
        current_context: Some(INSIDE.to_owned()),
        ..Kubeconfig::default()
    })
}

fn unusable(error: &kube::config::KubeconfigError, shown: &str) -> Failure {
    use kube::config::KubeconfigError as Wrong;
    let why = if matches!(error, Wrong::MissingClusterUrl | Wrong::ParseClusterUrl(_)) {
        "its `server` is no address".to_owned()
    } else if let Wrong::LoadCertificateAuthority(cause)
    | Wrong::LoadClientCertificate(cause)
    | Wrong::LoadClientKey(cause) = error
    {
        cause.to_string()
    } else if matches!(error, Wrong::ParseCertificates(_)) {
        "its certificates cannot be read".to_owned()
    } else {
        "its cluster or its user is not in the kubeconfig".to_owned()
    };
    Failure::new(ErrorKind::NotFound, format!("{shown} cannot be used: {why}"))
}

fn about(failure: Failure, args: &Args<'_>) -> Failure {
    match failure.param {
        Some(_) => failure,
        None => failure.about(args.path()),
    }
}
