#!/usr/bin/python3
"""A herd: so many POST /api/send of 1 KiB whose last bytes come at one moment.

All connect and send all but the last byte of the body; a second later the last
bytes of all go out. Who is answered what counts: 202, 503 with Retry-After, or
no answer at all. Once through the web server, and once on the bare socket
behind it (the peer's is HTTP). To as many mailboxes; what was accepted is
routed and migrated before the next turn.
"""
import json
import os
import resource
import struct

from contestants import GoPeer, Waypost
from kit import Bench, run_generator
from meters import Meter
from send import envelope

SIZES, WAIT_S = (4000, 10000), 20
BEGIN, PARAMS, STDIN, RESPONDER = 1, 4, 5, 1


def record(kind, content):
    return struct.pack("!BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def pair(name, value):
    lengths = b"".join(
        struct.pack("!B", len(text)) if len(text) < 128
        else struct.pack("!I", len(text) | 1 << 31) for text in (name, value))
    return lengths + name + value


def fastcgi(params, body):
    """A request as a web server sends it."""
    pairs = b"".join(pair(name.encode(), value.encode())
                     for name, value in params.items())
    return (record(BEGIN, struct.pack("!HB5x", RESPONDER, 0)) +
            record(PARAMS, pairs) + record(PARAMS, b"") +
            record(STDIN, body) + record(STDIN, b""))


def body():
    return json.dumps({**envelope(), "recipientId":
                       "urn:sm:user:u#####"}).encode()


def over_http(contestant):
    text = body()
    return (f"POST /api/send HTTP/1.1\r\nHost: bench\r\n"
            "Content-Type: application/json\r\n"
            f"Authorization: Bearer {contestant.token('sender')}\r\n"
            f"Content-Length: {len(text)}\r\n\r\n").encode() + text


def over_fastcgi(contestant):
    text = body()
    return fastcgi({
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "bench", "SERVER_PORT": "80", "REQUEST_METHOD": "POST",
        "REQUEST_SCHEME": "http", "REQUEST_URI": "/api/send",
        "DOCUMENT_URI": "/api/send", "SCRIPT_NAME": "/api/send",
        "QUERY_STRING": "", "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(text)), "REMOTE_ADDR": "127.0.0.1",
        "HTTP_AUTHORIZATION": "Bearer " + contestant.token("sender"),
    }, text)


class Door:
    """One way into a contestant; the first one starts it."""

    def __init__(self, behind, is_bare=False):
        self.behind, self.is_bare = behind, is_bare

    def start(self, folder):
        if not getattr(self.behind, "programs", None):
            self.behind.start(folder)
        self.programs = self.behind.programs
        speaks_fastcgi = self.is_bare and isinstance(self.behind, Waypost)
        self.address = ("unix:" + self.behind.about["handlers"]
                        if speaks_fastcgi
                        else f"127.0.0.1:{self.behind.port}")
        self.request = os.path.join(folder, "request")
        # The body's last byte, and the empty record that ends it.
        self.last = 9 if speaks_fastcgi else 1
        with open(self.request, "wb") as file:
            file.write((over_fastcgi if speaks_fastcgi else over_http)(
                self.behind))

    def stop(self):
        self.behind.stop()

    def settle(self):
        self.behind.settle()
        if hasattr(self.behind, "empty"):
            self.behind.empty()


def turn(bench, door, number):
    members = bench.members
    meter = Meter(door.programs)
    result = run_generator("herd", ["-b", door.request, "-c", members, "-l",
                                    door.last, "-s", WAIT_S, door.address],
                           bench.options.build, WAIT_S)
    door.settle()
    status = result["status"]
    return {
        "202": status.pop("202", 0), "503": status.pop("503", 0),
        "retry_after": result["told_when"],
        "502": status.pop("502", 0), "other": sum(status.values()),
        "outside": result["outside"],
        "no_answer": result["closed"] + result["silent"],
        "all_after_s": result["seconds"], "p50_ms": result["us"]["p50"] / 1e3,
        **meter.costs(members),
    }


def contestants(members):
    """Room for them all in the web server, which holds two connections for
    each, beyond what `make run` gives it; the earlier one has just that."""
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 65536)
    more = [(f"worker_connections {limit // 4};",
             f"worker_connections {limit};")] if members > limit // 5 else []
    made = {}

    def shared(key, make):
        if key not in made:
            made[key] = make()
        return made[key]

    def stack(bench, commit=None):
        edits = {"web_edits": more} if more and not commit else {}
        return shared(commit, lambda: Waypost(bench, commit, **edits))
    return {
        "waypost, nginx": lambda bench: Door(stack(bench)),
        "waypost, socket": lambda bench: Door(stack(bench), True),
        "before, nginx": lambda bench: Door(stack(bench,
                                                  bench.options.before)),
        "before, socket": lambda bench: Door(
            stack(bench, bench.options.before), True),
        "go, nginx": lambda bench: Door(GoPeer(bench)),
        "go, socket": lambda bench: Door(GoPeer(bench, web=False), True),
    }


def main():
    for members in SIZES:
        bench = Bench(f"herd-{members}", __doc__, contestants(members))
        bench.members = members
        bench.run(turn)
        bench.write(
            bench.table({"202": "202", "503": "503",
                         "Retry-After": "retry_after", "502": "502",
                         "other status": "other",
                         "not let in": "outside",
                         "no answer": "no_answer",
                         "all answered after s": "all_after_s",
                         "p50 ms": "p50_ms"}),
            bench.cpu_table("request"), bench.memory_table())


if __name__ == "__main__":
    main()
