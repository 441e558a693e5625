"""A repeat of what was accepted is told so, however full Redis has become."""
import json
import time

from harness import E2eTest, end_stack, envelope, new_stack, wait_for


# What a thread of the handlers, the daemon or the worker believes at most.
LOOK_HOLDS_S = 1.2
MARKED, FULL = 95, 150  # percent: past the mark (90), and past the end


class Overload(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    @classmethod
    def tearDownClass(cls):
        complaints = end_stack(cls.stack)
        assert not complaints, complaints

    def fill_redis(self, percent):
        """Until a new message is refused; empty again when the test ends."""
        self.set_memory(percent)
        set_at = time.monotonic()
        self.addCleanup(self.empty_redis)
        socket = self.connect(self.user())
        socket.expect("connected")

        def is_refused():
            bob = self.user()
            answer = self.user().send(bob)
            socket.send_json({"type": "send", "envelope": envelope(bob.urn)})
            frame = socket.recv_json()
            while frame["type"] not in ("accepted", "error"):
                frame = socket.recv_json()
            return (answer.status == 503 and frame["type"] == "error"
                    and answer.json()["code"] == frame["code"] == "overloaded")
        # Who is not asked meanwhile may know no better than before.
        wait_for(lambda: time.monotonic() - set_at > LOOK_HOLDS_S,
                 "what was seen before is too old")
        wait_for(lambda: all(is_refused() for _ in range(20)),
                 "new messages are refused")

    def empty_redis(self):
        with self.stack.redis() as redis:
            redis("CONFIG", "SET", "maxmemory", 0)

        socket = self.connect(self.user())
        socket.expect("connected")

        def is_accepted():
            # The daemon's look at the memory may be older than a handler's.
            frame = self.send_frame(socket, self.user(), b"x", None)
            return (self.user().send(self.user()).status == 202
                    and frame["type"] == "accepted")
        wait_for(lambda: all(is_accepted() for _ in range(20)),
                 "new messages are accepted")

    def send_frame(self, socket, bob, data, key):
        order = {"type": "send", "ref": "r",
                 "envelope": envelope(bob.urn, data)}
        socket.send_json({**order, "idempotencyKey": key} if key else order)
        frame = socket.recv_json()
        while frame["type"] not in ("accepted", "error"):
            frame = socket.recv_json()
        return frame

    def check_repeats(self, percent):
        alice, bob = self.user(), self.user()
        key = {"Idempotency-Key": "k"}
        batch = {"envelopes": [
            {**envelope(bob.urn, b"b"), "idempotencyKey": "b"},
            {**envelope(self.user().urn, b"c"), "idempotencyKey": "c"}]}
        socket = self.connect(alice)
        socket.expect("connected")
        sent = self.assert_accepted(alice.send(bob, b"a", key))
        listed = alice.call("POST", "/api/send/batch", batch).json()["results"]
        framed = self.send_frame(socket, bob, b"d", "d")

        self.fill_redis(percent)

        self.assertEqual(self.assert_accepted(alice.send(bob, b"a", key)),
                         sent)
        self.assert_error(alice.send(bob, b"other", key), 409,
                          "idempotency_conflict")
        batch["envelopes"].append(envelope(bob.urn, b"new"))
        again = alice.call("POST", "/api/send/batch", batch)
        self.assert_status(again, 202)
        self.assertEqual(again.json()["results"][:2], listed)
        self.assertEqual(again.json()["results"][2]["code"], "overloaded")
        self.assertEqual(self.send_frame(socket, bob, b"d", "d"), framed)
        self.assertEqual(
            self.send_frame(socket, bob, b"other", "d")["code"],
            "idempotency_conflict")
        self.messages(bob, 3)

    def test_repeats_past_the_memory_mark(self):
        self.check_repeats(MARKED)

    def test_no_tickets_past_the_memory_mark(self):
        self.fill_redis(MARKED)

        self.assert_error(self.user().call("POST", "/api/ticket", ""), 503,
                          "overloaded")

    def test_repeats_to_a_full_redis(self):
        self.check_repeats(FULL)

    def test_repeats_through_the_inbox_past_the_memory_mark(self):
        bob, amy = self.user(), self.user()

        def put(recipient, key):
            with self.stack.redis() as redis:
                return redis("XADD", "wp:inbox", "*", "envelope",
                             json.dumps(envelope(recipient.urn, b"x")),
                             "key", key).decode()

        def waits(entry):
            with self.stack.redis() as redis:
                return redis("XRANGE", "wp:inbox", entry, entry) != []
        put(bob, "k")
        self.messages(bob, 1)

        self.fill_redis(MARKED)

        def is_told_apart():
            # The worker's look may be a second old: then both are taken.
            new, repeat = put(amy, amy.urn), put(bob, "k")
            wait_for(lambda: not waits(repeat), "the repeat is accepted")
            return waits(new)
        wait_for(is_told_apart, "new entries wait, repeats do not")
        self.messages(bob, 1)
