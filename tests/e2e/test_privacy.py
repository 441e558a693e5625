"""No log holds a token, a payload or who wrote to whom."""
import base64
import os

from devkit.http import raw_exchange
from harness import E2eTest, Refused, WEB, new_stack


class Logs(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"log": {"level": "debug"},
                          "cors": {"allowed_origins": ["https://a.example"]}})

    def everything_logged(self):
        text = ""
        folder = self.stack.path("log")
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), encoding="utf-8",
                      errors="replace") as log:
                text += log.read()
        return text

    def exercise(self, alice, bob, secret):
        socket = self.connect(bob, "/connect?token=" + bob.token)
        socket.expect("connected")
        message_id = self.assert_accepted(alice.send(
            bob, secret, {"Idempotency-Key": "key-of-alice"}))
        socket.expect("poke")
        self.messages(bob, 1)
        self.assert_status(bob.ack([message_id]), 204)
        alice.call("GET", "/api/presence?users=" + bob.urn)
        socket.send_text("{broken " + secret.decode())
        socket.expect("error")
        socket.close()
        alice.call("POST", "/api/send", b"{" + secret)
        for target in ("/connect?token=" + alice.token + "x",
                       "/connect?ticket=" + alice.token,
                       "/ws?token=" + alice.token + "&token=y"):
            with self.assertRaises(Refused):
                bob.connect(target, [("Origin", "https://b.example")])
        for target in ("/connect?token=", "/connect?ticket=", "/ws?token="):
            for odd in (b"Host: a\r\nHost: b\r\n", b"",
                        b"Host: a\r\nContent-Length: x\r\n",
                        b"Host: a\r\nX: " + b"x" * 70000 + b"\r\n"):
                raw_exchange(self.stack.port, b"GET " +
                             (target + alice.token).encode() +
                             b" HTTP/1.1\r\n" + odd + b"\r\n")
            self.stack.http().request("POST", target + alice.token, b"")
        return message_id

    def test_logs_hold_no_token_no_payload_and_no_pair(self):
        alice, bob = self.user("alice"), self.user("bob")
        secret = b"very-private-words-in-here"

        message_id = self.exercise(alice, bob, secret)
        self.stack.kill("websocket-0")
        with self.assertRaises(Refused) as caught:
            alice.connect("/connect?token=" + alice.token)
        self.assertIn(caught.exception.response.status, (502, 503))
        self.assert_error(caught.exception.response,
                          caught.exception.response.status)
        self.stack.restart("websocket-0")

        text = self.everything_logged()
        self.assertIn("waypost-ws", text)
        for name, part in (
                ("alice's signature", alice.token.split(".")[2]),
                ("alice's claims", alice.token.split(".")[1]),
                ("bob's signature", bob.token.split(".")[2]),
                ("the payload", secret.decode()),
                ("the payload in base64", base64.b64encode(secret).decode()),
                ("the idempotency key", "key-of-alice"),
                ("the signing secret", self.stack.jwt_secret),
                ("the store secret", self.stack.store_secret)):
            self.assertNotIn(part, text, f"{name} ({WEB})")
        for line in text.splitlines():
            self.assertFalse(alice.name in line and (
                bob.name in line or message_id in line), line)

    def test_store_holds_no_sender(self):
        alice, bob = self.user("alice"), self.user("bob")
        self.assert_accepted(alice.send(
            bob, b"sealed", {"Idempotency-Key": "some-key"}))
        self.messages(bob, 1)

        # Redis' append-only file is every write since the start, in clear.
        dump = b""
        for folder, _, names in os.walk(self.stack.state):
            for name in names:
                if name.endswith(".aof") or name.startswith("waypost.db"):
                    with open(os.path.join(folder, name), "rb") as file:
                        dump += file.read()
        self.assertIn(bob.name.encode(), dump)
        self.assertNotIn(alice.name.encode(), dump)
        self.assertNotIn(alice.token.split(".")[2].encode(), dump)
        self.assertNotIn(b"some-key", dump)
