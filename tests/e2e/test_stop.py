"""A daemon that stops: who comes then is refused at once, or a successor's."""
import copy
import os
import signal
import socket

from harness import E2eTest, PATIENCE_S, Refused, new_stack, wait_for

DAEMON = "websocket-0"


class Stop(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    def setUp(self):
        """The daemon drains: somebody is open who does not answer a close."""
        self.old = self.stack.programs[DAEMON]
        self.deaf = self.come_in()

    def come_in(self):
        """lighttpd takes a moment to see that a daemon is back."""
        def try_it():
            try:
                socket = self.connect(self.user())
            except Refused as refused:
                self.assert_error(refused.response, 503)
                return None
            socket.expect("connected")
            return socket
        return wait_for(try_it, "a connection")

    def stop_old(self):
        self.old.signal(signal.SIGTERM)
        # Its close frame is behind everything that a stop begins with.
        self.deaf.expect("reconnect")
        self.assertEqual(self.deaf.recv_frame()[1], 8)

    def begin_again(self):
        self.deaf.abort()
        self.assertEqual(self.old.stop(), 0)
        self.old.start()
        self.stack.wait_ready()

    def test_newcomer_is_refused_while_it_drains(self):
        self.addCleanup(self.begin_again)
        self.stop_old()

        with self.assertRaises(Refused) as caught:
            self.connect(self.user())

        self.assertIn(caught.exception.response.status, (502, 503))
        self.assertTrue(self.old.is_running(), "nobody waited for its end")

    def test_successor_takes_newcomers_and_keeps_its_name(self):
        successor = copy.copy(self.old)
        self.stop_old()

        successor.start()
        self.assertTrue(self.old.is_running())
        self.stack.programs[DAEMON] = successor
        self.come_in()
        self.deaf.abort()
        self.old.process.wait(30)

        self.assertEqual(self.old.process.returncode, 0)
        self.come_in()

    def test_who_waits_in_the_queue_is_answered(self):
        """They come while the daemon cannot look, and SIGTERM with them."""
        self.addCleanup(self.begin_again)
        self.old.signal(signal.SIGSTOP)
        peers = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for peer in peers:
            self.addCleanup(peer.close)
            peer.settimeout(30)
            peer.connect(self.stack.socket_path(DAEMON + ".sock"))
            peer.sendall(b"GET /connect HTTP/1.1\r\nHost: x\r\n\r\n")
        self.old.signal(signal.SIGTERM)
        self.old.signal(signal.SIGCONT)

        for peer in peers:
            # One that was accepted before the signal was seen: 426.
            self.assertRegex(peer.recv(4096), rb"^HTTP/1.1 (503|426) ")

    def ask(self, path):
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.settimeout(30)
        peer.connect(path)
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return peer

    def test_socket_that_was_given_stays_and_so_do_those_who_wait(self):
        path = self.stack.socket_path("given.sock")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen()
        first = self.start_activated(self.old, listener)
        with self.ask(path) as peer:
            self.assertIn(b" 200 OK", peer.recv(4096))
        first.send_signal(signal.SIGTERM)
        first.wait(30)
        self.assertEqual(first.returncode, 0)

        late = self.ask(path)
        self.start_activated(self.old, listener)

        self.assertIn(b" 200 OK", late.recv(4096))


class SilentRedis(E2eTest):
    """Redis takes connections and says nothing while a daemon starts."""

    @classmethod
    def make_stack(cls):
        # Whoever waited for it would wait longer than any test.
        return new_stack({"redis": {"connect_timeout_ms": 60000,
                                    "command_timeout_ms": 60000}})

    def setUp(self):
        self.daemon = self.stack.programs[DAEMON]
        self.daemon.stop()
        self.stack.programs["redis"].signal(signal.SIGSTOP)
        self.addCleanup(self.begin_again)
        self.daemon.start()

    def begin_again(self):
        self.stack.programs["redis"].signal(signal.SIGCONT)
        self.stack.restart(DAEMON)
        self.stack.wait_ready()

    def ask(self, target):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(PATIENCE_S)
            peer.connect(self.stack.socket_path(DAEMON + ".sock"))
            peer.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return peer.recv(4096).split(b"\r\n")[0]

    def test_it_lives_and_is_not_ready(self):
        self.assertEqual(self.ask("/healthz"), b"HTTP/1.1 200 OK")
        self.assertEqual(self.ask("/readyz"),
                         b"HTTP/1.1 503 Service Unavailable")

    def test_it_can_be_stopped(self):
        self.ask("/healthz")

        self.daemon.signal(signal.SIGTERM)

        self.assertEqual(self.daemon.process.wait(PATIENCE_S), 0)

    def test_it_is_ready_when_redis_speaks(self):
        self.ask("/healthz")

        self.stack.programs["redis"].signal(signal.SIGCONT)

        self.stack.wait_ready()


class Ends(E2eTest):
    """A stop that was asked for is no failure, however it ends."""
    DRAIN_MS = 600000
    PROGRAMS = ("handlers", "worker-0", DAEMON)

    @classmethod
    def make_stack(cls):
        return new_stack({
            "redis": {"command_timeout_ms": 60000},
            **{section: {"drain_ms": cls.DRAIN_MS}
               for section in ("handlers", "worker", "websocket")}})

    def keep_busy(self):
        """Something is under way in each program, and does not end."""
        self.connect(self.user()).expect("connected")
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.connect(self.stack.socket_path("handlers.sock"))
        # Begin a request (FastCGI 1.0), and say no more.
        peer.sendall(b"\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0")
        # One round trip behind it: a thread has the connection.
        self.assertEqual(
            self.stack.http().request("GET", "/healthz").status, 200)
        self.stack.programs["redis"].signal(signal.SIGSTOP)
        self.addCleanup(self.begin_again)

    def begin_again(self):
        self.stack.programs["redis"].signal(signal.SIGCONT)
        for name in self.PROGRAMS:
            self.stack.restart(name)
        self.stack.wait_ready()

    def stop(self, name):
        """SIGTERM, and wait until it was seen."""
        before = self.stack.read_log(name).count('"stopping"')
        self.stack.programs[name].signal(signal.SIGTERM)
        wait_for(lambda: self.stack.read_log(name).count('"stopping"')
                 > before, f"{name} to begin its stop")

    def assert_ends(self, name, said):
        process = self.stack.programs[name].process
        self.assertEqual(process.wait(PATIENCE_S), 0, name)
        self.assertIn(said[name], self.stack.read_log(name))


class SecondSignal(Ends):
    SAID = {"handlers": "process did not drain in time",
            "worker-0": "stopped at once", DAEMON: "stopped at once"}

    def test_it_ends_each_program_at_once_with_0(self):
        self.keep_busy()
        for name in self.PROGRAMS:
            self.stop(name)
            self.assertTrue(self.stack.programs[name].is_running(), name)

            self.stack.programs[name].signal(signal.SIGTERM)

            self.assert_ends(name, self.SAID)


class DrainOver(Ends):
    DRAIN_MS = 200
    SAID = {"handlers": "process did not drain in time",
            "worker-0": "work under way was left behind",
            DAEMON: "connections were left behind"}

    def test_each_program_ends_with_0(self):
        self.keep_busy()
        for name in self.PROGRAMS:
            self.stop(name)

            self.assert_ends(name, self.SAID)
