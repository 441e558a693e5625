"""Tokens of identity providers: whose keys verify them, and from when on."""
import base64
import hashlib
import http.server
import json
import os
import socket
import threading
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from devkit.jwk import Key, put
from devkit.token import compact
from harness import (E2eTest, Refused, SLOWNESS, User, in_threads, new_stack,
                     scratch, wait_for)
from test_auth import Tokens

ISSUER = "https://id.example/realms/one"
OTHER = "https://id.example/realms/two"
AUDIENCE = "waypost-app"
LONG_AGO_MS = 60 * 1000
FLOOD_THREADS = 24


def file_of(folder, issuer):
    digest = hashlib.sha256(issuer.encode()).hexdigest()[:32]
    return os.path.join(folder, f"issuer-{digest}.json")


def put_keys(folder, issuer, keys, age_ms=LONG_AGO_MS, mode=0o640):
    """What waypost-keys would have written so long ago."""
    put(file_of(folder, issuer), {
        "issuer": issuer, "jwks_uri": "https://id.example/keys", "etag": "",
        "fetched_ms": int(time.time() * 1000) - age_ms,
        "keys": [key if isinstance(key, dict) else key.jwk()
                 for key in keys]}, mode)


class Fetcher:
    """Hears what is asked of waypost-keys, and does what a test says then."""

    def __init__(self, folder):
        self.heard = []
        self.on_ask = lambda: None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._path = os.path.join(folder, "keys.sock")
        self._socket.bind(self._path)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self):
        while True:
            text = self._socket.recv(1024)
            if text == b"":
                return
            self.heard.append(text)
            self.on_ask()

    def stop(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.sendto(b"", self._path)
        self._thread.join()
        self._socket.close()
        os.unlink(self._path)


class IssuerTest(E2eTest):
    """One stack with two issuers, and keys of the first in place."""

    @classmethod
    def make_stack(cls):
        cls.folder = scratch()
        cls.keys = [Key(alg) for alg in ("RS256", "PS256", "ES256", "EdDSA")]
        put_keys(cls.folder, ISSUER, cls.keys)
        # One process, so that what one answer shows is known to the next.
        return new_stack({"handlers": {"processes": 1}, "auth": {
            "key_dir": cls.folder,
            "issuers": [f"{ISSUER} aud={AUDIENCE} ns=corp",
                        f"{OTHER} ns=partner"]}}, keys=False)

    def setUp(self):
        self.fetcher = Fetcher(self.folder)
        self.addCleanup(self.fetcher.stop)
        self.key = self.keys[2]
        self.remove_other()
        self.known(self.keys, LONG_AGO_MS)

    def remove_other(self):
        if os.path.exists(file_of(self.folder, OTHER)):
            os.unlink(file_of(self.folder, OTHER))

    def get(self, token):
        return self.stack.http().request(
            "GET", "/api/messages", headers={"Authorization":
                                             "Bearer " + token})

    def claims(self, **claims):
        return {"iss": ISSUER, "aud": AUDIENCE, **claims}

    def token(self, key=None, **claims):
        return (key or self.key).token(self.claims(**claims))

    def assert_allowed(self, token):
        self.assert_status(self.get(token), 200)

    def assert_denied(self, token):
        answer = self.get(token)
        self.assert_error(answer, 401, "unauthorized")
        self.assertEqual(answer.header("WWW-Authenticate"),
                         'Bearer error="invalid_token"')

    def assert_unknown(self, token):
        answer = self.get(token)
        self.assert_error(answer, 503, "identity_unavailable")
        self.assertIn(int(answer.header("Retry-After")), (1, 2))

    def known(self, keys, age_ms, issuer=ISSUER):
        """Put keys in place, and wait until they verify."""
        marker = Key("EdDSA")
        put_keys(self.folder, issuer, [*keys, marker], age_ms)
        token = marker.token(self.claims(iss=issuer))
        answer = None

        def is_known():
            nonlocal answer
            answer = self.get(token)
            return answer.status == 200
        wait_for(lambda: all(is_known() for _ in range(4)),
                 lambda: f"the keys are known: {answer}")

    def fresh(self, keys=None, issuer=ISSUER):
        """The issuer was asked just now, and that is known."""
        self.known(self.keys if keys is None else keys, 0, issuer)


class Verifying(IssuerTest):
    def test_every_algorithm_over_http_and_the_socket(self):
        for key in self.keys:
            with self.subTest(key.alg):
                user = User(self.stack, "urn:corp:user:bob", self.token(key))
                self.assert_status(user.pull(), 200)
                self.connect(user)
        name = self.keys[3].token(self.claims(), alg="Ed25519")
        self.assert_allowed(name)

    def test_a_name_is_bound_to_the_namespace(self):
        box = User(self.stack, "urn:corp:user:ann", self.token(sub="ann"))
        self.assert_accepted(self.user().send(box, b"for ann"))
        self.messages(box, 1)
        self.assert_allowed(self.token(sub="urn:corp:group:x"))
        self.assert_allowed(self.token(handle="urn:corp:user:x"))
        for claims in ({"sub": "urn:sm:user:ann"}, {"sub": "urn:corp2:user:a"},
                       {"sub": "urn:partner:user:a"}, {"sub": "urn:cor:p:a"},
                       {"handle": "urn:sm:user:ann"}, {"sub": ""},
                       {"sub": None}, {"sub": 7}, {"iat": None},
                       {"sub": "a:b"}, {"sub": "a b"}):
            with self.subTest(claims):
                self.assert_denied(self.token(**claims))

    def test_tokens_that_are_for_something_else(self):
        now = int(time.time())
        for claims in ({"aud": None}, {"aud": "another-client"}, {"aud": []},
                       {"iat": now + 3600}, {"iat": "x"},
                       {"events": {"http://schemas.openid.net/event/"
                                   "backchannel-logout": {}}},
                       {"exp": now - 3600}):
            with self.subTest(claims):
                self.assert_denied(self.token(**claims))
        for typ in ("logout+jwt", "application/logout+jwt", "secevent+jwt",
                    "dpop+jwt", "", 5, None, ["JWT"]):
            header = {**self.key.header(), "typ": typ}
            with self.subTest(typ=typ):
                self.assert_denied(self.key.compact(header, self.payload()))
        for typ in ("at+jwt", "application/at+jwt", "AT+JWT", "jwt"):
            self.assert_allowed(self.key.token(self.claims(), typ=typ))
        self.assert_allowed(self.key.token(self.claims(), typ=None))

    def payload(self):
        now = int(time.time())
        return self.claims(sub="bob", iat=now, exp=now + 600)

    def test_keys_are_never_taken_for_others(self):
        twin = Key("ES256", kid=self.key.kid)
        stranger = Key("ES256")
        self.fresh([twin], OTHER)
        self.fresh()
        for what, token in (
                ("another issuer's", self.token(twin)),
                ("ours for another", self.key.token({"iss": OTHER})),
                ("no issuer", self.key.token({"aud": AUDIENCE})),
                ("unknown issuer", self.token(iss=ISSUER + "/")),
                ("list of issuers", self.token(iss=[ISSUER])),
                ("nobody's", stranger.token(self.claims(
                    iat=int(time.time()) - 60))),
                ("the static secret", self.stack.token(
                    "bob", **self.claims()))):
            with self.subTest(what):
                self.assert_denied(token)
        # Static keys are for everybody else, as ever.
        self.assert_allowed(self.stack.token("bob"))
        self.assert_allowed(self.stack.token("bob", iss="https://x"))

    def test_a_public_key_is_no_secret(self):
        public = self.key.private.public_key()
        jwk = self.key.jwk()
        secrets = [
            json.dumps(jwk), json.dumps(jwk, separators=(",", ":")),
            base64.urlsafe_b64decode(jwk["x"] + "="), jwk["x"], self.key.kid,
            public.public_bytes(serialization.Encoding.PEM,
                                serialization.PublicFormat.
                                SubjectPublicKeyInfo),
            public.public_bytes(serialization.Encoding.DER,
                                serialization.PublicFormat.
                                SubjectPublicKeyInfo), ""]
        for secret in secrets:
            for alg in ("HS256", "ES256", "none"):
                with self.subTest(secret=secret, alg=alg):
                    self.assert_denied(compact(
                        secret, self.key.header(alg=alg), self.payload()))

    def test_odd_kids_name_no_key(self):
        self.fresh()
        old = int(time.time()) - 60
        for kid in ("../" * 5 + "etc/passwd", "/dev/zero", "\x00",
                    self.key.kid + "\x00", "k" * 4000, "' OR 1=1 --", "*",
                    self.key.kid.upper() + "x", "\u2028", "%s%n", ""):
            with self.subTest(kid[:20]):
                self.assert_denied(
                    self.key.token(self.claims(iat=old), kid=kid))
        for kid in (None, 5, [self.key.kid], {}):
            header = {**self.key.header(), "kid": kid}
            self.assert_denied(self.key.compact(header, self.payload()))

    def test_without_a_kid_there_must_be_one_key(self):
        self.assert_allowed(self.key.token(self.claims(), kid=None))
        self.fresh([*self.keys, Key("ES256")])
        self.assert_denied(self.key.token(
            self.claims(iat=int(time.time()) - 60), kid=None))

    def test_what_a_token_points_to_is_never_looked_at(self):
        asked = []

        class Trap(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *_):
                pass
        trap = http.server.HTTPServer(("127.0.0.1", 0), Trap)
        thread = threading.Thread(target=trap.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{trap.server_port}/keys"
        stranger = Key("ES256")
        self.fresh()
        old = int(time.time()) - 60
        for more in ({"jku": url}, {"x5u": url}, {"jwk": stranger.jwk()},
                     {"x5c": ["AA=="]}):
            with self.subTest(more):
                self.assert_denied(stranger.token(self.claims(iat=old),
                                                  **more))
                self.assert_denied(stranger.token(
                    self.claims(iat=old), kid=self.key.kid, **more))
                self.assert_allowed(self.key.token(self.claims(), **more))
        trap.shutdown()
        thread.join()
        trap.server_close()
        self.assertEqual(asked, [])


class Rotation(IssuerTest):
    def test_with_overlap_nobody_notices(self):
        new = Key("ES256")
        put_keys(self.folder, ISSUER, [*self.keys, new])
        wait_for(lambda: self.get(self.token(new)).status == 200, "known")
        self.assert_allowed(self.token())
        put_keys(self.folder, ISSUER, [new], 0)
        wait_for(lambda: self.get(self.token(
            iat=int(time.time()) - 60)).status == 401, "the old one is gone")
        self.assert_allowed(self.token(new))

    def test_without_overlap_the_first_token_is_good(self):
        for key in (Key("ES256"), Key("EdDSA"), Key("RS256")):
            self.fetcher.on_ask = lambda: None
            self.known(self.keys, LONG_AGO_MS)
            self.fetcher.on_ask = lambda key=key: put_keys(
                self.folder, ISSUER, [key], 0)
            self.assert_allowed(self.token(key))
        expected = os.path.basename(file_of("", ISSUER))[7:39].encode()
        self.assertEqual(set(self.fetcher.heard), {expected})

    def test_a_socket_waits_for_a_new_key_too(self):
        key = Key("ES256")
        user = User(self.stack, "urn:corp:user:bob", self.token(key))
        self.fetcher.on_ask = lambda: put_keys(
            self.folder, ISSUER, [*self.keys, key], 0)
        self.connect(user)
        self.fetcher.on_ask = lambda: None
        put_keys(self.folder, ISSUER, self.keys)
        user = User(self.stack, "urn:corp:user:bob",
                    self.token(Key("ES256")))
        with self.assertRaises(Refused) as caught:
            self.connect(user)
        self.assertEqual(caught.exception.response.status, 503)

    def test_who_is_unknown_is_told_so_when_nothing_more_can_be_known(self):
        made_up = Key("ES256")
        self.assert_unknown(self.token(made_up))
        self.fetcher.on_ask = lambda: put_keys(
            self.folder, ISSUER, self.keys, 0)
        # Made before the issuer was asked again: there is no such key.
        self.assert_denied(self.token(made_up, iat=int(time.time()) - 60))
        # Made after it was: nobody knows, and nobody can ask so soon.
        self.assert_unknown(self.token(made_up, iat=int(time.time()) + 20))

    def test_a_token_that_is_remembered_goes_with_its_key(self):
        token = self.token(iat=int(time.time()) - 60)
        for _ in range(6):
            self.assert_allowed(token)
        put_keys(self.folder, ISSUER, [self.keys[0]], 0)
        wait_for(lambda: all(self.get(token).status == 401
                             for _ in range(4)), "it is forgotten")

    def test_without_a_file_nothing_is_known(self):
        token = Key("ES256").token({"iss": OTHER})
        self.assert_unknown(token)
        self.assert_allowed(self.token())

    def test_keys_that_are_too_old(self):
        token = self.token()
        self.assert_allowed(token)
        put_keys(self.folder, ISSUER, self.keys, 25 * 3600 * 1000)
        wait_for(lambda: all(self.get(token).status == 503
                             for _ in range(4)), "too old")
        self.assert_allowed(self.stack.token("bob"))
        put_keys(self.folder, ISSUER, self.keys)
        wait_for(lambda: all(self.get(token).status == 200
                             for _ in range(4)), "fetched again")


class Files(IssuerTest):
    def refused(self, put_it, sentence):
        """The old keys go on, and one line says why the new are not taken."""
        def lines():
            return [line for name in ("handlers", "websocket-0")
                    for line in self.stack.read_log(name).splitlines()
                    if sentence in line]
        before = len(lines())
        put_it()
        wait_for(lambda: self.get(self.token()).status == 200 and
                 len(lines()) > before, sentence)
        self.assert_allowed(self.token())

    def test_a_file_that_others_may_have_written(self):
        new = Key("ES256")
        self.refused(lambda: put_keys(self.folder, ISSUER, [new], 0, 0o666),
                     "may be written by its group or by others")
        self.assert_unknown(self.token(new))

    def test_broken_files(self):
        path = file_of(self.folder, ISSUER)
        for text in ("", "{", "<html>", "[]", {"keys": []}):
            with self.subTest(text):
                self.refused(lambda: put(path, text), "the file of keys ")
        self.refused(lambda: put(path, {
            "issuer": OTHER, "fetched_ms": 1, "keys": [self.key.jwk()]}),
            "is of another issuer")

    def test_unusable_keys(self):
        weak = Key("RS256", bits=1024)
        p384 = ec.generate_private_key(ec.SECP384R1()).public_key()
        numbers = p384.public_numbers()
        one = {**self.keys[0].jwk(), "e": "AQ"}
        unusable = [
            weak.jwk(), one, self.key.jwk(use="enc"), self.key.jwk(d="AA"),
            self.key.jwk(alg="HS256"), {"kty": "oct", "k": "AA"},
            {"kty": "EC", "crv": "P-384",
             "x": base64.urlsafe_b64encode(numbers.x.to_bytes(48, "big")).
             decode(), "y": "AA"}]
        self.refused(lambda: put_keys(self.folder, ISSUER, unusable),
                     "has no usable key")
        # Of two with one name the first counts.
        twin = Key("ES256", kid=self.key.kid)
        self.fresh([*self.keys, twin])
        self.assert_allowed(self.token())
        self.assert_denied(self.token(twin))


class Flood(IssuerTest):
    def test_made_up_keys_cost_nobody_else_anything(self):
        """While strangers wait for keys that do not exist, others go on."""
        end = time.monotonic() + 2 * SLOWNESS
        token = self.token(Key("ES256"))
        bob = self.user()

        def strangers():
            seen = set()
            while time.monotonic() < end:
                seen.add(self.get(token).status)
            return seen

        def friend():
            sent = 0
            while time.monotonic() < end:
                self.assert_accepted(bob.send(bob, b"x"))
                sent += 1
            return sent
        *floods, sent = in_threads([strangers] * FLOOD_THREADS + [friend])
        self.assertEqual(set().union(*floods), {503})
        self.assertGreater(sent, 4)
        # A process asks five times a second at most.
        self.assertLess(len(self.fetcher.heard), 2 * SLOWNESS * 5 + 10)


class OfAnIssuer(Tokens):
    """All that is tried with the static secret, with an issuer's key."""
    alg = "ES256"
    issuer = ISSUER

    @classmethod
    def settings(cls, folder):
        return {"auth": {"key_dir": folder, "issuers": [ISSUER]}}

    @classmethod
    def claims(cls, **claims):
        """What tokens of the issuer say besides sub."""
        return {"iss": ISSUER, "iat": int(time.time()), **claims}

    @staticmethod
    def subject(name):
        """What sub is of who is called so."""
        return name

    @classmethod
    def make_stack(cls):
        folder = scratch()
        cls.key = Key(cls.alg)
        put_keys(folder, cls.issuer, [cls.key], 0)
        stack = new_stack(cls.settings(folder), keys=False)
        # Users of this stack have tokens of the issuer.
        stack.token = lambda user, expires_in_s=3600, **claims: \
            cls.key.token(cls.claims(**{
                "sub": cls.subject(user),
                "exp": int(time.time()) + expires_in_s, **claims}))
        return stack

    def said(self, payload):
        """The same of the issuer."""
        if isinstance(payload, dict):
            if "sub" in payload:
                payload = {**payload, "sub": self.subject(payload["sub"])}
            return self.claims(**payload)
        more = {name: value for name, value in self.claims().items()
                if name != "exp"}
        bob = json.dumps(self.subject("bob")).encode()
        return payload.replace(b'"bob"', bob).replace(
            b'{"sub"', json.dumps(more).encode()[:-1] + b',"sub"', 1)

    def sign(self, header, payload, secret=None):
        if secret is not None:
            return compact(secret, header, payload)
        if isinstance(header, dict):
            if header.get("alg") == "HS256":
                header = {**header, "alg": self.alg, "kid": self.key.kid}
        else:
            header = header.replace(b"HS256", self.alg.encode())
        return self.key.compact(header, self.said(payload))

    def test_other_algorithms_and_confusion_of_keys(self):
        for alg in ("HS256", "HS384", "RS256", "PS256", "ES256", "EdDSA", "",
                    None, 256, ["HS256"]):
            for secret in (self.stack.jwt_secret, json.dumps(self.key.jwk()),
                           ""):
                token = compact(secret, {"alg": alg, "kid": self.key.kid},
                                self.said(self.payload()))
                with self.subTest(alg=alg):
                    # A key of this kind may be new; nobody can say so here.
                    self.assertIn(self.get("Bearer " + token).status,
                                  (401, 503))

    # A signature of another kind has other stray bits.
    test_base64_must_be_canonical = None


class OfAnRsaIssuer(OfAnIssuer):
    alg = "RS256"


class OfAPssIssuer(OfAnIssuer):
    alg = "PS256"


class OfAnEd25519Issuer(OfAnIssuer):
    alg = "EdDSA"


del Tokens
