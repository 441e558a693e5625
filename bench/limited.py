#!/usr/bin/python3
"""What limits cost: POST /api/send of 1 KiB with them and without, by one
sender (--senders=1) and by 2,000 who take turns. Nobody is refused.
"""
import os
import sys

from contestants import Waypost
from kit import Bench, run_generator
from meters import Meter
from send import COLUMNS, POPULATION, write_bodies

# One sender is faster than users are, but pays as often: for ten at a time.
OF_ONE = {"rates": ["send=50000/200"]}


def tokens(bench, contestant, count):
    """Of as many users, all of one length; the path of a file."""
    path = os.path.join(bench.scratch, contestant.label + ".tokens")
    with open(path, "w", encoding="ascii") as file:
        for number in range(count):
            file.write(contestant.token(f"u{number:04}") + "\n")
    return path


def turn(bench, contestant, number):
    options = bench.options
    meter = Meter(contestant.programs)
    if options.senders == 1:
        who = ["-j", contestant.token("sender"), "-n", POPULATION]
    else:
        who = ["-J", tokens(bench, contestant, options.senders),
               "-n", options.senders]
    result = run_generator("http_load", [
        "-c", options.connections, "-s", options.seconds, "-m", "POST",
        "-p", "/api/send", "-b", write_bodies(bench.scratch)[0], *who,
        "-S", number + 2, f"127.0.0.1:{contestant.port}"],
        options.build, options.seconds)
    contestant.settle()
    odd = sum(n for status, n in result["status"].items() if status != "202")
    return {
        "messages/s": result["counted"] / result["seconds"],
        "to_disk/s": 0, "p50_ms": result["us"]["p50"] / 1e3,
        "p99_ms": result["us"]["p99"] / 1e3,
        "p999_ms": result["us"]["p999"] / 1e3,
        "load_us": result["cpu_s"] / result["all"] * 1e6,
        "not_202": odd, "lost": result["lost"], **meter.costs(result["all"]),
    }


def main():
    bench = Bench("limited", __doc__, {
        "without": Waypost,
        "with": lambda bench: Waypost(bench, config={
            "limits": OF_ONE if bench.options.senders == 1 else {}}),
    })
    bench.parser.add_argument("--senders", type=int, default=2000)
    if "--senders=1" in sys.argv:
        bench.name = "limited-one"
    bench.run(turn)
    columns = {name: key for name, key in COLUMNS.items()
               if key != "to_disk/s"}
    bench.write(bench.table(columns, "without", "messages/s", "messages/s"),
                bench.cpu_table("message"))


if __name__ == "__main__":
    main()
