//! Streams of pods through the client library, which sees what kubectl does not show.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, TerminalSize};
use kube::config::{KubeConfigOptions, Kubeconfig};
use runbook_cluster::Fields as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::pods::Pods;

const PATIENCE: Duration = Duration::from_secs(30);

async fn api(pods: &Pods) -> Api<Pod> {
    let config = Kubeconfig::from_yaml(&pods.cluster.kubeconfig("admin")).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default())
        .await
        .unwrap();
    Api::default_namespaced(kube::Client::try_from(config).unwrap())
}

/// Runs what talks to a cluster, and fails if it does not end.
fn within<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.unwrap() })
}

fn started(name: &str, script: &str, change: &serde_json::Value) -> Pods {
    let pods = Pods::start();
    pods.run(name, script, change);
    pods.until_ready(name);
    pods
}

#[test]
fn ports_are_forwarded_into_the_network_of_the_pod() {
    let script = "mkdir /www; echo here > /www/index.html; exec httpd -f -p 127.0.0.1:8080 -h /www";
    let pods = started("web", script, &json!({}));
    within(async {
        let api = api(&pods).await;
        let mut forwarded = api.portforward("web", &[8080, 81]).await.unwrap();
        let mut stream = forwarded.take_stream(8080).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("here\n"),
            "{answer}"
        );
        let refused = forwarded.take_error(81).unwrap().await.unwrap();
        assert!(
            refused.contains("dial tcp4 127.0.0.1:81: connect: connection refused"),
            "{refused}"
        );
    });
}

#[test]
fn a_terminal_has_a_size_and_one_stream() {
    let pods = started("box", "exec sleep 1000", &json!({}));
    within(async {
        let api = api(&pods).await;
        let asked = AttachParams::interactive_tty();
        let mut attached = api.exec("box", ["sh"], &asked).await.unwrap();
        let mut resize = attached.terminal_size().unwrap();
        let size = TerminalSize {
            width: 133,
            height: 44,
        };
        futures_util::SinkExt::send(&mut resize, size).await.unwrap();
        let mut input = attached.stdin().unwrap();
        let commands = "until stty size | grep -q '44 133'; do :; done; stty size; test -t 0 && echo $((6*7)) $TERM; ls /no; exit 3\n";
        input.write_all(commands.as_bytes()).await.unwrap();
        let mut output = String::new();
        attached
            .stdout()
            .unwrap()
            .read_to_string(&mut output)
            .await
            .unwrap();
        assert!(
            output.contains("44 133\r\n") && output.contains("42 xterm\r\n"),
            "{output}"
        );
        assert!(output.contains("No such file"), "{output}");
        let status = attached.take_status().unwrap().await.unwrap();
        assert_eq!(status.reason.as_deref(), Some("NonZeroExitCode"));
        let cause = status.details.unwrap().causes.unwrap().remove(0);
        assert_eq!(
            (cause.reason.as_deref(), cause.message.as_deref()),
            (Some("ExitCode"), Some("3"))
        );
    });
}

#[test]
fn a_program_goes_on_when_its_client_goes_away_and_its_input_ends() {
    let pods = started("box", "exec sleep 1000", &json!({}));
    within(async {
        let api = api(&pods).await;
        let script = "echo begun; cat; echo input ended > /tmp/said; exec sleep 1000";
        let asked = AttachParams::default().stdin(true);
        let mut attached = api.exec("box", ["sh", "-c", script], &asked).await.unwrap();
        let mut begun = [0; 6];
        attached.stdout().unwrap().read_exact(&mut begun).await.unwrap();
        attached.abort();
        drop(attached);
    });
    let wait = "until [ -s /tmp/said ]; do sleep 0.02; done; cat /tmp/said; ps";
    let answer = pods
        .kubectl
        .run_words(&["exec", "box", "--", "timeout", "20", "sh", "-c", wait], "");
    assert!(answer.stdout.starts_with("input ended\n"), "{answer:?}");
    assert!(answer.stdout.matches("sleep 1000").count() >= 2, "{answer:?}");
}

#[test]
fn who_attaches_hears_and_speaks_to_the_first_process() {
    let script = "while read line; do echo got $line; [ $line = end ] && exit 5; done";
    let pods = started("talk", script, &json!({"stdin": true}));
    within(async {
        let api = api(&pods).await;
        let asked = AttachParams::default().stdin(true);
        let mut attached = api.attach("talk", &asked).await.unwrap();
        let mut input = attached.stdin().unwrap();
        input.write_all(b"one\nend\n").await.unwrap();
        let mut output = String::new();
        attached
            .stdout()
            .unwrap()
            .read_to_string(&mut output)
            .await
            .unwrap();
        assert_eq!(output, "got one\ngot end\n");
        let status = attached.take_status().unwrap().await.unwrap();
        assert!(status.message.unwrap().ends_with("exit code 5"));
    });
    let pod = pods.until("talk", |pod| {
        crate::pods::app(pod).number("/restartCount") == Some(1)
    });
    assert_eq!(
        crate::pods::app(&pod).number("/lastState/terminated/exitCode"),
        Some(5)
    );
}
