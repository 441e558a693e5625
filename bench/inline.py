#!/usr/bin/python3
"""Messages in place of pokes: how fast the mailboxes of USERS users are emptied
by clients that are sent what waits and ack it, directly at the daemon.

Each turn fills the mailboxes with EACH messages of 700 bytes: of users who are
connected, so that they wait in Redis ("hot"), or on disk ("cold"). Then all
users are connected and acked to the end. A core's worth is the rate at which
the daemon would do it if it had one for itself: by what it used of one.
"""
from contextlib import ExitStack

from contestants import WaypostHub
from kit import Bench, run_generator
from meters import Meter
from pull import connected, fill, write_lines

USERS, BATCHES = 256, 8
EACH = 50 * BATCHES


def turn(bench, contestant, number, kind):
    users = [f"{kind}-{number + 1:02}{i:03}" for i in range(USERS)]
    tokens = write_lines(bench, "tokens.txt",
                         [contestant.token(user) for user in users])
    with ExitStack() as online:
        if kind == "hot":
            online.enter_context(connected(contestant, users))
        for _ in range(BATCHES):
            fill(bench, contestant, users)
        contestant.settle()
        meter = Meter(contestant.programs)
        result = run_generator(
            "inline_load", ["-c", USERS, "-J", tokens, contestant.address],
            bench.options.build, 60)
    if result["received"] != USERS * EACH:
        raise SystemExit(f"{result['received']} of {USERS * EACH} came")
    costs = meter.costs(result["received"])
    daemon = costs["cpu_us"][contestant.daemon]
    return {"rate": result["received"] / result["seconds"],
            "of_a_core": 1e6 / daemon, "daemon_us": daemon,
            "an_ack": result["received"] / max(result["acks"], 1),
            **costs, "load_us": result["cpu_s"] * 1e6 / result["received"]}


COLUMNS = {"messages/s": "rate", "of a core of the daemon": "of_a_core",
           "its µs per message": "daemon_us", "messages per ack": "an_ack",
           "load generator µs": "load_us"}


def main():
    for kind in ("hot", "cold"):
        bench = Bench("inline-" + kind, __doc__, {"waypost": WaypostHub})
        bench.run(lambda bench, contestant, number, kind=kind: turn(
            bench, contestant, number, kind))
        bench.write(bench.table(COLUMNS, "waypost", "rate", "messages/s"),
                    bench.cpu_table("message"), bench.memory_table())


if __name__ == "__main__":
    main()
