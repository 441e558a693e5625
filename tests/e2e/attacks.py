#!/usr/bin/python3
"""Attacks at full length, and what they cost everybody else.

usage: tests/e2e/attacks.py [CLASS[.TEST]…]     (make test-attacks)

Not a part of the suite, which has a short piece of each: these measure times,
so they want a machine of their own. WEB and WAYPOST_E2E_BUILD as for the suite.
"""
import json
import math
import os
import random
import secrets
import statistics
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import accounts  # noqa: E402
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


def at_rest():
    """So long is asked before the attack: some hundred times."""
    time.sleep(8)


def by_chance(ours, theirs):
    """How likely a rank sum is that lies as far from the middle, if there is
    no difference (Mann and Whitney, both sides, as for many)."""
    above = sum((a > b) + (a == b) / 2 for a in ours for b in theirs)
    mean = len(ours) * len(theirs) / 2
    deviation = (mean * (len(ours) + len(theirs) + 1) / 6) ** 0.5
    return math.erfc(abs(above - mean) / deviation / math.sqrt(2))


class Bystander:
    """Somebody who goes on asking: bystander.py, with a line of what it says.

    of: what it says besides
    """

    def __init__(self, test, token, pause_s=0.01, **of):
        self._program = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__),
                                          "bystander.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        test.addCleanup(self._end)
        self._tell({"port": test.stack.port, "token": token,
                    "pause_s": pause_s, **of})
        self._hear()
        self.statuses = set()

    def _end(self):
        self._program.stdin.close()
        self._program.wait(60)
        self._program.stdout.close()

    def _tell(self, what):
        self._program.stdin.write(json.dumps(what) + "\n")
        self._program.stdin.flush()

    def _hear(self):
        line = self._program.stdout.readline()
        if not line:
            raise AssertionError("the bystander has ended")
        return line

    def during(self, work, what):
        """Ask until work() is done. Returns: the 99th percentile, in s"""
        self._tell("go")
        try:
            work()
        finally:
            self._tell("stop")
            heard = json.loads(self._hear())
        self.statuses |= set(heard["statuses"])
        return told(what, heard["took"])


class Logins(accounts.Routes):
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
        somebody = Bystander(self, session["accessToken"], friend=name)
        before = somebody.during(at_rest, "a send before")
        rest = self.weight()
        seen, worst = {}, [0, 0]

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
        end = time.monotonic() + self.seconds
        during = somebody.during(
            lambda: in_threads([attack] * self.attackers + [watch]),
            "a send meanwhile")
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


class Names(accounts.Routes):
    """Who has an account is not to be told by the time that a no takes."""

    more = {"argon2_memory_kib": 19456, "argon2_passes": 2}
    tries = 500

    def refused_in(self, name):
        began = time.perf_counter()
        answer = self.login(name, "a wrong password, really")
        took = time.perf_counter() - began
        self.assert_status(answer, 401)
        return took

    def test_five_hundred_of_each_are_alike(self):
        known = [self.newcomer()[0] for _ in range(self.tries)]
        took = {True: [], False: []}
        for name in known:
            # Neither is always behind the other.
            for is_known in random.sample((True, False), 2):
                took[is_known].append(self.refused_in(
                    name if is_known else self.name()))
        medians = [statistics.median(times) for times in took.values()]
        for is_known, times in took.items():
            told("a name that " + ("exists" if is_known else "does not"),
                 times)
        chance = by_chance(*took.values())
        print(f"      medians {abs(medians[0] - medians[1]) * 1000:.2f} ms "
              f"apart, p = {chance:.3f}", flush=True)
        self.assertLess(abs(medians[0] - medians[1]), 0.002)
        self.assertGreater(chance, 0.01)


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
        somebody = Bystander(self, alice.token, friend=alice.urn)
        before = somebody.during(at_rest, "a send before")
        self.issuer.requests.clear()
        began, seen = time.monotonic(), {}

        def attack():
            turns = self.count // self.attackers
            for turn in range(turns):
                due = began + turn * self.seconds / turns
                time.sleep(max(0, due - time.monotonic()))
                answer = self.stack.http().request(
                    "GET", "/api/messages", None,
                    {"Authorization": "Bearer " + self.token()})
                seen[answer.status] = seen.get(answer.status, 0) + 1

        during = somebody.during(
            lambda: in_threads([attack] * self.attackers), "a send meanwhile")
        lasted = time.monotonic() - began
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
    # A daemon has no room for more; the last are the bystander's.
    sockets, poked, revoked, seconds = 10000, 50, 1000, 10
    issuer = "https://id.example"

    def pass_of(self, number):
        return self.stack.token(f"crowd-{number}", iss=self.issuer,
                                sid=f"s{number}")

    def dial(self, number):
        return WebSocket(
            self.stack.port, "/connect",
            [("Authorization", "Bearer " + self.pass_of(number))],
            unix_path=self.stack.socket_path("websocket-0.sock"))

    def revoke_all(self, back_end):
        """When each was confirmed."""
        began, told_at = time.monotonic(), []
        for number in range(self.revoked):
            due = began + number * self.seconds / self.revoked
            time.sleep(max(0, due - time.monotonic()))
            self.assert_status(back_end.call(
                "POST", "/api/admin/revoke",
                {"issuer": self.issuer, "session": f"s{number}"}), 204)
            told_at.append(time.monotonic())
        return told_at

    def ends(self, crowd):
        """When each of those who are to be put out was."""
        ended_at = []
        for socket in crowd[:self.revoked]:
            try:
                code = socket.wait_closed(30)
            except Closed as error:
                code = error.code
            self.assertEqual(code, 4403)
            ended_at.append(time.monotonic())
        return ended_at

    def test_a_thousand_are_put_out_and_the_others_do_not_notice(self):
        back_end = self.back_end(self.add("notify", "revoke"))
        self.wait_until(back_end.token, 403)
        with ThreadPoolExecutor(32) as pool:  # Redis syncs for many at once
            crowd = list(pool.map(self.dial,
                                  range(self.sockets - self.poked)))
        for socket in crowd:
            self.addCleanup(socket.abort)
            socket.expect("connected")
        others = range(len(crowd), self.sockets)
        somebody = Bystander(self, back_end.token, pokes={
            "path": self.stack.socket_path("websocket-0.sock"),
            "users": [[f"urn:sm:user:crowd-{number}", self.pass_of(number)]
                      for number in others]})
        before = somebody.during(at_rest, "a poke before")
        result = []
        during = somebody.during(
            lambda: result.extend(in_threads(
                [lambda: self.revoke_all(back_end),
                 lambda: self.ends(crowd)])), "a poke meanwhile")
        told_at, ended_at = result
        worst = max(end - told for told, end in zip(told_at, ended_at))
        print(f"      {self.revoked} of {self.sockets} put out, the last "
              f"{worst:.2f} s after it was confirmed", flush=True)
        self.assertEqual(somebody.statuses, {202})
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
