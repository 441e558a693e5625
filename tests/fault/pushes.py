"""People who are away and are to be told that something waits.

One after the other: somebody registers a device, gets one message and does not
come. He acks it soon, before anybody could tell him, or when he was told, or
after the faults; a few get another message once they were told. What their
provider sees (providing.py) must keep what docs/push.md promises. A service of
the operator's own, which reads the bus, must have been told of whoever was not
there.
"""
import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time

from clients import Client
from history import entry_of
from devkit.redis import RedisError
from providing import HOST, TIMEOUT_MS

SETTINGS = {"enabled": True,
            # Long enough to ack within it, and to see who is told all the same.
            "grace_ms": 4500, "inactive_ms": 2000,
            "claim_ms": 3 * TIMEOUT_MS}
# A request is begun within a second of the look at what waits, and repeated by
# libcurl within its time. An ack is older than it looks.
VAIN_S, WAIT_S = 1.3 + TIMEOUT_MS / 1000, 20.0
# What makes a claim end early, or an answer be lost, so that a push may come
# once more.
EXCUSES = ("notifier", "redis", "all", "disk", "clock", "provider", "dns")
# From the fault to the end of what it may have made lapse.
EXCUSED_S = 30.0
# Nothing holds up a request that has left, so a process that stands still may
# be late with one.
STANDS_STILL_S = 15.0
# From the first push to the second, whatever comes meanwhile, and how much
# earlier it may look so to the provider.
LADDER_S, EARLY_S = 30.0, 1.0
FAILING_S = 6.0  # no provider fails for longer
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

    def __init__(self, name, device, push, began=0.0, urn=""):
        self.name = name
        self.urn = urn
        self.device = device
        self.push = push  # the id of the push about the message
        self.began = began
        self.acked = None  # when the 204 was there

    def alerts(self, pushes):
        return sorted((push for push in pushes if push.device == self.device
                       and push.action == "alert"), key=lambda push: push.at)


def is_excused(marks, since, until, words, kind=""):
    return any(since < at <= until and text.startswith(kind) and
               any(word in text for word in words) for at, text in marks)


def stood_still(marks, at):
    return is_excused(marks, at - STANDS_STILL_S, at, ("notifier", "all"),
                      "stop")


def in_vain(bouts, pushes, marks):
    """told_in_vain: an alert long after the only message was acked."""
    return [f"{bout.name} was told {push.at - bout.acked:.1f} s after he had "
            "acked"
            for bout in bouts if bout.acked is not None
            for push in bout.alerts(pushes)
            if push.at > bout.acked + VAIN_S and
            not stood_still(marks, push.at)]


def twice(bouts, pushes, marks):
    """twice: one push again, and nothing has died that would excuse it; or two
    to one device at once."""
    found = []
    for bout in bouts:
        alerts = bout.alerts(pushes)
        last = {}  # by the id of the push
        for push in alerts:
            before = last.get(push.push)
            if before is not None and not is_excused(
                    marks, before - EXCUSED_S, push.at, EXCUSES):
                found.append(f"{bout.name} was told again after "
                             f"{push.at - before:.1f} s")
            last[push.push] = push.at
        found += [f"{bout.name} was told twice at once, at {push.at:.1f}"
                  for push in alerts
                  if push.beside > 0 and not stood_still(marks, push.at)]
    return found


def stormed(bouts, pushes, marks):
    """stormed: another push before the ladder has one."""
    found = []
    for bout in bouts:
        alerts = bout.alerts(pushes)
        found += [f"{bout.name} was told of more after "
                  f"{push.at - alerts[0].at:.1f} s" for push in alerts[1:]
                  if push.push != alerts[0].push and
                  push.at < alerts[0].at + LADDER_S - EARLY_S and
                  not is_excused(marks, alerts[0].at - EXCUSED_S, push.at,
                                 EXCUSES)]
    return found


def untold(bouts, pushes):
    """Who has a message that he was not told of, as far as his provider knows.
    """
    told = {push.push for push in pushes
            if push.action == "alert" and push.was_taken}
    return [bout for bout in bouts
            if bout.acked is None and bout.push not in told]


def unheard(bouts, heard):
    """Whose message the bus was not told of; heard: the URNs of whom it was.
    """
    return [bout for bout in bouts
            if bout.acked is None and bout.urn not in heard]


def recipient_of(payload):
    """Of an entry of the bus."""
    request = json.loads(base64.b64decode(json.loads(payload)["payload"]))
    return request["recipientId"]


def has_failed_twice(bout, marks):
    """May it have been tried twice in vain? The next try is minutes away."""
    return sum(at > bout.began - FAILING_S and
               text.startswith(("provider", "dns"))
               for at, text in marks) > 1


class Away(Client):
    """Bounded load: one at a time; who was not told by then is left open."""

    def __init__(self, context, number):
        super().__init__(context, f"s-away-{number}")
        self.must_stop = threading.Event()
        self.seen = context.seen
        self.bouts = []
        self.users = {}
        self.number = 0

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
        body = {**self.context.provider.device(), "deviceId": "phone"}
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
                    began, user.urn)
        self.bouts.append(bout)
        ids = [message_id]
        self.users[bout.name] = user, ids
        if self.random.random() >= ACK_SOON_SHARE:
            self.wait_while(lambda: self.is_untold(bout), WAIT_S)
            if self.random.random() < LINGER_SHARE:
                self.send_more(bout, user, ids)
                self.wait_while(lambda: True, LINGER_S)
        if not self.is_to_rest():
            self.ack(bout, user, ids)

    def send_more(self, bout, user, ids):
        """To who was told already, so that he is told later."""
        if self.is_to_rest() or self.is_untold(bout):
            return
        answer = self.repeat("away", self.user.send, user, b"y", [
            ("Idempotency-Key", user.name + "-more")], good=(202,))
        if answer is not None:
            ids.append(answer.json()["id"])

    def is_to_rest(self):
        """Then what is open stays open."""
        return self.is_to_end() or not self.context.is_sending.is_set()

    def wait_while(self, claim, seconds):
        end = self.now() + seconds
        while not self.is_to_rest() and self.now() < end and claim():
            self.pause(0.1)

    def ack(self, bout, user, ids):
        if self.repeat("away ack", user.ack, ids, good=(204,)):
            bout.acked = self.now()

    def ack_all(self):
        """What was left open; from the main thread, when all is quiet."""
        for bout in self.bouts:
            if bout.acked is None:
                user, ids = self.users[bout.name]
                answer = self.call("away ack", user.ack, ids)
                if answer is None or answer.status != 204:
                    return False
                bout.acked = self.now()
        return True

    # ---- judging ----

    def is_untold(self, bout):
        return bool(untold([bout], self.seen.look()))

    def judged(self):
        """Those whom nothing but a bug has put off: what a clock of Redis that
        was wrong noted as due when it was ahead is due then."""
        return [bout for bout in self.bouts
                if not self.context.clock_was_wrong("redis", bout.began) and
                not has_failed_twice(bout, self.history.marks)]

    def all_told(self):
        return not untold(self.judged(), self.seen.look()) and \
            not self.unheard()

    def unheard(self):
        """By the bus, where there is one; the clock of Redis is its own."""
        heard = self.seen.heard()
        return [] if heard is None else unheard(
            [bout for bout in self.bouts if not
             self.context.clock_was_wrong("redis", bout.began)], heard)

    def judge(self):
        """[(kind, sentence)], when everything has settled."""
        pushes, marks = self.seen.look(), self.history.marks
        found = [("untold", f"{bout.name} was never told")
                 for bout in untold(self.judged(), pushes)]
        found += [("untold", f"the bus was never told of {bout.name}")
                  for bout in self.unheard()]
        for kind, judge in (("told_in_vain", in_vain), ("twice", twice),
                            ("stormed", stormed)):
            found += [(kind, text)
                      for text in judge(self.bouts, pushes, marks)]
        return found


class Seen:
    """What the provider has seen of all of them, by the clock of the run."""

    def __init__(self, context):
        self._context = context
        self._provider = context.provider
        self._lock = threading.Lock()
        self._began = time.time() - context.now()
        self._pushes = []
        self._heard, self._last = set(), "-"

    def look(self):
        with self._lock:
            for push in self._provider.new():
                push.at -= self._began
                self._pushes.append(push)
            return list(self._pushes)

    def heard(self):
        """Of whom the bus was told so far, by their URNs; None: there is none.
        What Redis loses a service has read, if it was there in time: so it is
        looked at again and again.
        """
        if self._provider.bus == "none":
            return None
        with self._lock, contextlib.suppress(OSError, RedisError):
            with self._context.stack.redis() as redis:
                for entry, fields in redis("XRANGE", "wp:push", self._last,
                                           "+"):
                    self._heard.add(recipient_of(fields[1]))
                    self._last = "(" + entry.decode()
        return self._heard

    def leaked(self, bouts):
        """[sentence]: leaked, into a request or a log."""
        words = {"urn:", *(bout.name for bout in bouts)}
        found = [f"a push has {word!r}" for push in self.look()
                 for word in words if word in push.text]
        found += [f"a push has the members {', '.join(push.members)}"
                  for push in self.look() if push.has_more]
        for i in range(self._context.stack.notifier_count):
            log = self._context.stack.read_log(f"notifier-{i}")
            found += [f"the log of notifier-{i} has {word!r}"
                      for word in words | {HOST} if word in log]
        return sorted(set(found))
