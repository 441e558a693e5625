"""Several processes of the daemon share a socket, under one parent."""
import copy
import os
import re
import signal
import socket
import subprocess

from devkit.stack import free_port
from devkit.websocket import Closed, WebSocket
from harness import PATIENCE_S, E2eTest, new_stack, wait_for

DAEMON = "websocket-0"
PROCESSES = 3
# So many more than another process one holds until it leaves newcomers to it.
SLACK = 16


class Processes(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"processes": PROCESSES}})

    def setUp(self):
        self.parent = self.stack.programs[DAEMON]

    def children(self):
        pid = self.parent.process.pid
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def metric(self, name):
        text = self.stack.metrics(DAEMON)
        return int(re.search(rf"^{name} (\d+)$", text, re.M).group(1))

    def come_in(self, n):
        sockets = []
        for _ in range(n):
            one = self.connect(self.user())
            one.expect("connected")
            sockets.append(one)
        return sockets

    @staticmethod
    def sockets_of(pid):
        """How many it has open, roughly: those of its own are a few."""
        folder = f"/proc/{pid}/fd"
        n = 0
        for name in os.listdir(folder):
            try:
                n += os.readlink(f"{folder}/{name}").startswith("socket:")
            except FileNotFoundError:
                pass
        return n

    def test_herd_is_shared_and_told_of_as_one(self):
        before = {pid: self.sockets_of(pid) for pid in self.children()}
        n = 60 * PROCESSES

        sockets = self.come_in(n)

        shares = [self.sockets_of(pid) - had for pid, had in before.items()]
        self.assertEqual(len(shares), PROCESSES)
        # A probe of whoever waited for the start may have gone since.
        self.assertAlmostEqual(sum(shares), n, delta=PROCESSES)
        self.assertLessEqual(max(shares), 2 * n / PROCESSES)
        wait_for(lambda: self.metric("waypost_ws_connections") == n,
                 "all to be told of")
        self.assertEqual(self.metric("waypost_ws_processes"), PROCESSES)
        self.assertEqual(self.metric("waypost_redis_up"), 1)
        for one in sockets:
            one.abort()
        wait_for(lambda: self.metric("waypost_ws_connections") == 0,
                 "nobody to be left")

    def test_messages_reach_clients_of_each_process(self):
        users = [self.user() for _ in range(10 * PROCESSES)]
        sockets = [self.connect(user) for user in users]
        for one, user in zip(sockets, users):
            one.expect("connected")
            self.assert_accepted(self.user().send(user))
            one.expect("poke")

    def test_one_that_is_killed_is_replaced_and_the_others_stay(self):
        sockets = self.come_in(10 * PROCESSES)
        victim = self.children()[0]
        restarts = self.metric("waypost_ws_process_restarts_total")

        os.kill(victim, signal.SIGKILL)

        wait_for(lambda: len(set(self.children()) - {victim}) == PROCESSES,
                 "another process")
        self.assertEqual(self.metric("waypost_ws_process_restarts_total"),
                         restarts + 1)
        self.stack.wait_ready()
        lost = 0
        for one in sockets:
            try:
                one.send_json({"type": "ping"})
                one.expect("pong")
            except (OSError, Closed):
                lost += 1
        self.assertLessEqual(lost, 2 * 10)
        wait_for(lambda: self.metric("waypost_ws_connections") ==
                 len(sockets) - lost, "the dead to be forgotten")
        self.come_in(PROCESSES)

    def test_newcomers_go_to_one_that_has_few(self):
        self.come_in(40 * PROCESSES)
        victim = self.children()[0]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(set(self.children()) - {victim}) == PROCESSES and
                 self.metric("waypost_ws_processes") == PROCESSES,
                 "another process")

        def spread():
            held = [self.sockets_of(pid) for pid in self.children()]
            return max(held) - min(held)
        self.assertGreater(spread(), 2 * SLACK)
        # Each waits for that one for a moment only, which a host that is busy
        # may miss. Shared without a look, they would stay as far apart.
        for _ in range(25):
            self.come_in(8)
            if spread() <= SLACK + 8:
                return
        self.fail(f"still {spread()} apart")

    def test_one_that_hangs_holds_nobody_up(self):
        asleep = self.children()[0]
        os.kill(asleep, signal.SIGSTOP)
        self.addCleanup(os.kill, asleep, signal.SIGCONT)

        self.come_in(30 * PROCESSES)

    def test_reload_reaches_all_and_closes_nobody(self):
        sockets = self.come_in(2 * PROCESSES)
        before = self.children()

        self.parent.signal(signal.SIGHUP)

        wait_for(lambda: self.stack.read_log(DAEMON).count(
            '"settings reloaded"') == PROCESSES + 1, "all to have reloaded")
        self.assertEqual(self.children(), before)
        for one in sockets:
            one.send_json({"type": "ping"})
            one.expect("pong")

    def test_stop_moves_the_clients_of_all(self):
        self.addCleanup(self.begin_again)
        sockets = self.come_in(5 * PROCESSES)

        self.parent.signal(signal.SIGTERM)

        for one in sockets:
            one.expect("reconnect")
            self.assertEqual(one.wait_closed(PATIENCE_S), 1012)
        self.assertEqual(self.parent.process.wait(PATIENCE_S), 0)

    def test_nobody_outlives_a_parent_that_is_killed(self):
        self.addCleanup(self.begin_again)
        children = self.children()

        self.parent.signal(signal.SIGKILL)

        self.parent.process.wait(PATIENCE_S)
        for pid in children:
            wait_for(lambda one=pid: not os.path.exists(f"/proc/{one}"),
                     "its processes to end")

    def begin_again(self):
        self.stack.restart(DAEMON)
        self.stack.wait_ready()

    def test_what_no_process_can_serve_is_refused_as_with_one(self):
        """And not begun again and again."""
        said = [self.run_beside("waypost-ws", WAYPOST_MAILBOX_PARTITIONS="3",
                                WAYPOST_WEBSOCKET_PROCESSES=n)
                for n in ("1", "2")]

        last = [text.splitlines()[-1] for _, text in said]
        self.assertEqual([status for status, _ in said], [1, 1], said)
        self.assertIn("mailbox.partitions is 3", last[1])
        self.assertEqual(last[1], last[0])


class Stopping(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"processes": 2, "drain_ms": 4000},
                          "handlers": {"drain_ms": 60000}})

    def test_nobody_waits_at_the_socket_of_a_parent_that_ends(self):
        parent = self.stack.programs[DAEMON]
        pid = parent.process.pid
        path = self.stack.socket_path(DAEMON + ".sock")
        stays = self.connect(self.user())
        stays.expect("connected")
        with open("/proc/net/unix", encoding="ascii") as table:
            [inode] = [line.split()[6] for line in table
                       if line.split()[-1] == path and
                       line.split()[3] == "00010000"]  # it listens

        def has_socket():
            folder = f"/proc/{pid}/fd"
            return f"socket:[{inode}]" in [
                os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]
        self.assertTrue(has_socket())
        parent.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not has_socket(), "the socket to be closed")
        # And not because it has ended.
        stays.send_json({"type": "ping"})
        stays.expect("pong")
        stays.abort()
        self.assertEqual(parent.process.wait(PATIENCE_S), 0)

    def beside(self, name, key):
        """Another one of a program, at a port. Returns: it and the port"""
        port = free_port()
        program = copy.copy(self.stack.programs[name])
        program.env = {**program.env, key + "_LISTEN": f"tcp:127.0.0.1:{port}",
                       key + "_METRICS_LISTEN": ""}
        program.ready = lambda: self.connects(port)
        program.start()
        self.addCleanup(program.stop)
        return program, port

    @staticmethod
    def connects(port):
        with socket.socket() as peer:
            return peer.connect_ex(("127.0.0.1", port)) == 0

    def is_refused_while_it_stops(self, process, port):
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: not self.connects(port), "newcomers to be refused")
        self.assertIsNone(process.poll(), "nobody waited for its end")

    def test_newcomer_is_refused_at_a_port_as_well(self):
        """The kernel takes him for as long as anybody has the socket."""
        program, port = self.beside(DAEMON, "WAYPOST_WEBSOCKET")
        user = self.user()
        with WebSocket(port, headers={"Authorization": "Bearer " +
                                      user.token}) as stays:
            stays.expect("connected")

            self.is_refused_while_it_stops(program.process, port)

        self.assertEqual(program.process.wait(PATIENCE_S), 0)

    def request_is_refused(self, process, peer):
        """Others are, while this peer is being served."""
        with peer:
            peer.settimeout(PATIENCE_S)
            # A request begins (FastCGI 1.0) and says no more; that it was
            # read tells the answer to FCGI_GET_VALUES behind it.
            peer.sendall(b"\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0"
                         b"\1\11\0\0\0\0\0\0")
            self.assertEqual(peer.recv(8)[1], 10)

            self.is_refused_while_it_stops(process, peer.getpeername()[1])

        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_request_is_refused_at_a_port_as_well(self):
        program, port = self.beside("handlers", "WAYPOST_HANDLERS")
        self.request_is_refused(program.process, socket.create_connection(
            ("127.0.0.1", port)))

    def test_so_it_is_at_one_that_a_web_server_has_opened(self):
        """And left: it is our standard input."""
        program = self.stack.programs["handlers"]
        env = {**program.env, "WAYPOST_HANDLERS_METRICS_LISTEN": ""}
        with socket.create_server(("127.0.0.1", 0)) as listener:
            peer = socket.create_connection(listener.getsockname())
            with open(program.log_path, "ab") as log:
                process = subprocess.Popen(
                    [*program.argv, "--listen", ""], cwd=program.cwd, env=env,
                    stdin=listener, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.request_is_refused(process, peer)
