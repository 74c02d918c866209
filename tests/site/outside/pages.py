"""Stand-ins for what people are told by: `pages.py FOLDER`. It prints its port.

- PagerDuty's Events API v2, `POST /v2/enqueue`. What it accepts is appended to `events.jsonl`. As soon as somebody is paged,
  the file `down` of the folder is removed: whoever was paged repairs it.
- A status page: `/api/v1/incidents`, which wants the token in STATUS_PAGE_TOKEN. Its incidents are in `incidents.json`.
- An endpoint with a health: `GET /health` and all below it, 503 while there is a file `down`.
"""

import json
import os
import pathlib
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOLDER = pathlib.Path(sys.argv[1])
DOWN, EVENTS, INCIDENTS = FOLDER / "down", FOLDER / "events.jsonl", FOLDER / "incidents.json"
KEY = os.environ["PAGERDUTY_KEY"]
TOKEN = os.environ["STATUS_PAGE_TOKEN"]
SEVERITIES = ("critical", "warning", "error", "info")
PAYLOAD = {"summary", "severity", "source", "timestamp", "component", "group", "class", "custom_details"}
EVENT = {"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"}
STATES = ("scheduled", "investigating", "identified", "monitoring", "in_progress", "resolved")
lock = threading.Lock()


def wrong_with(event):
    """What PagerDuty says of an event that it does not take."""
    if not isinstance(event, dict):
        return ["'event' must be an object"]
    wrong = [f"'{name}' is not a known field" for name in event if name not in EVENT]
    key = event.get("routing_key")
    if not isinstance(key, str) or len(key) != 32 or not key.isalnum():
        wrong.append("'routing_key' is missing or blank, or has an invalid format")
    action = event.get("event_action")
    if action not in ("trigger", "acknowledge", "resolve"):
        wrong.append("'event_action' is missing or blank, or is not one of trigger, acknowledge, resolve")
    dedup = event.get("dedup_key", "")
    if not isinstance(dedup, str) or len(dedup) > 255:
        wrong.append("'dedup_key' is too long (maximum is 255 characters)")
    if action in ("acknowledge", "resolve") and not dedup:
        wrong.append("'dedup_key' is missing or blank")
    if action == "trigger":
        payload = event.get("payload")
        if not isinstance(payload, dict):
            return [*wrong, "'payload' is missing or blank"]
        wrong += [f"'payload.{name}' is not a known field" for name in payload if name not in PAYLOAD]
        for name in ("summary", "source"):
            if not isinstance(payload.get(name), str) or not payload[name]:
                wrong.append(f"'payload.{name}' is missing or blank")
        if len(str(payload.get("summary", ""))) > 1024:
            wrong.append("'payload.summary' is too long (maximum is 1024 characters)")
        if payload.get("severity") not in SEVERITIES:
            wrong.append("'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')")
    return wrong


def enqueue(event):
    wrong = wrong_with(event)
    if wrong:
        return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}
    if event["routing_key"] != KEY:
        return 400, {"status": "invalid key", "message": "Event object is invalid", "errors": ["Invalid routing key"]}
    key = event.setdefault("dedup_key", uuid.uuid4().hex)
    with EVENTS.open("a") as file:
        file.write(json.dumps({name: value for name, value in event.items() if name != "routing_key"}) + "\n")
    if event["event_action"] == "trigger":
        DOWN.unlink(missing_ok=True)
    return 202, {"status": "success", "message": "Event processed", "dedup_key": key}


def incidents():
    return json.loads(INCIDENTS.read_text()) if INCIDENTS.exists() else []


def keep(known):
    fresh = INCIDENTS.with_suffix(".new")
    fresh.write_text(json.dumps(known))
    fresh.replace(INCIDENTS)


def incident(method, name, body):
    known = incidents()
    if method == "POST" and not name:
        if not isinstance(body.get("title"), str) or body.get("status") not in STATES:
            return 422, {"error": "title and status are required"}
        made = {"id": len(known) + 1, "affected_components": [], "description": "", **body}
        keep([*known, made])
        return 201, made
    found = known[-1] if name == "latest" and known else next((each for each in known if str(each["id"]) == name), None)
    if found is None:
        return 404, {"error": "not found"}
    if method == "PATCH":
        if body.get("status", found["status"]) not in STATES:
            return 422, {"error": "no such status"}
        found.update(body)
        keep(known)
    elif method != "GET":
        return 405, {"error": "method not allowed"}
    return 200, found


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            status, body = self.respond(text)
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def respond(self, text):
        path = self.path.split("?")[0]
        if path == "/health" or path.startswith("/health/"):
            return (503, {"status": "unhealthy"}) if DOWN.exists() else (200, {"status": "healthy"})
        is_json = self.headers.get("Content-Type", "").split(";")[0] == "application/json"
        try:
            body = json.loads(text) if text else {}
        except ValueError:
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": ["malformed JSON"]}
        if text and not is_json:
            return 415, {"error": "unsupported media type"}
        if path == "/v2/enqueue" and self.command == "POST":
            return enqueue(body)
        if path.startswith("/api/v1/incidents"):
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return 401, {"error": "unauthorized"}
            return incident(self.command, path.removeprefix("/api/v1/incidents").strip("/"), body)
        return 404, {"error": "not found"}

    do_GET = do_POST = do_PATCH = do

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    print(server.server_port, flush=True)
    server.serve_forever()
