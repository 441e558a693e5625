"""A provider says that somebody has logged out there, and it is so here."""
import time
import urllib.parse

from devkit.jwk import Key
from harness import (E2eTest, PATIENCE_S, User, new_stack, scratch, wait_for)
from test_issuers import ISSUER, OTHER, IssuerTest, put_keys

PATH = "/api/auth/backchannel-logout"
FORM = "application/x-www-form-urlencoded"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
CLIENT = "the-app"


class BackchannelLogout(IssuerTest):
    @classmethod
    def make_stack(cls):
        cls.folder = scratch()
        cls.keys = [Key("RS256"), Key("EdDSA"), Key("ES256")]
        put_keys(cls.folder, ISSUER, cls.keys)
        return new_stack({"handlers": {"processes": 1}, "auth": {
            "key_dir": cls.folder,
            "issuers": [f"{ISSUER} aud=waypost-app logout_aud={CLIENT} "
                        f"ns=corp", f"{OTHER} ns=partner"]}}, keys=False)

    def logout_token(self, key=None, typ="logout+jwt", **claims):
        """Of nobody, unless claims say whose: the session of somebody who is
        named as well ends with all that are not told apart."""
        now = int(time.time())
        return (key or self.key).token(
            {"iss": ISSUER, "aud": CLIENT, "sub": None, "iat": now,
             "exp": now + 120, "jti": "x", "events": {EVENT: {}}, **claims},
            typ=typ)

    def post(self, form, kind=FORM):
        if not isinstance(form, (str, bytes)):
            form = urllib.parse.urlencode(form)
        return self.stack.http().request(
            "POST", PATH, form, {"Content-Type": kind} if kind else {})

    def log_out(self, *arguments, **claims):
        token = self.logout_token(*arguments, **claims)
        answer = self.post({"logout_token": token})
        self.assert_status(answer, 200)
        self.assertEqual(answer.body, b"")
        self.assert_common_headers(answer)
        self.assertIn("no-store", answer.header("Cache-Control"))
        return token

    def somebody(self, name, sid=None, **claims):
        return User(self.stack, "urn:corp:user:" + name,
                    self.token(sub=name, sid=sid, **claims))

    def open(self, user):
        socket = self.connect(user)
        socket.expect("connected")
        return socket

    def assert_out(self, user):
        def is_out():
            answer = user.pull()
            if answer.status != 401:
                return False
            self.assert_error(answer, 401, "token_revoked")
            return True
        wait_for(is_out, "the token is refused")

    def assert_refused(self, form, status=400, code="invalid_token",
                       kind=FORM):
        self.assert_error(self.post(form, kind), status, code)

    def register(self, user, token):
        self.assert_status(user.call("POST", "/api/devices", {
            "token": token, "platform": "web"}), 201)

    def test_with_a_session_the_devices_end_that_it_registered(self):
        one, two = self.somebody("dora", "d-1"), self.somebody("dora", "d-2")
        self.register(one, "first")
        self.register(two, "second")

        token = self.log_out(sub="dora", sid="d-1")

        [left] = two.call("GET", "/api/devices").json()["devices"]
        self.register(two, "third")
        self.assert_status(self.post({"logout_token": token}), 200)
        devices = two.call("GET", "/api/devices").json()["devices"]
        self.assertEqual((len(devices), devices[0]), (2, left))

    def test_a_session_ends_and_the_others_go_on(self):
        one, two = self.somebody("ann", "s-1"), self.somebody("ann", "s-2")
        socket, other = self.open(one), self.open(two)
        token = self.log_out(sub="ann", sid="s-1")
        self.assertEqual(socket.wait_closed(PATIENCE_S), 4403)
        self.assert_out(one)
        # Whoever says it again is told the same, and nothing else happens.
        for _ in range(2):
            self.assert_status(self.post({"logout_token": token}), 200)
        other.send_json({"type": "ping"})
        other.expect("pong")
        self.assert_status(two.pull(), 200)

    def test_all_of_a_subject_and_who_comes_again(self):
        now = int(time.time())
        bea, amy = self.somebody("bea", "s-3"), self.somebody("amy", "s-4")
        socket = self.open(bea)
        # It took its time: bea has logged in again meanwhile.
        again = self.somebody("bea", "s-5", iat=now + 3)
        token = self.log_out(sub="bea", iat=now + 2, typ=None)
        self.assertEqual(socket.wait_closed(PATIENCE_S), 4403)
        self.assert_out(bea)
        self.assert_status(again.pull(), 200)
        self.assert_status(self.post({"logout_token": token}), 200)
        self.assert_out(bea)
        self.assert_status(again.pull(), 200)
        self.assert_status(amy.pull(), 200)

    def test_a_session_that_tokens_do_not_name(self):
        eve = self.somebody("eve")
        socket = self.open(eve)
        self.log_out(sub="eve", sid="s-6", typ="JWT")
        self.assertEqual(socket.wait_closed(PATIENCE_S), 4403)
        self.assert_out(eve)

    def test_a_key_that_is_new(self):
        key = Key("ES256")
        user = self.somebody("joe", "s-7")
        self.fetcher.on_ask = lambda: put_keys(
            self.folder, ISSUER, [*self.keys, key], 0)
        self.log_out(key, sid="s-7")
        self.assert_out(user)
        # The provider was asked a moment ago, and may have it yet.
        self.assert_refused({"logout_token": self.logout_token(
            Key("ES256"), sub="joe")}, 503, "identity_unavailable")

    def test_what_is_no_logout_token(self):
        now = int(time.time())
        self.fresh()
        stranger = Key("ES256", kid=self.key.kid)
        for claims in ({"sub": None}, {"sub": ""}, {"events": None},
                       {"events": {}}, {"events": {EVENT: 1}},
                       {"nonce": "n"}, {"iat": None}, {"iat": now - 400},
                       {"iat": now + 100}, {"exp": now - 100}, {"sid": 5},
                       {"aud": "waypost-app"}, {"aud": None}, {"iss": None},
                       {"iss": ISSUER + "/"}):
            with self.subTest(claims):
                self.assert_refused({"logout_token": self.logout_token(
                    **{"sub": "zoe", **claims})})
        for typ in ("at+jwt", "secevent+jwt", ""):
            self.assert_refused({"logout_token": self.logout_token(
                typ=typ, sub="zoe")})
        for token in (self.token(sub="zoe"), "", "a.b.c", "x" * 9000,
                      self.logout_token(stranger, sub="zoe"),
                      self.stack.token("zoe", iss=ISSUER,
                                       events={EVENT: {}})):
            self.assert_refused({"logout_token": token})
        # The reverse.
        self.assert_denied(self.logout_token(sub="zoe"))
        self.assert_denied(self.logout_token(sub="zoe", typ="JWT",
                                             aud="waypost-app"))
        self.assert_status(self.somebody("zoe", iat=now - 60).pull(), 200)

    def test_forms(self):
        token = self.logout_token(sub="kim")
        escaped = "".join(f"%{ord(c):02x}" for c in token)
        for form in ("a=b&logout_token=" + token, "logout_token=" + escaped,
                     f"&&logout%5ftoken={token}&logout_tokens=x"):
            self.assert_status(self.post(form), 200)
        self.assert_status(self.post("logout_token=" + token,
                                     FORM + "; charset=UTF-8"), 200)
        for form in ("", "logout_token", "token=" + token, "logout_token=%g0",
                     f"logout_token={token}&logout_token={token}"):
            with self.subTest(form):
                self.assert_refused(form, code="bad_request"
                                    if form != "logout_token"
                                    else "invalid_token")
        self.assert_refused("logout_token=" + token, 415,
                            "unsupported_media_type", "application/json")
        self.assert_refused("logout_token=" + token, 415,
                            "unsupported_media_type", None)
        self.assert_refused("logout_token=" + "x" * 33000, 413,
                            "payload_too_large")
        self.assertNotIn(token[-20:], self.stack.read_log("handlers"))


class WithoutIssuers(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    def test_there_is_nothing(self):
        self.assert_error(self.stack.http().request(
            "POST", PATH, "logout_token=x", {"Content-Type": FORM}),
            404, "not_found")
