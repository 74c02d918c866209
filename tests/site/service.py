"""A small MCP server for the tests: one of `codebase-mcp` and `workflow-mcp`, with a pool of real PostgreSQL connections.

What it is told stands in its environment: NAME, PORT, POSTGRES (a port), DATABASE, REDIS and OLLAMA (ports), CACHE_DIR,
POOL_MIN_SIZE, POOL_MAX_SIZE, LOG_LEVEL, PYTHONTRACEMALLOC, MEMORY_MAX (bytes; 0: none), LEAK_MB (what a search keeps),
SEARCH_SECONDS (what a search needs besides).
"""

import gc
import json
import logging
import os
import pathlib
import socket
import struct
import sys
import threading
import time
import tracemalloc
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ENVIRONMENT = os.environ
NAME, PORT = ENVIRONMENT["NAME"], int(ENVIRONMENT["PORT"])
POSTGRES, DATABASE = int(ENVIRONMENT["POSTGRES"]), ENVIRONMENT["DATABASE"]
REDIS, OLLAMA = int(ENVIRONMENT["REDIS"]), int(ENVIRONMENT["OLLAMA"])
CACHE = pathlib.Path(ENVIRONMENT["CACHE_DIR"])
LOG_LEVEL = ENVIRONMENT.get("LOG_LEVEL", "WARNING")
LEAK = int(ENVIRONMENT.get("LEAK_MB", "0")) << 20
SLOWNESS = float(ENVIRONMENT.get("SEARCH_SECONDS", "0"))
PATIENCE = 0.3
DEBUG_LINES = 60_000
LEAKED = []
TOOK = []

logging.basicConfig(stream=open(os.devnull, "w"), level=LOG_LEVEL)


class Connection:
    """A session of PostgreSQL, in the version 3 of its protocol, without a password."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", POSTGRES), timeout=5)
        words = ["user", "postgres", "database", DATABASE, "application_name", NAME, "", ""]
        body = struct.pack("!i", 196608) + "\0".join(words).encode()
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        self.read()

    def ask(self, query):
        body = query.encode() + b"\0"
        self.socket.sendall(b"Q" + struct.pack("!i", len(body) + 4) + body)
        return self.read()

    def read(self):
        """The rows up to the moment at which the server is ready for the next query."""
        rows, error = [], None
        while True:
            kind = self.exactly(1)
            body = self.exactly(struct.unpack("!i", self.exactly(4))[0] - 4)
            if kind == b"D":
                rows.append(body)
            elif kind == b"E":
                error = body.decode(errors="replace").replace("\0", " ")
                if b"FATAL" in body:
                    raise OSError(error)
            elif kind == b"Z":
                if error:
                    raise OSError(error)
                return rows

    def exactly(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise OSError("the server closed the connection")
            data += part
        return data


class Pool:
    """Connections up to a limit; those that are held belong to clients that keep them."""

    def __init__(self):
        self.initial = int(ENVIRONMENT.get("POOL_MIN_SIZE", "5"))
        self.limit = int(ENVIRONMENT.get("POOL_MAX_SIZE", "20"))
        self.lock = threading.Condition()
        self.idle, self.used, self.held = [], 0, []

    def take(self):
        with self.lock:
            if not self.lock.wait_for(lambda: self.used < self.limit, timeout=PATIENCE):
                raise TimeoutError("no connection is free")
            self.used += 1
            if self.idle:
                return self.idle.pop()
        try:
            return Connection()
        except OSError:
            self.give(None)
            raise

    def give(self, connection):
        with self.lock:
            self.used -= 1
            if connection:
                self.idle.append(connection)
            self.lock.notify()

    def figures(self):
        return {
            "pool_utilization": round(self.used / self.limit, 3), "max_size": self.limit, "initial_size": self.initial,
            "in_use": self.used, "idle": len(self.idle),
        }


POOL = Pool()


def database_status():
    try:
        Connection().ask("SELECT 1")
        return "connected"
    except OSError:
        return "disconnected"


def redis(command):
    with socket.create_connection(("127.0.0.1", REDIS), timeout=2) as stream:
        stream.sendall(command.encode() + b"\r\n")
        head = stream.makefile("rb")
        length = int(head.readline()[1:])
        return head.read(length) if length >= 0 else None


def cache_state():
    """Whether all that was kept between two runs can be read."""
    texts = [file.read_bytes() for file in sorted(CACHE.glob("*.json"))]
    try:
        texts += [text for text in [redis(f"GET {NAME}:state")] if text is not None]
    except OSError:
        return "unavailable"
    try:
        for text in texts:
            json.loads(text)
    except ValueError:
        return "corrupted"
    return "fine"


def embeddings():
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{OLLAMA}/api/tags", timeout=2) as answer:
            return "available" if json.load(answer)["models"] else "no model"
    except OSError:
        return "unavailable"


def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def p95():
    times = sorted(TOOK[-20:])
    return round(times[int(0.95 * (len(times) - 1))], 4) if times else 0.0


def health():
    database, state, models = database_status(), cache_state(), embeddings()
    pool = POOL.figures()
    fine = state == "fine" and models == "available" and pool["pool_utilization"] <= 0.95
    status = "unhealthy" if database != "connected" else "healthy" if fine else "degraded"
    return (503 if status == "unhealthy" else 200), {
        "service": NAME, "status": status, "database_status": database, "connection_pool": pool, "cache": state,
        "embeddings": models, "memory": {"rss_bytes": resident(), "max_bytes": int(ENVIRONMENT.get("MEMORY_MAX", "0"))},
        "latency_p95_seconds": p95(), "log_level": LOG_LEVEL, "traced_frames": tracemalloc.get_traceback_limit()
        if tracemalloc.is_tracing() else 0, "pid": os.getpid(),
    }


def search(query):
    began = time.monotonic()
    try:
        if cache_state() == "corrupted":
            return 500, {"error": "the cache cannot be read"}
        if embeddings() != "available":
            return 503, {"error": "no embeddings"}
        LEAKED.append(bytearray(LEAK))
        time.sleep(SLOWNESS)
        if LOG_LEVEL == "DEBUG":
            for line in range(DEBUG_LINES):
                logging.debug("query %s, candidate %d", query, line)
        connection = POOL.take()
        rows = connection.ask("SELECT id FROM code_chunks ORDER BY id LIMIT 5")
        POOL.give(connection)
        return 200, {"results": len(rows)}
    except (OSError, TimeoutError) as error:
        return 503, {"error": str(error)}
    finally:
        TOOK.append(time.monotonic() - began)


def memory():
    """Where memory was asked for, as far as that is traced."""
    gc.collect()
    if not tracemalloc.is_tracing():
        return {"traced": False, "rss_bytes": resident(), "top": []}
    top = tracemalloc.take_snapshot().statistics("lineno")[:10]
    return {"traced": True, "rss_bytes": resident(), "top": [str(line) for line in top]}


def metrics():
    pool = POOL.figures()
    return (
        f"pool_utilization {pool['pool_utilization']}\ndatabase_connections {pool['in_use'] + pool['idle']}\n"
        f"request_duration_seconds{{quantile=\"0.95\"}} {p95()}\n"
    )


def change(path, body):
    if path == "/admin/pool/resize":
        with POOL.lock:
            POOL.limit = int(body["max_size"])
            POOL.lock.notify_all()
        return 200, POOL.figures()
    if path == "/sessions/hold":  # as clients do that never give back what they took
        POOL.held += [POOL.take() for _ in range(body["count"])]
        return 200, POOL.figures()
    if path == "/search":
        return search(body["query"])
    return 404, {"error": "no such path"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/health/status":
            self.answer(*health())
        elif self.path == "/debug/memory":
            self.answer(200, memory())
        elif self.path == "/metrics":
            self.answer(200, metrics())
        else:
            self.answer(404, {"error": "no such path"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        try:
            self.answer(*change(self.path, json.loads(body)))
        except (OSError, TimeoutError) as error:
            self.answer(503, {"error": str(error)})

    def answer(self, status, body):
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


try:
    Server(("127.0.0.1", PORT), Handler).serve_forever()
except OSError as error:
    sys.exit(f"port {PORT}: {error}")
