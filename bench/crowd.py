#!/usr/bin/python3
"""--clients clients of as many users, idle, at a daemon of --processes: what
they take, and whether each of them is told something in the end.

Directly at the daemon, by unix socket, from several load generators: a process
may have 20,000 descriptors here. Memory is each process' own, less what it had
before its first client.
"""
import concurrent.futures
import string

from contestants import WaypostTold
from kit import Bench
from meters import Meter, processes_of, status_kb
from ws import Generator, publishing, until_quiet

EACH_MAX = 17000  # clients of a generator
TELLING_S = 8


def turn(bench, contestant, _number):
    options = bench.options
    until_quiet(contestant)
    meter = Meter(contestant.programs)
    before = contestant.__dict__.setdefault(
        "empty_kb", meter.private_kb(contestant.daemon))
    count = -(-options.clients // EACH_MAX)
    each = -(-options.clients // count)
    where, what = publishing(contestant)
    generators = []
    try:
        for letter in string.ascii_lowercase[:count]:
            generators.append(Generator(
                bench, contestant, contestant.address, where,
                what.replace("u#####", letter + "#####"),
                clients=each, prefix=letter))
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            let_in = list(pool.map(Generator.read, generators))
            idle = meter.private_kb(contestant.daemon) - before
            told = list(pool.map(
                lambda generator: generator.do(
                    f"rate {-(-each // TELLING_S)} {TELLING_S}"), generators))
    finally:
        for generator in generators:
            generator.close()
    clients = sum(result["connected"] for result in let_in)
    peaks = [status_kb(pid, "RssAnon") for pid
             in processes_of(contestant.programs[contestant.daemon])]
    return {"clients": clients, "idle_bytes": idle * 1024 / clients,
            "handshakes/s": clients / max(result["seconds"]
                                          for result in let_in),
            "told": sum(result["received"] for result in told),
            "lost": sum(result["lost"] for result in told),
            "largest_mb": max(peaks) / 1024}


def main():
    bench = Bench("ws-crowd", __doc__, {
        "waypost": lambda bench: WaypostTold(bench, config={
            "websocket": {"max_connections": 19000,
                          "processes": bench.options.processes},
            "worker": {"reap_after_ms": 60000}})})
    bench.parser.add_argument("--clients", type=int, default=100000)
    bench.parser.add_argument("--processes", type=int, default=6)
    bench.run(turn)
    bench.write(bench.table({
        "clients": "clients", "B of its own memory per idle client":
        "idle_bytes", "handshakes/s": "handshakes/s", "told": "told",
        "lost": "lost", "MB of the largest process": "largest_mb"}))


if __name__ == "__main__":
    main()
