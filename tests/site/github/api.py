"""The few requests of GitHub's and GitLab's interfaces that comments are made by: a list in pages, one more, another text.

Arguments: the file for the port, and `read-only` where nothing may be written. Every request must bring the token.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Somebody has talked much already, so that one page does not show all.
COMMENTS = [{"id": number, "body": f"remark {number}"} for number in range(1, 151)]
READ_ONLY = "read-only" in sys.argv


class Handler(BaseHTTPRequestHandler):
    def answer(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def may(self):
        token = self.headers.get("authorization") == "Bearer t0ken-t0ken" or self.headers.get("private-token") == "t0ken-t0ken"
        if not token or (READ_ONLY and self.command != "GET"):
            self.answer(403, {"message": "Resource not accessible by integration"})
            return False
        return True

    def text(self):
        return json.loads(self.rfile.read(int(self.headers["content-length"])))["body"]

    def do_GET(self):
        page = int(re.search(r"[?&]page=(\d+)", self.path)[1])
        if self.may():
            self.answer(200, COMMENTS[(page - 1) * 100 : page * 100])

    def do_POST(self):
        text = self.text()
        if self.may():
            COMMENTS.append({"id": len(COMMENTS) + 1, "body": text})
            self.answer(201, COMMENTS[-1])

    def change(self):
        text = self.text()
        if self.may():
            COMMENTS[int(self.path.rsplit("/", 1)[1]) - 1]["body"] = text
            self.answer(200, {})

    do_PATCH = do_PUT = change

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1], "w", encoding="utf-8") as file:
    file.write(f"{server.server_address[1]}\n")
server.serve_forever()
