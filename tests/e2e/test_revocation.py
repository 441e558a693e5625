"""Whose tokens were revoked is refused and put out, whatever dies meanwhile."""
import hashlib
import json
import os
import signal
import subprocess
import time

from harness import (E2eTest, PATIENCE_S, Refused, User, WebSocket, new_stack,
                     wait_for)

ISSUER = "https://id.example"
REVOKED = "token_revoked"


class Revocation(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    def revoke(self, *words):
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "session", "revoke", *words],
            env=self.stack.base_env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertTrue(done.stdout.startswith("revoked: "), done)

    def revoke_silently(self, user):
        """As if the word about it was lost."""
        key = b"u" + hashlib.sha256(user.urn.encode()).digest()[:15]
        now = int(time.time())
        with self.stack.redis() as redis:
            redis("XADD", "wp:revoked", "*", "h", key.hex(), "b", now,
                  "x", now + 600)

    def renew(self, user, **claims):
        """Another token of the user's."""
        user.token = self.stack.token(user.name, **claims)

    def issued_later(self):
        """A time after all that was revoked until now."""
        return int(time.time()) + 1

    def user_of(self, subject, session):
        user = User(self.stack, subject)
        self.renew(user, iss=ISSUER, sid=session)
        return user

    # ---- claims ----

    def is_out(self, user):
        answer = user.pull()
        if answer.status == 401:
            self.assert_error(answer, 401, REVOKED)
            return True
        # While something has just died.
        self.assertIn(answer.status, (200, 502, 503), answer)
        return False

    def assert_out(self, user):
        """Whichever process is asked."""
        wait_for(lambda: all(self.is_out(user) for _ in range(8)),
                 "the token is refused")

    def assert_in(self, user):
        for _ in range(8):
            self.assert_status(user.pull(), 200)

    def assert_closed(self, socket):
        self.assertEqual(socket.wait_closed(PATIENCE_S), 4403)

    def assert_not_connected(self, connect):
        with self.assertRaises(Refused) as caught:
            connect()
        self.assert_error(caught.exception.response, 401, REVOKED)

    def open(self, user):
        socket = self.connect(user)
        socket.expect("connected")
        return socket

    # ---- what is revoked ----

    def test_all_of_a_user(self):
        bob, amy = self.user(), self.user()
        sockets = [self.open(bob), self.open(bob)]
        other = self.open(amy)
        ticket = bob.call("POST", "/api/ticket").json()["ticket"]
        self.assert_in(bob)

        self.revoke("--user", bob.urn)
        for socket in sockets:
            self.assert_closed(socket)
        self.assert_out(bob)
        self.assert_not_connected(lambda: self.connect(bob))
        self.assert_not_connected(lambda: WebSocket(
            self.stack.port, "/connect?ticket=" + ticket))
        self.assert_accepted(amy.send(bob))
        other.send_json({"type": "ping"})
        other.expect("pong")
        self.assert_in(amy)

    def test_what_is_issued_later_is_another_matter(self):
        bob = self.user()
        self.revoke("--user", bob.urn)
        self.assert_out(bob)
        # A token that does not say when it was issued is no newer.
        self.renew(bob, iat=None)
        self.assert_out(bob)
        self.assert_not_connected(lambda: self.connect(bob))

        self.renew(bob, iat=self.issued_later())
        self.assert_in(bob)
        self.open(bob)

    def test_a_subject_of_an_issuer(self):
        bob, amy = self.user_of("s-bob", "1"), self.user_of("s-amy", "2")
        same_name = User(self.stack, "s-bob")
        self.renew(same_name, iss="https://other.example")
        socket = self.open(bob)

        self.revoke("--issuer", ISSUER, "--subject", "s-bob", "--yes")
        self.assert_closed(socket)
        self.assert_out(bob)
        self.assert_in(amy)
        self.assert_in(same_name)
        self.renew(bob, iss=ISSUER, iat=self.issued_later())
        self.assert_in(bob)

    def test_a_session_for_good(self):
        phone, laptop = (self.user_of("t-bob", sid) for sid in "pl")
        sockets = [self.open(phone), self.open(laptop)]

        self.revoke("--issuer", ISSUER, "--session", "p", "--yes")
        self.assert_closed(sockets[0])
        self.assert_out(phone)
        self.renew(phone, iss=ISSUER, sid="p", iat=self.issued_later())
        self.assert_out(phone)
        self.assert_in(laptop)
        sockets[1].send_json({"type": "ping"})
        sockets[1].expect("pong")

    def test_nothing_of_it_names_anybody(self):
        bob = self.user("telltale")
        self.revoke("--user", bob.urn)
        with self.stack.redis() as redis:
            stream = redis("XRANGE", "wp:revoked", "-", "+")
        self.assertNotIn("telltale", json.dumps(stream, default=repr))

    def test_who_is_meant_must_be_said(self):
        for words in (["--user", "not a urn"], ["--subject", "x"], []):
            done = subprocess.run(
                [os.path.join(self.stack.build, "waypost"), "--config",
                 self.stack.path("waypost.yaml"), "session", "revoke", *words],
                env=self.stack.base_env, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=60, check=False)
            self.assertIn(done.returncode, (1, 2))
            self.assertEqual(done.stdout, "")

    def test_a_connection_that_has_a_newer_token(self):
        bob = self.user()
        sockets = [self.open(bob), self.open(bob)]
        sockets[0].send_json({
            "type": "refresh", "ref": 1, "token": self.stack.token(
                bob.name, iat=self.issued_later() + 10)})
        self.assertGreater(
            sockets[0].expect("refreshed")["expiresInSeconds"], 3500)
        self.revoke("--user", bob.urn)
        self.assert_closed(sockets[1])
        sockets[0].send_json({"type": "ping"})
        sockets[0].expect("pong")
        sockets[0].send_json({"type": "refresh", "token": bob.token})
        self.assertEqual(sockets[0].expect("error")["code"], REVOKED)

    # ---- whatever dies ----

    def test_a_word_that_nobody_heard(self):
        bob = self.user()
        socket = self.open(bob)
        self.assert_in(bob)
        self.revoke_silently(bob)
        self.assert_closed(socket)
        self.assert_out(bob)

    def test_handlers_that_are_new(self):
        bob, amy = self.user(), self.user()
        self.revoke("--user", bob.urn)
        self.stack.kill("handlers")
        self.stack.restart("handlers")
        self.wait_all_ready()
        # Nobody has asked them yet.
        self.assert_error(bob.pull(), 401, REVOKED)
        self.assert_in(amy)

    def test_a_daemon_that_is_new(self):
        bob, amy = self.user(), self.user()
        self.open(bob)
        self.stack.kill("websocket-0")
        self.revoke("--user", bob.urn)
        self.stack.restart("websocket-0")
        self.stack.wait_ready()
        self.assert_not_connected(lambda: self.connect(bob))
        self.open(amy)

    def test_redis_that_comes_back(self):
        bob, amy = self.user(), self.user()
        sockets = [self.open(bob), self.open(amy)]
        self.assert_in(bob)
        pid = self.stack.programs["websocket-0"].pid
        # It hears nothing before Redis is gone.
        self.freeze(pid)
        self.revoke("--user", bob.urn)
        self.stack.kill("redis")
        self.thaw(pid)
        self.stack.restart("redis")
        self.stack.wait_ready()
        self.assert_closed(sockets[0])
        self.assert_out(bob)
        wait_for(lambda: amy.pull().status == 200, "amy is served")
        sockets[1].send_json({"type": "ping"})
        sockets[1].expect("pong")

    def test_redis_that_says_nothing(self):
        """Who was not read of for two seconds waits, and is not let in."""
        alice, bob = self.user(), self.user()
        self.revoke("--user", bob.urn)
        self.assert_out(bob)
        redis = self.stack.programs["redis"].pid
        self.freeze(redis)

        for _ in range(8):
            answer = bob.call("POST", "/api/ticket")
            self.assertIn(answer.status, (401, 502, 503, 504), answer)
            answer = alice.call("POST", "/api/ticket")
            self.assertIn(answer.status, (502, 503, 504), answer)
        # What is wrong all the same is said without Redis.
        self.assert_error(alice.pull(limit="x"), 400, "bad_request")
        os.kill(redis, signal.SIGCONT)
        self.stack.wait_ready()
        self.assert_out(bob)
        wait_for(lambda: alice.pull().status == 200, "let in again")
