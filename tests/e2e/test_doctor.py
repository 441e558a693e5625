"""`waypost doctor`: everything is broken on purpose, and it says so."""
import json
import os
import shutil
import signal
import struct
import subprocess

from harness import SLOWNESS, E2eTest, new_stack, scratch, wait_for

# What the machine decides: how full and how fast a disk is, and whether
# anything else runs beside.
OF_THE_MACHINE = {"redis-disk", "redis-latency", "store-disk", "store-fsync",
                  "unit-active", "unit-version", "conf-environ"}


def environ(stack, **more):
    return {**stack.base_env, "JWT_SECRET": stack.jwt_secret,
            "STORE_SECRET": stack.store_secret, **more}


class Looking(E2eTest):
    """A stack of its own, for nothing in it stays as it was."""

    @classmethod
    def make_stack(cls):
        return new_stack()

    def run_doctor(self, *words, before=(), config=True, cwd=None, **env):
        config = ["--config", self.stack.path("waypost.yaml")] if config else []
        return subprocess.run(
            [os.path.join(self.stack.build, "waypost"), *config, *before,
             "doctor", *words], env=environ(self.stack, **env), cwd=cwd,
            capture_output=True, text=True, timeout=90 * SLOWNESS,
            check=False)

    def look(self, *words, **how):
        """{id: the rows that say it}"""
        done = self.run_doctor("--json", *words, **how)
        self.assertEqual(done.stderr, "")
        said = json.loads(done.stdout)
        self.assertEqual(sorted(said), ["checks", "fail", "ok", "skip",
                                        "warn"])
        self.assertEqual(done.returncode, 1 if said["fail"] else 0)
        rows = {}
        for row in said["checks"]:
            self.assertIn(row["result"], ("ok", "warn", "fail", "skip"))
            self.assertNotIn(self.stack.jwt_secret, row["text"])
            rows.setdefault(row["id"], []).append(row)
        return rows

    def assert_says(self, rows, name, result, part, advice=True):
        with self.subTest(name):
            found = [row for row in rows.get(name, [])
                     if row["result"] == result and part in row["text"]]
            self.assertTrue(found, rows.get(name))
            # Who is told what is wrong is told what to do.
            self.assertEqual("advice" in found[0], advice, found)


class Doctor(Looking):

    # ---- as it should be ----

    def test_what_is_well_is_said_to_be(self):
        rows = self.look()
        for name, found in rows.items():
            for row in found:
                if name not in OF_THE_MACHINE:
                    self.assertIn(row["result"], ("ok", "skip"), row)
        for name in ("conf-settings", "redis-connect", "redis-appendfsync",
                     "store-identity", "part-owners", "part-gates",
                     "time-redis"):
            self.assertEqual(rows[name][0]["result"], "ok", rows[name])

    def test_people_get_lines_and_a_last_word(self):
        done = self.run_doctor()
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], "^ok    conf-file  ")
        self.assertRegex(lines[-1], r"^(all well|it works): \d+ in order")
        self.assertNotIn("\033", done.stdout)
        done = self.run_doctor(JWT_SECRET="short")
        self.assertIn("\n      → openssl rand", done.stdout)

    def test_how_it_ends_is_for_monitoring(self):
        self.assertEqual(self.run_doctor(JWT_SECRET="short").returncode, 0)
        self.assertEqual(
            self.run_doctor("--strict", JWT_SECRET="short").returncode, 3)
        self.assertEqual(self.run_doctor(
            "--strict", WAYPOST_MAILBOX_PARTITIONS="16").returncode, 1)
        self.assertEqual(self.run_doctor("--stric").returncode, 2)

    # ---- settings ----

    def test_settings(self):
        rows = self.look(
            WAYPOST_MAILBOX_MAX_TRIES="0", JWT_SECRET="short",
            WAYPOST_MAILBOX_PARTITIONS="16",
            WAYPOST_AUTH_ISSUERS="https://issuer.example aud=a ns=b",
            WAYPOST_AUTH_JWT_SECRET_PREVIOUS_FILE="/nonexistent")
        self.assert_says(rows, "conf-settings", "fail", "MAX_TRIES")
        self.assert_says(rows, "conf-settings", "fail", "/nonexistent")
        self.assert_says(rows, "conf-secrets", "warn", "less than 32 bytes")
        self.assert_says(rows, "conf-keys", "fail", "https://issuer.example")
        # It has looked at all the rest all the same.
        self.assert_says(rows, "part-deployment", "fail", "partitions")
        self.assert_says(rows, "redis-connect", "ok", "8 partitions",
                         advice=False)
        rows = self.look(STORE_SECRET=self.stack.jwt_secret)
        self.assert_says(rows, "conf-secrets", "warn", "the same")
        rows = self.look(STORE_SECRET="short")
        self.assert_says(rows, "conf-secrets", "warn", "store_secret")

    def test_no_file_of_settings(self):
        rows = self.look(config=False, cwd=scratch(), before=[
            "--redis", "unix:" + self.stack.redis_socket])
        self.assert_says(rows, "conf-file", "warn", "/etc/waypost")

    def test_secrets_in_the_environment_of_others(self):
        if os.getuid() != 0:
            self.skipTest("only root can be somebody else")
        self.assert_says(self.look(), "conf-environ", "ok", "no process",
                         advice=False)
        other = subprocess.Popen(["sleep", "600"], user=65534, env={
            "PATH": os.environ["PATH"], "STORE_SECRET": "x" * 32})
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        self.assert_says(self.look(), "conf-environ", "warn", "1 processes")

    # ---- programs ----

    def test_a_program_that_was_replaced(self):
        program = os.path.join(scratch(), "waypost-sleep")
        shutil.copy(shutil.which("sleep"), program)
        with subprocess.Popen([program, "600"]) as child:
            self.addCleanup(child.kill)
            wait_for(lambda: os.readlink(
                f"/proc/{child.pid}/exe") == program, "it runs")
            os.unlink(program)
            self.assert_says(self.look(), "unit-version", "warn",
                             "(waypost-sleep)")
            child.kill()

    def test_a_socket_that_is_not_there(self):
        rows = self.look(WAYPOST_HANDLERS_LISTEN="unix:/nonexistent/a")
        self.assert_says(rows, "unit-sockets", "warn", "/nonexistent/a")

    # ---- Redis ----

    def test_no_redis(self):
        rows = self.look(before=["--redis", "unix:/nonexistent/redis"])
        self.assert_says(rows, "redis-connect", "fail",
                         "unix:/nonexistent/redis")
        for name in ("redis-memory", "part-owners", "time-redis"):
            self.assertEqual(rows[name][0]["result"], "skip")
        self.assert_says(rows, "store-identity", "skip", "it opens",
                         advice=False)

    def redis_setting(self, name, value):
        with self.stack.redis() as redis:
            before = redis("CONFIG", "GET", name)[1]
            redis("CONFIG", "SET", name, value)

        def restore():
            with self.stack.redis() as redis:
                redis("CONFIG", "SET", name, before)
        self.addCleanup(restore)

    def test_settings_of_redis(self):
        bad = {"maxmemory-policy": "allkeys-lru", "maxmemory": "0",
               "appendfsync": "no", "no-appendfsync-on-rewrite": "yes",
               "stream-node-max-bytes": "4096"}
        for name, value in bad.items():
            self.redis_setting(name, value)
        for mode, result in (("local", "warn"), ("production", "fail")):
            rows = self.look(WAYPOST_RUN_MODE=mode)
            for name, value in bad.items():
                self.assert_says(rows, "redis-" + name, result, value)
                self.assertIn(f"{name} ",
                              rows["redis-" + name][0]["advice"])
        self.redis_setting("appendfsync", "everysec")
        self.assert_says(self.look(), "redis-appendfsync", "warn", "second")
        self.redis_setting("appendonly", "no")
        rows = self.look()
        self.assert_says(rows, "redis-appendonly", "warn", "lose messages")
        self.assertNotIn("redis-appendfsync", rows)
        self.assertEqual(rows["redis-aof"][0]["result"], "skip")

    def test_a_full_redis_and_a_small_host(self):
        self.redis_setting("maxmemory", "4gb")
        self.addCleanup(self.drop, "ballast")
        self.set_memory(85)
        self.assert_says(self.look(), "redis-memory", "fail", "sends are")
        self.redis_setting("maxmemory", str(1 << 50))
        self.assert_says(self.look(), "redis-memory", "warn", "its host has")

    def drop(self, *keys):
        with self.stack.redis() as redis:
            redis("DEL", *keys)

    def test_somebody_elses_keys(self):
        with self.stack.redis() as redis:
            redis("SET", "theirs", "1")
        self.addCleanup(self.drop, "theirs")
        rows = self.look()
        self.assert_says(rows, "redis-foreign", "warn", "1 keys")
        self.assertNotIn("theirs", rows["redis-foreign"][0]["text"])

    # ---- the store ----

    def test_a_store_that_is_another_one(self):
        folder = scratch()
        rows = self.look(WAYPOST_STORE_SQLITE_PATH=folder + "/other.db")
        self.assert_says(rows, "store-identity", "fail", "not there")
        self.assertEqual(os.listdir(folder), [])
        rows = self.look(WAYPOST_STORE_SQLITE_PATH="/nonexistent/other.db")
        self.assert_says(rows, "store-disk", "fail", "folder")
        rows = self.look(WAYPOST_STORE_SQLITE_PATH="other.db", cwd=folder)
        self.assert_says(rows, "store-path", "warn", "started in")

    def copy_store(self):
        path = os.path.join(scratch(), "waypost.db")
        subprocess.run(["python3", "-c",
                        "import sqlite3, sys\n"
                        "a, b = map(sqlite3.connect, sys.argv[1:])\n"
                        "a.backup(b)\n"
                        "b.execute('PRAGMA journal_mode=WAL')",
                        self.stack.path("waypost.db"), path], check=True)
        os.chmod(path, 0o640)
        return path

    def test_a_store_that_is_damaged(self):
        path = self.copy_store()
        rows = self.look("--deep", WAYPOST_STORE_SQLITE_PATH=path)
        self.assert_says(rows, "store-whole", "ok", "whole", advice=False)
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            file.seek(8192)
            file.write(b"\xaa" * (size - 8192))
        rows = self.look("--deep", WAYPOST_STORE_SQLITE_PATH=path)
        self.assertEqual(rows["store-whole"][0]["result"], "fail")
        # Without being asked to it does not read all of it.
        rows = self.look(WAYPOST_STORE_SQLITE_PATH=path)
        self.assertEqual(rows["store-whole"][0]["result"], "skip")

    def test_a_log_that_is_never_put_back(self):
        path = self.copy_store()
        with open(path + "-wal", "wb") as file:
            file.truncate(300 << 20)
        rows = self.look(WAYPOST_STORE_SQLITE_PATH=path)
        self.assert_says(rows, "store-wal", "warn", "300 MiB")

    # ---- time ----

    def test_a_clock_that_is_off(self):
        folder = scratch()
        step = os.path.join(folder, "step")
        with open(step, "wb") as file:
            file.write(struct.pack("=q", 10))
        clock = os.path.join(os.path.abspath(self.stack.build),
                             "tests/fault/stepped_clock.so")
        if not os.path.exists(clock):
            self.skipTest("there is no stepped clock")
        rows = self.look(LD_PRELOAD=clock, WAYPOST_TEST_CLOCK=step,
                         ASAN_OPTIONS="verify_asan_link_order=0")
        self.assert_says(rows, "time-redis", "warn", "off ours")


class Stuck(Looking):
    """Nothing moves: the worker stands still, and Redis holds what it would
    see to."""

    def test_what_waits_and_whom_nobody_looks_after(self):
        self.freeze(self.stack.programs["worker-0"].pid)
        with self.stack.redis() as redis:
            redis("DEL", "wp:{0}:owner")
            redis("SET", "wp:{1}:gate", "0" * 40)
            redis("XADD", "wp:{2}:ingress", "1-1", "m", "x", "x", "1")
            redis("ZADD", "wp:{3}:migrate", "1", "urn:sm:user:a")
            redis("ZADD", "wp:{4}:expiry", "1", "urn:sm:user:a")
            redis("ZADD", "wp:{5}:pushdue", "1", "urn:sm:user:a")
            redis("XADD", "wp:{6}:dlq", "1-1", "u", "x")
            redis("HSET", "wp:{7}:live", "f" * 32, "5")
        rows = self.look(WAYPOST_PUSH_ENABLED="true",
                         WAYPOST_WEBSOCKET_HEARTBEAT_MS="500")
        for name, result, part in (
                ("part-owners", "fail", "1 of 8"),
                ("part-gates", "fail", "1 partitions"),
                ("part-ingress", "warn", "waited to be routed"),
                ("part-marks", "warn", "due to be moved"),
                ("part-expiry", "warn", "not been deleted"),
                ("part-push", "warn", "due to be told"),
                ("part-dead-letters", "warn", "1 messages"),
                ("part-live", "warn", "1 of 1")):
            self.assert_says(rows, name, result, part)
        text = json.dumps(rows)
        self.assertNotIn("urn:sm:user:a", text)

    @classmethod
    def tearDownClass(cls):
        # What is in Redis now is nobody's.
        os.kill(cls.stack.programs["worker-0"].pid, signal.SIGCONT)
        super().tearDownClass()


del E2eTest, Looking
