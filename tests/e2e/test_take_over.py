"""A new daemon takes over from one that serves: nobody is refused meanwhile."""
import json
import os
import re
import signal
import socket
import threading

from devkit.websocket import Closed
from harness import PATIENCE_S, E2eTest, Refused, new_stack, wait_for

DAEMON = "websocket-0"
SPREAD_MS = 600
OVER = "successor has ended before it could take over"
CLIENTS = 3  # threads that connect, one connection behind the other


class Load:
    """Clients that come all the time, through the web server."""

    def __init__(self, test):
        self.test = test
        self.let_in = 0
        self.refused = []
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._run)
                         for _ in range(CLIENTS)]

    def _run(self):
        user = self.test.user()
        while not self._ends.is_set():
            try:
                one = user.connect()
                one.expect("connected")
                one.abort()
                self.let_in += 1
            except Refused as refused:
                self.refused.append(refused.response.status)
            except (Closed, OSError) as error:
                self.refused.append(repr(error))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self):
        """Each has come in once more, from the beginning on."""
        enough = self.let_in + 2 * CLIENTS
        wait_for(lambda: self.let_in >= enough or self.refused, "clients")


class TakeOverTest(E2eTest):
    PROCESSES = 1

    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"processes": cls.PROCESSES,
                                        "drain_ms": SPREAD_MS}})

    def setUp(self):
        self.old = self.stack.programs[DAEMON]
        self.successors = []
        self.addCleanup(self.begin_again)

    def begin_again(self):
        for pid in self.successors:
            if os.path.exists(f"/proc/{pid}"):
                os.kill(pid, signal.SIGTERM)
            wait_for(lambda one=pid: not self.is_running(one),
                     "a successor to end")
        self.stack.restart(DAEMON)
        self.stack.wait_ready()

    @staticmethod
    def is_running(pid):
        """Whoever reaps it, it has not ended."""
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def log(self, message):
        lines = self.stack.read_log(DAEMON).splitlines()
        return [json.loads(line) for line in lines
                if f'"{message}"' in line]

    def take_over(self, pid):
        """Returns: the successor's process."""
        before = len(self.log("successor has taken over"))
        os.kill(pid, signal.SIGUSR2)
        wait_for(lambda: len(self.log("successor has taken over")) > before,
                 "the successor")
        successor = self.log("successor has taken over")[-1]["pid"]
        self.successors.append(successor)
        return successor

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def ask_a_successor_that_waits(self):
        """For one of its own. Returns: it"""
        redis = self.stack.programs["redis"].process
        self.addCleanup(redis.send_signal, signal.SIGCONT)
        redis.send_signal(signal.SIGSTOP)
        before = len(self.log("successor is started"))
        started = len(self.log("started"))
        self.old.signal(signal.SIGUSR2)
        wait_for(lambda: len(self.log("started")) > started, "a successor")
        successor = self.log("successor is started")[before]["pid"]
        self.successors.append(successor)
        wait_for(lambda: self.is_ready_for(successor, signal.SIGUSR2),
                 "it to listen")
        os.kill(successor, signal.SIGUSR2)
        redis.send_signal(signal.SIGCONT)

        self.assertEqual(self.old.process.wait(PATIENCE_S), 0)

        self.assertEqual(len(self.log("successor is started")), before + 1)
        return successor

    @staticmethod
    def is_ready_for(pid, signo):
        """It does not die of it any more."""
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            sets = re.findall("^Sig(?:Blk|Cgt):\t(.*)$", file.read(), re.M)
        return any(int(one, 16) >> (signo - 1) & 1 for one in sets)

    def put_metrics_at(self, address):
        """Who is started from now on has them there."""
        name = "WAYPOST_WEBSOCKET_METRICS_LISTEN"
        self.addCleanup(setattr, self.old, "env", self.old.env)
        self.old.env = {key: value for key, value in self.old.env.items()
                        if key != name}
        path = os.path.join(self.stack.state, "waypost.yaml")
        with open(path, encoding="utf-8") as file:
            good = file.read()
        self.addCleanup(self.write, path, good)
        section = f'websocket:\n  metrics_listen: "{address}"\n'
        self.write(path, re.sub("websocket:\n(  metrics_listen: .*\n)?",
                                section, good))

    def fail_late(self):
        """A successor has the sockets, and then cannot start."""
        self.put_metrics_at("")
        self.begin_again()
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        self.put_metrics_at("127.0.0.1:%d" % taken.getsockname()[1])

        self.fail_to_take_over()

    def fail_to_take_over(self):
        before = len(self.log(OVER))
        self.old.signal(signal.SIGUSR2)
        wait_for(lambda: len(self.log(OVER)) > before, OVER)

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


class Alone(TakeOverTest):
    def test_nobody_is_refused_and_all_are_moved(self):
        stays = self.connect(self.user())
        stays.expect("connected")

        with Load(self) as load:
            load.wait_for_more()
            first = self.take_over(self.old.process.pid)
            load.wait_for_more()
            stays.expect("reconnect")
            self.assertEqual(stays.wait_closed(PATIENCE_S), 1012)
            self.assertEqual(self.old.process.wait(PATIENCE_S), 0)
            load.wait_for_more()
            # One that has taken over is as good as any other.
            self.take_over(first)
            load.wait_for_more()
            wait_for(lambda: not self.is_running(first), "its end")
            load.wait_for_more()

        self.assertEqual(load.refused, [])

    def test_metrics_are_the_successors(self):
        before = self.started_at()
        self.take_over(self.old.process.pid)
        self.old.process.wait(PATIENCE_S)

        self.assertGreater(self.started_at(), before)

    def test_manager_is_told_whom_to_look_after(self):
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(self.stack.socket_path("manager.sock"))
        manager.settimeout(PATIENCE_S)
        told = {"NOTIFY_SOCKET": self.stack.socket_path("manager.sock"),
                "WATCHDOG_USEC": "1000000"}
        self.addCleanup(setattr, self.old, "env", self.old.env)
        self.old.env = {**self.old.env, **told}
        self.begin_again()

        successor = self.take_over(self.old.process.pid)

        said = b""
        while b"MAINPID" not in said:
            said = manager.recv(4096)
        self.assertEqual(said.decode(), f"MAINPID={successor}")
        self.assertEqual(self.old.process.wait(PATIENCE_S), 0)
        # What the old one has said is in the queue before what follows.
        manager.setblocking(False)
        while self.has_more(manager):
            pass
        manager.settimeout(PATIENCE_S)
        while b"WATCHDOG=1" not in said:
            said = manager.recv(4096)

    @staticmethod
    def has_more(manager):
        try:
            return manager.recv(4096)
        except BlockingIOError:
            return False

    def started_at(self):
        return float(re.search(r"^process_start_time_seconds (\S+)$",
                               self.stack.metrics(DAEMON), re.M).group(1))

    def test_successor_that_cannot_start_changes_nothing(self):
        path = os.path.join(self.stack.state, "waypost.yaml")
        with open(path, encoding="utf-8") as file:
            good = file.read()
        self.addCleanup(self.write, path, good)
        self.write(path, good + "\nnonsense: [\n")
        stays = self.connect(self.user())
        stays.expect("connected")

        self.fail_to_take_over()

        stays.send_json({"type": "ping"})
        stays.expect("pong")
        self.connect(self.user()).expect("connected")

    def test_successor_that_fails_late_leaves_the_name_behind(self):
        self.fail_late()
        self.connect(self.user()).expect("connected")

    def test_successor_that_waits_has_none(self):
        self.assertTrue(self.is_running(self.ask_a_successor_that_waits()))


class Several(TakeOverTest):
    PROCESSES = 2

    def test_nobody_is_refused(self):
        with Load(self) as load:
            load.wait_for_more()
            self.take_over(self.old.process.pid)
            load.wait_for_more()
            self.assertEqual(self.old.process.wait(PATIENCE_S), 0)
            load.wait_for_more()

        self.assertEqual(load.refused, [])

    def test_successor_that_fails_late_leaves_the_name_behind(self):
        self.fail_late()
        self.connect(self.user()).expect("connected")

    def test_successor_that_waits_has_none(self):
        self.assertTrue(self.is_running(self.ask_a_successor_that_waits()))

    def test_who_waits_is_left_to_the_successor(self):
        """Or he would be moved as soon as he is in."""
        crowd = 400  # what a turn of a process takes is little of it
        old = self.children(self.old.process.pid)
        self.send_all(old, signal.SIGSTOP)
        new = self.children(self.take_over(self.old.process.pid))
        self.send_all(new, signal.SIGSTOP)
        peers = [socket.socket(socket.AF_UNIX) for _ in range(crowd)]
        for peer in peers:
            self.addCleanup(peer.close)
            peer.settimeout(PATIENCE_S)
            peer.connect(self.stack.socket_path(DAEMON + ".sock"))

        self.send_all(old, signal.SIGCONT)
        self.assertEqual(self.old.process.wait(PATIENCE_S), 0)
        self.send_all(new, signal.SIGCONT)

        answered = sum(self.is_answered(peer) for peer in peers)
        self.assertGreater(answered, crowd / 2)

    @staticmethod
    def send_all(pids, signo):
        for pid in pids:
            os.kill(pid, signo)

    @staticmethod
    def is_answered(peer):
        try:
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return b" 200 OK" in peer.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            return False

    def test_socket_that_is_not_wanted_any_more_is_gone(self):
        """Or peers would wait in its queue for as long as processes live."""
        path = self.stack.socket_path("leftover.sock")
        self.put_metrics_at("unix:" + path)
        self.begin_again()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
        self.put_metrics_at(
            "unix:" + self.stack.socket_path("wanted.sock"))

        self.take_over(self.old.process.pid)
        self.assertEqual(self.old.process.wait(PATIENCE_S), 0)

        self.assertFalse(os.path.exists(path), "a name that leads nowhere")


class Activated(TakeOverTest):
    """The socket is a manager's, who restarts the daemon."""

    def begin(self):
        """Returns: what starts a daemon, and one that serves."""
        self.old.stop()
        path = self.stack.socket_path(DAEMON + ".sock")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(os.unlink, path)
        self.addCleanup(listener.close)
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(4096)
        first = self.start_activated(self.old, listener)
        # It waits in the queue until the daemon lets it in.
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(PATIENCE_S)
            peer.connect(path)
            peer.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b" 200 OK", peer.recv(4096))
        return lambda: self.start_activated(self.old, listener), first

    def test_restart_refuses_nobody(self):
        start, first = self.begin()

        with Load(self) as load:
            load.wait_for_more()
            first.send_signal(signal.SIGTERM)
            self.assertEqual(first.wait(PATIENCE_S), 0)
            second = start()
            load.wait_for_more()

        self.assertEqual(load.refused, [])
        second.send_signal(signal.SIGTERM)
        self.assertEqual(second.wait(PATIENCE_S), 0)

    def test_successor_gets_the_socket_as_well(self):
        _, first = self.begin()

        with Load(self) as load:
            load.wait_for_more()
            self.take_over(first.pid)
            self.assertEqual(first.wait(PATIENCE_S), 0)
            load.wait_for_more()

        self.assertEqual(load.refused, [])
