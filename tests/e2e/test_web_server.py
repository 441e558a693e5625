"""What a web server adds by itself, and where the two differ."""
import http.client
import os
import socket

from devkit.http import Response
from harness import E2eTest, WEB

# As docs/openapi.yaml has it: what is sent, nginx, lighttpd.
DIFFERENCES = {
    "`Idempotency-Key:` with nothing behind it": ("400", "as without it"),
    "a POST with neither `Content-Length` nor a chunked body":
        ("as with an empty one", "411"),
}


class WebServer(E2eTest):
    def send(self, data, source="127.0.0.1"):
        """The answer to these bytes; the connection is not waited for."""
        with socket.create_connection(("127.0.0.1", self.stack.port), 60,
                                      source_address=(source, 0)) as peer:
            peer.sendall(data)
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            return Response(answer.status, answer.getheaders(), answer.read())

    def raw(self, line, body=b"", **headers):
        lines = [line + " HTTP/1.1", "Host: x", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}"
                  for name, value in headers.items()]
        return self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def differs(self, what):
        """What this web server does, as documented."""
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "docs",
                               "openapi.yaml"), encoding="utf-8") as file:
            self.assertIn("| " + " | ".join((what, *DIFFERENCES[what])) + " |",
                          file.read())
        return DIFFERENCES[what][WEB == "lighttpd"]


class Names(WebServer):
    """Headers are what the client called them."""

    def send_two(self, headers):
        """Two envelopes with these headers; the two statuses."""
        bob = self.user()
        return [bob.send(bob, text, headers).status for text in (b"a", b"b")]

    def test_headers_that_only_look_alike(self):
        for name in ("Idempotency_Key", "Idempotency.Key", "Idempotency~Key",
                     "Idempotency'Key", "idempotency_key", "Idempotency!Key",
                     "Idempotency|Key"):
            with self.subTest(name):
                self.assertEqual(self.send_two({name: "same"}), [202, 202])
        for name in ("X.Request.Id", "X_Request_Id", "X~Request-Id"):
            answer = self.stack.http().request("GET", "/healthz",
                                               headers={name: "mine"})
            self.assertNotEqual(answer.header("X-Request-Id"), "mine")
        for name in ("X_Authorization", "~Authorization"):
            answer = self.stack.http().request(
                "GET", "/api/messages",
                headers={name: "Bearer " + self.stack.token("bob")})
            self.assert_error(answer, 401)

    def test_headers_that_look_alike_do_not_disturb_the_real_one(self):
        for name in ("Idempotency_Key", "Idempotency.Key"):
            self.assertEqual(self.send_two(
                [(name, "other"), ("Idempotency-Key", "mine")]), [202, 409])
        bob = self.user()
        for name in ("Content_Type", "Content.Type", "Authorization_",
                     "Content.Length", "Transfer_Encoding"):
            self.assert_accepted(bob.send(bob, b"x", {name: "1"}))

    def test_key_given_twice(self):
        for keys in (("k1", "k2"), ("k1", "k1"), ("k1", "k2", "k3")):
            self.assertEqual(self.send_two(
                [("Idempotency-Key", key) for key in keys]), [400, 400])
        self.assertEqual(self.send_two({"Idempotency-Key": "k1, k2"}),
                         [400, 400])
        self.assertEqual(self.send_two({"Idempotency-Key": "k1,k2"}),
                         [202, 409])

    def test_type_given_twice(self):
        body = b'{"recipientId":"bob","encryptedData":"aGk="}'
        token = "Bearer " + self.stack.token("bob")
        for types, status in (
                (("text/plain", "application/json"), 400),
                (("application/json", "text/plain"), 400),
                (("application/json", "application/json"), 202)):
            answer = self.stack.http().request(
                "POST", "/api/send", body, [("Authorization", token)] +
                [("Content-Type", kind) for kind in types])
            self.assert_status(answer, status)

    def test_empty_key(self):
        refused = self.differs("`Idempotency-Key:` with nothing behind it")
        self.assertEqual(self.send_two({"Idempotency-Key": ""}),
                         [400, 400] if refused == "400" else [202, 202])

    def test_post_without_a_length(self):
        lacks = self.differs(
            "a POST with neither `Content-Length` nor a chunked body")
        answer = self.raw("POST /api/ticket", Authorization="Bearer " +
                          self.stack.token("bob"))
        if lacks == "411":
            self.assert_error(answer, 411, "length_required")
        else:
            self.assert_status(answer, 201)
