//! What pods reach of each other, and what runs in them beyond busybox.

use runbook_cluster::Fields as _;
use runbook_cluster::kubelet::Image;
use serde_json::json;

use crate::pods::Pods;

const SERVER: &str = r#"
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{os.uname().nodename} {self.path} {os.listdir('/home')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"#;

fn server() -> Image {
    Image::host()
        .with_file("/app/server.py", SERVER)
        .with_command(["python3", "-u", "/app/server.py"])
}

#[test]
fn the_programs_of_this_machine_run_in_pods_whose_files_are_their_own() {
    let pods = Pods::start();
    pods.settings.images.register("mcp-server:1", server());
    let change = json!({
        "image": "mcp-server:1", "command": [],
        "securityContext": {"runAsUser": 1000},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 1},
    });
    pods.run("server", "", &change);
    pods.until_ready("server");
    let script = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/x').read().decode())";
    let words = ["exec", "server", "--", "python3", "-c", script];
    assert_eq!(pods.kubectl.run_words(&words, "").stdout.trim(), "server /x []");
    let listed = pods.kubectl.ok("exec server -- ls -A /");
    for hidden in ["mnt", "boot"] {
        assert!(!listed.lines().any(|line| line == hidden), "{listed}");
    }
    pods.kubectl.ok("exec server -- touch /tmp/x");
}

/// Asks a server, with nothing but the connection.
fn get(address: std::net::SocketAddr) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /outside HTTP/1.0\r\nHost: web\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    let _end = stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn services_are_reached_by_address_by_name_and_from_outside() {
    let pods = Pods::start();
    let ready = json!({"readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1}});
    for name in ["one", "two"] {
        let script = format!(
            "mkdir /www; echo {name} > /www/index.html; echo {name} > /www/outside; exec httpd -f -p 80 -h /www"
        );
        pods.run(name, &script, &ready);
    }
    let objects = pods.cluster.objects();
    let service = |name: &str, selector: serde_json::Value, more: serde_json::Value| {
        let mut service = json!({
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"ports": [{"port": 8080, "targetPort": 80}], "selector": selector},
        });
        for (key, value) in more.as_object().unwrap() {
            service["spec"][key] = value.clone();
        }
        objects.create("services", &service).unwrap();
    };
    service("web", json!({"app": "one"}), json!({}));
    service("all", json!({"app": "two"}), json!({"clusterIP": "None"}));
    service("none", json!({"app": "nobody"}), json!({}));
    let (one, two) = (pods.until_ready("one"), pods.until_ready("two"));
    assert!(get(pods.kubelet.open("default", "web", 8080).unwrap()).ends_with("\r\n\r\none\n"));
    // A pod reaches the service that leads to itself, another one, and another pod.
    for (from, url) in [
        ("one", "http://web:8080/".to_owned()),
        ("two", "http://web.default:8080/".to_owned()),
        ("two", "http://web.default.svc.cluster.local:8080/".to_owned()),
        ("two", format!("http://{}/", one.text("/status/podIP"))),
    ] {
        let fetched = pods.kubectl.ok(&format!("exec {from} -- wget -qO- {url}"));
        assert_eq!(fetched, "one\n", "{from} {url}");
    }
    let found = pods
        .kubectl
        .ok("exec one -- nslookup all.default.svc.cluster.local");
    assert!(found.contains(two.text("/status/podIP")), "{found}");
    let refused = pods
        .kubectl
        .refused("exec one -- wget -qO- http://none:8080/", "");
    assert!(refused.contains("Connection refused"), "{refused}");
    let unknown = pods
        .kubectl
        .refused("exec one -- wget -qO- http://nobody:8080/", "");
    assert!(unknown.contains("bad address"), "{unknown}");
}

#[test]
fn a_server_of_this_machine_is_a_service_without_selector() {
    let pods = Pods::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        use std::io::Write as _;
        for _ in 0..2 {
            listener.accept().unwrap().0.write_all(b"hello\n").unwrap();
        }
    });
    let objects = pods.cluster.objects();
    let spec = json!({"ports": [{"port": 5432}]});
    for name in ["db", "old"] {
        let service = json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec});
        objects.create("services", &service).unwrap();
    }
    let slice = json!({
        "metadata": {"name": "db-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv4", "ports": [{"port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [runbook_cluster::kubelet::HOST]}],
    });
    objects.create("endpointslices.discovery.k8s.io", &slice).unwrap();
    let endpoints = json!({
        "metadata": {"name": "old", "namespace": "default"},
        "subsets": [{"addresses": [{"ip": runbook_cluster::kubelet::HOST}], "ports": [{"port": port}]}],
    });
    objects.create("endpoints", &endpoints).unwrap();
    pods.run("client", "exec sleep 1000", &json!({}));
    pods.until_ready("client");
    for name in ["db", "old"] {
        assert_eq!(
            pods.kubectl.ok(&format!("exec client -- nc -w 5 {name} 5432")),
            "hello\n"
        );
    }
    server.join().unwrap();
}
