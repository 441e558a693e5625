"""make run: shows a message's way, brings back what dies, forgets nothing."""
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import unittest

from devkit.process import leftovers
from devkit.stack import LOG_BYTES_MAX, PROGRAMS, Stack, free_port
from devkit.user import User
from devkit.websocket import WebSocket
from harness import ROOT, SLOWNESS, WEB, scratch, wait_for
from test_faults import LOAD_ERRORS

START_S = 90 * SLOWNESS
BACK_S = 30 * SLOWNESS
BUILD = os.environ.get("WAYPOST_E2E_BUILD",
                       os.path.join(ROOT, "build", "release"))


# run.py, sent a signal when it calls that function.
SIGNAL_IN = """
import os, signal, sys
sys.path.insert(0, {tools!r})
import run
def ended(*_, **__):
    os.kill(os.getpid(), signal.SIGTERM)
run.{moment} = ended
sys.exit(run.main())
"""


class Run:
    """tools/run.py in a process of its own."""

    def __init__(self, state, port, **env):
        self.state, self.port = os.path.realpath(state), port
        self.log_path = scratch() + "/run.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, os.path.join(ROOT, "tools", "run.py"),
                 "--web", WEB, "--port", str(port), "--state", state,
                 "--build", BUILD], env={**os.environ, **env},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def said(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def wait_greeting(self):
        wait_for(lambda: "Ctrl-C" in self.said() or
                 self.process.poll() is not None, "the greeting", START_S)
        if self.process.poll() is not None:
            raise AssertionError(self.said())

    def pids(self):
        return leftovers(self.state, PROGRAMS)

    def stop(self):
        """Ctrl-C; its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60 * SLOWNESS)

    def end(self):
        if self.process.poll() is None:
            self.stop()


class MakeRun(unittest.TestCase):
    timeout_s = 240

    def run_it(self, state=None, port=None, **env):
        run = Run(state or scratch(), port or free_port(), **env)
        self.addCleanup(run.end)
        return run

    def client(self, run, name):
        """A user of the stack that the other process started."""
        stack = Stack(run.state, WEB, run.port)
        with open(os.path.join(run.state, "secrets", "jwt"),
                  encoding="ascii") as file:
            stack.jwt_secret = file.read().strip()
        return User(stack, name)

    def when_ready(self, run):
        stack = Stack(run.state, WEB, run.port)

        def is_ready():
            try:
                return stack.http().request("GET", "/readyz").status == 200
            except LOAD_ERRORS:
                return False
        wait_for(is_ready, f"/readyz is 200; {run.said()[-2000:]}", BACK_S)

    def send(self, run, count):
        """As a client does it: what was not accepted (503) is repeated."""
        alice = self.client(run, "alice")
        ids = []
        for number in range(count):
            once = [("Idempotency-Key", secrets.token_hex(16))]
            answer = wait_for(
                lambda text=b"%d" % number, key=once:
                (got := alice.send("urn:sm:user:carol", text, key)).status
                != 503 and got, "a send is answered", BACK_S)
            self.assertEqual(answer.status, 202, answer)
            ids.append(answer.json()["id"])
        return ids

    def waiting(self, run):
        """Their ids; None while nobody answers."""
        try:
            answer = self.client(run, "carol").pull(limit=500)
        except LOAD_ERRORS:
            return None
        if answer.status != 200:
            return None
        return [one["id"] for one in answer.json()["messages"]]

    def test_first_message_is_shown_and_everything_stops_with_ctrl_c(self):
        run = self.run_it()
        run.wait_greeting()
        said = run.said()
        places = [said.find(step) for step in (
            "accepted", "poked", "pulled", "acked", "while he is away",
            "told", "export ALICE=", "export BOB=", "curl -si")]
        self.assertNotIn(-1, places)
        self.assertEqual(places, sorted(places))
        self.follow(run, said)
        self.assertNotIn("another password", said)

        self.assertEqual(run.stop(), 0)
        self.assertEqual(run.pids(), [])

    def follow(self, run, said):
        """Do what the lines do that are to be pasted."""
        stack = Stack(run.state, WEB, run.port)
        lines = said.splitlines()

        def line(start):
            found, = (each for each in lines if each.startswith(start))
            return found
        tokens = {}
        for name in ("alice", "bob"):
            command = line(f"export {name.upper()}=$(").partition("$(")[2]
            curl, _, extract = command.removesuffix(")").partition(" | ")
            words = shlex.split(curl)
            self.assertEqual(words[-2], "-d")
            with open(words[-1].removeprefix("@"), encoding="utf-8") as file:
                body = file.read()
            self.assertNotIn(json.loads(body)["password"], said)
            answer = stack.http().request(
                "POST", words[2].partition(str(run.port))[2], body,
                [("Content-Type", "application/json")])
            self.assertEqual(answer.status, 200, answer)
            tokens[name] = subprocess.run(
                ["sh", "-c", extract], input=answer.body, capture_output=True,
                check=True).stdout.decode().strip()
        alice, bob = (User(stack, name, tokens[name]) for name in tokens)
        sent = alice.send("urn:sm:user:bob", b"hello")
        self.assertEqual(sent.status, 202, sent)
        # He is away: the device that was registered for him is told.
        wait_for(lambda: re.search("^push: alert to device .*, 1 waiting$",
                                   run.said(), re.M), "it is said", BACK_S)
        self.assertEqual(bob.ack([sent.json()["id"]]).status, 204)
        devices = bob.call("GET", "/api/devices").json()
        self.assertEqual(len(devices["webPushKey"]), 87)

        browser = line("new WebSocket(")
        token = re.search(r"/connect\?token=([\w.-]+)'", browser).group(1)
        with WebSocket(run.port, "/connect?token=" + token) as socket:
            self.assertGreater(socket.expect("connected")["expiresInSeconds"],
                               23 * 3600)
        command = next(each for each in lines
                       if each.endswith("account create carol"))
        made = json.loads(subprocess.run(
            shlex.split(command) + ["--json"], capture_output=True,
            check=True).stdout)
        answer = stack.http().request(
            "POST", "/api/auth/login",
            json.dumps({key: made[key] for key in ("username", "password")}),
            [("Content-Type", "application/json")])
        self.assertEqual(answer.status, 200, answer)
        command = next(each for each in lines
                       if each.endswith("token make --sub carol --for 8h"))
        token = subprocess.run(shlex.split(command), capture_output=True,
                               check=True, text=True).stdout.strip()
        self.assertEqual(User(stack, "carol", token).pull().status, 200)

        command = line("KEY=$(").removeprefix("KEY=$(").removesuffix(")")
        key = subprocess.run(shlex.split(command), capture_output=True,
                             check=True, text=True).stdout.strip()
        notify = shlex.split(next(
            each for each in lines if "/api/notify" in each))
        answer = stack.http().request(
            "POST", "/api/notify", notify[-1],
            [("Content-Type", "application/json"),
             ("Authorization", "Bearer " + key)])
        self.assertEqual(answer.status, 202, answer)

    def test_without_accounts_there_are_tokens(self):
        run = self.run_it(WAYPOST_ACCOUNTS_ENABLED="false")
        run.wait_greeting()
        said = run.said()
        token = re.search(r"^export ALICE=(\S+)$", said, re.M).group(1)
        self.assertIn("acked", said)
        self.assertNotIn("token make", said)
        stack = Stack(run.state, WEB, run.port)
        self.assertEqual(User(stack, "alice", token).pull().status, 200)

    def test_a_second_signal_does_not_cut_the_stop_short(self):
        """A terminal that is closed sends several, and so does systemd."""
        run = self.run_it()
        run.wait_greeting()

        run.process.send_signal(signal.SIGINT)
        wait_for(lambda: "stopping" in run.said(), "the stop begins")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            run.process.send_signal(number)

        self.assertEqual(run.process.wait(60 * SLOWNESS), 0)
        self.assertEqual(run.pids(), [])
        self.assertNotIn("Traceback", run.said())
        self.assertIn("stopped; the messages are in", run.said())

    def test_a_signal_at_any_moment_of_the_start_ends_it(self):
        state = scratch()
        for moment in ("RunStack", "start", "demonstrate", "greet"):
            done = subprocess.run(
                [sys.executable, "-c", SIGNAL_IN.format(
                    tools=os.path.join(ROOT, "tools"), moment=moment),
                 "--web", WEB, "--port", str(free_port()), "--state", state,
                 "--build", BUILD],
                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=START_S, check=False)
            with self.subTest(moment):
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("SIGTERM: stopping", done.stdout)
                self.assertEqual(
                    leftovers(os.path.realpath(state), PROGRAMS), [])

    def test_whatever_is_killed_comes_back_and_nothing_is_lost(self):
        run = self.run_it()
        run.wait_greeting()
        ids = self.send(run, 10)
        for pid in run.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # a child of one that was killed before
            self.when_ready(run)
        wait_for(lambda: self.waiting(run) == ids, "all messages", BACK_S)
        self.assertIsNone(run.process.poll())
        ids += self.send(run, 1)
        wait_for(lambda: self.waiting(run) == ids, "a new one", BACK_S)

    def test_logs_do_not_grow_without_end(self):
        run = self.run_it()
        run.wait_greeting()
        log = os.path.join(run.state, "log", "handlers.log")
        line = b"x" * 99 + b"\n"
        with open(log, "ab") as file:
            file.write(line * (LOG_BYTES_MAX // len(line) + 1))
        wait_for(lambda: os.path.getsize(log) < LOG_BYTES_MAX, "it is cut")
        self.assertEqual(os.path.getsize(log + ".1"), LOG_BYTES_MAX)

        # Programs go on where it ends now.
        for pid in run.pids():
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                    name, _, rest = file.read().rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue  # a child of Redis, which writes its file anew
            if ("waypost-handler" in name and
                    int(rest.split()[1]) == run.process.pid):
                os.kill(pid, signal.SIGHUP)

        def last():
            with open(log, "rb") as file:
                return file.read()
        wait_for(lambda: b"settings reloaded" in last(), "a line")
        self.assertTrue(last().startswith(b"{"), last()[:100])

        # Where no copy can be made, as on a full disk, it is cut all the same.
        os.unlink(log + ".1")
        os.mkdir(log + ".1")
        with open(log, "ab") as file:
            file.write(line * (LOG_BYTES_MAX // len(line) + 1))
        wait_for(lambda: os.path.getsize(log) < LOG_BYTES_MAX or
                 run.process.poll() is not None, "it is cut")
        self.assertIsNone(run.process.poll())

    def test_everything_killed_and_started_again_has_all_messages(self):
        run = self.run_it()
        run.wait_greeting()
        ids = self.send(run, 10)
        run.process.kill()
        for pid in run.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        run.process.wait()

        again = self.run_it(run.state, run.port)
        again.wait_greeting()
        self.assertNotIn("another password", again.said())
        wait_for(lambda: self.waiting(again) == ids, "all messages", BACK_S)
        self.assertEqual(again.stop(), 0)

    def test_daemon_that_is_succeeded_is_followed(self):
        """And so is who succeeds that one."""
        run = self.run_it(WAYPOST_WEBSOCKET_PROCESSES="2",
                          WAYPOST_WEBSOCKET_DRAIN_MS="200")
        run.wait_greeting()
        daemon = [pid for pid in run.pids() if self.parent(pid) ==
                  run.process.pid and self.program(pid) == "waypost-ws"]
        for _ in range(2):
            os.kill(daemon[-1], signal.SIGUSR2)
            daemon.append(wait_for(
                lambda n=len(daemon): (re.findall(
                    r"websocket-0 goes on as process (\d+)", run.said()) +
                    [0] * n)[n - 1], "a successor", BACK_S))
            daemon[-1] = int(daemon[-1])
        self.assertNotIn("died", run.said())
        self.when_ready(run)
        with self.client(run, "alice").connect() as socket:
            socket.expect("connected")

        os.kill(daemon[-1], signal.SIGKILL)
        wait_for(lambda: "websocket-0 is running again" in run.said(),
                 "another one", BACK_S)
        self.assertIn("websocket-0 died with signal 9", run.said())
        self.assertEqual(run.stop(), 0)
        self.assertEqual(run.pids(), [])

    @staticmethod
    def parent(pid):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return int(file.read().rpartition(")")[2].split()[1])

    @staticmethod
    def program(pid):
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))

    def test_program_killed_while_all_start_delays_it(self):
        run = self.run_it()
        # The first program that is there: everything else is still to come.
        pid = wait_for(run.pids, "a program", START_S)[0]
        os.kill(pid, signal.SIGKILL)
        run.wait_greeting()
        self.when_ready(run)

    def test_taken_port_and_used_state_are_refused(self):
        run = self.run_it()
        run.wait_greeting()
        for state, port, word in ((scratch(), run.port, "PORT="),
                                  (run.state, free_port(), "STATE=")):
            other = self.run_it(state, port)
            self.assertEqual(other.process.wait(START_S), 1)
            self.assertIn(word, other.said())
        self.when_ready(run)
