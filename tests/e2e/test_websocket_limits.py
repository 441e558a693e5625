"""The daemon's settings, where they are smallest and where they are reached."""
from harness import (E2eTest, PATIENCE_S, User, WebSocket, envelope,
                     new_stack)


class Usable(E2eTest):
    def assert_usable(self, socket):
        """Greeted, and everything that a client says is answered."""
        bob = self.user()
        socket.expect("connected")
        socket.send_json({"type": "ping"})
        socket.expect("pong")
        socket.send_json({"type": "send", "ref": "r" * 128,
                          "envelope": envelope(bob.urn, b"x")})
        accepted = socket.expect("accepted")
        self.assertEqual(self.message_ids(bob, 1), [accepted["id"]])
        socket.send_json({"type": "nonsense", "ref": "r" * 128})
        socket.expect("error")


class Least(Usable):
    """Every setting does its work at the least value that it may have.

    Not those that leave a client or Redis less time than a busy machine takes.
    """

    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {
            "max_queue_bytes": 1024, "max_connections_per_user": 1,
            "ping_interval_ms": 100, "grace_ms": 0, "drain_ms": 0}})

    def test_only_the_newest_connection_of_a_user_stays(self):
        bob = self.user()
        first = self.connect(bob)
        self.assert_usable(first)
        second = self.connect(bob)
        self.assertEqual(first.wait_closed(PATIENCE_S), 4409)
        self.assert_usable(second)

    def test_long_tokens_in_the_subprotocol_are_echoed(self):
        for size in (1, 700, 900, 1500, 2500):
            with self.subTest(size=size):
                name = self.user().name
                token = self.stack.token(name, pad="x" * size)
                socket = WebSocket(self.stack.port, protocols=token)
                self.addCleanup(socket.abort)
                self.assertEqual(
                    socket.response.header("Sec-WebSocket-Protocol"), token)
                self.assert_usable(socket)

    def test_long_names_are_greeted(self):
        name = "urn:lookup:email:" + "x" * 200 + "@example.org"
        self.assert_usable(self.connect(User(self.stack, name)))


class Most(Usable):
    """The same at the greatest values."""

    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {
            "max_connections": 1000000, "max_connections_per_user": 10000,
            "max_message_bytes": 16777216, "max_queue_bytes": 67108864,
            "ping_interval_ms": 3600000, "idle_timeout_ms": 7200000,
            "handshake_timeout_ms": 600000, "grace_ms": 600000,
            "drain_ms": 600000}})

    def test_all_is_usable(self):
        socket = self.connect(self.user())
        self.assert_usable(socket)
        socket.send_json({"type": "ping", "x": "*" * 16000000})
        socket.expect("pong")
