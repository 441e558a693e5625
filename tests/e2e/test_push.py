"""Who is away is told that something waits, once; push.mode is log, so what
would be sent stands in the log of waypost-notifier."""
import contextlib
import fcntl
import json
import os
import signal
import sqlite3
import unittest

from devkit.webpush import vapid_pem
from harness import E2eTest, PATIENCE_S, new_stack, scratch, wait_for

APPS = ["demo kind=fcm credentials_file=/nowhere/account.json"]
# The five locks of who reads a WAL, in the file beside it
# (sqlite.org/walformat.html "WAL locks").
WAL_READERS = {"start": 123, "len": 5}


class PushTest(E2eTest):
    notifiers = 1
    push = {}
    more = {}

    @classmethod
    def make_stack(cls):
        return new_stack({"push": {"enabled": True, "apps": APPS, **cls.push},
                          "websocket": {"grace_ms": 1000},
                          # A stop is over when it is done, however slow.
                          "notifier": {"drain_ms": 30000}, **cls.more},
                         notifiers=cls.notifiers)

    @classmethod
    def setUpClass(cls):
        if cls is PushTest:
            raise unittest.SkipTest("only a base")
        super().setUpClass()

    def with_device(self, prefix="user", **more):
        """A user, with .device: the id of what he registered."""
        user = self.user(prefix)
        self.register(user, **more)
        return user

    @staticmethod
    def post_device(user, **more):
        return user.call("POST", "/api/devices", {
            "kind": "fcm", "token": "token-of-" + user.name,
            "deviceId": "phone", **more})

    def register(self, user, **more):
        answer = self.post_device(user, **more)
        self.assert_status(answer, 201)
        user.device = answer.json()["device"]["id"]

    def send(self, user, n=1, **how):
        sender = self.user("sender")
        return [self.assert_accepted(sender.send(user, b"%d" % i, **how))
                for i in range(n)]

    def ack_all(self, user, n):
        self.assert_status(user.ack(self.message_ids(user, n)), 204)

    # ---- what was told ----

    def names(self):
        return [f"notifier-{i}" for i in range(self.notifiers)]

    def lines(self, message="push"):
        """All of these, of all notifiers."""
        found = []
        for name in self.names():
            for line in self.stack.read_log(name).splitlines():
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if entry["msg"] == message:
                        found.append(entry)
        return found

    def told(self, user):
        """[(action, waiting)] of the user's device."""
        return [(line["action"], line["waiting"]) for line in self.lines()
                if line["device"] == user.device]

    def wait_told(self, user, *expected, timeout_s=PATIENCE_S):
        wait_for(lambda: len(self.told(user)) >= len(expected),
                 lambda: f"{expected} is told, not {self.told(user)}",
                 timeout_s)
        self.assertEqual(self.told(user), list(expected))

    # ---- what is to be told ----

    def entry(self, user):
        """When the user is due, in ms; None: not at all."""
        with self.stack.redis() as redis:
            for key in redis("KEYS", "wp:{*}:pushdue"):
                score = redis("ZSCORE", key, user.urn)
                if score is not None:
                    return float(score)
        return None

    def fields(self, user):
        with self.stack.redis() as redis:
            for key in redis("KEYS", "wp:{*}:pushed:" + user.urn):
                flat = [text.decode() for text in redis("HGETALL", key)]
                return dict(zip(flat[::2], flat[1::2]))
        return {}

    def wait_asked(self, user):
        """Somebody is to tell the user, or has."""
        wait_for(lambda: self.entry(user) is not None or self.told(user),
                 "an entry")

    def is_claimed(self, user):
        with self.stack.redis() as redis:
            return any(redis("HEXISTS", key, "busy")
                       for key in redis("KEYS", "wp:{*}:pushed:" + user.urn))

    def wait_answered(self, user):
        wait_for(lambda: self.entry(user) is None, "the entry is gone")

    def now_ms(self):
        """By Redis' clock."""
        with self.stack.redis() as redis:
            seconds, micros = redis("TIME")
        return int(seconds) * 1000 + int(micros) / 1000

    def results(self, user):
        return [device.get("lastResult", {}).get("result")
                for device in user.call("GET", "/api/devices")
                .json()["devices"]]

    @contextlib.contextmanager
    def notifiers_stopped(self):
        pids = [self.stack.programs[name].pid for name in self.names()]
        for pid in pids:
            self.freeze(pid)
        try:
            yield
        finally:
            for pid in pids:
                self.thaw(pid)

    @contextlib.contextmanager
    def store_locked(self):
        """Nobody can read it meanwhile, or begins to."""
        path = self.stack.path("waypost.db-shm")
        with open(path, "r+b") as file:
            def lock():
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB,
                                WAL_READERS["len"], WAL_READERS["start"])
                except BlockingIOError:
                    return False
                return True
            wait_for(lock, "nobody reads")
            yield

    @contextlib.contextmanager
    def reloaded(self, **push):
        """With other settings of push, in notifiers and workers."""
        path = self.stack.path("waypost.yaml")
        with open(path, encoding="utf-8") as file:
            good = file.read()
        head, rest = good.split("push:\n")
        lines = rest.splitlines(True)
        end = next((i for i, line in enumerate(lines)
                    if not line.startswith(" ")), len(lines))
        ours = [line for line in lines[:end]
                if line.split(":")[0].strip() not in push]
        ours += [f"  {key}: {json.dumps(value)}\n"
                 for key, value in push.items()]
        self.load(path, head + "push:\n" + "".join(ours + lines[end:]))
        try:
            yield
        finally:
            self.load(path, good)

    def load(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        for name in (*self.names(), "worker-0"):
            before = self.stack.read_log(name).count("settings reloaded")
            self.stack.programs[name].signal(signal.SIGHUP)
            wait_for(lambda n=name, b=before: self.stack.read_log(n).count(
                "settings reloaded") > b, lambda n=name:
                self.stack.programs[n].log_tail(3))


class Push(PushTest):
    def test_who_is_away_is_told_once_with_what_waits(self):
        bob = self.with_device()
        self.send(bob)
        self.wait_told(bob, ("alert", 1))
        self.wait_answered(bob)
        self.assertEqual(self.told(bob), [("alert", 1)])
        [line] = [line for line in self.lines()
                  if line["device"] == bob.device]
        self.assertEqual(line["kind"], "fcm")
        self.assertGreaterEqual(line["delay_ms"], 1000)  # the grace
        self.assertEqual(
            set(line), {"time", "level", "service", "msg", "kind", "action",
                        "device", "push", "waiting", "delay_ms"})

    def test_what_comes_together_is_one(self):
        bob = self.with_device()
        with self.notifiers_stopped():
            self.send(bob, 100)
            self.messages(bob, 100)  # all of it is routed
            self.wait_asked(bob)
        self.wait_told(bob, ("alert", 100))
        self.wait_answered(bob)
        self.assertEqual(self.told(bob), [("alert", 100)])

    def test_what_was_acked_is_not_told(self):
        bob = self.with_device()
        with self.notifiers_stopped():
            self.send(bob)
            self.wait_asked(bob)
            self.ack_all(bob, 1)
        self.wait_answered(bob)
        self.assertEqual(self.told(bob), [])

    def test_a_page_that_is_loaded_anew_is_not_told(self):
        bob = self.with_device()
        first = self.connect(bob)
        first.expect("connected")
        with self.notifiers_stopped():
            self.send(bob)
            first.expect("poke")
            first.close()
            wait_for(lambda: not self.redis_keys("wp:*:online:" + bob.urn),
                     "offline")
            due = self.entry(bob)
            self.connect(bob).expect("connected")
        # Somebody who is online is left alone for a minute.
        wait_for(lambda: self.entry(bob) > due + 30000, "it is put off")
        self.assertEqual(self.told(bob), [])

    def test_all_devices_of_a_user_are_told_but_not_those_of_others(self):
        bob, eve = self.with_device(), self.with_device()
        answer = bob.call("POST", "/api/devices", {
            "kind": "fcm", "token": "another-token", "deviceId": "tablet"})
        tablet = answer.json()["device"]["id"]
        self.send(bob)
        wait_for(lambda: {bob.device, tablet} <=
                 {line["device"] for line in self.lines()}, "both")
        self.wait_answered(bob)
        self.assertEqual(self.told(bob), [("alert", 1)])
        self.assertEqual(self.told(eve), [])

    def found_without_a_device(self):
        """Somebody to whom something has come, and who has none."""
        user = self.user()
        before = self.claims()
        self.send(user)
        wait_for(lambda: self.claims() > before, "he is looked at")
        self.wait_answered(user)
        self.assertEqual(self.redis_keys("wp:*:pushed:" + user.urn), [])
        return user

    def claims(self):
        """How many there were."""
        return self.stack.metric("notifier-0", "waypost_push_claims_total")

    def test_who_has_no_device_is_looked_at_once_an_hour(self):
        bob = self.found_without_a_device()
        before = self.claims()
        for i in range(3):
            self.send(bob)
            self.messages(bob, 2 + i)  # it is routed
        self.send(bob, priority=5)
        there = self.connect(bob)
        there.expect("connected")
        there.close()
        # Whoever comes behind all of that is looked at.
        self.found_without_a_device()
        self.wait_answered(bob)  # it may have come while he was there
        self.assertEqual(self.claims(), before + 1)

    def test_who_registers_is_told_of_what_came_before(self):
        bob = self.found_without_a_device()
        there = self.connect(bob)
        there.expect("connected")
        self.register(bob)
        there.close()
        self.wait_told(bob, ("alert", 1))
        self.wait_answered(bob)
        # At its next start the client says the same.
        self.assert_status(self.post_device(bob), 200)
        self.assertIsNone(self.entry(bob))

    def test_a_registration_that_redis_is_not_told_of_is_to_be_repeated(self):
        bob = self.found_without_a_device()
        [key] = self.redis_keys("wp:*:notified:" + bob.urn)
        with self.stack.redis() as redis:
            # Redis refuses, behind the store.
            redis("RENAME", key, "kept")
            redis("HSET", key, "no", "text")
            self.assert_error(self.post_device(bob), 503)
            redis("RENAME", "kept", key)
        [device] = bob.call("GET", "/api/devices").json()["devices"]
        self.assertIsNone(self.entry(bob))
        self.assert_status(self.post_device(bob), 200)
        bob.device = device["id"]
        self.wait_told(bob, ("alert", 1))

    def test_the_high_band_is_told_at_once(self):
        with self.reloaded(grace_ms=60000):
            bob = self.with_device()
            self.send(bob)
            self.wait_asked(bob)
            self.send(bob, priority=5)
            self.wait_told(bob, ("alert", 2))  # and what waits with it

    def test_what_was_told_is_cleared_when_all_is_acked(self):
        bob = self.with_device(badge=True)
        self.send(bob, 2)
        self.wait_told(bob, ("alert", 2))
        self.ack_all(bob, 2)
        self.wait_told(bob, ("alert", 2), ("clear", 0))
        self.wait_answered(bob)
        self.assertNotIn("shown", self.fields(bob))

    def test_a_second_one_waits_for_the_ladder_unless_its_user_shows_life(
            self):
        bob = self.with_device()
        self.send(bob)
        self.wait_told(bob, ("alert", 1))
        self.send(bob)
        wait_for(lambda: self.entry(bob) and
                 not self.fields(bob).get("busy") and
                 self.entry(bob) > self.told_at(bob) + 25000, "it is put off")
        self.assertEqual(self.told(bob), [("alert", 1)])
        # He connects and leaves: the next is not one of many to nobody.
        there = self.connect(bob)
        there.expect("connected")
        there.close()
        self.wait_told(bob, ("alert", 1), ("alert", 2))

    def told_at(self, user):
        """By Redis' clock."""
        return int(self.fields(user)["d:" + user.device].split()[1])

    def prefer(self, user, **what):
        answer = user.call("PUT", "/api/push/preferences", what)
        self.assert_status(answer, 200)

    def muted(self):
        """Somebody who is, and was looked at since something came."""
        user = self.with_device()
        self.prefer(user, mute=True)
        self.send(user)
        self.wait_put_off(user)
        return user

    def wait_put_off(self, user):
        wait_for(lambda: self.entry(user) and
                 self.entry(user) > self.now_ms() + 3600 * 1000,
                 "he is put off")

    def test_who_is_muted_is_told_when_he_no_longer_is(self):
        bob = self.muted()
        self.assertEqual(self.told(bob), [])
        self.prefer(bob, mute=False)
        self.wait_told(bob, ("alert", 1))
        self.wait_answered(bob)
        self.assertEqual(self.told(bob), [("alert", 1)])

    def test_mail_that_a_band_does_not_tell_is_not_told(self):
        bob = self.with_device()
        self.prefer(bob, standard="none")
        self.send(bob)
        self.wait_asked(bob)
        self.wait_answered(bob)
        self.assertEqual(self.told(bob), [])

    def test_what_was_put_and_not_looked_at_is_to_be_repeated(self):
        bob = self.muted()
        [key] = self.redis_keys("wp:*:pushed:" + bob.urn)
        with self.stack.redis() as redis:
            # Redis refuses, behind the store.
            redis("RENAME", key, "kept")
            redis("SET", key, "no hash")
            answer = bob.call("PUT", "/api/push/preferences", {"mute": False})
            redis("RENAME", "kept", key)
        self.assert_error(answer, 503)
        self.assertIn("were written", answer.json()["error"])
        self.assertGreater(self.entry(bob), self.now_ms())
        self.assertFalse(bob.call("GET", "/api/push/preferences").json()
                         ["mute"])
        self.prefer(bob, mute=False)
        self.wait_told(bob, ("alert", 1))

    def ask_test(self, user, device=None):
        answer = user.call("POST", "/api/devices/test",
                           {"id": device or user.device})
        self.assert_status(answer, 202)
        self.assert_common_headers(answer)

    def test_a_push_that_is_asked_for_comes_and_leaves_nothing(self):
        bob = self.with_device(badge=True)
        self.assertEqual(self.results(bob), [None])
        self.ask_test(bob)
        self.wait_told(bob, ("alert", 0))
        wait_for(lambda: self.results(bob) == ["accepted"], "its result")
        self.wait_answered(bob)
        fields = self.fields(bob)
        self.assertNotIn("once", fields)
        self.assertNotIn("shown", fields)
        self.assertNotIn("d:" + bob.device, fields)
        self.assertEqual(self.told(bob), [("alert", 0)])
        # Another one is another one.
        self.ask_test(bob)
        self.wait_told(bob, ("alert", 0), ("alert", 0))
        lines = [line for line in self.lines() if line["device"] == bob.device]
        self.assertNotEqual(*(line["push"] for line in lines))
        for line in lines:
            self.assertLess(line["delay_ms"], 60000)

    def test_a_push_that_is_asked_for_is_not_cleared(self):
        bob = self.with_device(badge=True)
        self.send(bob)
        self.wait_told(bob, ("alert", 1))
        self.ack_all(bob, 1)
        self.wait_told(bob, ("alert", 1), ("clear", 0))
        self.wait_answered(bob)
        self.ask_test(bob)
        self.wait_told(bob, ("alert", 1), ("clear", 0), ("alert", 0))
        self.wait_answered(bob)
        self.assertEqual(len(self.told(bob)), 3)

    def test_a_push_that_is_asked_for_is_for_one_device_whatever_it_prefers(
            self):
        bob = self.muted()
        answer = bob.call("POST", "/api/devices", {
            "kind": "fcm", "token": "another-token", "deviceId": "tablet"})
        tablet = answer.json()["device"]["id"]
        self.ask_test(bob, tablet)
        wait_for(lambda: [line for line in self.lines()
                          if line["device"] == tablet], "the tablet is told")
        wait_for(lambda: self.results(bob) == [None, "accepted"],
                 "its result")
        # The phone is muted still; the tablet is looked at again before that
        # is over.
        wait_for(lambda: not self.is_claimed(bob), "the claim is answered")
        self.assertGreater(self.entry(bob), self.now_ms() + 10 * 1000)
        self.assertEqual(self.told(bob), [])

    def test_what_became_of_pushes_is_listed_for_all_devices(self):
        bob = self.with_device()
        for i in range(9):
            self.assert_status(bob.call("POST", "/api/devices", {
                "kind": "fcm", "token": f"more-{i}", "deviceId": f"d{i}"}),
                201)
        self.send(bob)
        wait_for(lambda: self.results(bob) == ["accepted"] * 10,
                 lambda: str(self.results(bob)))

    def test_who_is_online_and_never_fetches_is_told(self):
        with self.reloaded(inactive_ms=1000):
            bob = self.with_device()
            self.connect(bob).expect("connected")
            self.send(bob)
            self.wait_told(bob, ("alert", 1))

    def test_while_push_is_off_nobody_is_told_and_nothing_old_later(self):
        bob = self.with_device()
        with self.reloaded(enabled=False):
            self.send(bob)
            wait_for(lambda: self.is_cold(bob), "it is routed")
            self.assertIsNone(self.entry(bob))
        self.assertEqual(self.told(bob), [])

    def test_a_stop_gives_back_what_was_claimed(self):
        bob = self.with_device()
        self.addCleanup(self.begin_again)
        with self.store_locked():
            self.send(bob)
            wait_for(lambda: self.fields(bob).get("busy"), "a claim")
            self.stack.programs["notifier-0"].signal(signal.SIGTERM)
            wait_for(lambda: not self.fields(bob).get("busy"),
                     "it is given back")
            due = self.entry(bob)
        self.assertEqual(self.stack.programs["notifier-0"].stop(), 0)
        self.assertEqual(self.redis_keys("wp:notifiers"), [])
        self.begin_again()
        self.wait_told(bob, ("alert", 1))
        with self.stack.redis() as redis:
            now_s, _ = redis("TIME")
        self.assertLess(due, int(now_s) * 1000 + 1000)  # not the whole claim

    def begin_again(self):
        if not self.stack.programs["notifier-0"].is_running():
            self.stack.restart("notifier-0")

    def test_a_store_that_cannot_be_read_is_waited_for(self):
        bob = self.with_device()
        with self.store_locked():
            self.send(bob)
            wait_for(lambda: self.fields(bob).get("busy"), "a claim")
            # It takes the store's library ten seconds to give up.
            wait_for(lambda: not self.fields(bob).get("busy"),
                     "it is put off", 2 * PATIENCE_S)
            self.assertEqual(self.told(bob), [])
        self.wait_told(bob, ("alert", 1), timeout_s=2 * PATIENCE_S)

    def test_redis_begins_anew(self):
        bob = self.with_device()
        with self.notifiers_stopped():
            self.send(bob)
            self.wait_asked(bob)
            self.stack.kill("redis")
            self.stack.restart("redis")
        self.stack.wait_ready()
        self.wait_told(bob, ("alert", 1))
        self.wait_answered(bob)
        self.assertEqual(self.told(bob), [("alert", 1)])
        amy = self.with_device()
        self.send(amy)
        self.wait_told(amy, ("alert", 1))

    def test_live_is_refused_where_nobody_can_be_asked(self):
        key = os.path.join(scratch(), "vapid.pem")
        with open(key, "w", encoding="ascii") as file:
            os.chmod(key, 0o600)
            file.write(vapid_pem())
        status, said = self.run_beside("waypost-notifier", "--check",
                                       WAYPOST_PUSH_MODE="live")
        self.assertEqual(status, 1, said)
        self.assertIn("push.apps: credentials_file of demo: /nowhere/",
                      said.splitlines()[-1])
        # Without the app, which nobody can be.
        path = os.path.join(os.path.dirname(key), "waypost.yaml")
        with open(self.stack.path("waypost.yaml"), encoding="utf-8") as file:
            lines = [line for line in file if not line.startswith("  apps:")]
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(lines)
        no_app = ["--config", path]
        hooks = {"WAYPOST_PUSH_USER_WEBHOOKS": "true"}
        for env, complaint in (
                ({}, "push.mode: live"),
                ({"WAYPOST_PUSH_VAPID_KEY_FILE": key},
                 "push.vapid_subject: must be set"),
                ({"WAYPOST_PUSH_VAPID_KEY": "no key",
                  "WAYPOST_PUSH_VAPID_SUBJECT": "mailto:a@b.example"},
                 "push.vapid_key_file: "),
                ({**hooks, "WAYPOST_PUSH_CLAIM_MS": "44999"},
                 "push.claim_ms: must be at least thrice push.timeout_ms"),
                ({**hooks, "WAYPOST_PUSH_CA_FILE": "/nowhere.pem"},
                 "push.ca_file: "),
                ({**hooks, "WAYPOST_PUSH_PROXY": "proxy:3128"},
                 "push.proxy: must begin with"),
                ({**hooks, "WAYPOST_PUSH_RATES": "web=0/1"},
                 "push.rates: each must be"),
                ({**hooks, "WAYPOST_PUSH_ALLOW_NETWORKS": "inside"},
                 "push.allow_networks: each must be")):
            for arguments in ([], ["--check"]):
                with self.subTest(complaint, arguments=arguments):
                    status, said = self.run_beside(
                        "waypost-notifier", *no_app, *arguments,
                        WAYPOST_PUSH_MODE="live", **env)
                    self.assertEqual(status, 1, said)
                    self.assertIn(complaint, said.splitlines()[-1])
        status, said = self.run_beside("waypost-notifier", *no_app, "--check",
                                       WAYPOST_PUSH_MODE="live", **hooks)
        self.assertEqual(status, 0, said)
        status, said = self.run_beside("waypost-notifier", "--check",
                                       WAYPOST_PUSH_MODE="live",
                                       WAYPOST_PUSH_ENABLED="false")
        self.assertEqual(status, 0, said)


class Short(PushTest):
    """Claims that lapse soon."""
    push = {"claim_ms": 2000}

    def test_what_the_dead_was_about_to_tell_is_told_by_the_next(self):
        bob = self.with_device()
        with self.store_locked():
            self.send(bob)
            wait_for(lambda: self.fields(bob).get("busy"), "a claim")
            self.stack.kill("notifier-0")
            claim = self.fields(bob)["claim"]
        self.assertEqual(self.told(bob), [])
        self.stack.restart("notifier-0")
        self.wait_told(bob, ("alert", 1))
        self.wait_answered(bob)
        self.assertEqual(self.told(bob), [("alert", 1)])
        self.assertNotEqual(self.fields(bob)["claim"], claim)

    def test_who_sleeps_over_his_claim_begins_nothing_on_it(self):
        bob = self.with_device()
        pid = self.stack.programs["notifier-0"].pid
        with self.store_locked():
            self.send(bob)
            wait_for(lambda: self.fields(bob).get("busy"), "a claim")
            self.freeze(pid)
            claim = self.fields(bob)["claim"]
            due = self.entry(bob)

            def has_lapsed():
                with self.stack.redis() as redis:
                    seconds, micros = redis("TIME")
                return int(seconds) * 1000 + int(micros) / 1000 > due
            wait_for(has_lapsed, "it lapses")
        self.thaw(pid)
        self.wait_told(bob, ("alert", 1))
        self.wait_answered(bob)
        self.assertEqual(self.told(bob), [("alert", 1)])
        self.assertNotEqual(self.fields(bob)["claim"], claim)


class Patient(PushTest):
    more = {"store": {"busy_timeout_ms": 30000}}

    def test_a_stop_writes_down_what_became_of_pushes(self):
        bob = self.with_device()
        self.assert_status(bob.call("POST", "/api/devices", {
            "kind": "fcm", "token": "another-token", "deviceId": "tablet"}),
            201)
        notifier = self.stack.programs["notifier-0"]
        with contextlib.closing(sqlite3.connect(
                self.stack.path("waypost.db"))) as store:
            # It can be read, but nobody else can write: one result is with
            # the store's thread, the other one waits behind it.
            store.execute("BEGIN IMMEDIATE")
            self.send(bob)
            wait_for(lambda: len(self.lines()) == 2, "both are told")
            notifier.signal(signal.SIGTERM)
            wait_for(lambda: self.lines("stopping"), "it is to end")
            store.rollback()
        wait_for(lambda: not notifier.is_running(), "it ends")
        self.assertEqual(notifier.stop(), 0)
        self.assertEqual(self.results(bob), ["accepted"] * 2)


class Two(PushTest):
    notifiers = 2
    USERS = 40

    def share(self):
        """Of how many notifiers each has heard, and of how many partitions."""
        last = {}
        for name in self.names():
            for line in self.stack.read_log(name).splitlines():
                if '"partitions looked at"' in line:
                    entry = json.loads(line)
                    last[name] = (entry["notifiers"], entry["partitions"])
        return last

    def test_nobody_is_told_twice_and_the_living_take_over(self):
        wait_for(lambda: [n for n, _ in self.share().values()] == [2, 2],
                 "they know of each other")
        users = [self.with_device() for _ in range(self.USERS)]
        with self.notifiers_stopped():
            for user in users:
                self.send(user)
            for user in users:
                self.wait_asked(user)
        for user in users:
            self.wait_told(user, ("alert", 1))
        for user in users:
            self.wait_answered(user)
            self.assertEqual(self.told(user), [("alert", 1)])
        for name in self.names():
            self.assertIn('"msg":"push"', self.stack.read_log(name), name)

        self.stack.kill("notifier-1")
        late = [self.with_device() for _ in range(self.USERS)]
        for user in late:
            self.send(user)
        for user in late:
            self.wait_told(user, ("alert", 1), timeout_s=2 * PATIENCE_S)
        self.assertEqual(self.share()["notifier-0"][0], 1)
        self.stack.restart("notifier-1")
        wait_for(lambda: self.share()["notifier-0"][0] == 2, "it is back")
