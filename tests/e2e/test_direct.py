"""Messages for who is away go to disk straight from ingress, and whoever comes
back meanwhile does not wait for the disk."""
import contextlib
import sqlite3

from harness import SLOWNESS, E2eTest, new_stack, wait_for

USERS, EACH = 20, 3


class Direct(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"push": {"enabled": True},
                          "store": {"busy_timeout_ms": 60000}},
                         notifiers=0)

    @contextlib.contextmanager
    def locked_store(self):
        """Nobody can write to it meanwhile."""
        database = sqlite3.connect(self.stack.path("waypost.db"),
                                   isolation_level=None)
        with contextlib.closing(database):
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("ROLLBACK")

    def rows(self, user):
        with contextlib.closing(
                sqlite3.connect(self.stack.path("waypost.db"))) as store:
            return store.execute("SELECT count(*) FROM msg WHERE urn = ?",
                                 (user.urn,)).fetchone()[0]

    def send(self, user, *texts):
        sender = self.user()
        return [self.assert_accepted(sender.send(user, text))
                for text in texts]

    def in_ingress(self):
        with self.stack.redis() as redis:
            return sum(redis("XLEN", key)
                       for key in redis("KEYS", "wp:{*}:ingress"))

    def straight(self):
        """How many messages went straight to disk."""
        return self.stack.metric("worker-0",
                                 "waypost_worker_direct_messages_total")

    def hurry(self):
        """Something has landed, so that the store is known to be fast."""
        bob = self.user()
        self.send(bob, b"x")
        wait_for(lambda: self.rows(bob) == 1, "it lands")

    def test_who_is_away_has_all_of_it_on_disk_and_nothing_in_hot(self):
        self.hurry()
        before = self.straight()
        users = [self.user() for _ in range(USERS)]
        sent = {user.urn: self.send(user, *[b"%d" % i for i in range(EACH)])
                for user in users}
        wait_for(lambda: all(self.rows(user) == EACH for user in users),
                 "all of it is on disk")
        # What met a slow moment of the disk goes the long way, and is on disk
        # before it leaves hot.
        for key in ("waits", "tries", "migrate"):
            wait_for(lambda k=key: not self.redis_keys("wp:{*}:" + k),
                     f"no {key}")
        self.assertEqual(self.in_ingress(), 0)
        self.assertGreater(self.straight(), before)
        for user in users:
            self.assertEqual(self.message_ids(user, EACH), sent[user.urn])
            self.assert_status(user.ack(sent[user.urn]), 204)
            self.assertEqual(user.pull().json()["messages"], [])
        # They have a version now that Redis does not know.
        again = self.send(users[0], b"again")
        wait_for(lambda: self.rows(users[0]) == 1, "it lands again")
        self.assertEqual(self.message_ids(users[0], 1), again)

    def test_who_comes_back_does_not_wait_for_a_locked_store(self):
        self.hurry()
        bob, amy = self.user(), self.user()
        with self.locked_store():
            ids = self.send(bob, b"1", b"2")
            socket = self.connect(bob)
            socket.expect("connected")
            ids += self.send(bob, b"3")
            self.messages(bob, 3)
            self.assertEqual(self.message_ids(bob, 3), ids)
            # While nothing lands, all take the long way.
            others = self.send(amy, b"1")
            self.messages(amy, 1)
        wait_for(lambda: self.in_ingress() == 0, "ingress is empty")
        self.assertEqual(self.message_ids(bob, 3), ids)
        self.assertEqual(self.message_ids(amy, 1), others)
        wait_for(lambda: self.rows(amy) == 1, "the rest goes to disk", 60)
        self.assertEqual(self.message_ids(amy, 1), others)
        self.assert_status(bob.ack(ids), 204)
        self.assertEqual(bob.pull().json()["messages"], [])
        self.hurry()
        wait_for(lambda: self.in_ingress() == 0, "ingress is empty again")
        self.assertEqual(bob.pull().json()["messages"], [])
        self.assertEqual(self.rows(bob), 0)
        self.assert_status(amy.ack(others), 204)

    def test_who_comes_back_to_nothing_new_does_not_either(self):
        self.hurry()
        bob = self.user()
        with self.locked_store():
            ids = self.send(bob, b"1", b"2")
            socket = self.connect(bob)
            socket.expect("connected")
            self.messages(bob, 2)
            self.assertEqual(self.message_ids(bob, 2), ids)
            self.assertEqual(self.rows(bob), 0)
            ids += self.send(bob, b"3")
            self.messages(bob, 3)
            self.assertEqual(self.message_ids(bob, 3), ids)
        wait_for(lambda: self.in_ingress() == 0, "ingress is empty")
        self.assertEqual(self.message_ids(bob, 3), ids)
        self.assert_status(bob.ack(ids), 204)
        self.assertEqual(bob.pull().json()["messages"], [])

    def test_a_message_to_oneself_that_is_acked_at_once_stays_away(self):
        bob = self.user()
        for turn in range(USERS):
            message = self.assert_accepted(bob.send(bob, b"%d" % turn))
            self.assert_status(bob.ack([message]), 204)
        wait_for(lambda: self.in_ingress() == 0, "ingress is empty")
        self.assertEqual(bob.pull().json()["messages"], [])
        self.hurry()
        self.assertEqual(self.rows(bob), 0)
        self.assertEqual(bob.pull().json()["messages"], [])

    def test_a_notification_can_be_followed_at_once(self):
        """A phone that is woken up pulls, and does not connect."""
        seen = {}

        def due():
            with self.stack.redis() as redis:
                return [urn.decode()
                        for key in redis("KEYS", "wp:{*}:pushdue")
                        for urn in redis("ZRANGE", key, "0", "-1")]

        users = [self.user() for _ in range(USERS)]
        for user in users:
            self.send(user, b"x")
            wait_for(lambda urn=user.urn: urn in due(), "an entry",
                     10 * SLOWNESS)
            seen[user.urn] = len(user.pull().json()["messages"])
        self.assertEqual(set(seen.values()), {1})
