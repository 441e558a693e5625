"""The clock of the Redis host is wrong, and workers come and go meanwhile.

Only the clock of Redis is set (stepped_clock.c): 40 days ahead, which is more
than the messages here live. None of them may go, in Redis or on disk, whatever
happens to workers until the clock is right again; and what has truly expired
goes all the time, which is how a test sees that sweeps were made.
"""
import os
import signal
import sqlite3
import subprocess
import sys
import time

from harness import ROOT, E2eTest, new_stack, scratch, wait_for

sys.path.append(os.path.join(ROOT, "tests", "fault"))

from clocks import Clocks  # noqa: E402

DAY_S = 86400
AHEAD_S = 40 * DAY_S
KEPT = 3
# Of what is to be seen stored, and to go: the next where that was too short.
LIVES_S = (2, 8, 32)


class Clock(E2eTest):
    @classmethod
    def make_stack(cls):
        build = os.environ.get("WAYPOST_E2E_BUILD",
                               os.path.join(ROOT, "build", "release"))
        cls.clocks = Clocks(os.path.join(build, "tests", "fault",
                                         "stepped_clock.so"), scratch())
        assert cls.clocks.are_there, "make builds stepped_clock.so"
        stack = new_stack(
            {"worker": {"sweep_interval_ms": 100}}, workers=2,
            program_env=lambda name: cls.clocks.env(name)
            if name == "redis" else {})
        stack.programs["worker-1"].stop()
        return stack

    def setUp(self):
        self.addCleanup(self.clocks.set, "redis", 0)
        wait_for(self.stack.is_ready, "ready")
        self.online, self.absent = self.user("online"), self.user("absent")
        self.connect(self.online).expect("connected")
        self.both = (self.online, self.absent)
        self.ids = {user: self.send(user, DAY_S, KEPT) for user in self.both}
        wait_for(lambda: self.is_cold(self.absent), "migration")
        self.assertEqual(self.left(), (KEPT, KEPT))

    # ---- what happens to messages ----

    def send(self, user, seconds, count=1):
        query = f"?expiresInSeconds={seconds}"
        return [self.assert_accepted(self.user().send(user, query=query))
                for _ in range(count)]

    def left(self):
        """What is stored: in hot queues of one, on disk of the other."""
        with self.stack.redis() as redis:
            hot = sum(redis("XLEN", key)
                      for key in redis("KEYS", "wp:*:hot:" + self.online.urn))
        database = sqlite3.connect(self.stack.path("waypost.db"))
        try:
            cold = database.execute("SELECT count(*) FROM msg WHERE urn = ?",
                                    (self.absent.urn,)).fetchone()[0]
        finally:
            database.close()
        return hot, cold

    def send_short_lived(self):
        """One for each; both have been seen stored."""
        for seconds in LIVES_S:
            for user in self.both:
                self.send(user, seconds)
            try:
                wait_for(lambda: self.left() == (KEPT + 1, KEPT + 1),
                         "all stored", seconds)
                return
            except AssertionError:
                self.see_it_expire("what was stored too late goes as well")
        self.fail(f"nothing is stored within {LIVES_S[-1]} s")

    def see_it_expire(self, what):
        wait_for(lambda: self.left() <= (KEPT, KEPT), what)
        self.assertEqual(self.left(), (KEPT, KEPT), what)

    def see_all_kept(self):
        for user in self.both:
            self.assertEqual(self.message_ids(user, KEPT), self.ids[user])

    def live_through(self, event):
        """The event, while the clock is wrong."""
        self.send_short_lived()
        self.clocks.set("redis", AHEAD_S)
        event()
        self.see_it_expire("sweeps go on by the time that passes")
        self.clocks.set("redis", 0)
        self.send_short_lived()
        self.see_it_expire("sweeps go on, and nobody has to say so")
        self.see_all_kept()

    # ---- events ----

    def test_nothing_happens(self):
        self.live_through(lambda: None)

    def test_a_reload(self):
        said = "settings reloaded"
        before = self.stack.read_log("worker-0").count(said)

        def reload():
            self.stack.programs["worker-0"].signal(signal.SIGHUP)
            wait_for(lambda: self.stack.read_log("worker-0").count(said) >
                     before, "the reload")
        self.live_through(reload)

    def test_a_stop_and_a_start(self):
        self.live_through(lambda: self.stack.restart("worker-0"))

    def test_a_kill_and_a_start(self):
        def kill():
            self.stack.kill("worker-0")
            self.stack.restart("worker-0")
        self.live_through(kill)

    def test_a_worker_that_began_after_the_jump_takes_over(self):
        def take_over():
            self.stack.programs["worker-1"].start()
            self.stack.kill("worker-0")
        self.live_through(take_over)
        self.stack.restart("worker-0")
        self.stack.programs["worker-1"].stop()

    def test_everything_starts_with_a_wrong_clock(self):
        """As a host does that boots with one."""
        names = ("worker-0", "redis")
        self.send_short_lived()
        for name in names:
            self.stack.kill(name)
        self.clocks.set("redis", AHEAD_S)
        for name in reversed(names):
            self.stack.restart(name)
        self.see_it_expire("sweeps go on by the time that passes")
        self.clocks.set("redis", 0)
        self.see_all_kept()

    # ---- what an operator says ----

    def confirm(self):
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "expire", "--confirm"],
            env=self.stack.base_env, capture_output=True, text=True,
            check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("by the clock of Redis", done.stdout)

    def delete_by_ms(self):
        """By what time all workers delete, as their record has it."""
        database = sqlite3.connect(self.stack.path("waypost.db"))
        try:
            text = database.execute("SELECT value FROM note "
                                    "WHERE name = 'clock'").fetchone()[0]
        finally:
            database.close()
        real_ms, skew_ms, skew_before_ms = map(int, text.split()[1:4])
        return real_ms + min(skew_ms, skew_before_ms)

    def test_a_confirmed_time_is_believed_once(self):
        self.clocks.set("redis", 2 * DAY_S)
        self.confirm()
        wait_for(lambda: self.left() == (0, 0), "what has expired is gone")

        # The clock goes back, and ahead again: that was not confirmed.
        self.clocks.set("redis", 0)
        wait_for(lambda: self.delete_by_ms() < (time.time() + DAY_S) * 1000,
                 "a worker has seen that it went back")
        for user in self.both:
            self.ids[user] = self.send(user, DAY_S, KEPT)
        wait_for(lambda: self.left() == (KEPT, KEPT), "all stored")
        self.live_through(lambda: self.stack.restart("worker-0"))
