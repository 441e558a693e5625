"""Several of everything: fair shares, rolling restarts, a bounded keyspace."""
import collections

from harness import PARTITIONS, SLOWNESS, wait_for
from test_faults import FaultTest

# What may stay for ever, once per partition or deployment, whatever is sent.
ONE_EACH = ("fence", "gate", "ingress", "dlq")
# Bounded by how many connections, workers or daemons there are just now.
BY_PROCESSES = ("live", "at:", "due:", "online:", "owner")
REBALANCED_WITHIN_S = 5


class Several(FaultTest):
    workers = 2
    websockets = 2
    pools = 2

    def shares(self):
        """How many partitions each worker owns, smallest first."""
        with self.stack.redis() as redis:
            owners = [redis("GET", f"wp:{{{p}}}:owner")
                      for p in range(PARTITIONS)]
        return sorted(collections.Counter(
            owner.split(b":")[1] for owner in owners if owner).values())

    def has_shares(self, *wanted):
        wait_for(lambda: self.shares() == list(wanted),
                 f"shares {wanted}, not {self.shares()}",
                 REBALANCED_WITHIN_S * SLOWNESS)

    def test_workers_share_fairly_as_they_come_and_go(self):
        half = PARTITIONS // 2

        def disturb(pairs):
            self.has_shares(half, half)
            self.assertEqual(self.stack.programs["worker-1"].stop(), 0)
            self.has_shares(PARTITIONS)
            self.flows(pairs)
            self.stack.restart("worker-1")
            self.has_shares(half, half)
        self.under_load(disturb)

    def test_rolling_restart_fails_nobody(self):
        def disturb(pairs):
            for name in ("worker-0", "websocket-0", "handlers", "websocket-1",
                         "handlers-1", "worker-1"):
                self.assertEqual(self.stack.programs[name].stop(), 0, name)
                self.flows(pairs)
                self.stack.restart(name)
                self.flows(pairs)
                self.assertEqual(self.failures(pairs), [], name)
            self.recovers()
        self.under_load(disturb)

    def test_keyspace_is_bounded_or_has_an_end(self):
        """When all is acked, what is left is fixed in number or expires."""
        users = [self.user() for _ in range(8)]
        sockets = [self.connect(user) for user in users[::2]]
        for socket in sockets:
            socket.expect("connected")
        for number in range(10):
            for user in users:
                self.assert_accepted(self.user().send(
                    user, b"x", {"Idempotency-Key": f"k-{number}"},
                    priority=number % 7))
        for user in users[1::2]:
            wait_for(lambda user=user: self.is_cold(user), "migration")
        for user in users:
            self.assert_status(user.ack(self.message_ids(user, 10)), 204)
        for socket in sockets:
            socket.abort()

        def is_bounded(redis, key):
            if redis("TTL", key) > 0 or not key.startswith(b"wp:{"):
                return True
            name = key.split(b"}:", 1)[1].decode()
            if name in ("ingress", "dlq"):
                return redis("XLEN", key) == 0
            return name in ONE_EACH or name.startswith(BY_PROCESSES)

        def unbounded():
            with self.stack.redis() as redis:
                return [key for key in redis("KEYS", "*")
                        if redis("EXISTS", key) and not is_bounded(redis, key)]
        wait_for(lambda: not unbounded(), f"keys to go: {unbounded()}")
        with self.stack.redis() as redis:
            other = {key.split(b":")[1] for key in redis("KEYS", "wp:*")
                     if not key.startswith(b"wp:{")}
        self.assertLessEqual(other, {b"meta", b"workers", b"inbox", b"ticket",
                                     b"daemon"})


class OnePool(FaultTest):
    def test_restart_of_the_only_handlers_is_resolved_by_repeats(self):
        def disturb(pairs):
            self.assertEqual(self.stack.programs["handlers"].stop(), 0)
            self.stack.restart("handlers")
            self.flows(pairs)
            # Nobody was there; the web server said so.
            self.assertLessEqual(
                set(self.failures(pairs)),
                {f"{what} {how}"
                 for what in ("send", "pull", "ack", "pull or ack")
                 for how in ("502", "503", "none")})
        self.under_load(disturb)
