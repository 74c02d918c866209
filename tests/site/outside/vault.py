"""A stand-in for Vault with integrated storage: `vault.py FILE`, which has the secrets. It prints its port.

It answers for its health and its seal, keeps a key-value engine of the second version at `secret/`, and saves and
restores snapshots as Vault does: a gzipped tar with `meta.json`, `state.bin` and their checksums. VAULT_TOKENS in the
environment are `TOKEN:POLICY` with blanks between; the policies are `root`, `backup` (snapshots only) and `reader`.
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import sys
import tarfile
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import unquote, urlsplit

FILE = pathlib.Path(sys.argv[1])
TOKENS = dict(each.rsplit(":", 1) for each in os.environ["VAULT_TOKENS"].split())
SEALED = FILE.with_suffix(".sealed")
VERSION = "1.15.4"
lock = Lock()


class Refused(Exception):
    def __init__(self, status, *errors):
        super().__init__(*errors)
        self.status, self.errors = status, list(errors)


def state():
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def keep(now):
    fresh = FILE.with_suffix(".new")
    fresh.write_text(json.dumps(now))
    fresh.replace(FILE)


def now():
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


def snapshot():
    data = json.dumps(state()).encode()
    meta = {"Version": 1, "ID": f"bolt-snapshot-{time.time_ns()}", "Index": 42, "Term": 3, "Size": len(data)}
    files = {"meta.json": json.dumps(meta).encode(), "state.bin": data}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()).encode()
    files |= {"SHA256SUMS": sums, "SHA256SUMS.sealed": hashlib.sha256(b"sealed" + sums).digest()}
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, time.time()
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(written.getvalue())


def restored(body):
    """The state in a snapshot, if it is whole and was sealed here."""
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(body))) as tar:
            files = {entry.name: tar.extractfile(entry).read() for entry in tar}
        sums = files["SHA256SUMS"]
        for line in sums.decode().splitlines():
            digest, name = line.split()
            if hashlib.sha256(files[name]).hexdigest() != digest:
                raise Refused(500, f"failed to restore snapshot: hash check failed for {name!r}")
        if files["SHA256SUMS.sealed"] != hashlib.sha256(b"sealed" + sums).digest():
            raise Refused(400, "could not verify hash file, possibly the snapshot is using a different set of unseal keys")
        return json.loads(files["state.bin"])
    except (OSError, EOFError, KeyError, tarfile.TarError, ValueError) as error:
        raise Refused(500, f"failed to read snapshot file: {error}") from None


class Vault(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = unquote(urlsplit(self.path).path)
        try:
            if not path.startswith("/v1/"):
                raise Refused(404)
            with lock:
                self.answered(path.removeprefix("/v1/"), body)
        except Refused as refused:
            self.answer(refused.status, {"errors": refused.errors})

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_LIST = handle_request

    def answered(self, path, body):
        sealed = SEALED.exists()
        if path == "sys/health":
            told = {"initialized": True, "sealed": sealed, "standby": False, "performance_standby": False}
            told |= {"server_time_utc": int(time.time()), "version": VERSION, "cluster_name": "vault-cluster"}
            return self.answer(503 if sealed else 200, told)
        if path == "sys/seal-status":
            told = {"type": "shamir", "initialized": True, "sealed": sealed, "t": 3, "n": 5, "progress": 0}
            return self.answer(200, told | {"nonce": "", "version": VERSION, "storage_type": "raft"})
        if sealed:
            raise Refused(503, "Vault is sealed")
        policy = self.policy()
        if path in ("sys/storage/raft/snapshot", "sys/storage/raft/snapshot-force"):
            return self.snapshots(path, policy, body)
        if path == "auth/token/lookup-self" and self.command == "GET":
            return self.answer(200, self.told({"policies": [policy], "ttl": 3600, "renewable": True}))
        found = re.fullmatch(r"secret/(data|metadata)/(.+)", path)
        if not found:
            raise Refused(404, f"no handler for route {path!r}. route entry not found.")
        return self.secret(found[1], found[2], policy, body)

    def policy(self):
        token = self.headers.get("x-vault-token")
        if not token:
            raise Refused(403, "permission denied")
        if token not in TOKENS:
            raise Refused(403, "permission denied")
        return TOKENS[token]

    def snapshots(self, path, policy, body):
        if policy not in ("root", "backup"):
            raise Refused(403, "1 error occurred:\n\t* permission denied\n\n")
        if self.command == "GET" and not path.endswith("force"):
            return self.answer(200, snapshot(), "application/gzip")
        if self.command in ("POST", "PUT"):
            keep(restored(body))
            return self.answer(204, b"")
        raise Refused(405, "unsupported operation")

    def secret(self, part, name, policy, body):
        kept = state()
        versions = kept.get(name, [])
        if part == "data" and self.command in ("POST", "PUT"):
            if policy != "root":
                raise Refused(403, "1 error occurred:\n\t* permission denied\n\n")
            sent = self.sent(body)
            wanted = sent.get("options", {}).get("cas")
            if wanted is not None and wanted != len(versions):
                raise Refused(400, "check-and-set parameter did not match the current version")
            versions.append({"data": sent["data"], "at": now()})
            keep(kept | {name: versions})
            return self.answer(200, self.told(facts(versions)))
        if self.command != "GET":
            raise Refused(405, "unsupported operation")
        if policy == "backup":
            raise Refused(403, "1 error occurred:\n\t* permission denied\n\n")
        if not versions:
            raise Refused(404)
        if part == "metadata":
            return self.answer(200, self.told({"current_version": len(versions), "oldest_version": 1}))
        return self.answer(200, self.told({"data": versions[-1]["data"], "metadata": facts(versions)}))

    def sent(self, body):
        try:
            sent = json.loads(body)
            if not isinstance(sent["data"], dict):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise Refused(400, "no data provided") from None
        return sent

    def told(self, data):
        return {"request_id": f"{time.time_ns():x}", "lease_id": "", "renewable": False, "lease_duration": 0, "data": data}

    def answer(self, status, body, kind="application/json"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("cache-control", "no-store")
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def facts(versions):
    return {"created_time": versions[-1]["at"], "deletion_time": "", "destroyed": False, "version": len(versions)}


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vault)
    print(server.server_port, flush=True)
    server.serve_forever()
