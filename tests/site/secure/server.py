"""A small secure MCP server, as it runs in the pods of `mcp-server`: its health, and WebSockets with heartbeats.

WS_HEARTBEAT_TIMEOUT says after how many milliseconds without a heartbeat a connection is closed, CLIENTS how many clients
there are, which send one every 300 ms and come back when they are cut. `POST /hold` with a number holds as many megabytes.
On SIGUSR1 it writes what it holds to `/tmp/heapdump.hprof`.
"""

import json
import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TIMEOUT = int(os.environ.get("WS_HEARTBEAT_TIMEOUT", "60000")) / 1000
CLIENTS = int(os.environ.get("CLIENTS", "0"))
HEARTBEAT = 0.3
held = []


def dump(*_):
    with open("/tmp/heapdump.new", "w") as file:
        json.dump({"megabytes": [len(each) >> 20 for each in held]}, file)
    os.rename("/tmp/heapdump.new", "/tmp/heapdump.hprof")


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            self.socket()
        elif self.path in ("/health", "/health/live", "/health/ready", "/health/detailed"):
            self.say({"status": "healthy"})
        else:
            self.say({"error": "not found"}, 404)

    def do_POST(self):
        held.append(bytearray(b"x") * (int(self.rfile.read(int(self.headers["Content-Length"]))) << 20))
        self.say({})

    def say(self, body, status=200):
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def socket(self):
        self.close_connection = True
        self.send_response(101)
        self.end_headers()
        self.connection.settimeout(TIMEOUT)
        try:
            while self.connection.recv(1):
                pass
        except TimeoutError:
            print(f"websocket closed: no heartbeat within {TIMEOUT} seconds", flush=True)

    def log_message(self, *_):
        pass


def client():
    while True:
        try:
            with socket.create_connection(("127.0.0.1", 3000)) as connection:
                connection.sendall(b"GET /ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n\r\n")
                while True:
                    time.sleep(HEARTBEAT)
                    connection.sendall(b".")
        except OSError:
            time.sleep(0.05)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, dump)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    for _ in range(CLIENTS):
        threading.Thread(target=client, daemon=True).start()
    ThreadingHTTPServer(("0.0.0.0", 3000), Server).serve_forever()
