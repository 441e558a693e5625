#!/usr/bin/python3
"""Somebody who goes on asking while others attack, and how long it takes.

A process of its own: what it measures is Waypost, and not what the interpreter
of the attackers has to do besides.

usage: tests/e2e/bystander.py < LINES

The first line is JSON: {"port", "token", "pause_s"} and either "friend", to
whom messages are sent, or "pokes": {"path" of a daemon's socket, "users":
[[URN, token], …]}, who are connected and notified in turn. Each further line
begins to ask or ends it; after each end comes a line of JSON: the seconds that
each took, and all statuses.
"""
import http.client
import json
import os
import select
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from devkit.user import envelope  # noqa: E402
from devkit.websocket import WebSocket  # noqa: E402

PATIENCE_S = 30


class Asker:
    """On a connection that is kept, as that of a browser."""

    def __init__(self, says):
        self._head = {"Authorization": "Bearer " + says["token"],
                      "Content-Type": "application/json"}
        self._http = http.client.HTTPConnection("127.0.0.1", says["port"],
                                                timeout=PATIENCE_S)

    def post(self, path, body):
        self._http.request("POST", path, json.dumps(body), self._head)
        answer = self._http.getresponse()
        answer.read()
        return answer.status


class Sender(Asker):

    def __init__(self, says):
        super().__init__(says)
        self._envelope = envelope(says["friend"], b"x")

    def ask(self):
        return self.post("/api/send", self._envelope)


class Poker(Asker):
    """Until the user who is notified has got it."""

    def __init__(self, says):
        super().__init__(says)
        self._users = []
        for urn, token in says["pokes"]["users"]:
            socket = WebSocket(0, "/connect",
                               [("Authorization", "Bearer " + token)],
                               unix_path=says["pokes"]["path"])
            socket.expect("connected")
            self._users.append((urn, socket))

    def ask(self):
        urn, socket = self._users[0]
        self._users = self._users[1:] + self._users[:1]
        status = self.post("/api/notify", {"user": urn, "type": "x",
                                           "payload": {}})
        if status == 202:
            socket.expect("x")
        return status


def go_on(asker, pause_s):
    """Until there is another line."""
    took, statuses = [], set()
    while not select.select([sys.stdin], [], [], pause_s)[0]:
        began = time.perf_counter()
        statuses.add(asker.ask())
        took.append(time.perf_counter() - began)
    return {"took": took, "statuses": sorted(statuses)}


def main():
    # Unbuffered: what select() does not see must not be waiting here.
    sys.stdin = os.fdopen(0, "rb", buffering=0)
    says = json.loads(sys.stdin.readline())
    asker = Poker(says) if "pokes" in says else Sender(says)
    print(flush=True)
    while sys.stdin.readline():
        result = go_on(asker, says["pause_s"])
        sys.stdin.readline()
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
