"""Messages in place of pokes: a connection is sent its mailbox, in order, a
window at a time, and acks what it was sent."""
import os
import signal
import sqlite3
import subprocess
import time

from harness import (Closed, E2eTest, Refused, WebSocket, kept_stack,
                     new_stack, wait_for)

DAEMON, RELOADED = "websocket-0", '"settings reloaded"'
WINDOW = 8
QUEUE_BYTES = 65536
PAGES_MAX = 32  # lib/live/consumer.h
ACK_TIMEOUT_MS = 2000
HIGH = {"priority": 5}


class InlineTest(E2eTest):
    @classmethod
    def make_stack(cls):
        return kept_stack("inline", lambda: new_stack({
            "websocket": {"inline_window": WINDOW,
                          "max_queue_bytes": QUEUE_BYTES,
                          "ack_timeout_ms": ACK_TIMEOUT_MS}}))

    def listen(self, user, target="/connect?deliver=inline", **how):
        one = self.connect(user, target, **how)
        greeting = one.expect("connected")
        self.assertEqual((greeting["deliver"], greeting["window"]),
                         ("inline", WINDOW))
        return one

    def send(self, user, count, data=b"sealed", **how):
        sender = self.user("sender")
        return [self.assert_accepted(sender.send(user, data, **how))
                for _ in range(count)]

    def taken(self, one, count):
        """Ids of the next messages."""
        return [one.expect("message")["id"] for _ in range(count)]

    def ack(self, one, ids):
        one.send_json({"type": "ack", "ref": "a", "messageIds": ids})

    def taken_and_acked(self, one, count):
        seen = []
        for _ in range(count):
            seen += self.taken(one, 1)
            self.ack(one, seen[-1:])
        return seen

    def assert_silent(self, one):
        """Nothing but answers: a ping's comes behind what was queued."""
        one.send_json({"type": "ping"})
        while True:
            frame = one.recv_json()
            self.assertNotIn(frame["type"], ("message", "poke"))
            if frame["type"] == "pong":
                return

    def wait_delivered(self, user):
        wait_for(lambda: user.pull().json()["messages"] == [],
                 "everything is acked")


class Inline(InlineTest):
    def test_a_message_comes_as_it_was_sent_and_ends_with_its_ack(self):
        bob, alice = self.user(), self.user()
        one = self.listen(bob)

        sent = self.assert_accepted(alice.send(bob, b"sealed"))
        message = one.expect("message")
        self.assertEqual(message["id"], sent)
        self.assertEqual(message["envelope"],
                         self.messages(bob, 1)[0]["envelope"])
        self.ack(one, [sent])
        self.assertEqual(one.expect("acked")["ref"], "a")

        self.assert_nothing_waits(bob)
        self.assert_silent(one)

    def test_ways_to_ask_for_it(self):
        bob = self.user()
        for target, protocols, selected in (
                ("/connect?deliver=inline", None, None),
                ("/connect", "waypost.v1.inline", "waypost.v1.inline"),
                ("/ws", "waypost.v1, waypost.v1.inline", "waypost.v1.inline"),
                ("/connect?deliver=inline", "waypost.v1", "waypost.v1")):
            with self.subTest(target=target, protocols=protocols):
                one = self.listen(bob, target, protocols=protocols)
                self.assertEqual(
                    one.response.header("Sec-WebSocket-Protocol"), selected)
        for target, protocols in (
                ("/connect", None), ("/connect", "waypost.v1"),
                ("/connect?deliver=poke", "waypost.v1.inline, waypost.v1")):
            with self.subTest(target=target, protocols=protocols):
                one = self.connect(bob, target, protocols=protocols)
                self.assertNotIn("deliver", one.expect("connected"))
        for query in ("deliver=", "deliver=push", "deliver=inline%00",
                      "deliver=inline&deliver=inline",
                      "deliver=" + "x" * 1000):
            with self.subTest(query), self.assertRaises(Refused) as refused:
                self.connect(bob, "/connect?" + query)
            self.assertEqual(refused.exception.response.status, 400)

    def test_never_more_than_the_window_is_on_its_way(self):
        bob = self.user()
        sent = self.send(bob, 3 * WINDOW)
        one = self.listen(bob)

        self.assertEqual(self.taken(one, WINDOW), sent[:WINDOW])
        self.assert_silent(one)
        self.ack(one, sent[:WINDOW])
        self.assertEqual(self.taken(one, WINDOW), sent[WINDOW:2 * WINDOW])
        self.ack(one, sent[WINDOW:2 * WINDOW])
        self.assertEqual(self.taken(one, WINDOW), sent[2 * WINDOW:])
        self.ack(one, sent[2 * WINDOW:])
        self.wait_delivered(bob)

    def test_acks_one_by_one_and_out_of_order(self):
        bob = self.user()
        sent = self.send(bob, 5 * WINDOW)
        one = self.listen(bob)
        seen = self.taken(one, WINDOW)
        for at in range(0, len(sent), WINDOW):
            for id_ in reversed(seen[at:at + WINDOW]):
                self.ack(one, [id_])
            seen += self.taken(one, min(WINDOW, len(sent) - len(seen)))
        self.assertEqual(seen, sent)
        self.wait_delivered(bob)

    def test_high_comes_first_and_new_high_while_standard_is_on_its_way(self):
        bob = self.user()
        standard = self.send(bob, 2)
        high = self.send(bob, 2, **HIGH)
        self.settle_at(bob, 4)
        one = self.listen(bob)
        self.assertEqual(self.taken(one, 4), high + standard)

        more = self.send(bob, 1) + self.send(bob, 1, **HIGH)
        self.assertEqual(sorted(self.taken(one, 2)), sorted(more))
        self.ack(one, high + standard + more)
        self.wait_delivered(bob)

    def settle_at(self, user, count):
        """Until all of them are in the mailbox."""
        self.messages(user, count)

    def test_what_was_not_acked_comes_again_in_order(self):
        bob = self.user()
        sent = self.send(bob, 4)
        one = self.listen(bob)
        self.assertEqual(self.taken(one, 4), sent)
        self.ack(one, [sent[1]])
        one.expect("acked")
        one.abort()

        again = self.listen(bob)
        left = [sent[0]] + sent[2:]
        self.assertEqual(self.taken_and_acked(again, 3), left)
        self.wait_delivered(bob)

    def test_cold_messages_come_first(self):
        bob = self.user()
        cold = self.send(bob, 2 * WINDOW)
        wait_for(lambda: self.is_cold(bob), "bob's mail is on disk")
        one = self.listen(bob)
        hot = self.send(bob, WINDOW)
        self.assertEqual(self.taken_and_acked(one, 3 * WINDOW), cold + hot)
        self.wait_delivered(bob)

    def test_nobody_waits_for_those_who_wait_for_the_cold_store(self):
        bob, amy = self.user(), self.user()
        sleepers = [self.user() for _ in range(PAGES_MAX + 8)]
        for user in (bob, *sleepers):
            self.send(user, 1)
        wait_for(lambda: all(self.is_cold(user)
                             for user in (bob, *sleepers)), "all is on disk")
        acking, awake = self.listen(bob), self.listen(amy)
        ids = self.taken(acking, 1)
        lock = sqlite3.connect(self.stack.path("waypost.db"),
                               isolation_level=None)
        self.addCleanup(lock.close)
        lock.execute("BEGIN IMMEDIATE")
        # It waits for the lock, and all who read there wait behind it.
        self.ack(acking, ids)
        others = [self.listen(user) for user in sleepers]
        self.assertEqual(self.send(amy, 1), self.taken(awake, 1))
        # Nor has the ack been answered.
        acking.send_json({"type": "ping"})
        self.assertEqual(acking.recv_json()["type"], "pong")
        lock.execute("ROLLBACK")
        for one in others:
            self.taken_and_acked(one, 1)

    def test_two_connections_and_a_pull_lose_nothing(self):
        bob = self.user()
        first, second = self.listen(bob), self.listen(bob)
        poked = self.connect(bob)
        sent = self.send(bob, WINDOW)
        self.assertEqual(self.taken(first, WINDOW), sent)
        self.assertEqual(self.taken(second, WINDOW), sent)
        poked.expect("poke")
        self.assertEqual(self.message_ids(bob, WINDOW), sent)

        self.ack(first, sent[::2])
        first.expect("acked")
        self.assert_status(bob.ack(sent[1::2]), 204)
        self.assert_nothing_waits(bob)
        # What was deleted behind their backs is acked all the same.
        self.ack(first, sent[1::2])
        self.ack(second, sent)
        more = self.send(bob, WINDOW)
        self.assertEqual(self.taken(first, WINDOW), more)
        self.assertEqual(self.taken(second, WINDOW), more)
        self.ack(second, more)
        self.wait_delivered(bob)

    def test_long_envelopes_go_by_their_bytes(self):
        bob = self.user()
        # Two of them are more than half of the queue; one is more than it.
        sent = self.send(bob, 3, b"x" * 16000)
        sent += self.send(bob, 1, b"x" * (QUEUE_BYTES + 1000))
        sent += self.send(bob, 2)
        one = self.listen(bob)
        seen = self.taken(one, 1)
        self.assert_silent(one)
        self.ack(one, seen)
        seen += self.taken_and_acked(one, 5)
        self.assertEqual(seen, sent)
        self.wait_delivered(bob)

    def test_a_dead_letter_that_comes_back_is_seen(self):
        """Its old place is in front of what was sent since."""
        bob = self.user()
        one = self.listen(bob)
        # What waits while his queue cannot be written is given up.
        with self.stack.redis() as redis:
            queue = self.queue_of(bob, one)
            redis("SET", queue, "no stream")
            buried = self.send(bob, 1)
            wait_for(lambda: self.waypost("dlq", "list") != "",
                     "a dead letter")
            redis("DEL", queue)
        sent = self.send(bob, 2)
        self.assertEqual(self.taken(one, 2), sent)
        self.waypost("dlq", "requeue", "--all")
        self.ack(one, sent)
        self.assertEqual(self.taken_and_acked(one, 1), buried)
        self.wait_delivered(bob)

    def queue_of(self, user, one):
        sent = self.send(user, 1)
        self.assertEqual(self.taken(one, 1), sent)
        [queue] = self.redis_keys("wp:*:hot:" + user.urn)
        self.ack(one, sent)
        one.expect("acked")
        return queue

    def waypost(self, *words):
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), *words],
            env=self.stack.base_env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def test_who_acks_nothing_is_closed_and_who_acks_stays(self):
        bob, carol = self.user(), self.user()
        silent, busy = self.listen(bob), self.listen(carol)
        self.send(bob, 1)
        self.send(carol, 1)
        self.taken(silent, 1)
        kept = self.taken(busy, 1)
        begin = time.monotonic()
        with self.assertRaises(Closed) as closed:
            while True:
                self.ack(busy, ["00000000-0000-7000-8000-000000000000"])
                busy.expect("acked")
                silent.recv(0.2)
        self.assertEqual(closed.exception.code, 1013)
        self.assertGreater(time.monotonic() - begin, ACK_TIMEOUT_MS / 2000)
        self.ack(busy, kept)
        busy.expect("acked")
        waiting = self.message_ids(bob, 1)
        self.assertEqual(self.taken_and_acked(self.listen(bob), 1), waiting)

    def test_who_was_sent_nothing_is_not_hurried(self):
        bob = self.user()
        one = self.listen(bob)
        self.assertIsNone(one.recv(1.5 * ACK_TIMEOUT_MS / 1000))


class Meanwhile(WebSocket):
    """Something happens between its request and the answer."""

    def __init__(self, *arguments, meanwhile, **how):
        self.meanwhile = meanwhile
        super().__init__(*arguments, **how)

    def _read_response(self):
        self.meanwhile()
        return super()._read_response()


class InlineOutage(InlineTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"inline_window": WINDOW},
                          "store": {"busy_timeout_ms": 500}})

    def switch_off(self):
        path = self.stack.path("waypost.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.addCleanup(self.reload, path, text)
        self.reload(path, text.replace(f"inline_window: {WINDOW}",
                                       "inline_window: 0"))

    def reload(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = self.stack.read_log(DAEMON).count(RELOADED)
        self.stack.programs[DAEMON].signal(signal.SIGHUP)
        wait_for(lambda: self.stack.read_log(DAEMON).count(RELOADED) > done,
                 "the reload")

    def test_it_is_switched_off_while_somebody_comes_in(self):
        """What was taken up with the request is given."""
        bob = self.user()
        redis = self.stack.programs["redis"].process.pid
        daemon = self.stack.socket_path(DAEMON + ".sock")

        def meanwhile():
            # Its answer comes behind the request's, which has to wait.
            with self.assertRaises(Refused):
                self.connect(bob, "/healthz", unix_path=daemon)
            self.switch_off()
            self.thaw(redis)
        self.freeze(redis)
        one = Meanwhile(self.stack.port, "/connect?deliver=inline",
                        [("Authorization", "Bearer " + bob.token)],
                        unix_path=daemon, meanwhile=meanwhile)
        self.addCleanup(one.abort)
        greeting = one.expect("connected")
        self.assertEqual((greeting["deliver"], greeting["window"]),
                         ("inline", WINDOW))
        sent = self.send(bob, 1)
        self.assertEqual(self.taken_and_acked(one, 1), sent)
        self.assertNotIn("deliver", self.connect(
            bob, "/connect?deliver=inline").expect("connected"))

    def test_redis_dies_and_comes_back(self):
        bob = self.user()
        one = self.listen(bob)
        sent = self.send(bob, WINDOW)
        self.assertEqual(self.taken(one, WINDOW), sent)
        self.stack.kill("redis")
        self.stack.restart("redis")
        self.wait_all_ready()
        more = self.send(bob, 2)
        self.ack(one, sent)
        answer = one.recv_json()
        while answer["type"] not in ("acked", "error"):
            answer = one.recv_json()
        self.assertEqual(answer["type"], "acked")
        self.assertEqual(self.taken_and_acked(one, 2), more)
        self.wait_delivered(bob)
