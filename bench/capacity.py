#!/usr/bin/python3
"""What a connection and a message cost: the figures of docs/capacity.md.

One installation behind nginx at a time. Sends: POST /api/send of 1 KiB by 32
clients to 2,000 users who are away, median of the rounds, with each kind of
appendfsync. Bytes are differences between before and after, divided by how many
there were: resident memory of the programs that nobody shares, used_memory of
Redis, and the sizes of files. With --write the tables in docs/capacity.md are
these.
"""
import argparse
import json
import os
import platform
import re
import resource
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from kit import ROOT, run_generator, say
from meters import processes_of, status_kb

sys.path.insert(0, os.path.join(ROOT, "tools"))
from devkit.process import wait_until  # noqa: E402
from devkit.stack import Stack, no_limits  # noqa: E402
from devkit.user import User, envelope  # noqa: E402

FSYNC = ("always", "everysec", "no")
DATA = (700, 4096)  # bytes of an envelope, as JSON
PATIENCE_S, AT_ONCE = 300, 200
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def sealed(recipient, size):
    """Data of an envelope that has so many bytes as JSON, or up to 3 fewer."""
    empty = len(json.dumps(envelope(recipient, ""), separators=(",", ":")))
    return "QUJD" * ((size - empty) // 4)


class Installation:
    """A stack that lasts for some measurements."""

    def __init__(self, build, fsync="always"):
        self.folder = tempfile.mkdtemp(prefix="wpc")
        self.stack = Stack(self.folder, build=build, config={
            "limits": no_limits(), "accounts": {"enabled": False},
            "push": {"enabled": False}, "websocket": {"grace_ms": 0},
        }, redis_config=[
            f"appendfsync {fsync}", "auto-aof-rewrite-percentage 0"])

    def __enter__(self):
        self.stack.start()
        return self

    def __exit__(self, *_):
        self.stack.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def redis(self, *words):
        with self.stack.redis() as redis:
            return redis(*words)

    def used_memory(self):
        return int(re.search(rb"used_memory:(\d+)",
                             self.redis("INFO", "memory"))[1])

    def own_kib(self, name):
        return sum(status_kb(pid, "RssAnon") for pid in
                   processes_of(self.stack.programs[name].pid))

    def count(self, pattern, kind):
        """How many entries streams or sets of this name have in all."""
        with self.stack.redis() as redis:
            return sum(redis(kind, key)
                       for key in redis("KEYS", pattern))

    def wait(self, claim, what):
        wait_until(claim, PATIENCE_S, what)

    def settle(self):
        """Nothing waits to be routed or to be moved."""
        self.wait(lambda: self.count("wp:*:ingress", "XLEN") == 0 and
                  self.count("wp:*:migrate", "ZCARD") == 0, "routing")

    def file_bytes(self, path):
        return os.path.getsize(self.stack.path(path))

    def aof_bytes(self):
        folder = self.stack.path("redis", "appendonlydir")
        return sum(os.path.getsize(os.path.join(folder, name))
                   for name in os.listdir(folder))


def sends(options):
    """{appendfsync: (sends a second accepted, … with all of it on disk)}"""
    found = {}
    for fsync in FSYNC:
        with Installation(options.build, fsync) as one:
            body = os.path.join(one.folder, "body.json")
            with open(body, "w", encoding="ascii") as file:
                json.dump(envelope("urn:sm:user:u####",
                                   sealed("urn:sm:user:u####", 1024)), file)
            rates = []
            for number in range(options.rounds):
                began = time.monotonic()
                result = run_generator("http_load", [
                    "-c", 32, "-s", options.seconds, "-m", "POST", "-p",
                    "/api/send", "-b", body, "-j", one.stack.token("sender"),
                    "-n", 2000, "-S", number + 1,
                    f"127.0.0.1:{one.stack.port}"],
                    options.build, options.seconds)
                if set(result["status"]) != {"202"}:
                    raise SystemExit(f"capacity: {result['status']}")
                one.settle()
                rates.append((result["counted"] / result["seconds"],
                              result["all"] / (time.monotonic() - began)))
            found[fsync] = [statistics.median(values)
                            for values in zip(*rates)]
            say(f"capacity: appendfsync {fsync}: {found[fsync]}")
    return found


def answer_pings(sockets):
    """Else the daemon takes them for dead."""
    poll = select.poll()
    by_number = {socket.fileno(): socket for socket in sockets}
    for fd in by_number:
        poll.register(fd, select.POLLIN)
    for fd, _ in poll.poll(0):
        by_number[fd].recv(0.001)


def connections(options):
    """Bytes of each program, and of Redis, for one connection more."""
    found = []
    with Installation(options.build) as one:
        held, before = [], None
        for wanted in options.connections:
            while len(held) < wanted:
                user = User(one.stack, f"c{len(held)}")
                socket = user.connect()
                socket.expect("connected")
                held.append(socket)
                if len(held) % AT_ONCE == 0:
                    answer_pings(held)
            one.wait(lambda n=wanted: one.count("wp:*:at:*", "SCARD") == n,
                     f"{wanted} connections")
            now = {"daemon": one.own_kib("websocket-0") * 1024,
                   "nginx": one.own_kib("web") * 1024,
                   "redis": one.used_memory()}
            if before is not None:
                n = wanted - before[0]
                found.append({"from": before[0], "to": wanted, **{
                    key: (now[key] - before[1][key]) / n for key in now}})
                say(f"capacity: {found[-1]}")
            before = (wanted, now)
        began = time.monotonic()
        one.stack.restart("websocket-0")
        one.stack.wait_ready()
        back = time.monotonic() - began
        for socket in held:
            socket.abort()
    return found, back


def waiting(options, size):
    """Bytes of Redis and its files for a message that waits in memory, and of
    the store, and of Redis, for one on disk."""
    with Installation(options.build) as one:
        users = [User(one.stack, f"w{i}") for i in range(options.users)]
        sockets = [user.connect() for user in users]
        sender = User(one.stack, "sender")
        each = options.messages // options.users
        for user in users:  # so that all keys are there already
            sender.send(user, sealed(user.urn, size))
        one.settle()
        memory, aof = one.used_memory(), one.aof_bytes()
        for user in users:
            batch = [envelope(user.urn, sealed(user.urn, size))] * each
            for i in range(0, each, 50):
                answer = sender.call("POST", "/api/send/batch",
                                     {"envelopes": batch[i:i + 50]})
                if any("id" not in row for row in answer.json()["results"]):
                    raise SystemExit("capacity: a send was refused")
                answer_pings(sockets)
        one.settle()
        n = each * options.users
        if one.count("wp:*:hot*", "XLEN") != n + options.users:
            raise SystemExit("capacity: not all of it waits in Redis")
        found = {"hot": (one.used_memory() - memory) / n,
                 "aof": (one.aof_bytes() - aof) / n}
        began = time.monotonic()
        one.stack.restart("redis")
        one.stack.wait_ready()
        found["redis_restart_s"] = time.monotonic() - began
        for socket in sockets:
            socket.abort()
        one.wait(lambda: not one.redis("KEYS", "wp:*:hot*"), "migration")
        one.settle()
        for name in ("worker-0", "handlers"):  # the log goes into the file
            one.stack.programs[name].stop()
        found["disk"] = one.file_bytes("waypost.db") / (n + options.users)
        found["hint"] = sum(
            one.redis("MEMORY", "USAGE", key, "SAMPLES", "0")
            for key in one.redis("KEYS", "wp:*:cold")) / options.users
        began = time.monotonic()
        for name in ("worker-0", "handlers"):
            one.stack.programs[name].start()
        one.stack.wait_ready()
        found["restart_s"] = time.monotonic() - began
        found["messages"] = n
    say(f"capacity: {size} bytes: {found}")
    return found


# ---- the page ---------------------------------------------------------------

def number(value):
    digits = 1 if value < 10 else 0
    return f"{value:,.{digits}f}"


def version(build):
    said = subprocess.run([os.path.join(build, "waypost"), "--version"],
                          capture_output=True, text=True, check=True).stdout
    return said.split()[1]


def machine(build):
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = re.search(r"model name\s*:\s*(.*)", file.read())
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False).stdout.strip()
    load = os.getloadavg()[0]
    return (f"{os.cpu_count()} cores of {model[1] if model else 'unknown'}, "
            f"Linux {platform.release()}; {time.strftime('%Y-%m-%d')},\n"
            f"Waypost {version(build)}, commit {commit}; load average at the "
            f"start {load:.1f}")


def page(about, results):
    rows = [f"On {about}.", ""]
    rows += ["| `appendfsync` | sends a second | … and all of it on disk |",
             "| --- | --- | --- |"]
    rows += [f"| {name} | {number(rate)} | {number(settled)} |"
             for name, (rate, settled) in results["sends"].items()]
    rows += ["", "| one connection more, bytes | waypost-ws | nginx | Redis |",
             "| --- | --- | --- | --- |"]
    rows += [f"| {row['from']:,} to {row['to']:,} | {number(row['daemon'])} | "
             f"{number(row['nginx'])} | {number(row['redis'])} |"
             for row in results["connections"]]
    rows += ["", "| a message of | in Redis, bytes | in its files | on disk | "
             "a user with mail on disk, in Redis |",
             "| --- | --- | --- | --- | --- |"]
    rows += [f"| {size} bytes | {number(row['hot'])} | {number(row['aof'])} | "
             f"{number(row['disk'])} | {number(row['hint'])} |"
             for size, row in results["waiting"].items()]
    rows += ["", "| until READY again | s |", "| --- | --- |",
             f"| waypost-ws, {results['connections'][-1]['to']:,} connections "
             f"| {results['daemon_restart_s']:.1f} |"]
    rows += [f"| Redis, {row['messages']:,} messages of {size} bytes in it | "
             f"{row['redis_restart_s']:.1f} |"
             for size, row in results["waiting"].items()]
    rows += [f"| worker and handlers, {row['messages']:,} on disk of {size} "
             f"bytes | {row['restart_s']:.1f} |"
             for size, row in results["waiting"].items()]
    return "\n".join(rows) + "\n"


def write(text):
    path = os.path.join(ROOT, "docs", "capacity.md")
    with open(path, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN)
    after = rest.split(END)[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + text + END + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build",
                        default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--quick", action="store_true",
                        help="a minute, to see that it works")
    parser.add_argument("--write", action="store_true",
                        help="put the tables into docs/capacity.md")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.rounds, options.seconds = (1, 1) if options.quick else (5, 3)
    options.connections = ((100, 300, 600) if options.quick
                           else (500, 1000, 2000))
    options.users, options.messages = ((20, 2000) if options.quick
                                       else (100, 10000))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    about = machine(options.build)
    results = {"sends": sends(options)}
    results["connections"], results["daemon_restart_s"] = connections(options)
    results["waiting"] = {size: waiting(options, size) for size in DATA}
    out = os.path.join(ROOT, "build", "bench")
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "capacity.json"), "w",
              encoding="ascii") as file:
        json.dump({"about": about, **results}, file, indent=1)
    text = page(about, results)
    print(text)
    if options.write:
        write(text)


if __name__ == "__main__":
    main()
