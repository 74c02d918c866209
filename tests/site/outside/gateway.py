"""The gateway before the servers, with a circuit breaker: `gateway.py UPSTREAM`. It prints its port. Without an upstream it
stands for a whole region, and answers for itself.

The breaker opens after five failures in a row, lets requests try again after RETRY_SECONDS of the environment (60), and
closes after five answers in a row. `GET` and `PUT /admin/circuit-breaker` tell and set its state.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

UPSTREAM = sys.argv[1]
RETRY = float(os.environ.get("RETRY_SECONDS", "60"))
LIMIT = 5
STATES = ("closed", "open", "half-open")


class Breaker:
    def __init__(self):
        self.lock = Lock()
        self.set("closed")

    def set(self, state):
        self.state, self.failures, self.successes = state, 0, 0
        self.next = time.monotonic() + RETRY

    def lets_through(self):
        with self.lock:
            if self.state == "open" and time.monotonic() >= self.next:
                self.set("half-open")
            return self.state != "open"

    def answered(self, is_fine):
        with self.lock:
            if is_fine:
                self.failures, self.successes = 0, self.successes + 1
                if self.state == "half-open" and self.successes >= LIMIT:
                    self.set("closed")
            else:
                self.failures, self.successes = self.failures + 1, 0
                if self.state == "half-open" or self.failures >= LIMIT:
                    self.set("open")


BREAKER = Breaker()


def ask(path):
    if not UPSTREAM:
        return 200, b'{"status": "healthy"}'
    try:
        with urllib.request.urlopen(UPSTREAM + path, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return 502, json.dumps({"error": str(error)}).encode()


class Gateway(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/admin/circuit-breaker":
            return self.told()
        if not BREAKER.lets_through():
            return self.answer(503, b'{"error": "Circuit breaker is open"}')
        status, body = ask(self.path)
        BREAKER.answered(status < 500)
        return self.answer(status, body)

    def do_PUT(self):
        sent = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        if self.path != "/admin/circuit-breaker" or sent.get("state") not in STATES:
            return self.answer(400, b'{"error": "no such state"}')
        with BREAKER.lock:
            BREAKER.set(sent["state"])
        return self.told()

    def told(self):
        return self.answer(200, json.dumps({"state": BREAKER.state, "failures": BREAKER.failures}).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
print(server.server_port, flush=True)
server.serve_forever()
