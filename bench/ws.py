#!/usr/bin/python3
"""WebSocket daemons: letting in --clients clients, keeping them, poking them.

Directly at the daemon, by unix socket (Nchan: TCP), without a web server.
Tokens are verified and who is online is noted in Redis, but by the bare loop
and by Nchan. Pokes come as published on Redis (Nchan's over HTTP), one client
at a time in turn: first as many as can be, then a fixed rate. "waypost told"
passes on notifications of a back end instead of pokes. With --apart a daemon
has the first processor for itself, and all others, the load generator and Redis
among them, share the second.
"""
import json
import os
import subprocess
import sys
import threading
import time

from contestants import (GoHub, Nchan, NodeHub, WaypostHub, WaypostTold,
                         WsLoop)
from kit import Bench
from meters import Meter, pin, processes_of

READY_S, QUIET_S, STEP_S = 120, 60, 0.1
USER = "urn:sm:user:u#####"


def command(*words):
    """As Redis reads it."""
    return f"*{len(words)}\r\n" + "".join(
        f"${len(word)}\r\n{word}\r\n" for word in words)


def publishing(contestant):
    """(to whom, what) one poke is."""
    if isinstance(contestant, Nchan):
        body = '{"type":"poke"}'
        return contestant.address, (
            "POST /publish?##### HTTP/1.1\r\nHost: bench\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}")
    if isinstance(contestant, WaypostTold):
        return "unix:" + contestant.redis_path, command(
            "PUBLISH", "user_noti:u#####",
            '{"type":"poke","payload":{"about":"a parcel, 37"}}')
    if isinstance(contestant, WaypostHub):
        return "unix:" + contestant.redis_path, command(
            "PUBLISH", contestant.channel(), "p " + USER)
    return "unix:" + contestant.redis_path, command("PUBLISH", "poke", USER)


def until_quiet(contestant):
    """Until all who left are forgotten."""
    end = time.monotonic() + QUIET_S
    while time.monotonic() < end:
        meter = Meter(contestant.programs)
        time.sleep(STEP_S)
        if sum(meter.cpu_s().values()) < STEP_S / 10:
            return


def write(bench, name, text):
    path = os.path.join(bench.scratch, name)
    with open(path, "w", encoding="ascii", newline="") as file:
        file.write(text)
    return path


class Generator:
    """ws_load, told line by line what to do.

    where, what: whom to send for one poke, and what
    clients: how many, if not all; prefix: a letter, of their names
    """

    def __init__(self, bench, contestant, address, where, what, *more,
                 clients=None, prefix="u"):
        clients = clients or bench.options.clients
        argv = [os.path.join(bench.options.build, "bench", "ws_load"),
                "-c", str(clients), "-a", where,
                "-f", write(bench, f"poke-{prefix}.txt", what), *more]
        if "-p" not in more:
            argv += ["-g", "-J", write(bench, f"tokens-{prefix}.txt", "".join(
                contestant.token(f"{prefix}{i:05}") + "\n"
                for i in range(clients)))]
        self.process = subprocess.Popen(
            argv + [address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)

    def read(self):
        """Its next line; ended when it takes too long."""
        guard = threading.Timer(READY_S, self.process.kill)
        guard.start()
        line = self.process.stdout.readline()
        guard.cancel()
        if not line:
            raise SystemExit("ws_load has ended")
        return json.loads(line)

    def do(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait(READY_S)


def poke(generator, contestant, line):
    """Its answer, and what the daemon used per poke."""
    meter = Meter(contestant.programs)
    result = generator.do(line)
    costs = meter.costs(result["received"])
    daemon = costs["cpu_us"][contestant.daemon]
    return result, {
        **costs, "daemon_us": daemon,
        "user_us": daemon * meter.user_part(contestant.daemon)}


def turn(bench, contestant, number):
    options = bench.options
    if options.apart:
        pin(processes_of(contestant.programs[contestant.daemon]), {0})
    until_quiet(contestant)
    meter = Meter(contestant.programs)
    # Before it ever had a client: what it does not give back counts later.
    before = contestant.__dict__.setdefault(
        "empty_kb", meter.private_kb(contestant.daemon))
    more = []
    if isinstance(contestant, (Nchan, WsLoop)):
        more += ["-p", "/connect?#####"]
    if isinstance(contestant, Nchan):
        more += ["-k", "8"]
    generator = Generator(bench, contestant, contestant.address,
                          *publishing(contestant), *more)
    try:
        let_in = generator.read()
        let_in_cpu = meter.cpu_s()
        idle = meter.private_kb(contestant.daemon) - before
        fast, cost = poke(generator, contestant,
                          f"window {options.clients // 2} {options.seconds}")
        after = meter.private_kb(contestant.daemon) - before
        even, _ = poke(generator, contestant,
                       f"rate {options.rate} {options.seconds}")
    finally:
        generator.close()
    return {
        "handshakes/s": let_in["connected"] / let_in["seconds"],
        "handshake_us": sum(let_in_cpu.values()) * 1e6 / let_in["connected"],
        "handshakes_per_core":
            let_in["connected"] / let_in_cpu[contestant.daemon],
        "idle_bytes": idle * 1024 / options.clients,
        "loaded_bytes": after * 1024 / options.clients,
        "pokes/s": fast["received"] / fast["seconds"],
        **cost, "lost": fast["lost"] + even["lost"],
        "p50_us": even["us"]["p50"], "p99_us": even["us"]["p99"],
        "load_us": fast["cpu_s"] * 1e6 / max(fast["received"], 1),
    }


COLUMNS = (
    {"handshakes/s": "handshakes/s",
     "all programs' µs per handshake": "handshake_us",
     "handshakes per s of the daemon's core": "handshakes_per_core",
     "B of its own memory per idle client": "idle_bytes",
     "B after load": "loaded_bytes"},
    {"pokes/s": "pokes/s", "daemon's µs per poke": "daemon_us",
     "of it in user mode": "user_us", "p50 µs at --rate": "p50_us",
     "p99 µs": "p99_us", "lost": "lost", "load generator µs": "load_us"})


def main():
    config = {"websocket": {"max_connections": 20000},
              "worker": {"reap_after_ms": 60000}}
    bench = Bench("ws", __doc__, {
        "waypost": lambda bench: WaypostHub(bench, config=config),
        "waypost told": lambda bench: WaypostTold(bench, config=config),
        "before": lambda bench: WaypostHub(bench, bench.options.before,
                                           config),
        "bare loop": WsLoop, "go": GoHub, "node ws": NodeHub, "nchan": Nchan})
    bench.parser.add_argument("--clients", type=int, default=10000)
    bench.parser.add_argument("--rate", type=int, default=20000)
    bench.parser.add_argument("--apart", action="store_true")
    if "--apart" in sys.argv:
        os.sched_setaffinity(0, {1})  # theirs, too, who are started
    bench.run(turn)
    bench.write(
        bench.table(COLUMNS[0], "waypost", "handshakes/s", "handshakes/s"),
        bench.table(COLUMNS[1], "waypost", "pokes/s", "pokes/s"),
        bench.cpu_table("poke"), bench.memory_table())


if __name__ == "__main__":
    main()
