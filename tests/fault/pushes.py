"""People who are away and are to be told that something waits.

One after the other: somebody registers a device, gets one message and does not
come. He acks it soon, before anybody could tell him, or when he was told, or
after the faults. What waypost-notifier would send stands in its log
(push.mode: log), and must keep what docs/push.md promises.
"""
import datetime
import hashlib
import hmac
import threading
import time

from clients import Client
from devkit.pushes import Pushes
from history import entry_of

SETTINGS = {"enabled": True, "apps": ["fault kind=fcm credentials_file=/x"],
            # Long enough to ack within it, and to see who is told all the same.
            "grace_ms": 3500, "inactive_ms": 2000, "claim_ms": 4000}
VAIN_S, WAIT_S = 2.0, 20.0
# What makes a claim end early, so that its push may come once more.
EXCUSES = ("notifier", "redis", "all", "disk", "clock")
# From the fault to the end of what it may have made lapse.
EXCUSED_S = 30.0
ACK_SOON_SHARE, LINGER_SHARE, LINGER_S = 0.4, 0.3, 9.0


def push_id(store_secret, device, entry):
    """Of a push about "<ms>-<seq>" to a device, as waypost-notifier names it.
    """
    key = hmac.new(store_secret.encode(), b"push id, version 1",
                   hashlib.sha256).digest()
    mac = bytearray(hmac.new(key, f"{device}|{entry}".encode(),
                             hashlib.sha256).digest()[:16])
    mac[6] = 0x80 | (mac[6] & 0x0f)
    mac[8] = 0x80 | (mac[8] & 0x3f)
    text = mac.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20],
                     text[20:]))


class Bout:
    """One message to one who is away."""

    def __init__(self, name, device, push, began=0.0):
        self.name = name
        self.device = device
        self.push = push  # the id of the push about the message
        self.began = began
        self.acked = None  # when the 204 was there

    def alerts(self, lines):
        return [at for at, device, action, push in lines
                if device == self.device and action == "alert"]


def in_vain(bouts, lines):
    """told_in_vain: an alert long after the only message was acked."""
    return [f"{bout.name} was told {at - bout.acked:.1f} s after he had acked"
            for bout in bouts if bout.acked is not None
            for at in bout.alerts(lines) if at > bout.acked + VAIN_S]


def twice(bouts, lines, marks):
    """twice: one push again, and nothing has died that would excuse it."""
    found = []
    for bout in bouts:
        times = sorted(bout.alerts(lines))
        for first, second in zip(times, times[1:]):
            if not any(first - EXCUSED_S < at <= second and
                       any(word in text for word in EXCUSES)
                       for at, text in marks):
                found.append(f"{bout.name} was told again after "
                             f"{second - first:.1f} s")
    return found


def untold(bouts, lines):
    """Who has a message that he was not told of."""
    told = {push for _, _, action, push in lines if action == "alert"}
    return [bout for bout in bouts
            if bout.acked is None and bout.push not in told]


class Away(Client):
    """Bounded load: one at a time; who was not told by then is left open."""

    def __init__(self, context, number):
        super().__init__(context, f"s-away-{number}")
        self.must_stop = threading.Event()
        self.pushes = Pushes(context.stack)
        self.pushes.new()
        self.bouts = []
        self.users = {}
        self.lines = []  # (at, device, action, push)
        self.number = 0
        self._lock = threading.Lock()
        self._began = time.time() - context.now()

    def live(self):
        while not self.is_to_end():
            if self.context.is_sending.is_set():
                self.one()
            self.pause(0.3)

    def is_to_end(self):
        return self.must_stop.is_set() or self.context.is_over.is_set()

    def stop(self):
        self.must_stop.set()
        self.join(60)

    def repeat(self, what, method, *arguments, good):
        """Until it is answered so, as clients do; None at the end."""
        while not self.is_to_end():
            answer = self.call(what, method, *arguments)
            if answer is not None and answer.status in good:
                return answer
            self.pause(0.2)
        return None

    def one(self):
        self.number += 1
        user = self.context.user(f"{self.name}-{self.number}")
        body = {"kind": "fcm", "token": "token-of-" + user.name,
                "deviceId": "phone"}
        answer = self.repeat("device", user.call, "POST", "/api/devices", body,
                             good=(200, 201))
        if answer is None:
            return
        device = answer.json()["device"]["id"]
        began = self.now()
        answer = self.repeat("away", self.user.send, user, b"x", [
            ("Idempotency-Key", user.name)], good=(202,))
        if answer is not None:
            self.follow(user, device, answer.json()["id"], began)

    def follow(self, user, device, message_id, began):
        secret = self.context.stack.store_secret
        ms, seq = entry_of(message_id)
        bout = Bout(user.name, device, push_id(secret, device, f"{ms}-{seq}"),
                    began)
        with self._lock:
            self.bouts.append(bout)
        self.users[bout.name] = user, message_id
        if self.random.random() >= ACK_SOON_SHARE:
            self.wait_while(lambda: self.is_untold(bout), WAIT_S)
            if self.random.random() < LINGER_SHARE:
                self.wait_while(lambda: True, LINGER_S)
        if not self.is_to_rest():
            self.ack(bout, user, message_id)

    def is_to_rest(self):
        """Then what is open stays open."""
        return self.is_to_end() or not self.context.is_sending.is_set()

    def wait_while(self, claim, seconds):
        end = self.now() + seconds
        while not self.is_to_rest() and self.now() < end and claim():
            self.pause(0.1)

    def ack(self, bout, user, message_id):
        if self.repeat("away ack", user.ack, [message_id], good=(204,)):
            bout.acked = self.now()

    def ack_all(self):
        """What was left open; from the main thread, when all is quiet."""
        for bout in self.bouts:
            if bout.acked is None:
                user, message_id = self.users[bout.name]
                answer = self.call("away ack", user.ack, [message_id])
                if answer is None or answer.status != 204:
                    return False
                bout.acked = self.now()
        return True

    # ---- judging ----

    def read(self):
        with self._lock:
            for line in self.pushes.new():
                at = datetime.datetime.fromisoformat(
                    line["time"].replace("Z", "+00:00")).timestamp()
                self.lines.append((at - self._began, line["device"],
                                   line["action"], line["push"]))
            return list(self.lines)

    def is_untold(self, bout):
        return bool(untold([bout], self.read()))

    def judged(self):
        """Those whom a clock of Redis that was wrong has not put off: what it
        noted as due when it was ahead is due then."""
        return [bout for bout in self.bouts
                if not self.context.clock_was_wrong("redis", bout.began)]

    def all_told(self):
        return not untold(self.judged(), self.read())

    def judge(self):
        """[(kind, sentence)], when everything has settled."""
        lines = self.read()
        found = [("untold", f"{bout.name} was never told")
                 for bout in untold(self.judged(), lines)]
        found += [("told_in_vain", text)
                  for text in in_vain(self.bouts, lines)]
        return found + [("twice", text) for text in twice(
            self.bouts, lines, self.history.marks)]
