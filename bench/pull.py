#!/usr/bin/python3
"""GET /api/messages of nothing and of 50 x 1 KiB, and acknowledging those 50.

Each turn: fill the mailboxes of USERS users who are connected (what waits for
them stays in Redis), pull them again and again, then acknowledge all of it
once; then pull empty mailboxes. Ours again with messages on disk: "cold"; and
ours by how much waits.
"""
import json
import os
from contextlib import ExitStack

from contestants import Waypost, some
from kit import Bench, Meter, run_generator

from devkit.user import User, envelope  # noqa: E402

USERS, BATCH, TRIES = 256, 50, 5
DATA = "QUJD" * 250


def names(kind):
    return [f"{kind}-{number:04}" for number in range(USERS)]


def write_lines(bench, name, lines):
    path = os.path.join(bench.options.out, name)
    with open(path, "w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def once(bench, contestant, path, bodies, tokens=()):
    """Every user posts one body; what the generator says."""
    return run_generator("http_load", [
        "-c", bench.options.connections, "-s", 120, "-m", "POST", "-p", path,
        "-B", bodies, *tokens, f"127.0.0.1:{contestant.port}"],
        bench.options.build, 120)


def is_whole(result):
    """Was everybody served?"""
    return not set(result["status"]) - {"202", "204"} and not result["lost"]


def until_whole(again):
    """Acknowledge until nobody is refused: the machine may be overloaded."""
    for _ in range(TRIES):
        if is_whole(again()):
            return
    raise SystemExit("acknowledgements are refused")


def fill(bench, contestant, users):
    lines = [json.dumps({"envelopes": [envelope("urn:sm:user:" + user, DATA)]
                         * BATCH}) for user in users]
    result = once(bench, contestant, "/api/send/batch",
                  write_lines(bench, "fill.txt", lines),
                  ("-j", contestant.token("sender")))
    if not is_whole(result):
        raise SystemExit(f"not all was accepted: {result['status']}")


def measured(contestant, call, each=1):
    meter = Meter(contestant.programs)
    result = call()
    done = result["all"] * each
    return {
        "rate": result["counted"] / result["seconds"],
        "p50_ms": result["us"]["p50"] / 1e3,
        "p99_ms": result["us"]["p99"] / 1e3,
        "cpu_us": {label: seconds / done * 1e6
                   for label, seconds in meter.cpu_s().items()},
        "load_us": result["cpu_s"] / done * 1e6,
        "peak_mb": sum(meter.peak_mb().values()),
        "odd": sum(n for status, n in result["status"].items()
                   if status not in ("200", "204")),
    }


def pull(bench, contestant, users, tokens):
    return run_generator("http_load", [
        "-c", bench.options.connections, "-s", bench.options.seconds,
        "-p", "/api/messages?limit=50", "-H", "X-User: ####", "-J", tokens,
        "-n", len(users), f"127.0.0.1:{contestant.port}"],
        bench.options.build, bench.options.seconds)


def connected(contestant, users):
    stack = ExitStack()
    for user in users:
        peer = stack.enter_context(ExitStack())
        socket = User(contestant, user).connect()
        socket.expect("connected")
        peer.callback(socket.close)
    return stack


def ack_lines(contestant, users):
    lines = []
    for user in users:
        messages = User(contestant, user).pull(limit=BATCH).json()["messages"]
        if len(messages) != BATCH:
            raise SystemExit(f"{user}: {len(messages)} messages, not {BATCH}")
        lines.append(json.dumps(
            {"messageIds": [message["id"] for message in messages]}))
    return lines


def turn(bench, contestant, number, kind):
    users = names(kind)
    os.makedirs(bench.options.out, exist_ok=True)
    tokens = write_lines(bench, "tokens.txt",
                         [contestant.token(user) for user in users])
    found = {}
    with ExitStack() as online:
        if kind == "hot":
            online.enter_context(connected(contestant, users))
        fill(bench, contestant, users)
        contestant.settle()
        found["full"] = measured(contestant, lambda: pull(
            bench, contestant, users, tokens))
        acks = write_lines(bench, "acks.txt", ack_lines(contestant, users))

        def acknowledge():
            return once(bench, contestant, "/api/messages/ack", acks,
                        ("-J", tokens))
        found["ack"] = measured(contestant, acknowledge)
        until_whole(acknowledge)
        found["empty"] = measured(contestant, lambda: pull(
            bench, contestant, users, tokens))
    return {f"{what} {key}": value for what, result in found.items()
            for key, value in result.items()}


STEPS = (("empty", "pulls of nothing", "pull"),
         ("full", "pulls of 50 × 1 KiB", "pull"),
         ("ack", "acknowledgements of 50", "acknowledgement"))


def tables(bench):
    for step, word, one in STEPS:
        columns = {f"{word}/s": f"{step} rate", "p50 ms": f"{step} p50_ms",
                   "p99 ms": f"{step} p99_ms", "refused": f"{step} odd",
                   "peak MB": f"{step} peak_mb"}
        yield bench.table(columns, "waypost", f"{step} rate", "rate")
        yield bench.cpu_table(one, f"{step} cpu_us")


class Depth:
    """One user for whom so many messages wait; the stack is shared."""

    # So much may wait for one, and it stays in Redis after the user has left.
    CONFIG = {
        "websocket": {"grace_ms": 600000},
        "mailbox": {"ingress_high_mark": 1000000, "max_waiting": 1000000,
                    "max_waiting_bytes": 1 << 32},
    }

    def __init__(self, bench, shared, waiting):
        self.bench, self.shared, self.waiting = bench, shared, waiting
        self.user = f"deep-{waiting}"

    def start(self, folder):
        if not self.shared:
            self.shared.append(Waypost(self.bench, config=self.CONFIG))
            self.shared[0].start(folder)
        self.stack = self.shared[0]
        self.programs, self.port = self.stack.programs, self.stack.port
        each = min(self.waiting, BATCH)
        batch = json.dumps({"envelopes": [envelope(
            "urn:sm:user:" + self.user, DATA[:268])] * each})
        os.makedirs(self.bench.options.out, exist_ok=True)
        with connected(self.stack, [self.user]):
            once(self.bench, self.stack, "/api/send/batch",
                 write_lines(self.bench, "fill.txt",
                             [batch] * (self.waiting // each)),
                 ("-j", self.stack.token("sender")))
            self.stack.settle(on_disk=False)

    def stop(self):
        self.stack.stop()

    def turn(self):
        options = self.bench.options
        return measured(self, lambda: run_generator("http_load", [
            "-c", options.connections, "-s", options.seconds,
            "-p", "/api/messages?limit=10", "-j",
            self.stack.token(self.user), f"127.0.0.1:{self.port}"],
            options.build, options.seconds))


def deep():
    """Does a pull cost more the more waits?"""
    shared = []
    bench = Bench("pull-depth", "GET /api/messages?limit=10 of one user, by "
                  "how many 200-byte messages wait.", {
                      f"{waiting} waiting": lambda bench, waiting=waiting:
                      Depth(bench, shared, waiting)
                      for waiting in (10, 1000, 10000, 100000)})
    bench.run(lambda bench, contestant, number: contestant.turn())
    bench.write(bench.table({"pulls/s": "rate", "p50 ms": "p50_ms",
                             "p99 ms": "p99_ms", "refused": "odd"},
                            "10 waiting", "rate", "rate"),
                bench.cpu_table("pull"))


def main():
    for kind, contestants in (("hot", ("waypost", "before", "go + nginx",
                                       "go")),
                              ("cold", ("waypost", "before"))):
        bench = Bench("pull-" + kind, __doc__, some(*contestants))
        bench.run(lambda bench, contestant, number, kind=kind: turn(
            bench, contestant, number, kind))
        bench.write(*tables(bench))
    deep()


if __name__ == "__main__":
    main()
