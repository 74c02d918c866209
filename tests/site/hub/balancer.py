"""A balancer in front of the hubs, which reads `server NAME:PORT [down];` lines as nginx does: PORT FILE SOCKET.

It reads them when it starts and on SIGHUP. A request that a hub has not begun to answer goes to the next one. It runs
beside the engine and asks it for the addresses of names, again and again, as the network's own resolver would tell them.
It ends when its standard input is closed.
"""

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
servers, addresses = [], {}


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


class Balancer(Handler):
    def get(self):
        return self.passed_on("GET")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.answer(*self.passed_on("POST", body))

    def passed_on(self, method, body=None):
        now, first = list(servers), next(turn)
        for n in range(len(now)):
            name, port = now[(first + n) % len(now)]
            if addresses.get(name) is None:
                continue
            hub = http.client.HTTPConnection(addresses[name], port, timeout=10)
            try:
                hub.request(method, self.path, body, {"content-type": "application/json"})
                answer = hub.getresponse()
                return answer.status, answer.read().decode()
            except (OSError, http.client.HTTPException):
                continue
            finally:
                hub.close()
        return 502, {"error": "no hub answers"}


def until_nobody_listens():
    sys.stdin.read()
    os._exit(0)


read()
signal.signal(signal.SIGHUP, read)
for task in (look_up, until_nobody_listens):
    threading.Thread(target=task, daemon=True).start()
Server(("127.0.0.1", PORT), Balancer).serve_forever(poll_interval=0.05)
