"""A stack whose notifiers ask providers in earnest, and the fakes that they
ask: nothing leaves this machine, and no name is looked up but a test's own."""
import os
import unittest

from devkit.names import Names
from devkit.provider import FakeProvider, make_certificate, why_not
from devkit.webpush import Subscription, vapid_pem
from harness import E2eTest, ROOT, new_stack, scratch, wait_for

HOST = "push.example.test"
# Loopback, and yet another address than that of this machine's own services.
HERE = "127.0.0.2"
HOSTS_LIBRARY = os.path.join(
    os.environ.get("WAYPOST_E2E_BUILD",
                   os.path.join(ROOT, "build", "release")),
    "tests", "push", "hosts.so")


def make_names():
    names = Names(HOSTS_LIBRARY, os.path.join(scratch(), "hosts"))
    assert names.are_there, "make builds hosts.so"
    names.lead(HOST, HERE)
    return names


def new_live_stack(names, ca_file, ports, push=None, **how):
    """ports: where endpoints may be; push: more settings of that section"""
    config = how.pop("config", {})
    key = os.path.join(scratch(), "vapid.pem")
    with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w",
              encoding="ascii") as file:
        file.write(vapid_pem())
    return new_stack(
        {**config,
         "push": {"enabled": True, "mode": "live", "vapid_key_file": key,
                  "vapid_subject": "mailto:push@example.test",
                  "ca_file": ca_file, "allow_networks": [HERE],
                  "web_hosts": ["*"],
                  "web_ports": ["443", *(str(port) for port in ports)],
                  **(push or {})}},
        program_env=lambda name: names.env()
        if name.startswith("notifier") else {}, **how)


class LiveTest(E2eTest):
    """With one fake provider at HOST, over HTTP/2."""

    push = {}
    how = {}

    @classmethod
    def make_stack(cls):
        reason = why_not()
        if reason:
            raise unittest.SkipTest(reason)
        cls.names = make_names()
        cls.ca_file, cls.ca_key = make_certificate(scratch(), "provider",
                                                   "DNS:" + HOST)
        cls.provider = cls.new_provider()
        return new_live_stack(cls.names, cls.trusted(), cls.ports(), cls.push,
                              **cls.how)

    @classmethod
    def ports(cls):
        """Where endpoints may be."""
        return [cls.provider.port]

    @classmethod
    def trusted(cls):
        """A file of who signs certificates."""
        return cls.ca_file

    @classmethod
    def new_provider(cls, certificate=None, **options):
        certificate, key = certificate or (cls.ca_file, cls.ca_key)
        fake = FakeProvider(certificate, key,
                            **{"address": HERE, **options})
        cls.addClassCleanup(fake.stop)
        return fake

    def endpoint(self, token, host=HOST, port=None):
        return f"https://{host}:{port or self.provider.port}/send/{token}"

    def subscribe(self, user, token=None, device="browser", kind="webpush",
                  **where):
        """The user gets a device; its subscription, with .id and .token."""
        token = token or f"{user.name}-{device}"
        found = Subscription(self.endpoint(token, **where))
        answer = user.call("POST", "/api/devices", {
            "kind": kind, "subscription": found.to_json(),
            "deviceId": device})
        self.assert_status(answer, 201)
        found.id, found.token = answer.json()["device"]["id"], token
        return found

    def send(self, user, text=b"x", **how):
        return self.assert_accepted(self.user("sender").send(user, text,
                                                             **how))

    def asked(self, token, provider=None):
        """All requests so far with this token, oldest first."""
        provider = provider or self.provider
        seen = provider.__dict__.setdefault("seen", [])
        seen += provider.requests(ended=True)
        return [request for request in seen if request.token == token]

    def wait_asked(self, token, n=1, provider=None, timeout_s=None):
        wait_for(lambda: len(self.asked(token, provider)) >= n,
                 lambda: f"{n}, not {self.asked(token, provider)}", timeout_s)
        return self.asked(token, provider)

    def metrics(self, name="notifier-0"):
        """{name and labels: value} of a notifier."""
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
                for line in self.stack.metrics(name).splitlines()
                if not line.startswith("#")}

    def entry(self, user):
        """When the user is due, in ms; None: not at all."""
        with self.stack.redis() as redis:
            for key in redis("KEYS", "wp:{*}:pushdue"):
                score = redis("ZSCORE", key, user.urn)
                if score is not None:
                    return float(score)
        return None

    def device(self, user, device_id):
        """As its user sees it."""
        answer = user.call("GET", "/api/devices")
        self.assert_status(answer, 200)
        return next(one for one in answer.json()["devices"]
                    if one["id"] == device_id)

    def last_result(self, user, device_id):
        return self.device(user, device_id).get("lastResult",
                                                {}).get("result")
