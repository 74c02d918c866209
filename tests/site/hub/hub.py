"""A stand-in for mcp-hub: health with what it depends on, metrics, tools, and the faults that its runbooks repair."""

import base64
import json
import os
import pathlib
import sys
import threading
import time
import urllib.error
import urllib.request

from served import Handler, serve

# In the container itself and in no volume: a container that is made anew has none of it.
STATE = pathlib.Path("/tmp/state")
# An image with another page is the bad deployment: every other call of a tool fails.
BAD = pathlib.Path("/www/index.html").read_text().strip() == "two"
BUCKETS = [0.1, 0.5, 1, 5]
LOCK = threading.Lock()
# A hub that holds more than this has no room left: it is slow, and does one thing at a time.
ROOM, SLOW = 40 << 20, 0.05
counts, durations, held, calls, under_way = {}, [], [], [0], [0]


def ask(url, body=None):
    headers = {"content-type": "application/json"}
    password = os.environ["NEO4J_PASSWORD"]
    headers["authorization"] = "Basic " + base64.b64encode(f"neo4j:{password}".encode()).decode()
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=3) as answer:
        return json.load(answer)


def query(statement):
    answer = ask(os.environ["NEO4J"] + "/db/neo4j/tx/commit", {"statements": [{"statement": statement}]})
    if answer["errors"]:
        raise OSError(answer["errors"][0]["message"])
    return answer["results"][0]["data"]


def is_well(asked):
    try:
        asked()
    except (OSError, ValueError):
        return "unhealthy"
    return "healthy"


class Hub(Handler):
    def get(self):
        if self.path == "/live":
            return 200, {"live": True}
        if self.path == "/health":
            services = {
                "neo4j": is_well(lambda: query("RETURN 1")),
                "ollama": is_well(lambda: ask(os.environ["OLLAMA"] + "/api/tags")),
            }
            fine = set(services.values()) == {"healthy"}
            return (200 if fine else 503), {"status": "healthy" if fine else "degraded", "services": services}
        return (200, metrics()) if self.path == "/metrics" else (404, {})

    def post(self, body):
        if self.path == "/debug/hold":
            # Written to, so that it is really there.
            held.append(b"x" * (body["megabytes"] << 20))
            return 200, {}
        if self.path != "/tools/call":
            return 404, {}
        began = time.monotonic()
        status, value = self.in_its_room(body)
        with LOCK:
            key = body.get("server", "unknown"), status
            counts[key] = counts.get(key, 0) + 1
            durations.append(time.monotonic() - began)
        return status, value

    def in_its_room(self, body):
        if sum(map(len, held)) < ROOM:
            return self.call(body)
        with LOCK:
            under_way[0] += 1
            is_alone = under_way[0] == 1
        time.sleep(SLOW)
        try:
            if is_alone:
                return self.call(body)
            print("error: there is no memory for another call", flush=True)
            return 503, {"error": "no room"}
        finally:
            with LOCK:
                under_way[0] -= 1

    def call(self, body):
        with LOCK:
            calls[0] += 1
            fails = BAD and calls[0] % 2 == 0
        if fails:
            print("error: this version of the hub is broken", flush=True)
            return 500, {"error": "broken"}
        try:
            if body["server"] == "ollama":
                return 200, {"result": ask(os.environ["OLLAMA"] + "/api/tags")}
            rows = query(f"MATCH (n:{body['arguments']['label']}) RETURN count(n)")
        except (OSError, ValueError) as error:
            print(f"error: {error}", flush=True)
            return 502, {"error": str(error)}
        return 200, {"result": {"count": rows[0]["row"][0]}}


def metrics():
    with LOCK:
        lines = [f'mcp_requests_total{{server="{server}",status="{status}"}} {n}' for (server, status), n in counts.items()]
        for limit in BUCKETS:
            below = sum(duration <= limit for duration in durations)
            lines.append(f'mcp_request_duration_seconds_bucket{{server="neo4j-memory",le="{limit}"}} {below}')
        lines.append(f'mcp_request_duration_seconds_bucket{{server="neo4j-memory",le="+Inf"}} {len(durations)}')
    return "\n".join(lines) + "\n"


if STATE.exists():
    print("error: the state cannot be read", flush=True)
    sys.exit(1)
serve(3000, Hub)
