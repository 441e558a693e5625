"""SIGHUP: good settings are taken, bad ones change nothing, and say so."""
import os
import signal
import socket
import tempfile

from devkit.stack import to_yaml
from devkit.token import mint
from harness import PATIENCE_S, new_stack, scratch, wait_for
from test_faults import FaultTest

REFUSED = "reload refused, nothing changed"
RELOADED = "settings reloaded"
PROGRAMS = ("handlers", "websocket-0", "worker-0")


class ReloadTest(FaultTest):
    def write(self, text):
        with open(self.stack.path("waypost.yaml"), "w",
                  encoding="utf-8") as file:
            file.write(text)

    def setUp(self):
        with open(self.stack.path("waypost.yaml"), encoding="utf-8") as file:
            self.good = file.read()
        self.addCleanup(self.reload, RELOADED)
        self.addCleanup(self.write, self.good)

    def reload(self, said, programs=PROGRAMS):
        """SIGHUP for each; wait until it has said it."""
        for name in programs:
            before = self.stack.read_log(name).count(said)
            pid = self.stack.programs[name].pid
            self.stack.programs[name].signal(signal.SIGHUP)
            wait_for(lambda n=name, b=before:
                     self.stack.read_log(n).count(said) > b,
                     f"{name} says {said!r}")
            self.assertTrue(self.stack.programs[name].is_running())
            self.assertEqual(self.stack.programs[name].pid, pid)

    def children(self, name):
        pid = self.stack.programs[name].pid
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as file:
            return set(file.read().split())

    def replace_handlers(self):
        """Reload; processes of before are gone, and their log is written."""
        before = self.children("handlers")
        self.reload(RELOADED, ["handlers"])
        wait_for(lambda: not before & self.children("handlers"), "new ones")

    def change(self, **sections):
        """The good file with these settings besides, or in place of its."""
        lines = self.good.splitlines()
        for name, settings in sections.items():
            if name + ":" not in lines:
                lines.append(name + ":")
            begin = lines.index(name + ":") + 1
            end = next((i for i in range(begin, len(lines))
                        if not lines[i].startswith(" ")), len(lines))
            kept = [line for line in lines[begin:end]
                    if line.split(":")[0].strip() not in settings]
            lines[begin:end] = \
                to_yaml({name: settings}).splitlines()[1:] + kept
        self.write("\n".join(lines) + "\n")


class Early(ReloadTest):
    """A reload of programs that have just begun to start."""
    ASKING = ("handlers", "websocket-0")  # their start asks Redis

    @classmethod
    def make_stack(cls):
        # While Redis is silent, no start goes past its first look at it.
        return new_stack({"redis": {"command_timeout_ms": 60000}})

    def test_it_waits_for_the_end_of_the_start(self):
        redis = self.stack.programs["redis"]
        for name in self.ASKING:
            self.stack.programs[name].stop()
        said = {name: self.stack.read_log(name).count(RELOADED)
                for name in self.ASKING}
        redis.signal(signal.SIGSTOP)
        self.addCleanup(redis.signal, signal.SIGCONT)

        for name in self.ASKING:
            self.stack.programs[name].spawn()
        for name in self.ASKING:
            wait_for(lambda n=name: self.has_begun(n), f"{name} has begun")
            self.stack.programs[name].signal(signal.SIGHUP)
        redis.signal(signal.SIGCONT)

        for name in self.ASKING:
            wait_for(lambda n=name:
                     self.stack.read_log(n).count(RELOADED) > said[n],
                     f"{name} says {RELOADED!r}")
            self.assertTrue(self.stack.programs[name].is_running())
        self.stack.wait_ready()

    def has_begun(self, name):
        """Is it the program, and does it hold SIGHUP back or handle it?"""
        path = f"/proc/{self.stack.programs[name].pid}/status"
        with open(path, encoding="ascii") as file:
            lines = dict(line.strip().split(":", 1) for line in file)
        bit = 1 << (signal.SIGHUP - 1)
        return lines["Name"].strip().startswith("waypost") and any(
            int(lines[mask], 16) & bit for mask in ("SigBlk", "SigCgt"))


class Reload(ReloadTest):
    def test_handlers_take_new_limits(self):
        alice, bob = self.user(), self.user()
        self.assert_accepted(alice.send(bob, "A" * 4000))
        self.change(mailbox={"max_envelope_bytes": 2000})

        self.reload(RELOADED, ["handlers"])

        # Processes are replaced one by one.
        wait_for(lambda: alice.send(bob, "A" * 4000).status == 413, "413")

    def send_and_replace(self):
        """Is there a line about a send that was accepted?"""
        answer = self.user().send(self.user())
        self.assert_accepted(answer)
        self.replace_handlers()
        return answer.header("X-Request-Id") in \
            self.stack.read_log("handlers")

    def test_handlers_log_the_requests_that_they_are_told_to(self):
        self.assertFalse(self.send_and_replace())
        self.change(log={"requests": "all"})
        self.replace_handlers()
        self.assertTrue(self.send_and_replace())
        self.change(log={"requests": "none", "slow_ms": 1})
        self.replace_handlers()
        self.assertFalse(self.send_and_replace())

    def test_daemon_takes_new_limits_and_keeps_its_connections(self):
        bob = self.user()
        first = self.connect(bob)
        first.expect("connected")
        self.change(websocket={"max_connections_per_user": 1})

        self.reload(RELOADED, ["websocket-0"])

        self.assert_accepted(self.user().send(bob))
        first.expect("poke")
        self.connect(bob).expect("connected")
        self.assertEqual(first.wait_closed(PATIENCE_S), 4409)

    def test_worker_takes_new_settings(self):
        bob = self.user()
        self.assert_accepted(self.user().send(bob))
        wait_for(lambda: self.is_cold(bob), "migration")
        self.assertEqual(self.redis_keys("wp:*:pushdue"), [])
        self.change(push={"enabled": True})

        self.reload(RELOADED, ["worker-0"])

        self.assert_accepted(self.user().send(bob))
        wait_for(lambda: self.redis_keys("wp:*:pushdue"), "an entry")

    def test_bad_settings_change_nothing_and_are_told(self):
        bad = ("mailbox:\n  partitions: x\n", "nonsense: 1\n", "a: [\n")

        def disturb(pairs):
            for text in bad:
                self.write(text)
                self.reload(REFUSED)
            self.flows(pairs)
            self.assertEqual(self.failures(pairs), [])
        self.under_load(disturb)

    def refuse(self, name, text):
        """All programs refuse the file, say which key, and serve on."""
        said = {program: self.stack.read_log(program).count(REFUSED)
                for program in PROGRAMS}
        self.write(text)
        self.reload(REFUSED)
        for program in PROGRAMS:
            lines = [line for line in
                     self.stack.read_log(program).splitlines()
                     if REFUSED in line][said[program]:]
            self.assertIn(f"{name}: cannot be changed by a reload",
                          lines[-1], program)
        alice, bob = self.user(), self.user()
        socket = self.connect(bob)
        socket.expect("connected")
        self.assert_accepted(alice.send(bob))
        socket.expect("poke")
        self.assertEqual(len(bob.pull().json()["messages"]), 1)
        socket.close()

    def with_key(self, section, key, value):
        """The good file, where this key has another value."""
        lines = [line for line in self.good.splitlines()
                 if not line.startswith(f"  {key}: ")]
        if section + ":" not in lines:
            lines.append(section + ":")
        lines.insert(lines.index(section + ":") + 1, f"  {key}: {value}")
        return "\n".join(lines) + "\n"

    def test_what_a_reload_cannot_change_is_refused_by_all(self):
        other = self.stack.path("other")
        for section, key, value in (
                ("redis", "address", f'"unix:{other}.sock"'),
                ("redis", "database", 1),
                ("redis", "command_timeout_ms", 4000),
                ("mailbox", "partitions", 32),
                ("store", "sqlite_path", f'"{other}.db"'),
                ("websocket", "heartbeat_ms", 2000)):
            name = f"{section}.{key}"
            with self.subTest(name):
                self.refuse(name, self.with_key(section, key, value))
        self.assertFalse(os.path.exists(other + ".db"))

    def test_another_partition_count_is_refused_while_redis_is_down(self):
        worker = self.stack.programs["worker-0"]
        self.stack.kill("redis")
        self.write(self.with_key("mailbox", "partitions", 32))
        self.reload(REFUSED)
        self.stack.programs["redis"].start()
        alice, bob = self.user(), self.user()
        wait_for(lambda: alice.send(bob).status == 202, "a send")
        wait_for(lambda: self.is_cold(bob), "migration")
        self.assertTrue(worker.is_running())

    def test_reload_under_load_fails_nobody(self):
        def disturb(pairs):
            for _ in range(3):
                self.reload(RELOADED)
                self.flows(pairs)
            self.assertEqual(self.failures(pairs), [])
        self.under_load(disturb)


class Rotation(ReloadTest):
    """The secret of tokens stands in a file, and another takes its place."""
    SECRETS = {name: name * 32 for name in "abc"}

    @classmethod
    def make_stack(cls):
        cls.folder = scratch()
        cls.keep(now="a", before="c")
        return new_stack(
            {"auth": {"jwt_secret_file": f"{cls.folder}/now",
                      "jwt_secret_previous_file": f"{cls.folder}/before"}},
            # An empty variable is none; else it would beat the file.
            program_env=lambda name: {"JWT_SECRET": ""})

    @classmethod
    def keep(cls, **secrets):
        for name, secret in secrets.items():
            path = os.path.join(cls.folder, name)
            with open(path, "w", encoding="ascii",
                      opener=lambda p, f: os.open(p, f, 0o600)) as file:
                file.write(cls.SECRETS[secret] + "\n")

    def status(self, secret):
        token = mint(self.SECRETS[secret], "bob", 3600)
        return self.stack.http().request(
            "GET", "/api/messages",
            headers=[("Authorization", "Bearer " + token)]).status

    def test_tokens_of_before_pass_until_their_secret_goes(self):
        self.assertEqual([self.status(s) for s in "ab"], [200, 401])

        self.keep(now="b", before="a")
        self.replace_handlers()
        self.assertEqual([self.status(s) for s in "ab"], [200, 200])

        self.keep(before="c")
        self.replace_handlers()
        self.assertEqual([self.status(s) for s in "ab"], [401, 200])


class Systemd(ReloadTest):
    """What a service manager is told, as in sd_notify(3)."""

    @classmethod
    def make_stack(cls):
        cls.folder = tempfile.mkdtemp(prefix="wpn", dir="/tmp")
        cls.managers = {}
        for name in PROGRAMS:
            cls.managers[name] = socket.socket(socket.AF_UNIX,
                                               socket.SOCK_DGRAM)
            cls.managers[name].settimeout(PATIENCE_S)
            cls.managers[name].bind(cls.path(name))
        return new_stack(program_env=lambda name: {
            "NOTIFY_SOCKET": cls.path(name)} if name in PROGRAMS else {})

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        for name, manager in cls.managers.items():
            manager.close()
            os.unlink(cls.path(name))
        os.rmdir(cls.folder)

    def told(self, name):
        """The next state; that it lives and what it does is no state."""
        while True:
            said = self.managers[name].recv(1024).decode()
            if not said.startswith(("WATCHDOG=1", "STATUS=")):
                return said

    def test_manager_hears_of_the_start_of_each_reload_and_of_its_end(self):
        for name in PROGRAMS:
            self.assertEqual(self.told(name), "READY=1")
        for text, said in ((self.good, RELOADED), ("a: [\n", REFUSED)):
            self.write(text)
            for name in PROGRAMS:
                with self.subTest(name + ": " + said):
                    self.reload(said, [name])
                    self.assertRegex(self.told(name),
                                     r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
                    self.assertEqual(self.told(name), "READY=1")
