"""A balancer in front of the hubs, which reads `server NAME:PORT [down];` lines as nginx does: PORT FILE SOCKET.

It reads them when it starts and on SIGHUP. The hub with the fewest requests under way gets the next one, and one that a
hub has not begun to answer goes to another. It runs beside the engine and asks it for the addresses of names, again and
again, as the network's own resolver would tell them. Its own `/metrics` are those of all hubs, each with its name, so
that a Prometheus knows the hubs that come and go. It ends when its standard input is closed.
"""

import collections
import http.client
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import sys
import threading
import time

from served import Handler, Server

PORT, CONF, SOCKET = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
turn = itertools.count()
servers, addresses, under_way = [], {}, collections.Counter()
LOCK = threading.Lock()


def read(*_):
    found = re.findall(r"(?m)^\s*server\s+([^:;\s]+):(\d+)([^;]*);", CONF.read_text())
    servers[:] = [(name, int(port)) for name, port, rest in found if "down" not in rest]


class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(SOCKET)


def address(name):
    engine = Engine("engine")
    try:
        engine.request("GET", f"/containers/{name}/json")
        networks = json.load(engine.getresponse()).get("NetworkSettings", {}).get("Networks", {})
        return next((network["IPAddress"] for network in networks.values() if network["IPAddress"]), None)
    finally:
        engine.close()


def look_up():
    while True:
        for name, _port in list(servers):
            try:
                addresses[name] = address(name)
            except (OSError, ValueError, http.client.HTTPException):
                addresses.pop(name, None)
        time.sleep(0.1)


def in_turn():
    """The hubs by what they have under way. Where that is the same, each is the first one in its turn."""
    now, first = list(servers), next(turn)
    now = [now[(first + n) % len(now)] for n in range(len(now))]
    return sorted(now, key=lambda server: under_way[server[0]])


def asked(name, port, method, path, body=None):
    hub = http.client.HTTPConnection(addresses[name], port, timeout=10)
    try:
        hub.request(method, path, body, {"content-type": "application/json"})
        answer = hub.getresponse()
        return answer.status, answer.read().decode()
    finally:
        hub.close()


def metrics():
    lines = []
    for name, port in list(servers):
        try:
            text = asked(name, port, "GET", "/metrics")[1]
        except (KeyError, OSError, http.client.HTTPException):
            continue
        lines += [line.replace("{", f'{{hub="{name}",', 1) for line in text.splitlines()]
    return "\n".join(lines) + "\n"


class Balancer(Handler):
    def get(self):
        return (200, metrics()) if self.path == "/metrics" else self.passed_on("GET")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.answer(*self.passed_on("POST", body))

    def passed_on(self, method, body=None):
        tried = set()
        while True:
            with LOCK:
                left = [server for server in in_turn() if addresses.get(server[0]) and server not in tried]
                if not left:
                    return 502, {"error": "no hub answers"}
                name, port = left[0]
                under_way[name] += 1
            try:
                return asked(name, port, method, self.path, body)
            except (KeyError, OSError, http.client.HTTPException):
                tried.add((name, port))
            finally:
                with LOCK:
                    under_way[name] -= 1


def until_nobody_listens():
    sys.stdin.read()
    os._exit(0)


read()
signal.signal(signal.SIGHUP, read)
for task in (look_up, until_nobody_listens):
    threading.Thread(target=task, daemon=True).start()
Server(("127.0.0.1", PORT), Balancer).serve_forever(poll_interval=0.05)
