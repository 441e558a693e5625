"""Two notifiers, and then one: nobody is told twice, and nobody is left."""
from harness import PATIENCE_S, envelope, wait_for
from pushed import LiveTest

USERS = 60
FEW = 16  # too few failures to take their provider for broken
# Within it all are asked, however busy the host is.
TIMEOUT_MS = 4000
# So long the provider takes, so that requests are under way at any time.
DELAY_MS = 100


class Two(LiveTest):
    # A claim lapses soon, so that it is seen what becomes of it.
    push = {"timeout_ms": TIMEOUT_MS, "claim_ms": 3 * TIMEOUT_MS,
            "rates": ["web=1000/100"]}
    how = {"notifiers": 2}

    def setUp(self):
        self.addCleanup(self.provider.tell, "*", {"status": 201})
        self.provider.tell("*", {"status": 201, "delay": DELAY_MS})

    def kill(self, name):
        self.stack.kill(name)
        self.addCleanup(self.stack.restart, name)

    def crowd(self, n=USERS):
        users = [self.user("away") for _ in range(n)]
        for user in users:
            user.phone = self.subscribe(user)
        return users

    def taken(self, user):
        """Those that the provider took."""
        return [one for one in self.asked(user.phone.token)
                if one.status == 201]

    def wait_all_told(self, users):
        """Also those whom the living have to try again."""
        wait_for(lambda: all(self.taken(user) for user in users),
                 lambda: "untold: " + ", ".join(
                     user.name for user in users if not self.taken(user)),
                 3 * PATIENCE_S)

    def asked_by(self, name):
        return sum(value for key, value in self.metrics(name).items()
                   if key.startswith("waypost_push_sent_total"))

    def test_both_tell_and_nobody_is_told_twice(self):
        before = [self.asked_by(f"notifier-{i}") for i in range(2)]
        users = self.crowd()
        for user in users:
            self.send(user)
        self.wait_all_told(users)
        for user in users:
            wait_for(lambda one=user: self.entry(one) is None, "it is done")
        self.assertEqual([len(self.asked(user.phone.token))
                          for user in users], [1] * USERS)
        self.assertEqual([one.beside for user in users
                          for one in self.asked(user.phone.token)],
                         [0] * USERS)
        for i in range(2):
            wait_for(lambda n=i: self.asked_by(f"notifier-{n}") > before[n],
                     "both have told some")

    def test_what_one_was_about_to_tell_when_it_died_the_other_tells(self):
        """The push is the same, so that a device shows one."""
        self.provider.tell("*", {"act": "stall"})
        users = self.crowd(FEW)
        before = self.provider.count("*")
        # All at once, or the first would be tried twice in vain before the
        # last is asked: the next try of those is minutes away.
        self.assert_status(self.user("sender").call(
            "POST", "/api/send/batch",
            {"envelopes": [envelope(user.urn) for user in users]}), 202)
        wait_for(lambda: self.provider.count("*") >= before + FEW,
                 "all are asked")
        self.kill("notifier-0")
        self.provider.tell("*", {"status": 201})
        self.wait_all_told(users)
        for user in users:
            asked = self.asked(user.phone.token)
            self.assertEqual([one.status for one in asked], [None, 201])
            self.assertEqual([one.beside for one in asked], [0, 0])
            self.assertEqual(len(set(map(user.phone.push_of, asked))), 1)

    def test_a_claim_must_outlast_its_requests(self):
        for claim_ms, expected in ((3 * TIMEOUT_MS - 1, 1),
                                   (3 * TIMEOUT_MS, 0)):
            status, said = self.run_beside(
                "waypost-notifier", "--check",
                WAYPOST_PUSH_CLAIM_MS=str(claim_ms))
            self.assertEqual(status, expected, said)
            self.assertEqual("push.claim_ms" in said, bool(expected), said)

    def test_the_share_of_a_dead_one_is_looked_at(self):
        users = self.crowd()
        self.kill("notifier-1")
        for user in users:
            self.send(user)
        self.wait_all_told(users)
        self.assertEqual({len(self.asked(user.phone.token))
                          for user in users}, {1})
