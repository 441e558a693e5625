"""Real identity providers: their tokens open the door, whatever they sign with
and however they change their keys. What a bad one may do is in test_keys.py."""
import base64
import hashlib
import json
import os
import socket
import subprocess
import time
import urllib.request

from devkit.jwk import put
from devkit.user import User
from harness import E2eTest, PATIENCE_S, new_stack, wait_for
from node import Node

CLIENT = base64.b64encode(b"waypost:no-secret-at-all").decode()
NAMESPACES = ["robots", "machines"]
KEYS = [["RS256", "a"], ["PS256", "b"], ["ES256", "c"], ["Ed25519", "d"],
        ["EdDSA", "e"]]
# So long a process believes what it knows of keys, and a little more.
LOOK_S = 1.2
LONG_AGO_MS = 60 * 1000


class Provider:
    """One of those in the process; see oidc/provider.mjs."""

    def __init__(self, node, at, issuer):
        self._node = node
        self._at = at
        self.issuer = issuer

    def _do(self, **what):
        answer = self._node.ask(at=self._at, **what)
        if "error" in answer:
            raise AssertionError(answer["error"])

    def become(self, *keys, sign=None):
        """Have these keys, each an algorithm and a name; sign with the
        first."""
        self._do(keys=keys, sign=sign or keys[0][0])

    def token(self):
        request = urllib.request.Request(
            self.issuer + "/token", b"grant_type=client_credentials",
            {"Authorization": "Basic " + CLIENT})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["access_token"]

    def log_out(self, url):
        """Tell this address that the robot has logged out here."""
        self._do(logout=url)

    @property
    def id(self):
        return hashlib.sha256(self.issuer.encode()).hexdigest()[:32]


class RealProviders(E2eTest):
    """Two, and a stack that trusts both: the first is found by discovery, the
    second by the URL of its keys."""

    keys = KEYS  # that the first has

    @classmethod
    def make_stack(cls):
        node = Node("provider.mjs", str(len(NAMESPACES)))
        cls.addClassCleanup(node.stop)
        cls.one, cls.two = (
            Provider(node, at, issuer)
            for at, issuer in enumerate(node.hear()["issuers"]))
        cls.one.become(*KEYS)
        cls.two.become(["RS256", "first"])
        stack = new_stack({"auth": {"issuers": [
            f"{cls.one.issuer} aud=waypost ns={NAMESPACES[0]}",
            f"{cls.two.issuer} aud=waypost ns={NAMESPACES[1]} "
            f"jwks={cls.two.issuer}/jwks"]}})
        cls.stack = stack
        for provider, kid in ((cls.one, "a"), (cls.two, "first")):
            wait_for(lambda p=provider, k=kid: k in cls.kids(p), "keys")
        cls.let_all_look()
        return stack

    # ---- keys, on their way ----

    @classmethod
    def file_of(cls, provider):
        return cls.stack.path("keys", f"issuer-{provider.id}.json")

    @classmethod
    def read(cls, provider):
        try:
            with open(cls.file_of(provider), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {"keys": []}

    @classmethod
    def kids(cls, provider):
        return [key["kid"] for key in cls.read(provider)["keys"]]

    @staticmethod
    def let_all_look():
        """A process looks once a second; who comes meanwhile with a token that
        is newer than what it knows may have to come again."""
        seen = time.monotonic()
        wait_for(lambda: time.monotonic() - seen > LOOK_S, "all can look")

    def restart_keys(self):
        """One that has just begun may be asked early: nothing was fetched."""
        self.stack.kill("keys")
        self.stack.restart("keys")

    def wish(self, provider):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.sendto(provider.id.encode(), self.stack.path("keys",
                                                              "keys.sock"))

    def publish(self, *keys):
        """The first has these keys, and they are fetched."""
        self.one.become(*keys)
        self.restart_keys()
        self.wish(self.one)
        wait_for(lambda: self.kids(self.one) == [kid for _, kid in keys],
                 "they lie there")

    # ---- robots ----

    def robot(self, token, namespace=NAMESPACES[0]):
        return User(self.stack, f"urn:{namespace}:user:waypost", token)

    def assert_opens(self, token):
        """At the first try: nobody has to come again."""
        self.assert_status(self.robot(token).pull(), 200)

    def test_each_algorithm_opens_both_doors(self):
        for algorithm, kid in self.keys:
            with self.subTest(algorithm):
                self.one.become(*self.keys, sign=algorithm)
                token = self.one.token()
                head = base64.urlsafe_b64decode(token.split(".")[0] + "==")
                self.assertEqual(json.loads(head)["kid"], kid)
                self.assertEqual(json.loads(head)["typ"], "at+jwt")
                self.assert_opens(token)
                self.connect(self.robot(token)).expect("connected")

    def test_one_name_at_two_providers_is_two_mailboxes(self):
        robot, machine = (self.robot(provider.token(), namespace)
                          for provider, namespace in
                          zip((self.one, self.two), NAMESPACES))
        sockets = [self.connect(user) for user in (robot, machine)]
        for each in sockets:
            each.expect("connected")
        sent = self.assert_accepted(self.user().send(robot))
        sockets[0].expect("poke")
        self.assertEqual(self.message_ids(robot, 1), [sent])
        self.assert_nothing_waits(machine)
        self.assert_status(robot.ack([sent]), 204)

    def test_a_rotation_with_overlap_is_not_noticed(self):
        others = [key for key in KEYS if key[0] != "ES256"]
        old, new = ["ES256", "c"], ["ES256", "new"]
        self.publish(old, new, *others)
        self.let_all_look()
        before = self.one.token()
        self.one.become(new, old, *others)
        after = self.one.token()
        for _ in range(20):
            self.assert_opens(before)
            self.assert_opens(after)
        # What is withdrawn is over, though its tokens are not.
        self.publish(new, *others)
        wait_for(lambda: self.robot(before).pull().status != 200,
                 "the old key is forgotten")
        self.assert_opens(after)
        type(self).keys = [new, *others]

    def test_the_first_token_of_a_new_key_opens(self):
        machine = self.robot(self.two.token(), NAMESPACES[1])
        self.assert_status(machine.pull(), 200)
        # Nobody is asked twice in ten seconds for what nobody knows: what is
        # known was fetched long ago, and by a process of before.
        known = self.read(self.two)
        known["fetched_ms"] -= LONG_AGO_MS
        put(self.file_of(self.two), known)
        self.restart_keys()
        self.let_all_look()
        self.two.become(["ES256", "surprise"])
        machine = self.robot(self.two.token(), NAMESPACES[1])
        # At the first try, where the provider answers within a second.
        statuses = set()
        wait_for(lambda: statuses.add(machine.pull().status) or
                 200 in statuses, "it opens")
        self.assertLessEqual(statuses, {200, 503})
        self.assertEqual(self.kids(self.two), ["surprise"])

    def test_an_operator_sees_their_keys(self):
        said = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "keys", "list", "--json"],
            env=self.stack.base_env, capture_output=True, text=True,
            check=True).stdout
        rows = json.loads(said)
        self.assertEqual([row["issuer"] for row in rows],
                         [self.one.issuer, self.two.issuer])
        self.assertEqual([key["kid"] for key in rows[0]["keys"]],
                         self.kids(self.one))

    def test_who_logs_out_there_is_put_out_here(self):
        """The last one: tokens of this very second go with it."""
        robot = self.robot(self.one.token())
        machine = self.robot(self.two.token(), NAMESPACES[1])
        sockets = [self.connect(user) for user in (robot, machine)]
        for each in sockets:
            each.expect("connected")
        self.one.log_out(f"http://{self.stack.host}:{self.stack.port}"
                         "/api/auth/backchannel-logout")
        self.assertEqual(sockets[0].wait_closed(PATIENCE_S), 4403)
        wait_for(lambda: all(robot.pull().status == 401 for _ in range(4)),
                 "its token is refused")
        # The other provider has said nothing.
        self.assert_status(machine.pull(), 200)
        sent = self.assert_accepted(self.user().send(machine))
        sockets[1].expect("poke")
        self.assert_status(machine.ack([sent]), 204)
