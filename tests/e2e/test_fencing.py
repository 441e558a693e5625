"""A worker that was stopped past its lease changes nothing when it wakes up.

Not under random load but at the worst moment: its copy of a mailbox is taken,
its write to the cold store is about to happen, and meanwhile another worker has
moved the mailbox and its user has acked everything.
"""
import collections
import signal
import sqlite3

from harness import E2eTest, PARTITIONS, SLOWNESS, new_stack, wait_for

LEASE_PATIENCE_S = 15 * SLOWNESS
COPY_PATIENCE_S = 5 * SLOWNESS
HOLD_UPS = 3


class Fencing(E2eTest):
    timeout_s = 120

    @classmethod
    def make_stack(cls):
        # The write waits for as long as the test needs.
        return new_stack({"store": {"busy_timeout_ms": 60000}}, workers=2)

    def cold_store(self):
        return sqlite3.connect(self.stack.path("waypost.db"), timeout=30,
                               isolation_level=None)

    def cold_rows(self, user):
        database = self.cold_store()
        try:
            return database.execute(
                "SELECT count(*) FROM msg WHERE urn = ?",
                (user.urn,)).fetchone()[0]
        finally:
            database.close()

    def has_hint(self, user):
        with self.stack.redis() as redis:
            return any(redis("HEXISTS", key, user.urn)
                       for key in redis("KEYS", "wp:*:cold"))

    def owners(self):
        """All leases in force, as (partition, owner value)."""
        with self.stack.redis() as redis:
            values = {(p, redis("GET", f"wp:{{{p}}}:owner"))
                      for p in range(PARTITIONS)}
        return {(p, value) for p, value in values if value}

    def workers(self):
        return set(self.shares())

    def shares(self):
        """{worker: how many partitions it has}"""
        return collections.Counter(value.split(b":")[1]
                                   for _, value in self.owners())

    def hold_up_a_write(self, lock, bob):
        """A worker hangs between its copy (M2, which sets the hint) and its
        write (M3); the ids of what it has copied."""
        for _ in range(HOLD_UPS):
            lock.execute("BEGIN IMMEDIATE")
            ids = [self.assert_accepted(self.user().send(bob, b"old"))
                   for _ in range(3)]
            try:
                wait_for(lambda: self.has_hint(bob), "the copy is taken",
                         COPY_PATIENCE_S)
                return ids
            except AssertionError:
                # It hangs in another write, which came to its mind before.
                lock.execute("ROLLBACK")
            wait_for(lambda: self.is_cold(bob), "it is moved all the same")
            self.assert_status(bob.ack(ids), 204)
            self.assertFalse(self.has_hint(bob))
        return self.fail("no copy is taken")

    def test_write_that_was_held_up_past_the_lease_is_refused(self):
        sleeper = self.stack.programs["worker-0"]
        self.assertEqual(self.stack.programs["worker-1"].stop(), 0)
        wait_for(lambda: len(self.owners()) == PARTITIONS and
                 len(self.workers()) == 1, "one worker owns all")
        before = self.owners()
        alice, bob = self.user(), self.user()
        # A mailbox on disk that has a version already.
        first = self.assert_accepted(alice.send(bob, b"first"))
        wait_for(lambda: self.is_cold(bob), "it is on disk")
        self.assertEqual(self.message_ids(bob, 1), [first])
        self.assert_status(bob.ack([first]), 204)
        self.assertFalse(self.has_hint(bob))

        lock = self.cold_store()
        self.addCleanup(lock.close)
        old = self.hold_up_a_write(lock, bob)
        self.freeze(sleeper.pid)
        lock.execute("ROLLBACK")

        # Another one takes over; everything old is read and acked.
        self.stack.restart("worker-1")
        wait_for(lambda: self.is_cold(bob), "the other worker has moved it",
                 LEASE_PATIENCE_S)
        self.assertEqual(self.message_ids(bob, 3), old)
        self.assert_status(bob.ack(old), 204)
        self.assert_nothing_waits(bob)
        new = [self.assert_accepted(alice.send(bob, b"new"))]
        wait_for(lambda: self.is_cold(bob), "the new one is moved")
        new.append(self.assert_accepted(alice.send(bob, b"newer")))

        sleeper.signal(signal.SIGCONT)

        # Once it moves mailboxes again, its old write has come to its end.
        wait_for(lambda: len(self.workers()) == 2, "it is a worker again")
        others = [self.user() for _ in range(4 * PARTITIONS)]
        for other in others:
            self.assert_accepted(alice.send(other, b"marker"))
        for other in others:
            wait_for(lambda o=other: self.is_cold(o), "it moves mailboxes")
        wait_for(lambda: self.is_cold(bob), "the newest is moved")
        self.assertEqual(self.cold_rows(bob), 2)
        self.assertEqual(self.message_ids(bob, 2), new)
        self.assertFalse(before & self.owners(),
                         "an old lease is in force again")
        self.assert_status(bob.ack(new), 204)
        self.assert_nothing_waits(bob)

    def leases_lost(self):
        """As worker-0 counts them itself."""
        return self.stack.metric("worker-0",
                                 "waypost_worker_leases_lost_total")

    def test_worker_that_slept_gives_its_leases_up_and_reorders_nothing(self):
        sleeper = self.stack.programs["worker-0"]
        # Not before that: who has too much gives it back by and by.
        wait_for(lambda: list(self.shares().values()) == [PARTITIONS // 2] * 2,
                 "both have their share")
        lost_before = self.leases_lost()
        before = self.owners()
        alice = self.user()
        bobs = [self.user() for _ in range(2 * PARTITIONS)]
        sleeper.signal(signal.SIGSTOP)
        self.addCleanup(sleeper.signal, signal.SIGCONT)
        wait_for(lambda: len(self.workers()) == 1 and
                 len(self.owners()) == PARTITIONS,
                 "the other worker owns all", LEASE_PATIENCE_S)
        taken = before - self.owners()
        self.assertEqual(len(taken), PARTITIONS // 2)

        sent = {bob: [self.assert_accepted(alice.send(bob, b"%d" % n))
                      for n in range(5)] for bob in bobs}
        sleeper.signal(signal.SIGCONT)
        for bob in bobs:
            sent[bob] += [self.assert_accepted(alice.send(bob, b"%d" % n))
                          for n in range(5, 10)]

        for bob in bobs:
            self.assertEqual(self.message_ids(bob, 10), sent[bob])
        wait_for(lambda: self.leases_lost() - lost_before >= len(taken),
                 "it knows what it has lost")
        wait_for(lambda: len(self.workers()) == 2, "both have a share again")
        self.assertFalse(taken & self.owners(),
                         "an old lease is in force again")
