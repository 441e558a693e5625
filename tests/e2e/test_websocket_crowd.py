"""A crowd that does not read, reads by the spoonful, says nothing, or says what
nobody understands, all at once and through the web server: each of it ends as
it has to, what waits for it is bounded, and nobody else misses anything.

Environment: WAYPOST_CROWD, how many of each kind.
"""
import itertools
import json
import os
import random
import socket

from devkit.websocket import TEXT, encode_frame
from harness import E2eTest, PATIENCE_S, SLOWNESS, new_stack, wait_for

EACH = int(os.environ.get("WAYPOST_CROWD", "25"))
BYSTANDERS = 5
QUEUE_BYTES = 65536
PAYLOAD = "x" * 30000
SPOON = 64  # bytes
# So many of them in a round: Redis cuts off a daemon for which 32 MB wait. The
# sockets on the way hold three megabytes for each who reads nothing.
IN_A_ROUND = 400
AT_ONCE = max(IN_A_ROUND // (2 * EACH), 1)
IDLE_MS = int(12000 * max(EACH / 25, 1)) * SLOWNESS
CLOSES = 'waypost_ws_closes_total{reason="%s"}'
TELL = """
for i = 3, #ARGV do
  for _ = 1, ARGV[1] do redis.call('PUBLISH', 'user_noti:' .. ARGV[i], ARGV[2])
  end
end"""


class Crowd(E2eTest):
    timeout_s = 90 + 4 * EACH

    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {
            "max_queue_bytes": QUEUE_BYTES,
            "ping_interval_ms": 1000 * SLOWNESS,
            "idle_timeout_ms": IDLE_MS}})

    def come(self, count, **how):
        """So many more, each of them somebody else."""
        people = []
        for _ in range(count):
            user = self.user()
            peer = self.connect(user, **how)
            peer.expect("connected")
            people.append((user, peer))
        return people

    def half_a_request(self):
        peer = socket.create_connection(("127.0.0.1", self.stack.port))
        self.addCleanup(peer.close)
        peer.sendall(b"GET /connect HTTP/1.1\r\nHost: x\r\nUpgrade: webs")

    def number(self, name):
        return self.stack.metric("websocket-0", name)

    def closes(self, reason):
        return self.number(CLOSES % reason)

    @staticmethod
    def tell(redis, people, payload, times=1):
        redis("EVAL", TELL, 0, times, json.dumps(
            {"type": "n", "payload": payload}),
            *[user.name for user, _ in people])

    def goes_on(self, redis, bystanders, number):
        """They miss nothing, and newcomers get in."""
        self.tell(redis, bystanders, number)
        for _, peer in bystanders:
            self.assertEqual(peer.expect("n")["payload"], number)
            peer.send_json({"type": "ping"})
            peer.expect("pong")
        if number % 10 == 0:
            newcomer = self.connect(self.user())
            newcomer.expect("connected")
            newcomer.abort()

    def talk_nonsense(self, generator):
        [(_, peer)] = self.come(1)
        peer.send_raw(encode_frame(TEXT, generator.randbytes(400), mask=False))
        self.assertEqual(peer.wait_closed(PATIENCE_S), 1002)
        peer.abort()

    def test_of_slow_hostile_and_silent_readers(self):
        generator = random.Random(13)
        bystanders = self.come(BYSTANDERS)
        deaf = self.come(EACH, receive_buffer=4096)
        slow = self.come(EACH, receive_buffer=4096)
        unfinished = self.come(EACH)
        for _, peer in unfinished:
            peer.send_raw(encode_frame(TEXT, b"x" * 5000)[:3000])
        # They take what comes to the sockets on the way, and answer no ping.
        silent = self.come(EACH, answer_pings=False)
        for _ in range(EACH):
            self.half_a_request()
        queued = 0
        with self.stack.redis() as redis:
            for number in itertools.count():
                self.tell(redis, deaf + slow, PAYLOAD, AT_ONCE)
                for _, peer in slow:
                    peer.read_spoonful(SPOON)
                if number < EACH:
                    self.talk_nonsense(generator)
                self.goes_on(redis, bystanders, number)
                queued = max(queued, self.number("waypost_ws_queued_bytes"))
                if self.number("waypost_ws_connections") == BYSTANDERS:
                    break
        self.assertGreater(queued, 0)
        self.assertLessEqual(queued, 2 * EACH * QUEUE_BYTES)
        # Whoever took nothing for long is as silent as the silent ones.
        self.assertGreater(self.closes("slow"), 0)
        self.assertGreaterEqual(self.closes("slow") + self.closes("idle"),
                                4 * EACH)
        self.assertGreaterEqual(self.closes("idle"),
                                len(silent) + len(unfinished))
        wait_for(lambda: self.number("waypost_ws_queued_bytes") == 0,
                 "nothing waits for anybody")
