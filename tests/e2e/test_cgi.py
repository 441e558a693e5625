"""The handlers as a plain CGI program: one request, and it ends."""
import json
import subprocess

from harness import E2eTest, envelope, wait_for


class Cgi(E2eTest):
    def call(self, user, method, uri, body=None):
        """What the program writes: its head, and the JSON below."""
        handlers = self.stack.programs["handlers"]
        text = b"" if body is None else json.dumps(body).encode()
        env = {**handlers.env,
               "WAYPOST_CONFIG": self.stack.path("waypost.yaml"),
               "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": method,
               "REQUEST_URI": uri, "CONTENT_TYPE": "application/json",
               "CONTENT_LENGTH": str(len(text)),
               "HTTP_AUTHORIZATION": "Bearer " + user.token}
        done = subprocess.run(handlers.argv[:1], env=env, input=text,
                              check=True, capture_output=True, timeout=60)
        head, _, rest = done.stdout.decode().partition("\r\n\r\n")
        return head.splitlines()[0], json.loads(rest) if rest else None

    def test_a_message_goes_and_comes(self):
        alice, bob = self.user("alice"), self.user("bob")
        status, sent = self.call(alice, "POST", "/api/send",
                                 envelope(bob.urn, b"hello"))
        self.assertEqual(status, "Status: 202 Accepted")
        self.assertEqual(self.message_ids(bob, 1), [sent["id"]])

        status, page = self.call(bob, "GET", "/api/messages")
        self.assertEqual(status, "Status: 200 OK")
        self.assertEqual([m["id"] for m in page["messages"]], [sent["id"]])

        status, _ = self.call(bob, "POST", "/api/messages/ack",
                              {"messageIds": [sent["id"]]})
        self.assertEqual(status, "Status: 204 No Content")
        self.assert_nothing_waits(bob)

    def test_an_ack_takes_the_hint_to_the_cold_store_along(self):
        bob = self.user("bob")
        self.call(self.user("alice"), "POST", "/api/send",
                  envelope(bob.urn, b"hello"))
        wait_for(lambda: self.is_cold(bob), "migration")
        ids = self.message_ids(bob, 1)

        status, _ = self.call(bob, "POST", "/api/messages/ack",
                              {"messageIds": ids})
        self.assertEqual(status, "Status: 204 No Content")
        with self.stack.redis() as redis:
            for key in self.redis_keys("wp:{*}:cold"):
                self.assertIsNone(redis("HGET", key, bob.urn))

    def test_who_was_revoked_is_refused(self):
        bob, amy = self.user("bob"), self.user("amy")
        handlers = self.stack.programs["handlers"]
        subprocess.run(
            [handlers.argv[0].removesuffix("-handlers"), "--config",
             self.stack.path("waypost.yaml"), "session", "revoke", "--user",
             bob.urn], env=handlers.env, check=True, capture_output=True,
            timeout=60)
        status, said = self.call(bob, "GET", "/api/messages")
        self.assertEqual(status, "Status: 401 Unauthorized")
        self.assertEqual(said["code"], "token_revoked")
        status, _ = self.call(amy, "GET", "/api/messages")
        self.assertEqual(status, "Status: 200 OK")

    def test_what_is_refused_is_so_without_redis(self):
        status, said = self.call(self.user(), "POST", "/api/send", {})
        self.assertEqual(status, "Status: 400 Bad Request")
        self.assertEqual(said["code"], "invalid_envelope")
