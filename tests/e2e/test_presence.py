"""GET /api/presence: who is online, and what others may learn of it."""
import re

from harness import E2eTest, new_stack, wait_for


class Presence(E2eTest):
    def ask(self, caller, *users):
        answer = caller.call("GET", "/api/presence?users=" + ",".join(users))
        self.assert_status(answer, 200)
        self.assert_common_headers(answer)
        self.assertEqual(list(answer.json()), ["users"])
        return answer.json()["users"]

    def state(self, caller, user):
        return self.ask(caller, user.urn)[0]

    def test_online_exactly_while_a_connection_lives(self):
        alice, bob = self.user(), self.user()
        self.assertEqual(self.state(alice, bob),
                         {"user": bob.urn, "status": "offline"})

        first, second = self.connect(bob), self.connect(bob)
        first.expect("connected")
        second.expect("connected")
        self.assertEqual(self.state(alice, bob),
                         {"user": bob.urn, "status": "online"})
        first.close()
        self.assertEqual(self.state(alice, bob)["status"], "online")
        second.close()

        wait_for(lambda: self.state(alice, bob)["status"] == "offline",
                 "bob goes offline")

    def test_last_seen_is_told_to_the_minute(self):
        alice, bob = self.user(), self.user()
        with self.connect(bob) as socket:
            socket.expect("connected")

        wait_for(lambda: self.state(alice, bob)["status"] == "offline",
                 "bob goes offline")
        seen = self.state(alice, bob)["lastSeen"]
        self.assertIsNotNone(
            re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:00(\.0+)?Z$", seen), seen)

    def test_connections_are_told_about_oneself_only(self):
        bob = self.user()
        sockets = [self.connect(bob) for _ in range(3)]
        for socket in sockets:
            socket.expect("connected")

        own = self.state(bob, bob)

        self.assertEqual(own["status"], "online")
        connections = own["connections"]
        count = (connections if isinstance(connections, int)
                 else len(connections))
        self.assertEqual(count, 3)
        self.assertNotIn("connections", self.state(self.user(), bob))

    def test_unknown_user_is_just_offline(self):
        self.assertEqual(self.ask(self.user(), "nobody-ever"),
                         [{"user": "urn:sm:user:nobody-ever",
                           "status": "offline"}])

    def test_answers_come_in_order_with_canonical_names(self):
        names = [f"p{i}" for i in range(100)]

        users = self.ask(self.user(), *names)

        self.assertEqual([user["user"] for user in users],
                         ["urn:sm:user:" + name for name in names])

    def test_names_are_percent_decoded(self):
        bob = self.user()
        users = self.ask(self.user(), bob.urn.replace(":", "%3A"),
                         "urn%3asm%3auser%3aa%2Bb")

        self.assertEqual([user["user"] for user in users],
                         [bob.urn, "urn:sm:user:a+b"])

    def test_one_to_a_hundred_and_only_sound_names(self):
        alice = self.user()
        for query in ("", "?users=", "?users=,", "?users=a,,b", "?users=a:b",
                      "?users=a%20b", "?users=%zz", "?users=%00",
                      "?users=a&users=b", "?users=" + ",".join(["a"] * 101),
                      "?users=urn:sm:user:" + "x" * 250):
            with self.subTest(query[:30]):
                self.assert_error(
                    alice.call("GET", "/api/presence" + query), 400)

    def test_token_is_needed(self):
        self.assert_error(self.stack.http().request(
            "GET", "/api/presence?users=bob"), 401)


class Visibility(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"presence": {"visibility": "self"}})

    def test_only_oneself_may_be_asked_about(self):
        alice, bob = self.user(), self.user()

        own = alice.call("GET", "/api/presence?users=" + alice.name)
        self.assert_status(own, 200)
        for users in (bob.name, f"{alice.name},{bob.name}"):
            self.assert_error(
                alice.call("GET", "/api/presence?users=" + users), 403)


class NoVisibility(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"presence": {"visibility": "none"}})

    def test_nobody_may_ask_about_anybody(self):
        alice = self.user()
        for users in ("bob", alice.name):
            self.assert_error(
                alice.call("GET", "/api/presence?users=" + users), 403)
