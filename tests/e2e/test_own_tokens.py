"""Tokens of accounts.issuer: every lie that is tried with others' keys."""
import base64
import json
import os
import re
import secrets
import subprocess
import time

from devkit.jwk import Key
from devkit.token import compact, mint
from harness import E2eTest, Refused, User, new_stack, scratch, wait_for
from accounts import Routes
from test_issuers import ISSUER, OfAnIssuer, put_keys

OWN = "waypost"


def urn(name):
    """What sub is of who is called so."""
    if isinstance(name, str) and re.fullmatch("[a-z0-9-]{1,40}", name):
        return "urn:sm:user:" + name
    return name


def own_claims(**claims):
    now = int(time.time())
    return {"iss": OWN, "aud": [OWN], "iat": now, "exp": now + 600,
            "sid": secrets.token_hex(16), "gen": 0, **claims}


class OfOurOwn(OfAnIssuer):
    """All that is tried with the static secret, with a key of our own."""

    issuer = OWN
    subject = staticmethod(urn)

    @classmethod
    def settings(cls, folder):
        return {"accounts": {"enabled": True}, "auth": {"key_dir": folder}}

    @classmethod
    def claims(cls, **claims):
        return own_claims(**claims)

    def test_first_identity_claim_counts_and_never_falls_back(self):
        """sub is who it is, and nothing else."""
        carol, dave = self.user(), self.user()
        token = self.stack.token(dave.name, handle=carol.urn)
        self.assert_accepted(dave.send(carol, b"for carol"))
        self.messages(carol, 1)
        both = User(self.stack, dave.name, token)
        self.assertEqual(both.pull().json()["messages"], [])
        self.assert_denied(self.sign({"alg": "HS256"}, own_claims(
            handle="urn:sm:user:carol")))

    def test_a_session_must_be_named(self):
        for claims in ({"sid": None}, {"gen": None}, {"sid": "x"},
                       {"sid": "0" * 31}, {"sid": 7}, {"gen": -1},
                       {"gen": "0"}, {"gen": 1.5}, {"gen": 1 << 32}):
            with self.subTest(claims):
                self.assert_denied(self.stack.token("bob", **claims))

    def test_it_must_be_for_us_and_of_our_namespace(self):
        for claims in ({"aud": None}, {"aud": []}, {"aud": "app"},
                       {"sub": "urn:corp:user:bob"}, {"sub": "bob"}):
            with self.subTest(claims):
                self.assert_denied(self.stack.token("bob", **claims))


class OfOurOwnRsa(OfOurOwn):
    alg = "RS256"


class Beside(E2eTest):
    """We and a provider, over HTTP and the socket."""

    @classmethod
    def make_stack(cls):
        folder = scratch()
        cls.ours, cls.theirs = Key("ES256", "a"), Key("ES256", "a")
        cls.eddsa = Key("EdDSA", "e")
        put_keys(folder, OWN, [cls.ours, cls.eddsa], 0)
        put_keys(folder, ISSUER, [cls.theirs], 0)
        return new_stack({"accounts": {"enabled": True}, "auth": {
            "key_dir": folder, "issuers": [f"{ISSUER} aud=* ns=corp"]}},
            keys=False)

    def assert_let_in(self, token):
        user = User(self.stack, "bob", token)
        self.assert_status(user.pull(), 200)
        with user.connect() as socket:
            socket.expect("connected")

    def assert_shut_out(self, token):
        user = User(self.stack, "bob", token)
        self.assert_error(user.pull(), 401, "unauthorized")
        with self.assertRaises(Refused) as caught:
            user.connect()
        self.assertEqual(caught.exception.response.status, 401)

    def test_each_key_signs_for_its_own_issuer(self):
        own = own_claims(sub="urn:sm:user:bob")
        other = {**own, "iss": ISSUER, "sub": "ann"}
        self.assert_let_in(self.ours.token(own))
        self.assert_let_in(self.theirs.token(other))
        self.assert_shut_out(self.theirs.token(own))
        self.assert_shut_out(self.ours.token(other))
        # Neither what names us by another key, nor a key of another kind.
        self.assert_shut_out(compact(self.stack.jwt_secret, {"alg": "HS256"},
                                     own))
        self.assert_shut_out(self.eddsa.token(own))
        # And a provider names none of our users.
        self.assert_shut_out(self.theirs.token({**own, "iss": ISSUER}))

    def test_nobody_else_has_sessions_here(self):
        """What says sid and gen with another key is of no session."""
        sid = secrets.token_hex(16)
        for token in (self.theirs.token({"iss": ISSUER, "sub": "ann",
                                         "sid": sid, "gen": 1}),
                      mint(self.stack.jwt_secret, "ann", sid=sid, gen=1)):
            answer = User(self.stack, "ann", token).call(
                "POST", "/api/auth/sessions/revoke", {"sessions": "others"})
            self.assert_error(answer, 400, "bad_request")

    def test_a_socket_goes_on_with_the_next_token_of_the_session(self):
        sub = "urn:sm:user:" + secrets.token_hex(6)
        first = own_claims(sub=sub, exp=int(time.time()) + 60)
        with User(self.stack, sub, self.ours.token(first)).connect() as socket:
            socket.expect("connected")
            for token, said in (
                    (self.ours.token({**first, "exp": first["exp"] + 600,
                                      "gen": 1}), "refreshed"),
                    (self.theirs.token({**first, "gen": 2}), "error"),
                    (mint(self.stack.jwt_secret, sub), "error")):
                socket.send_json({"type": "refresh", "token": token})
                socket.expect(said)


class Seen(Routes):
    """Who shows an access token has got the refresh token beside it."""

    def field(self, session, name, value=None):
        """A field of the session's hash in Redis, or set it."""
        with self.stack.redis() as redis:
            key, = redis("KEYS", f"*:session:{session['sessionId']}")
            if value is not None:
                redis("HSET", key, name, value)
            return redis("HGET", key, name)

    def rotated(self):
        """A user with a session whose first token has a child."""
        name, first = self.newcomer()
        self.passes(first)
        second = self.refresh(first)
        self.assert_status(second, 200)
        self.assertEqual(self.field(first, "k"), b"0")
        return name, first, second.json()

    def passes(self, session):
        with self.stack.redis() as redis:
            key, = redis("KEYS", f"*:session:{session['sessionId']}")
            redis("HINCRBY", key, "r", -3600 * 1000)

    def wait_seen(self, session):
        wait_for(lambda: self.field(session, "k") == b"1", "k")

    def test_after_a_request_the_parent_is_good_no_longer(self):
        _, first, second = self.rotated()
        self.assert_lives(first)  # an older one says nothing of the child
        self.assert_lives(second)
        self.wait_seen(second)
        self.passes(second)
        self.assert_error(self.refresh(first), 401, "session_ended")
        self.assert_error(self.refresh(second), 401, "session_ended")

    def test_until_then_it_is(self):
        name, first, second = self.rotated()
        self.assert_lives(first)
        # Nobody else speaks for the session.
        liar = mint(self.stack.jwt_secret, name, gen=1,
                    sid=second["sessionId"])
        self.assert_status(User(self.stack, name, liar).pull(), 200)
        self.assertEqual(self.field(first, "k"), b"0")
        self.passes(second)
        answer = self.refresh(first)
        self.assert_status(answer, 200)
        self.assertEqual(answer.json()["refreshToken"],
                         second["refreshToken"])

    def test_a_socket_tells_too(self):
        name, first, second = self.rotated()
        with self.user_of(name, first).connect() as socket:
            socket.expect("connected")
            self.assertEqual(self.field(first, "k"), b"0")
            socket.send_json({"type": "refresh",
                              "token": second["accessToken"]})
            socket.expect("refreshed")
            self.wait_seen(second)
        self.field(second, "k", "0")
        with self.user_of(name, second).connect() as socket:
            socket.expect("connected")
            self.wait_seen(second)

    def waypost(self, *words, said="", **env):
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), *words],
            env={**self.stack.base_env, **env}, capture_output=True,
            input=said, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def make(self, name, *words, **env):
        status, said, wrong = self.waypost("token", "make", "--sub", name,
                                           *words, **env)
        self.assertEqual((status, wrong), (0, ""))
        return said.strip()

    def test_the_command_line_has_one_for_anybody(self):
        name = self.name()
        secret = {"JWT_SECRET": self.stack.jwt_secret}
        for words, seconds in ((), 3600), (("--for", "90s"), 90):
            for env in {}, secret:  # the key of accounts, or the secret
                token = self.make(name, *words, **env)
                user = User(self.stack, name, token)
                self.assert_status(user.pull(), 200)
                with user.connect() as socket:
                    socket.expect("connected")
                claims = json.loads(base64.urlsafe_b64decode(
                    token.split(".")[1] + "=="))
                self.assertEqual(claims["exp"] - claims["iat"], seconds)
        token = self.make(name, "--claim", "device_id=d1", **secret)
        self.assertIn("device  d1\n", self.waypost(
            "token", "check", token, **secret)[1])
        for words, env, status, sentence in (
                (("--sub", "a b"), {}, 1, "printable ASCII"),
                (("--sub", name, "--claim", "a=b"), {}, 1, "JWT_SECRET"),
                (("--sub", name, "--claim", "exp=b"), secret, 1, "exp is set"),
                (("--sub", name, "--claim", "a" * 41 + "=b"), secret, 1, "40"),
                (("--sub", name), {"WAYPOST_AUTH_KEY_DIR": "/nonexistent"}, 1,
                 "nonexistent"),
                (("--sub", name), {"WAYPOST_ACCOUNTS_ENABLED": "false",
                                   "WAYPOST_AUTH_ISSUERS":
                                   "https://a aud=b ns=c"}, 1,
                 "nothing here signs")):
            done, said, wrong = self.waypost("token", "make", *words, **env)
            self.assertEqual((done, said), (status, ""), wrong)
            self.assertIn(sentence, wrong)

    def test_the_doctor_sends_messages_with_the_key_of_accounts(self):
        status, said, _ = self.waypost(
            "doctor", "--canary-only", "--url",
            f"http://127.0.0.1:{self.stack.port}",
            WAYPOST_WEBSOCKET_GRACE_MS="0")
        self.assertEqual(status, 0, said)
        self.assertRegex(said, "ok +canary +accepted")

    def test_the_command_line_says_what_a_token_is_good_for(self):
        name = self.name()
        secret = {"JWT_SECRET": self.stack.jwt_secret}
        by_secret, by_key = self.make(name, **secret), self.make(name)
        for token, key in ((by_secret, "auth.jwt_secret"),
                           (by_key, "accounts.issuer")):
            # As a word, from standard input, and from there by a dash.
            for words in (token,), (), ("-",):
                status, said, wrong = self.waypost(
                    "token", "check", *words, "--json", said=token + "\n",
                    **secret)
                self.assertEqual((status, wrong), (0, ""))
                said = json.loads(said)
                self.assertEqual(
                    (said["ok"], said["user"], said["claim"], said["key"]),
                    (True, "urn:sm:user:" + name, "sub", key))
            status, said, _ = self.waypost("token", "check", token, **secret)
            self.assertEqual(status, 0)
            self.assertIn(key, said)
            self.assertNotIn(token, said)
        handle = self.stack.token("x", handle=name)
        self.assertIn("by the claim handle", self.waypost(
            "token", "check", handle, **secret)[1])
        late = mint(self.stack.jwt_secret, name, expires_in_s=-600)
        foreign = mint("x" * 64, name)
        for token, sentence in ((late, "has expired"),
                                (foreign, "does not match"),
                                ("a.b", "three parts"), ("", "none")):
            status, said, wrong = self.waypost("token", "check", "-",
                                               said=token, **secret)
            self.assertEqual((status, said), (1, ""))
            self.assertIn(sentence, wrong)
        status, said, _ = self.waypost("token", "check", late, "--json",
                                       **secret)
        self.assertEqual(status, 1)
        self.assertEqual(json.loads(said),
                         {"ok": False, "error": "the token has expired"})


del E2eTest, OfAnIssuer, Routes
