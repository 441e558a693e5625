"""A notification service of the operator's own reads from a stream of Redis
whom to tell; others hear of it on a channel (docs/push.md)."""
import base64
import datetime
import json
import os
import socket
import subprocess
import tempfile
import unittest
import uuid

from devkit.names import Names
from harness import PATIENCE_S, new_stack, wait_for
from test_push import PushTest

BUILD = os.environ["WAYPOST_E2E_BUILD"]
STREAM, CHANNEL = "wp:push", "wp:offline"
# Members of the messages that the first consumer of this topic reads, and the
# types of their values (seed's NotificationRequest, as ProtoJSON).
WRAPPER = {"id": str, "payload": str, "publishTime": str}
REQUEST = {"recipientId": str, "content": dict, "dataPayload": dict}
CONTENT = {"title": str, "body": str, "sound": str}


def strict(value, members, optional=()):
    """Has it these members and no others, as ProtoJSON wants it?"""
    assert set(members) - set(optional) <= set(value) <= set(members), value
    assert all(isinstance(value[name], members[name]) for name in value), value
    return value


def decode(text):
    """(id, request) of an entry's payload."""
    wrapper = strict(json.loads(text), WRAPPER)
    datetime.datetime.fromisoformat(
        wrapper["publishTime"].replace("Z", "+00:00"))
    request = strict(json.loads(base64.b64decode(wrapper["payload"],
                                                 validate=True)), REQUEST)
    strict(request["content"], CONTENT, ["sound"])
    assert all(isinstance(text, str) and text
               for text in request["dataPayload"].values())
    assert request["recipientId"]
    return wrapper["id"], request


class BusTest(PushTest):
    push = {"mode": "live", "apps": []}
    more = {"bus": {"push": "redis"}}

    @classmethod
    def setUpClass(cls):
        if cls is BusTest:
            raise unittest.SkipTest("only a base")
        super().setUpClass()

    def entries(self, user=None):
        """[(id, request)], the oldest first."""
        with self.stack.redis() as redis:
            found = [decode(dict(zip(flat[::2], flat[1::2]))[b"payload"])
                     for _, flat in redis("XRANGE", STREAM, "-", "+")]
        return [(name, request) for name, request in found
                if user is None or request["recipientId"] == user.urn]

    def prefer(self, user, **what):
        answer = user.call("PUT", "/api/push/preferences", what)
        self.assert_status(answer, 200)

    def now_ms(self):
        """By Redis' clock."""
        with self.stack.redis() as redis:
            seconds, micros = redis("TIME")
        return int(seconds) * 1000 + int(micros) / 1000

    def wait_put_off(self, user, least_s):
        """Later than it was to be looked at when it came."""
        due = self.now_ms() + least_s * 1000
        wait_for(lambda: (self.entry(user) or 0) > due and
                 not self.fields(user).get("busy"), "it is put off")

    def wait_entries(self, user, count):
        wait_for(lambda: len(self.entries(user)) >= count,
                 lambda: f"{count}: {self.entries(user)}")
        found = self.entries(user)
        self.assertEqual(len(found), count)
        return found

    def cli(self, *words):
        """As docs/push.md has it."""
        done = subprocess.run(
            ["redis-cli", "-s", self.stack.redis_socket, "--json", *words],
            capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        return json.loads(done.stdout)


class Bus(BusTest):
    def test_who_has_no_device_is_told_once_and_of_nothing_else(self):
        bob = self.user()
        self.send(bob, 3)
        [(name, request)] = self.wait_entries(bob, 1)
        self.assertEqual(uuid.UUID(name).version, 8)
        self.assertEqual(request, {
            "recipientId": bob.urn,
            "content": {"title": "New Message",
                        "body": "You have received a new secure message.",
                        "sound": "default"},
            "dataPayload": {"msg_type": "secure_text", "push_id": name}})
        self.wait_answered(bob)
        self.assertEqual(len(self.entries(bob)), 1)
        self.assertTrue(any(field.startswith("d:*bus.")
                            for field in self.fields(bob)))

    def test_a_consumer_group_reads_it(self):
        self.cli("XGROUP", "CREATE", STREAM, "notes", "$", "MKSTREAM")
        bob = self.user()
        self.send(bob)
        answer = self.cli("XREADGROUP", "GROUP", "notes", "one", "COUNT", "10",
                          "BLOCK", str(PATIENCE_S * 1000), "STREAMS", STREAM,
                          ">")
        [[entry, [field, payload]]] = answer[STREAM]
        self.assertEqual(field, "payload")
        _, request = decode(payload)
        self.assertEqual(request["recipientId"], bob.urn)
        self.assertEqual(self.cli("XACK", STREAM, "notes", entry), 1)
        self.assertEqual(self.cli("XPENDING", STREAM, "notes")[0], 0)

    def test_what_was_acked_before_is_no_entry(self):
        bob, amy = self.user(), self.user()
        with self.notifiers_stopped():
            self.send(bob)
            self.wait_asked(bob)
            self.ack_all(bob, 1)
        self.wait_answered(bob)
        self.send(amy)
        self.wait_entries(amy, 1)
        self.assertEqual(self.entries(bob), [])

    def test_its_user_decides_and_the_ladder_holds(self):
        bob = self.user()
        self.prefer(bob, mute=True)
        self.send(bob)
        self.wait_put_off(bob, 3600)
        self.assertEqual(self.entries(bob), [])
        self.prefer(bob, mute=False)
        [(first, _)] = self.wait_entries(bob, 1)
        self.wait_answered(bob)
        # He shows no life: the next is half a minute away.
        self.send(bob)
        self.wait_put_off(bob, 10)
        self.assertEqual([name for name, _ in self.entries(bob)], [first])
        # An ack is life.
        self.ack_all(bob, 2)
        self.send(bob)
        found = self.wait_entries(bob, 2)
        self.assertNotEqual(found[1][0], first)


class Dead(BusTest):
    """A bot that takes a connection and says nothing keeps an answer away for
    five seconds, in which others have been told."""
    HOST = "silent.example.test"

    @classmethod
    def make_stack(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        names = Names(os.path.join(BUILD, "tests", "push", "hosts.so"),
                      os.path.join(folder, "hosts"))
        if not names.are_there:
            raise unittest.SkipTest("hosts.so was not built "
                                    "(make tests-build)")
        names.lead(cls.HOST, "127.0.0.1")
        listener = cls.enterClassContext(socket.create_server(
            ("127.0.0.1", 0)))
        cls.port = listener.getsockname()[1]
        return new_stack({
            "push": {"enabled": True, "mode": "live", "user_webhooks": True,
                     "web_ports": [str(cls.port)],
                     "allow_networks": ["127.0.0.1/32"],
                     "rates": ["webhook=100/4"]},
            "bus": {"push": "redis"}}, program_env=lambda name: names.env()
            if name.startswith("notifier") else {})

    def test_the_same_one_again_has_the_same_id(self):
        bob = self.user()
        self.assert_status(bob.call("POST", "/api/devices", {
            "kind": "webhook",
            "endpoint": f"https://{self.HOST}:{self.port}/"}), 201)
        self.send(bob)
        [(first, _)] = self.wait_entries(bob, 1)
        self.stack.kill("notifier-0")
        # It died behind the entry and before its answer.
        self.assertEqual(self.fields(bob).get("busy"), "1")
        self.lapse(bob)
        self.stack.restart("notifier-0")
        found = self.wait_entries(bob, 2)
        self.assertEqual([name for name, _ in found], [first, first])

    def lapse(self, user):
        """Its claim is over, as it were three quarters of a minute later."""
        with self.stack.redis() as redis:
            [key] = redis("KEYS", "wp:{*}:pushed:" + user.urn)
            redis("ZADD", key.decode().replace("pushed:" + user.urn,
                                               "pushdue"), 1, user.urn)


class Refused(BusTest):
    def test_what_redis_refuses_counts_as_no_try(self):
        with self.stack.redis() as redis:
            redis("SET", STREAM, "no stream")
        bob = self.user()
        self.send(bob)
        self.wait_put_off(bob, 20)
        self.assertEqual([name for name in self.fields(bob)
                          if name.startswith("d:")], [])
        [line] = self.lines("asked")
        self.assertEqual((line["kind"], line["verdict"], line["reason"]),
                         ("bus", "config", "WRONGTYPE"))
        with self.stack.redis() as redis:
            redis("DEL", STREAM)


class Event(BusTest):
    more = {}
    push = {**BusTest.push, "web_event": True}

    def listen(self):
        """A connection that hears the channel."""
        redis = self.stack.redis()
        self.addCleanup(redis.close)
        self.assertEqual(redis("SUBSCRIBE", CHANNEL)[2], 1)
        return redis

    def hear(self, redis, user):
        """The first event about the user."""
        while True:
            kind, _, data = redis._reply()  # pylint: disable=protected-access
            self.assertEqual(kind, b"message")
            event = json.loads(data)
            if event["user"] == user.urn:
                return event

    def test_an_event_says_on_which_platforms_somebody_is(self):
        channel = self.listen()
        bob = self.user()
        self.assert_status(bob.call("POST", "/register-device", {
            "token": "page", "platform": "web"}), 201)
        self.send(bob)
        event = self.hear(channel, bob)
        self.assertEqual(uuid.UUID(event.pop("id")).version, 8)
        self.assertEqual(event, {"type": "offline_notification",
                                 "user": bob.urn, "platforms": ["web"],
                                 "waiting": 1})
        self.assertEqual(self.redis_keys(STREAM), [])

    def test_who_has_no_device_is_nowhere(self):
        channel = self.listen()
        bob = self.user()
        self.send(bob)
        self.assertEqual(self.hear(channel, bob)["platforms"], [])
        self.wait_answered(bob)


class Logged(BusTest):
    """With push.mode: log nobody is told, outside either."""
    push = {"web_event": True}

    def test_nothing_leaves(self):
        bob = self.with_device()
        before = len(self.lines())
        self.send(bob)
        self.wait_told(bob, ("alert", 1))
        self.wait_answered(bob)
        lines = self.lines()[before:]
        self.assertEqual(sorted(line["kind"] for line in lines),
                         ["bus", "event", "fcm"])
        self.assertEqual([line["waiting"] for line in lines], [1] * 3)
        self.assertEqual(self.redis_keys(STREAM), [])
        self.assertIn("with push.mode: log services hear nothing",
                      self.stack.read_log("notifier-0"))

    def test_a_reload_ends_a_service(self):
        with self.reloaded(web_event=False):
            bob = self.user()
            before = len(self.lines())
            self.send(bob)
            self.wait_answered(bob)
            wait_for(lambda: len(self.lines()) > before, "a line")
            self.assertEqual([line["kind"] for line in self.lines()[before:]],
                             ["bus"])
