#!/usr/bin/python3
"""Do pulls and acks cost more the more waits? In Redis, and on disk.

Mailboxes with 10 to 100,000 messages of 200 bytes each, one stack. A turn: GET
/api/messages?limit=10 for --seconds, then 200 acknowledgements of 10, and as
many messages are sent anew: a fifth of what waits, or less, of as many users
as that takes; 10 waiting means 20 before, and 10 after that, in 200 mailboxes.
"""
import json

from contestants import Waypost
from kit import Bench, run_generator
from pull import connected, flat, measured, once, until_whole, write_lines

from devkit.user import User, envelope  # noqa: E402

DEPTHS = (10, 1000, 10000, 100000)
ACKS, IDS, BATCH, PAGE = 200, 10, 50, 500
SHARE = 5 * ACKS * IDS  # of which a fifth is acknowledged
# So much may wait for one, and it stays in Redis after the user has left.
CONFIG = {
    "websocket": {"grace_ms": 600000},
    "mailbox": {"ingress_high_mark": 1000000, "max_waiting": 1000000,
                "max_waiting_bytes": 1 << 32},
}


class Depth:
    """Users for each of whom so many messages wait; the stack is shared."""

    def __init__(self, bench, shared, waiting, is_hot):
        self.bench, self.shared, self.waiting = bench, shared, waiting
        self.is_hot = is_hot
        self.users = [f"deep-{waiting}-{i:03}"
                      for i in range(min(ACKS, max(1, SHARE // waiting)))]
        self.acks = ACKS // len(self.users)  # of each

    def start(self, folder):
        if not self.shared:
            self.shared.append(Waypost(self.bench, config=CONFIG))
            self.shared[0].start(folder)
        self.stack = self.shared[0]
        self.programs, self.port = self.stack.programs, self.stack.port
        self.tokens = [self.stack.token(user) for user in self.users]
        with connected(self.stack, self.users if self.is_hot else ()):
            self.send(max(self.waiting, 2 * IDS))

    def send(self, count):
        """So many to each."""
        each = min(count, BATCH)
        lines = [json.dumps({"envelopes": [envelope(
            "urn:sm:user:" + user, "QUJD" * 67)] * each})
            for user in self.users for _ in range(count // each)]
        result = once(self.bench, self.stack, "/api/send/batch",
                      write_lines(self.bench, "fill.txt", lines),
                      ("-j", self.stack.token("sender")))
        if set(result["status"]) != {"202"} or result["lost"]:
            raise SystemExit(f"not all was accepted: {result['status']}")
        self.stack.settle(on_disk=not self.is_hot)

    def stop(self):
        for stack in self.shared:
            stack.stop()

    def pull(self):
        options = self.bench.options
        return run_generator("http_load", [
            "-c", options.connections, "-s", options.seconds,
            "-p", "/api/messages?limit=10", "-H", "X-User: ###", "-J",
            write_lines(self.bench, "tokens.txt", self.tokens),
            "-n", len(self.users), f"127.0.0.1:{self.port}"],
            options.build, options.seconds)

    def ack_lines(self):
        """(bodies, whose they are)"""
        lines, owners = [], []
        for user, token in zip(self.users, self.tokens):
            ids = self.oldest(User(self.stack, user))
            for i in range(0, len(ids), IDS):
                lines.append(json.dumps({"messageIds": ids[i:i + IDS]}))
                owners.append(token)
        return lines, owners

    def oldest(self, user):
        ids, wanted = [], self.acks * IDS
        while len(ids) < wanted:
            query = {"after": ids[-1]} if ids else {}
            page = user.pull(limit=min(wanted - len(ids), PAGE),
                             **query).json()["messages"]
            if not page:
                raise SystemExit(f"only {len(ids)} messages wait")
            ids += [message["id"] for message in page]
        return ids

    def turn(self):
        found = {"pull": measured(self, self.pull)}
        lines, owners = self.ack_lines()
        bodies = write_lines(self.bench, "acks.txt", lines)
        tokens = write_lines(self.bench, "tokens.txt", owners)

        def acknowledge():
            return once(self.bench, self.stack, "/api/messages/ack", bodies,
                        ("-J", tokens))
        found["ack"] = measured(self, acknowledge)
        until_whole(acknowledge)
        self.send(self.acks * IDS)
        return flat(found)


def main():
    for tier in ("hot", "cold"):
        shared = []
        bench = Bench("depth-" + tier, __doc__, {
            f"{waiting:,} waiting": lambda bench, waiting=waiting, tier=tier:
            Depth(bench, shared, waiting, tier == "hot")
            for waiting in DEPTHS})
        bench.run(lambda bench, depth, number: depth.turn())
        bench.write(*(part for step, word in (
            ("pull", "pull"), ("ack", "acknowledgement")) for part in (
                bench.table({f"{word}s/s": f"{step} rate",
                             "p50 ms": f"{step} p50_ms",
                             "p99 ms": f"{step} p99_ms",
                             "refused": f"{step} odd"},
                            "10 waiting", f"{step} rate", "rate"),
                bench.cpu_table(word, f"{step} cpu_us"))),
            bench.memory_table("pull peak_mb_of"))


if __name__ == "__main__":
    main()
