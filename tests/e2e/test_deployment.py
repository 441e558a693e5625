"""One Redis, one store: who does not belong is refused, and a look is free."""
import contextlib
import os
import sqlite3
import stat
import subprocess

from harness import (PROGRAMS, SLOWNESS, E2eTest, envelope, new_stack, scratch,
                     wait_for)


class Adopt(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    def adopt(self):
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "store", "adopt", "--yes"],
            env=self.stack.base_env, capture_output=True, text=True,
            timeout=30 * SLOWNESS, check=False)
        return done.returncode, done.stdout + done.stderr

    def move_store(self, source, target):
        for name in os.listdir(source):
            if name.startswith("waypost.db"):
                os.rename(os.path.join(source, name),
                          os.path.join(target, name))

    def epoch(self):
        with contextlib.closing(
                sqlite3.connect(self.stack.path("waypost.db"))) as store:
            return store.execute("SELECT max(epoch) FROM life").fetchone()[0]

    def test_a_lost_store_is_replaced_by_an_empty_one(self):
        """What waited in Redis is kept, nothing is held for what is lost."""
        alice, bob, carol = self.user(), self.user(), self.user()
        self.assert_accepted(alice.send(bob))
        wait_for(lambda: self.is_cold(bob), "migration")
        socket = self.connect(carol)
        socket.expect("connected")
        self.assert_accepted(alice.send(carol))
        socket.expect("poke")
        before = self.epoch()
        status, said = self.adopt()
        self.assertEqual(status, 1, said)
        self.assertIn("stop all programs first", said)
        self.assertEqual(self.epoch(), before)
        self.assertEqual(len(bob.pull().json()["messages"]), 1)

        worker = self.stack.programs["worker-0"]
        self.assertEqual(worker.stop(), 0)
        for name in ("websocket-0", "handlers"):
            self.assertEqual(self.stack.programs[name].stop(), 0)
        # It might be a copy that was put back, of fewer versions.
        self.assertEqual(self.adopt()[0], 0)
        self.assertGreater(self.epoch(), before)
        self.assertEqual(self.redis_keys("wp:{*}:cold"), [])
        aside = scratch()
        self.move_store(self.stack.state, aside)
        worker.spawn()
        wait_for(lambda: not worker.is_running(), "the refusal")
        self.assertIn("is not there, but this deployment has a store",
                      self.stack.read_log("worker-0"))
        status, said = self.adopt()
        self.assertEqual(status, 0, said)
        with self.stack.redis() as redis:
            self.assertEqual(redis("KEYS", "wp:{*}:cold"), [])
        for name in ("worker-0", "websocket-0", "handlers"):
            self.stack.programs[name].start()
        self.stack.wait_ready()

        # An empty store is no sign of a clock that was always right.
        self.assertIn("it is not known what the clock of Redis was before",
                      self.stack.read_log("worker-0"))
        self.assertEqual(bob.pull().json()["messages"], [])
        self.assertEqual(len(carol.pull().json()["messages"]), 1)
        self.assert_accepted(alice.send(bob))
        wait_for(lambda: self.is_cold(bob), "migration")
        self.assertEqual(len(bob.pull().json()["messages"]), 1)

        # It is found again. What it knows of this Redis is of long ago.
        for name in ("worker-0", "websocket-0", "handlers"):
            self.assertEqual(self.stack.programs[name].stop(), 0)
        self.move_store(self.stack.state, scratch())
        self.move_store(aside, self.stack.state)
        before = self.epoch()
        status, said = self.adopt()
        self.assertEqual(status, 0, said)
        self.assertGreater(self.epoch(), before)
        for name in ("worker-0", "websocket-0", "handlers"):
            self.stack.programs[name].start()
        self.stack.wait_ready()
        self.assertEqual(len(bob.pull().json()["messages"]), 1)

    def test_it_is_refused_while_a_worker_runs(self):
        with self.stack.redis() as redis:
            own = redis("HGET", "wp:meta", "store").decode()
            redis("HSET", "wp:meta", "store", "f" * 32)
            status, said = self.adopt()
            redis("HSET", "wp:meta", "store", own)
        self.assertEqual(status, 1, said)
        self.assertIn("stop all programs first", said)


class Deployment(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    def assert_refused(self, part, **env):
        self.assert_all_refuse(self.run_beside, part, **env)

    def test_another_store_is_refused_and_not_made(self):
        folder = scratch()
        self.assert_refused("all programs must use",
                            WAYPOST_STORE_SQLITE_PATH=folder + "/other.db")
        # As the default was: the folder that somebody happens to start in.
        self.assert_refused("all programs must use",
                            WAYPOST_STORE_SQLITE_PATH="waypost.db")
        self.assertEqual(os.listdir(folder), [])

    def test_who_is_refused_leaves_no_secret_behind(self):
        folder = scratch()
        key = folder + "-key.pem"
        with open(key, "w", encoding="ascii") as file:
            file.write("no key at all")
        self.addCleanup(os.unlink, key)
        both = ("waypost-handlers", "waypost-ws")
        nowhere = "unix:/nowhere/at/all"
        for env, programs in (
                ({"JWT_SECRET": ""}, both),
                ({"WAYPOST_AUTH_PUBLIC_KEY_FILES": key}, both),
                ({"WAYPOST_AUTH_ISSUER": "waypost",
                  "WAYPOST_ACCOUNTS_ENABLED": "true"}, both),
                ({"WAYPOST_HANDLERS_LISTEN": nowhere}, both[:1]),
                ({"WAYPOST_WEBSOCKET_LISTEN": nowhere}, both[1:]),
                ({"WAYPOST_WORKER_METRICS_LISTEN": nowhere},
                 ("waypost-worker",)),
                ({"WAYPOST_MAILBOX_PARTITIONS": "32"}, PROGRAMS),
                ({}, PROGRAMS)):  # a store that is not the deployment's
            for name in programs:
                for arguments in ([], ["--check"]):
                    with self.subTest(f"{name} {arguments} {env}"):
                        status, said = self.run_beside(
                            name, *arguments, **{
                                "STORE_SECRET": "",
                                "WAYPOST_STORE_SQLITE_PATH":
                                folder + "/other.db", **env})
                        self.assertEqual(status, 1, said)
                        self.assertEqual(os.listdir(folder), [], said)

    def test_a_local_program_is_refused_by_a_production_redis(self):
        with self.stack.redis() as redis:
            redis("HSET", "wp:meta", "run_mode", "production")
            try:
                self.assert_refused("belongs to a production deployment")
            finally:
                redis("HDEL", "wp:meta", "run_mode")

    def test_a_check_changes_nothing(self):
        path = scratch() + "/new.db"
        with self.stack.redis() as redis:
            redis("SELECT", "7")
            for name in PROGRAMS:
                status, said = self.run_beside(
                    name, "--check", WAYPOST_REDIS_DATABASE="7",
                    WAYPOST_MAILBOX_PARTITIONS="32",
                    WAYPOST_STORE_SQLITE_PATH=path)
                self.assertEqual(status, 0, said)
                self.assertEqual(redis("DBSIZE"), 0, name)
                self.assertEqual(os.listdir(os.path.dirname(path)), [], name)
        before = os.listdir(self.stack.state)
        for name in PROGRAMS:
            self.assertEqual(self.run_beside(name, "--check")[0], 0, name)
        self.assertEqual(os.listdir(self.stack.state), before)

    def test_a_setting_of_before_is_ignored_and_told(self):
        for name in PROGRAMS:
            status, text = self.run_beside(name, "--check")
            self.assertEqual(status, 0, name)
            self.assertNotIn("push.max_commands", text, name)
            status, text = self.run_beside(
                name, "--check", WAYPOST_PUSH_MAX_COMMANDS="10000")
            self.assertEqual(status, 0, name)
            self.assertIn("a setting is ignored", text, name)
            self.assertIn("push.max_commands", text, name)

    def test_without_a_file_the_first_line_says_so(self):
        # Where a machine has that file, there is nothing to say.
        if os.path.exists("/etc/waypost/waypost.yaml"):
            self.skipTest("this machine has a configuration file")
        for name in PROGRAMS:
            done = subprocess.run(
                [os.path.join(self.stack.build, name), "--check"],
                env={**self.stack.base_env,
                     "JWT_SECRET": self.stack.jwt_secret,
                     "REDIS_ADDR": "unix:" + self.stack.redis_socket},
                cwd=scratch(), capture_output=True, text=True,
                timeout=30 * SLOWNESS, check=False)
            self.assertIn("no configuration file was found",
                          done.stderr.splitlines()[0], name)
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "dlq", "list"],
            env={**self.stack.base_env, "REDIS_ADDR": "unix:/nowhere"},
            cwd=scratch(), capture_output=True, text=True,
            timeout=30 * SLOWNESS, check=False)
        self.assertIn("no configuration file was found", done.stderr)

    def meet(self, store):
        """Redis names this store, and everybody connects anew."""
        with self.stack.redis() as redis:
            redis("HSET", "wp:meta", "store", store)
            redis("CLIENT", "KILL", "TYPE", "normal")

    def test_a_foreign_deployment_is_not_served(self):
        alice, bob = self.user(), self.user()
        self.assert_accepted(alice.send(bob))
        wait_for(lambda: self.is_cold(bob), "migration")
        with self.stack.redis() as redis:
            own = redis("HGET", "wp:meta", "store").decode()
        self.meet("f" * 32)
        try:
            wait_for(lambda: bob.pull().status == 503, "503")
            self.assertEqual(alice.send(bob).status, 503)
            self.assertEqual(bob.pull().status, 503)
            wait_for(lambda: "is not the store of this deployment"
                     in self.stack.read_log("worker-0"), "the worker's line")
        finally:
            self.meet(own)
        # Of each thread: what it knew of its connection goes with that.
        wait_for(lambda: all(bob.pull().status == 200 for _ in range(20)),
                 "service")
        self.messages(bob, 1)
        for name in ("worker-0", "websocket-0", "handlers"):
            self.assertTrue(self.stack.programs[name].is_running(), name)


class Kept(E2eTest):
    """Where nobody gives a secret of the store."""

    @classmethod
    def make_stack(cls):
        return new_stack()

    def test_all_programs_have_the_one_that_is_kept(self):
        path = self.stack.path("waypost.db-secret")
        self.assertFalse(os.path.exists(path))
        for name in ("handlers", "worker-0", "websocket-0"):
            self.stack.programs[name].env["STORE_SECRET"] = ""
            self.stack.programs[name].stop()
        for name in ("websocket-0", "worker-0", "handlers"):
            self.stack.programs[name].start()
        self.wait_all_ready()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        alice, bob = self.user(), self.user()
        # By the secret it is known that this was sent already.
        first = alice.send(bob, b"x", {"Idempotency-Key": "k"})
        self.assert_accepted(first)
        socket = self.connect(alice)
        socket.send_json({"type": "send", "ref": "a", "idempotencyKey": "k",
                          "envelope": envelope(bob.urn, b"x")})
        self.assertEqual(socket.expect("accepted")["id"], first.json()["id"])
        self.messages(bob, 1)
