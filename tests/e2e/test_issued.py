"""Tokens that we issue, as a stranger sees them who only has our public keys:
the library jose, which also large providers stand on."""
import os
import secrets
import subprocess

from harness import E2eTest, new_stack, wait_for
from node import Node

PASSWORD = "correct horse battery staple"
OTHER = "another horse of the battery"


class Issued(E2eTest):
    """All keys are those of a waypost-keys that runs."""

    alg = "ES256"

    @classmethod
    def make_stack(cls):
        cls.node = Node("verify.mjs")
        cls.addClassCleanup(cls.node.stop)
        return new_stack({"accounts": {
            "enabled": True, "registration": "open",
            "signing_algorithm": cls.alg,
            "argon2_memory_kib": 7168, "argon2_passes": 1}})

    def post(self, what, **body):
        """As clients do: again while there is no key to sign with."""
        def answer():
            said = self.user().call("POST", "/api/auth/" + what, body,
                                    {"Authorization": None})
            return said if said.status != 503 else None
        answer = wait_for(answer, "a key to sign with")
        self.assertIn(answer.status, (200, 201), answer.body)
        return answer.json()

    def verify(self, token, issuer="waypost"):
        return self.node.ask(
            token=token, alg=self.alg, issuer=issuer,
            jwks=f"http://{self.stack.host}:{self.stack.port}"
                 "/.well-known/jwks.json")

    def assert_verifies(self, session):
        claims = self.verify(session["accessToken"])
        self.assertNotIn("error", claims)
        self.assertEqual(claims["sub"], session["user"])
        self.assertEqual(claims["sid"], session["sessionId"])
        self.assertEqual(claims["device_id"], session["deviceId"])
        self.assertEqual(claims["exp"] - claims["iat"],
                         session["expiresInSeconds"])
        return claims["jti"]

    def test_whatever_gives_a_token_gives_one_that_verifies(self):
        name = "u" + secrets.token_hex(6)
        who = {"username": name, "password": PASSWORD}
        begun = self.post("register", **who)
        given = [begun, self.post("login", **who)]
        given.append(self.post("refresh",
                               refreshToken=given[-1]["refreshToken"]))
        given.append(self.post("password/reset", username=name,
                               code=begun["recoveryCode"], newPassword=OTHER))
        ids = [self.assert_verifies(session) for session in given]
        self.assertEqual(len(set(ids)), len(given))
        # It would tell.
        token = begun["accessToken"]
        head, claims, signature = token.split(".")
        other = given[1]["accessToken"].split(".")[1]
        for bad in (f"{head}.{other}.{signature}", token[:-8] + "A" * 8):
            self.assertIn("error", self.verify(bad))
        self.assertIn("error", self.verify(token, issuer="waypost2"))

    def test_a_token_of_the_command_line_verifies_as_well(self):
        name = "u" + secrets.token_hex(6)
        self.post("register", username=name, password=PASSWORD)
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "token", "make", "--sub",
             "urn:sm:user:" + name],
            env={**self.stack.base_env,
                 "STORE_SECRET": self.stack.store_secret},
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

        token = done.stdout.strip()
        claims = self.verify(token)
        self.assertNotIn("error", claims)
        self.assertEqual(claims["sub"], "urn:sm:user:" + name)
        self.assertIn("error", self.verify(token[:-8] + "A" * 8))


class IssuedForServicesThatInsist(Issued):
    alg = "RS256"
