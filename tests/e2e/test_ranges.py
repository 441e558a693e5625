"""Every number of the configuration works at both ends of what is allowed.

The keys and their bounds come from --help, so a new key is tested as soon as
it is there. Keys that have nothing to do with each other share a run; what a
key needs beside it stands in COMPANIONS. At each end all programs start, and a
message goes its whole way, over a socket and to somebody who was absent.
"""
import os
import re
import subprocess
from http.client import HTTPException

from devkit.stack import scrubbed_environment
from harness import (Closed, E2eTest, PATIENCE_S, ROOT, Refused, SLOWNESS,
                     User, end_stack, new_stack, wait_for)

BUILD = os.environ.get("WAYPOST_E2E_BUILD",
                       os.path.join(ROOT, "build", "release"))
TRIPS = 2
TRIP_S = 5 * SLOWNESS  # a message that takes longer is taken for lost
RUN_S = 60 * SLOWNESS
PROGRAMS = ("waypost-handlers", "waypost-worker", "waypost-ws",
            "waypost-notifier")
KEY = re.compile(r"^  ([a-z_]+\.[a-z_]+) \(.*\)\n +(-?\d+) to (-?\d+)",
                 re.MULTILINE)
# What the other end of a comparison must be, so that the two agree.
COMPANIONS = {
    ("mailbox.max_waiting_bytes", "min"): {"mailbox.max_envelope_bytes": 1024},
    ("worker.lease_ms", "min"): {"worker.tick_ms": 50},
    ("worker.tick_ms", "max"): {"worker.lease_ms": 600000},
    ("worker.reap_after_ms", "min"): {"websocket.heartbeat_ms": 100},
    ("websocket.heartbeat_ms", "max"): {"worker.reap_after_ms": 600000},
    ("websocket.ping_interval_ms", "max"): {
        "websocket.idle_timeout_ms": 7200000},
    ("websocket.idle_timeout_ms", "min"): {
        "websocket.ping_interval_ms": 100},
}
# Runs of their own: they decide how much there is of everything.
ALONE = ("mailbox.partitions", "handlers.processes", "handlers.threads")
# A worker takes about a millisecond for each partition when Redis is new.
TOO_LONG = [("mailbox.partitions", "max")]
GROUP_SIZE = 8


def bounds(build):
    """{key: (min, max)} of all programs, as --help tells them."""
    found = {}
    for name in PROGRAMS:
        text = subprocess.run([os.path.join(build, name), "--help"],
                              env=scrubbed_environment(), check=True,
                              capture_output=True, text=True).stdout
        found.update({key: (int(low), int(high))
                      for key, low, high in KEY.findall(text)})
    return found


def runs(ranges):
    """[({key: value}, [(key, end)])]: settings that can stand together."""
    groups = []
    for key, ends in ranges.items():
        for end, value in zip(("min", "max"), ends):
            settings = {key: value, **COMPANIONS.get((key, end), {})}
            group = next((g for g in groups
                          if key not in ALONE and not g[2]
                          and len(g[1]) < GROUP_SIZE
                          and g[3] == end
                          and not set(g[0]) & set(settings)), None)
            if group is None:
                groups.append((settings, [(key, end)], key in ALONE, end))
            else:
                group[0].update(settings)
                group[1].append((key, end))
    return [(settings, names) for settings, names, _, _ in groups]


class Ranges(E2eTest):
    @classmethod
    def make_stack(cls):
        return None  # each run has one of its own

    @classmethod
    def tearDownClass(cls):
        pass

    def trip(self, stack):
        """One message by way of a poke, and one that waits for its reader.

        Returns: whether all of it went well; small limits answer 503 at times
        """
        alice, bob = User(stack, "alice"), User(stack, "bob")
        try:
            if not self.empty(bob):
                return False
            with bob.connect() as socket:
                socket.expect("connected", timeout_s=PATIENCE_S)
                if alice.send(bob).status != 202:
                    return False
                socket.expect("poke", timeout_s=PATIENCE_S)
                if not self.read_one(bob):
                    return False
            return alice.send(bob).status == 202 and self.read_one(bob)
        except (OSError, ValueError, AssertionError, HTTPException, Closed,
                Refused):
            return False

    def empty(self, bob):
        """An attempt that failed may leave more than may wait."""
        answer = bob.pull(limit=500)
        if answer.status != 200:
            return False
        ids = [message["id"] for message in answer.json()["messages"]]
        return not ids or bob.ack(ids).status == 204

    def read_one(self, bob):
        def arrived():
            answer = bob.pull()
            return answer.status == 200 and answer.json()["messages"]
        ids = [message["id"]
               for message in wait_for(arrived, "a message", TRIP_S)]
        return bob.ack(ids).status == 204

    def check(self, settings):
        config = {}
        for key, value in settings.items():
            section, name = key.split(".")
            config.setdefault(section, {})[name] = value
        # Each takes memory, in Redis 8 more than the least mark allows.
        databases = max(16, settings.get("redis.database", 0) + 1)
        stack = new_stack(config, redis_config=[f"databases {databases}"],
                          notifiers=1)
        try:
            for _ in range(TRIPS):
                wait_for(lambda: self.trip(stack), "a trip", RUN_S)
        finally:
            complaints = end_stack(stack)
        self.assertEqual(complaints, [])

    def check_all(self, wanted):
        ranges = bounds(BUILD)
        self.assertGreater(len(ranges), 30)
        for settings, names in runs(ranges):
            if wanted(names):
                with self.subTest(names=names):
                    self.check(settings)

    def test_the_least_values_work(self):
        self.check_all(lambda names: names[0][1] == "min")

    def test_the_greatest_values_work(self):
        self.check_all(lambda names: names[0][1] == "max"
                       and names[0] not in TOO_LONG)
