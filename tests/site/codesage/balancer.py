"""Passes requests on to the servers that a configuration of nginx names, one after the other.

It reads no more of the configuration than `server NAME:PORT;`. A server that cannot be reached is passed over. It is in
the network of the machine and asks the engine where a container is: the tests' engine changes no rule of a firewall, and
where there are some that keep containers apart, one container does not reach another.
"""

import http.client
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONFIG = pathlib.Path("/etc/nginx/nginx.conf").read_text()
BACKENDS = re.findall(r"^\s*server\s+(\S+:\d+);", CONFIG, re.MULTILINE)
NEXT = itertools.count()


class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/docker.sock")


def address(backend):
    name, port = backend.split(":")
    engine = Engine("engine", timeout=5)
    engine.request("GET", f"/containers/{name}/json")
    networks = json.load(engine.getresponse()).get("NetworkSettings", {}).get("Networks", {})
    found = [network["IPAddress"] for network in networks.values() if network["IPAddress"]]
    if not found:
        raise ConnectionRefusedError(name)
    return f"{found[0]}:{port}"


def pass_on(path, body):
    first = next(NEXT)
    for turn in range(len(BACKENDS)):
        backend = BACKENDS[(first + turn) % len(BACKENDS)]
        try:
            with urllib.request.urlopen(f"http://{address(backend)}{path}", data=body, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            continue
    return 502, b"{}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(*pass_on(self.path, None))

    def do_POST(self):
        self.answer(*pass_on(self.path, self.rfile.read(int(self.headers.get("content-length", "0")))))

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
