//! What pods reach of each other, and what runs in them beyond busybox.

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
