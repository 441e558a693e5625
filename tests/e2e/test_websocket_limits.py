"""The daemon's settings, where they are smallest and where they are reached."""
from harness import E2eTest, User, WebSocket, envelope, new_stack


class Least(E2eTest):
    """Every setting does its work at the least value that it may have."""

    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"max_queue_bytes": 1024}})

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
