"""What every program tells at its metrics_listen."""
import json
import os
import shutil
import signal
import socket
import subprocess
import unittest

from accounts import children_of
from devkit.user import envelope
from harness import E2eTest, new_stack, wait_for

SERIES_MAX = 400
PROMTOOL = shutil.which("promtool")


class Metrics(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"handlers": {"processes": 2},
                          "push": {"enabled": True}})

    def programs(self):
        return [name for name in self.stack.programs
                if name not in ("redis", "web")]

    def test_each_tells_what_all_tell(self):
        for name in self.programs():
            with self.subTest(name):
                text = self.stack.metrics(name)
                series = [line for line in text.splitlines()
                          if not line.startswith("#")]
                self.assertLessEqual(len(series), SERIES_MAX)
                self.assertRegex(text, r'(?m)^waypost_build_info\{program="'
                                 r'waypost-\w+",version="[\d.]+[^"]*"\} 1$')
                for metric in ("process_start_time_seconds",
                               "process_cpu_seconds_total",
                               "process_resident_memory_bytes",
                               "process_open_fds", "process_max_fds",
                               'waypost_log_lines_total{level="error"}'):
                    self.assertIsNotNone(self.stack.metric(name, metric),
                                         metric)

    @unittest.skipUnless(PROMTOOL, "promtool is not here (Debian: prometheus)")
    def test_promtool_has_nothing_to_say(self):
        self.assert_accepted(self.user().send(self.user()))
        for name in self.programs():
            with self.subTest(name):
                said = subprocess.run(
                    [PROMTOOL, "check", "metrics"], text=True, check=False,
                    input=self.stack.metrics(name), stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT)
                self.assertEqual((said.stdout, said.returncode), ("", 0))

    def sent(self, program, door, result):
        return self.stack.metric(
            program, f'waypost_sends_total{{door="{door}",'
            f'result="{result}"}}')

    def test_sends_are_counted_by_door_and_result(self):
        alice, bob = self.user(), self.user()
        doors = (("handlers", "http"), ("handlers", "batch"),
                 ("websocket-0", "ws"), ("worker-0", "inbox"))
        before = {door: self.sent(program, door, "accepted")
                  for program, door in doors}
        self.assert_accepted(alice.send(bob))
        self.assert_error(alice.call("POST", "/api/send", "{}"), 400)
        self.assert_status(alice.call(
            "POST", "/api/send/batch",
            {"envelopes": [envelope(bob.urn), {}]}), 202)
        peer = self.connect(alice)
        peer.send_json({"type": "send", "ref": "a",
                        "envelope": envelope(bob.urn)})
        peer.expect("accepted")
        with self.stack.redis() as redis:
            redis("XADD", "wp:inbox", "*", "envelope",
                  json.dumps(envelope(bob.urn)))
        for program, door in doors:
            wait_for(lambda p=program, d=door: self.sent(p, d, "accepted") ==
                     before[d] + 1, f"one more through {door}")
        key = {"headers": {"Idempotency-Key": "metrics-" + alice.name}}
        self.assert_accepted(alice.send(bob, **key))
        before = self.sent("handlers", "http", "accepted")
        repeated = self.sent("handlers", "http", "repeated")
        self.assert_accepted(alice.send(bob, **key))
        self.assertEqual(self.sent("handlers", "http", "repeated"),
                         repeated + 1)
        self.assertEqual(self.sent("handlers", "http", "accepted"), before)
        self.assertGreater(self.sent("handlers", "http", "invalid"), 0)
        self.assertGreater(self.sent("handlers", "batch", "invalid"), 0)

    def delivered(self, program, door):
        return self.stack.metric(
            program,
            f'waypost_delivery_duration_seconds_count{{door="{door}"}}')

    def test_acks_tell_how_long_delivery_took(self):
        alice, bob = self.user(), self.user()
        peer = self.connect(bob)
        peer.expect("connected")

        def next_id():
            self.assert_accepted(alice.send(bob))
            peer.expect("poke")
            return wait_for(lambda: [m["id"] for m in
                                     bob.pull().json()["messages"]], "it")
        before = self.delivered("handlers", "http")
        self.assert_status(bob.ack(next_id()), 204)
        self.assertEqual(self.delivered("handlers", "http"), before + 1)
        before = self.delivered("websocket-0", "ws")
        peer.send_json({"type": "ack", "messageIds": next_id()})
        peer.expect("acked")
        self.assertEqual(self.delivered("websocket-0", "ws"), before + 1)

    def test_what_waits_for_slow_readers_is_told(self):
        bob = self.user()
        slow = self.connect(bob, receive_buffer=4096)
        slow.expect("connected")

        def queued():
            return self.stack.metric("websocket-0", "waypost_ws_queued_bytes")
        text = json.dumps({"type": "n", "payload": "x" * 30000})
        with self.stack.redis() as redis:
            for _ in range(2000):
                redis("PUBLISH", "user_noti:" + bob.name, text)
                if queued() > 0:
                    break
        self.assertGreater(queued(), 0)
        slow.close()
        wait_for(lambda: queued() == 0, "nothing to wait")

    def test_redis_is_told_to_be_away_and_back(self):
        programs = ("handlers", "worker-0", "websocket-0")

        def up(value):
            return all(self.stack.metric(name, "waypost_redis_up") == value
                       for name in programs)

        wait_for(lambda: up(1), "it is up")
        wait_for(lambda: self.stack.metric("worker-0", "waypost_store_up") ==
                 1, "so is the store")
        self.assertGreater(self.stack.metric(
            "handlers", "waypost_redis_used_memory_bytes"), 1 << 16)
        self.assertGreater(self.stack.metric(
            "worker-0", "waypost_store_bytes"), 1 << 12)
        redis = self.stack.programs["redis"]
        redis.stop()
        self.addCleanup(self.wait_all_ready)
        wait_for(lambda: up(0), "it is away")
        redis.start()
        wait_for(lambda: up(1), "it is back")

    def test_the_parent_tells_of_its_processes(self):
        def processes():
            return self.stack.metric("handlers", "waypost_http_processes")

        wait_for(lambda: processes() == 2, "two")
        # Three processes, each with an event loop or an epoll.
        self.assertGreater(self.stack.metric("handlers", "process_open_fds"),
                           30)
        before = self.stack.metric("handlers", "process_cpu_seconds_total")
        [first, *_] = children_of(self.stack.programs["handlers"].pid)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: self.stack.metric(
            "handlers", "waypost_http_process_restarts_total") >= 1 and
            processes() == 2, "another one")
        self.assertGreaterEqual(self.stack.metric(
            "handlers", "process_cpu_seconds_total"), before)

    def test_nobody_is_kept_waiting_by_who_says_nothing(self):
        for name in self.programs():
            silent = []
            for _ in range(40):
                peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.addCleanup(peer.close)
                peer.connect(self.stack.socket_path(name + "-metrics.sock"))
                peer.sendall(b"GET /metr")
                silent.append(peer)
            self.assertIn("waypost_build_info", self.stack.metrics(name))
            self.assert_accepted(self.user().send(self.user()))

    def test_no_web_server_tells(self):
        answer = self.stack.http().request("GET", "/metrics")
        self.assertNotIn(b"waypost_", answer.body)
        self.assertNotEqual(answer.status, 200)
