"""What the small servers of the stack have in common: JSON in and out, and an end that finishes what is under way."""

import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers by `get` and `post`, which give a status and a value: text as it is, all else as JSON."""

    def do_GET(self):
        self.answer(*self.get())

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.answer(*self.post(json.loads(text or b"{}")))

    def answer(self, status, value):
        text = value if isinstance(value, str) else json.dumps(value)
        kind = "application/json" if text.startswith(("{", "[")) else "text/plain; version=0.0.4"
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Only what a server says itself is in its log."""


class Server(ThreadingHTTPServer):
    # Threads are waited for at the end, so no request is cut off.
    daemon_threads = False
    request_queue_size = 128


def serve(port, handler):
    server = Server(("0.0.0.0", port), handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"ready on port {port}", flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
