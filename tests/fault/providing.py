"""The provider that notifiers ask, which fails as providers do, and what it
has seen. Where it cannot be (it wants a node), nobody is asked: pushes stand
in the log of waypost-notifier instead (push.mode: log).
"""
import datetime
import json
import os
import secrets
import threading

from devkit.names import Names
from devkit.provider import FakeProvider, make_certificate, why_not
from devkit.pushes import Pushes
from devkit.webpush import Subscription, vapid_pem

HOST, ADDRESS = "push.fault.test", "127.0.0.1"
TAKEN = {"status": 201}
# In time, and not any more: of a request that may take push.timeout_ms.
DELAYS_MS, TIMEOUT_MS = (300, 1000, 4000), 1500
MEMBERS = {"type", "waiting", "id", "account"}


class Told:
    """One push to one device, as the provider knows it.

    at:        of time.time()
    beside:    how many others to that device were under way
    text:      all of it that can be read
    members:   of its body
    """

    def __init__(self, at, device, action, push, was_taken=True, beside=0,
                 text="", members=()):
        self.at = at
        self.device = device
        self.action = action
        self.push = push
        self.was_taken = was_taken
        self.beside = beside
        self.text = text
        self.members = members

    @property
    def has_more(self):
        """Than a push tells."""
        return bool(set(self.members) - MEMBERS)


class Logged:
    """Without a provider: what the log says, and any device will do."""

    faults = ()
    settings = {"mode": "log", "apps": ["fault kind=fcm credentials_file=/x"]}

    def __init__(self):
        self._pushes = None

    def env(self):
        return {}

    def enter(self, stack):
        self._pushes = Pushes(stack)

    def leave(self):
        pass

    def device(self):
        """What somebody registers."""
        return {"kind": "fcm", "token": secrets.token_urlsafe()}

    def new(self):
        """Those since the last call."""
        return [Told(datetime.datetime.fromisoformat(
            line["time"].replace("Z", "+00:00")).timestamp(), line["device"],
            line["action"], line["push"]) for line in self._pushes.new()]


class Provider:
    """A push service of browsers, for all devices.

    folder: for its certificate and names; there already
    """

    faults = ("provider-down", "provider-slow", "provider-goaway", "dns-down")

    def __init__(self, folder, library):
        self.names = Names(library, os.path.join(folder, "hosts"))
        self.names.lead(HOST, ADDRESS)
        certificate, key = make_certificate(folder, "provider", "DNS:" + HOST)
        vapid = os.path.join(folder, "vapid.pem")
        with open(os.open(vapid, os.O_WRONLY | os.O_CREAT, 0o600), "w",
                  encoding="ascii") as file:
            file.write(vapid_pem())
        self._fake = FakeProvider(certificate, key, address=ADDRESS)
        self.be_well()
        self.settings = {
            "mode": "live", "vapid_key_file": vapid,
            "vapid_subject": "mailto:push@fault.test", "ca_file": certificate,
            "allow_networks": [ADDRESS], "web_hosts": [HOST],
            "web_ports": [str(self._fake.port)], "timeout_ms": TIMEOUT_MS}
        self._subscriptions = {}  # token -> Subscription
        self._lock = threading.Lock()

    def env(self):
        return self.names.env()

    def enter(self, stack):
        pass

    def leave(self):
        self._fake.stop()

    def device(self):
        token = secrets.token_urlsafe(12)
        found = Subscription(f"https://{HOST}:{self._fake.port}/{token}")
        with self._lock:
            self._subscriptions[token] = found
        return {"kind": "webpush", "subscription": found.to_json()}

    # ---- as providers fail ----

    def be_well(self):
        self._fake.tell("*", TAKEN)

    def be_slow(self):
        self._fake.tell("*", *({**TAKEN, "delay": ms} for ms in DELAYS_MS),
                        {"act": "stall"}, TAKEN)

    def go_away(self):
        """Now and then, so that something is under way."""
        self._fake.tell("*", {**TAKEN, "act": "goaway"},
                        {"act": "refuse"}, {"act": "reset"}, TAKEN,
                        {"act": "destroy"}, {**TAKEN, "act": "goaway"})

    def go_down(self):
        self._fake.go_down()

    def come_up(self):
        self._fake.come_up()

    # ---- what it has seen ----

    def new(self):
        return [self._told(request)
                for request in self._fake.requests(ended=True)]

    def _told(self, request):
        with self._lock:
            subscription = self._subscriptions[request.token]
        text = subscription.read(request.body).decode()
        push = json.loads(text)
        return Told(
            request.at, request.headers["topic"],
            "alert" if request.headers["urgency"] == "high" else "quiet",
            push["id"], request.status == TAKEN["status"], request.beside,
            text + json.dumps(request.headers), sorted(push))


def find(folder, library, say):
    """What there can be of these."""
    reason = why_not() or (None if os.path.exists(library)
                           else "there is no " + library)
    if reason is None:
        return Provider(folder, library)
    say("SKIPPED: " + ", ".join(Provider.faults) + ", and pushes are only "
        "logged: " + reason)
    return Logged()
