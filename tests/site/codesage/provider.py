"""A stand-in for whoever issues keys: answers `GET /models` to those who have one of the keys in a file."""

import pathlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEYS = pathlib.Path(sys.argv[1])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        accepted = self.path == "/models" and key in KEYS.read_text().split()
        text = b'{"data": []}' if accepted else b'{"error": "invalid key"}'
        self.send_response(200 if accepted else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
