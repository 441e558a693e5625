"""READY means that a send would be accepted; asking for it costs little."""
import re
import signal
import time

from harness import E2eTest, end_stack, in_threads, new_stack, wait_for

PROBES = 200
LOOK_HOLDS_S = 1.2  # what a process, or a thread of it, believes at most
RELOADS, CROWD = 5, 8
MANY = 1500  # partitions; more than one look asks for


class Ready(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"mailbox": {"partitions": MANY}})

    @classmethod
    def tearDownClass(cls):
        complaints = end_stack(cls.stack)
        assert not complaints, complaints

    def redis(self, *words):
        with self.stack.redis() as redis:
            return redis(*words)

    def probe(self):
        return self.stack.http().request("GET", "/readyz")

    def probes(self):
        """Enough to ask every process, as a rule."""
        return [self.probe() for _ in range(10)]

    def wait_until(self, status):
        wait_for(lambda: all(answer.status == status
                             for answer in self.probes()),
                 f"/readyz is {status}")

    def wait_for_all(self, status):
        """Until nobody can believe any more what was true before."""
        begun = time.monotonic()
        wait_for(lambda: time.monotonic() - begun > LOOK_HOLDS_S,
                 "what was seen before is too old")
        self.wait_until(status)

    def check_not_ready(self, begin, end):
        """READY must go while begin is in force, and come back after end.

        begin: a command for Redis, or what else is to be called
        """
        self.wait_until(200)
        self.addCleanup(self.redis, *end)
        if callable(begin):
            begin()
        else:
            self.redis(*begin)
        self.wait_for_all(503)
        self.assert_error(self.probe(), 503, "not_ready")
        self.assertNotEqual(self.user().send(self.user()).status, 202)
        self.redis(*end)
        self.wait_until(200)

    def processes(self):
        parent = self.stack.programs["handlers"].pid
        with open(f"/proc/{parent}/task/{parent}/children",
                  encoding="ascii") as file:
            return set(file.read().split())

    def test_a_reload_is_no_reason_to_be_taken_out(self):
        """Probes wait for the first look of a process that is new."""
        self.wait_for_all(200)
        for _ in range(RELOADS):
            old = self.processes()
            self.stack.programs["handlers"].signal(signal.SIGHUP)
            while not self.processes().isdisjoint(old):
                answers = in_threads([self.probe] * CROWD)
                self.assertEqual([answer.status for answer in answers],
                                 [200] * CROWD)

    def test_not_with_a_full_redis(self):
        self.check_not_ready(("CONFIG", "SET", "maxmemory", 1),
                             ("CONFIG", "SET", "maxmemory", 0))

    def test_not_at_the_memory_mark(self):
        self.check_not_ready(lambda: self.set_memory(95),
                             ("CONFIG", "SET", "maxmemory", 0))

    def test_not_without_the_replicas_that_are_wanted(self):
        self.check_not_ready(("CONFIG", "SET", "min-replicas-to-write", 1),
                             ("CONFIG", "SET", "min-replicas-to-write", 0))

    def test_not_with_a_replica(self):
        self.check_not_ready(("REPLICAOF", "127.0.0.1", 1),
                             ("REPLICAOF", "NO", "ONE"))

    def test_not_with_any_partition_closed(self):
        self.wait_until(200)
        self.freeze(self.stack.programs["worker-0"].pid)
        key = f"wp:{{{MANY - 1}}}:gate"
        gate = self.redis("GET", key)
        self.addCleanup(self.redis, "SET", key, gate)
        self.redis("DEL", key)
        self.wait_for_all(503)
        # A process that looks at the other gates first is still ready.
        wait_for(lambda: b"reconciled" in self.probe().body, "why it is not")

        self.redis("SET", key, gate)
        self.wait_until(200)

    def test_many_probes_are_few_looks(self):
        self.wait_until(200)
        for name in ("worker-0", "websocket-0"):
            self.freeze(self.stack.programs[name].pid)
        self.redis("CONFIG", "RESETSTAT")
        begun = time.monotonic()
        for _ in range(PROBES):
            self.assert_status(self.probe(), 200)
        seconds = time.monotonic() - begun

        stats = self.redis("INFO", "commandstats").decode()
        found = re.search("cmdstat_get:calls=([0-9]+),", stats)
        gates = int(found[1]) if found else 0
        # Each of two processes once a second, and once for the fraction.
        self.assertLessEqual(gates, MANY * 2 * (int(seconds) + 1))
