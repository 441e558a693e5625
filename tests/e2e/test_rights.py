"""The Redis user as docs/operations.md has it is enough, and less is told."""
import os
import re

from harness import ROOT, E2eTest, new_stack, wait_for

PASSWORD = "the-password"


def documented_user():
    """The line of redis.conf that operators are given."""
    path = os.path.join(ROOT, "docs", "operations.md")
    with open(path, encoding="utf-8") as file:
        return re.search(r"^user waypost on .*$", file.read(),
                         re.MULTILINE).group(0)


class Rights(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack(
            {"redis": {"username": "waypost"}},
            redis_config=[documented_user()],
            program_env=lambda name: {"REDIS_PASSWORD": PASSWORD})

    def refused(self):
        """What was refused to the programs; their errors are in no answer."""
        with self.stack.redis() as redis:
            return redis("ACL", "LOG")

    def test_documented_rights_are_enough(self):
        bob, alice = self.user(), self.user()
        sockets = [self.connect(bob) for _ in range(21)]
        sockets[-1].expect("connected")
        self.assertEqual(sockets[0].wait_closed(), 4409)

        self.assert_accepted(alice.send(bob, headers={
            "Idempotency-Key": "k"}))
        sockets[-1].expect("poke")
        with self.stack.redis() as redis:
            redis("PUBLISH", "user_noti:" + bob.urn,
                  '{"type":"t","payload":1}')
        sockets[-1].expect("t")
        for socket in sockets:
            socket.abort()
        wait_for(lambda: self.is_cold(bob), "migration")
        self.wait_all_ready()
        self.assert_status(bob.ack(self.message_ids(bob, 1)), 204)
        self.assert_nothing_waits(bob)

        self.assertEqual(self.refused(), [])

    def test_without_channels_the_daemon_is_not_ready_and_says_what_it_needs(
            self):
        with self.stack.redis() as redis:
            redis("ACL", "SETUSER", "waypost", "resetchannels")

        wait_for(lambda: not self.stack.is_ready(), "not ready")
        wait_for(lambda: "&user_noti:*" in self.stack.read_log(
            "websocket-0"), "what is missing")
        self.assertIn("NOPERM", self.stack.read_log("websocket-0"))
        with self.stack.redis() as redis:
            redis("ACL", "SETUSER", "waypost", "&wp:*", "&user_noti:*")
            redis("ACL", "LOG", "RESET")
        self.stack.wait_ready()


class RightsOfTopics(E2eTest):
    """Whoever is subscribed to by a pattern needs that very pattern."""

    @classmethod
    def make_stack(cls):
        return new_stack(
            {"redis": {"username": "waypost"},
             "websocket": {"topics": ["project:{projectId}:{user}"]}},
            redis_config=[documented_user() + " &project:*:*"],
            program_env=lambda name: {"REDIS_PASSWORD": PASSWORD})

    def test_the_log_says_which(self):
        bob = self.user()
        client = self.connect(bob)
        client.expect("connected")
        with self.stack.redis() as redis:
            redis("PUBLISH", f"project:7:{bob.name}", '{"type":"t"}')
            client.expect("t")
            self.assertEqual(redis("ACL", "LOG"), [])
            redis("ACL", "SETUSER", "waypost", "resetchannels", "&wp:*",
                  "&user_noti:*", "&project:*")

            wait_for(lambda: "&wp:*, &user_noti:*, &project:*:*" in
                     self.stack.read_log("websocket-0"), "what is missing")
            redis("ACL", "SETUSER", "waypost", "&project:*:*")
        self.stack.wait_ready()
