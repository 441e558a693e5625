"""Whoever had the notification service and has Waypost now: its environment, a
back end and clients that were written for it, none of them changed."""
import json

from devkit.token import mint
from harness import (ALLOWED_ORIGIN, E2eTest, Refused, WebSocket, new_stack,
                     wait_for)

SECRET = "that service had a secret of 40 characters"
# As its deployment has it; the names of ours that say the same are unset.
ENVIRONMENT = {
    "JWT_SECRET": "", "JWT_SECRET_KEY": SECRET, "ENV": "dev",
    "WS_PING_INTERVAL": "30s", "WS_PONG_WAIT": "1m", "WS_WRITE_WAIT": "10s",
    "WS_MAX_CONNECTIONS": "12", "WS_MAX_MESSAGE_SIZE": "512",
    "REDIS_USE_TLS": "false", "REDIS_POOL_SIZE": "100",
    "COOKIE_NAME": "smap_auth_token", "LOGGER_LEVEL": "info",
}
TYPES = ("notification", "alert", "update", "ping", "pong",
         "project_progress", "project_completed", "dryrun_result", "of_ours")
PAYLOADS = ('{"n": 1.50, "text":"\\u00e9 ü \\n", "list":[ ]}', '"text"', "null",
            "[1,{}]", "-0.0", "true")


class Client:
    """One of its clients: reads a frame, parses it, acts on types it knows."""

    def __init__(self, socket):
        self.socket = socket

    def next(self):
        while True:
            text = self.socket.recv()
            frame = json.loads(text)
            # It was never told of these.
            if frame["type"] not in ("connected", "poke"):
                return text, frame


class Moved(E2eTest):
    feed_mode = "pattern"
    hears_of_absent = 1  # daemons

    @classmethod
    def make_stack(cls):
        return new_stack(
            {"environment_names": "notification-service",
             "cors": {"allowed_origins": [ALLOWED_ORIGIN]},
             "websocket": {"feed_mode": cls.feed_mode,
                           "canary_interval_seconds": 1}},
            program_env=lambda name: ENVIRONMENT)

    def setUp(self):
        wait_for(lambda: self.stack.metric(
            "websocket-0", "waypost_ws_connections") == 0,
            "there is room for all")

    def token(self, user):
        return mint(SECRET, user)

    def browser(self, user):
        """With the cookie of its pages."""
        return self.listen("/ws", {
            "Cookie": f"theme=dark; smap_auth_token={self.token(user)}",
            "Origin": ALLOWED_ORIGIN})

    def phone(self, user):
        return self.listen(f"/ws?token={self.token(user)}", {})

    def listen(self, target, headers):
        socket = WebSocket(self.stack.port, target=target, headers=headers)
        self.addCleanup(socket.abort)
        return Client(socket)

    def publish(self, *messages):
        """How many daemons have heard each."""
        with self.stack.redis() as redis:
            return redis.at_once([("PUBLISH", channel, text)
                                  for channel, text in messages])

    def test_each_connection_of_a_user_gets_what_was_published(self):
        bob = self.user().name
        clients = [self.browser(bob), self.phone(bob)]
        sent = [(kind, payload) for kind in TYPES for payload in PAYLOADS]
        self.publish(*((f"user_noti:{bob}",
                        f'{{"type":"{kind}","payload":{payload}}}')
                       for kind, payload in sent))
        for client in clients:
            for kind, payload in sent:
                text, frame = client.next()
                self.assertEqual(sorted(frame),
                                 ["payload", "timestamp", "type"])
                self.assertEqual(frame["type"], kind)
                self.assertIn(f'"payload":{payload},', text)

    def test_a_burst_is_whole_and_in_order(self):
        bob = self.user().name
        client = self.phone(bob)
        self.publish(*((f"user_noti:{bob}",
                        json.dumps({"type": "update", "payload": n}))
                       for n in range(300)))
        self.assertEqual([client.next()[1]["payload"] for _ in range(300)],
                         list(range(300)))

    def test_what_was_published_wrongly_hurts_nobody(self):
        bob = self.user().name
        client = self.browser(bob)
        heard = self.publish(
            (f"user_noti:{bob}", "no JSON"),
            (f"user_noti:{bob}", "[1]"),
            (f"user_noti:{bob}", '{"payload":1}'),
            (f"user_noti:{bob}:{bob}", '{"type":"alert"}'),
            (f"user_noti:{bob}", b'{"type":"alert","payload":"\xff"}'),
            (f"user_noti:{self.user().name}", '{"type":"alert"}'),
            (f"user_noti:{bob}", '{"type":"alert","payload":7}'))
        self.assertEqual(heard[-2], self.hears_of_absent)
        self.assertEqual(heard[-1], 1)
        self.assertEqual(client.next()[1]["payload"], 7)

    def test_who_was_let_in_misses_nothing_from_then_on(self):
        bob = self.user().name
        for n in range(40):
            socket = WebSocket(self.stack.port,
                               target=f"/ws?token={self.token(bob)}")
            self.publish((f"user_noti:{bob}", f'{{"type":"t","payload":{n}}}'))
            self.assertEqual(Client(socket).next()[1]["payload"], n)
            socket.close()

    def test_redis_may_be_cut(self):
        bob = self.user().name
        client = self.phone(bob)
        with self.stack.redis() as redis:
            redis("CLIENT", "KILL", "TYPE", "pubsub")
        wait_for(lambda: self.publish((f"user_noti:{bob}", "-")) == [1],
                 "it is heard again")
        self.publish((f"user_noti:{bob}", '{"type":"alert","payload":8}'))
        self.assertEqual(client.next()[1]["payload"], 8)

    def test_the_daemon_hears_itself(self):
        count = ("waypost_ws_canary_duration_seconds_count"
                 '{kind="notification"}')
        before = self.stack.metric("websocket-0", count)
        wait_for(lambda: self.stack.metric("websocket-0", count) > before,
                 "what it has sent itself")

    def test_its_limits_are_ours(self):
        names = [self.user().name for _ in range(13)]
        clients = [self.phone(name) for name in names[:12]]
        with self.assertRaises(Refused) as refused:
            WebSocket(self.stack.port,
                      target=f"/ws?token={self.token(names[12])}")
        self.assertEqual(refused.exception.response.status, 503)
        clients[0].socket.send_text("x" * 513)
        self.assertEqual(clients[0].socket.wait_closed(), 1009)


class MovedPerUser(Moved):
    feed_mode = "per-user"
    hears_of_absent = 0
