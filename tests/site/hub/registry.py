"""A registry that has one image under every name: ARCHIVE, which `docker save` wrote. It prints its port.

It answers what an engine asks to pull it: the manifest, which names the settings and the layers, and each of these.
"""

import hashlib
import json
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KIND = "application/vnd.docker.distribution.manifest.v2+json"
blobs = {}


def kept(data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    blobs[digest] = data
    return {"digest": digest, "size": len(data)}


def read(archive):
    with tarfile.open(archive) as tar:
        saved = json.load(tar.extractfile("manifest.json"))[0]
        config = kept(tar.extractfile(saved["Config"]).read())
        layers = [kept(tar.extractfile(layer).read()) for layer in saved["Layers"]]
    config["mediaType"] = "application/vnd.docker.container.image.v1+json"
    for layer in layers:
        layer["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar"
    return json.dumps({"schemaVersion": 2, "mediaType": KIND, "config": config, "layers": layers}).encode()


class Registry(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if "/manifests/" in self.path:
            return self.answer(MANIFEST, KIND)
        if "/blobs/" in self.path and name in blobs:
            return self.answer(blobs[name], "application/octet-stream")
        return self.answer(b"{}", "application/json") if self.path == "/v2/" else self.send_error(404)

    do_HEAD = do_GET

    def answer(self, data, kind):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.send_header("docker-content-digest", "sha256:" + hashlib.sha256(data).hexdigest())
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


MANIFEST = read(sys.argv[1])
server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
print(server.server_port, flush=True)
server.serve_forever()
