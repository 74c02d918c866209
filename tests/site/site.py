"""Sets up and runs what the runbooks of codebase-mcp repair: PostgreSQL, Redis, a stand-in for Ollama, two servers.

All of it is in a new directory and on free ports. When everything runs it prints one line of JSON that says where. It ends
everything and removes the directory when its standard input is closed, so also when whoever started it dies. It is in a
session of its own, since what ends a test may be a signal to its whole group; and if it is killed itself, the lock that it
holds on `SITE/alive` tells those who keep the services to end them.
"""

import fcntl
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
SITE = pathlib.Path(tempfile.mkdtemp(prefix="runbook-site-", dir="/tmp"))
UNITS = SITE / "units"
ALIVE = (SITE / "alive").open("w")
# Somebody may take a port between our look and the start of what listens there; then all is set up anew.
ATTEMPTS = 3
# Root must not run a server of PostgreSQL.
AS_POSTGRES = ["setpriv", "--pdeathsig=KILL", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
CHUNKS = """
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
CREATE TABLE code_chunks (id bigserial PRIMARY KEY, path text NOT NULL, content text NOT NULL, embedding text NOT NULL);
INSERT INTO code_chunks (path, content, embedding)
SELECT 'src/' || n || '.rs', repeat(md5(n::text), 10), md5(n::text) FROM generate_series(1, 2000) AS n;
CREATE INDEX idx_chunks_embedding ON code_chunks (embedding);
"""


def newest(programs):
    """The directory of PostgreSQL's programs: Debian keeps those of a server out of the path."""
    versions = pathlib.Path("/usr/lib/postgresql").glob("*/bin")
    found = sorted(versions, key=lambda path: float(path.parent.name))
    return str(found[-1]) if found else str(pathlib.Path(shutil.which(programs)).parent)


PROGRAMS = newest("initdb")
PATH = f"{SITE}/bin:{PROGRAMS}:{os.environ['PATH']}"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run(*argv, **options):
    environment = {**os.environ, "PATH": PATH}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, cwd="/", **options)
    if done.returncode != 0:
        raise RuntimeError(f"{argv}: {done.stdout}{done.stderr}")
    return done.stdout


def program(name, *argv):
    """A program of the site, which is found on its path."""
    path = SITE / "bin" / name
    path.write_text(f"#!/bin/sh\nexec {shlex.join(argv)} \"$@\"\n")
    path.chmod(0o755)


def unit(name, argv, environment=None, **settings):
    lines = ["[Service]", f"ExecStart={shlex.join(map(str, argv))}"]
    lines += [f'Environment="{key}={value}"' for key, value in (environment or {}).items()]
    lines += [f"{key}={value}" for key, value in settings.items()]
    (UNITS / f"{name}.service").write_text("\n".join(lines) + "\n")
    (UNITS / f"{name}.service.d").mkdir(exist_ok=True)


def server_of(data, port):
    return [*AS_POSTGRES, f"{PROGRAMS}/postgres", "-D", data, "-p", port]


def configure(data):
    """In the file and not among the arguments, which would stand above what `ALTER SYSTEM` sets."""
    settings = {
        "listen_addresses": "127.0.0.1", "unix_socket_directories": str(SITE / "postgres"), "fsync": "off",
        "full_page_writes": "off", "max_connections": "60", "shared_buffers": "16MB",
        "shared_preload_libraries": "pg_stat_statements",
    }
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{key} = '{value}'\n" for key, value in settings.items())


def postgres(ports):
    home = SITE / "postgres"
    home.mkdir()
    if AS_POSTGRES:
        shutil.chown(home, "postgres", "postgres")
    run(*AS_POSTGRES, "initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
        "--data-checksums", "-D", str(home / "data"))
    configure(home / "data")
    unit("postgresql", server_of(home / "data", ports["postgres"]), KillSignal="SIGINT")
    # The server from which a base backup is taken.
    unit("postgresql-backup", server_of(home / "backup", ports["backup"]), KillSignal="SIGINT")


def mcp(name, port, ports):
    cache = SITE / "cache" / name
    cache.mkdir(parents=True)
    (cache / "index.json").write_text('{"version": 1}')
    unit(name, [sys.executable, HERE / "service.py"], {
        "NAME": name, "PORT": port, "POSTGRES": ports["postgres"], "DATABASE": "codebase_mcp", "REDIS": ports["redis"],
        "OLLAMA": ports["ollama"], "CACHE_DIR": cache, "POOL_MIN_SIZE": 5, "POOL_MAX_SIZE": 20,
    })


def set_up():
    SITE.chmod(0o755)
    # It is held, for as long as this process lives.
    fcntl.flock(ALIVE, fcntl.LOCK_EX)
    for folder in ["bin", "units", "state", "redis", "temp", "backups"]:
        (SITE / folder).mkdir()
    if AS_POSTGRES:
        shutil.chown(SITE / "backups", "postgres", "postgres")
    program("systemctl", sys.executable, str(HERE / "systemctl.py"), str(SITE))
    ports = {name: free_port() for name in ["postgres", "backup", "redis", "ollama", "codebase", "workflow"]}
    postgres(ports)
    unit("redis", ["redis-server", "--port", ports["redis"], "--bind", "127.0.0.1", "--dir", SITE / "redis",
                   "--save", "", "--appendonly", "no"])
    unit("ollama", [sys.executable, HERE / "ollama.py", ports["ollama"]])
    mcp("codebase-mcp", ports["codebase"], ports)
    mcp("workflow-mcp", ports["workflow"], ports)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "postgresql", "redis", "ollama")
    server = ["-h", "127.0.0.1", "-p", str(ports["postgres"]), "-U", "postgres"]
    until(lambda: run("pg_isready", "-h", "127.0.0.1", "-p", str(ports["postgres"])))
    run("createdb", *server, "codebase_mcp")
    run("psql", *server, "-d", "codebase_mcp", "-v", "ON_ERROR_STOP=1", "-q", input=CHUNKS)
    run("systemctl", "start", "workflow-mcp", "codebase-mcp")
    for name in ["codebase", "workflow"]:
        until(lambda: socket.create_connection(("127.0.0.1", ports[name])).close())
    run("systemctl", "is-active", "postgresql", "redis", "ollama", "workflow-mcp", "codebase-mcp")
    return ports


def until(succeeds):
    end = time.monotonic() + 30
    while True:
        try:
            return succeeds()
        except (OSError, RuntimeError):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def clean():
    if (SITE / "loaded.json").exists():
        run("systemctl", "stop-all")
    shutil.rmtree(SITE, ignore_errors=True)


def main():
    attempt = int(os.environ.get("SITE_ATTEMPT", "1"))
    if os.getsid(0) != os.getpid():
        os.setsid()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        ports = set_up()
    except (OSError, RuntimeError):
        clean()
        if attempt == ATTEMPTS:
            raise
        os.environ["SITE_ATTEMPT"] = str(attempt + 1)
        os.execv(sys.executable, [sys.executable, __file__])
    try:
        texts = {name: str(port) for name, port in ports.items()}
        print(json.dumps({"directory": str(SITE), "path": PATH, "ports": ports, "port_texts": texts}), flush=True)
        sys.stdin.read()
    finally:
        clean()


main()
