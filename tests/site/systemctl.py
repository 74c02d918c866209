"""Stands in for `systemctl` where no systemd runs: units, drop-ins that count after `daemon-reload`, memory limits.

Usage: systemctl.py SITE VERB [UNIT...]

Each service runs below a keeper (the verb `keep`), which ends it above `MemoryMax` as the kernel does, and writes down how
it ended. The state of a unit is a JSON file in `SITE/state`. Whoever runs the site holds a lock on `SITE/alive`: when that
is gone, however it came about, each keeper ends its service, and the last one removes the site. A service whose keeper is
killed is killed with it.
"""

import ctypes
import fcntl
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

SITE = pathlib.Path(sys.argv[1])
UNITS, STATE = SITE / "units", SITE / "state"
UNITS_OF_SIZE = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
GRACE = 10.0
LIBC = ctypes.CDLL(None)
SET_DEATH_SIGNAL = 1


def settings_of(name):
    """What the unit and its drop-ins say; of `Environment` every line counts, of others the last."""
    files = [UNITS / f"{name}.service", *sorted((UNITS / f"{name}.service.d").glob("*.conf"))]
    settings = {"Environment": {}}
    for file in files:
        for line in file.read_text().splitlines():
            key, equals, value = line.strip().partition("=")
            if not equals or line.startswith("#"):
                continue
            if key == "Environment":
                for word in shlex.split(value):
                    settings[key].update([word.split("=", 1)])
            else:
                settings[key] = value
    return settings


def reload():
    loaded = {file.stem: settings_of(file.stem) for file in sorted(UNITS.glob("*.service"))}
    write(SITE / "loaded.json", loaded)


def write(path, value):
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)


def loaded(name):
    units = json.loads((SITE / "loaded.json").read_text())
    if name not in units:
        print(f"Unit {name}.service could not be found.", file=sys.stderr)
        sys.exit(4)
    return units[name]


def state_of(name):
    try:
        state = json.loads((STATE / f"{name}.json").read_text())
    except FileNotFoundError:
        return {"active": "inactive", "result": "success", "pid": 0, "keeper": 0}
    if state["keeper"] and not is_there(state["keeper"]):
        state.update(active="failed", result="signal", pid=0, keeper=0)
    return state


def is_there(pid):
    """Whether the process runs; one that is dead and not yet collected does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def limit_of(settings):
    text = settings.get("MemoryMax", "infinity")
    if text == "infinity":
        return None
    return int(text) if text.isdigit() else int(text[:-1]) * UNITS_OF_SIZE[text[-1]]


def resident(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0


def dies_with_its_keeper():
    LIBC.prctl(SET_DEATH_SIGNAL, signal.SIGKILL)


def is_orphaned():
    """Whether nobody runs the site any more, who would hold the lock."""
    try:
        with (SITE / "alive").open() as alive:
            fcntl.flock(alive, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True


def clean(name):
    """Forgets a service of a site that nobody runs, and the site with the last one."""
    (STATE / f"{name}.json").unlink(missing_ok=True)
    others = [file.stem for file in STATE.glob("*.json")]
    if not any(state_of(other)["keeper"] for other in others):
        # What a server's own processes still write is gone with them.
        until(lambda: shutil.rmtree(SITE, ignore_errors=True) or not SITE.exists())


def keep(name):
    """Runs the service of a unit to its end, in a session of its own."""
    settings = loaded(name)
    limit = limit_of(settings)
    environment = {**os.environ, **settings["Environment"], "MEMORY_MAX": str(limit or 0)}
    with (SITE / f"{name}.log").open("ab") as log:
        service = subprocess.Popen(
            shlex.split(settings["ExecStart"]), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, cwd="/", preexec_fn=dies_with_its_keeper,
        )
    state = {"active": "active", "result": "success", "pid": service.pid, "keeper": os.getpid()}
    write(STATE / f"{name}.json", state)
    killed = False
    while service.poll() is None:
        if limit and resident(service.pid) > limit:
            killed = True
            service.kill()
        if is_orphaned():
            service.kill()
            service.wait()
            clean(name)
            return
        time.sleep(0.02)
    stopped = (STATE / f"{name}.stop").exists()
    result = "oom-kill" if killed else "success" if stopped or service.returncode == 0 else "signal"
    if service.returncode > 0 and not stopped:
        result = "exit-code"
    active = "inactive" if result == "success" else "failed"
    write(STATE / f"{name}.json", {"active": active, "result": result, "pid": 0, "keeper": 0})


def start(name):
    loaded(name)
    if state_of(name)["active"] == "active":
        return
    (STATE / f"{name}.stop").unlink(missing_ok=True)
    (STATE / f"{name}.json").unlink(missing_ok=True)
    subprocess.Popen(
        [sys.executable, __file__, str(SITE), "keep", name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )
    until(lambda: (STATE / f"{name}.json").exists())


def stop(name):
    settings, state = loaded(name), state_of(name)
    if state["active"] != "active":
        write(STATE / f"{name}.json", {"active": "inactive", "result": "success", "pid": 0, "keeper": 0})
        return
    (STATE / f"{name}.stop").touch()
    send(state["pid"], settings.get("KillSignal", "SIGTERM"))
    if not until(lambda: state_of(name)["active"] != "active"):
        send(state["pid"], "SIGKILL")
        until(lambda: state_of(name)["active"] != "active")


def send(pid, name):
    try:
        os.kill(pid, signal.Signals[name])
    except ProcessLookupError:
        pass


def until(is_so):
    end = time.monotonic() + GRACE
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def show(name, properties):
    settings, state = loaded(name), state_of(name)
    values = {
        "LoadState": "loaded", "ActiveState": state["active"],
        "SubState": "running" if state["active"] == "active" else "dead", "Result": state["result"], "MainPID": state["pid"],
        "MemoryMax": limit_of(settings) or "infinity",
        "MemoryCurrent": resident(state["pid"]) if state["pid"] else "[not set]", "CPUQuotaPerSecUSec": "infinity",
        "Environment": " ".join(f"{key}={value}" for key, value in settings["Environment"].items()),
    }
    for property_ in properties:
        print(f"{property_}={values[property_]}")


def main():
    words = [word for word in sys.argv[2:] if word not in ("--", "--no-pager", "--no-ask-password")]
    verb, rest = words[0], words[1:]
    names = [name.removesuffix(".service") for name in rest if not name.startswith("-")]
    options = [option for option in rest if option.startswith("-")]
    if verb == "daemon-reload":
        reload()
    elif verb == "keep":
        keep(names[0])
    elif verb == "stop-all":
        for file in sorted(UNITS.glob("*.service"), reverse=True):
            stop(file.stem)
    elif verb == "show":
        properties = [option.split("=", 1)[1] for option in options if option.startswith("--property=")]
        show(names[0], [name for group in properties for name in group.split(",")])
    elif verb in ("is-active", "status"):
        states = [state_of(name)["active"] for name in names if loaded(name)]
        print("\n".join(states))
        sys.exit(0 if all(state == "active" for state in states) else 3)
    elif verb in ("start", "stop", "restart"):
        for name in names:
            if verb != "start":
                stop(name)
            if verb != "stop":
                start(name)
    else:
        sys.exit(f"Unknown command verb '{verb}'.")


main()
