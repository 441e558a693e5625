"""The provider that notifiers ask, which fails as providers do, and what it
has seen. Where it cannot be (it wants a node), nobody is asked: pushes stand
in the log of waypost-notifier instead (push.mode: log).
"""
import datetime
import itertools
import json
import os
import secrets
import threading

from devkit.names import Names
from devkit.provider import FakeProvider, make_apps
from devkit.provider import make_certificate, why_not, write_secret
from devkit.pushes import Pushes
from devkit.webpush import Subscription, vapid_pem

HOST, ADDRESS = "push.fault.test", "127.0.0.1"
PHONE, IPHONE = "fault.android", "fault.ios"
TAKEN = {"status": 200}
# In time, and not any more: of a request that may take push.timeout_ms.
DELAYS_MS, TIMEOUT_MS = (300, 1000, 4000), 1500
MEMBERS = {"type", "waiting", "id", "account"}
ACCESS = {"access_token": "ya29.fault", "expires_in": 3599,
          "token_type": "Bearer"}


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
    bus = "none"  # of that there would be a line of the log as well

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


def read_android(message):
    """(device, action, push, members) of what FCM was asked."""
    data = message["data"]
    is_high = message["android"]["priority"] == "HIGH"
    return (message["android"]["collapse_key"],
            "clear" if data["type"] == "read" else
            "alert" if is_high else "quiet", data.get("id"),
            set(data) | set(message) - {"token", "android", "data"})


def read_iphone(headers, body):
    """The same of APNs; (a badge alone is a clear)."""
    has_alert = "alert" in body["aps"]
    return (headers["apns-collapse-id"],
            "clear" if not has_alert else
            "alert" if headers["apns-priority"] == "10" else "quiet",
            headers["apns-id"], set(body.get("w", ())) |
            set(body) - {"aps", "w"})


class Provider:
    """A push service of browsers, Google and Apple in one, for all devices.

    folder: for its certificate, keys and names; there already
    """

    faults = ("provider-down", "provider-slow", "provider-goaway", "dns-down")
    bus = "redis"

    def __init__(self, folder, library):
        self.names = Names(library, os.path.join(folder, "hosts"))
        self.names.lead(HOST, ADDRESS)
        certificate, key = make_certificate(
            folder, "provider", "DNS:" + HOST, "IP:" + ADDRESS)
        self._fake = FakeProvider(certificate, key, address=ADDRESS)
        self._fake.tell("token", {"body": ACCESS})
        self.be_well()
        self.settings = {
            "mode": "live", "ca_file": certificate, "timeout_ms": TIMEOUT_MS,
            "vapid_key_file": write_secret(os.path.join(folder, "vapid.pem"),
                                           vapid_pem()),
            "vapid_subject": "mailto:push@fault.test",
            "allow_networks": [ADDRESS], "web_hosts": [HOST],
            "web_ports": [str(self._fake.port)],
            "apps": make_apps(folder, f"https://{ADDRESS}:{self._fake.port}",
                              PHONE, IPHONE)}
        self._kinds = itertools.cycle(
            (self._browser, self._phone, self._iphone))
        self._subscriptions = {}  # token -> Subscription
        self._lock = threading.Lock()

    def env(self):
        return self.names.env()

    def enter(self, stack):
        pass

    def leave(self):
        self._fake.stop()

    def device(self):
        """What somebody registers: of each kind in turn."""
        with self._lock:
            make = next(self._kinds)
        return make()

    @staticmethod
    def _phone():
        return {"kind": "fcm", "app": PHONE, "platform": "android",
                "token": secrets.token_urlsafe(12)}

    @staticmethod
    def _iphone():
        return {"kind": "apns", "app": IPHONE, "token": secrets.token_hex(32)}

    def _browser(self):
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
                for request in self._fake.requests(ended=True)
                if request.token != "token"]

    def _told(self, request):
        device, action, push, members, text = self._read(request)
        return Told(request.at, device, action, push,
                    request.status == TAKEN["status"], request.beside,
                    text + json.dumps(request.headers), sorted(members))

    def _read(self, request):
        headers, text = request.headers, request.body
        with self._lock:
            subscription = self._subscriptions.get(request.token)
        if subscription is not None:
            text = subscription.read(text)
        body = json.loads(text)
        if "message" in body:
            found = read_android(body["message"])
        elif "aps" in body:
            found = read_iphone(headers, body)
        else:
            found = (headers["topic"], "alert"
                     if headers["urgency"] == "high" else "quiet", body["id"],
                     set(body))
        return (*found, text.decode())


def find(folder, library, say):
    """What there can be of these."""
    reason = why_not() or (None if os.path.exists(library)
                           else "there is no " + library)
    if reason is None:
        return Provider(folder, library)
    say("SKIPPED: " + ", ".join(Provider.faults) + ", and pushes are only "
        "logged: " + reason)
    return Logged()
