#!/usr/bin/python3
"""Attacks at full length, and what they cost everybody else.

usage: tests/e2e/attacks.py [CLASS[.TEST]…]     (make test-attacks)

Not a part of the suite, which has a short piece of each: these measure times,
so they want a machine of their own. WEB and WAYPOST_E2E_BUILD as for the suite.
"""
import json
import math
import os
import secrets
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

# What the suite does forty times.
os.environ.setdefault("WAYPOST_TIMING_TRIES", "500")

import test_accounts  # noqa: E402
import test_keys_backend  # noqa: E402
from devkit.jwk import Key  # noqa: E402
from devkit.token import b64url  # noqa: E402
from devkit.user import User  # noqa: E402
from devkit.websocket import Closed, WebSocket  # noqa: E402
from harness import (E2eTest, end_all_stacks, in_threads,  # noqa: E402
                     new_stack, scratch, wait_for)
from provider import KEYS, Provider  # noqa: E402


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def told(what, seconds):
    """One line of figures."""
    line = f"{what}: " + ", ".join(
        f"{name} {percentile(seconds, share) * 1000:.1f} ms"
        for name, share in (("median", 0.5), ("p99", 0.99), ("worst", 1)))
    print(f"      {line}, n = {len(seconds)}", flush=True)
    return percentile(seconds, 0.99)


class Bystander:
    """Somebody who sends and pulls, and how long that takes."""

    def __init__(self, user, friend):
        self._user, self._friend = user, friend
        self.statuses = set()

    def go_on(self, is_over, pause_s=0.02):
        took = []
        while not is_over():
            began = time.perf_counter()
            self.statuses.add(self._user.send(self._friend, b"x").status)
            took.append(time.perf_counter() - began)
            time.sleep(pause_s)
        return took

    def go_on_for(self, seconds):
        end = time.monotonic() + seconds
        return self.go_on(lambda: time.monotonic() > end)


class Logins(test_accounts.Routes):
    """Everybody logs in at once, at the price that hashes have."""

    more = {"argon2_memory_kib": 19456, "argon2_passes": 2}
    seconds, attackers = 20, 200

    def tree(self):
        parent = self.stack.programs["handlers"].pid
        with open(f"/proc/{parent}/task/{parent}/children",
                  encoding="ascii") as file:
            return [parent, *map(int, file.read().split())]

    def weight(self):
        """(bytes in memory, threads) of all handlers."""
        memory, threads = 0, 0
        for pid in self.tree():
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                words = dict(line.split(":", 1) for line in file)
            memory += int(words["VmRSS"].split()[0]) << 10
            threads += int(words["Threads"])
        return memory, threads

    def test_a_flood_costs_what_is_said_and_nobody_else_anything(self):
        name, session = self.newcomer()
        user = self.user_of(name, session)
        somebody = Bystander(user, name)
        before = told("a send before", somebody.go_on_for(3))
        rest = self.weight()
        seen, worst = {}, [0, 0]
        end = time.monotonic() + self.seconds

        def attack():
            while time.monotonic() < end:
                answer = self.login(self.name())
                seen[answer.status] = seen.get(answer.status, 0) + 1
                if answer.status == 503:
                    self.assert_error(answer, 503, "overloaded")
                    # They are many, not fast.
                    time.sleep(1)

        def watch():
            while time.monotonic() < end:
                worst[:] = [max(pair) for pair in zip(worst, self.weight())]
                time.sleep(0.05)
        *_, took = in_threads(
            [attack] * self.attackers +
            [watch, lambda: somebody.go_on_for(self.seconds)])
        during = told("a send meanwhile", took)
        slots = max(1, min(4, (os.cpu_count() or 1) // 2))
        print(f"      answers {seen}; {(worst[0] - rest[0]) >> 20} MiB and "
              f"{worst[1] - rest[1]} threads more, {slots} slots", flush=True)
        self.assertEqual(somebody.statuses, {202})
        self.assertEqual(set(seen), {401, 503})
        # What a slot takes, and as much again for two hundred calls.
        self.assertLess(worst[0] - rest[0], (slots * 19 + 32) << 20)
        self.assertLessEqual(worst[1] - rest[1], slots * len(self.tree()))
        self.assertLess(during, max(0.05, before * 5))
        self.assert_status(self.login(name), 200)

    def test_of_a_thousand_guesses_at_once_five_are_hashed(self):
        name, _ = self.newcomer()
        statuses, began = [], time.monotonic()

        def guess():
            for _ in range(10):
                statuses.append(self.login(name, "a wrong one, really").status)
        in_threads([guess] * 100)
        lasted = time.monotonic() - began
        print(f"      {statuses.count(401)} of {len(statuses)} are hashed in "
              f"{lasted:.1f} s", flush=True)
        # One more after a second, another one two seconds later, …
        self.assertLessEqual(statuses.count(401),
                             5 + int(math.log2(lasted + 1)))
        self.assertLessEqual(set(statuses), {401, 429, 503})


class Names(test_accounts.Timing):
    """Who has an account is not to be told by the time that a no takes."""


class MadeUpKeys(E2eTest):
    """Tokens with keys that nobody has, all the time."""

    attackers, count, seconds = 100, 10000, 60

    @classmethod
    def make_stack(cls):
        cls.provider = Provider(scratch()).start()
        cls.addClassCleanup(cls.provider.stop)
        cls.issuer = cls.provider.issuer("one")
        cls.key = Key("EdDSA")
        cls.issuer.keys = [cls.key.jwk()]
        stack = new_stack({"auth": {
            "ca_file": cls.provider.ca_file,
            "issuers": [f"{cls.issuer.url} aud=x ns=corp"]}})
        return stack

    def token(self):
        head = {"alg": "EdDSA", "kid": secrets.token_hex(16)}
        now = int(time.time())
        body = {"iss": self.issuer.url, "aud": "x", "sub": "eve", "iat": now,
                "exp": now + 600}
        return ".".join([b64url(json.dumps(part).encode())
                         for part in (head, body)] + [b64url(bytes(64))])

    def test_ten_thousand_cost_the_provider_seven_fetches(self):
        alice = User(self.stack, "urn:corp:user:alice", self.key.token(
            {"iss": self.issuer.url, "aud": "x", "sub": "alice"}))
        wait_for(lambda: alice.pull().status == 200, "keys")
        somebody = Bystander(alice, alice)
        before = told("a send before", somebody.go_on_for(3))
        self.issuer.requests.clear()
        began, is_over = time.monotonic(), threading.Event()
        seen = {}

        def attack():
            turns = self.count // self.attackers
            for turn in range(turns):
                due = began + turn * self.seconds / turns
                time.sleep(max(0, due - time.monotonic()))
                answer = self.stack.http().request(
                    "GET", "/api/messages", None,
                    {"Authorization": "Bearer " + self.token()})
                seen[answer.status] = seen.get(answer.status, 0) + 1

        def all_attack():
            in_threads([attack] * self.attackers)
            is_over.set()
        flood = threading.Thread(target=all_attack)
        flood.start()
        took = somebody.go_on(is_over.is_set)
        flood.join()
        lasted = time.monotonic() - began
        during = told("a send meanwhile", took)
        fetches = self.issuer.asked(KEYS)
        print(f"      answers {seen} in {lasted:.1f} s; {fetches} fetches",
              flush=True)
        self.assertEqual(somebody.statuses, {202})
        self.assertLessEqual(set(seen), {401, 503})
        # One in ten seconds at most, and six at first.
        self.assertLessEqual(fetches, 7 + lasted // 60)
        self.assertLess(during, max(0.1, before * 2))


class Crowd(test_keys_backend.KeysTest):
    """Many are connected, and many of them are put out."""

    # Nobody reads most of them, pings neither.
    config = {"websocket": {"ping_interval_ms": 600000,
                            "idle_timeout_ms": 1200000}}
    sockets, revoked, seconds = 10000, 1000, 10
    issuer = "https://id.example"

    def dial(self, number):
        token = self.stack.token(f"crowd-{number}", iss=self.issuer,
                                 sid=f"s{number}")
        return WebSocket(self.stack.port, "/connect",
                         [("Authorization", "Bearer " + token)],
                         unix_path=self.stack.socket_path("websocket-0.sock"))

    def poke_s(self, back_end, number, socket):
        began = time.perf_counter()
        self.assert_status(back_end.call("POST", "/api/notify", {
            "user": f"crowd-{number}", "type": "x", "payload": {}}), 202)
        socket.expect("x")
        return time.perf_counter() - began

    def watched(self, back_end, all_sockets, is_over):
        took, number = [], self.revoked
        while not is_over():
            took.append(self.poke_s(back_end, number, all_sockets[number]))
            number = self.revoked + (number + 7) % 1000
            time.sleep(0.02)
        return took

    def test_a_thousand_are_put_out_and_the_others_do_not_notice(self):
        back_end = self.back_end(self.add("notify", "revoke"))
        self.wait_until(back_end.token, 403)
        with ThreadPoolExecutor(32) as pool:  # Redis syncs for many at once
            crowd = list(pool.map(self.dial, range(self.sockets)))
        for socket in crowd:
            self.addCleanup(socket.abort)
            socket.expect("connected")
        until = time.monotonic() + 3
        before = told("a poke before", self.watched(
            back_end, crowd, lambda: time.monotonic() > until))
        late, closed = [], threading.Event()

        def revoke():
            began = time.monotonic()
            for number in range(self.revoked):
                due = began + number * self.seconds / self.revoked
                time.sleep(max(0, due - time.monotonic()))
                self.assert_status(back_end.call(
                    "POST", "/api/admin/revoke",
                    {"issuer": self.issuer, "session": f"s{number}"}), 204)
                told_at[number] = time.monotonic()

        def await_ends():
            for number in range(self.revoked):
                try:
                    code = crowd[number].wait_closed(30)
                except Closed as error:
                    code = error.code
                self.assertEqual(code, 4403)
                if number in told_at:
                    late.append(time.monotonic() - told_at[number])
            closed.set()
        told_at = {}
        threads = [threading.Thread(target=work)
                   for work in (revoke, await_ends)]
        for thread in threads:
            thread.start()
        took = self.watched(back_end, crowd, closed.is_set)
        for thread in threads:
            thread.join()
        during = told("a poke meanwhile", took)
        worst = max(late, default=0)
        print(f"      {self.revoked} of {self.sockets} put out, the last "
              f"{worst:.2f} s after it was confirmed", flush=True)
        self.assertEqual(len(told_at), self.revoked)
        self.assertLess(worst, 4)
        self.assertLess(during, max(0.01, before * 3))


if __name__ == "__main__":
    try:
        program = unittest.main(exit=False, verbosity=2)
    finally:
        complaints = end_all_stacks()
    for complaint in complaints:
        print(complaint)
    sys.exit(bool(complaints or not program.result.wasSuccessful()))
