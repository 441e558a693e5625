"""kill -9 of everything, under load: nothing accepted is lost, order holds.

Each sender writes to one recipient, one message after the other, and repeats
a send with its idempotency key until it is accepted. So the numbers that a
recipient sees for the first time must rise, all accepted ones must come, and
each number has one id.
"""
import base64
import http.client
import json
import os
import random
import signal
import threading
import time
import unittest

from devkit.websocket import Closed, Refused
from harness import (E2eTest, PATIENCE_S, SLOWNESS, new_stack,
                     wait_for)

RECIPIENTS = 4
PAUSE_S = 0.03
LOAD_ERRORS = (OSError, http.client.HTTPException, ValueError)


class Pair:
    """A sender and its recipient, each in a thread of its own."""

    def __init__(self, test, index):
        self.random = random.Random(index)
        self.sender = test.user("sender")
        self.recipient = test.user("recipient")
        self.sender.http.timeout_s = self.recipient.http.timeout_s = 10
        # Half of them hold a WebSocket, half only look in now and then.
        self.is_online = index % 2 == 0
        self.accepted = {}  # number -> id
        self.seen = []      # numbers in the order of their first delivery
        self.ids = {}       # number -> id as delivered
        self.acked = set()
        self.failures = []  # what had to be repeated: "pull 502", "send none"
        self.complaints = []
        self.stop_sending = threading.Event()
        self.stop_reading = threading.Event()
        self.has_failed = threading.Event()
        self.threads = [threading.Thread(target=self.guard, args=(work,),
                                         daemon=True)
                        for work in (self.send_all, self.read_all)]

    def guard(self, work):
        try:
            work()
        except Exception as error:  # a thread must not fail in silence
            self.complaints.append(f"{work.__name__}: {error!r}")

    def send_all(self):
        number = 0
        while not self.stop_sending.is_set():
            message_id = self.send_one(number)
            if message_id is None:
                return
            self.accepted[number] = message_id
            number += 1
            time.sleep(PAUSE_S)

    def send_one(self, number):
        """Until it is accepted. Unknown outcomes are repeated, as
        docs/openapi.yaml "info" says."""
        given_up_at = None
        while True:
            try:
                answer = self.sender.send(
                    self.recipient, b"%d" % number,
                    {"Idempotency-Key": f"key-{number}"})
                if answer.status == 202:
                    return answer.json()["id"]
                if not self.may_repeat("send", answer):
                    self.complaints.append(f"send {number}: {answer!r}")
                    return None
            except LOAD_ERRORS:
                self.failures.append("send none")
            if self.has_failed.is_set():
                return None
            if self.stop_sending.is_set():
                given_up_at = given_up_at or time.monotonic() + 60 * SLOWNESS
                if time.monotonic() > given_up_at:
                    self.complaints.append(f"send {number}: never accepted")
                    return None
            time.sleep(0.05)

    def may_repeat(self, what, answer):
        """Not accepted, or unknown: both may be repeated."""
        self.failures.append(f"{what} {answer.status}")
        return answer.status >= 500 and answer.status != 507

    def read_all(self):
        socket = None
        while not self.stop_reading.is_set():
            if self.is_online and socket is None:
                socket = self.try_connect()
            if socket is not None:
                try:
                    socket.recv(0.1)
                except (Closed, OSError):
                    socket.abort()
                    socket = None
            else:
                time.sleep(0.1)
            self.pull_and_ack()
        if socket is not None:
            socket.abort()

    def try_connect(self):
        try:
            return self.recipient.connect(timeout_s=5)
        except (Refused, *LOAD_ERRORS):
            return None

    def pull_and_ack(self):
        try:
            answer = self.recipient.pull(limit=100)
            if answer.status == 200:
                self.note(answer.json()["messages"])
            elif not self.may_repeat("pull", answer):
                self.complaints.append(f"pull: {answer!r}")
        except LOAD_ERRORS:
            self.failures.append("pull or ack none")

    def note(self, messages):
        ids = []
        for message in messages:
            number = int(base64.b64decode(
                message["envelope"]["encryptedData"]))
            if message["id"] in self.acked:
                self.complaints.append(f"{number} came back after its ack")
            if self.ids.setdefault(number, message["id"]) != message["id"]:
                self.complaints.append(f"{number} came with two ids")
            if number not in self.seen[-200:] and number not in self.seen:
                self.seen.append(number)
            ids.append(message["id"])
        # Not all and not always, so that hot and cold both have leftovers.
        chosen = [x for x in ids if self.random.random() < 0.7]
        if chosen and self.random.random() < 0.6:
            answer = self.recipient.ack(chosen)
            if answer.status == 204:
                self.acked.update(chosen)
            elif not self.may_repeat("ack", answer):
                self.complaints.append(f"ack: {answer!r}")

    def verdict(self):
        complaints = list(self.complaints)
        missing = sorted(set(self.accepted) - set(self.seen))
        if missing:
            complaints.append(f"accepted, never delivered: {missing[:10]}")
        if self.seen != sorted(self.seen):
            at = next(i for i in range(1, len(self.seen))
                      if self.seen[i] < self.seen[i - 1])
            complaints.append(
                f"out of order: {self.seen[max(0, at - 3):at + 3]}")
        wrong = [n for n, x in self.accepted.items()
                 if self.ids.get(n, x) != x]
        if wrong:
            complaints.append(f"delivered under another id: {wrong[:10]}")
        return complaints


class FaultTest(E2eTest):
    timeout_s = 240
    workers = 1
    websockets = 1
    pools = 1

    @classmethod
    def make_stack(cls):
        return new_stack(workers=cls.workers, websockets=cls.websockets,
                         pools=cls.pools)

    @classmethod
    def setUpClass(cls):
        if cls is FaultTest:
            raise unittest.SkipTest("only a base")
        super().setUpClass()

    def under_load(self, disturb):
        """Run disturb() while messages flow; then all promises must hold."""
        pairs = [Pair(self, i) for i in range(RECIPIENTS)]
        for pair in pairs:
            for thread in pair.threads:
                thread.start()
        try:
            self.flows(pairs)
            disturb(pairs)
            self.flows(pairs)
        except BaseException:
            for pair in pairs:
                pair.has_failed.set()
                pair.stop_reading.set()
            raise
        finally:
            for pair in pairs:
                pair.stop_sending.set()
            for pair in pairs:
                pair.threads[0].join()
        deadline = time.monotonic() + 30 * SLOWNESS
        while time.monotonic() < deadline and any(
                len(pair.seen) < len(pair.accepted) for pair in pairs):
            time.sleep(0.1)
        for pair in pairs:
            pair.stop_reading.set()
        for pair in pairs:
            pair.threads[1].join()
        complaints = [f"{pair.recipient.name}: {text}"
                      for pair in pairs for text in pair.verdict()]
        self.assertEqual(complaints, [])
        self.assertTrue(all(len(pair.accepted) > 5 for pair in pairs))

    def flows(self, pairs, timeout_s=60):
        """Every recipient gets something new."""
        for pair in pairs:
            before = len(pair.seen)
            wait_for(lambda p=pair, n=before: len(p.seen) > n + 3,
                     f"{pair.recipient.name} gets new messages; "
                     f"{pair.complaints}", timeout_s * SLOWNESS)

    def failures(self, pairs):
        """What had to be repeated since the last look."""
        found = []
        for pair in pairs:
            seen, pair.failures = pair.failures, []
            found += seen
        return found

    def incarnation(self, daemon):
        """As that daemon is registered now."""
        found = None
        for line in self.stack.read_log(daemon).splitlines():
            entry = json.loads(line)
            if entry.get("msg") == "presence live":
                found = entry["incarnation"]
        return found

    def recovers(self):
        self.stack.wait_ready()


class OneByOne(FaultTest):
    def kill_and_restart(self, name):
        def disturb(pairs):
            for _ in range(2):
                self.stack.kill(name)
                time.sleep(0.3)
                self.stack.restart(name)
                self.flows(pairs)
        self.under_load(disturb)
        self.recovers()

    def test_handlers(self):
        self.kill_and_restart("handlers")

    def test_worker(self):
        self.kill_and_restart("worker-0")

    def test_websocket_daemon(self):
        self.kill_and_restart("websocket-0")

    def test_redis(self):
        self.kill_and_restart("redis")

    def test_web_server(self):
        self.kill_and_restart("web")

    def test_one_handler_process_is_replaced_by_its_parent(self):
        parent = self.stack.programs["handlers"].pid

        def children():
            with open(f"/proc/{parent}/task/{parent}/children",
                      encoding="ascii") as file:
                return [int(word) for word in file.read().split()]

        def disturb(pairs):
            before = children()
            for pid in before:
                os.kill(pid, signal.SIGKILL)
                self.flows(pairs)
            wait_for(lambda: len(children()) == len(before) and
                     not set(children()) & set(before), "new children")
        self.under_load(disturb)
        self.assertTrue(self.stack.programs["handlers"].is_running())

    def test_worker_stopped_past_its_lease_wakes_up(self):
        def disturb(pairs):
            worker = self.stack.programs["worker-0"]
            worker.signal(signal.SIGSTOP)
            time.sleep(5)
            worker.signal(signal.SIGCONT)
            self.flows(pairs)
        self.under_load(disturb)

    def test_redis_frozen_for_a_while(self):
        def disturb(pairs):
            server = self.stack.programs["redis"]
            server.signal(signal.SIGSTOP)
            time.sleep(4)
            server.signal(signal.SIGCONT)
            self.flows(pairs)
        self.under_load(disturb)
        self.recovers()


class Together(FaultTest):
    workers = 2
    websockets = 2

    def test_everything_dies_at_once_and_later_returns(self):
        def disturb(pairs):
            names = list(self.stack.programs)
            for name in names:
                self.stack.kill(name)
            time.sleep(0.5)
            for name in names:
                self.stack.restart(name)
            self.recovers()
            self.flows(pairs)
        self.under_load(disturb)

    def test_random_deaths(self):
        generator = random.Random(7)

        def disturb(pairs):
            names = list(self.stack.programs)
            for _ in range(8):
                name = generator.choice(names)
                self.stack.kill(name)
                time.sleep(generator.random())
                self.stack.restart(name)
                time.sleep(generator.random())
            self.recovers()
            self.flows(pairs)
        self.under_load(disturb)

    def test_second_worker_goes_on_alone(self):
        def disturb(pairs):
            for name in ("worker-0", "worker-1"):
                self.stack.kill(name)
                # A lease is at most 5 s; the other one takes over.
                self.flows(pairs, 10)
                self.stack.restart(name)
            self.flows(pairs)
        self.under_load(disturb)


class Presence(FaultTest):
    def status(self, user):
        answer = user.call("GET", "/api/presence?users=" + user.urn)
        self.assert_status(answer, 200)
        return answer.json()["users"][0]["status"]

    def test_users_of_a_dead_daemon_go_offline_within_15_seconds(self):
        bob = self.user()
        socket = self.connect(bob)
        socket.expect("connected")
        message_id = self.assert_accepted(self.user().send(bob))
        socket.expect("poke")

        self.stack.kill("websocket-0")
        started = time.monotonic()

        wait_for(lambda: self.status(bob) == "offline", "offline",
                 15 + 10 * (SLOWNESS - 1))
        self.assertLess(time.monotonic() - started,
                        15 + 10 * (SLOWNESS - 1))
        wait_for(lambda: self.is_cold(bob), "migration")
        self.assertEqual(self.message_ids(bob, 1), [message_id])
        self.stack.restart("websocket-0")
        self.stack.wait_ready()
        again = self.connect(bob)
        self.assertGreater(again.expect("connected")["pending"], 0)
        again.expect("poke")

    def test_connection_survives_a_restart_of_redis(self):
        bob = self.user()
        socket = self.connect(bob)
        socket.expect("connected")

        self.stack.kill("redis")
        self.stack.restart("redis")
        self.stack.wait_ready()

        wait_for(lambda: self.status(bob) == "online", "online again")
        message_id = self.assert_accepted(self.user().send(bob))
        socket.expect("poke", PATIENCE_S)
        self.assertEqual(self.message_ids(bob, 1), [message_id])

    def test_daemon_stopped_for_20_seconds_comes_back(self):
        bob = self.user()
        socket = self.connect(bob)
        socket.expect("connected")
        daemon = self.stack.programs["websocket-0"]

        daemon.signal(signal.SIGSTOP)
        wait_for(lambda: self.status(bob) == "offline", "offline",
                 20 * SLOWNESS)
        self.assert_accepted(self.user().send(bob))
        daemon.signal(signal.SIGCONT)

        socket.expect("poke", PATIENCE_S)
        wait_for(lambda: self.status(bob) == "online", "online again")


class Overload(FaultTest):
    timeout_s = 240

    @classmethod
    def make_stack(cls):
        return new_stack(redis_config=["maxmemory 24mb"])

    def test_full_redis_refuses_sends_and_drains_by_itself(self):
        bob = self.user()
        socket = self.connect(bob)
        socket.expect("connected")
        accepted = []
        for _ in range(2000):
            answer = self.user().send(bob, "A" * 60000)
            if answer.status != 202:
                break
            accepted.append(answer.json()["id"])
        self.assert_error(answer, 503, "overloaded")
        self.assertGreater(len(accepted), 20)

        seen = []
        while len(seen) < len(accepted):
            page = [m["id"] for m in bob.pull().json()["messages"]]
            if page:
                self.assert_status(bob.ack(page), 204)
            seen += page
        self.assertEqual(seen, accepted)

        def accepts():
            return self.user().send(bob).status == 202
        wait_for(accepts, "sends are accepted again")

    def test_stopped_worker_with_a_full_ingress_is_told(self):
        self.stack.kill("worker-0")
        bob = self.user()
        status = 202
        for _ in range(2000):
            answer = self.user().send(bob, "A" * 60000)
            status = answer.status
            if status != 202:
                break
        self.assert_error(answer, 503, "overloaded")

        self.stack.restart("worker-0")

        def accepts():
            for _ in range(20):
                page = [m["id"] for m in bob.pull().json()["messages"]]
                if page:
                    self.assert_status(bob.ack(page), 204)
            return self.user().send(self.user()).status == 202
        wait_for(accepts, "sends are accepted again", 60 * SLOWNESS)
