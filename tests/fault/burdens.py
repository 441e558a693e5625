"""What one client or one damaged key may cost: itself, and nobody else.

A flooder sends small batches to one absent user without end, and single
messages to made-up ones; a few users have keys of another kind, and one row of
the cold store is of nobody. Meanwhile the mail of others must move to disk,
partitions must open and close, and what has expired must go. None of this is
in the History: what is left of it is taken away at the end.
"""
import contextlib
import sqlite3

from clients import Client

FLOODED = "x-flooded"
STRANGERS = [f"x-stranger-{n}" for n in range(100)]
# More in a row than failures that are taken for the store's.
FOREIGN = [f"urn:sm:user:x-foreign-{n}" for n in range(5)]
DAMAGED = "no urn"
PAUSE_S, TURNS_PER_ACK = 0.05, 20


class Flooder(Client):
    """Bounded load, no end; what is refused is refused."""

    def __init__(self, context):
        super().__init__(context, "s-flooder")
        self.flooded = context.user(FLOODED)
        self.turn = 0

    def live(self):
        while not self.context.is_over.is_set():
            if self.context.is_sending.is_set():
                self.send_some()
            self.pause(PAUSE_S)

    def send_some(self):
        self.turn += 1
        self.batch([FLOODED] * 10)
        if self.turn % 4 == 0:
            self.batch(self.random.sample(STRANGERS, 20))
        if self.turn % TURNS_PER_ACK == 0:
            self.empty(self.flooded)

    def batch(self, names):
        self.call("flood", self.user.call, "POST", "/api/send/batch",
                  {"envelopes": [{"recipientId": "urn:sm:user:" + name,
                                  "encryptedData": "eHh4eA=="}
                                 for name in names]})

    def empty(self, user):
        """Ack one page; (went well, was empty)."""
        answer = self.call("flooded pull", user.pull, limit=500)
        if answer is None or answer.status != 200:
            return False, False
        ids = [one["id"] for one in answer.json()["messages"]]
        if not ids:
            return True, True
        answer = self.call("flooded ack", user.ack, ids)
        return answer is not None and answer.status == 204, False

    def drain(self, others):
        """True when nothing waits any more of all that was sent."""
        for name in [FLOODED, *STRANGERS, *others]:
            user, is_empty = self.context.user(name), False
            while not is_empty:
                went_well, is_empty = self.empty(user)
                if not went_well:
                    return False
        return True


def packed(urn, envelope):
    """What a send would write (parts/unpack_entry.lua)."""
    return bytes((1, 0, len(urn), 0)) + bytes(8) + urn.encode() + envelope


class Damage:
    """Keys and a row that are not what they should be, for single users."""

    def __init__(self, stack, partitions):
        self.stack = stack
        self.prefixes = [f"wp:{{{n}}}:" for n in range(partitions)]

    def do(self):
        with self.stack.redis() as redis:
            for prefix in self.prefixes[1:]:
                for urn in FOREIGN:
                    # At once: workers run, and mend what they see half-done.
                    redis("MULTI")
                    redis("SET", prefix + "hot!:" + urn, "foreign")
                    redis("XADD", prefix + "hot:" + urn, "1-1", "x",
                          "99999999999999", "m", packed(urn, b"x"))
                    redis("ZADD", prefix + "migrate", "1", urn)
                    redis("ZADD", prefix + "expiry", "99999999999999", urn)
                    redis("EXEC")
        with self._store() as store:
            store.execute("INSERT INTO box (urn, partition, ver, n) "
                          "VALUES (?, 0, 1, 1)", (DAMAGED,))
            store.execute("INSERT INTO msg (urn, band, ms, seq, expires_ms, "
                          "json) VALUES (?, 0, 1, 1, 1, 'x')", (DAMAGED,))

    def mend(self):
        with self.stack.redis() as redis:
            for prefix in self.prefixes[1:]:
                for urn in FOREIGN:
                    redis("DEL", prefix + "hot!:" + urn, prefix + "hot:" + urn)
                redis("ZREM", prefix + "migrate", *FOREIGN)
                redis("ZREM", prefix + "expiry", *FOREIGN)
                redis("HDEL", prefix + "cold", *FOREIGN)
        with self._store() as store:
            for table in ("msg", "box"):
                store.execute(f"DELETE FROM {table} WHERE urn = ?",
                              (DAMAGED,))

    @contextlib.contextmanager
    def _store(self):
        store = sqlite3.connect(self.stack.path("waypost.db"), timeout=30)
        try:
            with store:
                yield store
        finally:
            store.close()


def is_moved(redis, name):
    """Is the mail of an absent user on disk, and no more in Redis?"""
    urn = "urn:sm:user:" + name
    is_cold = any(redis("HEXISTS", key, urn)
                  for key in redis("KEYS", "wp:{*}:cold"))
    return is_cold and not redis("KEYS", "wp:{*}:hot*:" + urn)
