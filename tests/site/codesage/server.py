"""What the runbooks of CodeSage repair: a server with caches, an index and a protocol, in a container.

It keeps caches in memory and below DATA/cache, builds an index when there is none, answers on port 8000, and gets its
settings from its environment. `POST /stuck` makes it answer 503 until it is started anew, as a deadlock does.
"""

import hashlib
import json
import os
import pathlib
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ENVIRONMENT = os.environ
DATA = pathlib.Path("/app/.codesage")
CACHE = DATA / "cache"
# Whoever writes many entries holds this, and a search waits for it; not for ever, since its holder may have died.
HELD, HELD_SECONDS = CACHE / "lock", 2.5
INDEX = DATA / "codebase_index.faiss"
# What there is to keep, and how much of it one entry needs.
KNOWN, ENTRY = 20000, 3000
MISS_SECONDS = 0.05
QUERIES = 5

LOCK = threading.Lock()
COUNTS = {"lookups": 0, "hits": 0, "requests": {}}
STATE = {"stuck": False}


def limit(name, default):
    return int(ENVIRONMENT.get(f"{name}_CACHE_SIZE", default))


LIMITS = {"embedding": limit("EMBEDDING", 6000), "search": limit("SEARCH", 1200), "file": limit("FILE", 200)}


def damaged():
    """Whether an entry of the cache cannot be read."""
    try:
        for file in sorted(CACHE.glob("*.cache")):
            json.loads(file.read_text())
    except ValueError:
        return True
    return False


def search(number):
    """Looks a query up; what is not found takes long, and is kept where the cache can be read."""
    file = CACHE / f"{number}.cache"
    until = time.monotonic() + HELD_SECONDS
    while HELD.exists() and time.monotonic() < until:
        time.sleep(0.02)
    with LOCK:
        COUNTS["lookups"] += 1
    if not damaged() and file.exists():
        with LOCK:
            COUNTS["hits"] += 1
        return json.loads(file.read_text())
    time.sleep(MISS_SECONDS)
    found = {"results": [hashlib.md5(str(number).encode()).hexdigest()]}
    if not damaged():
        file.write_text(json.dumps(found))
    return found


def statistics():
    lookups, hits = COUNTS["lookups"], COUNTS["hits"]
    entries = {name: {"entries": len(kept), "limit": LIMITS[name]} for name, kept in KEPT.items()}
    return {"hit_rate": round(hits / lookups, 4) if lookups else 1.0, "lookups": lookups, **entries}


def call(request):
    if request["method"] == "initialize":
        return {"serverInfo": {"name": "codesage", "version": version()}}
    name = request["params"]["name"]
    if name == "get_cache_statistics":
        return statistics()
    if name == "search_codebase":
        return search(COUNTS["lookups"] % QUERIES)
    raise KeyError(name)


def version():
    return pathlib.Path("/app/version").read_text().strip()


def metrics():
    lines = [f'http_requests_total{{status="{status}"}} {count}' for status, count in COUNTS["requests"].items()]
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    lines.append(f"process_resident_memory_bytes {pages * os.sysconf('SC_PAGE_SIZE')}")
    return "\n".join(lines) + "\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/metrics":
            self.answer(200, metrics())
        elif STATE["stuck"]:
            self.answer(503, {"status": "stuck"})
        else:
            cache = "corrupted" if damaged() else "fine"
            self.answer(200, {"status": "healthy", "cache": cache, "version": version(), "host": os.uname().nodename})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path == "/stuck":
            STATE["stuck"] = True
            self.answer(200, STATE)
        elif STATE["stuck"]:
            self.answer(503, {"status": "stuck"})
        else:
            request = json.loads(body)
            self.answer(200, {"jsonrpc": "2.0", "id": request["id"], "result": call(request)})

    def answer(self, status, body):
        with LOCK:
            COUNTS["requests"][status] = COUNTS["requests"].get(status, 0) + 1
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


def started():
    """What must be there before anything is served."""
    if not ENVIRONMENT.get("GROQ_API_KEY"):
        sys.exit("ERROR: GROQ_API_KEY is not set")
    if pathlib.Path("/app/broken").exists():
        sys.exit("ERROR: the program is damaged")
    CACHE.mkdir(parents=True, exist_ok=True)
    if not INDEX.exists():
        INDEX.write_bytes(b"FAISS" + os.urandom(64))
        print("INFO: Indexed 1 files", flush=True)
    elif INDEX.read_bytes()[:5] != b"FAISS":
        print("ERROR: Index corruption detected", flush=True)


started()
KEPT = {name: [bytes(ENTRY) + os.urandom(8) for _ in range(min(most, KNOWN))] for name, most in LIMITS.items()}
# A first process has no default for signals.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print(f"INFO: CodeSage {version()} serves", flush=True)
Server(("0.0.0.0", 8000), Handler).serve_forever()
