//! Credentials that a program gives: the `exec` plugins of a kubeconfig.
//!
//! They are run here and not by the library, which would wait for them without bound, on the thread of others, and would
//! quote what they print in its errors.

use std::time::Duration;

use jiff::Timestamp;
use kube::config::{AuthInfo, ExecConfig};
use runbook_action::{Command, End, ErrorKind, Failure, Inherit, Transport};
use serde_json::{Value, json};

use crate::settings::Environment;

/// How long a plugin may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The longest answer of a plugin.
const LONGEST: usize = 1024 * 1024;

/// The form of its answers, where the kubeconfig does not say.
const FORM: &str = "client.authentication.k8s.io/v1";

/// Asks the plugin, puts what it gives into `user`, and tells until when that is good.
pub(crate) async fn fill(
    plugin: &ExecConfig,
    user: &mut AuthInfo,
    here: &dyn Transport,
    around: &Environment,
) -> Result<Option<Timestamp>, Failure> {
    let program = plugin.command.clone().unwrap_or_default();
    let shown = format!("`{program}`, which gives the credentials,");
    let command = command(plugin, program, around);
    let ended = match tokio::time::timeout(PATIENCE, here.output(&command, LONGEST)).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(failure)) if failure.kind == ErrorKind::MissingProgram => {
            let missing = Failure::new(ErrorKind::MissingProgram, format!("{shown} is not installed"));
            let hint = plugin
                .install_hint
                .as_deref()
                .map(one_line)
                .filter(|hint| !hint.is_empty());
            return Err(missing.help(hint.unwrap_or_else(|| "install it, or use another user".to_owned())));
        }
        Ok(Err(failure)) => return Err(failure),
        Err(_late) => {
            let failure = Failure::new(ErrorKind::Timeout, format!("{shown} gave no answer"));
            return Err(failure.help("run it by hand: it may want to ask somebody for a password"));
        }
    };
    if ended.end != End::Code(0) {
        let said = String::from_utf8_lossy(&ended.stderr);
        let last = said
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .map(one_line);
        let why = last.map_or_else(String::new, |line| format!(": {line}"));
        return Err(Failure::new(
            ErrorKind::Auth,
            format!("{shown} {}{why}", ended.end),
        ));
    }
    let misunderstood = || {
        let failure = Failure::new(
            ErrorKind::Protocol,
            format!("{shown} gave an answer that is not understood"),
        );
        failure.help(format!("it has to print an `ExecCredential` of `{FORM}`"))
    };
    let answer: Value = serde_yaml::from_slice(&ended.stdout).map_err(|_quoted| misunderstood())?;
    let status = answer.get("status").ok_or_else(misunderstood)?;
    let text = |key: &str| status.get(key).and_then(Value::as_str).map(str::to_owned);
    let (token, certificate, key) = (
        text("token"),
        text("clientCertificateData"),
        text("clientKeyData"),
    );
    if token.is_none() && (certificate.is_none() || key.is_none()) {
        return Err(misunderstood());
    }
    user.token = token.map(Into::into);
    if let (Some(certificate), Some(key)) = (certificate, key) {
        user.client_certificate_data = Some(base64(certificate.as_bytes()));
        user.client_key_data = Some(base64(key.as_bytes()).into());
    }
    Ok(text("expirationTimestamp").and_then(|at| at.parse().ok()))
}

fn command(plugin: &ExecConfig, program: String, around: &Environment) -> Command {
    let mut argv = vec![program];
    argv.extend(plugin.args.iter().flatten().cloned());
    let mut command = Command::new(argv);
    for pair in plugin.env.iter().flatten() {
        if let (Some(name), Some(value)) = (pair.get("name"), pair.get("value")) {
            command.env.insert(name.clone(), value.clone());
        }
    }
    let mut spec = json!({ "interactive": false });
    if plugin.provide_cluster_info
        && let (Some(cluster), Value::Object(spec)) = (&plugin.cluster, &mut spec)
    {
        spec.insert(
            "cluster".to_owned(),
            serde_json::to_value(cluster).unwrap_or_default(),
        );
    }
    let form = plugin.api_version.as_deref().unwrap_or(FORM);
    let info = json!({ "apiVersion": form, "kind": "ExecCredential", "spec": spec });
    command
        .env
        .insert("KUBERNETES_EXEC_INFO".to_owned(), info.to_string());
    if let Some(dropped) = &plugin.drop_env {
        let names = around.vars.iter().filter_map(|(name, _)| name.to_str());
        let kept = names.filter(|name| !dropped.iter().any(|drop| drop == name));
        command.inherit = Inherit::Only(kept.map(str::to_owned).collect());
    }
    command
}

/// What a kubeconfig holds files in.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn one_line(text: &str) -> String {
    crate::trouble::one_line(text)
}
