"""When nobody was told for a while, or a provider says "later": whoever waits
is told once, and never faster than the provider is to be asked.

A piece of each; outages.py has them at full length, with figures.
"""
import time

from devkit.user import envelope
from devkit.webpush import Subscription
from harness import SLOWNESS, in_threads, wait_for
from pushed import LiveTest

BATCH, AT_ONCE = 100, 4
# notifier/lane/rate.h: it begins at a tenth, and doubles each quarter minute.
RAMP = (0.1, 0.2, 0.4, 0.8)
RAMP_STEP_S = 15
# Beside what the ramp gives: slots that are taken ahead, and rounding.
AHEAD_S = 1.0
CONNECTIONS = 2  # to one host
LATER_S = 2


def ramp(rate, seconds):
    """How many requests there may be in the first so many seconds."""
    there_may = 0.0
    for share in RAMP:
        step = min(seconds, RAMP_STEP_S)
        there_may += share * rate * step
        seconds -= step
    return there_may + rate * seconds


class OutageTest(LiveTest):
    """Many users with a device each, told by one provider."""

    users, rounds, rate, at_once = 120, 2, 200, 32
    patience_s = 90 * SLOWNESS

    @classmethod
    def make_stack(cls):
        cls.push = {"rates": [f"web={cls.rate}/{cls.at_once}"]}
        return super().make_stack()

    def setUp(self):
        self.addCleanup(self.provider.tell, "*", {"status": 201})
        self.provider.tell("*", {"status": 201})

    def crowd(self, prefix, n):
        """Users, each with .token of his device; all have the same keys."""
        self.reader = Subscription(self.endpoint("x"))
        keys = self.reader.to_json()["keys"]
        users = [self.user(prefix) for _ in range(n)]

        def register(part):
            for user in part:
                user.push_token = "of-" + user.name
                answer = user.call("POST", "/api/devices", {
                    "kind": "webpush", "deviceId": "browser",
                    "endpoint": self.endpoint(user.push_token), **keys})
                self.assert_status(answer, 201)
        in_threads([lambda part=users[i::AT_ONCE]: register(part)
                    for i in range(AT_ONCE)])
        return users

    def send_to_all(self, users):
        """In this order."""
        sender = self.user("sender")
        for i in range(0, len(users), BATCH):
            answer = sender.call("POST", "/api/send/batch", {
                "envelopes": [envelope(user.urn, b"x")
                              for user in users[i:i + BATCH]]})
            self.assert_status(answer, 202)

    def all_asked(self):
        """Every request so far, oldest first."""
        self.asked("")
        return list(self.provider.seen)

    def wait_all_told(self, users):
        """How the provider was asked for them, in order."""
        tokens = {user.push_token for user in users}

        def told():
            return [request for request in self.all_asked()
                    if request.token in tokens and request.status == 201]
        wait_for(lambda: len({one.token for one in told()}) == len(tokens),
                 lambda: f"{len(tokens)} are told, not {len(told())}",
                 self.patience_s)
        return [request for request in self.all_asked()
                if request.token in tokens]

    def assert_no_burst(self, requests):
        """Whoever is late may be; nobody may be early."""
        for n, one in enumerate(requests):
            seconds = one.at - requests[0].at
            self.assertLessEqual(n, ramp(self.rate, seconds + AHEAD_S) + 1,
                                 f"{seconds:.2f} s")


class Outage(OutageTest):
    def test_all_are_told_once_when_it_is_over(self):
        users = self.crowd("away", self.users)
        self.stack.programs["notifier-0"].stop()
        for _ in range(self.rounds):
            self.send_to_all(users)
        self.messages(users[-1], self.rounds)
        usual = self.send_times()
        self.stack.restart("notifier-0")
        beside = self.send_times()
        requests = self.wait_all_told(users)

        self.assert_one_a_box(requests)
        self.assert_no_burst(requests)
        self.compare(requests, users, usual, beside)

    def assert_one_a_box(self, requests):
        """But what is under way on a connection that ends, which node does
        after some thousand requests, libcurl asks again; as the same push."""
        again = self.repeated(requests)
        self.assertEqual([one for one in again if not one[1]], [])
        ended = max(0, self.provider.connections() - CONNECTIONS)
        self.assertLessEqual(len(again), ended * self.at_once, again)

    def repeated(self, requests):
        """[(seconds after the one before, is it the same push?, status)]"""
        last, found = {}, []
        for one in requests:
            before = last.get(one.token)
            if before is not None:
                found.append((one.at - before.at, self.reader.push_of(one) ==
                              self.reader.push_of(before), before.status))
            last[one.token] = one
        return found

    def send_times(self):
        sender, to = self.user("sender"), self.user("nobody")
        seconds = []
        for _ in range(300):
            began = time.monotonic()
            self.assert_accepted(sender.send(to))
            seconds.append(time.monotonic() - began)
        return seconds

    def compare(self, requests, users, usual, beside):
        """Of use where a machine does nothing else."""


class Later(OutageTest):
    at_once = 1  # none is under way when it says so
    users = 40
    enough = 4  # the others have a minute to come

    def test_nothing_is_asked_until_then(self):
        users = self.crowd("later", self.users)
        before = len(self.all_asked())
        self.provider.tell("*", {"status": 429,
                                 "headers": {"retry-after": str(LATER_S)}},
                           {"status": 201})
        self.send_to_all(users)
        wait_for(lambda: len(self.all_asked()) > before + self.enough,
                 lambda: f"{self.enough} more: {self.all_asked()[before:]}",
                 self.patience_s)
        first, *others = self.all_asked()[before:]
        self.assertEqual(first.status, 429)
        self.assertGreaterEqual(min(one.at for one in others) - first.at,
                                LATER_S)
        self.assert_no_burst(others)


class Gone(OutageTest):
    users = 40

    def test_only_those_go_that_are_gone(self):
        users = self.crowd("gone", self.users)
        dead = users[::10]
        for user in dead:
            self.provider.tell(user.push_token, {"status": 410})
        self.send_to_all(users)
        self.wait_all_told([one for one in users if one not in dead])
        for user in users:
            expected = "gone" if user in dead else "active"
            wait_for(lambda one=user, state=expected: self.state(one) == state,
                     lambda one=user, state=expected:
                     f"{one.name} is {state}, not {self.state(one)}")

    def state(self, user):
        answer = user.call("GET", "/api/devices")
        self.assert_status(answer, 200)
        return answer.json()["devices"][0]["state"]
