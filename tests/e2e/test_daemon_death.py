"""One of two daemons dies or sleeps: who goes, who stays, who is told."""
import signal

from harness import PATIENCE_S, SLOWNESS, new_stack, wait_for
from test_faults import FaultTest

OFFLINE_WITHIN_S = 15


class DaemonDeath(FaultTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"push": {"enabled": True}}, websockets=2,
                         notifiers=0)

    def connections(self, user):
        """{incarnation: connections of the user there}"""
        found = {}
        with self.stack.redis() as redis:
            for key in redis("KEYS", "wp:*:online:" + user.urn):
                for name in redis("HKEYS", key):
                    one = name.decode().rsplit(".", 1)[0]
                    found[one] = found.get(one, 0) + 1
        return found

    def connect_to(self, user, daemon):
        """Past the web server, which would choose the daemon itself."""
        socket = self.connect(
            user, unix_path=self.stack.socket_path(daemon + ".sock"))
        socket.expect("connected")
        return socket

    def status(self, user):
        answer = user.call("GET", "/api/presence?users=" + user.urn)
        self.assert_status(answer, 200)
        return answer.json()["users"][0]["status"]

    def is_asked_for(self, user):
        """Is the user to be told that something waits?"""
        with self.stack.redis() as redis:
            return bool(redis("KEYS", "wp:*:notified:" + user.urn))

    def is_reaped(self, incarnation):
        with self.stack.redis() as redis:
            return not any(redis("HEXISTS", key, incarnation)
                           for key in redis("KEYS", "wp:*:live"))

    def recover(self, daemon):
        self.stack.restart(daemon)
        self.stack.wait_ready()

    def test_users_of_the_dead_go_and_are_notified_once_others_stay(self):
        alice = self.user()
        gone, idle, both = self.user("gone"), self.user("idle"), \
            self.user("both")
        self.connect_to(gone, "websocket-0")
        self.connect_to(idle, "websocket-0")
        self.connect_to(both, "websocket-0")
        stays = self.connect_to(both, "websocket-1")
        dead = self.incarnation("websocket-0")
        sent = [self.assert_accepted(alice.send(gone, b"%d" % n))
                for n in range(5)]
        kept = self.assert_accepted(alice.send(both))
        stays.expect("poke")
        self.assertEqual(self.message_ids(gone, 5), sent)
        self.assertFalse(self.is_asked_for(gone))

        self.stack.kill("websocket-0")

        def is_offline():
            self.assertEqual(self.status(both), "online")
            return self.status(gone) == self.status(idle) == "offline"
        wait_for(is_offline, "offline", OFFLINE_WITHIN_S * SLOWNESS)
        wait_for(lambda: self.is_cold(gone), "migration")
        wait_for(lambda: self.is_reaped(dead), "reaped")
        self.assertEqual(self.message_ids(gone, 5), sent)
        self.assertEqual(self.status(both), "online")
        self.assertEqual(self.connections(both),
                         {self.incarnation("websocket-1"): 1})
        self.assertFalse(self.is_cold(both))
        self.assertTrue(self.is_asked_for(gone))
        self.assertFalse(self.is_asked_for(idle))
        self.assertFalse(self.is_asked_for(both))

        newer = self.assert_accepted(alice.send(both))
        stays.expect("poke")
        self.assertEqual(self.message_ids(both, 2), [kept, newer])
        self.recover("websocket-0")

    def test_user_who_came_back_elsewhere_survives_the_reaping(self):
        bob = self.user()
        self.connect_to(bob, "websocket-0")
        dead = self.incarnation("websocket-0")
        self.stack.kill("websocket-0")
        again = self.connect_to(bob, "websocket-1")

        def is_reaped():
            self.assertEqual(self.status(bob), "online")
            return self.is_reaped(dead)
        wait_for(is_reaped, "reaped", 20 * SLOWNESS)

        self.assertEqual(self.status(bob), "online")
        self.assert_accepted(self.user().send(bob))
        again.expect("poke")
        self.assertFalse(self.is_asked_for(bob))
        self.recover("websocket-0")

    def test_late_goodbye_of_an_old_connection_changes_nothing(self):
        bob = self.user()
        old = self.connect_to(bob, "websocket-0")
        sleeper = self.stack.programs["websocket-0"]
        asleep = self.incarnation("websocket-0")
        sleeper.signal(signal.SIGSTOP)
        self.addCleanup(sleeper.signal, signal.SIGCONT)
        old.abort()
        again = self.connect_to(bob, "websocket-1")

        # It wakes up before anybody has missed it, and sees the end.
        sleeper.signal(signal.SIGCONT)
        wait_for(lambda: asleep not in self.connections(bob), "the goodbye")

        self.assertEqual(self.status(bob), "online")
        self.assert_accepted(self.user().send(bob))
        again.expect("poke", PATIENCE_S)
        self.assertFalse(self.is_cold(bob))
        self.assertFalse(self.is_asked_for(bob))
