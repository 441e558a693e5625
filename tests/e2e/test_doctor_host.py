"""`waypost doctor` on hosts that are ill: disks, clocks of disks, a Redis that
is slow, full or another's copy, units that flap, web servers of anybody.

What a test may not do to a host is done in namespaces of its own (unshare(1)),
which want root; what no test can have (a slow disk, NFS) is played by a
preloaded library.
"""
import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from devkit.redis import Redis, RedisError
from devkit.stack import free_port
from harness import (ROOT, SLOWNESS, kept_stack, new_stack, scratch,
                     wait_for)
from looking import Looking
from namespaces import in_shell, may_unshare, wants_namespaces

NFS = "0x6969"  # linux/magic.h
with open(os.path.join(ROOT, "web-config/nginx/waypost.conf"),
          encoding="utf-8") as snippet:
    MARK = snippet.readline()
# The quiet connection is watched for 75 s: make test-doctor.
IS_SLOW = bool(os.environ.get("TEST_DOCTOR_SLOW"))


def small_disk(folder, kib):
    """1 MiB, of which so much is taken."""
    folder = shlex.quote(folder)
    return in_shell(f"mount -t tmpfs -o size=1m none {folder}\n"
                    f"head -c {kib}k /dev/zero >{folder}/ballast")


class Hosts(Looking):
    """What is ill is the host, or what is told of it, and not the stack."""

    @classmethod
    def make_stack(cls):
        return kept_stack("hosts of a doctor", new_stack)


class Disks(Hosts):
    def preload(self, **env):
        path = os.path.join(os.path.abspath(self.stack.build),
                            "tests/fault/strange_disk.so")
        if not os.path.exists(path):
            self.skipTest("there is no strange disk: make tests-build")
        return {"LD_PRELOAD": path,
                "ASAN_OPTIONS": "verify_asan_link_order=0", **env}

    @wants_namespaces
    def test_disks_that_are_nearly_full(self):
        store = scratch()
        for kib, result in ((0, "ok"), (850, "warn"), (1000, "fail")):
            for name, folder in (("redis-disk", self.stack.path("redis")),
                                 ("store-disk", store)):
                rows = self.look(
                    inside=small_disk(folder, kib),
                    WAYPOST_STORE_SQLITE_PATH=store + "/waypost.db")
                self.assert_says(rows, name, result, "free",
                                 advice=result != "ok")

    def test_a_disk_that_syncs_slowly(self):
        rows = self.look(**self.preload(WAYPOST_TEST_SYNC_MS="25"))
        self.assert_says(rows, "store-fsync", "warn", "syncs in")
        self.assertIn("power", rows["store-fsync"][0]["advice"])

    def test_a_disk_of_another_host(self):
        rows = self.look(**self.preload(WAYPOST_TEST_STATFS=NFS))
        self.assert_says(rows, "store-path", "fail", "NFS")


class Slow:
    """A Redis whose every answer comes late."""

    def __init__(self, path, redis, late_s):
        self.redis, self.late_s = redis, late_s
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.redis)
                for ends in ((client, server, 0), (server, client,
                                                   self.late_s)):
                    threading.Thread(target=self._pour, args=ends,
                                     daemon=True).start()

    def _pour(self, source, target, late_s):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.is_over.wait(late_s)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Redises(Hosts):
    """Others beside the stack's."""

    def redis_server(self, *words, inside=()):
        path = os.path.join(scratch(), "s")
        process = subprocess.Popen(
            [*inside, "redis-server", "--port", "0", "--unixsocket", path,
             "--save", "", "--dir", os.path.dirname(path), *words],
            stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def answers():
            with contextlib.suppress(OSError), Redis(path) as redis:
                return redis("PING") == b"PONG"
        wait_for(answers, "Redis")
        return path

    def test_a_slow_redis(self):
        path = os.path.join(scratch(), "s")
        slow = Slow(path, self.stack.redis_socket, 0.006)
        self.addCleanup(slow.close)
        rows = self.look(before=["--redis", "unix:" + path])
        self.assert_says(rows, "redis-latency", "warn", "of 100 pings")
        self.assertIn("SLOWLOG", rows["redis-latency"][0]["advice"])

    def test_a_replica(self):
        port = free_port()
        with self.stack.redis() as redis:
            # Else it waits five seconds for more of them.
            redis("CONFIG", "SET", "port", str(port),
                  "repl-diskless-sync-delay", "0")
            self.addCleanup(self.close_port)
        path = self.redis_server("--replicaof", f"127.0.0.1 {port}")

        def is_linked():
            with Redis(path) as redis:
                return b"master_link_status:up" in redis("INFO", "replication")
        wait_for(is_linked, "the replica", 30 * SLOWNESS)
        rows = self.look(before=["--redis", "unix:" + path])
        self.assert_says(rows, "redis-connect", "fail", "is a replica")
        self.assert_says(self.look(), "redis-connect", "ok", "as a master",
                         advice=False)

    def close_port(self):
        with self.stack.redis() as redis:
            redis("CONFIG", "SET", "port", "0")

    @wants_namespaces
    def test_an_append_only_file_that_cannot_be_written(self):
        folder = scratch()
        path = self.redis_server(
            "--appendonly", "yes", "--appendfsync", "everysec", "--dir",
            folder, inside=in_shell("mount -t tmpfs -o size=1m none "
                                    + shlex.quote(folder)))
        self.assert_says(self.look(before=["--redis", "unix:" + path]),
                         "redis-aof", "ok", "well", advice=False)

        def is_full():
            with Redis(path) as redis:
                try:
                    redis("SET", "ballast", "x" * 100000)
                except RedisError as error:
                    return "MISCONF" in str(error)
            return False
        wait_for(is_full, "a full disk")
        rows = self.look(before=["--redis", "unix:" + path])
        self.assert_says(rows, "redis-aof", "fail", "failed")
        self.assertIn("disk full", rows["redis-aof"][0]["advice"])

    def test_without_redis_there_is_one_cause(self):
        done = self.run_doctor(before=["--redis", "unix:/nonexistent/redis"])
        lines = [line for line in done.stdout.splitlines()
                 if not line.startswith("      ")]
        about = [line for line in lines if line.startswith(("FAIL", "skip"))
                 and ("redis" in line or "part-" in line)]
        self.assertRegex(about[0], "^FAIL  redis-connect .*/nonexistent/redis")
        self.assertRegex(about[1], "^skip  redis-missing +not looked at, .*: "
                         "redis-version, .*redis-foreign, .*part-owners, "
                         ".*part-full")
        self.assertEqual(len(about), 2, about)
        self.assertEqual(lines.index(about[1]), lines.index(about[0]) + 1)


class Workers(Looking):
    """One that is not there, and one that is not there for long."""

    def lose_worker(self):
        """It stands still, and Redis has forgotten it."""
        self.freeze(self.stack.programs["worker-0"].pid)
        with self.stack.redis() as redis:
            redis("DEL", "wp:{0}:owner")
            for line in redis("CLIENT", "LIST").decode().splitlines():
                if " name=waypost-worker@" in line:
                    redis("CLIENT", "KILL", "ID",
                          line.split()[0].split("=")[1])

    def come_and_go(self, is_over, name=b"waypost-worker@0.1.0"):
        before = None
        while not is_over.wait(0.2):
            now = self.stack.redis()
            now("CLIENT", "SETNAME", name)
            if before is not None:
                before.close()
            before = now
        before.close()

    def be_connected(self, is_over):
        with self.stack.redis() as redis:
            redis("CLIENT", "SETNAME", "waypost-worker@0.1.0")
            is_over.wait()

    @contextlib.contextmanager
    def beside(self, what):
        """What a worker's connection does meanwhile."""
        is_over = threading.Event()
        thread = threading.Thread(target=what, args=(is_over,), daemon=True)
        thread.start()
        try:
            wait_for(lambda: b"name=waypost-worker@" in self.clients(),
                     "a worker")
            yield
        finally:
            is_over.set()
            thread.join()

    def clients(self):
        with self.stack.redis() as redis:
            return redis("CLIENT", "LIST")

    def test_a_worker_that_dies_over_and_over(self):
        self.lose_worker()
        with self.beside(self.come_and_go):
            rows = self.look()
        self.assert_says(rows, "part-owners", "fail", "comes and goes")
        # One that was started just now, and stays, has its minute.
        with self.beside(self.be_connected):
            self.assert_says(self.look(), "part-owners", "warn", "since")
            if os.path.exists("/usr/bin/systemctl") and may_unshare():
                self.flap()

    def flap(self):
        """systemd has counted; one look sees less."""
        tool = os.path.join(scratch(), "systemctl")
        with open(tool, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\ncat <<END\nId=waypost-worker.service\n"
                       "ActiveState=active\nUnitFileState=enabled\n"
                       "NRestarts=7\nActiveEnterTimestampMonotonic="
                       "$(($(cut -d. -f1 /proc/uptime) * 1000000))\nEND\n")
        os.chmod(tool, 0o755)
        rows = self.look(inside=in_shell(
            "mount -t tmpfs none /run\nmkdir -p /run/systemd/system\n"
            f"mount --bind {shlex.quote(tool)} /usr/bin/systemctl"))
        self.assert_says(rows, "unit-restarts", "warn", "restarted 7 times")
        self.assert_says(rows, "part-owners", "fail", "comes and goes")

    @classmethod
    def tearDownClass(cls):
        os.kill(cls.stack.programs["worker-0"].pid, signal.SIGCONT)
        super().tearDownClass()


@wants_namespaces
class WebServers(Hosts):
    """What those of a host include, which has no others."""

    def conf(self, text):
        # Its user must get there, whoever that is.
        folder = tempfile.mkdtemp(dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "web.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def look_beside(self, *commands):
        """Each begins a process that is called so, be it what it may."""
        script = ""
        for user, words in commands:
            script += (f"setpriv --reuid {user} --clear-groups bash -c "
                       f"{shlex.quote('exec -a ' + words)} >/dev/null 2>&1 &\n"
                       "until head -c 10 /proc/$!/cmdline | "
                       "grep -q 'nginx: mas\\|lighttpd'; do :; done\n")
        return self.look(inside=in_shell(script, processes=True))

    @staticmethod
    def nginx(path, user=0):
        return user, f"'nginx: master process nginx -c {path}' sleep 600"

    @staticmethod
    def lighttpd(path, user=0):
        return user, f"lighttpd tail -f {path} /dev/null"

    def test_which_version_is_included(self):
        good = self.conf(MARK)
        other = self.conf(f"include {self.conf('# waypost-snippet 999')};\n")
        none = self.conf("server { }\n")
        for web, result, part in (
                (self.nginx(good), "ok", "as of this release"),
                (self.lighttpd(other), "warn",
                 "of version 999, and this release has"),
                (self.nginx(none), "skip", "includes Waypost's file"),
                (self.nginx("/nonexistent"), "skip", "cannot be read")):
            rows = self.look_beside(web)
            self.assert_says(rows, "web-snippet", result, part,
                             advice=result != "ok")
        rows = self.look_beside(self.nginx(other), self.nginx(good))
        self.assert_says(rows, "web-snippet", "ok", good, advice=False)

    def test_anybody_may_call_himself_a_web_server(self):
        theirs = self.conf(MARK)
        none = self.conf("server { }\n")
        rows = self.look_beside(self.nginx(theirs, 65534))
        self.assert_says(rows, "web-snippet", "skip", "no web server",
                         advice=False)
        rows = self.look_beside(self.nginx(theirs, 65534), self.nginx(none))
        self.assert_says(rows, "web-snippet", "skip", "includes Waypost's")
        rows = self.look_beside(self.lighttpd(theirs, "www-data"))
        self.assert_says(rows, "web-snippet", "ok", theirs, advice=False)


class Quiet(Hosts):
    """A connection that nobody says anything on."""

    def url(self):
        return f"http://127.0.0.1:{self.stack.port}"

    def test_a_connection_that_somebody_ends(self):
        with self.cutting() as url:
            rows = self.look("--canary-only", "--slow", "--url", url)
        self.assert_says(rows, "web-idle", "fail", "does not live")
        self.assertIn("proxy_read_timeout", rows["web-idle"][0]["advice"])

    @contextlib.contextmanager
    def cutting(self):
        """What stands in front of the web server, and has no patience: it
        ends what was upgraded as soon as it is."""
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client, socket.create_connection(
                            ("127.0.0.1", self.stack.port)) as server:
                        client.settimeout(15)
                        server.settimeout(15)
                        server.sendall(client.recv(1 << 16))
                        client.sendall(server.recv(1 << 16))
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            listener.close()

    @unittest.skipUnless(IS_SLOW, "75 s; make test-doctor takes them")
    def test_a_connection_that_lives(self):
        rows = self.look("--canary-only", "--slow", "--url", self.url())
        self.assert_says(rows, "web-idle", "ok", "lives for 75 s",
                         advice=False)


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
            redis("HSET", "wp:{0}:cold", "urn:sm:user:a", "9999 99")
            redis("HSET", "wp:{0}:waits", "urn:sm:user:a", "1 1")
            redis("HSET", "wp:{1}:waits", "urn:sm:user:b", "1 1")
        # It was started just now: what is not there may be on its way.
        rows = self.look(WAYPOST_WEBSOCKET_HEARTBEAT_MS="500")
        self.assert_says(rows, "part-owners", "warn", "of 8 partitions")
        self.assertNotIn("part-gates", rows)
        # It was there, and is not.
        with self.stack.redis() as redis:
            for line in redis("CLIENT", "LIST").decode().splitlines():
                if " name=waypost-worker@" in line:
                    redis("CLIENT", "KILL", "ID",
                          line.split()[0].split("=")[1])
        rows = self.look(WAYPOST_PUSH_ENABLED="true",
                         WAYPOST_WEBSOCKET_HEARTBEAT_MS="500")
        for name, result, part in (
                ("part-owners", "fail", "of 8 partitions"),
                ("part-gates", "fail", "1 partitions"),
                ("part-ingress", "warn", "waited to be routed"),
                ("part-marks", "warn", "due to be moved"),
                ("part-expiry", "warn", "not been deleted"),
                ("part-push", "warn", "due to be told"),
                ("part-dead-letters", "warn", "1 messages"),
                ("part-full", "warn", "1 of 2 mailboxes"),
                ("part-live", "warn", "1 of 1")):
            self.assert_says(rows, name, result, part)
        text = json.dumps(rows)
        self.assertNotIn("urn:sm:user:a", text)

    @classmethod
    def tearDownClass(cls):
        # What is in Redis now is nobody's.
        os.kill(cls.stack.programs["worker-0"].pid, signal.SIGCONT)
        super().tearDownClass()


del Hosts, Looking
