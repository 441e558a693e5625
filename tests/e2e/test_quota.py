"""What may wait for one user, and what expiry gives back."""
import time

from harness import E2eTest, end_stack, envelope, new_stack, wait_for

LIMIT = 3
# Of what fills a mailbox; the next one where that was too short.
LIVES_S = (2, 8)


class Quota(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"mailbox": {"max_waiting": LIMIT},
                          "worker": {"sweep_interval_ms": 100}})

    @classmethod
    def tearDownClass(cls):
        complaints = end_stack(cls.stack)
        assert not complaints, complaints

    def fill(self, bob, **how):
        return [self.assert_accepted(self.user().send(bob, **how))
                for _ in range(LIMIT)]

    def test_full_mailbox_is_507_until_something_is_acked(self):
        bob = self.user()
        ids = self.fill(bob)
        self.assert_error(self.user().send(bob), 507, "mailbox_full")
        wait_for(lambda: self.is_cold(bob), "it is on disk")
        self.assert_error(self.user().send(bob), 507, "mailbox_full")
        self.assert_accepted(self.user().send(self.user()))

        self.assert_status(bob.ack(ids[:1]), 204)

        self.assert_accepted(self.user().send(bob))
        self.assert_error(self.user().send(bob), 507, "mailbox_full")

    def test_repeat_of_an_accepted_message_is_no_507(self):
        alice, bob = self.user(), self.user()
        how = {"headers": {"Idempotency-Key": "k"}}
        first = self.assert_accepted(alice.send(bob, b"x", **how))
        for _ in range(LIMIT - 1):
            self.assert_accepted(alice.send(bob))

        self.assertEqual(self.assert_accepted(alice.send(bob, b"x", **how)),
                         first)

    def test_batch_fails_for_the_full_one_only(self):
        alice, bob, amy = self.user(), self.user(), self.user()
        self.fill(bob)

        answer = alice.call("POST", "/api/send/batch", {"envelopes": [
            envelope(bob.urn), envelope(amy.urn), envelope(bob.urn)]})

        self.assert_status(answer, 202)
        results = answer.json()["results"]
        self.assertEqual([r.get("code") for r in results],
                         ["mailbox_full", None, "mailbox_full"])

    def test_websocket_says_it_as_well(self):
        alice, bob = self.user(), self.user()
        self.fill(bob)
        socket = self.connect(alice)
        socket.expect("connected")

        socket.send_json({"type": "send", "ref": "r",
                          "envelope": envelope(bob.urn)})

        self.assertEqual(socket.expect("error")["code"], "mailbox_full")

    def full_for_a_while(self):
        """Somebody with a full mailbox, of what will expire."""
        for seconds in LIVES_S:
            bob = self.user()
            begun = time.monotonic()
            self.fill(bob, query=f"?expiresInSeconds={seconds}")
            answer = self.user().send(bob)
            if answer.status == 507 or time.monotonic() - begun < seconds:
                break
        self.assert_error(answer, 507, "mailbox_full")
        return bob

    def test_expired_messages_make_room(self):
        bob = self.full_for_a_while()

        def accepts():
            return self.user().send(bob).status == 202
        wait_for(accepts, "expired messages are deleted")
        wait_for(lambda: len(self.messages(bob, 1)) == 1,
                 "the new one is what waits")


class Unswept(E2eTest):
    """What has expired counts for nobody, also before it is deleted."""

    @classmethod
    def make_stack(cls):
        return new_stack({"mailbox": {"max_waiting": LIMIT,
                                      "max_envelope_bytes": 80000,
                                      "max_waiting_bytes": 100000},
                          "worker": {"sweep_interval_ms": 3600000}})

    @classmethod
    def tearDownClass(cls):
        complaints = end_stack(cls.stack)
        assert not complaints, complaints

    def fill(self, bob):
        for _ in range(LIMIT):
            self.assert_accepted(
                self.user().send(bob, query="?expiresInSeconds=1"))

    def assert_no_poke(self, bob):
        wait_for(lambda: self.pending_of(bob) == 0, "nothing is pending")
        self.assert_nothing_waits(bob)
        socket = self.connect(bob)
        self.assertEqual(socket.recv_json()["pending"], 0)
        socket.send_json({"type": "ping"})
        self.assertEqual(socket.recv_json()["type"], "pong")

    def pending_of(self, bob):
        socket = self.connect(bob)
        pending = socket.expect("connected")["pending"]
        socket.close()
        return pending

    def assert_room_for_all(self, bob):
        for _ in range(LIMIT):
            self.assert_accepted(self.user().send(bob))
        self.assert_error(self.user().send(bob), 507, "mailbox_full")

    def test_expired_messages_of_somebody_online(self):
        bob = self.user()
        socket = self.connect(bob)
        socket.expect("connected")
        self.fill(bob)
        self.assert_no_poke(bob)
        self.assert_room_for_all(bob)

    def test_expired_messages_of_somebody_absent(self):
        bob = self.user()
        self.fill(bob)
        wait_for(lambda: self.is_cold(bob), "it is on disk")
        self.assert_no_poke(bob)
        self.assert_room_for_all(bob)

    def test_bytes_count_exactly_whatever_came_first(self):
        bob = self.user()
        socket = self.connect(bob)
        socket.expect("connected")
        for size in (1, 40000):
            self.assert_accepted(self.user().send(bob, b"x" * size))
        wait_for(lambda: len(self.messages(bob, 2)) == 2, "they are routed")
        self.assert_error(self.user().send(bob, b"x" * 40000), 507,
                          "mailbox_full")
