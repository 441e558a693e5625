"""Providers are asked, good ones and bad ones: push.mode is live, browsers and
bots are ours, and their hosts are on loopback, which is allowed for that."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import socketserver
import tempfile
import threading
import unittest

from devkit.names import Names
from devkit.provider import FakeProvider, make_certificate, why_not
from devkit.webpush import Subscription, vapid_pem
from harness import PATIENCE_S, new_stack, wait_for
from test_push import PushTest

HOST, OTHER = "push.example.test", "other.example.test"
BUILD = os.environ["WAYPOST_E2E_BUILD"]
LOOPBACK = ["127.0.0.1/32"]
LONG_S = 2 * PATIENCE_S  # a retry or a timeout is part of it


class LivePush(PushTest):
    """One stack, and a provider that is told what to do for each device."""

    allowed = LOOPBACK

    @classmethod
    def make_stack(cls):
        reason = why_not()
        cls.names_known = None
        if reason is None:
            folder = cls.enterClassContext(tempfile.TemporaryDirectory())
            cls.names_known = Names(
                os.path.join(BUILD, "tests", "push", "hosts.so"),
                os.path.join(folder, "hosts"))
            if not cls.names_known.are_there:
                reason = "hosts.so was not built (make tests-build)"
        if reason is not None:
            raise unittest.SkipTest(reason)
        for name in (HOST, OTHER):
            cls.names_known.lead(name, "127.0.0.1")
        cls.certificate, cls.key = make_certificate(
            folder, "provider", "DNS:" + HOST, "DNS:" + OTHER)
        cls.fake = FakeProvider(cls.certificate, cls.key)
        cls.addClassCleanup(lambda: cls.fake.stop())
        cls.vapid = os.path.join(folder, "vapid.pem")
        cls.be_known_by(vapid_pem())
        return new_stack(cls.settings(), notifiers=cls.notifiers,
                         program_env=cls.program_env)

    @classmethod
    def be_known_by(cls, pem):
        with open(cls.vapid, "w", encoding="ascii") as file:
            os.chmod(cls.vapid, 0o600)
            file.write(pem)

    @classmethod
    def program_env(cls, name):
        return cls.names_known.env() if name.startswith("notifier") else {}

    @classmethod
    def settings(cls):
        return {"push": {"enabled": True, "mode": "live",
                         "vapid_key_file": cls.vapid,
                         "vapid_subject": "mailto:ops@waypost.example",
                         "web_hosts": [HOST, OTHER],
                         "web_ports": [str(cls.fake.port)],
                         "user_webhooks": True, "grace_ms": 100,
                         "allow_networks": cls.allowed,
                         "ca_file": cls.certificate, **cls.push},
                "notifier": {"drain_ms": 30000}, **cls.more}

    @classmethod
    def setUpClass(cls):
        if cls is LivePush:
            raise unittest.SkipTest("only a base")
        super().setUpClass()

    # ---- devices ----

    def endpoint(self, token, host=HOST):
        return f"https://{host}:{self.fake.port}/push/{token}"

    def with_browser(self, kind="webpush", host=HOST, **more):
        """A user with one, whose .known_as the provider knows it by."""
        user = self.user("browser")
        user.known_as = base64.urlsafe_b64encode(os.urandom(9)).decode()
        user.subscription = Subscription(self.endpoint(user.known_as, host))
        user.body = {"kind": kind, "deviceId": "laptop",
                     "subscription": user.subscription.to_json(), **more}
        user.device = self.register(user)
        return user

    def register(self, user):
        answer = user.call("POST", "/api/devices", user.body)
        self.assert_status(answer, 201)
        return answer.json()["device"]["id"]

    def with_bot(self):
        user = self.user("bot")
        user.known_as = base64.urlsafe_b64encode(os.urandom(9)).decode()
        answer = user.call("POST", "/api/devices", {
            "kind": "webhook", "endpoint": self.endpoint(user.known_as)})
        self.assert_status(answer, 201)
        user.device = answer.json()["device"]["id"]
        user.secret = answer.json()["secret"]
        return user

    def listed(self, user):
        [device] = user.call("GET", "/api/devices").json()["devices"]
        return device

    def reload(self):
        reloads = len(self.lines("settings reloaded"))
        self.stack.programs["notifier-0"].signal(signal.SIGHUP)
        wait_for(lambda: len(self.lines("settings reloaded")) > reloads,
                 "it is reloaded")

    # ---- requests ----

    _seen = {}  # of the fake: token -> requests

    def requests(self, user):
        for request in self.fake.requests():
            self._seen.setdefault(request.token, []).append(request)
        return self._seen.get(user.known_as, [])

    def wait_requests(self, user, n, timeout_s=PATIENCE_S):
        wait_for(lambda: len(self.requests(user)) >= n,
                 lambda: f"{n} requests, not {self.requests(user)}", timeout_s)
        self.assertEqual(len(self.requests(user)), n)
        return self.requests(user)

    def message_of(self, user, request):
        return json.loads(user.subscription.read(request.body))

    # ---- lines of the log ----

    def verdicts(self, user):
        return [line["verdict"] for line in self.lines("asked")
                if line["device"] == user.device]

    def wait_verdicts(self, user, *expected, timeout_s=PATIENCE_S):
        wait_for(lambda: len(self.verdicts(user)) >= len(expected),
                 lambda: f"{expected}, not {self.verdicts(user)}", timeout_s)
        self.assertEqual(self.verdicts(user), list(expected))

    def metric(self, name):
        return sum(float(line.rsplit(" ", 1)[1])
                   for line in self.stack.metrics("notifier-0").splitlines()
                   if line.startswith(name))


class Live(LivePush):
    def test_a_browser_gets_one_that_only_it_can_read(self):
        bob = self.with_browser(account="work")
        self.send(bob)
        [request] = self.wait_requests(bob, 1)
        said = self.message_of(bob, request)
        self.assertEqual({"type": "mail", "waiting": 1, "account": "work",
                          "id": said["id"]}, said)
        self.assertEqual(request.method, "POST")
        self.assertEqual(request.http, "2.0")
        self.assertEqual(request.headers["topic"], bob.device)
        self.assertEqual(request.headers["urgency"], "high")
        self.assertEqual(request.headers["ttl"], "2419200")
        self.assertEqual(request.headers["content-encoding"], "aes128gcm")
        self.assertTrue(
            request.headers["authorization"].startswith("vapid t="))
        self.assertNotIn(bob.name, repr(request))
        self.wait_answered(bob)
        self.assertEqual(len(self.requests(bob)), 1)
        wait_for(lambda: self.results(bob) == ["accepted"], "its result")
        self.assertEqual(self.listed(bob)["state"], "active")

    def test_by_unifiedpush_the_same_comes(self):
        bob = self.with_browser("unifiedpush")
        self.send(bob)
        [request] = self.wait_requests(bob, 1)
        self.assertEqual(self.message_of(bob, request)["waiting"], 1)

    def test_a_bot_is_called_and_knows_by_whom(self):
        bob = self.with_bot()
        self.send(bob)
        [request] = self.wait_requests(bob, 1)
        body = json.loads(request.body)
        self.assertEqual(body["data"], {"user": bob.urn, "waiting": 1,
                                        "urgent": False})
        key = base64.b64decode(bob.secret.removeprefix("whsec_"))
        text = ".".join((request.headers["webhook-id"],
                         request.headers["webhook-timestamp"],
                         request.body.decode()))
        mac = hmac.new(key, text.encode(), hashlib.sha256).digest()
        self.assertEqual(request.headers["webhook-signature"],
                         "v1," + base64.b64encode(mac).decode())

    def test_who_is_gone_is_dropped_and_learns_it(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"status": 410})
        self.send(bob)
        wait_for(lambda: self.listed(bob)["state"] == "gone", "it is gone")
        wait_for(lambda: self.results(bob) == ["failed"], "its result")
        self.wait_answered(bob)
        self.assertEqual(self.verdicts(bob), ["gone"])
        self.send(bob)
        self.wait_asked(bob)
        self.wait_answered(bob)
        self.assertEqual(len(self.requests(bob)), 1)
        self.assert_error(bob.call("POST", "/api/devices", bob.body), 409)

    def test_a_browser_of_another_key_holds_up_no_other(self):
        bob, eve = self.with_browser(), self.with_browser()
        self.fake.tell(bob.known_as, {"status": 403})
        self.send(bob)
        wait_for(lambda: self.listed(bob)["state"] == "suspect", "it is noted")
        self.assertEqual(self.listed(bob)["reason"], "key_changed")
        self.send(eve)
        self.wait_requests(eve, 1)

    def test_a_push_that_is_not_taken_is_a_dead_letter(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"status": 400})
        self.send(bob)
        self.wait_requests(bob, 1)
        self.wait_answered(bob)
        self.assertEqual(self.listed(bob)["state"], "active")
        self.assertIn([bob.device, "status_400"], self.dead_letters())
        # What is newer is another one.
        self.fake.tell(bob.known_as, {"status": 201})
        self.send(bob)
        self.wait_requests(bob, 2)

    def dead_letters(self):
        """[[device, reason]]"""
        with self.stack.redis() as redis:
            entries = redis("XRANGE", "wp:push:dlq", "-", "+")
        found = []
        for _, flat in entries:
            texts = [text.decode() for text in flat]
            fields = dict(zip(texts[::2], texts[1::2]))
            found.append([fields["device"], fields["reason"]])
        return found

    def test_who_fails_is_tried_again_as_the_same_push(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"status": 503}, {"status": 201})
        self.send(bob)
        first, second = self.wait_requests(bob, 2, LONG_S)
        self.assertEqual(self.message_of(bob, first)["id"],
                         self.message_of(bob, second)["id"])
        self.assertGreater(second.at - first.at, 7)
        self.wait_answered(bob)
        self.assertEqual(self.verdicts(bob), ["retry"])
        wait_for(lambda: self.results(bob) == ["accepted"], "its result")

    def test_a_connection_that_dies_is_no_answer(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"act": "destroy"}, {"status": 201})
        self.send(bob)
        self.wait_requests(bob, 2, LONG_S)
        self.wait_verdicts(bob, "retry")

    def test_who_never_answers_holds_up_nobody(self):
        bob, eve = self.with_browser(), self.with_browser()
        self.fake.tell(bob.known_as, {"act": "stall"}, {"status": 201})
        self.send(bob)
        self.wait_requests(bob, 1)
        self.send(eve)
        self.wait_requests(eve, 1)
        self.assertEqual(self.verdicts(bob), [])
        self.wait_verdicts(bob, "retry", timeout_s=LONG_S)
        self.wait_requests(bob, 2, LONG_S)

    def test_what_was_asked_for_is_a_failure_when_it_fails(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"status": 500})
        answer = bob.call("POST", "/api/devices/test", {"id": bob.device})
        self.assert_status(answer, 202)
        wait_for(lambda: self.results(bob) == ["failed"], "its result")
        self.wait_answered(bob)
        self.assertNotIn("once", self.fields(bob))
        self.assertEqual(len(self.requests(bob)), 1)

    def test_who_dies_in_the_middle_has_his_push_repeated(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"act": "stall"}, {"status": 201})
        self.send(bob)
        [first] = self.wait_requests(bob, 1)
        self.stack.kill("notifier-0")
        self.stack.restart("notifier-0")
        with self.stack.redis() as redis:  # as if its time had come
            [key] = self.redis_keys("wp:*:pushed:" + bob.urn)
            redis("ZADD", key.replace("pushed:" + bob.urn, "pushdue"), 1,
                  bob.urn)
        _, second = self.wait_requests(bob, 2)
        self.assertEqual(self.message_of(bob, first)["id"],
                         self.message_of(bob, second)["id"])
        self.wait_answered(bob)

    def test_a_stop_waits_for_what_is_under_way(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"status": 201, "delay": 2000})
        self.send(bob)
        self.wait_requests(bob, 1)
        notifier = self.stack.programs["notifier-0"]
        notifier.signal(signal.SIGTERM)
        wait_for(lambda: not notifier.is_running(), "it ends")
        self.assertEqual(notifier.stop(), 0)
        self.assertIsNone(self.entry(bob))
        self.assertEqual(self.results(bob), ["accepted"])
        self.stack.restart("notifier-0")

    def test_redis_that_goes_away_meanwhile_costs_no_verdict(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"status": 410, "delay": 3000})
        self.send(bob)
        self.wait_requests(bob, 1)
        with self.stack.redis() as redis:
            redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        wait_for(lambda: self.listed(bob)["state"] == "gone", "it is gone")

    def test_what_is_not_offered_any_more_is_not_asked(self):
        bob = self.with_browser("unifiedpush")
        path = self.stack.path("waypost.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()

        def write(what):
            with open(path, "w", encoding="utf-8") as file:
                file.write(what)
            self.reload()
        write(text.replace("push:\n", "push:\n  unifiedpush: false\n"))
        self.addCleanup(write, text)
        self.send(bob)
        self.wait_asked(bob)
        self.wait_answered(bob)
        self.assertEqual(self.requests(bob), [])

    def test_nothing_of_it_is_in_the_log(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"status": 400, "body": "by bob"})
        self.send(bob)
        self.wait_verdicts(bob, "refused")
        log = self.stack.read_log("notifier-0")
        for secret in (bob.known_as, HOST, bob.name, "by bob"):
            self.assertNotIn(secret, log)

    def test_a_reload_in_the_middle_ends_nothing(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"status": 201, "delay": 2000})
        self.send(bob)
        self.wait_requests(bob, 1)
        self.reload()
        eve = self.with_browser()
        self.send(eve)
        self.wait_requests(eve, 1)
        wait_for(lambda: self.results(bob) == ["accepted"], "its result")
        self.wait_answered(bob)
        self.assertEqual(len(self.requests(bob)), 1)


class Patience(LivePush):
    """Each test has the provider of a host to itself."""

    def test_later_is_for_as_long_as_it_says_and_for_that_host_alone(self):
        bob, eve = self.with_browser(), self.with_browser(host=OTHER)
        self.fake.tell(bob.known_as,
                       {"status": 429, "headers": {"retry-after": "3"}},
                       {"status": 201})
        answer = bob.call("POST", "/api/devices/test", {"id": bob.device})
        self.assert_status(answer, 202)
        self.wait_verdicts(bob, "later")
        # Of the same host nobody is asked; what was asked for is not lost.
        self.assertEqual(self.results(bob), [None])
        wait_for(lambda: not self.fields(bob).get("busy"), "it is answered")
        self.assertIn("once", self.fields(bob))
        self.assertGreater(self.metric("waypost_push_hosts_left_alone"), 0)
        self.send(eve)
        self.wait_requests(eve, 1)
        with self.stack.redis() as redis:  # its spread is up to a minute
            [key] = self.redis_keys("wp:*:pushed:" + bob.urn)
            due = key.replace("pushed:" + bob.urn, "pushdue")
            entry = redis("ZSCORE", due, bob.urn)
            self.assertGreater(float(entry), self.requests(bob)[0].at * 1000 +
                               2900)

            def ask_again():
                redis("ZADD", due, "LT", 1, bob.urn)
                return len(self.requests(bob)) == 2
            wait_for(ask_again, "it is asked again")
        first, second = self.requests(bob)
        self.assertGreater(second.at - first.at, 2.9)
        wait_for(lambda: self.results(bob) == ["accepted"], "its result")
        wait_for(lambda: "once" not in self.fields(bob), "it is done")


class Inside(LivePush):
    """Nothing is allowed but what is public."""

    allowed = []

    def test_an_endpoint_that_leads_inside_is_a_dead_one(self):
        bob = self.with_browser()
        self.send(bob)
        self.wait_verdicts(bob, "retry")
        self.assertEqual(
            self.metric("waypost_push_refused_addresses_total"), 1)
        wait_for(lambda: self.results(bob) == ["failed"], "its result")
        # The last try.
        wait_for(lambda: not self.fields(bob).get("busy"), "it is answered")
        [key] = self.redis_keys("wp:*:pushed:" + bob.urn)
        field = "d:" + bob.device
        words = self.fields(bob)[field].split()
        self.assertEqual(words[3], "1")
        words[3:] = ["7", "1"]
        with self.stack.redis() as redis:
            redis("HSET", key, field, " ".join(words))
            redis("ZADD", key.replace("pushed:" + bob.urn, "pushdue"), 1,
                  bob.urn)
        self.wait_verdicts(bob, "retry", "retry")
        self.wait_answered(bob)
        with self.stack.redis() as redis:
            [[_, flat]] = redis("XRANGE", "wp:push:dlq", "-", "+")
        self.assertIn(b"gave_up", flat)
        self.assertEqual(self.requests(bob), [])
        log = self.stack.read_log("notifier-0")
        for secret in (HOST, "127.0.0.1", bob.known_as):
            self.assertNotIn(secret, log)


class Proxy(socketserver.ThreadingTCPServer):
    """Opens tunnels, whatever the name, to one port of loopback."""

    daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.port = port
        self.asked = []  # for what


class Tunnel(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.asked.append(self.rfile.readline().decode().split()[:2])
        while self.rfile.readline().strip():
            pass
        with socket.create_connection(("127.0.0.1",
                                       self.server.port)) as there:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=self.copy,
                                    args=(there, self.connection))
            back.start()
            self.copy(self.connection, there)
            back.join()

    @staticmethod
    def copy(source, target):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


class Proxied(LivePush):
    """Nothing is allowed, and names are known to the proxy alone."""

    allowed = []

    @classmethod
    def settings(cls):
        cls.proxy = Proxy(cls.fake.port)
        cls.addClassCleanup(cls.proxy.server_close)
        cls.addClassCleanup(cls.proxy.shutdown)
        threading.Thread(target=cls.proxy.serve_forever, daemon=True).start()
        cls.push = {"proxy": "http://127.0.0.1:%d" %
                             cls.proxy.server_address[1]}
        return super().settings()

    @classmethod
    def program_env(cls, name):
        return {"no_proxy": "*", "NO_PROXY": "*"}

    def test_by_a_proxy_it_is_the_proxy_that_looks_where_it_goes(self):
        bob = self.with_browser()
        self.send(bob)
        self.wait_requests(bob, 1)
        self.assertEqual(self.proxy.asked,
                         [["CONNECT", f"{HOST}:{self.fake.port}"]])
        self.assertTrue(self.lines("by push.proxy it is the proxy that has to "
                                   "refuse endpoints of users inside the "
                                   "network"))


class AnotherKey(LivePush):
    def test_who_subscribed_with_another_key_is_not_asked(self):
        bob = self.with_browser()
        self.be_known_by(vapid_pem())
        self.reload()
        self.send(bob)
        wait_for(lambda: self.listed(bob)["state"] == "gone", "it is gone")
        self.assertEqual(self.listed(bob)["reason"], "key_changed")
        self.assertEqual(self.requests(bob), [])
