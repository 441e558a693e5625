"""What systemd, or whoever speaks sd_notify(3), hears of each program.

None of them has a Redis here: that is no matter of a start, or of a life.
"""
import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess

from devkit.stack import to_yaml
from harness import (KEYS, PATIENCE_S, PROGRAMS, SLOWNESS, E2eTest, scratch,
                     wait_for)

REDIS = "unix:/nowhere/redis.sock"
WATCHDOG_US = 400_000 * SLOWNESS
PATIENT_US = 1_000_000 * SLOWNESS  # who is slow to begin does not hang
SILENCE_S = 2 * SLOWNESS  # a program that lives would be heard in it
PTRACE_INTERRUPT, PTRACE_SEIZE, PTRACE_DETACH = 0x4207, 0x4206, 17
WORK = {
    "waypost-handlers": r"2 of 2 processes are ready$",
    "waypost-worker": r"0 of 8 partitions, \d+ workers$",
    "waypost-ws": r"0 connections$",
    "waypost-notifier": r"0 users due, 0 claimed$",
    KEYS: r"0 issuers, 0 failing$",
}

# Where each is asked whether it is well.
PING = {name: (key, "unix:FOLDER/ping") for name, key in {
    "waypost-handlers": "WAYPOST_HANDLERS_LISTEN",
    "waypost-worker": "WAYPOST_WORKER_METRICS_LISTEN",
    "waypost-ws": "WAYPOST_WEBSOCKET_LISTEN",
    "waypost-notifier": "WAYPOST_NOTIFIER_METRICS_LISTEN",
    KEYS: "WAYPOST_KEYS_METRICS_LISTEN",
}.items()}


class Manager(E2eTest):
    @classmethod
    def make_stack(cls):
        return None

    @classmethod
    def tearDownClass(cls):
        pass

    def start(self, name, **env):
        """A program with a manager that watches it; both end with the test."""
        folder = scratch()
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(folder + "/manager")
        manager.settimeout(PATIENCE_S)
        with open(folder + "/waypost.yaml", "w", encoding="ascii") as file:
            file.write(to_yaml({
                "redis": {"address": REDIS},
                "mailbox": {"partitions": 8},
                "auth": {"key_dir": folder + "/keys"},
                "accounts": {"enabled": True,
                             "sqlite_path": folder + "/accounts.db"},
                "store": {"sqlite_path": folder + "/store.db"}}))
        # A worker without metrics has no thread but those that work.
        listen = {key: f"unix:{folder}/{path}"
                  for key, path in PROGRAMS.get(name, {}).items()
                  if name != "waypost-worker"}
        env = {"PATH": os.environ["PATH"],
               "NOTIFY_SOCKET": folder + "/manager",
               "JWT_SECRET": "j" * 40, "STORE_SECRET": "s" * 40, **listen,
               **{key: value.replace("FOLDER", folder)
                  for key, value in env.items()}}
        build = os.environ["WAYPOST_E2E_BUILD"]
        with open(folder + "/log", "wb") as log:
            program = subprocess.Popen(
                [os.path.join(build, name), "--config",
                 folder + "/waypost.yaml"],
                env=env, cwd=folder, stdin=subprocess.DEVNULL, stderr=log)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        program.log = folder + "/log"
        program.env = env
        return program, manager

    @staticmethod
    def hear(manager, pattern):
        """Listen until something like this is said."""
        said = []

        def is_said():
            try:
                said.append(manager.recv(1024).decode())
            except TimeoutError:
                return False
            return re.search(pattern, said[-1])
        wait_for(is_said, lambda: f"no {pattern!r} in {said}")

    def hear_nothing(self, manager):
        """Listen until there was silence."""
        def is_silent():
            manager.settimeout(SILENCE_S)
            try:
                manager.recv(1024)
                return False
            except TimeoutError:
                return True
            finally:
                manager.settimeout(PATIENCE_S)
        wait_for(is_silent, "silence")

    def test_each_is_ready_without_redis_and_says_that_it_waits(self):
        for name, work in WORK.items():
            with self.subTest(name):
                program, manager = self.start(name)
                self.hear(manager, "^READY=1$")
                waits = "" if name in (KEYS, "waypost-handlers") else \
                    r"waiting for Redis at unix:/nowhere/redis.sock since " \
                    r"\d+ s; "
                self.hear(manager, "^STATUS=" + waits + work)
                program.send_signal(signal.SIGTERM)
                self.hear(manager, "^STOPPING=1$")
                self.assertEqual(program.wait(PATIENCE_S), 0)

    def test_each_pats_the_watchdog_on_and_on(self):
        for name in WORK:
            with self.subTest(name):
                _, manager = self.start(name, WATCHDOG_USEC=str(WATCHDOG_US))
                for _ in range(3):
                    self.hear(manager, "^WATCHDOG=1\n")

    def test_one_that_another_watches_does_not(self):
        _, manager = self.start("waypost-ws", WATCHDOG_USEC=str(WATCHDOG_US),
                                WATCHDOG_PID="1")
        self.hear(manager, "^STATUS=")

    def test_a_worker_with_a_thread_that_hangs_is_silent(self):
        worker, manager = self.start("waypost-worker",
                                     WATCHDOG_USEC=str(WATCHDOG_US))
        self.hear(manager, "^WATCHDOG=1\n")
        for thread in self.threads(worker.pid):
            with self.subTest(thread):
                told = self.count_stuck(worker)
                self.seize(thread)
                try:
                    self.hear_nothing(manager)
                finally:
                    self.let_go(thread)
                self.assertEqual(self.count_stuck(worker), told + 1)
                self.hear(manager, "^WATCHDOG=1\n")

    def test_a_reload_that_waits_is_not_over_when_another_is_refused(self):
        worker, manager = self.start("waypost-worker")
        self.assertEqual(self.state(manager), "READY=1")
        thread, other = wait_for(lambda: self.pair(worker.pid),
                                 "both threads are there")
        self.seize(thread)
        try:
            self.reload(worker, manager)
            # Now it has read what is good.
            wait_for(lambda: other not in self.threads(worker.pid),
                     "the other thread has ended")
            with open(worker.args[2], "a", encoding="ascii") as file:
                file.write("a: [\n")
            for _ in range(2):
                self.reload(worker, manager)
        finally:
            self.let_go(thread)
        self.assertEqual(self.state(manager), "READY=1")
        worker.send_signal(signal.SIGTERM)
        self.assertEqual(self.state(manager), "STOPPING=1")
        self.assertEqual(worker.wait(PATIENCE_S), 0)

    def reload(self, program, manager):
        """And that is the next that is said."""
        program.send_signal(signal.SIGHUP)
        self.assertRegex(self.state(manager), "^RELOADING=1\n")

    @staticmethod
    def state(manager):
        """The next one; that it lives and what it does is none."""
        while True:
            said = manager.recv(1024).decode()
            if not said.startswith(("WATCHDOG=1", "STATUS=")):
                return said

    def test_a_process_of_handlers_that_hangs_is_replaced(self):
        handlers, manager = self.start("waypost-handlers",
                                       WATCHDOG_USEC=str(PATIENT_US))
        self.hear(manager, "2 of 2 processes are ready$")
        before = self.children(handlers.pid)
        self.assertEqual(len(before), 2)
        stuck = before.pop()
        os.kill(stuck, signal.SIGSTOP)

        after = wait_for(lambda: [now for now in [self.children(handlers.pid)]
                                  if len(now) == 2 and stuck not in now],
                         "another one is there")
        self.assertLess(before, after[0])
        # A moment later they are ready, and nobody has to be ended for it.
        self.drain(manager)
        self.hear(manager, "^WATCHDOG=1\nSTATUS=2 of 2 processes are ready$")
        self.assertIsNone(handlers.poll())

    def ping(self, program):
        """(exit status, what was said) of --ping."""
        done = subprocess.run([*program.args, "--ping"], env=program.env,
                              cwd=os.path.dirname(program.log),
                              capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_one_that_runs_answers_a_ping_and_one_that_does_not_is_told(self):
        for name in WORK:
            with self.subTest(name):
                key, path = PING[name]
                program, manager = self.start(name, **{key: path})
                self.hear(manager, "^READY=1$")
                self.assertEqual(self.ping(program),
                                 (0, name + ": it answers\n"))
                program.send_signal(signal.SIGTERM)
                program.wait(PATIENCE_S)
                status, said = self.ping(program)
                self.assertEqual(status, 1, said)
                self.assertRegex(said, name + r": \w+\.\w+: unix:/")

    def test_without_an_address_of_its_own_its_metrics_are_asked(self):
        for name, section in (("waypost-handlers", "handlers"),
                              ("waypost-ws", "websocket")):
            with self.subTest(name):
                key = f"WAYPOST_{section.upper()}_"
                program, manager = self.start(
                    name, **{key + "METRICS_LISTEN": "unix:FOLDER/ping"})
                self.hear(manager, "^READY=1$")
                with open(program.args[2], "a", encoding="ascii") as file:
                    file.write(section + ": {listen: ''}\n")
                del program.env[key + "LISTEN"]
                self.assertEqual(self.ping(program),
                                 (0, name + ": it answers\n"))

    def test_a_daemon_that_hangs_is_told_by_a_ping(self):
        daemon, manager = self.start("waypost-ws")
        self.hear(manager, "^READY=1$")
        self.freeze(daemon.pid)
        status, said = self.ping(daemon)
        self.assertEqual(status, 1, said)
        self.assertIn("there was no answer within 3000 ms", said)

    @staticmethod
    def drain(manager):
        """Forget what was said until now."""
        manager.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                manager.recv(1024)
        manager.settimeout(PATIENCE_S)

    @staticmethod
    def count_stuck(program):
        with open(program.log, encoding="utf-8") as log:
            return log.read().count("a thread does not get on")

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as file:
            return {int(child) for child in file.read().split()}

    @staticmethod
    def threads(pid):
        """Those that work: the first one waits for signals."""
        return [int(task) for task in os.listdir(f"/proc/{pid}/task")
                if int(task) != pid]

    def pair(self, pid):
        threads = self.threads(pid)
        return threads if len(threads) == 2 else None

    def seize(self, thread):
        """Stop one thread, as if it hung; the others go on."""
        self.trace(PTRACE_SEIZE, thread)
        self.trace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, 0x40000000)  # __WALL: it is stopped

    def let_go(self, thread):
        self.trace(PTRACE_DETACH, thread)

    def trace(self, request, thread):
        libc = ctypes.CDLL(None, use_errno=True)
        ptrace = libc.ptrace
        ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                           ctypes.c_void_p]
        self.assertEqual(ptrace(request, thread, None, None), 0,
                         os.strerror(ctypes.get_errno()))
