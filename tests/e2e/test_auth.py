"""Who is calling: every rotten token is 401, and never anything worse."""
import base64
import json
import time

from devkit.stack import scrubbed_environment
from devkit.token import b64url, compact, mint, sign_hs256
from harness import (E2eTest, RSA_PUBLIC_KEY, WEB, User, new_stack)


class Tokens(E2eTest):
    def get(self, *values, name="Authorization"):
        return self.stack.http().request(
            "GET", "/api/messages", headers=[(name, v) for v in values])

    def assert_denied(self, token):
        answer = self.get("Bearer " + token)
        self.assert_error(answer, 401)
        body = answer.body.decode()
        for part in token.split("."):
            if len(part) > 12:
                self.assertNotIn(part, body)

    def assert_allowed(self, token):
        self.assert_status(self.get("Bearer " + token), 200)

    def sign(self, header, payload, secret=None):
        return compact(self.stack.jwt_secret if secret is None else secret,
                       header, payload)

    def payload(self, **claims):
        return {"sub": "bob", "exp": int(time.time()) + 600, **claims}

    def test_sound_tokens_pass(self):
        self.assert_allowed(self.stack.token("bob"))
        self.assert_allowed(self.stack.token("urn:sm:user:bob"))
        self.assert_allowed(self.stack.token("bob", exp=time.time() + 60.5))
        self.assert_allowed(self.stack.token("bob", nbf=int(time.time())))

    def test_missing_or_odd_authorization(self):
        token = self.stack.token("bob")
        self.assert_error(self.get(), 401)
        for value in ("", "Bearer", "Bearer ", token, "Basic " + token,
                      "Bearer: " + token, "Bearer\t", "Token " + token,
                      f"Bearer {token} x", f"Bearer {token},{token}",
                      f"Bearer {token}, Bearer {token}", f"Bearer {token},",
                      f'Bearer "{token}"', "Negotiate"):
            with self.subTest(value[:20]):
                self.assert_error(self.get(value), 401)
        self.assert_error(self.get(token, name="X-Authorization"), 401)

    def test_scheme_is_read_in_any_case(self):
        token = self.stack.token("bob")
        for scheme in ("bearer ", "BEARER ", "bEaReR  "):
            self.assert_status(self.get(scheme + token), 200)

    def test_repeated_authorization_is_refused(self):
        token = self.stack.token("bob")
        for values in (("Bearer " + token, "Bearer " + token),
                       ("Bearer " + token, "Bearer x"),
                       ("Bearer x", "Bearer " + token)):
            answer = self.get(*values)
            # nginx before 1.23 answers 400 before anybody else sees it.
            status = answer.status if WEB == "nginx" else 401
            self.assertIn(status, (400, 401))
            self.assert_error(answer, status)

    def test_algorithm_none(self):
        for alg in ("none", "None", "NONE", "nOnE"):
            head = b64url(json.dumps({"alg": alg, "typ": "JWT"}).encode())
            body = b64url(json.dumps(self.payload()).encode())
            with self.subTest(alg):
                self.assert_denied(f"{head}.{body}.")
                self.assert_denied(f"{head}.{body}")
                self.assert_denied(self.sign({"alg": alg}, self.payload()))
                self.assert_denied(self.sign({"alg": alg}, self.payload(), ""))

    def test_other_algorithms_and_confusion_of_keys(self):
        for alg in ("HS384", "HS512", "RS256", "RS512", "PS256", "ES256",
                    "EdDSA", "hs256", "", None, 256, ["HS256"]):
            with self.subTest(alg=alg):
                self.assert_denied(self.sign({"alg": alg}, self.payload()))
        self.assert_denied(self.sign({}, self.payload()))
        der = base64.b64decode("".join(RSA_PUBLIC_KEY.split("\n")[1:-2]))
        for secret in (RSA_PUBLIC_KEY, RSA_PUBLIC_KEY.strip(), der):
            for alg in ("HS256", "RS256"):
                with self.subTest(alg=alg):
                    self.assert_denied(
                        self.sign({"alg": alg}, self.payload(), secret))

    def test_signature_must_be_right(self):
        token = self.stack.token("bob")
        head, body, signature = token.split(".")
        flipped = ("A" if signature[5] != "A" else "B")
        other = b64url(json.dumps(self.payload(sub="eve")).encode())
        for bad in (mint("another secret", "bob"), mint("", "bob"),
                    f"{head}.{body}.", f"{head}.{body}",
                    f"{head}.{body}.{signature[:-2]}",
                    f"{head}.{body}.{signature}AA",
                    f"{head}.{body}.{signature[:5]}{flipped}{signature[6:]}",
                    f"{head}.{other}.{signature}",
                    f"{head}.{body}.{sign_hs256('x', head + '.' + body)}"):
            with self.subTest(bad[-50:]):
                self.assert_denied(bad)

    def test_text_that_is_no_compact_token(self):
        token = self.stack.token("bob")
        head, body, signature = token.split(".")
        for bad in ("x", ".", "..", "...", "a.b.c", token + ".",
                    "." + token, token + "." + signature, token + "=",
                    f"{head}=.{body}.{signature}",
                    f"{head}.{body}=.{signature}", f"{head}..{signature}",
                    f".{body}.{signature}", f"{head}.{body}.{signature}=",
                    token.replace(".", "%2e"), "\u00ff" * 40, "A" * 100,
                    "%00" + token):
            with self.subTest(bad[:30]):
                self.assert_error(self.get("Bearer " + bad), 401)

    def test_base64_must_be_canonical(self):
        token = self.stack.token("bob")
        head, body, signature = token.split(".")
        # 43 characters carry 258 bits; the last two must be zero.
        alphabet = ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                    "0123456789-_")
        last = alphabet[alphabet.index(signature[-1]) ^ 1]
        self.assert_denied(f"{head}.{body}.{signature[:-1]}{last}")
        plus = signature.replace("-", "+").replace("_", "/")
        if plus != signature:
            self.assert_denied(f"{head}.{body}.{plus}")

    def test_times(self):
        now = int(time.time())
        for claims in ({"exp": None}, {"exp": now - 3600}, {"exp": 0},
                       {"exp": -1}, {"exp": "x"}, {"exp": str(now + 600)},
                       {"exp": []}, {"exp": True}, {"exp": {}},
                       {"exp": now - 31}, {"nbf": now + 3600},
                       {"nbf": "soon"}, {"nbf": now + 90}):
            with self.subTest(claims):
                self.assert_denied(self.stack.token("bob", **claims))
        # The leeway is 30 s.
        self.assert_allowed(self.stack.token("bob", exp=now - 10))
        self.assert_allowed(self.stack.token("bob", nbf=now + 10))
        for exp in (b"1e400", b"-1e400", b"NaN", b"Infinity", b"01"):
            with self.subTest(exp):
                self.assert_denied(self.sign(
                    {"alg": "HS256"}, b'{"sub":"bob","exp":' + exp + b"}"))

    def test_subjects_that_are_unusable(self):
        for sub in (None, "", 5, True, [], {}, ["bob"], "a:b", "urn:sm:user",
                    "urn:sm:user:", "URN:sm:user:bob", "bob smith", "bob\n",
                    "bob\x00", "b\u00f6b", "bob*", "a,b", "x" * 256,
                    "urn:sm:user:a:b"):
            with self.subTest(sub=sub):
                self.assert_denied(self.sign({"alg": "HS256"},
                                             {**self.payload(), "sub": sub}))
        self.assert_denied(self.sign({"alg": "HS256"},
                                     {"exp": int(time.time()) + 60}))

    def test_first_identity_claim_counts_and_never_falls_back(self):
        carol, dave = self.user(), self.user()
        token = self.stack.token(dave.name, handle=carol.name)
        both = User(self.stack, carol.name, token)
        self.assert_accepted(dave.send(carol, b"for carol"))
        self.messages(carol, 1)

        self.assertEqual(len(both.pull().json()["messages"]), 1)
        for handle in ("", 5, None, [], {}, False, "a:b"):
            with self.subTest(handle=handle):
                self.assert_denied(self.sign(
                    {"alg": "HS256"}, self.payload(handle=handle)))

    def test_claims_given_twice(self):
        for body in (b'{"sub":"bob","sub":"eve","exp":9999999999}',
                     b'{"sub":"bob","exp":1,"exp":9999999999}',
                     b'{"sub":"bob","exp":9999999999,"exp":1}'):
            with self.subTest(body):
                self.assert_denied(self.sign({"alg": "HS256"}, body))
        self.assert_denied(self.sign(
            b'{"alg":"HS256","alg":"none"}', self.payload()))
        self.assert_denied(self.sign(
            b'{"alg":"none","alg":"HS256"}', self.payload()))

    def test_headers_and_payloads_that_are_no_json_objects(self):
        good = json.dumps(self.payload()).encode()
        for header in (b"", b"{}", b"[]", b"null", b'"HS256"', b"{",
                       b'{"alg":"HS256"}x', b'{"alg":"HS256",}', b"\xff"):
            with self.subTest(header):
                self.assert_denied(self.sign(header, good))
        for payload in (b"", b"{}", b"[]", b"null", good + b"x", good[:-1],
                        b"\xff" + good, b"[" * 5000, b'{"a":' * 1000):
            with self.subTest(payload[:20]):
                self.assert_denied(self.sign({"alg": "HS256"}, payload))

    def test_critical_extensions_are_not_understood(self):
        self.assert_denied(self.sign({"alg": "HS256", "crit": ["exp"]},
                                     self.payload()))
        self.assert_denied(self.sign({"alg": "HS256", "crit": []},
                                     self.payload()))

    def test_large_token_passes_up_to_the_limit(self):
        def padded(length):
            pad = ""
            while True:
                token = self.sign({"alg": "HS256"}, self.payload(pad=pad))
                if len(token) >= length:
                    return token
                pad += "x" * max(1, (length - len(token)) * 3 // 4 - 2)
        self.assert_allowed(padded(8000)[:])
        token = padded(8300)
        self.assertLess(len(token), 9000)
        self.assert_denied(token)

    def test_huge_token_never_gets_through(self):
        answer = self.get("Bearer " + "A" * 14000)
        self.assertIn(answer.status, (400, 401, 431))
        self.assert_error(answer, answer.status)

    def test_wrong_token_wins_over_a_wrong_body(self):
        answer = self.stack.http().request(
            "POST", "/api/send", b"{", [("Content-Type", "text/plain")])

        self.assert_error(answer, 401)

    def test_identity_comes_from_nowhere_else(self):
        bob, mallory = self.user(), self.user()
        self.assert_accepted(mallory.send(bob))
        self.messages(bob, 1)
        for target in (f"/api/messages?user={bob.urn}",
                       f"/api/messages?sub={bob.name}"):
            answer = mallory.call("GET", target, headers=[
                ("X-User-ID", bob.urn), ("X_User_ID", bob.urn),
                ("Remote-User", bob.urn), ("X-Forwarded-User", bob.urn)])
            self.assertEqual(answer.json()["messages"], [])


class IssuerAndAudience(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"auth": {"issuer": "https://issuer.example",
                                   "audience": "waypost"}})

    def status(self, **claims):
        token = self.stack.token("bob", **claims)
        return self.stack.http().request(
            "GET", "/api/messages",
            headers={"Authorization": "Bearer " + token}).status

    def test_both_must_match_when_configured(self):
        issuer = "https://issuer.example"
        self.assertEqual(self.status(iss=issuer, aud="waypost"), 200)
        self.assertEqual(self.status(iss=issuer, aud=["x", "waypost"]), 200)
        for iss in (None, "", "https://issuer.example/", 5, [issuer]):
            with self.subTest(iss=iss):
                self.assertEqual(self.status(iss=iss, aud="waypost"), 401)
        for aud in (None, "", "waypost2", [], ["x"], 5, {"waypost": 1},
                    [["waypost"]], "Waypost"):
            with self.subTest(aud=aud):
                self.assertEqual(self.status(iss=issuer, aud=aud), 401)


class Rotation(E2eTest):
    @classmethod
    def make_stack(cls):

        return new_stack(env={**scrubbed_environment(),
                              "JWT_SECRET": "n" * 40,
                              "JWT_SECRET_PREVIOUS": "o" * 40})

    def test_previous_secret_is_still_good(self):
        for secret, status in (("n" * 40, 200), ("o" * 40, 200),
                               ("x" * 40, 401)):
            answer = self.stack.http().request(
                "GET", "/api/messages", headers={
                    "Authorization": "Bearer " + mint(secret, "bob")})
            self.assert_status(answer, status)
