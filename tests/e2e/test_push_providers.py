"""Phones are told by FCM and APNs: what is asked of Google and Apple, and what
comes of their answers. Both are one server here (tests/push/provider.mjs)."""
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import time
import unittest

from harness import E2eTest, PATIENCE_S, new_stack, scratch, wait_for
from devkit.provider import FakeProvider, make_certificate, why_not

ANDROID, IOS, BETA, OLD = ("org.example.android", "org.example.ios",
                           "org.example.beta", "org.example.old")
TOKEN_NAME = re.compile(r"[A-Za-z0-9_-]{22}")
PUSH_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-"
                     r"[89ab][0-9a-f]{3}-[0-9a-f]{12}")
BAD = {"status": 400, "body": {"reason": "BadDeviceToken"}}


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True,
                          capture_output=True, text=True).stdout


def write_secret(path, text):
    with open(path, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    return path


def google(text, lives_s=3599):
    return {"body": {"access_token": text, "expires_in": lives_s,
                     "token_type": "Bearer"}}


class Apps:
    """The files of apps, two fakes and the settings that name them."""

    def __init__(self):
        self.folder = scratch()
        certificate, key = make_certificate(self.folder, "fake",
                                            "IP:127.0.0.1")
        self.fake = FakeProvider(certificate, key)
        self.old = FakeProvider(certificate, key, http1=True)
        self.account = write_secret(self._path("account.json"), json.dumps({
            "type": "service_account",
            "project_id": "waypost-test",
            "private_key_id": "k1",
            "private_key": openssl("genpkey", "-algorithm", "RSA", "-pkeyopt",
                                   "rsa_keygen_bits:2048"),
            "client_email": "push@waypost-test.iam.gserviceaccount.com",
            "token_uri": f"https://127.0.0.1:{self.fake.port}/token"}))
        self.p8 = write_secret(self._path("AuthKey.p8"), openssl(
            "genpkey", "-algorithm", "EC", "-pkeyopt",
            "ec_paramgen_curve:P-256"))
        self.fake.tell("token", google("ya29.first"), google("ya29.second"))
        self.push = {
            "enabled": True, "mode": "live", "ca_file": certificate,
            "apps": [self._fcm(ANDROID), self._apns(IOS, self.fake),
                     self._apns(BETA, self.fake, "env=auto"),
                     self._apns(OLD, self.old)]}

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _fcm(self, name):
        return (f"{name} kind=fcm credentials_file={self.account} "
                f"base=https://127.0.0.1:{self.fake.port}")

    def _apns(self, name, fake, *more):
        return " ".join((name, "kind=apns team=TEAM567890 key=KEY4567890",
                         f"key_file={self.p8}",
                         f"base=https://127.0.0.1:{fake.port}", *more))

    def stop(self):
        self.fake.stop()
        self.old.stop()


class ProvidersTest(E2eTest):
    notifiers = 1

    @classmethod
    def setUpClass(cls):
        if cls is ProvidersTest:
            raise unittest.SkipTest("only a base")
        reason = why_not()
        if reason:
            raise unittest.SkipTest(reason)
        cls.apps = Apps()
        cls.addClassCleanup(cls.apps.stop)
        cls.asked = []  # requests, whoever wanted to see them
        super().setUpClass()

    @classmethod
    def make_stack(cls):
        return new_stack({"push": cls.apps.push,
                          "notifier": {"drain_ms": 30000}},
                         notifiers=cls.notifiers)

    def device(self, app, user=None, kind="apns", token=None, **more):
        """Somebody with a device; .token and .device are its."""
        user = user or self.user()
        user.token_of = token or secrets.token_hex(32)
        answer = user.call("POST", "/api/devices", {
            "kind": kind, "app": app, "token": user.token_of, **more})
        self.assert_status(answer, 201)
        user.device = answer.json()["device"]["id"]
        return user

    def phone(self, **more):
        return self.device(ANDROID, kind="fcm", platform="android", **more)

    def send(self, user, n=1):
        sender = self.user("sender")
        for i in range(n):
            self.assert_accepted(sender.send(user, b"sealed-%d" % i))
        return sender

    # ---- what was asked ----

    def look(self):
        self.asked.extend(self.apps.fake.requests())

    def requests(self, user):
        self.look()
        return [one for one in self.asked if one.token == user.token_of]

    def wait_requests(self, user, n):
        wait_for(lambda: len(self.requests(user)) >= n,
                 lambda: f"{n} requests, not {len(self.requests(user))}; "
                 f"{self.stack.programs['notifier-0'].log_tail(5)}",
                 2 * PATIENCE_S)
        found = self.requests(user)
        self.assertEqual(len(found), n)
        return found

    def forget(self):
        """What went before is another test's."""
        self.look()
        self.asked.clear()

    def setUp(self):
        self.forget()
        self.apps.fake.tell("token", google("ya29.first"),
                            google("ya29.second"))

    # ---- what became of it ----

    def listed(self, user):
        [device] = user.call("GET", "/api/devices").json()["devices"]
        return device

    def wait_state(self, user, state):
        wait_for(lambda: self.listed(user)["state"] == state,
                 lambda: str(self.listed(user)), 2 * PATIENCE_S)
        return self.listed(user)

    def wait_result(self, user, result):
        wait_for(lambda: self.listed(user).get("lastResult", {})
                 .get("result") == result,
                 lambda: str(self.listed(user)), 2 * PATIENCE_S)

    def ack_all(self, user, n):
        self.assert_status(user.ack(self.message_ids(user, n)), 204)

    def lines(self):
        found = []
        for line in self.stack.read_log("notifier-0").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def metric(self, name, notifier=0):
        """Of one notifier; name with its labels."""
        value = self.stack.metric(f"notifier-{notifier}", name)
        self.assertIsNotNone(value, name)
        return value

    def assert_tells_nothing(self, request, user, sender, n=1):
        """Neither who, nor by whom, nor what; n messages wait."""
        text = (request.path + json.dumps(request.headers)).encode() + \
            request.body
        for secret in (user.name, user.urn, sender.name, sender.urn,
                       "sealed", "c2VhbGVk", *self.message_ids(user, n)):
            self.assertNotIn(secret.encode(), text)


class Providers(ProvidersTest):
    def test_android_is_told_that_something_waits_and_nothing_else(self):
        bob = self.phone(account="work")
        sender = self.send(bob)
        [request] = self.wait_requests(bob, 1)
        self.assertEqual(request.path,
                         "/v1/projects/waypost-test/messages:send")
        self.assertEqual(request.http, "2.0")
        self.assertRegex(request.headers["authorization"],
                         r"^Bearer ya29\.\w+$")
        message = json.loads(request.body)["message"]
        self.assertEqual(set(message), {"token", "data", "android"})
        self.assertRegex(message["data"].pop("id"), PUSH_ID)
        self.assertEqual(message["data"], {"type": "mail", "account": "work"})
        self.assertEqual(message["android"], {
            "priority": "HIGH", "ttl": "2419200s",
            "collapse_key": bob.device})
        self.assert_tells_nothing(request, bob, sender)
        self.wait_result(bob, "accepted")
        self.assertEqual(len(self.requests(bob)), 1)

    def test_an_iphone_is_told_that_something_waits_and_nothing_else(self):
        bob = self.device(IOS)
        sender = self.send(bob, 3)
        [request] = self.wait_requests(bob, 1)
        self.assertEqual(request.path, "/3/device/" + bob.token_of)
        self.assertEqual(request.http, "2.0")
        headers = request.headers
        self.assertRegex(headers["authorization"],
                         r"^bearer eyJ[\w-]+\.[\w-]+\.[\w-]+$")
        self.assertEqual(headers["apns-topic"], IOS)
        self.assertEqual(headers["apns-push-type"], "alert")
        self.assertEqual(headers["apns-priority"], "10")
        self.assertEqual(headers["apns-collapse-id"], bob.device)
        self.assertRegex(headers["apns-id"], PUSH_ID)
        self.assertGreater(int(headers["apns-expiration"]),
                           time.time() + 27 * 86400)
        self.assertEqual(json.loads(request.body), {
            "aps": {"alert": {"title": "New Message", "body":
                              "You have received a new secure message."},
                    "sound": "default", "badge": 3, "mutable-content": 1,
                    "thread-id": "waypost"},
            "w": {"type": "mail"}})
        self.assert_tells_nothing(request, bob, sender, 3)
        self.wait_result(bob, "accepted")
        self.assertEqual(len(self.requests(bob)), 1)

    def test_what_was_acked_is_taken_back(self):
        amy, bob = self.device(IOS), self.phone(badge=True)
        for user in (amy, bob):
            self.send(user)
            self.wait_requests(user, 1)
            self.ack_all(user, 1)
        cleared = self.wait_requests(amy, 2)[1]
        self.assertEqual(json.loads(cleared.body), {"aps": {"badge": 0}})
        self.assertEqual(cleared.headers["apns-priority"], "5")
        cleared = json.loads(self.wait_requests(bob, 2)[1].body)["message"]
        self.assertEqual(cleared["data"]["type"], "read")
        self.assertEqual(cleared["data"]["waiting"], "0")
        self.assertEqual(cleared["android"]["priority"], "NORMAL")

    def test_apps_of_one_team_come_with_one_token(self):
        amy, bob = self.device(IOS), self.device(BETA)
        bearers = set()
        for user in (amy, bob):
            self.send(user)
            bearers.add(self.wait_requests(user, 1)[0]
                        .headers["authorization"])
        self.assertEqual(len(bearers), 1)
        with self.stack.redis() as redis:
            kept = redis("GET", "wp:push:apns:TEAM567890:KEY4567890")
        self.assertIsNotNone(kept)
        self.assertNotIn(bearers.pop().split(".")[2].encode(), kept)

    def test_no_secret_is_in_the_log(self):
        amy, bob = self.device(IOS), self.phone()
        self.apps.fake.tell(amy.token_of, {"status": 500})
        self.apps.fake.tell(bob.token_of, {"status": 500})
        requests = []
        for user in (amy, bob):
            self.send(user)
            requests += self.wait_requests(user, 1)
            wait_for(lambda u=user: u.device in
                     self.stack.read_log("notifier-0"), "a line")
        log = self.stack.read_log("notifier-0")
        for secret in (amy.token_of, bob.token_of, amy.name, bob.name,
                       *(one.headers["authorization"].split()[1]
                         for one in requests)):
            self.assertNotIn(secret, log)

    # ---- tokens that are of no use ----

    def gone(self, user):
        self.send(user)
        self.wait_requests(user, 1)
        return self.wait_state(user, "gone")

    def test_a_token_that_ended_since_is_gone(self):
        bob = self.device(IOS)
        self.apps.fake.tell(bob.token_of, {"status": 410, "body": {
            "reason": "Unregistered",
            "timestamp": int(time.time() * 1000) + 5000}})
        self.assertEqual(self.gone(bob)["reason"].lower(), "unregistered")
        answer = bob.call("POST", "/api/devices", {
            "kind": "apns", "app": IOS, "token": bob.token_of})
        self.assert_error(answer, 409, "token_gone")
        self.send(bob)
        amy = self.device(IOS)  # who is told behind him
        self.send(amy)
        self.wait_requests(amy, 1)
        self.assertEqual(len(self.requests(bob)), 1)

    def test_a_token_that_ended_before_may_have_come_back(self):
        bob = self.device(IOS)
        self.apps.fake.tell(bob.token_of, {"status": 410, "body": {
            "reason": "Unregistered",
            "timestamp": int(time.time() * 1000) - 3600 * 1000}})
        self.send(bob)
        self.wait_requests(bob, 1)
        self.wait_state(bob, "suspect")

    def test_a_token_that_fcm_knows_no_more_is_gone(self):
        bob = self.phone()
        self.apps.fake.tell(bob.token_of, {"status": 404, "body": {
            "error": {"code": 404, "status": "NOT_FOUND", "details": [{
                "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                "errorCode": "UNREGISTERED"}]}}})
        self.assertEqual(self.gone(bob)["reason"].lower(), "unregistered")

    def test_a_bad_token_is_not_dropped_for_one_word(self):
        bob = self.device(IOS)
        self.apps.fake.tell(bob.token_of, BAD, BAD, {})
        self.send(bob)
        self.wait_requests(bob, 1)
        self.wait_state(bob, "suspect")
        self.assert_status(bob.call("POST", "/api/devices/test",
                                    {"id": bob.device}), 202)
        self.wait_requests(bob, 2)
        self.assert_status(bob.call("POST", "/api/devices/test",
                                    {"id": bob.device}), 202)
        self.wait_requests(bob, 3)
        self.wait_state(bob, "active")

    def test_a_phone_in_the_sandbox_is_found_there(self):
        bob = self.device(BETA)
        self.apps.fake.tell(bob.token_of, BAD, {})
        self.send(bob)
        paths = [one.path for one in self.wait_requests(bob, 2)]
        self.assertEqual(paths, ["/3/device/" + bob.token_of,
                                 "/sandbox/3/device/" + bob.token_of])
        self.wait_result(bob, "accepted")
        self.ack_all(bob, 1)
        cleared = self.wait_requests(bob, 3)[2]
        self.assertEqual(cleared.path, "/sandbox/3/device/" + bob.token_of)

    # ---- trouble ----

    def test_a_401_is_another_access_token(self):
        amy, bob = self.phone(), self.phone()
        self.send(amy)
        self.wait_requests(amy, 1)
        self.apps.fake.tell("token", google("ya29.third"))
        self.apps.fake.tell(bob.token_of, {"status": 401}, {})
        self.send(bob)
        requests = self.wait_requests(bob, 2)
        self.assertEqual(requests[1].headers["authorization"],
                         "Bearer ya29.third")
        self.assertEqual(json.loads(requests[0].body),
                         json.loads(requests[1].body))
        self.wait_result(bob, "accepted")

    def test_a_goaway_in_the_middle_loses_nobody(self):
        users = [self.device(IOS) for _ in range(20)]
        for user in users[::5]:
            self.apps.fake.tell(user.token_of, {"act": "goaway"})
        for user in users:
            self.send(user)
        for user in users:
            self.wait_result(user, "accepted")

    def test_who_speaks_no_http2_is_not_apple(self):
        bob = self.device(OLD)
        self.apps.old.tell(bob.token_of, {"status": 410, "body": {
            "reason": "Unregistered", "timestamp": 1 << 50}})
        self.send(bob)
        wait_for(lambda: self.apps.old.count(bob.token_of) > 0, "a request")
        wait_for(lambda: [line for line in self.lines()
                          if line.get("device") == bob.device and
                          line.get("reason") == "HTTP"], "its verdict")
        self.assertEqual(self.listed(bob)["state"], "active")

    # ---- files ----

    @contextlib.contextmanager
    def changed(self, path, text=None, mode=0o600):
        with open(path, encoding="ascii") as file:
            good = file.read()
        try:
            write_secret(path, good if text is None else text)
            os.chmod(path, mode)
            yield
        finally:
            write_secret(path, good)

    def assert_refused(self, *parts):
        for arguments in ([], ["--check"]):
            status, said = self.run_beside("waypost-notifier", *arguments)
            self.assertEqual(status, 1, said)
            for part in ("push.apps", *parts):
                self.assertIn(part, said.splitlines()[-1])

    def test_wrong_files_are_refused_by_name(self):
        status, said = self.run_beside("waypost-notifier", "--check")
        self.assertEqual(status, 0, said)
        with self.changed(self.apps.p8, mode=0o644):
            self.assert_refused("key_file", IOS, "0640")
        with self.changed(self.apps.p8, "secret of Apple"):
            self.assert_refused("key_file", IOS, "no private key")
        with self.changed(self.apps.account, mode=0o666):
            self.assert_refused("credentials_file", ANDROID, "0640")
        with self.changed(self.apps.account, '{"private_key":"secret"}'):
            self.assert_refused("credentials_file", ANDROID, "client_email")
            _, said = self.run_beside("waypost-notifier", "--check")
            self.assertNotIn("secret", said)

    def test_a_reload_with_a_wrong_file_changes_nothing(self):
        amy = self.device(IOS)
        notifier = self.stack.programs["notifier-0"]
        with self.changed(self.apps.p8, "nothing"):
            before = self.stack.read_log("notifier-0").count("key_file")
            notifier.signal(signal.SIGHUP)
            wait_for(lambda: self.stack.read_log("notifier-0")
                     .count("key_file") > before, "it is told")
            self.send(amy)
            self.wait_requests(amy, 1)
        # And a good one keeps what Apple knows us by.
        bob = self.device(IOS)
        before = self.stack.read_log("notifier-0").count("settings reloaded")
        notifier.signal(signal.SIGHUP)
        wait_for(lambda: self.stack.read_log("notifier-0")
                 .count("settings reloaded") > before, "it is reloaded")
        self.send(bob)
        self.wait_requests(bob, 1)
        self.assertEqual(
            len({one.headers["authorization"]
                 for one in self.requests(amy) + self.requests(bob)}), 1)


class Many(ProvidersTest):
    """A stack of its own: what is guarded is so for minutes."""

    def test_when_many_look_bad_none_is_dropped(self):
        users = [self.device(IOS) for _ in range(25)]
        for user in users:
            self.apps.fake.tell(user.token_of, BAD)
        for user in users:
            self.send(user)
        wait_for(lambda: self.metric(
            'waypost_push_mass_guard{kind="apns"}') == 1, "the guard",
            4 * PATIENCE_S)
        for user in users:
            self.assertNotEqual(self.listed(user)["state"], "gone")


class Two(ProvidersTest):
    notifiers = 2

    def test_two_notifiers_are_one_to_apple(self):
        for i in range(2):
            wait_for(lambda n=i: self.metric("waypost_push_notifiers", n) == 2,
                     "each knows the other")
        users = [self.device(IOS) for _ in range(24)]
        for user in users:
            self.send(user)
        bearers = {self.wait_requests(user, 1)[0].headers["authorization"]
                   for user in users}
        self.assertEqual(len(bearers), 1)
        for i in range(2):
            wait_for(lambda n=i: self.metric(
                'waypost_push_sent_total{kind="apns",result="accepted"}', n),
                "each has told somebody")


class Later(ProvidersTest):
    """A stack of its own: whoever is left alone is so for a while."""

    def due(self, user):
        """When he is looked at again, in ms; None: there is no such time."""
        with self.stack.redis() as redis:
            scores = [redis("ZSCORE", key, user.urn)
                      for key in redis("KEYS", "wp:{*}:pushdue")]
            busy = [redis("HGET", key, "busy")
                    for key in redis("KEYS", "wp:{*}:pushed:" + user.urn)]
        if any(busy):
            return None
        return next((float(score) for score in scores if score), None)

    def test_a_429_is_obeyed(self):
        amy, bob = self.phone(), self.phone()
        self.apps.fake.tell(amy.token_of, {
            "status": 429, "headers": {"Retry-After": "300"},
            "body": {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}})
        self.send(amy)
        [request] = self.wait_requests(amy, 1)
        self.send(bob)  # the same provider
        for user in (amy, bob):
            wait_for(lambda u=user: (self.due(u) or 0) >=
                     (request.at + 300) * 1000, "he is put off")
        self.assertEqual(self.requests(bob), [])

    def test_without_an_access_token_nobody_is_asked_until_there_is(self):
        self.apps.fake.tell("token", {"status": 400, "body": {
            "error": "invalid_grant", "error_description": "secret"}})
        self.stack.programs["notifier-0"].stop()
        self.stack.restart("notifier-0")
        bob = self.phone()
        self.send(bob)
        wait_for(lambda: [line for line in self.lines()
                          if line.get("reason") == "invalid_grant"],
                 "it is told")
        self.assertEqual(self.requests(bob), [])
        self.assertGreaterEqual(self.metric(
            'waypost_push_access_tokens_total{result="failed"}'), 1)
        self.apps.fake.tell("token", google("ya29.good"))
        [request] = self.wait_requests(bob, 1)
        self.assertEqual(request.headers["authorization"],
                         "Bearer ya29.good")
        self.assertNotIn("secret", self.stack.read_log("notifier-0"))
