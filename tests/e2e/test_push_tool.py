"""What an operator sees and does of pushes, by `waypost push`."""
import json
import os
import re
import stat
import subprocess

from harness import PATIENCE_S, scratch, wait_for
from test_push import PushTest
from test_push_live import LivePush, OTHER
from test_push_providers import IOS, ProvidersTest

LETTER = {"device": "AAAAAAAAAAAAAAAAAAAAAA", "partition": "3", "kind": "apns",
          "app": "org.example.app", "reason": "PayloadTooLarge", "tries": "1",
          "at": "1700000000000"}


class Tool:
    def command(self, *words, **env):
        return subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "push", *words],
            env={**self.stack.base_env, **env}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False)

    def tool(self, *words, **env):
        done = self.command(*words, **env)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def refused(self, sentence, *words, **env):
        done = self.command(*words, **env)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertIn(sentence, done.stderr)

    def status(self):
        return json.loads(self.tool("status", "--json"))


class PushTool(Tool, PushTest):
    # ---- status ----

    def test_status_counts_who_is_due_and_who_takes_care(self):
        bob, eve = self.with_device(), self.with_device()
        wait_for(lambda: len(self.status()["notifiers"]) == 1, "a notifier")
        wait_for(lambda: self.status()["due"] == 0, "nobody is due")
        before = self.status()
        with self.notifiers_stopped():
            for user in (bob, eve):
                self.send(user)
                wait_for(lambda u=user: self.entry(u) is not None, "an entry")
            self.make_due(bob, 7200)
            self.make_due(eve, 60)
            now = self.status()
            self.assertGreaterEqual(now["due"], 2)
            self.assertGreaterEqual(now["oldestDueSeconds"], 7200)
            self.assertLess(now["oldestDueSeconds"], 7300)
            said = self.tool("status")
            self.assertRegex(said, r"(?m)^due +\d, the first since 7\d\d\d s$")
        self.wait_told(bob, ("alert", 1))
        self.assertEqual(
            set(before), {"enabled", "notifiers", "due", "oldestDueSeconds",
                          "deadLetters"})
        self.assertIs(before["enabled"], True)
        self.assertEqual(before["deadLetters"], 0)

    def make_due(self, user, ago_s):
        [key] = [key for key in self.redis_keys("wp:*:pushdue")
                 if self.score(key, user) is not None]
        with self.stack.redis() as redis:
            redis("ZADD", key, str(int(self.now_ms() - ago_s * 1000)),
                  user.urn)

    def score(self, key, user):
        with self.stack.redis() as redis:
            return redis("ZSCORE", key, user.urn)

    def test_status_says_that_nobody_is_asked(self):
        wait_for(lambda: [one.get("mode") for one in
                          self.status()["notifiers"]] == ["log"],
                 self.status)
        self.assertIn("(push.mode: log): 1\n", self.tool("status"))

    def test_status_says_that_push_is_off(self):
        said = self.tool("status", WAYPOST_PUSH_ENABLED="false")
        self.assertIn("push.enabled is false", said)

    # ---- what notifiers say of providers ----

    def said_by(self, notifier, **said):
        """Have somebody who is no notifier say this, for a minute: as long as
        no other looks at the list."""
        with self.stack.redis() as redis:
            redis("ZADD", "wp:notifiers", str(int(self.now_ms()) + 60000),
                  notifier)
            redis("SET", "wp:push:lanes:" + notifier, json.dumps(said), "EX",
                  "60")

    def unsay(self, *notifiers):
        with self.stack.redis() as redis:
            for notifier in notifiers:
                redis("ZREM", "wp:notifiers", notifier)
                redis("DEL", "wp:push:lanes:" + notifier)
            redis("DEL", "wp:push:resume")

    def test_status_tells_how_providers_are(self):
        self.enterContext(self.notifiers_stopped())
        self.addCleanup(self.unsay, "a" * 32, "b" * 32)
        wrong = {"kind": "apns", "app": "org.example.app",
                 "state": "settings", "waitSeconds": 77, "guarded": True}
        self.said_by("a" * 32, shutHosts=3, apps=[
            wrong, {"kind": "fcm", "app": "demo", "state": "asked",
                    "waitSeconds": 0, "guarded": False}])
        self.said_by("b" * 32, shutHosts=0, apps=[
            {"kind": "fcm", "app": "\x1b[31m", "state": "left_alone",
             "waitSeconds": 5, "guarded": False}])
        lines = self.tool("status").splitlines()
        first = [n for n, line in enumerate(lines) if line.startswith("KIND")]
        head, *rows = lines[first[0]:]
        self.assertRegex(head, "^KIND +APP +NOTIFIER +PROVIDER$")
        self.assertRegex(rows[0], "^apns +org.example.app +aaaaaaaa  left "
                         "alone for 77 s: our settings are wrong; many "
                         "tokens look bad, none is dropped$")
        self.assertRegex(rows[1], "^fcm +demo +aaaaaaaa  asked$")
        self.assertRegex(rows[2], r"^fcm +\?\[31m +bbbbbbbb  left alone for "
                         "5 s$")
        self.assertEqual(lines[-1], "hosts of users that are left alone: 3")
        [said] = [one for one in self.status()["notifiers"]
                  if one["id"] == "a" * 32]
        self.assertEqual(said["apps"][0], wrong)
        self.assertEqual(said["shutHosts"], 3)

    def test_what_nobody_can_read_is_not_told(self):
        self.enterContext(self.notifiers_stopped())
        self.addCleanup(self.unsay, "a" * 32)
        for text in ("{", "[1]", '{"apps":[1,{"state":2}],"shutHosts":"x"}',
                     '{"apps":{}}'):
            with self.subTest(text):
                self.said_by("a" * 32)
                with self.stack.redis() as redis:
                    redis("SET", "wp:push:lanes:" + "a" * 32, text)
                self.assertNotIn("asked", self.tool("status"))
                self.assertIn("a" * 32, [one["id"] for one in
                                         self.status()["notifiers"]])

    def test_an_app_is_resumed_if_it_is_there(self):
        self.enterContext(self.notifiers_stopped())
        self.addCleanup(self.unsay, "a" * 32)
        self.refused("knows an app of this name", "resume", "org.example.app")
        self.said_by("a" * 32, apps=[{"kind": "apns",
                                      "app": "org.example.app"}])
        orders = []
        for _ in range(2):
            self.tool("resume", "org.example.app")
            with self.stack.redis() as redis:
                orders.append(redis("HGET", "wp:push:resume",
                                    "org.example.app"))
                self.assertGreater(redis("TTL", "wp:push:resume"), 3000)
        self.assertNotEqual(*orders)

    # ---- devices ----

    def test_devices_are_listed_without_their_tokens(self):
        bob = self.with_device(name="Bob's \u202ephone")
        [device] = json.loads(self.tool("list", bob.urn, "--json"))
        self.assertEqual(device, bob.call("GET", "/api/devices").json()
                         ["devices"][0])
        said = self.tool("list", bob.name)
        self.assertIn(bob.device, said)
        self.assertIn("\tBob's ?phone\t", said)
        for text in (said, json.dumps(device)):
            self.assertNotIn("token-of", text)
        done = self.command("list", self.user().name)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("nobody of this name has a device", done.stderr)
        self.assertEqual(self.tool("list", "nobody", "--json"), "[]\n")

    def test_a_push_is_asked_for(self):
        bob = self.with_device()
        said = self.tool("test", bob.name)
        self.assertIn(bob.device, said)
        self.wait_told(bob, ("alert", 0))
        wait_for(lambda: "accepted" in self.tool("list", bob.urn), "a result")

        answer = bob.call("POST", "/api/devices", {
            "kind": "fcm", "token": "another-token", "deviceId": "tablet"})
        self.assert_status(answer, 201)
        self.refused("2 devices", "test", bob.name)
        self.tool("test", bob.name, bob.device)
        self.wait_told(bob, ("alert", 0), ("alert", 0))
        self.refused("no such device", "test", bob.name, "A" * 22)
        self.refused("no such device", "test", self.user().name)

    def test_what_cannot_be_told_is_not_asked_for(self):
        bob = self.user()
        answer = bob.call("POST", "/api/devices",
                          {"platform": "web", "token": "page"})
        self.assert_status(answer, 201)
        self.refused("it cannot be told", "test", bob.name)
        self.refused("push.enabled is false", "test", bob.name,
                     WAYPOST_PUSH_ENABLED="false")

    # ---- dead letters ----

    def bury(self, **fields):
        words = [word for pair in {**LETTER, **fields}.items()
                 for word in pair]
        with self.stack.redis() as redis:
            redis("XADD", "wp:push:dlq", "*", *words)

    def forget(self):
        with self.stack.redis() as redis:
            redis("DEL", "wp:push:dlq")

    def test_what_was_given_up_is_shown_the_last_first(self):
        self.addCleanup(self.forget)
        self.assertEqual(self.tool("dlq", "--json"), "[]\n")
        self.assertEqual(self.tool("dlq"), "")
        for tries in ("1", "2", "3"):
            self.bury(tries=tries)
        letters = json.loads(self.tool("dlq", "--json", "--limit", "2"))
        self.assertEqual([letter["tries"] for letter in letters], [3, 2])
        expected = {**LETTER, "tries": 3, "partition": 3,
                    "time": "2023-11-14T22:13:20.000Z"}
        del expected["at"]
        self.assertEqual(letters[0], expected)
        lines = self.tool("dlq").splitlines()
        self.assertEqual(len(lines), 3)
        self.assertIn("PayloadTooLarge", lines[0])
        self.assertEqual(self.status()["deadLetters"], 3)

    def test_what_was_written_by_others_does_no_harm(self):
        self.addCleanup(self.forget)
        with self.stack.redis() as redis:
            redis("XADD", "wp:push:dlq", "*", "reason", "\x1b[31m\n", "at",
                  "never")
        said = self.tool("dlq")
        self.assertNotIn("\x1b", said)
        self.assertEqual(len(said.splitlines()), 1)
        [letter] = json.loads(self.tool("dlq", "--json"))
        self.assertEqual(letter["reason"], "\x1b[31m\n")

    # ---- a key for browsers ----

    def test_a_key_is_made_once_and_taken(self):
        path = os.path.join(scratch(), "vapid.pem")
        public = self.tool("vapid-key", path).strip()
        self.assertTrue(re.fullmatch(r"[A-Za-z0-9_-]{87}", public), public)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, "rb") as file:
            pem = file.read()
        self.refused("File exists", "vapid-key", path)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), pem)
        self.assertEqual(os.listdir(os.path.dirname(path)), ["vapid.pem"])
        for wrong in (path + "/x", os.path.join(scratch(), "nowhere", "x")):
            self.refused(wrong + ": ", "vapid-key", wrong)
        status, said = self.run_beside(
            "waypost-handlers", "--check", WAYPOST_PUSH_VAPID_KEY_FILE=path)
        self.assertEqual(status, 0, said)

    def test_what_was_not_said_is_asked_for(self):
        for words in ((), ("list",), ("test",), ("list", "a", "b"),
                      ("test", "a", "short"), ("status", "x"),
                      ("vapid-key", "a", "b"), ("resume",),
                      ("resume", "a", "b"),
                      ("dlq", "--limit", "0")):
            with self.subTest(words):
                done = self.command(*words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))


class LiveTool(Tool, LivePush):
    def test_a_socket_hears_once_that_a_device_is_gone(self):
        bob = self.with_browser()
        sockets = [self.connect(bob), self.connect(bob)]
        other = self.connect(self.user())
        for each in (*sockets, other):
            each.expect("connected")
        self.fake.tell(bob.known_as, {"status": 410})
        self.tool("test", bob.name)
        for each in sockets:
            frame = each.expect("device")
            self.assertEqual(sorted(frame), ["payload", "timestamp", "type"])
            self.assertEqual(frame["payload"],
                             {"id": bob.device, "state": "gone"})
            each.send_json({"type": "ping"})
            self.assertEqual(each.recv_json()["type"], "pong")
        other.send_json({"type": "ping"})
        self.assertEqual(other.recv_json()["type"], "pong")
        self.assertIn("gone", self.tool("list", bob.name))
        self.refused("it cannot be told", "test", bob.name)
        self.assertGreaterEqual(self.metric(
            'waypost_push_tokens_removed_total{reason="unregistered"}'), 1)

    def test_what_is_given_up_is_seen(self):
        bob = self.with_browser()
        self.fake.tell(bob.known_as, {"status": 413})
        self.send(bob)
        wait_for(lambda: [letter for letter in
                          json.loads(self.tool("dlq", "--json"))
                          if letter["device"] == bob.device], "a dead letter")
        said = self.tool("dlq")
        self.assertIn(bob.device, said)
        self.assertNotIn(bob.name, said)

    def test_each_notifier_says_how_providers_are(self):
        bob = self.with_browser(host=OTHER)
        self.fake.tell(bob.known_as, {"status": 429, "headers": {
            "retry-after": "600"}})
        self.tool("test", bob.name)
        wait_for(lambda: [one.get("shutHosts")
                          for one in self.status()["notifiers"]] == [1],
                 lambda: self.tool("status"))
        self.assertIn("hosts of users that are left alone: 1",
                      self.tool("status"))


WRONG_TOPIC = {"status": 400, "body": {"reason": "DeviceTokenNotForTopic"}}


class Resume(Tool, ProvidersTest):
    """Two notifiers, of which each asks on its own account."""

    notifiers = 2

    def states(self):
        return [app["state"] for notifier in self.status()["notifiers"]
                for app in notifier.get("apps", []) if app["app"] == IOS]

    def guarded(self):
        return [app["guarded"] for notifier in self.status()["notifiers"]
                for app in notifier.get("apps", []) if app["app"] == IOS]

    def last(self, user):
        """The status of what was asked for him last; None: nothing was."""
        found = self.requests(user)
        return found[-1].status if found else None

    def wait_all_told(self, users):
        def untold():
            return [user.name for user in users if self.last(user) != 200]
        wait_for(lambda: not untold(), untold, 4 * PATIENCE_S)

    def test_an_app_whose_settings_were_mended_is_asked_at_once(self):
        users = [self.device(IOS) for _ in range(16)]
        for user in users:  # so many that each has one of them
            self.apps.fake.tell(user.token_of, {
                "status": 403, "body": {"reason": "InvalidProviderToken"}})
            self.send(user)
        wait_for(lambda: self.states() == ["settings"] * 2,
                 lambda: self.tool("status"))
        self.assertIn("our settings are wrong", self.tool("status"))
        for user in users:
            self.apps.fake.tell(user.token_of, {"status": 200})
        self.tool("resume", IOS)
        wait_for(lambda: self.states() == ["asked"] * 2,
                 lambda: self.tool("status"))
        # Not in a minute or more, for which they were put off.
        self.wait_all_told(users)

    def test_who_looked_bad_by_our_fault_is_told_when_it_is_mended(self):
        users = [self.device(IOS) for _ in range(60)]
        for user in users:
            self.apps.fake.tell(user.token_of, WRONG_TOPIC)
        for user in users:
            self.send(user)
        wait_for(lambda: self.guarded() == [True] * 2,
                 lambda: self.tool("status"), 4 * PATIENCE_S)
        for user in users:
            self.apps.fake.tell(user.token_of, {"status": 200})
        before = {user.name: len(self.requests(user)) for user in users}
        self.assertGreaterEqual(sum(before.values()), 40)  # 20 of each
        self.tool("resume", IOS)
        self.wait_all_told(users)
        for user in users:  # once, and what was under way
            self.assertLessEqual(
                len(self.requests(user)), before[user.name] + 2)
            self.wait_state(user, "active")
        wait_for(lambda: self.guarded() == [False] * 2, self.guarded)
