"""What an operator sees of a deployment, by `waypost status` and the like."""
import fcntl
import json
import os
import re
import struct
import subprocess
import termios

from harness import E2eTest, end_stack, new_stack, open_terminal, wait_for

TEXT, NUMBER, FLAG = str, int, bool
MAYBE, COUNT_OR_NULL = (str, type(None)), (int, type(None))
REDIS = {"version": TEXT, "role": TEXT, "uptimeSeconds": NUMBER,
         "usedBytes": NUMBER, "maxBytes": NUMBER, "appendOnlyFile": FLAG,
         "appendOnlyFileWrites": FLAG, "lastSnapshot": MAYBE,
         "clients": NUMBER, "commandsPerSecond": NUMBER}
STATUS = {"ok": FLAG, "problems": [TEXT], "time": TEXT, "mode": TEXT,
          "layout": TEXT, "storeBackend": TEXT, "store": MAYBE,
          "redis": REDIS, "partitions": NUMBER, "partitionsUnowned": NUMBER,
          "partitionsClosed": NUMBER, "ingressEntries": NUMBER,
          "ingressOldest": MAYBE, "ingressAdded": NUMBER, "retrying": NUMBER,
          "inboxEntries": NUMBER, "hotMailboxes": NUMBER,
          "coldMailboxes": NUMBER, "coldMessages": NUMBER,
          "coldBytes": NUMBER, "coldIsEstimated": FLAG, "expiryFirst": MAYBE,
          "migrationMarks": NUMBER,
          "migrationFirstDue": MAYBE, "deadLetters": NUMBER,
          "deadLettersInbox": NUMBER, "deadLettersPush": NUMBER,
          "pushEnabled": FLAG, "pushDue": NUMBER, "notifiers": NUMBER,
          "connections": NUMBER,
          "workers": [{"id": TEXT, "partitions": NUMBER, "announced": MAYBE}],
          "daemons": [{"id": TEXT, "connections": NUMBER,
                       "users": COUNT_OR_NULL, "heartbeat": MAYBE,
                       "partitions": NUMBER, "silent": FLAG}],
          "programs": [{"name": TEXT, "version": TEXT, "connections": NUMBER,
                        "sinceSeconds": NUMBER, "quietSeconds": NUMBER}],
          "versionsDiffer": FLAG}
QUEUE = {"user": TEXT, "partition": NUMBER,
         "queues": [{"band": TEXT, "where": TEXT, "messages": NUMBER,
                     "bytes": NUMBER, "oldest": MAYBE}],
         "storeRead": FLAG, "messages": NUMBER, "maxMessages": NUMBER,
         "bytes": NUMBER, "maxBytes": NUMBER, "connections": NUMBER,
         "hinted": FLAG, "moveDue": MAYBE}
TRACE = {"id": TEXT, "accepted": TEXT, "partition": NUMBER, "band": TEXT,
         "where": TEXT, "tries": NUMBER, "deadLetter": MAYBE, "reason": MAYBE}
PRESENCE = {"users": [{"user": TEXT, "online": FLAG, "connections": NUMBER,
                       "lastSeen": MAYBE}]}
USER = {"user": TEXT, "partition": NUMBER, "online": FLAG,
        "connections": NUMBER, "lastSeen": MAYBE, "sessions": NUMBER,
        "devices": NUMBER, "devicesUsable": NUMBER, "messages": NUMBER,
        "bytes": NUMBER}
RANKING = {"mailboxes": [{"partition": NUMBER, "memoryMessages": NUMBER,
                          "memoryBytes": NUMBER, "diskMessages": NUMBER,
                          "diskBytes": NUMBER}]}


def misfits(value, shape, where="it"):
    """What in value is not of this shape, in sentences."""
    if isinstance(shape, dict):
        if not isinstance(value, dict) or list(value) != list(shape):
            return [f"{where} has {value}, not {list(shape)}"]
        return [fault for name in shape for fault in
                misfits(value[name], shape[name], f"{where}.{name}")]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [fault for i, one in enumerate(value)
                for fault in misfits(one, shape[0], f"{where}[{i}]")]
    # In Python True is a number.
    if not isinstance(value, shape) or (
            isinstance(value, bool) and shape is not FLAG):
        return [f"{where} is {value!r}"]
    return []


class Look(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    @classmethod
    def tearDownClass(cls):
        complaints = end_stack(cls.stack)
        assert not complaints, complaints

    def command(self, *words, **env):
        return subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), *words],
            env={**self.stack.base_env, **env}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False)

    def said(self, *words, status=0, **env):
        """What it prints; status: how it has to end, None: does not matter"""
        done = self.command(*words, **env)
        if status is not None:
            self.assertEqual(done.returncode, status, done)
        return done.stdout

    def told(self, shape, *words, status=0, **env):
        """The JSON of a command, which has this shape."""
        found = json.loads(self.said(*words, "--json", status=status, **env))
        self.assertEqual(misfits(found, shape), [])
        return found

    def cold(self, user, n):
        """So many messages wait for user, on disk."""
        ids = [user.send(user, b"x" * 100).json()["id"] for _ in range(n)]
        wait_for(lambda: self.is_cold(user), "it is on disk")
        return ids

    # ---- status ----

    def test_status_ends_with_all_well(self):
        def is_well():
            return self.command("status").returncode == 0
        wait_for(is_well, lambda: self.command("status"))
        lines = self.said("status").splitlines()
        self.assertEqual(lines[-1], "all well")
        self.assertLess(len(lines), 24)
        self.assertTrue(lines[0].startswith("deployment\tlocal, layout "))
        told = self.told(STATUS, "status")
        self.assertIs(told["ok"], True)
        self.assertEqual(told["problems"], [])
        self.assertEqual(sum(one["partitions"] for one in told["workers"]), 8)

    def test_status_counts_connections_and_mailboxes(self):
        bob, eve = self.user(), self.user()
        before = self.told(STATUS, "status", status=None)
        self.cold(eve, 2)
        self.connect(bob)
        self.connect(bob)
        wait_for(lambda: self.told(STATUS, "status", status=None)
                 ["connections"] == before["connections"] + 2, "connections")
        now = self.told(STATUS, "status", status=None)
        self.assertEqual(now["coldMailboxes"], before["coldMailboxes"] + 1)
        self.assertEqual(now["coldMessages"], before["coldMessages"] + 2)
        self.assertGreater(now["coldBytes"], before["coldBytes"])
        self.assertFalse(now["coldIsEstimated"])
        self.assertEqual(sum(one["connections"] for one in now["daemons"]),
                         now["connections"])

    def test_status_says_how_many_users_a_daemon_has(self):
        def are_told():
            told = self.told(STATUS, "status", status=None)
            return any(one["users"] and one["users"] + 1 == one["connections"]
                       for one in told["daemons"])
        bob = self.user()
        self.connect(bob)
        self.connect(bob)
        wait_for(are_told, lambda: self.said("status", status=None))
        self.assertRegex(
            self.said("status", "--utc", status=None),
            r"daemon\t[0-9a-f-]+, \d+ connections of \d+ users, heartbeat "
            r"\d{4}-\d\d-\d\dT")

    def test_status_does_not_guess_what_a_daemon_does_not_say(self):
        with self.stack.redis() as redis:
            redis("HSET", "wp:{3}:live", "silent-1", "1")
            try:
                told = self.told(STATUS, "status", status=None)
                found = [one for one in told["daemons"]
                         if one["id"] == "silent-1"]
                self.assertEqual([(one["users"], one["heartbeat"])
                                  for one in found], [(None, None)])
                self.assertIn("silent-1, 0 connections\n",
                              self.said("status", status=None))
            finally:
                redis("HDEL", "wp:{3}:live", "silent-1")

    def test_status_estimates_a_store_of_many_users(self):
        before = self.told(STATUS, "status", status=None)
        with self.stack.redis() as redis:
            users = [f"urn:sm:user:many{i}" for i in range(1000)]
            redis("HSET", "wp:{3}:cold", *(word for user in users for word in (
                user, "t - 1 3 500")))
            try:
                now = self.told(STATUS, "status", status=None)
                text = self.said("status", status=None)
            finally:
                redis("HDEL", "wp:{3}:cold", *users)
        self.assertTrue(now["coldIsEstimated"])
        self.assertEqual(now["coldMailboxes"], before["coldMailboxes"] + 1000)
        # Others of the partition may be among those that are looked at.
        self.assertAlmostEqual(now["coldMessages"],
                               before["coldMessages"] + 3000, delta=600)
        self.assertRegex(text, r"store\tsqlite [0-9a-f]{8}, about \d+ messages")

    def test_status_says_what_is_not_well(self):
        with self.stack.redis() as redis:
            redis("XADD", "wp:{3}:dlq", "*", "reason", "why", "at", "1")
        try:
            done = self.command("status")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stdout.splitlines()[-1],
                             "not well\t1 dead letters: waypost dlq list")
            self.assertEqual(done.stderr, "waypost: not all is well\n")
            told = self.told(STATUS, "status", status=1)
            self.assertEqual(told["problems"],
                             ["1 dead letters: waypost dlq list"])
            self.assertEqual(told["deadLetters"], 1)
        finally:
            self.said("dlq", "drop", "--all", "--yes")

    def test_status_names_programs_and_versions(self):
        told = self.told(STATUS, "status", status=None)
        versions = {one["name"]: one["version"] for one in told["programs"]}
        self.assertLessEqual({"waypost-handlers", "waypost-worker",
                              "waypost-ws"}, set(versions))
        self.assertEqual(len(set(versions.values())), 1, versions)
        self.assertFalse(told["versionsDiffer"])
        with self.stack.redis() as redis:
            redis("CLIENT", "SETNAME", "waypost-ws@0.0.1")
            told = self.told(STATUS, "status", status=None)
            self.assertIn("0.0.1", [one["version"] for one in
                                    told["programs"]])
            self.assertTrue(told["versionsDiffer"])
            self.assertRegex(self.said("status", status=None),
                             r"program\twaypost-ws 0\.0\.1, 1 connections")

    def test_status_misses_workers(self):
        self.stack.programs["worker-0"].stop()
        try:
            def is_missed():
                return "no worker is there: nothing is routed" in self.told(
                    STATUS, "status", status=None)["problems"]
            wait_for(is_missed, "no worker")
            bob = self.user()
            bob.send(bob, b"x")
            told = self.told(STATUS, "status", status=1)
            self.assertEqual(told["partitionsUnowned"], 8)
            self.assertEqual(told["ingressEntries"], 1)
            self.assertIsNotNone(told["ingressOldest"])
            self.assertIsNone(told["expiryFirst"])
            for late_s, is_said in ((880, False), (901, True)):
                self.expire_late(late_s)
                told = self.told(STATUS, "status", status=1)
                self.assertIsNotNone(told["expiryFirst"])
                self.assertEqual("is not deleted: look at" in
                                 str(told["problems"]), is_said, told)
        finally:
            with self.stack.redis() as redis:
                redis("ZREM", "wp:{2}:expiry", "urn:sm:user:late")
            self.stack.restart("worker-0")
            self.wait_all_ready()

    def expire_late(self, late_s):
        with self.stack.redis() as redis:
            redis("ZADD", "wp:{2}:expiry",
                  (int(redis("TIME")[0]) - late_s) * 1000, "urn:sm:user:late")

    # ---- queue ----

    def test_a_queue_is_told_by_band_and_place(self):
        bob = self.user()
        self.cold(bob, 3)
        told = self.told(QUEUE, "queue", "show", bob.urn)
        places = {(one["band"], one["where"]): one for one in told["queues"]}
        self.assertEqual(list(places), [
            ("high", "memory"), ("high", "disk"), ("standard", "memory"),
            ("standard", "disk")])
        self.assertEqual(
            {place: one["messages"] for place, one in places.items()},
            {("high", "memory"): 0, ("high", "disk"): 0,
             ("standard", "memory"): 0, ("standard", "disk"): 3})
        self.assertEqual(told["messages"], 3)
        self.assertEqual(told["bytes"],
                         places["standard", "disk"]["bytes"])
        self.assertGreater(told["bytes"], 300)
        self.assertIs(told["hinted"], True)
        self.connect(bob)
        self.assert_status(bob.send(bob, b"urgent", priority=9), 202)
        self.settle(bob)
        told = self.told(QUEUE, "queue", "show", bob.name)
        hot = {one["band"]: one for one in told["queues"]
               if one["where"] == "memory"}
        self.assertEqual(hot["high"]["messages"], 1)
        self.assertGreater(hot["high"]["bytes"], 0)
        self.assertIsNotNone(hot["high"]["oldest"])
        self.assertEqual(told["messages"], 4)
        self.assertEqual(told["connections"], 1)
        said = self.said("queue", "show", bob.urn)
        self.assertRegex(said, r"(?m)^high\tmemory\t1\t\d+\t20")
        self.assertRegex(said, r"(?m)^connections\t1$")

    def test_a_queue_is_told_without_the_store(self):
        bob = self.user()
        self.cold(bob, 2)
        done = self.command("queue", "show", bob.urn, "--json",
                            WAYPOST_STORE_SQLITE_PATH="/nowhere/w.db")
        self.assertEqual(done.returncode, 0, done)
        told = json.loads(done.stdout)
        self.assertIs(told["storeRead"], False)
        self.assertEqual(len(told["queues"]), 2)
        self.assertIn("the store cannot be read", done.stderr)

    def test_mailboxes_are_ranked_and_named_only_when_asked_for(self):
        bob, eve, ann = self.user(), self.user(), self.user()
        self.cold(bob, 7)
        self.cold(eve, 9)
        self.cold(ann, 8)
        told = self.told(RANKING, "queue", "list", "--top", "2")
        self.assertEqual(
            [one["diskMessages"] + one["memoryMessages"]
             for one in told["mailboxes"]], [9, 8])
        said = self.said("queue", "list", "--top", "2")
        self.assertNotIn("urn:", said)
        rows = [line.split("\t") for line in self.said(
            "queue", "list", "--top", "3", "--show-recipient").splitlines()]
        self.assertEqual([row[5] for row in rows],
                         [eve.urn, ann.urn, bob.urn])
        self.assertEqual([int(row[1]) + int(row[3]) for row in rows],
                         [9, 8, 7])

    # ---- trace ----

    def where(self, *words):
        return self.told(TRACE, "trace", *words)["where"]

    def test_a_message_is_followed_from_its_beginning_to_its_end(self):
        bob, eve = self.user(), self.user()
        self.stack.programs["worker-0"].stop()
        try:
            message = eve.send(bob, b"x").json()["id"]
            self.assertEqual(self.where(message), "ingress")
            self.assertEqual(self.where(message, "--to", bob.urn), "ingress")
        finally:
            self.stack.restart("worker-0")
            self.wait_all_ready()
        wait_for(lambda: self.is_cold(bob), "it is on disk")
        self.assertEqual(self.where(message), "routed")
        self.assertEqual(self.where(message, "--to", bob.urn), "disk")
        self.assert_status(bob.ack([message]), 204)
        self.assertEqual(self.where(message, "--to", bob.urn), "gone")
        self.connect(bob)
        message = eve.send(bob, b"x").json()["id"]
        self.message_ids(bob, 1)
        self.assertEqual(self.where(message, "--to", bob.urn), "memory")
        told = self.told(TRACE, "trace", message)
        self.assertEqual((told["id"], told["band"]), (message, "standard"))
        self.assertNotIn(eve.name, self.said("trace", message, "--to",
                                             bob.urn))

    def test_a_dead_letter_is_found_by_its_message(self):
        bob = self.user()
        message = bob.send(bob, b"x").json()["id"]
        told = self.told(TRACE, "trace", message)
        number = int(message.replace("-", ""), 16)
        entry = f"{number >> 80}-{(number >> 64 & 0xfff) << 28}"
        key = f"wp:{{{told['partition']}}}:dlq"
        with self.stack.redis() as redis:
            redis("XADD", key, "*", "id", entry, "reason", "why", "tries",
                  "3", "at", "1", "b", "0")
        self.addCleanup(self.said, "dlq", "drop", "--all", "--yes")
        [listed] = [one for one in
                    json.loads(self.said("dlq", "list", "--json"))
                    if one["messageId"]]
        told = self.told(TRACE, "trace", listed["messageId"])
        self.assertEqual((told["where"], told["reason"], told["deadLetter"]),
                         ("dead", "why", listed["id"]))

    def test_what_is_no_message_of_ours_is_refused(self):
        bob = self.user()
        message = bob.send(bob, b"x").json()["id"]
        done = self.command("trace", "0" * 36)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no id of a message", done.stderr)
        partition = self.told(TRACE, "trace", message)["partition"]
        stranger = next(user for user in map(str, range(1000))
                        if self.told(USER, "user", "show", user)
                        ["partition"] != partition)
        done = self.command("trace", message, "--to", stranger)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody of this name can have got it", done.stderr)

    # ---- users ----

    def test_presence_is_told_of_several(self):
        bob, eve = self.user(), self.user()
        self.connect(bob)
        wait_for(lambda: self.told(PRESENCE, "presence", bob.urn)
                 ["users"][0]["online"], "bob is online")
        told = self.told(PRESENCE, "presence", bob.urn, eve.name)["users"]
        self.assertEqual([(one["user"], one["online"], one["connections"])
                          for one in told],
                         [(bob.urn, True, 1), (eve.urn, False, 0)])
        said = self.said("presence", bob.urn, eve.urn)
        self.assertEqual(said, f"{bob.urn}\t1\tnow\n{eve.urn}\t0\tunknown\n")

    def test_last_seen_is_told_to_the_minute(self):
        bob = self.user()
        self.connect(bob).close()
        wait_for(lambda: self.told(PRESENCE, "presence", bob.urn)
                 ["users"][0]["lastSeen"], "bob has left")
        told = self.told(USER, "user", "show", bob.urn)
        self.assertTrue(told["lastSeen"].endswith(":00.000Z"), told)
        self.assertIs(told["online"], False)
        self.cold(bob, 1)
        told = self.told(USER, "user", "show", bob.urn)
        self.assertEqual((told["messages"], told["devices"]), (1, 0))
        self.assertRegex(self.said("user", "show", bob.urn),
                         r"(?m)^messages that wait\t1$")

    # ---- top ----

    def test_top_counts_what_is_accepted(self):
        bob = self.user()
        with subprocess.Popen(
                [os.path.join(self.stack.build, "waypost"), "--config",
                 self.stack.path("waypost.yaml"), "top"],
                env=self.stack.base_env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, text=True) as top:
            self.addCleanup(top.kill)
            rates = []
            while not any(rates):
                self.assert_status(bob.send(bob, b"x"), 202)
                cells = top.stdout.readline().rstrip("\n").split("\t")
                self.assertEqual(len(cells), 10, cells)
                self.assertRegex(cells[0], r"^20\d\d-.*Z$")
                rates.append(int(cells[1]))
            top.terminate()
            self.assertEqual(top.wait(30), 0)

    def test_counts_as_large_as_there_are(self):
        """Whoever may write to Redis may write anything."""
        most = 2**63 - 1
        with self.stack.redis() as redis:
            for name in "waits", "cold":
                redis("HSET", "wp:{0}:" + name, "urn:sm:user:huge",
                      f"{most} {most}")
        self.addCleanup(self.forget_huge)
        rows = [line.split("\t") for line in self.said(
            "queue", "list", "--top", "1").splitlines()]
        self.assertEqual([row[1:5] for row in rows], [[str(most)] * 4])

        bob = self.user()
        self.assert_status(bob.send(bob, b"x"), 202)
        key = self.redis_keys("wp:*:ingress")[0]
        with self.stack.redis() as redis, subprocess.Popen(
                [os.path.join(self.stack.build, "waypost"), "--config",
                 self.stack.path("waypost.yaml"), "top", "--times", "2"],
                env=self.stack.base_env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, text=True) as top:
            self.addCleanup(top.kill)
            top.stdout.readline()
            redis("XSETID", key, "9000000000000000000-1", "ENTRIESADDED",
                  str(most), "MAXDELETEDID", "1-1")
            try:
                cells = top.stdout.readline().split("\t")
                self.assertEqual(top.wait(30), 0)
                redis("XADD", key, "*", "f", "1")  # its counter turns over
                self.told(STATUS, "status", status=None)
            finally:
                redis("DEL", key)
        self.assertGreater(int(cells[1]), 2**50)

        with self.stack.redis() as redis:
            redis("HSET", "wp:{0}:cold", "urn:sm:user:huge",
                  f"t - 1 {most} {most}")
        self.assertGreaterEqual(
            self.told(STATUS, "status", status=None)["coldBytes"], 2**53)

    def forget_huge(self):
        with self.stack.redis() as redis:
            for name in "waits", "cold":
                redis("HDEL", "wp:{0}:" + name, "urn:sm:user:huge")

    def test_top_ends_after_so_many_looks(self):
        self.assertEqual(len(self.said("top", "--times", "1").splitlines()),
                         1)

    def on_terminal(self, *words, **env):
        """Start it on a terminal of 24 lines; (read_until, press, end)."""
        ours, its = open_terminal()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, its)
        fcntl.ioctl(its, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 24, 60, 0, 0))
        before = termios.tcgetattr(its)
        top = subprocess.Popen(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), *words],
            env={**self.stack.base_env, "TERM": "xterm", **env}, stdin=its,
            stdout=its, stderr=subprocess.PIPE)
        self.addCleanup(top.stderr.close)
        self.addCleanup(top.wait)
        self.addCleanup(top.kill)
        seen = ""

        def read_until(text):
            nonlocal seen
            while text not in seen:
                seen += os.read(ours, 65536).decode("utf-8", "replace")
            frame, seen = seen.split(text, 1)
            return frame

        def end():
            os.write(ours, b"q")
            read_until("\x1b[?1049l")
            self.assertEqual(top.wait(30), 0)
            self.assertEqual(top.stderr.read(), b"")
            self.assertEqual(termios.tcgetattr(its), before)
        return read_until, lambda key: os.write(ours, key), end

    def test_top_has_a_screen_and_keys(self):
        read_until, press, end = self.on_terminal("top", "--every", "600")
        read_until("\x1b[?1049h")
        frame = read_until("q ends, p pauses")
        self.assertIn(" accepted/s", frame)
        for line in re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", frame).split("\r\n"):
            self.assertLessEqual(len(line), 60)
        press(b"w")
        read_until("WORKER")
        press(b"p")
        read_until("paused")
        end()

    def test_top_shows_no_commands_to_a_terminal(self):
        with self.stack.redis() as redis:
            redis("HSET", "wp:meta", "run_mode", "loc\x1b]0;al\x07")
            self.addCleanup(self.forget_mode)
        read_until, _, end = self.on_terminal("top", "--every", "600")
        self.assertIn("loc?]0;al?", read_until("q ends, p pauses"))
        end()

    def forget_mode(self):
        with self.stack.redis() as redis:
            redis("HDEL", "wp:meta", "run_mode")

    def test_top_shows_doors_where_programs_tell_them(self):
        bob = self.user()
        read_until, _, end = self.on_terminal(
            "top", WAYPOST_HANDLERS_METRICS_LISTEN="unix:" +
            self.stack.socket_path("handlers-metrics.sock"))
        read_until("this host: http ")
        frame = ""
        while " p99 " not in frame:
            self.assert_status(bob.send(bob, b"x"), 202)
            frame = read_until("q ends, p pauses")
        self.assertRegex(frame, r"sends p50 \d+\.\d ms, p99 \d")
        end()
