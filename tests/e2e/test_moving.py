"""A daemon that stops moves its clients away, and serves them until then."""
import signal
import socket
import time

from harness import PATIENCE_S, E2eTest, new_stack

DAEMON = "websocket-0"


class MovingTest(E2eTest):
    SPREAD_MS = 600000

    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"drain_ms": cls.SPREAD_MS}},
                         websockets=2)

    def setUp(self):
        self.old = self.stack.programs[DAEMON]
        self.addCleanup(self.begin_again)

    def begin_again(self):
        self.stack.restart(DAEMON)
        self.stack.wait_ready()

    def connect_to_old(self, user):
        """Past the web server, which would choose the daemon itself."""
        one = self.connect(
            user, unix_path=self.stack.socket_path(DAEMON + ".sock"))
        one.expect("connected")
        return one


class Moving(MovingTest):
    SPREAD_MS = 2000

    def test_all_are_told_evenly_and_closed_in_that_order(self):
        sockets = [self.connect_to_old(self.user()) for _ in range(20)]

        begin = time.monotonic()
        self.old.signal(signal.SIGTERM)

        told = [(one.expect("reconnect")["afterMs"], one) for one in sockets]
        each_ms = self.SPREAD_MS // len(sockets)
        told.sort(key=lambda one: one[0])
        self.assertEqual([after_ms for after_ms, _ in told],
                         [i * each_ms for i in range(len(sockets))])
        ends = []
        for _, one in told:
            self.assertEqual(one.wait_closed(PATIENCE_S), 1012)
            ends.append(time.monotonic())
        self.assertEqual(ends, sorted(ends))
        self.assertGreater((ends[-1] - begin) * 1000, told[-1][0])
        self.assertEqual(self.old.process.wait(PATIENCE_S), 0)

    def test_last_one_is_poked_meanwhile_and_comes_back_elsewhere(self):
        users = [self.user() for _ in range(10)]
        sockets = [self.connect_to_old(user) for user in users]
        self.old.signal(signal.SIGTERM)
        told = [one.expect("reconnect")["afterMs"] for one in sockets]
        last = told.index(max(told))

        sent = self.assert_accepted(self.user().send(users[last]))

        sockets[last].expect("poke")
        again = self.connect(users[last])
        self.assertEqual(again.expect("connected")["pending"], 1)
        self.assertEqual(self.message_ids(users[last], 1), [sent])


class LongDrain(MovingTest):
    def test_it_ends_when_all_have_left(self):
        sockets = [self.connect_to_old(self.user()) for _ in range(5)]
        self.old.signal(signal.SIGTERM)
        for one in sockets:
            one.expect("reconnect")
            self.assertTrue(self.old.is_running())
            one.abort()

        self.assertEqual(self.old.process.wait(PATIENCE_S), 0)

    def test_handshake_under_way_is_let_in_and_told(self):
        """Its request ends behind the signal; that of others is not read."""
        head = (b"GET /connect HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                b"Authorization: Bearer " + self.user().token.encode())
        late = socket.socket(socket.AF_UNIX)
        self.addCleanup(late.close)
        late.settimeout(PATIENCE_S)
        late.connect(self.stack.socket_path(DAEMON + ".sock"))
        late.sendall(head)
        # It comes behind late in the queue, so late is let in as well.
        stays = self.connect_to_old(self.user())
        self.old.signal(signal.SIGTERM)
        stays.expect("reconnect")

        late.sendall(b"\r\n\r\n")

        said = b""
        while b'"afterMs"' not in said:
            more = late.recv(4096)
            self.assertTrue(more, said)
            said += more
        self.assertTrue(said.startswith(b"HTTP/1.1 101 "), said)
        self.assertIn(b'"connected"', said)
