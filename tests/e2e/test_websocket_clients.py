"""WebSocket clients of others, as their users would use them: what is agreed
on, every frame both ways, and what each says of an end. make test-clients gets
them from npm; without them this is skipped.

Environment: WAYPOST_CLIENT_ROUNDS, how often each of them gets everything.
"""
import json
import os
import unittest

from harness import E2eTest, envelope, kept_stack, new_stack
from node import Node, missing

ROUNDS = int(os.environ.get("WAYPOST_CLIENT_ROUNDS", "1"))
# (which, does it offer permessage-deflate, can it be told not to)
LIBRARIES = (
    ("ws", True, True),
    ("websocket", False, False),
    ("faye-websocket", True, True),
    ("undici", True, False),
)
LENGTHS = (0, 1, 100, 125, 126, 200, 1000, 65535, 65536, 100000)
LETTERS = "a\u00e4\u3042\U0001f600"


class Library(Node):
    """One of them, in a process of its own, with one connection at a time."""

    kind, make = "clients", "test-clients"

    def __init__(self, name):
        super().__init__("client.mjs", name)
        self.expect("ready")

    def expect(self, event):
        heard = self.hear()
        if heard.pop("event") != event:
            raise AssertionError(f"{heard} is no {event!r}")
        return heard

    def expect_frame(self, kind):
        """The next frame of a kind; a poke may come in between."""
        while True:
            frame = json.loads(self.expect("text")["text"])
            if frame["type"] == kind:
                return frame
            if frame["type"] != "poke":
                raise AssertionError(f"{frame} is no {kind!r}")

    def say(self, **frame):
        self.tell(text=json.dumps(frame, ensure_ascii=False))


class Clients(E2eTest):
    deflates = False  # is that agreed on with whoever offers it?
    timeout_s = 90 + 10 * ROUNDS

    @classmethod
    def setUpClass(cls):
        reason = missing(Library.kind, Library.make)
        if reason:
            raise unittest.SkipTest(reason)
        super().setUpClass()

    def with_each(self, do):
        """do(library, offers, obeys), each in a test of its own."""
        for name, offers, obeys in LIBRARIES:
            with self.subTest(name):
                library = Library(name)
                self.addCleanup(library.stop)
                do(library, offers, obeys)

    def open(self, library, user, **how):
        library.tell(open=f"ws://127.0.0.1:{self.stack.port}/connect",
                     token=user.token, **how)
        return library.expect("open")

    def publish(self, user, payload):
        with self.stack.redis() as redis:
            redis("PUBLISH", "user_noti:" + user.name,
                  json.dumps({"type": "told", "payload": payload},
                             ensure_ascii=False))

    def use(self, library, bob):
        """Whatever a client has to do with us."""
        greeting = library.expect_frame("connected")
        self.assertEqual(greeting["user"], bob.urn)
        for length in LENGTHS:
            text = (LETTERS * (length // len(LETTERS) + 1))[:length]
            library.say(type="ping", x=text)
            library.expect_frame("pong")
            self.publish(bob, text)
            self.assertEqual(library.expect_frame("told")["payload"], text)
        # To himself, so that a poke comes.
        library.say(type="send", ref=7, envelope=envelope(bob.urn, b"x"))
        accepted = library.expect_frame("accepted")
        self.assertEqual(accepted["ref"], 7)
        [waiting] = self.messages(bob, 1)
        self.assertEqual(waiting["id"], accepted["id"])
        library.say(type="ack", ref="all", messageIds=[waiting["id"]])
        self.assertEqual(library.expect_frame("acked")["ref"], "all")
        self.assert_nothing_waits(bob)
        library.say(type="nonsense")
        self.assertEqual(library.expect_frame("error")["code"],
                         "unknown_type")

    def test_all_that_a_client_does(self):
        def do(library, offers, obeys):
            for is_willing in (True, False) if obeys else (offers,):
                for _ in range(ROUNDS):
                    bob = self.user()
                    opened = self.open(library, bob, deflate=is_willing)
                    self.assertEqual(opened["protocol"], "waypost.v1")
                    self.assert_agreed(opened["extensions"], is_willing)
                    self.use(library, bob)
                    library.tell(close=1000, reason="that was all")
                    self.assert_closed(library, 1000)
        self.with_each(do)

    def assert_agreed(self, extensions, is_willing):
        # Each shows it in its own words.
        wanted = self.deflates and is_willing
        self.assertEqual(extensions.split(";")[0],
                         "permessage-deflate" if wanted else "")

    def assert_closed(self, library, code):
        closed = library.expect("closed")
        self.assertEqual(closed["code"], code, closed)

    def test_it_is_told_why_it_is_closed(self):
        def do(library, offers, _):
            self.open(library, self.user(), deflate=offers)
            library.expect_frame("connected")
            library.tell(binary=100)
            self.assert_closed(library, 1003)
        self.with_each(do)

    def test_a_token_that_does_not_verify_is_a_failure(self):
        def do(library, offers, _):
            library.tell(open=f"ws://127.0.0.1:{self.stack.port}/connect",
                         token=self.user().token[:-8] + "AAAAAAAA",
                         deflate=offers)
            library.expect("failed")
        self.with_each(do)


class ClientsThatDeflate(Clients):
    deflates = True

    @classmethod
    def make_stack(cls):
        return kept_stack("deflate", lambda: new_stack(
            {"websocket": {"deflate": True}}))
