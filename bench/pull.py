#!/usr/bin/python3
"""GET /api/messages of nothing and of 50 x 1 KiB, and acknowledging those 50.

Each turn: fill the mailboxes of USERS users who are connected (what waits for
them stays in Redis), pull them again and again, then acknowledge all of it
once; then pull empty mailboxes. Ours again with messages on disk: "cold". The
limits are the web server's own answer, and 60,000 bytes from empty fcgi.
"""
import json
import os
from contextlib import ExitStack

from contestants import EmptyFcgi, some
from kit import Bench, run_generator
from meters import Meter

from devkit.user import User, envelope  # noqa: E402

USERS, BATCH, TRIES = 256, 50, 5
DATA = "QUJD" * 250


def names(kind):
    return [f"{kind}-{number:04}" for number in range(USERS)]


def write_lines(bench, name, lines):
    path = os.path.join(bench.scratch, name)
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
        **meter.costs(done),
        "load_us": result["cpu_s"] / done * 1e6,
        "odd": sum(n for status, n in result["status"].items()
                   if status not in ("200", "202", "204")),
    }


def pull(bench, contestant, users, tokens, query="limit=50"):
    return run_generator("http_load", [
        "-c", bench.options.connections, "-s", bench.options.seconds,
        "-p", "/api/messages?" + query, "-H", "X-User: ####", "-J", tokens,
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


def limit_turn(bench, contestant, users, tokens):
    """Where nothing is looked at: how fast such answers can be at all."""
    found = {"empty": measured(contestant, lambda: pull(
        bench, contestant, users, tokens))}
    if isinstance(contestant, EmptyFcgi):
        found["full"] = measured(contestant, lambda: pull(
            bench, contestant, users, tokens, "page"))
    return found


def turn(bench, contestant, number, kind):
    users = names(kind)
    tokens = write_lines(bench, "tokens.txt",
                         [contestant.token(user) for user in users])
    if not hasattr(contestant, "redis_path"):
        return flat(limit_turn(bench, contestant, users, tokens))
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
    return flat(found)


def flat(found):
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
        yield bench.memory_table(f"{step} peak_mb_of")


def main():
    for kind, contestants in (
            ("hot", ("waypost", "before", "go + nginx", "go")),
            ("cold", ("waypost", "before")),
            ("limits", ("waypost", "empty fcgi", "nginx 202"))):
        bench = Bench("pull-" + kind, __doc__, some(*contestants))
        if kind == "limits":
            kind = "hot"
        bench.run(lambda bench, contestant, number, kind=kind: turn(
            bench, contestant, number, kind))
        bench.write(*tables(bench))


if __name__ == "__main__":
    main()
