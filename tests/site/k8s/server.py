"""A small MCP server for the tests, as it runs in the pods of `mcp-server`: tools on a pool of real PostgreSQL sessions,
with a cache, a circuit breaker and metrics. Each pod has its own of all of these.

What it is told stands in its environment: LOG_LEVEL, DATABASE_HOST, DATABASE_USER, DATABASE_NAME, DATABASE_POOL_SIZE,
DATABASE_MAX_OVERFLOW, CACHE_TTL_SECONDS, EXTERNAL_URL, START_SECONDS (what its start takes), RELEASES_SECONDS (what a list
of releases takes that is not in the cache), BALLAST_MB (what it needs from the start). What goes wrong is ordered by `POST /faults`, and holds until the process ends:
`{"leak_mb": 40}` for each tool that is called, `{"confused": true}` for tools that fail, `{"sick": true}` for a health of 503.
"""

import json
import os
import queue
import signal
import socket
import struct
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ENVIRONMENT = os.environ
LEVELS = ["debug", "info", "warning", "error"]
PORT = 8000
PATIENCE = float(ENVIRONMENT.get("DATABASE_POOL_TIMEOUT", "5"))
TTL = float(ENVIRONMENT.get("CACHE_TTL_SECONDS", "0"))
RELEASES = float(ENVIRONMENT.get("RELEASES_SECONDS", "0"))
BREAKER, FAILURES = "external-api", 3
BOUNDS = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0]
LOCK = threading.Lock()
FAULTS, LEAKED = {}, [bytearray(b"x" * (int(ENVIRONMENT.get("BALLAST_MB", "0")) << 20))]


def tell(level, message, **more):
    if LEVELS.index(level) >= LEVELS.index(ENVIRONMENT.get("LOG_LEVEL", "info")):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        print(json.dumps({"timestamp": stamp, "level": level, "message": message, **more}), flush=True)


class Session:
    """A session of PostgreSQL, in the version 3 of its protocol, without a password."""

    def __init__(self):
        address = (ENVIRONMENT.get("DATABASE_HOST", "postgres"), 5432)
        self.socket = socket.create_connection(address, timeout=10)
        words = ["user", ENVIRONMENT.get("DATABASE_USER", "mcp_user"), "database",
                 ENVIRONMENT.get("DATABASE_NAME", "mcp_prod"), "application_name", "mcp-server", "", ""]
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
                length = struct.unpack("!i", body[2:6])[0]
                rows.append(body[6:6 + length].decode())
            elif kind == b"E":
                fields = dict((part[:1], part[1:]) for part in body.decode(errors="replace").split("\0") if part)
                error = fields.get("M", "error")
                if fields.get("S") == "FATAL":
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

    def close(self):
        self.socket.close()


class Pool:
    """Sessions up to a limit. What failed is not used again."""

    def __init__(self):
        size = int(ENVIRONMENT.get("DATABASE_POOL_SIZE", "10")) + int(ENVIRONMENT.get("DATABASE_MAX_OVERFLOW", "0"))
        self.free = threading.Semaphore(size)
        self.idle = queue.SimpleQueue()

    def ask(self, query):
        if not self.free.acquire(timeout=PATIENCE):
            raise TimeoutError("no session of the pool is free")
        try:
            try:
                session = self.idle.get_nowait()
            except queue.Empty:
                session = Session()
            try:
                rows = session.ask(query)
            except OSError:
                # It may have been ended since it was last used.
                session.close()
                session = Session()
                rows = session.ask(query)
            self.idle.put(session)
            return rows
        finally:
            self.free.release()


class Cache:
    def __init__(self):
        self.entries, self.hits, self.misses = {}, 0, 0

    def get(self, key, make):
        with LOCK:
            kept = self.entries.get(key)
            if kept and kept[0] > time.monotonic():
                self.hits += 1
                return kept[1]
            self.misses += 1
        value = make()
        with LOCK:
            self.entries[key] = (time.monotonic() + TTL, value)
        return value

    def figures(self):
        asked = self.hits + self.misses
        return {"entries": len(self.entries), "hit_rate": self.hits / asked if asked else 1.0, "ttl_seconds": TTL}


class Breaker:
    """Opens after some failures, and stays so until somebody closes it."""

    def __init__(self):
        self.failures = 0

    def state(self):
        return "open" if self.failures >= FAILURES else "closed"

    def call(self):
        if self.state() == "open":
            raise OSError(f"the breaker {BREAKER} is open")
        try:
            url = ENVIRONMENT.get("EXTERNAL_URL", "http://external-api") + "/health"
            with urllib.request.urlopen(url, timeout=2) as answer:
                answer.read()
            self.failures = 0
        except OSError:
            self.failures += 1
            raise


POOL, CACHE, BREAKERS = Pool(), Cache(), {BREAKER: Breaker()}
REQUESTS, ERRORS, TOOK = Counter(), Counter(), {}


def assignments():
    return POOL.ask("SELECT count(*) FROM assignments WHERE is_open(title) AND assignee = 'user7'")


def releases():
    def make():
        time.sleep(RELEASES)
        return POOL.ask("SELECT 1")
    return CACHE.get("releases", make)


def people():
    return POOL.ask("SELECT pg_sleep(0.6)")


def notify():
    BREAKERS[BREAKER].call()
    return ["sent"]


TOOLS = {"list_assignments": assignments, "list_people": people, "list_releases": releases, "notify": notify}


def call(tool):
    began, error = time.monotonic(), None
    try:
        LEAKED.append(bytearray(b"x" * (FAULTS.get("leak_mb", 0) << 20)))
        if FAULTS.get("confused"):
            raise ValueError("the state of the server is not as it should be")
        return 200, {"result": TOOLS[tool]()}
    except (OSError, TimeoutError, ValueError) as raised:
        error = raised
        tell("error", str(error), error_type=type(error).__name__, tool=tool)
        return 500, {"error": str(error)}
    finally:
        took = time.monotonic() - began
        with LOCK:
            REQUESTS[tool] += 1
            if error:
                ERRORS[type(error).__name__, tool] += 1
            counts = TOOK.setdefault(tool, [0] * (len(BOUNDS) + 1))
            for index, bound in enumerate([*BOUNDS, float("inf")]):
                counts[index] += took <= bound


def metrics():
    with LOCK:
        lines = [f'mcp_requests_total{{tool="{tool}"}} {count}' for tool, count in REQUESTS.items()]
        lines += [f'mcp_errors_total{{error_type="{kind}",tool="{tool}"}} {count}'
                  for (kind, tool), count in ERRORS.items()]
        for tool, counts in TOOK.items():
            lines += [f'mcp_request_duration_bucket{{endpoint="/tools/{tool}",le="{bound}"}} {count}'
                      for bound, count in zip([*BOUNDS, "+Inf"], counts)]
    return "\n".join(lines) + "\n"


def health():
    if FAULTS.get("sick"):
        return 503, {"status": "unhealthy"}
    try:
        session = Session()
        session.ask("SELECT 1")
        session.close()
    except OSError as error:
        tell("error", f"could not connect to the database: {error}", error_type="DatabaseError", tool="health")
        return 503, {"status": "unhealthy", "database": str(error)}
    return 200, {"status": "healthy", "version": ENVIRONMENT.get("VERSION", "1"), "pid": os.getpid()}


def answer_to(method, path, body):
    first, *rest = path.strip("/").split("/")
    if method == "GET":
        if first == "health":
            return health()
        if first == "live":
            return 200, {"status": "alive"}
        if first == "metrics":
            return 200, metrics()
        if first == "cache":
            return 200, CACHE.figures()
        if first == "circuit-breakers":
            return 200, {name: {"state": breaker.state(), "failures": breaker.failures} for name, breaker in BREAKERS.items()}
        if first == "tools" and rest and rest[0] in TOOLS:
            return call(rest[0])
    if method == "POST" and first == "faults":
        FAULTS.update(json.loads(body))
        return 200, FAULTS
    if method == "POST" and first == "circuit-breakers" and rest[1:] == ["reset"] and rest[0] in BREAKERS:
        BREAKERS[rest[0]].failures = 0
        return 200, {"state": "closed"}
    return 404, {"error": "no such path"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        status, told = answer_to(self.command, urllib.parse.urlsplit(self.path).path, body)
        text = (told if isinstance(told, str) else json.dumps(told)).encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain" if isinstance(told, str) else "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if ENVIRONMENT.get("LOG_LEVEL", "info") not in LEVELS:
        sys.exit(f"invalid configuration: LOG_LEVEL is {ENVIRONMENT['LOG_LEVEL']!r}, and not one of {', '.join(LEVELS)}")
    time.sleep(float(ENVIRONMENT.get("START_SECONDS", "0")))
    tell("info", "the server listens", port=PORT)
    Server(("0.0.0.0", PORT), Handler).serve_forever()


main()
